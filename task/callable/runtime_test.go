package callable_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	operator "github.com/updraft-dev/updraft/operators/python"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

// logBook is one log for all attempts.
type logBook struct {
	mu sync.Mutex
	strings.Builder
}

func (b *logBook) Open(context.Context, run.Attempt) (task.Log, error) { return b, nil }
func (b *logBook) Redact(...string)                                    {}
func (b *logBook) Close() error                                        { return nil }

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

// TestRuntime runs attempts as a worker does: operator, arguments, time-out, callbacks.
func TestRuntime(t *testing.T) {
	t.Parallel()
	const class = "airflow.providers.standard.operators.python.PythonOperator"
	h := attempt(t, `
import time
def many(n, dag_run): return {"n": n, "run": dag_run.run_id}
def slow(n): time.sleep(60)
def told(context): print("told of", repr(context["exception"]), context["ti"].state, flush=True)
`)
	book := &logBook{}
	rt := task.New(task.Config{
		Operators: func(string) *task.Operator { return operatortest.Find(t, operator.Operators(), class) },
		Logs:      book, Python: open(t, callable.Config{}), Folder: h.Dir, Now: time.Now,
	})
	for _, tt := range []struct {
		function string
		want     run.Report
		log      string
	}{
		{"many", run.Report{Outcome: run.OutcomeSuccess, XComs: []run.XCom{
			{Name: "n", Value: []byte("7")}, {Name: "run", Value: []byte(`"r"`)}, {Name: "return_value", Value: []byte(`{"n":7,"run":"r"}`)},
		}}, "Returned value was: {'n': 7, 'run': 'r'}"},
		{
			"slow", run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTimeout, Reason: "execution_timeout of 400ms exceeded"},
			"told of AirflowTaskTimeout(",
		},
	} {
		d := &dag.DAG{ID: "d", File: "d.yaml"}
		d.Tasks = []*dag.Task{dag.NewTask("t", class)}
		d.Tasks[0].MultipleOutputs = true
		d.Tasks[0].ExecutionTimeout = 400 * time.Millisecond
		if tt.want.Outcome == run.OutcomeSuccess {
			d.Tasks[0].ExecutionTimeout = time.Minute
		}
		d.Tasks[0].Args = dag.Values{"python_callable": dag.Callable{File: "tasks.py", Name: tt.function}, "op_kwargs": map[string]any{"n": int64(7)}}
		d.Tasks[0].OnFailure = []dag.Callback{{Kind: dag.CallbackPython, Callable: &dag.Callable{File: "tasks.py", Name: "told"}}}
		g, err := dag.NewGraph(d)
		if err != nil {
			t.Fatal(err)
		}
		got := rt.Execute(t.Context(), task.Work{Graph: g, Run: run.Run{ID: run.ID{DAG: "d", Run: "r"}}, Instance: run.Instance{Task: "t", Map: run.Unmapped, Try: 1, Start: time.Now()}})
		for i := range got.XComs {
			got.XComs[i].At = time.Time{}
		}
		got = run.Report{Outcome: got.Outcome, Cause: got.Cause, Reason: got.Reason, XComs: got.XComs}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.function, diff)
		}
		if !strings.Contains(book.String(), tt.log) {
			t.Errorf("%s: log is\n%s", tt.function, book)
		}
	}
}
