package callable_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

type dict = map[string]any

// open returns a runner of the machine's python3, with a grace that is long enough on a
// busy machine.
func open(t testing.TB, c callable.Config) *callable.Runner {
	t.Helper()
	return openWithGrace(t, c, 30*time.Second)
}

func openWithGrace(t testing.TB, c callable.Config, grace time.Duration) *callable.Runner {
	t.Helper()
	dir := t.TempDir()
	c.Start = func(ctx context.Context) (*python.Runner, error) {
		return python.Start(ctx, python.Config{Dir: dir, Grace: grace})
	}
	r := callable.New(c)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// attempt returns a harness whose folder has tasks.py with a source.
func attempt(t testing.TB, source string) *operatortest.Harness {
	t.Helper()
	h := operatortest.New(t)
	if err := os.WriteFile(filepath.Join(h.Dir, "tasks.py"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

func function(name string) task.PythonCall {
	return task.PythonCall{Callable: dag.Callable{File: "tasks.py", Name: name}}
}

const endings = `
import ctypes, os, signal, sys, time
from datetime import datetime, timezone
from airflow.exceptions import *

def nothing(): pass
def value(): return {"a": (1, 2.0)}
def skip(): raise AirflowSkipException("not today")
def skip_silently(): raise AirflowSkipException
def fail(): raise ValueError("bad value")
def fail_without_text(): raise ValueError
def fail_for_good(): raise AirflowFailException("never again")
def reschedule(): raise AirflowRescheduleException(datetime(2030, 1, 2, tzinfo=timezone.utc))
def sensor_timeout(): raise AirflowSensorTimeout("waited")
def timeout(): raise AirflowTaskTimeout("long")
def leave(): sys.exit(3)
def exit_hard(): os._exit(7)
def crash(): ctypes.string_at(0)
def kill(): os.kill(os.getpid(), signal.SIGKILL)
def terminate(): os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)
def memory(): return len(b"x" * (1 << 30))
`

func TestEndings(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	for _, tt := range []struct{ name, want, value string }{
		{"nothing", "success", ""},
		{"value", "success", `{"a":{"__classname__":"builtins.tuple","__version__":1,"__data__":[1,2.0]}}`},
		{"skip", "skipped: not today", ""},
		{"skip_silently", "skipped: AirflowSkipException without a reason", ""},
		{"fail", "failed (task, 0): ValueError: bad value", ""},
		{"fail_without_text", "failed (task, 0): ValueError", ""},
		{"fail_for_good", "fatal (task): AirflowFailException: never again", ""},
		{"reschedule", "reschedule: 2030-01-02T00:00:00Z", ""},
		{"sensor_timeout", "fatal (timeout): AirflowSensorTimeout: waited", ""},
		{"timeout", "failed (timeout, 0): AirflowTaskTimeout: long", ""},
		{"leave", "failed (task, 3): SystemExit: the callable called sys.exit(3)", ""},
		{"exit_hard", "failed (task, 7): the process ended with code 7 before the callable returned", ""},
		{"crash", "failed (task, -1): the process crashed with SIGSEGV", ""},
		{"kill", "failed (task, -1): killed by SIGKILL", ""},
		{"terminate", "failed (task, 0): AirflowTaskTerminated: the task was told to end (SIGTERM)", ""},
		{"memory", "failed (oom, 0): MemoryError: an allocation failed (limit 512 MiB)", ""},
		{"missing", "failed (task, 0): updraft_runner.calls.CannotLoad: ", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := attempt(t, endings)
			h.Task.Resources.Memory = 512 << 20
			got, err := r.Call(t.Context(), h.Attempt(nil), function(tt.name))
			if said := operatortest.Outcome(err); !strings.HasPrefix(said, tt.want) {
				t.Errorf("%s ends as %q, want %q", tt.name, said, tt.want)
			}
			if diff := cmp.Diff(tt.value, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, `
from airflow.sensors.base import PokeReturnValue
def no(): return []
def yes(): return "text"
def both(): return PokeReturnValue(is_done=True, xcom_value=[1])
def status(response): return response.status_code == 200 and response.json() == {"a": 1}
def pages(responses): return [r.text for r in responses] == ["x", "y"]
def broken(): raise KeyError("k")
`)
	one := []task.PythonResponse{{StatusCode: 200, Body: []byte(`{"a": 1}`)}}
	for _, tt := range []struct {
		name  string
		call  task.PythonCall
		done  bool
		value string
		end   string
	}{
		{"no", task.PythonCall{}, false, "", "success"},
		{"yes", task.PythonCall{}, true, "", "success"},
		{"both", task.PythonCall{}, true, "[1]", "success"},
		{"status", task.PythonCall{Responses: one}, true, "", "success"},
		{"pages", task.PythonCall{Responses: []task.PythonResponse{{Body: []byte("x")}, {Body: []byte("y")}}, Paged: true}, true, "", "success"},
		{"broken", task.PythonCall{}, false, "", "failed (task, 0): KeyError: 'k'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.call.Callable = dag.Callable{Path: "tasks." + tt.name} // the DAG's folder is on the path
			done, value, err := r.Check(t.Context(), h.Attempt(nil), tt.call)
			if said := operatortest.Outcome(err); done != tt.done || string(value) != tt.value || said != tt.end {
				t.Errorf("got %v, %s, %s; want %v, %s, %s", done, value, said, tt.done, tt.value, tt.end)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, `
def show(*args, templates_dict, **kwargs):
    import os
    return [repr(args), repr(kwargs["k"]), templates_dict, os.environ["A"], os.environ["B"], os.path.basename(os.getcwd())]
def plain(*args, **kwargs): return [repr(args), repr(kwargs)]
`)
	h.Env = []string{"A=1", "B=1"}
	c := function("show")
	c.Args = []any{int64(1), 2.0, task.Tuple{"a"}, 90 * time.Second, json.RawMessage(`{"__classname__":"builtins.set","__version__":1,"__data__":[1]}`)}
	c.Kwargs = dict{"k": operatortest.Logical}
	c.TemplatesDict = dict{"q": "select"}
	c.Env = []string{"B=2"}
	got, err := r.Call(t.Context(), h.Attempt(nil), c)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		"(1, 2.0, ('a',), datetime.timedelta(seconds=90), {1})", "datetime.datetime(2024, 5, 1, 0, 0, tzinfo=datetime.timezone.utc)",
		dict{"q": "select"}, "1", "2", filepath.Base(h.Dir),
	}
	if diff := cmp.Diff(want, decode(t, got)); diff != "" {
		t.Error(diff)
	}
	c = function("plain")
	c.Args, c.NoContext = []any{"x"}, true
	got, err = r.Call(t.Context(), h.Attempt(nil), c)
	if diff := cmp.Diff([]any{"('x',)", "{}"}, decode(t, got)); diff != "" || err != nil {
		t.Error(diff, err)
	}
	c.Args = []any{func() {}}
	_, err = r.Call(t.Context(), h.Attempt(nil), c)
	if said := operatortest.Outcome(err); !strings.HasPrefix(said, "fatal (config): op_args[0]: a value of type func()") {
		t.Error(said)
	}
	_, err = r.Call(t.Context(), h.Attempt(nil), task.PythonCall{Callable: dag.Callable{Lambda: "lambda ds: ds"}})
	if err != nil {
		t.Error(err)
	}
}

func decode(t testing.TB, raw json.RawMessage) any {
	t.Helper()
	v, err := task.DecodeXCom(raw)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}

func TestValueThatIsNotPushed(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, "def branch(): return 'a'\ndef anything(): return object()\n")
	if _, err := r.Call(t.Context(), h.Attempt(nil), function("anything")); err == nil {
		t.Error("an object is pushed")
	}
	h.Task.DoXComPush = false
	got, err := r.Call(t.Context(), h.Attempt(nil), function("anything"))
	if got != nil || err != nil {
		t.Errorf("an object that is not pushed: %s, %v", got, err)
	}
	got, err = r.Call(t.Context(), h.Attempt(nil), function("branch"))
	if string(got) != `"a"` || err != nil {
		t.Errorf("a branch that is not pushed: %s, %v", got, err)
	}
}

func TestExecutionTimeout(t *testing.T) {
	t.Parallel()
	const source = `
import time
from airflow.exceptions import AirflowTaskTimeout
def ready(): pass
def slow():
    try: time.sleep(60)
    except AirflowTaskTimeout: print("cleaned up", flush=True); raise
def deaf():
    while True:
        try: time.sleep(60)
        except BaseException: pass
`
	for name, grace := range map[string]time.Duration{"slow": 30 * time.Second, "deaf": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openWithGrace(t, callable.Config{}, grace)
			h := attempt(t, source)
			if _, err := r.Call(t.Context(), h.Attempt(nil), function("ready")); err != nil { // the interpreter is up
				t.Fatal(err)
			}
			h.Task.ExecutionTimeout = 500 * time.Millisecond
			ctx, cancel := context.WithTimeoutCause(t.Context(), h.Task.ExecutionTimeout, task.ErrTimeout)
			defer cancel()
			_, err := r.Call(ctx, h.Attempt(nil), function(name))
			if said := operatortest.Outcome(err); !strings.HasPrefix(said, "failed (timeout, ") {
				t.Errorf("it ended as %s", said)
			}
			if name == "slow" && !strings.Contains(h.Log(), "cleaned up") {
				t.Errorf("the callable did not see AirflowTaskTimeout:\n%s", h.Log())
			}
		})
	}
}

// signalled is an output that says when the callable has begun.
type signalled struct{ begun chan struct{} }

func (s signalled) Write(p []byte) (int, error) {
	select {
	case s.begun <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestStopped(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, "import time\ndef slow():\n    print('begun', flush=True)\n    time.sleep(60)\n")
	h.Task.ExecutionTimeout = time.Hour // and so a deadline, which is not what ends it
	deadline, stop := context.WithTimeoutCause(t.Context(), time.Hour, task.ErrTimeout)
	defer stop()
	ctx, cancel := context.WithCancelCause(deadline)
	a := h.Attempt(nil)
	out := signalled{make(chan struct{}, 1)}
	a.Output = out
	go func() {
		<-out.begun
		cancel(errors.New("shutdown"))
	}()
	_, err := r.Call(ctx, a, function("slow"))
	if err == nil || !strings.Contains(err.Error(), "told to end") {
		t.Errorf("a call whose context ended gives %v", err)
	}
	_, err = r.Call(ctx, a, function("slow"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a call in a context that has ended gives %v", err)
	}
}

func TestLazyStart(t *testing.T) {
	t.Parallel()
	var starts atomic.Int32
	dir := t.TempDir()
	r := callable.New(callable.Config{Start: func(ctx context.Context) (*python.Runner, error) {
		if starts.Add(1) == 1 {
			return nil, errors.New("no memory")
		}
		return python.Start(ctx, python.Config{Dir: dir})
	}})
	h := attempt(t, "import time\ndef f(): return 1\ndef slow():\n    print('begun', flush=True)\n    time.sleep(60)\n")
	var said []string
	for range 3 {
		_, err := r.Call(t.Context(), h.Attempt(nil), function("f"))
		said = append(said, operatortest.Outcome(err))
	}
	if diff := cmp.Diff([]string{"failed (infra, 0): running Python: no memory", "success", "success"}, said); diff != "" || starts.Load() != 2 {
		t.Errorf("%s, %d starts", diff, starts.Load())
	}
	a := h.Attempt(nil)
	out := signalled{make(chan struct{}, 1)}
	a.Output = out
	closed := make(chan error, 1)
	go func() {
		<-out.begun
		closed <- r.Close()
	}()
	_, err := r.Call(t.Context(), a, function("slow"))
	if said := operatortest.Outcome(err); !errors.Is(err, python.ErrLost) || !strings.HasPrefix(said, "failed (infra, 0): running Python") {
		t.Errorf("a call under a Close ends as %s", said)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := r.Call(t.Context(), a, function("f")); !errors.Is(err, python.ErrClosed) {
		t.Errorf("a call after Close gives %v", err)
	}
	if err := callable.New(callable.Config{}).Close(); err != nil {
		t.Error(err)
	}
}

func BenchmarkCall(b *testing.B) {
	r := open(b, callable.Config{})
	h := attempt(b, "def f(ti, params): return 1\n")
	a := h.Attempt(nil)
	if _, err := r.Call(b.Context(), a, function("f")); err != nil { // starts the interpreter
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.Call(b.Context(), a, function("f")); err != nil {
			b.Fatal(err)
		}
	}
}
