package deploycheck

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Template is a template of SAM as it is written: maps, lists and texts, where !Ref X is
// the map {"Ref": X} and !Sub X {"Fn::Sub": X}.
type Template struct {
	// Text is the file.
	Text string
	tree map[string]any
}

// ReadTemplate reads a template from a file.
func ReadTemplate(path string) (*Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	return ParseTemplate(string(text))
}

// ParseTemplate reads a template.
func ParseTemplate(text string) (*Template, error) {
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	if len(file.Docs) != 1 {
		return nil, fmt.Errorf("read the template: %d documents, a template is one", len(file.Docs))
	}
	d := decoder{anchors: map[string]any{}}
	tree, ok := d.value(file.Docs[0].Body).(map[string]any)
	if !ok {
		return nil, errors.New("read the template: it is no map")
	}
	return &Template{Text: text, tree: tree}, nil
}

// decoder makes values of nodes.
type decoder struct{ anchors map[string]any }

func (d *decoder) value(n ast.Node) any {
	switch n := n.(type) {
	case *ast.MappingNode:
		out := map[string]any{}
		for _, v := range n.Values {
			out[scalar(v.Key)] = d.value(v.Value)
		}
		return out
	case *ast.MappingValueNode:
		return map[string]any{scalar(n.Key): d.value(n.Value)}
	case *ast.SequenceNode:
		out := make([]any, len(n.Values))
		for i, v := range n.Values {
			out[i] = d.value(v)
		}
		return out
	case *ast.TagNode:
		return tagged(strings.TrimPrefix(n.Start.Value, "!"), d.value(n.Value))
	case *ast.AnchorNode:
		v := d.value(n.Value)
		d.anchors[n.Name.String()] = v
		return v
	case *ast.AliasNode:
		return d.anchors[n.Value.String()]
	case *ast.LiteralNode:
		return n.Value.Value
	case ast.ScalarNode:
		return scalar(n)
	}
	return nil
}

// scalar is a key or value as text: to CloudFormation, numbers and truths are texts, too.
func scalar(n ast.MapKeyNode) string {
	if s, ok := n.(ast.ScalarNode); ok {
		return fmt.Sprint(s.GetValue())
	}
	return n.String()
}

// tagged is a short form of an intrinsic function in its long form.
func tagged(tag string, v any) any {
	switch tag {
	case "Ref", "Condition":
		return map[string]any{tag: v}
	case "GetAtt":
		if s, ok := v.(string); ok {
			name, attr, _ := strings.Cut(s, ".")
			v = []any{name, attr}
		}
	}
	return map[string]any{"Fn::" + tag: v}
}
