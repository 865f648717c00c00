package python

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// buffer is a writer that many attempts may share.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// impatience is the grace of tests in which a process has to be killed. All others have
// time: on a busy machine an interpreter needs long to start.
const (
	impatience = 300 * time.Millisecond
	patience   = 30 * time.Second
)

// start starts a runner.
func start(t testing.TB, c Config) *Runner {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	if c.Grace == 0 {
		c.Grace = patience
	}
	r, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// file writes Python source to a file and returns its path.
func file(t testing.TB, source string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tasks.py")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// aContext is the context of a scheduled run.
func aContext() map[string]any {
	return map[string]any{
		"ti":      map[string]any{"dag_id": "d", "task_id": "t", "run_id": "r1", "try_number": 2, "max_tries": 3},
		"dag_run": map[string]any{"run_id": "r1", "logical_date": "2024-02-29T06:00:00Z", "data_interval_start": "2024-02-29T06:00:00Z", "data_interval_end": "2024-03-01T06:00:00+09:00", "conf": map[string]any{"a": 1}},
		"dag":     map[string]any{"dag_id": "d", "tags": []string{"x"}},
		"task":    map[string]any{"task_id": "t", "retries": 3},
		"params":  map[string]any{"p": "q"},
	}
}

const endings = `
import os, signal, sys, time, ctypes
from datetime import datetime, timezone
from airflow.exceptions import *

def skip(): raise AirflowSkipException("not today")
def fail_for_good(): raise AirflowFailException("never again")
def reschedule(): raise AirflowRescheduleException(datetime(2030, 1, 2, tzinfo=timezone.utc))
def sensor_timeout(): raise AirflowSensorTimeout("waited")
def task_timeout(): raise AirflowTaskTimeout("long")
def value_error():
    def inner(): raise ValueError("bad value")
    inner()
def from_cause():
    try: {}["k"]
    except KeyError as e: raise RuntimeError("outer") from e
def leave(): sys.exit(3)
def leave_zero(): sys.exit(0)
def exit_hard(): os._exit(7)
def exit_zero(): os._exit(0)
def segfault(): ctypes.string_at(0)
def abort(): os.abort()
def kill_self(): os.kill(os.getpid(), signal.SIGKILL)
def memory(): return len(b"x" * (1 << 30))
def deferred(): raise TaskDeferred(trigger=None, method_name="x")
def bad_text():
    class E(Exception):
        def __str__(self): raise RuntimeError("no")
    raise E()
def lone(): raise ValueError("\udcff and 서울")
def returns_bytes(): return {"a": [b"x"]}
def returns_nan(): return [float("nan")]
def wrong_args(must): pass
def stuck_in_c():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGALRM])
    print("begun", flush=True); time.sleep(60)
def slow():
    try: print("begun", flush=True); time.sleep(60)
    finally: print("cleaned up", flush=True)
def swallow():
    try: time.sleep(60)
    except BaseException: time.sleep(60)
def closes():
    sys.stdout.close(); sys.stderr.close(); os.close(1); return 1
def forks():
    if os.fork() == 0: return "child"
    os.wait(); return "parent"
def none(): return None
class Base:
    @staticmethod
    def nested(): return "nested"
async def coroutine(): return "awaited"
`

func TestOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		call    Call
		outcome Outcome
		errType string
		message string // contained
		code    int
		signal  string
		// ignores says that the process does not end when it is told to.
		ignores bool
	}{
		{name: "none", outcome: OutcomeSuccess},
		{name: "Base.nested", outcome: OutcomeSuccess},
		{name: "coroutine", outcome: OutcomeSuccess},
		{name: "skip", outcome: OutcomeSkip, errType: "airflow.sdk.exceptions.AirflowSkipException", message: "not today"},
		{name: "fail_for_good", outcome: OutcomeFailNoRetry, errType: "airflow.sdk.exceptions.AirflowFailException", message: "never again"},
		{name: "reschedule", outcome: OutcomeReschedule, errType: "airflow.sdk.exceptions.AirflowRescheduleException"},
		{name: "sensor_timeout", outcome: OutcomeSensorTimeout, errType: "airflow.sdk.exceptions.AirflowSensorTimeout", message: "waited"},
		{name: "task_timeout", outcome: OutcomeTimeout, errType: "airflow.sdk.exceptions.AirflowTaskTimeout", message: "long"},
		{name: "value_error", outcome: OutcomeFail, errType: "ValueError", message: "bad value"},
		{name: "from_cause", outcome: OutcomeFail, errType: "RuntimeError", message: "outer"},
		{name: "leave", outcome: OutcomeFail, errType: "SystemExit", message: "sys.exit(3)", code: 3},
		{name: "leave_zero", outcome: OutcomeFail, errType: "SystemExit", message: "sys.exit(0)"},
		{name: "exit_hard", outcome: OutcomeFail, message: "ended with code 7 before the callable returned", code: 7},
		{name: "exit_zero", outcome: OutcomeFail, message: "ended with code 0 before the callable returned"},
		{name: "segfault", outcome: OutcomeFail, message: "crashed with SIGSEGV", code: -1, signal: "SIGSEGV"},
		{name: "abort", outcome: OutcomeFail, message: "crashed with SIGABRT", code: -1, signal: "SIGABRT"},
		{name: "kill_self", outcome: OutcomeKilled, message: "SIGKILL from outside", code: -1, signal: "SIGKILL"},
		{name: "deferred", outcome: OutcomeFail, errType: "airflow.sdk.exceptions.TaskDeferred", message: "deferrable=False"},
		{name: "bad_text", outcome: OutcomeFail, message: "its text raised RuntimeError"},
		{name: "lone", outcome: OutcomeFail, errType: "ValueError", message: `\udcff and 서울`},
		{name: "returns_bytes", outcome: OutcomeFail, errType: "updraft_runner.xcom.NotStorable", message: "return_value['a'][0] is of type builtins.bytes, which XCom cannot hold: return text"},
		{name: "returns_bytes", call: Call{OptionalValue: true}, outcome: OutcomeSuccess},
		{name: "returns_nan", outcome: OutcomeFail, message: "return_value[0] is nan"},
		{name: "wrong_args", outcome: OutcomeFail, errType: "TypeError", message: "must"},
		{name: "slow", call: Call{Timeout: 100 * time.Millisecond}, outcome: OutcomeTimeout, errType: "airflow.sdk.exceptions.AirflowTaskTimeout", message: "Timeout, PID"},
		{name: "swallow", call: Call{Timeout: 100 * time.Millisecond}, outcome: OutcomeTimeout, errType: "AirflowTaskTimeout", message: "was killed", code: -1, signal: "SIGKILL", ignores: true},
		{name: "stuck_in_c", call: Call{Timeout: 100 * time.Millisecond}, outcome: OutcomeTimeout, errType: "AirflowTaskTimeout", message: "was killed", code: -1, signal: "SIGKILL", ignores: true},
		{name: "closes", outcome: OutcomeSuccess},
		{name: "forks", outcome: OutcomeSuccess},
		{name: "valu_error", outcome: OutcomeFail, errType: "updraft_runner.calls.CannotLoad", message: "did you mean 'value_error'?"},
	}
	if runtime.GOOS == "linux" {
		tests = append(tests, tests[0])
		tests[len(tests)-1].name, tests[len(tests)-1].outcome = "memory", OutcomeFail
		tests[len(tests)-1].errType, tests[len(tests)-1].call.MemoryLimit = "MemoryError", 200<<20
	}
	for _, isolated := range []bool{false, true} {
		patient, impatient := start(t, Config{}), start(t, Config{Grace: impatience})
		path := file(t, endings)
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s/isolated=%v", tt.name, isolated), func(t *testing.T) {
				t.Parallel()
				var out buffer
				c, r := tt.call, patient
				if tt.ignores {
					r = impatient
				}
				c.Callable, c.Output, c.Isolated = Callable{File: path, Name: tt.name}, &out, isolated
				got, err := r.Run(context.Background(), c)
				if err != nil {
					t.Fatal(err)
				}
				if got.Outcome != tt.outcome || (tt.errType != "" && got.ErrType != tt.errType) ||
					!strings.Contains(got.ErrMessage, tt.message) || got.ExitCode != tt.code || got.Signal != tt.signal {
					t.Errorf("got %+v\nlog:\n%s", got, out.String())
				}
			})
		}
	}
}

