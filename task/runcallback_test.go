package task

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// runCall is a call that a run of two tasks owes, of which one has failed.
func (w *world) runCall(t *testing.T, c run.Call) RunCall {
	t.Helper()
	w.task("a", "op", nil)
	w.task("b", "op", nil)
	w.op("op", give(nil))
	g, err := dag.NewGraph(w.dag)
	if err != nil {
		t.Fatal(err)
	}
	w.run.State, w.run.Reason, w.run.Start, w.run.End = run.RunFailed, "task b is failed", now.Add(-time.Minute), now
	return RunCall{Graph: g, Run: w.run, Call: c, Instances: []run.Instance{
		{Task: "a", Map: run.Unmapped, State: run.Success, Try: 1, End: now},
		{Task: "b", Map: run.Unmapped, State: run.Failed, Try: 2, End: now.Add(-time.Second), Reason: "exit code 3", ExitCode: 3},
	}}
}

// runSpy notes what Python callbacks of a run are told.
type runSpy struct {
	Python
	told []string
}

func (s *runSpy) Callback(_ context.Context, a *Attempt, c dag.Callback, end *End) error {
	text := c.Callable.Path + ": " + a.Instance.Task + " is " + end.State.String() + ", reason " + end.Report.Reason
	if end.Err != nil {
		text += ", exception " + end.Err.Error()
	}
	if end.Deadline != nil {
		text += ", deadline " + end.Deadline.Name
	}
	s.told = append(s.told, text)
	return errors.New("swallowed")
}

func TestCallOfRun(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, log string
		call      run.Call
		try       int
		want      []string
	}{
		{
			"success", "on_success_callback", run.Call{Kind: run.CallSuccess, Reason: run.ReasonSuccess}, 1,
			[]string{"ok: b is failed, reason success, exception exit code 3"},
		},
		{
			"failure, cleared twice", "on_failure_callback", run.Call{Kind: run.CallFailure, Reason: run.ReasonFailure, Clears: 2}, 3,
			[]string{"no: b is failed, reason task_failure, exception exit code 3", "no2: b is failed, reason task_failure, exception exit code 3"},
		},
		{
			"deadline", "deadline_callback", run.Call{Kind: run.CallDeadline, Deadline: 1, At: now}, 2,
			[]string{"late: b is failed, reason , exception exit code 3, deadline nine"},
		},
		{"a deadline that this version does not have", "deadline_callback", run.Call{Kind: run.CallDeadline, Deadline: 2}, 3, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			s := &runSpy{}
			w.cfg.Python = s
			w.dag.OnSuccess, w.dag.OnFailure = pyCallback("ok"), append(pyCallback("no"), pyCallback("no2")...)
			w.dag.Deadlines = []dag.Deadline{{Callbacks: pyCallback("other")}, {Name: "nine", Callbacks: pyCallback("late")}}
			c := w.runCall(t, tc.call)
			if err := New(w.cfg).Call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, s.told); d != "" {
				t.Errorf("told (-want +got):\n%s", d)
			}
			key := run.Attempt{Key: run.Key{ID: w.run.ID, Task: tc.log, Map: run.Unmapped}, Try: tc.try}
			if got := c.Log(); got != key {
				t.Errorf("log is %s, want %s", got, key)
			}
			if text := w.logs.text(key); len(tc.want) > 0 && strings.Count(text, tc.log+" failed: swallowed") != len(tc.want) {
				t.Errorf("log: %s", text)
			}
		})
	}
}

