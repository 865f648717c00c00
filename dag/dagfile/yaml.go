package dagfile

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// maxNesting bounds the recursion of the parser.
	maxNesting = 500
	// maxNodes bounds what aliases may multiply a file to.
	maxNodes = 2_000_000
	// maxFile bounds a file in bytes.
	maxFile = 16 << 20
)

// yamlReader turns the parser's tree into nodes. It goes on after problems.
type yamlReader struct {
	src     *source
	report  func(at pos, message, hint string)
	warn    func(at pos, message, hint string)
	anchors map[string]*node
	depth   int
}

// read parses a source of one document. It returns nil if there is nothing to go on
// with, and then has reported a problem or the source is empty.
func (y *yamlReader) read() *node {
	if at, deep := tooDeep(y.src.text); deep {
		y.report(y.offset(at), fmt.Sprintf("values are nested deeper than %d levels", maxNesting), "")
		return nil
	}
	file, err := parseYAML(y.src.text)
	if err != nil {
		at, message := y.syntax(err)
		message = strings.ReplaceAll(message, "\t", `\t`)
		y.report(at, "invalid YAML: "+message, yamlHint(message))
		return nil
	}
	var root *node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if _, ok := doc.Body.(*ast.DirectiveNode); ok {
			continue
		}
		if _, ok := doc.Body.(*ast.CommentGroupNode); ok {
			continue
		}
		if root != nil {
			y.report(y.at(doc.Body.GetToken()), "a second YAML document in the file", "a DAG file is one document: remove the `---` line")
			return nil
		}
		root = y.node(doc.Body)
	}
	return root
}

// parseYAML calls the parser; a panic inside it is an error of the file.
func parseYAML(text string) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser cannot read this text (%v)", r)
		}
	}()
	return parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
}

func (y *yamlReader) syntax(err error) (pos, string) {
	var syntax yaml.Error
	if errors.As(err, &syntax) && syntax.GetToken() != nil {
		return y.at(syntax.GetToken()), syntax.GetMessage()
	}
	return pos{src: y.src, line: 1, column: 1}, err.Error()
}

func yamlHint(message string) string {
	if strings.Contains(message, "\\t") || strings.Contains(message, "tab") {
		return "indent with spaces"
	}
	return ""
}

func (y *yamlReader) at(t *token.Token) pos {
	if t == nil || t.Position == nil {
		return pos{src: y.src, line: 1, column: 1}
	}
	return pos{src: y.src, line: int32(t.Position.Line), column: int32(t.Position.Column)}
}

func (y *yamlReader) offset(at int) pos {
	before := y.src.text[:at]
	line := strings.Count(before, "\n")
	return pos{src: y.src, line: int32(line + 1), column: int32(at - strings.LastIndexByte(before, '\n'))}
}

// tooDeep finds nesting that would exhaust the parser's stack: brackets, "- - -", and
// indentation.
func tooDeep(text string) (int, bool) {
	flow, dashes := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '[', '{':
			flow++
		case ']', '}':
			flow = max(0, flow-1)
		case '-', '?', ':':
			dashes++
		case ' ':
		case '\n':
			dashes = 0
		default:
			dashes = 0
		}
		if flow > maxNesting || dashes > maxNesting && text[i] != '-' {
			return i, true
		}
	}
	return 0, false
}

