package bash_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/bash"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/task"
)

const (
	bashClass      = "airflow.providers.standard.operators.bash.BashOperator"
	sensorClass    = "airflow.providers.standard.sensors.bash.BashSensor"
	decoratedClass = "airflow.providers.standard.decorators.bash._BashDecoratedOperator"
	commandClass   = "updraft.operators.CommandOperator"
)

type args = map[string]any

func harness(t *testing.T) *operatortest.Harness {
	h := operatortest.New(t)
	h.Env = []string{"AIRFLOW_CTX_DAG_ID=d"}
	return h
}

// environ is a worker's environment.
var environ = []string{"PATH=" + os.Getenv("PATH"), "FROM_WORKER=yes", "BOTH=worker"}

func TestBash(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		args    args
		want    any
		outcome string
	}{
		{name: "last line", args: args{"bash_command": "echo one; echo two"}, want: "two"},
		{name: "no newline at the end", args: args{"bash_command": "echo one; printf two"}, want: "two"},
		{name: "an empty last line", args: args{"bash_command": "echo one; echo"}, want: ""},
		{name: "spaces at the end", args: args{"bash_command": "printf ' x \t\r\n'"}, want: " x"},
		{name: "no output", args: args{"bash_command": "true"}, want: ""},
		{name: "standard error counts", args: args{"bash_command": "echo one; echo two >&2"}, want: "two"},
		{name: "bytes that are no UTF-8", args: args{"bash_command": `printf 'a\xffb'`}, want: "a\uFFFDb"},
		{name: "another encoding", args: args{"bash_command": `printf '\xe4'`, "output_encoding": "latin_1"}, want: "ä"},
		{
			name: "an unknown encoding", args: args{"bash_command": "true", "output_encoding": "klingon"},
			outcome: `fatal (config): argument output_encoding: "klingon" is not known: use utf-8`,
		},
		{name: "exit code", args: args{"bash_command": "echo why; exit 3"}, outcome: "failed (task, 3): exit code 3: why"},
		{name: "99 skips", args: args{"bash_command": "exit 99"}, outcome: "skipped: exit code 99"},
		{name: "another code skips", args: args{"bash_command": "exit 7", "skip_on_exit_code": int64(7)}, outcome: "skipped: exit code 7"},
		{name: "then 99 fails", args: args{"bash_command": "exit 99", "skip_on_exit_code": int64(7)}, outcome: "failed (task, 99): exit code 99"},
		{name: "one of several", args: args{"bash_command": "exit 8", "skip_on_exit_code": []any{int64(7), int64(8)}}, outcome: "skipped: exit code 8"},
		{name: "null skips never", args: args{"bash_command": "exit 99", "skip_on_exit_code": nil}, outcome: "failed (task, 99): exit code 99"},
		{name: "0 may skip", args: args{"bash_command": "true", "skip_on_exit_code": int64(0)}, outcome: "skipped: exit code 0"},
		{
			name: "codes are numbers", args: args{"bash_command": "true", "skip_on_exit_code": "x"},
			outcome: "fatal (config): argument skip_on_exit_code: x is no exit code: use whole numbers",
		},
		{name: "a signal", args: args{"bash_command": "kill -KILL $$"}, outcome: "failed (task, -1): killed by SIGKILL"},
		{name: "inherits", args: args{"bash_command": "echo $FROM_WORKER $AIRFLOW_CTX_DAG_ID"}, want: "yes d"},
		{name: "null env inherits", args: args{"bash_command": "echo $FROM_WORKER", "env": nil}, want: "yes"},
		{name: "env replaces", args: args{"bash_command": "echo $X-$FROM_WORKER-$AIRFLOW_CTX_DAG_ID", "env": args{"X": "1"}}, want: "1--d"},
		{name: "empty env replaces", args: args{"bash_command": "echo -$FROM_WORKER-", "env": args{}}, want: "--"},
		{name: "env appended", args: args{"bash_command": "echo $FROM_WORKER $BOTH", "env": args{"BOTH": "task"}, "append_env": true}, want: "yes task"},
		{
			name: "env of numbers", args: args{"bash_command": "true", "env": args{"N": int64(1)}},
			outcome: "fatal (config): argument env: N is 1, not a text: put it in quotes",
		},
		{
			name: "a bad name", args: args{"bash_command": "true", "env": args{"A=B": "1"}},
			outcome: `fatal (config): argument env: "A=B" cannot be a variable`,
		},
		{name: "NUL", args: args{"bash_command": "echo \x00"}, outcome: "fatal (config): the script has a NUL byte, which bash cannot read"},
		{name: "cwd", args: args{"bash_command": "basename $PWD", "cwd": "/"}, want: "/"},
		{name: "cwd missing", args: args{"bash_command": "true", "cwd": "/no/where"}, outcome: "failed: argument cwd: /no/where does not exist"},
		{name: "cwd a file", args: args{"bash_command": "true", "cwd": "/dev/null"}, outcome: "failed: argument cwd: /dev/null is no directory"},
		{name: "standard input is empty", args: args{"bash_command": "cat; echo end"}, want: "end"},
		{
			name: "a long script", args: args{"bash_command": "x=1\n" + strings.Repeat("# "+strings.Repeat("x", 98)+"\n", 2000) + "cat; echo \"long $x\"; exit 5"},
			outcome: "failed (task, 5): exit code 5: long 1",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			h.Environ = environ
			got, err := h.Run(t.Context(), operatortest.Find(t, bash.Operators(), bashClass), tt.args)
			if tt.outcome == "" {
				tt.outcome = "success"
			}
			if diff := cmp.Diff(tt.outcome, operatortest.Outcome(err)); diff != "" {
				t.Fatalf("outcome (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, got.Value); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

// Without cwd a script runs in an empty folder, which is gone afterwards. A relative
// cwd starts at the DAG file's folder.
func TestFolder(t *testing.T) {
	t.Parallel()
	h := harness(t)
	op := operatortest.Find(t, bash.Operators(), bashClass)
	got, err := h.Run(t.Context(), op, args{"bash_command": "touch x; ls -A; pwd"})
	if err != nil {
		t.Fatal(err)
	}
	dir := got.Value.(string)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %q is still there: %v", dir, err)
	}
	if diff := cmp.Diff("x\n"+dir+"\n", h.Log()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if err := os.Mkdir(filepath.Join(h.Dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, err = h.Run(t.Context(), op, args{"bash_command": "pwd", "cwd": "sub"})
	if err != nil || got.Value != filepath.Join(h.Dir, "sub") {
		t.Errorf("relative cwd gives %v, %v", got.Value, err)
	}
}

// A script that is told to stop has not succeeded, even if it says so.
func TestStopped(t *testing.T) {
	t.Parallel()
	h := harness(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	h.Processes = cancelled{cancel, h.Processes}
	_, err := h.Run(ctx, operatortest.Find(t, bash.Operators(), bashClass), args{"bash_command": "trap 'exit 0' TERM; while :; do sleep 0.01; done"})
	if !errors.Is(err, task.ErrTimeout) {
		t.Errorf("error is %v", err)
	}
}

// cancelled ends the context while a process runs.
type cancelled struct {
	cancel context.CancelCauseFunc
	task.Processes
}

func (c cancelled) Exec(ctx context.Context, cmd task.Command) (task.Exit, error) {
	timer := time.AfterFunc(50*time.Millisecond, func() { c.cancel(task.ErrTimeout) })
	defer timer.Stop()
	return c.Processes.Exec(ctx, cmd)
}

func TestCommand(t *testing.T) {
	t.Parallel()
	op := operatortest.Find(t, bash.Operators(), commandClass)
	h := harness(t)
	h.Environ = environ
	h.Task.Resources.Memory = 5 << 30
	got, err := h.Run(t.Context(), op, args{"command": []any{"printf", "%s|", "a b", "$HOME"}})
	if err != nil || got.Value != "a b|$HOME|" {
		t.Errorf("got %v, %v", got.Value, err)
	}
	c := h.Processes.(*operatortest.Processes).Commands()[0]
	if c.Memory != 5<<30 || c.Grace != time.Minute || c.Attempt != h.Instance.Attempt(h.DAGRun.ID) {
		t.Errorf("command is %+v", c)
	}
	_, err = h.Run(t.Context(), op, args{"command": []any{}})
	if diff := cmp.Diff("fatal (config): argument command is empty: name a program", operatortest.Outcome(err)); diff != "" {
		t.Error(diff)
	}
	if _, err = h.Run(t.Context(), op, args{"command": "/no/such/program"}); err == nil || !strings.HasPrefix(err.Error(), "running /no/such/program: ") {
		t.Errorf("error is %v", err)
	}
	h.Processes = nil
	_, err = h.Run(t.Context(), op, args{"command": "true"})
	if diff := cmp.Diff("fatal (config): processes are not available here", operatortest.Outcome(err)); diff != "" {
		t.Error(diff)
	}
}

// braces is a template engine that writes what is in {{ }} in capitals.
type braces struct{}

func (braces) Render(_ context.Context, v any) (any, error) {
	s := v.(string)
	if before, after, ok := strings.Cut(s, "{{ "); ok {
		name, rest, _ := strings.Cut(after, " }}")
		return before + strings.ToUpper(name) + rest, nil
	}
	return s, nil
}

func TestDecorated(t *testing.T) {
	t.Parallel()
	op := operatortest.Find(t, bash.Operators(), decoratedClass)
	f := dag.Callable{Path: "m.f"}
	for _, tt := range []struct {
		name, returned, outcome string
		want                    any
	}{
		{name: "a script", returned: `"echo {{ ds }}"`, want: "DS", outcome: "success"},
		{name: "nothing", returned: "null", outcome: "failed: m.f returned no script: it must return a text that is not empty"},
		{name: "an empty text", returned: `" "`, outcome: "failed: m.f returned no script: it must return a text that is not empty"},
		{name: "a number", returned: "1", outcome: "failed: m.f returned no script: it must return a text that is not empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			py := &operatortest.Python{Value: json.RawMessage(tt.returned)}
			h.Python, h.Templates = py, braces{}
			got, err := h.Run(t.Context(), op, args{"python_callable": f, "op_args": []any{int64(1)}, "op_kwargs": args{"k": "v"}})
			if diff := cmp.Diff(tt.outcome, operatortest.Outcome(err)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.want, got.Value); diff != "" {
				t.Error(diff)
			}
			want := []task.PythonCall{{Callable: f, Args: []any{int64(1)}, Kwargs: args{"k": "v"}, HideValue: true}}
			if diff := cmp.Diff(want, py.Calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOutputProcessor(t *testing.T) {
	t.Parallel()
	h := harness(t)
	py := &operatortest.Python{Value: json.RawMessage(`{"k": 1}`)}
	h.Python = py
	f := dag.Callable{Lambda: "lambda s: __import__('json').loads(s)"}
	got, err := h.Run(t.Context(), operatortest.Find(t, bash.Operators(), bashClass), args{"bash_command": `echo '{"k": 1}'`, "output_processor": f})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(py.Value), got.Value); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]task.PythonCall{{Callable: f, Args: []any{`{"k": 1}`}, NoContext: true}}, py.Calls); diff != "" {
		t.Error(diff)
	}
}

func TestSensor(t *testing.T) {
	t.Parallel()
	op := operatortest.Find(t, bash.Operators(), sensorClass)
	for _, tt := range []struct {
		name string
		args args
		want string
	}{
		{"done", args{"bash_command": "true"}, "success"},
		{"any code means not yet", args{"bash_command": "exit 3"}, "reschedule: 2024-05-01T12:01:00Z"},
		{"the code of not yet", args{"bash_command": "exit 3", "retry_exit_code": int64(3)}, "reschedule: 2024-05-01T12:01:00Z"},
		{"another code", args{"bash_command": "echo no; exit 4", "retry_exit_code": int64(3)}, "fatal (task): exit code 4: no"},
		{"another code, softly", args{"bash_command": "exit 4", "retry_exit_code": int64(3), "soft_fail": true}, "skipped: soft_fail is set: exit code 4"},
		{"only its env", args{"bash_command": `[ "$X" = 1 ] && [ -z "$FROM_WORKER" ]`, "env": args{"X": "1"}}, "success"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			h.Environ = environ
			h.Now = func() time.Time { return time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC) }
			tt.args["mode"] = "reschedule"
			got, err := h.Run(t.Context(), op, tt.args)
			if diff := cmp.Diff(tt.want, operatortest.Outcome(err)); diff != "" {
				t.Error(diff)
			}
			if got.Value != nil {
				t.Errorf("it pushes %v", got.Value)
			}
		})
	}
}
