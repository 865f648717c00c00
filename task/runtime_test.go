package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
)

func TestOutcomes(t *testing.T) {
	t.Parallel()
	due := now.Add(time.Hour)
	for _, tc := range []struct {
		name   string
		run    func(ctx context.Context, a *Attempt) (Result, error)
		change func(*world, *dag.Task)
		want   run.Report
	}{
		{"success", give(nil), nil, run.Report{Outcome: run.OutcomeSuccess}},
		{"skip", fails(Skip("not on %s", "Sunday")), nil, run.Report{Outcome: run.OutcomeSkipped, Reason: "not on Sunday"}},
		{"reschedule", fails(Reschedule(due)), nil, run.Report{Outcome: run.OutcomeReschedule, Due: due}},
		{"failure", fails(errors.New("no\n  luck")), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "no luck"}},
		{"wrapped skip", fails(fmt.Errorf("x: %w", Skip("y"))), nil, run.Report{Outcome: run.OutcomeSkipped, Reason: "y"}},
		{"fatal", fails(Fatal(errors.New("never"))), nil, run.Report{Outcome: run.OutcomeFatal, Cause: run.CauseTask, Reason: "never"}},
		{"misconfigured", fails(Misconfigured(errors.New("bad"))), nil, run.Report{Outcome: run.OutcomeFatal, Cause: run.CauseConfig, Reason: "bad"}},
		{"exit code", fails(Exit{Code: 2, LastLine: " ls: no such file "}.Err(0)), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, ExitCode: 2, Reason: "exit code 2: ls: no such file"}},
		{"fatal with exit code", fails(Fatal(Exit{Code: 3}.Err(0))), nil, run.Report{Outcome: run.OutcomeFatal, Cause: run.CauseTask, ExitCode: 3, Reason: "exit code 3"}},
		{"signal", fails(Exit{Code: -1, Signal: "SIGSEGV", LastLine: "core"}.Err(0)), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, ExitCode: -1, Reason: "killed by SIGSEGV: core"}},
		{"out of memory", fails(Exit{Code: -1, Signal: "SIGKILL", OOM: true}.Err(64 << 20)), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseOOM, ExitCode: -1, Reason: "killed by SIGKILL: out of memory (limit 64 MiB)"}},
		{"out of the machine's memory", fails(Exit{Code: -1, OOM: true}.Err(0)), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseOOM, ExitCode: -1, Reason: "killed by SIGKILL: out of memory (of the machine)"}},
		{"panic", func(context.Context, *Attempt) (Result, error) { panic("ouch") }, nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "operator op panicked: ouch"}},
		{"long reason", fails(errors.New(strings.Repeat("é", 600))), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: strings.Repeat("é", 499) + "…"}},
		{"invalid text", fails(errors.New("a\xffb")), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "a\uFFFDb"}},
		{"unknown operator", give(nil), func(_ *world, t *dag.Task) { t.Operator = "a.b.C" }, run.Report{Outcome: run.OutcomeFatal, Cause: run.CauseConfig, Reason: "operator a.b.C is not known to this worker: update the worker, or use one that `updraft` lists"}},
		{"missing argument", give(nil), func(w *world, _ *dag.Task) {
			w.ops["op"].Spec.Args = []dag.ArgSpec{{Name: "bash_command", Required: true}}
		}, run.Report{Outcome: run.OutcomeFatal, Cause: run.CauseConfig, Reason: "argument bash_command is missing"}},
		{"template that fails", give(nil), func(w *world, t *dag.Task) {
			w.ops["op"].Spec.Args = []dag.ArgSpec{{Name: "sql", Templated: true}}
			t.Args = dag.Values{"sql": []any{"{{ undefined }}"}}
		}, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseConfig, Reason: "argument sql: 'undefined' is undefined"}},
		{"no templates", give(nil), func(w *world, t *dag.Task) {
			w.cfg.Templates = nil
			w.ops["op"].Spec.Args = []dag.ArgSpec{{Name: "sql", Templated: true}}
			t.Args = dag.Values{"sql": "{{ x }}"}
		}, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseConfig, Reason: "argument sql: templates are not available here"}},
		{"connection that is not there", func(ctx context.Context, a *Attempt) (Result, error) {
			_, err := a.Settings.Connection(ctx, "weather_api")
			return Result{}, err
		}, nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "connection `weather_api` not found: set it with `updraft connections add weather_api …` or AIRFLOW_CONN_WEATHER_API"}},
		{"value that is no XCom", give([]byte("x")), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "the return value cannot be stored: bytes cannot be an XCom: push a text"}},
		{"number that is no XCom", give(map[string]any{"a": []any{func() float64 { var z float64; return z / z }()}}), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "the return value cannot be stored: a: [0]: NaN cannot be an XCom: it is not in JSON"}},
		{"type that is no XCom", give(struct{}{}), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "the return value cannot be stored: a value of type struct {} cannot be an XCom: push numbers, texts, lists and dicts"}},
		{"broken JSON", give(json.RawMessage("{")), nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "the return value cannot be stored: not JSON"}},
		{"store that fails", func(ctx context.Context, a *Attempt) (Result, error) {
			return Result{}, a.XComs.Push(ctx, "k", 1)
		}, func(w *world, _ *dag.Task) { w.store.fail = errors.New("disk full") }, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseInfra, Reason: `pushing XCom "k": disk full`}},
		{"claim that is lost", func(ctx context.Context, a *Attempt) (Result, error) {
			return Result{}, a.XComs.Push(ctx, "k", 1)
		}, func(w *world, _ *dag.Task) { w.store.token = "other" }, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: `pushing XCom "k": the attempt was replaced: it was cleared or taken for lost`}},
		{"trigger that is not there", func(ctx context.Context, a *Attempt) (Result, error) {
			_, err := a.Runs.Trigger(ctx, Trigger{})
			return Result{}, err
		}, nil, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "runs cannot be triggered from here"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.op("op", tc.run)
			task := w.task("t", "op", nil)
			if tc.change != nil {
				tc.change(w, task)
			}
			got, log := w.execute(t, "t", -1)
			if strings.Contains(got.Tail, "Starting attempt") {
				t.Errorf("the tail has the header: %q", got.Tail)
			}
			got.Tail = ""
			tc.want.Attempt, tc.want.Token, tc.want.At = run.Attempt{Key: run.Key{ID: w.run.ID, Task: "t", Map: -1}, Try: 1}, "tok", now
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got):\n%s\n%s", d, log)
			}
		})
	}
}

