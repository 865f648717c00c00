package dagfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// builtins are the functions of Python's builtins that a file may call.
func builtins() []string {
	return []string{"bool", "dict", "float", "int", "len", "list", "max", "min", "set", "sorted", "str", "sum", "tuple"}
}

// builtin computes a call of one of them.
func (y *yamlReader) builtin(n *node) *node {
	name := last(n.text)
	fail := func(format string, args ...any) *node {
		y.report(n.at, fmt.Sprintf("%s: ", n.text)+fmt.Sprintf(format, args...), "")
		return &node{at: n.at, size: 1}
	}
	args := n.list
	if items := n.dict.get("items"); items != nil {
		args = []*node{items}
	} else if name == "dict" && len(args) == 0 {
		return newDict(n.at, n.dict)
	} else if len(n.dict.entries) > 0 {
		return fail("unknown argument `%s`", n.dict.entries[0].name())
	}
	switch name {
	case "list", "tuple", "set", "sorted", "max", "min", "sum", "len":
		if len(args) == 1 && args[0].kind == kindList {
			args = args[0].list
		} else if len(args) == 1 && !(name == "max" || name == "min") {
			return fail("needs a list, not %s", args[0].describe())
		}
		return y.ofList(n, name, args, fail)
	case "dict":
		if len(args) == 1 && args[0].kind == kindDict {
			return args[0]
		}
		return fail("needs keyword arguments or a mapping")
	}
	if len(args) != 1 {
		return fail("needs one argument, has %d", len(args))
	}
	return convert(n, name, args[0], fail)
}

func convert(n *node, name string, arg *node, fail func(string, ...any) *node) *node {
	text := strings.ReplaceAll(strings.TrimSpace(pythonText(arg)), "_", "")
	if arg.kind == kindBool {
		text = map[bool]string{true: "1", false: "0"}[arg.val.(bool)]
	}
	out := &node{at: n.at, size: 1}
	switch name {
	case "str":
		if arg.kind >= kindList {
			return fail("str of %s is not supported", arg.describe())
		}
		return newText(n.at, pythonText(arg))
	case "bool":
		out.kind, out.val = kindBool, truthy(arg)
		out.text = strings.ToLower(pythonText(out))
		return out
	case "int":
		if f, ok := arg.val.(float64); ok {
			text = strconv.FormatInt(int64(f), 10)
		}
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fail("%s is no whole number", arg.describe())
		}
		out.kind, out.val = kindInt, i
	default: // float
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || arg.kind >= kindTime {
			return fail("%s is no number", arg.describe())
		}
		out.kind, out.val = kindFloat, f
	}
	out.text = pythonText(out)
	return out
}

func truthy(n *node) bool {
	switch n.kind {
	case kindNull:
		return false
	case kindBool:
		return n.val.(bool)
	case kindInt:
		return n.val.(int64) != 0
	case kindFloat:
		return n.val.(float64) != 0
	case kindText:
		return n.text != ""
	case kindList:
		return len(n.list) > 0
	case kindDict:
		return len(n.dict.entries) > 0
	default:
		return true
	}
}

func (y *yamlReader) ofList(n *node, name string, args []*node, fail func(string, ...any) *node) *node {
	switch name {
	case "list", "tuple", "set":
		return newList(n.at, args)
	case "len":
		return &node{at: n.at, kind: kindInt, val: int64(len(args)), text: strconv.Itoa(len(args)), size: 1}
	}
	for _, a := range args {
		if a.kind != kindText && a.kind != kindInt && a.kind != kindFloat || (a.kind == kindText) != (args[0].kind == kindText) {
			return fail("needs numbers or texts, not %s", a.describe())
		}
	}
	number := func(v *node) float64 {
		if i, ok := v.val.(int64); ok {
			return float64(i)
		}
		f, _ := v.val.(float64)
		return f
	}
	order := func(a, b *node) int {
		if a.kind == kindText {
			return strings.Compare(a.text, b.text)
		}
		return int(min(1, max(-1, number(a)-number(b))*2))
	}
	switch {
	case name == "sorted":
		return newList(n.at, slices.SortedStableFunc(slices.Values(args), order))
	case name == "sum":
		return sum(n, args, fail)
	case len(args) == 0:
		return fail("of nothing")
	case name == "max":
		return slices.MaxFunc(args, order)
	default:
		return slices.MinFunc(args, order)
	}
}

func sum(n *node, args []*node, fail func(string, ...any) *node) *node {
	whole, total, exact := int64(0), 0.0, true
	for _, a := range args {
		switch v := a.val.(type) {
		case int64:
			whole += v
			total += float64(v)
		case float64:
			exact = false
			total += v
		default:
			return fail("needs numbers, not %s", a.describe())
		}
	}
	out := &node{at: n.at, kind: kindFloat, val: total, size: 1}
	if exact {
		out.kind, out.val = kindInt, whole
	}
	out.text = pythonText(out)
	return out
}
