package pyobject_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/pyobject"
	"github.com/updraft-dev/updraft/task"
)

type args = map[string]any

var method = dag.Callable{File: "d.py", DAG: "d", Task: "t", Name: "execute"}

func TestExecute(t *testing.T) {
	t.Parallel()
	op := pyobject.Operators()[0]
	for _, tt := range []struct {
		name   string
		args   args
		python operatortest.Python
		// want is the return value, end how the attempt ends.
		want any
		end  string
		call task.PythonCall
	}{
		{
			"an operator", args{"class": "m.C", "object": method, "fields": args{"sql": "select 1"}},
			operatortest.Python{Value: json.RawMessage(`[1]`)}, json.RawMessage(`[1]`), "success",
			task.PythonCall{Attributes: args{"sql": "select 1"}},
		},
		{
			"without a value", args{"class": "m.C", "object": method}, operatortest.Python{}, nil, "success",
			task.PythonCall{Attributes: args{}},
		},
		{
			"mapped", args{"class": "m.C", "object": method, "kwargs.kind": "k", "n": int64(1)}, operatortest.Python{}, nil, "success",
			task.PythonCall{Attributes: args{}, Kwargs: args{"kind": "k", "n": int64(1)}},
		},
		{
			"a sensor that is done", args{"class": "m.S", "object": method, "kind": "sensor"},
			operatortest.Python{Done: true, Value: json.RawMessage(`"x"`)}, json.RawMessage(`"x"`), "success", task.PythonCall{Attributes: args{}},
		},
		{
			"a sensor that waits", args{"class": "m.S", "object": method, "kind": "sensor", "mode": "reschedule", "poke_interval": int64(10)},
			operatortest.Python{}, nil, "reschedule: ", task.PythonCall{Attributes: args{}},
		},
		{
			"a branch to nowhere", args{"class": "m.B", "object": method, "kind": "branch"},
			operatortest.Python{Value: json.RawMessage(`"none"`)}, nil, "failed: it chose none, which DAG d does not have",
			task.PythonCall{Attributes: args{}},
		},
		{
			"another kind", args{"class": "m.B", "object": method, "kind": "x"}, operatortest.Python{}, nil,
			`fatal (config): argument kind is "x": use operator, sensor or branch`, task.PythonCall{},
		},
		{
			"a function", args{"class": "m.B", "object": dag.Callable{Path: "m.f"}}, operatortest.Python{}, nil,
			"fatal (config): argument object names no method of a task: it can only be written by a DAG file in Python", task.PythonCall{},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := operatortest.New(t)
			h.Python = &tt.python
			got, err := op.Run(t.Context(), h.Attempt(tt.args))
			if said := operatortest.Outcome(err); !strings.HasPrefix(said, tt.end) {
				t.Errorf("it ends as %q, want %q", said, tt.end)
			}
			if diff := cmp.Diff(tt.want, got.Value); diff != "" {
				t.Error(diff)
			}
			if tt.call.Attributes == nil {
				if len(tt.python.Calls) > 0 {
					t.Errorf("called %v", tt.python.Calls)
				}
				return
			}
			tt.call.Callable, tt.call.HideValue = method, true
			if diff := cmp.Diff([]task.PythonCall{tt.call}, tt.python.Calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A field that ends in an ending of the class names a template file, if the author wrote it.
func TestTemplateFiles(t *testing.T) {
	t.Parallel()
	py := new(operatortest.Python)
	h := operatortest.New(t)
	h.Python = py
	h.Task.Args = dag.Values{"fields": args{"sql": "q.sql", "text": "{{ name }}"}}
	a := h.Attempt(args{"class": "m.C", "object": method, "template_ext": []any{".sql"}, "fields": args{"sql": "q.sql", "text": "x.sql"}})
	a.Templates = prefixed{}
	if _, err := pyobject.Operators()[0].Run(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	want := args{"sql": `rendered: {% include "q.sql" %}`, "text": "x.sql"}
	if diff := cmp.Diff(want, py.Calls[0].Attributes); diff != "" {
		t.Error(diff)
	}
}

// What other tasks return is no template.
func TestMappedTemplates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		source     dag.MappedArg
	}{
		{"written by the author", "rendered: {{ ds }}", dag.MappedArg{Name: "kwargs.sql", Literal: []any{"{{ ds }}"}}},
		{"returned by a task", "{{ ds }}", dag.MappedArg{Name: "kwargs.sql", XCom: &dag.XComRef{Task: "up"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			py := new(operatortest.Python)
			h := operatortest.New(t)
			h.Python = py
			h.Task.Expand = &dag.Mapping{Args: []dag.MappedArg{tt.source}}
			a := h.Attempt(args{"class": "m.C", "object": method, "template_fields": []any{"sql"}, "kwargs.sql": "{{ ds }}"})
			a.Templates = prefixed{}
			if _, err := pyobject.Operators()[0].Run(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(args{"sql": tt.want}, py.Calls[0].Kwargs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// prefixed shows what was rendered.
type prefixed struct{}

func (prefixed) Render(_ context.Context, v any) (any, error) { return "rendered: " + v.(string), nil }
