package callable_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

const extending = `
from datetime import timedelta
from airflow.sdk import DAG
from airflow.exceptions import *
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskMarker, ExternalTaskSensor

class Seeing(ExternalTaskSensor):
    def poke(self, context):
        found = super().poke(context)
        return [bool(found), type(found).__name__]

class Marking(ExternalTaskMarker):
    def execute(self, context):
        self.external_task_id += " more"
        try:
            return ["mine", super().execute(context)]
        except AirflowException as e:
            return "%s: %s" % (type(e).__name__, e)

def calls(**context):
    said = []
    for fn in None, lambda d: d:
        try: said.append(ExternalTaskSensor(task_id="x", external_dag_id="o", execution_date_fn=fn).poke(context))
        except AirflowException as e: said.append(str(e)[:46])
    return said

with DAG("d", schedule=None) as dag:
    Seeing(task_id="sees", external_dag_id="o", external_task_ids={"b", "a"}, execution_date_fn=lambda d: d)
    Marking(task_id="marks", external_dag_id="o", external_task_id="t")
    PythonOperator(task_id="calls", python_callable=calls)
`

// Authors extend operators that are not written in Python, and call what they do.
func TestOperate(t *testing.T) {
	t.Parallel()
	h := attempt(t, "")
	if err := os.WriteFile(filepath.Join(h.Dir, "d.py"), []byte(extending), 0o600); err != nil {
		t.Fatal(err)
	}
	r := open(t, callable.Config{Folder: h.Dir})
	at := func(task, name string) dag.Callable {
		return dag.Callable{File: "d.py", DAG: "d", Task: task, Name: name}
	}
	file, err := filepath.Abs(filepath.Join(h.Dir, "d.py"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		call task.PythonCall
		give any
		fail error
		want any
		args dict
	}{
		{
			name: "a look", call: task.PythonCall{Callable: at("sees", "poke"), Attributes: dict{}}, give: "x", want: []any{true, "PokeReturnValue"},
			args: dict{
				"external_dag_id": "o", "external_task_ids": []any{"a", "b"}, "mode": "reschedule",
				"execution_date_fn": dag.Callable{File: file, DAG: "d", Task: "sees", Name: "execution_date_fn"},
			},
		},
		{name: "a look in vain", call: task.PythonCall{Callable: at("sees", "poke"), Attributes: dict{}}, fail: task.Reschedule(time.Now()), want: []any{false, "bool"}},
		{
			name: "a value", call: task.PythonCall{Callable: at("marks", "execute"), Attributes: dict{}}, give: []any{1, nil}, want: []any{"mine", []any{int64(1), nil}},
			args: dict{"external_dag_id": "o", "external_task_id": "t more"},
		},
		{name: "a skip", call: task.PythonCall{Callable: at("marks", "execute"), Attributes: dict{}}, fail: task.Skip("why"), want: "AirflowSkipException: why"},
		{name: "a failure", call: task.PythonCall{Callable: at("marks", "execute"), Attributes: dict{}}, fail: errors.New("bad"), want: "AirflowException: bad"},
		{name: "a failure for good", call: task.PythonCall{Callable: at("marks", "execute"), Attributes: dict{}}, fail: task.Fatal(errors.New("bad")), want: "AirflowFailException: bad"},
		{
			name: "a timeout", call: task.PythonCall{Callable: at("marks", "execute"), Attributes: dict{}},
			fail: &task.FatalError{Cause: run.CauseTimeout, Err: errors.New("late")}, want: "AirflowSensorTimeout: late",
		},
		{name: "in a function", call: task.PythonCall{Callable: at("calls", "python_callable")}, want: []any{true, "argument execution_date_fn of ExternalTaskSens"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked dict
			a := h.Attempt(nil)
			a.Operators = func(path string) *task.Operator {
				return &task.Operator{Spec: dag.OperatorSpec{Class: path}, Run: func(_ context.Context, a *task.Attempt) (task.Result, error) {
					asked = a.Args
					return task.Result{Value: tt.give}, tt.fail
				}}
			}
			raw, err := r.Call(t.Context(), a, tt.call)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, decode(t, raw)); diff != "" {
				t.Error(diff)
			}
			for name, want := range tt.args {
				if diff := cmp.Diff(want, asked[name]); diff != "" {
					t.Errorf("argument %s: %s", name, diff)
				}
			}
		})
	}
	_, err = r.Call(t.Context(), h.Attempt(nil), task.PythonCall{Callable: at("sees", "poke"), Attributes: dict{}})
	if said := operatortest.Outcome(err); said != "failed (task, 0): AirflowRuntimeError: operators that are not written in Python cannot be run here" {
		t.Error(said)
	}
}