func TestUnknownTaskAndResume(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.op("op", give("x"))
	w.task("t", "op", nil)
	work := w.work(t, "t", -1)
	work.Instance.Task = "gone"
	rep := New(w.cfg).Execute(t.Context(), work)
	if rep.Outcome != run.OutcomeFatal || rep.Reason != `task "gone" is not in this version of DAG d` {
		t.Errorf("got %+v", rep)
	}
	work = w.work(t, "t", -1)
	work.Resume = true
	rep = New(w.cfg).Execute(t.Context(), work)
	if rep.Outcome != run.OutcomeFailed || rep.Cause != run.CauseInfra || rep.Reason != "the worker that ran it died, and this operator cannot be resumed" {
		t.Errorf("got %+v", rep)
	}
	w.ops["op"].Resumable = true
	if rep = New(w.cfg).Execute(t.Context(), work); rep.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", rep)
	}
	if log := w.logs.text(rep.Attempt); !strings.Contains(log, "Resuming attempt 1 of 1") {
		t.Errorf("log says\n%s", log)
	}
}

func TestRuntimePanicIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.op("op", give(nil))
	w.task("t", "op", nil)
	w.cfg.Operators = func(string) *Operator { panic("table is broken") }
	rep, _ := w.execute(t, "t", -1)
	if rep.Outcome != run.OutcomeFailed || rep.Cause != run.CauseInfra || rep.Reason != "the worker's runtime panicked: table is broken" || rep.Token != "tok" {
		t.Errorf("got %+v", rep)
	}
}

