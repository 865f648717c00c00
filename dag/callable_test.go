package dag_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
)

func TestCallable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		callable dag.Callable
		text     string
		// fault is a part of what Check says.
		fault string
	}{
		{"an import path", dag.Callable{Path: "m.f"}, "m.f", ""},
		{"a function of a file", dag.Callable{File: "f.py", Name: "f"}, "f.py:f", ""},
		{"a lambda", dag.Callable{Lambda: "lambda: 1"}, "lambda: 1", ""},
		{"of a task", dag.Callable{File: "f.py", DAG: "d", Task: "g.t", Name: "execute"}, "f.py:d.g.t:execute", ""},
		{"of a DAG", dag.Callable{File: "f.py", DAG: "d", Name: "on_failure_callback.0"}, "f.py:d:on_failure_callback.0", ""},
		{"nothing", dag.Callable{}, ":", "by one of these only"},
		{"two ways", dag.Callable{Path: "m.f", File: "f.py", Name: "f"}, "m.f", "by one of these only"},
		{"a file alone", dag.Callable{File: "f.py"}, "f.py:", "names the file f.py and no function in it"},
		{"a DAG without its file", dag.Callable{Path: "m.f", DAG: "d"}, "m.f", "names the DAG d and no file"},
		{"a task without its DAG", dag.Callable{File: "f.py", Name: "f", Task: "t"}, "f.py:.t:f", "names the task t and no DAG"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.callable.String(); got != tt.text {
				t.Errorf("String() = %q, want %q", got, tt.text)
			}
			err := tt.callable.Check()
			if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("Check() = %v, want %q", err, tt.fault)
			}
			raw, err := json.Marshal(dag.Values{"f": []any{tt.callable}})
			if err != nil {
				t.Fatal(err)
			}
			var back dag.Values
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(dag.Values{"f": []any{tt.callable}}, back); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidateCallables(t *testing.T) {
	t.Parallel()
	task := dag.NewTask("t", "some.Operator")
	task.Args = dag.Values{"handlers": []any{map[string]any{"f": dag.Callable{File: "f.py"}}}, "good": dag.Callable{Path: "m.f"}}
	err := dag.Validate(&dag.DAG{ID: "d", Tasks: []*dag.Task{task}})
	if want := `task "t": handlers: names the file f.py and no function in it`; err == nil || err.Error() != want {
		t.Errorf("Validate: %v, want %s", err, want)
	}
}
