package template

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/updraft-dev/updraft/jinja/py"
)

// What a plain scalar of YAML 1.1 is, as PyYAML decides it.
var (
	yamlBool = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	})
	yamlFloat = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	})
	yamlInt = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$`)
	})
	yamlNull = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:~|null|Null|NULL|)$`) })
	// yamlOdd are numbers to the base of 60, dates, and the words of merging.
	yamlOdd = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9].*)?|<<|=)$`)
	})
	// yamlPlain are the texts that are surely written without quotes, and yamlQuotable those that single
	// quotes are enough for.
	yamlPlain = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_./(+$^;~\\<=-](?:[A-Za-z0-9_./()+$^;~@%&*=|<>"'!?,\\-]| [A-Za-z0-9_./()+$^;~@%&*=|<>"'!?,\\-]|:[A-Za-z0-9_./()+$^;~@%&*=|<>-])*$`)
	})
	yamlQuotable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[!-~](?: ?[!-~])*$|^$`) })
)

const (
	// maxYAML bounds what safe_load reads, in bytes.
	maxYAML = 1 << 20
	// maxYAMLDepth bounds the recursion of the parser.
	maxYAMLDepth = 100
	// yamlWidth is where PyYAML begins to break lines.
	yamlWidth = 80
)

// yamlModule is the part of PyYAML that templates may use.
func yamlModule() map[string]py.Value {
	load := func(th *py.Thread, a []py.Value) (py.Value, error) {
		s, ok := py.IsString(a[0])
		if !ok {
			return nil, py.TypeError("safe_load() needs a str, not %s", py.TypeOf(a[0]).Name)
		}
		return loadYAML(th, s)
	}
	dump := func(th *py.Thread, a []py.Value) (py.Value, error) {
		if flow, err := py.Truth(th, py.Or(a[1], false)); err != nil || flow {
			return nil, errors.Join(err, unsupportedYAML("dump with default_flow_style"))
		}
		sorted, err := py.Truth(th, py.Or(a[2], true))
		if err != nil {
			return nil, err
		}
		w := yamlWriter{th: th, sorted: sorted, seen: map[py.Value]bool{}}
		if err := w.document(a[0]); err != nil {
			return nil, err
		}
		return w.b.String(), nil
	}
	return map[string]py.Value{
		"safe_load": function("safe_load", load, "stream"),
		"dump":      function("dump", dump, "data", "*", "default_flow_style?", "sort_keys?"),
		"safe_dump": function("safe_dump", dump, "data", "*", "default_flow_style?", "sort_keys?"),
	}
}

func unsupportedYAML(what string) error {
	return fmt.Errorf("macros.yaml: %s is not supported in templates", what)
}

func loadYAML(th *py.Thread, text string) (py.Value, error) {
	if len(text) > maxYAML {
		return nil, fmt.Errorf("macros.yaml.safe_load: the text has %d bytes; the limit is %d", len(text), maxYAML)
	}
	// Nesting costs at least one of these signs a level, or indentation.
	if strings.Count(text, "[")+strings.Count(text, "{") > maxYAMLDepth*maxYAMLDepth || deepYAML(text) {
		return nil, unsupportedYAML(fmt.Sprintf("nesting deeper than %d", maxYAMLDepth))
	}
	if err := th.Alloc(32 * len(text)); err != nil {
		return nil, err
	}
	file, err := parseYAML(text)
	if err != nil {
		return nil, py.Errorf("yaml.scanner.ScannerError", "%s", err)
	}
	var root ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && root != nil {
			return nil, unsupportedYAML("a second document")
		}
		if doc.Body != nil {
			root = doc.Body
		}
	}
	if root == nil {
		return nil, nil
	}
	return yamlValue(th, root)
}

// deepYAML says that text nests deeper than the parser should recurse.
func deepYAML(text string) bool {
	flow, signs := 0, 0
	for _, c := range []byte(text) {
		switch c {
		case '[', '{':
			flow++
		case ']', '}':
			flow = max(0, flow-1)
		case '-', '?', ':':
			signs++
		case ' ':
		default:
			signs = 0
		}
		if flow > maxYAMLDepth || signs > maxYAMLDepth {
			return true
		}
	}
	return false
}

// parseYAML calls the parser; a panic inside it is an error of the text.
func parseYAML(text string) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser cannot read this text (%v)", r)
		}
	}()
	return parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
}

func yamlValue(th *py.Thread, n ast.Node) (py.Value, error) {
	if err := th.Enter(); err != nil {
		return nil, err
	}
	defer th.Leave()
	switch n := n.(type) {
	case *ast.MappingNode:
		return yamlDict(th, n.Values)
	case *ast.MappingValueNode:
		return yamlDict(th, []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out := py.NewList()
		for _, e := range n.Values {
			v, err := yamlValue(th, e)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, v)
		}
		return out, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.StringNode:
		if t := n.GetToken().Type; t == token.SingleQuoteType || t == token.DoubleQuoteType {
			return n.Value, nil
		}
		return yamlScalar(th, n.Value)
	case *ast.NullNode:
		return nil, nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode, *ast.MappingKeyNode, *ast.DirectiveNode, nil:
		return nil, unsupportedYAML("what is not a plain mapping, list or scalar (anchors, tags, merging)")
	}
	return yamlScalar(th, n.GetToken().Value)
}

func yamlDict(th *py.Thread, values []*ast.MappingValueNode) (py.Value, error) {
	d := py.NewDict()
	for _, e := range values {
		k, err := yamlValue(th, e.Key)
		if err != nil {
			return nil, err
		}
		v, err := yamlValue(th, e.Value)
		if err != nil {
			return nil, err
		}
		if err := d.Set(k, v); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// yamlScalar is the value of a text without quotes.
func yamlScalar(th *py.Thread, s string) (py.Value, error) {
	digits := strings.ReplaceAll(s, "_", "")
	switch {
	case yamlNull().MatchString(s):
		return nil, nil
	case yamlBool().MatchString(s):
		c := strings.ToLower(s)
		return c == "yes" || c == "true" || c == "on", nil
	case yamlOdd().MatchString(s):
		return nil, unsupportedYAML(fmt.Sprintf("the value %s", s))
	case yamlInt().MatchString(s):
		return yamlInteger(digits)
	case yamlFloat().MatchString(s):
		return py.Float(th, strings.Replace(digits, ".", "", strings.Count(strings.ToLower(digits), ".inf")+strings.Count(strings.ToLower(digits), ".nan")))
	}
	return s, nil
}

func yamlInteger(s string) (py.Value, error) {
	body := strings.TrimLeft(s, "+-")
	base := 10
	switch {
	case strings.HasPrefix(body, "0b"):
		base, body = 2, body[2:]
	case strings.HasPrefix(body, "0x"):
		base, body = 16, body[2:]
	case len(body) > 1 && body[0] == '0':
		base = 8
	}
	if s[0] == '-' {
		body = "-" + body
	}
	return py.ParseInt(body, base, false)
}

// yamlWriter writes what yaml.dump writes, in block style. What it cannot write as PyYAML does is an error.
type yamlWriter struct {
	th     *py.Thread
	sorted bool
	seen   map[py.Value]bool
	b      strings.Builder
}

func (w *yamlWriter) document(v py.Value) error {
	if empty, isContainer := emptyContainer(v); isContainer && !empty {
		return w.block(v, 0)
	}
	s, err := w.scalar(v, 0)
	if err != nil {
		return err
	}
	w.b.WriteString(s + "\n")
	if !strings.ContainsAny(s[:1], "'[{") {
		w.b.WriteString("...\n")
	}
	return nil
}

func emptyContainer(v py.Value) (empty, isContainer bool) {
	switch v := v.(type) {
	case *py.List:
		return len(v.Items) == 0, true
	case *py.Dict:
		return v.Count() == 0, true
	}
	return false, false
}

// block writes a list or dict that is not empty; the line it begins on is indented already.
func (w *yamlWriter) block(v py.Value, indent int) error {
	if err := w.th.Enter(); err != nil {
		return err
	}
	defer w.th.Leave()
	if w.seen[v] {
		return unsupportedYAML("dump of a list or dict that is there twice")
	}
	w.seen[v] = true
	pad := strings.Repeat(" ", indent)
	if list, ok := v.(*py.List); ok {
		for i, e := range list.Items {
			if i > 0 {
				w.b.WriteString(pad)
			}
			w.b.WriteString("-")
			if err := w.entry(e, indent+2, " "); err != nil {
				return err
			}
		}
		return nil
	}
	d, _ := v.(*py.Dict)
	keys := d.Keys()
	if w.sorted {
		if err := py.Sort(w.th, keys, false, func(v py.Value) (py.Value, error) { return v, nil }); err != nil {
			return err
		}
	}
	for i, k := range keys {
		name, err := w.scalar(k, indent)
		if err != nil {
			return err
		}
		if i > 0 {
			w.b.WriteString(pad)
		}
		w.b.WriteString(name + ":")
		e, _, err := d.Get(k)
		if err != nil {
			return err
		}
		below, gap := indent+2, "\n"+strings.Repeat(" ", indent+2)
		if _, ok := e.(*py.List); ok { // lists are not indented
			below, gap = indent, "\n"+pad
		}
		if err := w.entry(e, below, gap); err != nil {
			return err
		}
	}
	return nil
}

// entry writes a value after "-" or ":"; gap comes before a container.
func (w *yamlWriter) entry(v py.Value, indent int, gap string) error {
	if empty, isContainer := emptyContainer(v); isContainer && !empty {
		w.b.WriteString(gap)
		return w.block(v, indent)
	}
	s, err := w.scalar(v, indent)
	if err != nil {
		return err
	}
	w.b.WriteString(" " + s + "\n")
	return w.th.Alloc(len(s) + indent)
}

func (w *yamlWriter) scalar(v py.Value, column int) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case bool:
		return map[bool]string{true: "true", false: "false"}[v], nil
	case float64:
		return yamlNumber(v), nil
	case string:
		return yamlText(v, column)
	case *py.List:
		return "[]", nil
	case *py.Dict:
		return "{}", nil
	}
	if n, ok := py.AsInt(v); ok {
		return fmt.Sprint(n), nil
	}
	return "", unsupportedYAML("dump of an object of class " + py.TypeOf(v).QualName())
}

func yamlNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 0):
		return strings.Replace(py.FloatRepr(f), "inf", ".inf", 1)
	}
	s := py.FloatRepr(f)
	if !strings.Contains(s, ".") {
		s = strings.Replace(s, "e", ".0e", 1)
	}
	return s
}

func yamlText(s string, column int) (string, error) {
	if strings.Contains(s, " ") && column+len(s) > yamlWidth-4 || len(s) > 120 {
		return "", unsupportedYAML("dump of a text so long that its line is broken")
	}
	resolves := yamlNull().MatchString(s) || yamlBool().MatchString(s) || yamlInt().MatchString(s) || yamlFloat().MatchString(s) || yamlOdd().MatchString(s)
	switch {
	case yamlPlain().MatchString(s) && !resolves && s != "-" && s != "---" && s != "..." && !strings.HasPrefix(s, "- ") && !strings.HasPrefix(s, "---"):
		return s, nil
	case yamlQuotable().MatchString(s):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'", nil
	}
	return "", unsupportedYAML("dump of a text with line breaks, double blanks or characters beyond ASCII")
}