// waits returns an operator's function that lasts until its context ends.
func waits(a error) func(context.Context, *Attempt) (Result, error) {
	return func(ctx context.Context, _ *Attempt) (Result, error) {
		<-ctx.Done()
		return Result{}, a
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	killed := Exit{Code: -1, Signal: "SIGTERM"}.Err(0)
	for _, tc := range []struct {
		name    string
		end     error
		err     error
		outcome run.Outcome
		cause   run.Cause
		reason  string
	}{
		{"timeout", nil, killed, run.OutcomeFailed, run.CauseTimeout, "execution_timeout of 1m30s exceeded"},
		{"cancelled", executors.ErrCancelled, killed, run.OutcomeFatal, run.CauseUser, "cancelled: the task was cleared or marked while it was running"},
		{"shutdown", executors.ErrClosed, killed, run.OutcomeFailed, run.CauseInfra, "stopped because the worker is shutting down"},
		{"claim lost", ErrClaimLost, killed, run.OutcomeFailed, run.CauseInfra, "the attempt was replaced: it was cleared or taken for lost"},
		{"anything else", context.Canceled, killed, run.OutcomeFailed, run.CauseInfra, "stopped by the worker (context canceled)"},
		{"fatal at the end", executors.ErrClosed, Fatal(killed), run.OutcomeFailed, run.CauseInfra, "stopped because the worker is shutting down"},
		{"skip at the end", executors.ErrClosed, Skip("anyway"), run.OutcomeSkipped, "", "anyway"},
		{"success at the end", executors.ErrClosed, nil, run.OutcomeSuccess, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.op("op", waits(tc.err))
				w.task("t", "op", nil).ExecutionTimeout = 90 * time.Second
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tc.end != nil {
					time.AfterFunc(time.Second, func() { cancel(tc.end) })
				}
				rep := New(w.cfg).Execute(ctx, w.work(t, "t", -1))
				if rep.Outcome != tc.outcome || rep.Cause != tc.cause || rep.Reason != tc.reason {
					t.Errorf("got %s, %q, %q\nwant %s, %q, %q", rep.Outcome, rep.Cause, rep.Reason, tc.outcome, tc.cause, tc.reason)
				}
			})
		})
	}
}

func TestHeaderAndEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var env []string
	var dir string
	w.op("pkg.mod.SomeOperator", func(ctx context.Context, a *Attempt) (Result, error) {
		env, dir = a.Env(), a.Dir
		a.Log.With("k", "v w").WithGroup("g").InfoContext(ctx, "hello", "n", 1)
		fmt.Fprint(a.Output, "no newline")
		a.Log.DebugContext(ctx, "not shown")
		a.Log.WarnContext(ctx, "careful")
		return Result{}, errors.New("no good")
	})
	task := w.task("t", "pkg.mod.SomeOperator", nil)
	task.Owner, task.Email, task.EmailOnRetry, task.Retries = "o'neil", []string{"a@x", "b@x"}, false, 1
	rep, log := w.execute(t, "t", -1)
	want := `[2024-05-01T12:00:00.000+00:00] INFO - Starting attempt 1 of 2: dag_id=d task_id=t run_id=manual__2024-05-01T00:00:00+00:00 map_index=-1 on host1 (worker w1)
[2024-05-01T12:00:00.000+00:00] INFO - Executing <Task(SomeOperator): t> on 2024-05-01T00:00:00+00:00
[2024-05-01T12:00:00.000+00:00] INFO - Exporting env vars: AIRFLOW_CTX_DAG_OWNER='o'"'"'neil' AIRFLOW_CTX_DAG_ID='d' AIRFLOW_CTX_TASK_ID='t' AIRFLOW_CTX_TRY_NUMBER='1' AIRFLOW_CTX_DAG_RUN_ID='manual__2024-05-01T00:00:00+00:00' AIRFLOW_CTX_DAG_EMAIL='a@x,b@x' AIRFLOW_CTX_LOGICAL_DATE='2024-05-01T00:00:00+00:00' AIRFLOW_CTX_EXECUTION_DATE='2024-05-01T00:00:00+00:00'
[2024-05-01T12:00:00.000+00:00] INFO - hello k="v w" g.n=1
no newline
[2024-05-01T12:00:00.000+00:00] WARNING - careful
[2024-05-01T12:00:00.000+00:00] ERROR - Task failed: no good (cause: task)
[2024-05-01T12:00:00.000+00:00] INFO - Marking task as UP_FOR_RETRY after 2.000 s. dag_id=d, task_id=t, run_id=manual__2024-05-01T00:00:00+00:00, map_index=-1, try_number=1
`
	if d := cmp.Diff(want, log); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
	if dir != "/dags/team" {
		t.Errorf("folder is %s", dir)
	}
	wantEnv := []string{
		"AIRFLOW_CTX_DAG_OWNER=o'neil", "AIRFLOW_CTX_DAG_ID=d", "AIRFLOW_CTX_TASK_ID=t", "AIRFLOW_CTX_TRY_NUMBER=1",
		"AIRFLOW_CTX_DAG_RUN_ID=manual__2024-05-01T00:00:00+00:00", "AIRFLOW_CTX_DAG_EMAIL=a@x,b@x",
		"AIRFLOW_CTX_LOGICAL_DATE=2024-05-01T00:00:00+00:00", "AIRFLOW_CTX_EXECUTION_DATE=2024-05-01T00:00:00+00:00",
		"UPDRAFT_DAG_OWNER=o'neil", "UPDRAFT_DAG_ID=d", "UPDRAFT_TASK_ID=t", "UPDRAFT_TRY_NUMBER=1",
		"UPDRAFT_DAG_RUN_ID=manual__2024-05-01T00:00:00+00:00", "UPDRAFT_DAG_EMAIL=a@x,b@x",
		"UPDRAFT_LOGICAL_DATE=2024-05-01T00:00:00+00:00", "UPDRAFT_EXECUTION_DATE=2024-05-01T00:00:00+00:00",
		"UPDRAFT_MAP_INDEX=-1", "UPDRAFT_DATA_INTERVAL_START=2024-05-01T00:00:00+00:00", "UPDRAFT_DATA_INTERVAL_END=2024-05-01T00:00:00+00:00",
	}
	if d := cmp.Diff(wantEnv, env); d != "" {
		t.Errorf("environment (-want +got):\n%s", d)
	}
	if !strings.HasSuffix(rep.Tail, "no newline\n[2024-05-01T12:00:00.000+00:00] WARNING - careful") {
		t.Errorf("tail is\n%s", rep.Tail)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	w := newWorld()
	reg := settings.NewRegistry(settings.Config{Store: w.store})
	ctx := t.Context()
	if err := errors.Join(
		reg.PutConnection(ctx, settings.Connection{ID: "secret", Type: "x", Password: "hunter2"}),
		reg.PutConnection(ctx, settings.Connection{ID: "longer", Type: "x", Password: "hunter2-and-more"}),
		reg.PutVariable(ctx, settings.Variable{Key: "my_api_key", Value: "k3y-k3y"}),
	); err != nil {
		t.Fatal(err)
	}
	w.op("op", func(ctx context.Context, a *Attempt) (Result, error) {
		_, _ = a.Settings.Connection(ctx, "longer")
		key, _ := a.Settings.Variable(ctx, "my_api_key")
		if a.Args["arg"] != "hunter2" {
			t.Errorf("argument is %v", a.Args["arg"])
		}
		fmt.Fprintf(a.Output, "password=%s longer=hunter2-and-more key=%s\n", a.Args["arg"], key)
		if err := a.Settings.SetVariable(ctx, settings.Variable{Key: "new_token", Value: "t0ken!"}); err != nil {
			t.Error(err)
		}
		return Result{}, fmt.Errorf("login with hunter2, t0ken! and %s failed", key)
	}, "arg")
	w.task("t", "op", dag.Values{"arg": "{{ secret }}"})
	rep, log := w.execute(t, "t", -1)
	if rep.Reason != "login with ***, *** and *** failed" {
		t.Errorf("reason is %q", rep.Reason)
	}
	for what, text := range map[string]string{"log": log, "tail": rep.Tail} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "k3y") || !strings.Contains(text, "password=*** ") {
			t.Errorf("%s is\n%s", what, text)
		}
	}
	if v, err := reg.Variable(ctx, "new_token"); err != nil || v.Value != "t0ken!" {
		t.Errorf("variable is %v, %v", v.Value, err)
	}
}