func TestTracebackHidesOurFrames(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	var out buffer
	got, err := r.Run(t.Context(), Call{Callable: Callable{File: file(t, endings), Name: "from_cause"}, Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{got.Traceback, out.String()} {
		if strings.Contains(text, "updraft_runner") || strings.Contains(text, "child.py\", line") {
			t.Errorf("our own frames are shown:\n%s", text)
		}
		for _, want := range []string{"KeyError: 'k'", "direct cause", "in from_cause", "RuntimeError: outer"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in:\n%s", want, text)
			}
		}
	}
}

func TestReschedule(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	got, err := r.Run(t.Context(), Call{Callable: Callable{File: file(t, endings), Name: "reschedule"}})
	if want := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC); err != nil || !got.RescheduleAt.Equal(want) {
		t.Errorf("got %+v, %v, want a date of %v", got, err, want)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	path := file(t, endings)
	for _, tt := range []struct {
		name, errType, log string
		grace              time.Duration
	}{
		{"slow", "airflow.sdk.exceptions.AirflowTaskTerminated", "cleaned up", patience},
		{"stuck_in_c", "", "", impatience},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, Config{Grace: tt.grace})
			var out buffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			// The first thing it writes says that it has begun.
			first := writerFunc(func(p []byte) (int, error) { cancel(); return out.Write(p) })
			got, err := r.Run(ctx, Call{Callable: Callable{File: path, Name: tt.name}, Output: first})
			if err != nil || got.Outcome != OutcomeKilled || got.ErrType != tt.errType || !strings.Contains(out.String(), tt.log) {
				t.Errorf("got %+v, %v\nlog:\n%s", got, err, out.String())
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := start(t, Config{}).Run(ctx, Call{Callable: Callable{File: path, Name: "none"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// writerFunc is an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestGrandchildren(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	path := file(t, `
import subprocess, os
def leaves():
    return subprocess.Popen(["sleep", "60"]).pid
def daemon():
    p = subprocess.Popen(["sleep", "60"], start_new_session=True)
    return p.pid
`)
	for _, name := range []string{"leaves", "daemon"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out buffer
			got, err := r.Run(context.Background(), Call{Callable: Callable{File: path, Name: name}, Output: &out})
			if err != nil || got.Outcome != OutcomeSuccess {
				t.Fatalf("got %+v, %v", got, err)
			}
			var pid int
			if err := json.Unmarshal(got.Value, &pid); err != nil {
				t.Fatal(err)
			}
			if name == "daemon" { // it left the group, as it was told to; it must not hold us up
				syscall.Kill(pid, syscall.SIGKILL)
				return
			}
			eventually(t, func() bool { return !running(pid) })
		})
	}
}

// running says whether a process is there and no zombie.
func running(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// eventually waits for what the kernel does in its own time.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatal("it did not happen within 10 s")
		}
	}
}

func TestParentDies(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	path := file(t, `
import os, time
def wait():
    print(os.getpid(), flush=True)
    time.sleep(60)
`)
	out := make(lines, 10)
	failed := make(chan error)
	go func() {
		_, err := r.Run(context.Background(), Call{Callable: Callable{File: path, Name: "wait"}, Output: out})
		failed <- err
	}()
	var pid int
	fmt.Sscan(<-out, &pid)
	syscall.Kill(r.Info().PID, syscall.SIGKILL)
	if err := <-failed; !errors.Is(err, ErrLost) {
		t.Errorf("the attempt in flight: %v, want ErrLost", err)
	}
	eventually(t, func() bool { return !running(pid) })
	got, err := r.Run(t.Context(), Call{Callable: Callable{Lambda: "lambda: 5"}})
	if err != nil || string(got.Value) != "5" {
		t.Errorf("after the death of the parent: %+v, %v", got, err)
	}
}

type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestClose(t *testing.T) {
	t.Parallel()
	r, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	pid := r.Info().PID
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.dir); !os.IsNotExist(err) || running(pid) {
		t.Errorf("after Close: folder %v, running %v", err, running(pid))
	}
	if _, err := r.Run(t.Context(), Call{Callable: Callable{Lambda: "lambda: 5"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("Run after Close: %v", err)
	}
}

func TestMany(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			var out buffer
			got, err := r.Run(context.Background(), Call{
				Callable: Callable{Lambda: "lambda n: print('x' * 200000 + str(n)) or n * n"}, Args: []any{i}, Output: &out})
			if err != nil || string(got.Value) != fmt.Sprint(i*i) || !strings.HasPrefix(out.String(), strings.Repeat("x", 200000)+fmt.Sprint(i)+"\n") {
				t.Errorf("%d: %+v, %v, %d bytes of output", i, got, err, len(out.String()))
			}
		})
	}
	wg.Wait()
}

func TestHuge(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	big := strings.Repeat("é", 5<<20)
	got, err := r.Run(t.Context(), Call{Callable: Callable{Lambda: "lambda s: s"}, Args: []any{big}, HideValue: true})
	if err != nil || string(got.Value) != `"`+big+`"` {
		t.Errorf("%v, %v, %d bytes", err, got.Outcome, len(got.Value))
	}
	if got.MaxRSS < 20<<20 {
		t.Errorf("MaxRSS is %d bytes", got.MaxRSS)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	path := file(t, `
import logging, os, subprocess, sys, warnings
def talk():
    print("서울 \udcff")
    print("to stderr", file=sys.stderr)
    os.write(1, b"raw\n")
    subprocess.run(["sh", "-c", "echo from sh; echo err >&2"])
    logging.getLogger("airflow.task").info("logged %d", 5)
    logging.getLogger("x").debug("hidden")
    print("no newline", end="")
`)
	want := []string{"서울 \\udcff\n", "to stderr\n", "raw\n", "from sh\nerr\n", "{tasks.py:8} INFO - logged 5\n", "no newline"}
	for _, isolated := range []bool{false, true} {
		var out buffer
		f, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range []Call{{Output: &out}, {Output: f}} {
			c.Callable, c.Isolated, c.HideValue = Callable{File: path, Name: "talk"}, isolated, true
			if got, err := r.Run(t.Context(), c); err != nil || got.Outcome != OutcomeSuccess {
				t.Fatalf("%+v, %v", got, err)
			}
			text := out.String()
			if i == 1 {
				data, _ := os.ReadFile(f.Name())
				text = string(data)
			}
			for _, part := range want {
				if !strings.Contains(text, part) {
					t.Errorf("isolated %v, %T: %q is missing in:\n%s", isolated, c.Output, part, text)
				}
			}
			if strings.Contains(text, "hidden") {
				t.Errorf("a debug line is shown at level INFO")
			}
		}
		f.Close()
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	tests := []struct {
		name string
		call Call
		want string
		done bool
	}{
		{name: "empty text", call: Call{Callable: Callable{Lambda: "lambda: ''"}}, want: `""`},
		{name: "none", call: Call{Callable: Callable{Lambda: "lambda: None"}}},
		{name: "path", call: Call{Callable: Callable{Path: "os.path.join"}, Args: []any{"a", "b"}, NoContext: true}, want: `"a/b"`},
		{name: "method of a class", call: Call{Callable: Callable{Path: "collections.OrderedDict.fromkeys"}, Args: []any{"a"}, NoContext: true}, want: `{"a":null}`},
		{name: "kwargs win", call: Call{Callable: Callable{Lambda: "lambda ds: ds"}, Kwargs: map[string]any{"ds": "mine"}, Context: aContext()}, want: `"mine"`},
		{name: "context", call: Call{Callable: Callable{Lambda: "lambda ds, ts, ti, params, dag_run, task_instance_key_str, data_interval_end, **k: [ds, ts, ti.try_number, params, dag_run.conf, task_instance_key_str, str(data_interval_end), ti is k['task_instance']]"}, Context: aContext()},
			want: `["2024-02-29","2024-02-29T06:00:00+00:00",2,{"p":"q"},{"a":1},"d__t__20240229","2024-03-01 06:00:00+09:00",true]`},
		{name: "templates_dict", call: Call{Callable: Callable{Lambda: "lambda templates_dict: templates_dict"}, TemplatesDict: map[string]any{"a": "b"}}, want: `{"a":"b"}`},
		{name: "tagged argument", call: Call{Callable: Callable{Lambda: "lambda d: d.isoformat()"}, Args: []any{map[string]any{"__classname__": "datetime.date", "__version__": 2, "__data__": "2024-01-02"}}}, want: `"2024-01-02"`},
		{name: "env", call: Call{Callable: Callable{Lambda: "lambda: [__import__('os').environ['A'], __import__('os').getcwd()]"}, Env: []string{"A=b=c"}, Dir: "/"}, want: `["b=c","/"]`},
		{name: "check", call: Call{Callable: Callable{Lambda: "lambda: [1]"}, Mode: ModeCheck}, done: true},
		{name: "check no", call: Call{Callable: Callable{Lambda: "lambda: 0"}, Mode: ModeCheck}},
		{name: "poke", call: Call{Callable: Callable{Lambda: "lambda: __import__('airflow.sdk').sdk.PokeReturnValue(True, {'a': 1})"}, Mode: ModeCheck}, want: `{"a":1}`, done: true},
		{name: "response", call: Call{Callable: Callable{Lambda: "lambda response, ds: response.ok and response.json()['a'] == ds and response.headers['content-type'] == 'x'"}, Mode: ModeCheck, Context: aContext(),
			Response: &Response{StatusCode: 200, Headers: map[string]string{"Content-Type": "x"}, Body: []byte(`{"a":"2024-02-29"}`)}}, done: true},
		{name: "responses", call: Call{Callable: Callable{Lambda: "lambda rs: [r.text for r in rs]"}, Responses: []Response{{Body: []byte("a")}, {Body: []byte("b")}}}, want: `["a","b"]`},
		{name: "callback", call: Call{Callable: Callable{Lambda: "lambda context, x: print(context['ds'], x, repr(context['exception'])) or 1/x"}, Mode: ModeCallback, Kwargs: map[string]any{"x": 1},
			Context: merged(aContext(), map[string]any{"exception": map[string]any{"type": "ValueError", "message": "m"}})}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out buffer
			tt.call.Output = &out
			got, err := r.Run(context.Background(), tt.call)
			if err != nil || got.Outcome != OutcomeSuccess || got.Done != tt.done || got.HasValue != (tt.want != "") {
				t.Fatalf("got %+v, %v\nlog:\n%s", got, err, out.String())
			}
			if diff := cmp.Diff(tt.want, string(got.Value)); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func merged(a, b map[string]any) map[string]any {
	for k, v := range b {
		a[k] = v
	}
	return a
}

func TestFreshCode(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	path := file(t, "def f(): return 1\n")
	for _, want := range []string{"1", "2", "3"} {
		got, err := r.Run(t.Context(), Call{Callable: Callable{File: path, Name: "f"}})
		if err != nil || string(got.Value) != want {
			t.Fatalf("got %+v, %v, want %s", got, err, want)
		}
		next := fmt.Sprintf("def f(): return %c\n", want[0]+1)
		if err := os.WriteFile(path, []byte(next), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkFibo is 40 calls of fibo(10), one after another.
func BenchmarkFibo(b *testing.B) {
	for name, isolated := range map[string]bool{"forked": false, "isolated": true} {
		b.Run(name, func(b *testing.B) {
			r := start(b, Config{})
			path := file(b, "def fibo(n): return n if n < 2 else fibo(n - 1) + fibo(n - 2)\n")
			for b.Loop() {
				for range 40 {
					got, err := r.Run(b.Context(), Call{
						Callable: Callable{File: path, Name: "fibo"}, Args: []any{10}, Context: aContext(), Output: &buffer{}, Isolated: isolated})
					if err != nil || string(got.Value) != "55" {
						b.Fatalf("%+v, %v", got, err)
					}
				}
			}
		})
	}
}
