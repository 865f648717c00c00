package dagfiletest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

// ComparePython is Compare for a DAG that a Python file made.
func ComparePython(recorded map[string]any, d *dag.DAG) []string {
	c := &comparison{want: object(recorded["dag"]), d: d, python: true}
	return c.compare()
}

// reference is a recorded reference to outputs, in words.
func reference(ref map[string]any) string {
	kind, _ := ref["type"].(string)
	if kind == "" {
		return fmt.Sprintf("<output %v %v>", ref["task_id"], ref["key"])
	}
	var parts []string
	args, ok := ref["args"].([]any)
	if !ok {
		args = []any{ref["arg"]}
	}
	for _, a := range args {
		parts = append(parts, reference(object(a)))
	}
	text := "<" + kind + " " + strings.Join(parts, " ")
	if callables, ok := ref["callables"].([]any); ok {
		text += fmt.Sprintf(" by %d", len(callables))
	}
	if fill, ok := ref["fillvalue"]; ok && object(fill)["__type"] != "arg_not_set" {
		text += fmt.Sprintf(" or %v", fill)
	}
	return text + ">"
}

// derived is reference for what was loaded.
func derived(v any) string {
	switch v := v.(type) {
	case dag.XComRef:
		return fmt.Sprint(value(v))
	case dag.Derived:
		var parts []string
		for _, of := range v.Of {
			parts = append(parts, derived(of))
		}
		text := "<" + string(v.Kind) + " " + strings.Join(parts, " ")
		if v.Kind == dag.DerivedMap {
			text += fmt.Sprintf(" by %d", len(v.Callables))
		}
		if v.Filled {
			text += fmt.Sprintf(" or %v", v.Fill)
		}
		return text + ">"
	}
	return fmt.Sprint(v)
}

var (
	// madeModule is the name under which a DAG file is executed: a hash of its path is in it.
	madeModule = regexp.MustCompile(`unusual_prefix_[0-9a-f]{40}_`)
	// groupArgument is how an argument of a mapped group is recorded.
	groupArgument = regexp.MustCompile(`^MappedArgument\(_input=.*, _key='([^']*)'\)$`)
)

// class is the class of a task, which an operator of the author's own has beside.
func class(t *dag.Task) string {
	if own, ok := t.Args["class"].(string); ok && strings.HasPrefix(t.Operator, "updraft.") {
		return madeModule.ReplaceAllString(own, "")
	}
	return t.Operator
}

// computed says that an argument is made by the operator itself: in Airflow when the DAG
// is loaded, here when the task runs.
func (c *comparison) computed(t *dag.Task, name string) bool {
	switch t.Operator[strings.LastIndexByte(t.Operator, '.')+1:] {
	case "SQLColumnCheckOperator", "SQLTableCheckOperator":
		return c.python && name == "sql"
	case "ExternalTaskMarker":
		return c.python && name == "logical_date"
	}
	return false
}

// argument is an argument of a task; an operator of the author's own has its template
// fields in one.
func argument(t *dag.Task, name string) (v any, given bool) {
	if fields, ok := t.Args["fields"].(map[string]any); ok {
		v, given = fields[name]
		return v, given
	}
	v, given = t.Args[name]
	return v, given
}

// offset is a recorded time zone: a name, or an offset in seconds.
func offset(zone any) any {
	seconds, ok := zone.(float64)
	if !ok {
		return zone
	}
	sign, n := "+", int(seconds)
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%02d:%02d", sign, n/3600, n/60%60)
}
