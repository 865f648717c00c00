package pyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/python"
)

// answer is what the parser says of one file.
type answer struct {
	c Config
	// file is the file's absolute path, path the one in the folder.
	file, path string
	src        []byte
	parsed     *python.Parsed
}

// dags are the DAGs, or everything that is wrong with them.
func (a *answer) dags() (out []*dag.DAG, faults []dagfile.Problem) {
	for i, raw := range a.parsed.DAGs {
		d, err := dag.Decode(raw)
		if err != nil {
			faults = append(faults, a.undecoded(named(raw, i), err))
			continue
		}
		d.File, d.Compat = a.path, a.parsed.Compat
		if filepath.IsAbs(a.path) {
			placed(a.c.Folder, d)
		}
		faults = append(faults, a.check(d)...)
		out = append(out, d)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return out, nil
}

// firm says that the file's fault is in the file, or in a module that it imports: not in
// what is installed, in the environment, or in how busy the machine was.
func (a *answer) firm() bool {
	e := a.parsed.Error
	if e == nil || len(e.Missing) > 0 {
		return true
	}
	switch e.Type[strings.LastIndexByte(e.Type, '.')+1:] {
	case "SyntaxError", "IndentationError", "TabError", "AirflowDagCycleException", "DuplicateTaskIdFound", "AirflowTimetableInvalid":
		return true
	}
	return false
}

// undecoded is the problem of a DAG whose JSON does not fit: Python accepts more than Go,
// such as a number of any size.
func (a *answer) undecoded(id string, err error) dagfile.Problem {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		kind := "a text"
		switch wrong.Type.Kind() {
		case reflect.Int, reflect.Int64:
			kind = "a whole number below 2^63"
		case reflect.Float64:
			kind = "a number"
		case reflect.Bool:
			kind = "True or False"
		}
		return a.problem(id, "", fmt.Sprintf("%s cannot be a %s", wrong.Field, wrong.Value), "use "+kind)
	}
	return a.problem(id, "", "cannot be understood: "+err.Error(), "this is a fault of Updraft's: please report it")
}

// named is the id of a DAG that cannot be decoded.
func named(raw json.RawMessage, i int) string {
	var d struct {
		ID string `json:"dag_id"`
	}
	if json.Unmarshal(raw, &d) != nil || d.ID == "" {
		return fmt.Sprintf("number %d", i+1)
	}
	return d.ID
}

// check completes a DAG by what the catalog knows, and says what is wrong with it.
func (a *answer) check(d *dag.DAG) (faults []dagfile.Problem) {
	add := func(task, format string, args ...any) {
		faults = append(faults, a.problem(d.ID, task, fmt.Sprintf(format, args...), ""))
	}
	for _, t := range d.Tasks {
		spec := a.c.Catalog.Lookup(t.Operator)
		if spec == nil {
			add(t.ID, "the operator %s is not known", t.Operator)
			continue
		}
		t.Operator = spec.Class
		t.Inert = spec.Kind == dag.OperatorInert && len(t.OnExecute)+len(t.OnSuccess)+len(t.Outlets) == 0
		t.Reschedule = (spec.Kind == dag.OperatorSensor || t.Args["kind"] == "sensor") && t.Args["mode"] == "reschedule"
	}
	for _, err := range each(dag.Validate(d)) {
		var f *dag.Fault
		switch {
		case errors.As(err, &f) && f.Field != "":
			add(f.Task, "%s: %s", f.Field, f.Problem)
		case errors.As(err, &f):
			add(f.Task, "%s", f.Problem)
		default:
			add("", "%v", err)
		}
	}
	if a.c.CheckSchedule != nil {
		if err := a.c.CheckSchedule(d.Schedule); err != nil {
			add("", "schedule: %v", err)
		}
	}
	return faults
}

// each are the errors that were joined.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // not what is wrapped inside
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// problem is one about a DAG or task; Python does not say where these are.
func (a *answer) problem(dagID, task, message, hint string) dagfile.Problem {
	return dagfile.Problem{File: a.file, DAG: dagID, Task: task, Message: message, Hint: hint}
}

// warnings are what the file's author should know.
func (a *answer) warnings() []dagfile.Problem {
	var out []dagfile.Problem
	for _, w := range a.parsed.Warnings {
		out = append(out, dagfile.Problem{
			File: a.file, Line: max(w.Line, 1), Column: 1, Message: w.Category + ": " + oneLine(w.Message), Excerpt: a.excerpt(a.file, w.Line),
		})
	}
	return out
}

// excerpt is a line of the file, as messages show it.
func (a *answer) excerpt(file string, line int) string {
	if file != a.file || line < 1 {
		return ""
	}
	for n, text := range bytes.Split(a.src, []byte("\n")) {
		if n == line-1 {
			return dagfile.Excerpt(string(text))
		}
	}
	return ""
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