func (y *yamlReader) node(n ast.Node) *node {
	y.depth++
	defer func() { y.depth-- }()
	if y.depth > 2*maxNesting {
		y.report(y.at(n.GetToken()), "values are nested too deep", "")
		return &node{at: y.at(n.GetToken()), size: 1}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		return y.mapping(n, n.Values)
	case *ast.MappingValueNode:
		return y.mapping(n, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		list := make([]*node, len(n.Values))
		for i, v := range n.Values {
			list[i] = y.node(v)
		}
		return y.bounded(newList(y.at(n.Start), list))
	case *ast.AnchorNode:
		v := y.node(n.Value)
		if y.anchors == nil {
			y.anchors = make(map[string]*node)
		}
		y.anchors[n.Name.GetToken().Value] = v
		return v
	case *ast.AliasNode:
		return y.alias(n)
	case *ast.TagNode:
		return y.tagged(n)
	case *ast.MappingKeyNode:
		return y.node(n.Value)
	case nil:
		return &node{at: pos{src: y.src, line: 1, column: 1}, size: 1}
	default:
		return y.scalar(n)
	}
}

func (y *yamlReader) bounded(n *node) *node {
	if n.size > maxNodes {
		y.report(n.at, fmt.Sprintf("aliases multiply this to more than %d values", maxNodes), "")
		return &node{at: n.at, size: 1}
	}
	return n
}

func (y *yamlReader) alias(n *ast.AliasNode) *node {
	at := y.at(n.Start)
	name := ""
	if n.Value != nil {
		name = n.Value.GetToken().Value
	}
	if v, ok := y.anchors[name]; ok {
		return v
	}
	names := make([]string, 0, len(y.anchors))
	for a := range y.anchors {
		names = append(names, a)
	}
	y.report(at, fmt.Sprintf("alias `*%s` has no anchor `&%s` before it", name, name), cmp.Or(didYouMean(name, names), "put a text that begins with * in quotes"))
	return &node{at: at, size: 1}
}

func (y *yamlReader) scalar(n ast.Node) *node {
	t := n.GetToken()
	out := &node{at: y.at(t), kind: kindText, size: 1}
	switch n := n.(type) {
	case *ast.LiteralNode:
		out.at = y.at(n.Start)
		out.text = n.Value.Value
		return out
	case *ast.StringNode:
		out.text = n.Value
		if t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType {
			return out
		}
		if strings.Contains(strings.TrimSpace(t.Origin), "\t") {
			y.report(out.at, "a tab inside a text without quotes", "put the text in quotes")
		}
	case *ast.NullNode:
		out.kind = kindNull
		if t.Type == token.NullType {
			out.text = t.Value
		}
		return out
	default:
		out.text = t.Value
	}
	out.kind, out.val = resolvePlain(out.text)
	return out
}

// mapping builds a dict as PyYAML does: what "<<" merges comes first, a key that comes
// again replaces the value where it was.
func (y *yamlReader) mapping(n ast.Node, values []*ast.MappingValueNode) *node {
	var at pos
	if m, ok := n.(*ast.MappingNode); ok && m.IsFlowStyle {
		at = y.at(m.Start)
	} else if len(values) > 0 {
		at = y.at(values[0].Key.GetToken())
	} else {
		at = y.at(n.GetToken())
	}
	own := &dict{entries: make([]entry, 0, len(values))}
	var merged []*node
	for _, v := range values {
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, y.merged(v)...)
			continue
		}
		key := y.key(v.Key)
		if own.set(key, y.node(v.Value)) {
			y.warn(key.at, fmt.Sprintf("the key `%s` is there twice: the last one counts", key.text), "remove one of them")
		}
	}
	if len(merged) > 0 {
		all := &dict{}
		for _, m := range merged {
			for _, e := range m.dict.entries {
				all.set(e.key, e.val)
			}
		}
		for _, e := range own.entries {
			all.set(e.key, e.val)
		}
		own = all
	}
	return y.bounded(y.object(newDict(at, own)))
}

// merged returns the mappings of a "<<" key, the weakest first.
func (y *yamlReader) merged(v *ast.MappingValueNode) []*node {
	m := y.node(v.Value)
	list := []*node{m}
	if m.kind == kindList {
		list = nil
		for i := len(m.list) - 1; i >= 0; i-- {
			list = append(list, m.list[i])
		}
	}
	for i, e := range list {
		switch {
		case e.kind == kindObject && e.raw != nil:
			list[i] = newDict(e.at, e.raw)
		case e.kind != kindDict:
			y.report(e.at, fmt.Sprintf("`<<` merges mappings, not %s", e.describe()), "")
			return nil
		}
	}
	return list
}

func (y *yamlReader) key(k ast.MapKeyNode) *node {
	var n ast.Node = k
	if mk, ok := k.(*ast.MappingKeyNode); ok {
		n = mk.Value
	}
	key := y.node(n)
	switch key.kind {
	case kindText:
		return key
	case kindList, kindDict, kindObject:
		y.report(key.at, fmt.Sprintf("%s cannot be a key", key.describe()), "")
		return newText(key.at, "")
	}
	// A copy, because its text changes to what Python prints.
	out := *key
	out.text = pythonText(&out)
	return &out
}

func (y *yamlReader) tagged(n *ast.TagNode) *node {
	at := y.at(n.Start)
	tag := n.Start.Value
	var v *node
	if n.Value == nil {
		v = &node{at: at, size: 1}
	} else {
		v = y.node(n.Value)
	}
	text := v.text
	fault := func() *node {
		y.report(at, fmt.Sprintf("%s is not a value of the tag `%s`", v.describe(), tag), "")
		return v
	}
	switch tag {
	case "!!str", "!":
		if v.kind >= kindList {
			return fault()
		}
		return newText(at, text)
	case "!!int", "!!float", "!!bool", "!!null", "!!timestamp":
		want := map[string]kind{"!!int": kindInt, "!!float": kindFloat, "!!bool": kindBool, "!!null": kindNull, "!!timestamp": kindTime}[tag]
		out := &node{at: at, text: text, size: 1}
		out.kind, out.val = resolvePlain(text)
		if i, ok := out.val.(int64); ok && want == kindFloat {
			out.kind, out.val = kindFloat, float64(i)
		}
		if v.kind >= kindList || out.kind != want {
			return fault()
		}
		return out
	case "!!map", "!!omap":
		if v.kind != kindDict && v.kind != kindObject {
			return fault()
		}
		return v
	case "!!seq", "!!python/tuple", "!!python/list":
		if v.kind != kindList {
			return fault()
		}
		return v
	}
	hint := "remove the tag"
	if name, ok := strings.CutPrefix(tag, "!!python/name:"); ok {
		hint = fmt.Sprintf("write the import path as a text: %s", name)
	}
	y.report(at, fmt.Sprintf("the YAML tag `%s` is not supported", tag), hint)
	return v
}
