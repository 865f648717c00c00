package callable_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

const dagFile = `
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
from airflow.providers.standard.operators.python import PythonOperator

class Thing:
    value = 7

class Own(BaseOperator):
    template_fields = ("text",)
    def __init__(self, text="none", other=None, **kw):
        super().__init__(**kw)
        self.text, self.other = text, other
    def pre_execute(self, context):
        self.seen = "before " + self.text
    def execute(self, context):
        return [self.seen, self.text, self.other, self.task_id, context["run_id"][:9]]

class Twice(BaseSensorOperator):
    def poke(self, context):
        return self.task_id == "twice"

with DAG("d", schedule=None) as dag:
    number = 5
    PythonOperator(task_id="closure", python_callable=lambda x, thing: [number, x, thing.value], op_args=[1, Thing()])
    Own(task_id="own", text="{{ ds }}", other=[1])
    Own.partial(task_id="mapped", other="o").expand(text=["a"])
    Twice(task_id="twice")
`

// What only executing a DAG file makes is called by the place it has there.
func TestDAGFile(t *testing.T) {
	t.Parallel()
	h := attempt(t, "")
	r := open(t, callable.Config{Folder: h.Dir})
	if err := os.WriteFile(filepath.Join(h.Dir, "d.py"), []byte(dagFile), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(task, name string) dag.Callable {
		return dag.Callable{File: "d.py", DAG: "d", Task: task, Name: name}
	}
	for _, tt := range []struct {
		name string
		call task.PythonCall
		want any
	}{
		{
			"a closure with an object", task.PythonCall{Callable: at("closure", "python_callable"), Args: []any{int64(1), at("closure", "op_args.1")}},
			[]any{int64(5), int64(1), int64(7)},
		},
		{
			"an operator", task.PythonCall{Callable: at("own", "execute"), Attributes: dict{"text": "rendered"}},
			[]any{"before rendered", "rendered", []any{int64(1)}, "own", "scheduled"},
		},
		{
			"a mapped operator", task.PythonCall{Callable: at("mapped", "execute"), Attributes: dict{}, Kwargs: dict{"text": "b"}},
			[]any{"before b", "b", "o", "mapped", "scheduled"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw, err := r.Call(t.Context(), h.Attempt(nil), tt.call)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, decode(t, raw)); diff != "" {
				t.Error(diff)
			}
		})
	}
	done, _, err := r.Check(t.Context(), h.Attempt(nil), task.PythonCall{Callable: at("twice", "poke"), Attributes: dict{}})
	if !done || err != nil {
		t.Errorf("a sensor: %v, %s", done, operatortest.Outcome(err))
	}
	_, err = r.Call(t.Context(), h.Attempt(nil), task.PythonCall{Callable: at("gone", "execute"), Attributes: dict{}})
	if err == nil {
		t.Error("a task that is not there")
	}
}
