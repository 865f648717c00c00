package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
)

// spy is a Python that notes which callbacks it is asked for.
type spy struct {
	Python
	mu    sync.Mutex
	calls []string
	do    func(ctx context.Context) error
}

func (s *spy) Callback(ctx context.Context, a *Attempt, c dag.Callback, end *End) error {
	failure := ""
	if end != nil && end.Err != nil {
		failure = end.State.String() + " " + end.Report.Reason
	}
	s.mu.Lock()
	s.calls = append(s.calls, c.Callable.Path+":"+failure)
	s.mu.Unlock()
	if s.do != nil {
		return s.do(ctx)
	}
	return nil
}

func pyCallback(path string) []dag.Callback {
	return []dag.Callback{{Kind: dag.CallbackPython, Callable: &dag.Callable{Path: path}}}
}

func TestWhichCallbacks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		err     error
		retries int
		want    []string
	}{
		{"success", nil, 0, []string{"execute:", "success:"}},
		{"failure", errors.New("no"), 0, []string{"execute:", "failure:failed no"}},
		{"retry", errors.New("no"), 1, []string{"execute:", "retry:up_for_retry no"}},
		{"fatal", Fatal(errors.New("no")), 1, []string{"execute:", "failure:failed no"}},
		{"skip", Skip("why"), 1, []string{"execute:", "skipped:skipped why"}},
		{"reschedule", Reschedule(now), 1, []string{"execute:"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.op("op", fails(tc.err))
			task := w.task("t", "op", nil)
			task.Retries = tc.retries
			task.OnExecute, task.OnSuccess, task.OnFailure = pyCallback("execute"), pyCallback("success"), pyCallback("failure")
			task.OnRetry, task.OnSkipped = pyCallback("retry"), pyCallback("skipped")
			s := &spy{do: func(ctx context.Context) error { return ctx.Err() }}
			w.cfg.Python = s
			w.execute(t, "t", -1)
			if d := cmp.Diff(tc.want, s.calls); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestCallbacksNeverChangeTheState(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		c    dag.Callback
		do   func(context.Context) error
		want string
	}{
		{"error", pyCallback("f")[0], func(context.Context) error { return errors.New("slack is down") }, "on_success_callback failed: slack is down"},
		{"panic", pyCallback("f")[0], func(context.Context) error { panic("ouch") }, "on_success_callback failed: panic: ouch"},
		{"no callable", dag.Callback{Kind: dag.CallbackPython}, nil, "on_success_callback failed: it names no callable"},
		{"command that fails", dag.Callback{Kind: dag.CallbackCommand, Command: []string{"/bin/sh", "-c", "echo bad; exit 3"}}, nil, "on_success_callback failed: exit code 3: bad"},
		{"command that is not there", dag.Callback{Kind: dag.CallbackCommand, Command: []string{"/no/such/command"}}, nil, "on_success_callback failed: fork/exec /no/such/command: no such file or directory"},
		{"no command", dag.Callback{Kind: dag.CallbackCommand}, nil, "on_success_callback failed: it has no command"},
		{"template", dag.Callback{Kind: dag.CallbackCommand, Command: []string{"{{ undefined }}"}}, nil, "on_success_callback failed: 'undefined' is undefined"},
		{"webhook", dag.Callback{Kind: dag.CallbackWebhook, URL: "http://x"}, nil, "on_success_callback failed: webhooks are not available here"},
		{"unknown", dag.Callback{Kind: "pigeon"}, nil, `on_success_callback failed: unknown kind of callback "pigeon"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.op("op", give(nil))
			w.task("t", "op", nil).OnSuccess = []dag.Callback{tc.c}
			w.cfg.Python, w.cfg.Folder = &spy{do: tc.do}, ""
			rep, log := w.execute(t, "t", -1)
			if rep.Outcome != run.OutcomeSuccess || !strings.Contains(log, "ERROR - "+tc.want) {
				t.Errorf("got %s, log\n%s", rep.Outcome, log)
			}
		})
	}
}

func TestCommandCallback(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.op("op", fails(Exit{Code: 2, LastLine: "oh"}.Err(0)))
	w.task("t", "op", nil).OnFailure = []dag.Callback{{Kind: dag.CallbackCommand, Command: []string{"/bin/sh", "-c", `cat; echo; echo "$0 $UPDRAFT_EVENT $UPDRAFT_CAUSE $UPDRAFT_REASON $AIRFLOW_CTX_TASK_ID"`, "{{ arg }}"}}}
	w.cfg.Folder = ""
	rep, log := w.execute(t, "t", -1)
	want := fmt.Sprintf(`{"event":"failure","state":"failed","dag_id":"d","run_id":"manual__2024-05-01T00:00:00+00:00","task_id":"t","map_index":-1,"try_number":1,"max_tries":0,"operator":"op","owner":"airflow","logical_date":"2024-05-01T00:00:00+00:00","start_date":"2024-05-01T11:59:58Z","end_date":"2024-05-01T12:00:00Z","hostname":"host1","cause":"task","exit_code":2,"reason":"exit code 2: oh","tail":%s}
ARG failure task exit code 2: oh t
`, mustJSON(rep.Tail))
	if !strings.HasSuffix(log, want) {
		t.Errorf("log is\n%s\nwant at its end\n%s", log, want)
	}
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestWebhookCallback(t *testing.T) {
	t.Parallel()
	var got Event
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/S3CRET" {
			rw.WriteHeader(http.StatusTeapot)
			return
		}
		if err := json.Unmarshal(body, &got); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", r.Method, r.Header, err)
		}
	}))
	defer server.Close()
	w := newWorld()
	w.op("op", fails(Skip("holiday")))
	task := w.task("t", "op", nil)
	hook := func(url string) dag.Callback { return dag.Callback{Kind: dag.CallbackWebhook, URL: url} }
	const dead = "http://127.0.0.1:1" // nobody listens there
	task.OnSkipped = []dag.Callback{hook(server.URL + "/S3CRET"), hook(server.URL), hook(dead + "/S3CRET"), hook("http://\x00S3CRET")}
	w.cfg.HTTP = server.Client()
	_, log := w.execute(t, "t", -1)
	want := Event{Event: "skipped", State: "skipped", DAG: "d", Run: w.run.Run, Task: "t", Map: -1, Try: 1, Operator: "op", Owner: "airflow", LogicalDate: "2024-05-01T00:00:00+00:00", Start: now.Add(-2 * time.Second), End: now, Hostname: "host1", Reason: "holiday"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, line := range []string{"418 I'm a teapot", "connection refused", "on_skipped_callback failed: its URL is not one"} {
		if !strings.Contains(log, line) {
			t.Errorf("log has no %q:\n%s", line, log)
		}
	}
	if strings.Contains(log, "S3CRET") {
		t.Errorf("log shows a URL's secret:\n%s", log)
	}
}

func TestCallbacksAreBoundedAndOutliveTheAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.op("op", waits(errors.New("stopped")))
		w.task("t", "op", nil).OnFailure = pyCallback("f")
		w.cfg.CallbackTimeout = time.Minute
		w.cfg.Python = &spy{do: func(ctx context.Context) error {
			if ctx.Err() != nil {
				t.Error("the callback's context has ended with the attempt's")
			}
			<-ctx.Done()
			return ctx.Err()
		}}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(executors.ErrCancelled)
		start := time.Now()
		rep := New(w.cfg).Execute(ctx, w.work(t, "t", -1))
		if rep.Cause != run.CauseUser || time.Since(start) != time.Minute {
			t.Errorf("got %+v after %s", rep, time.Since(start))
		}
	})
}

// outbox keeps what is to be mailed.
type outbox struct {
	mails []Mail
	hosts []string
	err   error
}

func (o *outbox) Send(_ context.Context, c settings.Connection, m Mail) error {
	o.mails, o.hosts = append(o.mails, m), append(o.hosts, c.Host)
	return o.err
}

func TestMails(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		err       error
		retries   int
		onFailure bool
		onRetry   bool
		want      string
	}{
		{"failure", errors.New("<b>no</b>"), 0, true, false, "Updraft: task d.t failed (run manual__2024-05-01T00:00:00+00:00)"},
		{"retry", errors.New("no"), 1, false, true, "Updraft: task d.t failed and will be retried (run manual__2024-05-01T00:00:00+00:00)"},
		{"failure, not wanted", errors.New("no"), 0, false, true, ""},
		{"retry, not wanted", errors.New("no"), 1, true, false, ""},
		{"success", nil, 0, true, true, ""},
		{"skip", Skip("x"), 0, true, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.op("op", fails(tc.err))
			task := w.task("t", "op", nil)
			task.Email, task.EmailOnFailure, task.EmailOnRetry, task.Retries = []string{"a@x", "b@x"}, tc.onFailure, tc.onRetry, tc.retries
			box := &outbox{}
			w.cfg.Mail, w.cfg.BaseURL = box, "http://up/"
			w.cfg.Settings = settings.NewRegistry(settings.Config{Lookup: func(n string) (string, bool) { return "smtp://mail.example", n == "AIRFLOW_CONN_SMTP_DEFAULT" }})
			_, log := w.execute(t, "t", -1)
			if tc.want == "" {
				if len(box.mails) > 0 {
					t.Errorf("mail sent: %+v", box.mails)
				}
				return
			}
			if len(box.mails) != 1 || box.mails[0].Subject != tc.want || !slices.Equal(box.mails[0].To, task.Email) || box.hosts[0] != "mail.example" {
				t.Fatalf("mails: %+v to %v", box.mails, box.hosts)
			}
			body := box.mails[0].Body
			if strings.Contains(body, "<b>") || !strings.Contains(body, `<a href="http://up/dags/d/runs/manual__2024-05-01T00:00:00+00:00/tasks/t?try_number=1">`) || !strings.Contains(body, "last words") || strings.Contains(body, "Starting attempt") {
				t.Errorf("body is\n%s", body)
			}
			if !strings.Contains(log, "Mail sent to a@x, b@x") {
				t.Errorf("log is\n%s", log)
			}
		})
	}
	w := newWorld()
	w.op("op", fails(errors.New("no")))
	w.task("t", "op", nil).Email = []string{"a@x"}
	w.cfg.Mail = &outbox{}
	rep, log := w.execute(t, "t", -1)
	if rep.Outcome != run.OutcomeFailed || !strings.Contains(log, "mail to a@x was not sent: connection `smtp_default` not found: set it with `updraft connections add smtp_default …` or AIRFLOW_CONN_SMTP_DEFAULT") {
		t.Errorf("got %s, log\n%s", rep.Outcome, log)
	}
}