// TestCallOfRunEvent: commands and webhooks are told the same.
func TestCallOfRunEvent(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies <- string(b)
	}))
	defer server.Close()
	w := newWorld()
	w.cfg.HTTP, w.cfg.Folder = server.Client(), ""
	w.dag.OnFailure = []dag.Callback{
		{Kind: dag.CallbackWebhook, URL: server.URL},
		{Kind: dag.CallbackCommand, Command: []string{"sh", "-c", `echo "$UPDRAFT_EVENT $UPDRAFT_REASON $AIRFLOW_CTX_DAG_ID"; cat`}},
	}
	c := w.runCall(t, run.Call{Kind: run.CallFailure, Reason: run.ReasonFailure})
	if err := New(w.cfg).Call(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	body := <-bodies
	if log := w.logs.text(c.Log()); !strings.Contains(log, "failure task_failure d\n"+body) {
		t.Errorf("the command's output is not in the log, or not what the webhook got:\n%s", log)
	}
	var got RunEvent
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := RunEvent{
		Event: "failure", State: "failed", Reason: "task_failure", Message: "task b is failed", DAG: "d", Run: w.run.Run,
		LogicalDate: "2024-05-01T00:00:00+00:00", Start: now.Add(-time.Minute), End: now, Failed: []string{"b"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("event (-want +got):\n%s", d)
	}
}

// TestCallOfRunAbout: callbacks get the context of the instance that says most.
func TestCallOfRunAbout(t *testing.T) {
	t.Parallel()
	in := func(task string, s run.State, end int) run.Instance {
		return run.Instance{Task: task, State: s, End: now.Add(time.Duration(end) * time.Second)}
	}
	for _, tc := range []struct {
		name string
		all  []run.Instance
		want string
	}{
		{"none", nil, ""},
		{"the last one", []run.Instance{in("a", run.Success, 1), in("b", run.Skipped, 3), in("c", run.Success, 2)}, "b"},
		{"the first failure", []run.Instance{in("a", run.Success, 9), in("b", run.Failed, 3), in("c", run.Failed, 2), in("d", run.UpstreamFailed, 1)}, "c"},
		{"none that is gone", []run.Instance{in("a", run.Success, 1), in("b", run.Removed, 3)}, "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := (&RunCall{Instances: tc.all}).about(); got.Task != tc.want {
				t.Errorf("about %q, want %q", got.Task, tc.want)
			}
		})
	}
}

// TestCallOfRunCancelled: a call that did not come to its end is still owed.
func TestCallOfRunCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	w := newWorld()
	w.dag.OnFailure = pyCallback("no")
	w.cfg.Python = &spy{do: func(ctx context.Context) error { cancel(); return ctx.Err() }}
	c := w.runCall(t, run.Call{Kind: run.CallFailure})
	if err := New(w.cfg).Call(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", err)
	}
}

// TestCallOfLostAttempt: callbacks and mail of a task whose worker was lost, in the log of
// its attempt.
func TestCallOfLostAttempt(t *testing.T) {
	t.Parallel()
	for kind, want := range map[run.CallKind]string{run.CallTaskFailure: "no:failed gone", run.CallTaskRetry: "again:up_for_retry gone"} {
		w := newWorld()
		s := &spy{}
		w.cfg.Python = s
		c := w.runCall(t, run.Call{Kind: kind, Reason: "gone", Task: "b", Map: run.Unmapped, Try: 1})
		task := w.dag.Task("b")
		task.OnFailure, task.OnRetry, task.Email, task.EmailOnRetry = pyCallback("no"), pyCallback("again"), []string{"ops@example.com"}, false
		if err := New(w.cfg).Call(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, s.calls); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
		log := w.logs.text(run.Attempt{Key: run.Key{ID: w.run.ID, Task: "b", Map: run.Unmapped}, Try: 1})
		if mailed := strings.Contains(log, "mail to ops@example.com was not sent"); mailed != (kind == run.CallTaskFailure) || !strings.Contains(log, "Task failed: gone") {
			t.Errorf("%s: log %s", kind, log)
		}
	}
	w := newWorld()
	if err := New(w.cfg).Call(t.Context(), w.runCall(t, run.Call{Kind: run.CallTaskRetry, Task: "other"})); err != nil {
		t.Errorf("of a task that is gone: %v", err)
	}
}