// TestLimitedSettings has a DAG ask for what is another's: in a template, in an operator that
// makes something else of the error, and in one that goes on.
func TestLimitedSettings(t *testing.T) {
	t.Parallel()
	const said = "DAG d may not use connection `secret`, which is limited to etl: allow it with `updraft connections edit secret --dags etl,d`"
	ask := func(ctx context.Context, a *Attempt) error {
		_, err := a.Settings.Connection(ctx, "secret")
		return err
	}
	for name, tc := range map[string]struct {
		arg  string
		run  func(ctx context.Context, a *Attempt) (Result, error)
		want run.Report
	}{
		"template": {"{{ secret }}", func(context.Context, *Attempt) (Result, error) {
			return Result{}, errors.New("it was run")
		}, run.Report{Outcome: run.OutcomeFatal, Cause: run.CauseConfig, Reason: "argument arg: " + said}},
		"operator": {"", func(ctx context.Context, a *Attempt) (Result, error) {
			return Result{}, &CauseError{Cause: run.CauseInfra, Err: fmt.Errorf("conn_id: %w", ask(ctx, a))}
		}, run.Report{Outcome: run.OutcomeFatal, Cause: run.CauseConfig, Reason: "conn_id: " + said}},
		"caught": {"", func(ctx context.Context, a *Attempt) (Result, error) {
			_ = ask(ctx, a)
			return Result{}, nil
		}, run.Report{Outcome: run.OutcomeSuccess}},
		"writing": {"", func(ctx context.Context, a *Attempt) (Result, error) {
			_ = ask(ctx, a)
			return Result{}, a.Settings.SetVariable(ctx, settings.Variable{Key: "key", Value: "2"})
		}, run.Report{
			Outcome: run.OutcomeFatal, Cause: run.CauseConfig,
			Reason: "DAG d may not use variable `key`, which is limited to etl: allow it with `updraft variables edit key --dags etl,d`",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			reg, etl := w.cfg.Settings, settings.DAGs{"etl"}
			if err := errors.Join(
				reg.PutConnection(t.Context(), settings.Connection{ID: "secret", Type: "x", Password: "hunter2", DAGs: etl}),
				reg.PutVariable(t.Context(), settings.Variable{Key: "key", Value: "1", DAGs: etl}),
			); err != nil {
				t.Fatal(err)
			}
			w.op("op", tc.run, "arg")
			w.task("t", "op", dag.Values{"arg": tc.arg}).Retries = 3
			rep, log := w.execute(t, "t", -1)
			got := run.Report{Outcome: rep.Outcome, Cause: rep.Cause, Reason: rep.Reason}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("report (-want +got):\n%s", d)
			}
			if !strings.Contains(log, "ERROR - Refused: "+said) || strings.Contains(log, "hunter2") {
				t.Errorf("log is\n%s", log)
			}
			if v, err := reg.Variable(t.Context(), "key"); err != nil || v.Value != "1" {
				t.Errorf("the variable is %q, %v", v.Value, err)
			}
		})
	}
}

func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.op("op", func(_ context.Context, a *Attempt) (Result, error) {
		for i := range 3000 {
			fmt.Fprintf(a.Output, "line %d é\n", i)
		}
		return Result{}, errors.New("end")
	})
	w.op("big", func(_ context.Context, a *Attempt) (Result, error) {
		_, _ = a.Output.Write([]byte(strings.Repeat("é", 1<<20)))
		return Result{}, errors.New("end")
	})
	w.task("t", "op", nil)
	w.task("b", "big", nil)
	rep, _ := w.execute(t, "t", -1)
	if len(rep.Tail) > tailSize || len(rep.Tail) < tailSize/2 || !strings.HasSuffix(rep.Tail, "line 2999 é") || !strings.HasPrefix(rep.Tail, "line 2") {
		t.Errorf("tail has %d bytes and begins %.20q", len(rep.Tail), rep.Tail)
	}
	if rep, _ = w.execute(t, "b", -1); len(rep.Tail) > tailSize+4 || !strings.HasSuffix(rep.Tail, "éé") {
		t.Errorf("tail has %d bytes", len(rep.Tail))
	}
}

func TestInertHasNoLog(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.ops["noop"] = &Operator{Spec: dag.OperatorSpec{Class: "noop", Kind: dag.OperatorInert}, Run: give(nil)}
	w.task("t", "noop", nil)
	w.logs.fail = errors.New("must not be opened")
	rep, _ := w.execute(t, "t", -1)
	if rep.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", rep)
	}
}

func TestLogThatFailsIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.op("op", give(nil))
	w.task("t", "op", nil)
	w.logs.fail = errors.New("disk full")
	if rep, _ := w.execute(t, "t", -1); rep.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", rep)
	}
	w.cfg.Logs = nil
	if rep, _ := w.execute(t, "t", -1); rep.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", rep)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.op("op", func(_ context.Context, a *Attempt) (Result, error) {
		for _, u := range []AssetUpdate{
			{Asset: dag.AssetRef{URI: "s3://a"}, Extra: map[string]any{"rows": 4}},
			{Asset: dag.AssetRef{Name: "a"}, Extra: map[string]any{"rows": 5}},
			{Asset: dag.AssetRef{Name: "other", URI: "s3://b"}, Extra: map[string]any{"no": 1}},
			{Asset: dag.AssetRef{URI: "s3://dynamic", Name: "d"}, Alias: "al", Extra: map[string]any{"x": 1}},
			{Asset: dag.AssetRef{URI: "s3://dynamic", Name: "d"}, Alias: "al", Extra: map[string]any{"x": 1}},
			{Asset: dag.AssetRef{URI: "s3://dynamic", Name: "d"}, Alias: "second", Extra: map[string]any{"x": 1}},
			{Asset: dag.AssetRef{URI: "s3://dynamic", Name: "d"}, Alias: "al", Extra: map[string]any{"x": 2}},
			{Asset: dag.AssetRef{URI: "s3://a"}, Alias: "al"},
			{Asset: dag.AssetRef{URI: "s3://a"}, Alias: "no outlet"},
		} {
			a.Assets.Update(u)
		}
		return Result{}, nil
	})
	task := w.task("t", "op", nil)
	task.Outlets = []dag.AssetRef{{Name: "a", URI: "s3://a"}, {URI: "s3://b"}}
	key := run.Key{ID: w.run.ID, Task: "t", Map: -1}
	want := []run.AssetEvent{
		{Asset: "s3://a", Name: "a", At: now, Extra: map[string]any{"rows": 5}, Source: key},
		{Asset: "s3://b", At: now, Source: key},
	}
	rep, _ := w.execute(t, "t", -1)
	if d := cmp.Diff(want, rep.Events); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	task.Outlets = append(task.Outlets, dag.AssetRef{Alias: "al"}, dag.AssetRef{Alias: "second"})
	want = append(want,
		run.AssetEvent{Asset: "s3://dynamic", Name: "d", At: now, Extra: map[string]any{"x": 1}, Aliases: []string{"al", "second"}, Source: key},
		run.AssetEvent{Asset: "s3://dynamic", Name: "d", At: now, Extra: map[string]any{"x": 2}, Aliases: []string{"al"}, Source: key},
		run.AssetEvent{Asset: "s3://a", At: now, Aliases: []string{"al"}, Source: key})
	rep, _ = w.execute(t, "t", -1)
	if d := cmp.Diff(want, rep.Events); d != "" {
		t.Errorf("with an alias (-want +got):\n%s", d)
	}
}

// TestMemoryGrows: processes may use what their attempt was given after tries that ran out
// of memory, and what was found to be enough before.
func TestMemoryGrows(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		asked   int64
		ooms    int
		learned run.Memory
		want    int64
	}{
		"no bound":               {ooms: 1},
		"no bound any more":      {learned: run.Memory{Asked: 100, Doubled: 1}},
		"asked":                  {asked: 100, want: 100},
		"twice":                  {asked: 100, ooms: 2, want: 400},
		"learned":                {asked: 100, learned: run.Memory{Asked: 100, Doubled: 1}, want: 200},
		"learned, and no enough": {asked: 100, ooms: 1, learned: run.Memory{Asked: 100, Doubled: 1}, want: 400},
		"asks for more":          {asked: 300, learned: run.Memory{Asked: 100, Doubled: 1}, want: 300},
	} {
		var got int64
		w := newWorld()
		w.op("op", func(_ context.Context, a *Attempt) (Result, error) {
			got = a.Memory()
			return Result{}, nil
		})
		w.task("t", "op", nil).Resources.Memory = tt.asked
		work := w.work(t, "t", -1)
		work.Instance.OOMFailures, work.Memory = tt.ooms, tt.learned
		if rep := New(w.cfg).Execute(t.Context(), work); rep.Outcome != run.OutcomeSuccess {
			t.Errorf("%s: %+v", name, rep)
		}
		if got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, got, tt.want)
		}
	}
}

// sized are processes that have had so much memory, one after the other.
type sized []int64

func (s *sized) Exec(context.Context, Command) (Exit, error) {
	n := (*s)[0]
	*s = (*s)[1:]
	return Exit{MaxRSS: n}, nil
}

// TestPeakMemory: a report tells of the largest process.
func TestPeakMemory(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.cfg.Processes = &sized{10, 30, 20}
	w.op("three", func(ctx context.Context, a *Attempt) (Result, error) {
		for range 3 {
			if _, err := a.Processes.Exec(ctx, Command{}); err != nil {
				return Result{}, err
			}
		}
		a.Used(25)
		return Result{}, nil
	})
	w.op("none", give(nil))
	w.task("three", "three", nil)
	w.task("none", "none", nil)
	for id, want := range map[string]int64{"three": 30, "none": 0} {
		if rep, _ := w.execute(t, id, -1); rep.PeakMemory != want || rep.Outcome != run.OutcomeSuccess {
			t.Errorf("%s: %+v, want a peak of %d", id, rep, want)
		}
	}
	(&Attempt{}).Used(1) // nobody asks
}
