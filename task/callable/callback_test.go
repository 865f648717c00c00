package callable_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

func TestCallback(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, `
def told(context, prefix=""):
    ti, error = context["ti"], context.get("exception")
    print(prefix, ti.state, ti.duration, context.get("reason"), type(error).__name__, error, flush=True)
class Notifier:
    def __init__(self, channel): self.channel = channel
    def notify(self, context): print("to", self.channel, context["task"].task_id, flush=True)
def broken(context): raise ValueError("no channel")
def bad(): raise ValueError("x")
`)
	h.Instance.Start = operatortest.Logical
	_, raised := r.Call(t.Context(), h.Attempt(nil), function("bad"))
	end := func(state run.State, cause run.Cause, reason string, err error) *task.End {
		return &task.End{State: state, Err: err, Report: &run.Report{At: operatortest.Logical.Add(1500 * time.Millisecond), Cause: cause, Reason: reason}}
	}
	for _, tt := range []struct {
		name  string
		args  dict
		end   *task.End
		log   string
		fails string
	}{
		{"told", nil, nil, " running None None NoneType None", ""},
		{"told", dict{"prefix": "!"}, end(run.Success, "", "", nil), "! success 1.5  NoneType None", ""},
		{"told", nil, end(run.UpForRetry, run.CauseTask, "ValueError: x", raised), " up_for_retry 1.5 ValueError: x ValueError x", ""},
		{"told", nil, end(run.Failed, run.CauseTask, "exit code 1", errors.New("exit code 1")), " failed 1.5 exit code 1 AirflowException exit code 1", ""},
		{"told", nil, end(run.Failed, run.CauseTimeout, "too long", context.DeadlineExceeded), " failed 1.5 too long AirflowTaskTimeout too long", ""},
		{"told", nil, end(run.Failed, run.CauseTask, "no", task.Fatal(errors.New("no"))), " failed 1.5 no AirflowFailException no", ""},
		{"told", nil, end(run.Skipped, "", "why", task.Skip("why")), " skipped 1.5 why AirflowSkipException why", ""},
		{"Notifier", dict{"channel": "#ops"}, nil, "to #ops t", ""},
		{"broken", nil, nil, "", "ValueError: no channel"},
	} {
		c := dag.Callback{Kind: dag.CallbackPython, Callable: &dag.Callable{File: "tasks.py", Name: tt.name}, Args: tt.args}
		a := h.Attempt(nil)
		var out strings.Builder
		a.Output = &out
		err := r.Callback(t.Context(), a, c, tt.end)
		if (err == nil) != (tt.fails == "") || err != nil && err.Error() != tt.fails {
			t.Errorf("%s: got error %v, want %q", tt.name, err, tt.fails)
		}
		if !strings.Contains(out.String(), tt.log) {
			t.Errorf("%s: got\n%swant %q", tt.name, out.String(), tt.log)
		}
	}
	if err := r.Callback(t.Context(), h.Attempt(nil), dag.Callback{}, nil); err == nil {
		t.Error("a callback without a callable succeeds")
	}
}
