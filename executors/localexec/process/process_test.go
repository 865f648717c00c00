//go:build unix

package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/internal/shepherdtest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

const shepherdFlag = "-be-a-shepherd"

// TestMain lets the test binary be its own shepherd.
func TestMain(m *testing.M) { shepherdtest.Main(m, shepherdFlag) }

func host(tb testing.TB, dir string) *process.Host {
	tb.Helper()
	h, err := process.Open(process.Config{Dir: dir, Shepherd: []string{os.Args[0], shepherdFlag, process.Socket(dir)}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { h.Close() })
	return h
}

// shortDir is a temporary folder with a path short enough for a Unix socket.
func shortDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "u")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func command(name string, argv ...string) task.Command {
	return task.Command{
		Attempt: run.Attempt{Key: run.Key{ID: run.ID{DAG: "d", Run: "r"}, Task: name, Map: run.Unmapped}, Try: 1},
		Argv:    argv, Env: []string{"PATH=" + os.Getenv("PATH"), "GREETING=hello"}, Grace: 200 * time.Millisecond,
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	h := host(t, shortDir(t))
	tests := []struct {
		name string
		argv []string
		in   string
		out  string
		want task.Exit
	}{
		{name: "success", argv: []string{"true"}},
		{name: "exit code", argv: []string{"sh", "-c", "exit 3"}, want: task.Exit{Code: 3}},
		{name: "signal", argv: []string{"sh", "-c", "kill -TERM $$"}, want: task.Exit{Code: -1, Signal: "SIGTERM"}},
		{name: "output and errors in order", argv: []string{"sh", "-c", "echo a; echo b >&2; printf c"}, out: "a\nb\nc", want: task.Exit{LastLine: "c"}},
		{name: "environment", argv: []string{"sh", "-c", "echo $GREETING"}, out: "hello\n", want: task.Exit{LastLine: "hello"}},
		{name: "no shell", argv: []string{"echo", "$GREETING; false"}, out: "$GREETING; false\n", want: task.Exit{LastLine: "$GREETING; false"}},
		{name: "standard input", argv: []string{"cat"}, in: "from stdin", out: "from stdin", want: task.Exit{LastLine: "from stdin"}},
		{name: "bytes that are not UTF-8", argv: []string{"printf", `\377x\n`}, out: "\xffx\n", want: task.Exit{LastLine: "\uFFFDx"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			c := command(tt.name, tt.argv...)
			c.Output = &out
			if tt.in != "" {
				c.Stdin = []byte(tt.in)
			}
			got, err := h.Exec(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			got.MaxRSS = 0
			if got != tt.want || out.String() != tt.out {
				t.Errorf("%q: got %+v with output %q, want %+v with %q", tt.argv, got, out.String(), tt.want, tt.out)
			}
		})
	}
}

func TestExecRefusesWhatCannotStart(t *testing.T) {
	t.Parallel()
	h := host(t, shortDir(t))
	for name, want := range map[string]string{"no-such-program": "was not found in PATH=", "/no/such/program": "no such file"} {
		c := command(name, name)
		c.Output = new(bytes.Buffer)
		if _, err := h.Exec(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, want)
		}
	}
	c := command("dir", "true")
	c.Dir, c.Output = "/no/such/folder", new(bytes.Buffer)
	if _, err := h.Exec(t.Context(), c); err == nil || !strings.Contains(err.Error(), "working directory /no/such/folder does not exist") {
		t.Errorf("got error %v", err)
	}
}

// TestWithoutShepherd: a machine that cannot start the shepherd is no fault of the task.
func TestWithoutShepherd(t *testing.T) {
	t.Parallel()
	h, err := process.Open(process.Config{Dir: shortDir(t), Shepherd: []string{"/no/such/updraft"}})
	if err != nil {
		t.Fatal(err)
	}
	c := command("task", "true")
	c.Output = new(bytes.Buffer)
	_, err = h.Exec(t.Context(), c)
	var cause *task.CauseError
	if !errors.As(err, &cause) || cause.Cause != run.CauseInfra || !strings.Contains(err.Error(), "start the supervisor of local processes") {
		t.Errorf("got %v", err)
	}
}

func TestCancelTakesTheWholeGroup(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	h := host(t, dir)
	for _, tt := range []struct{ name, script, signal string }{
		{"ends at SIGTERM", "sleep 60 & echo $! > %s; wait", "SIGTERM"},
		{"ignores SIGTERM", "trap '' TERM; sleep 60 & echo $! > %s; while :; do sleep 1; done", "SIGKILL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pidFile := filepath.Join(dir, strings.ReplaceAll(tt.name, " ", "-"))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c := command(tt.name, "sh", "-c", fmt.Sprintf(tt.script, pidFile))
			c.Output = new(bytes.Buffer)
			go func() {
				waitFor(t, func() bool { b, err := os.ReadFile(pidFile); return err == nil && len(b) > 1 })
				cancel()
			}()
			got, err := h.Exec(ctx, c)
			if err != nil || got.Signal != tt.signal {
				t.Fatalf("got %+v, %v, want an end by %s", got, err, tt.signal)
			}
			b, err := os.ReadFile(pidFile)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool { return gone(pid) })
		})
	}
}

// gone says that a process has ended (a zombie that nobody has waited for has, too).
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-deadline:
			t.Error("waited in vain")
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// deaf cannot be written to.
type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestExecEndsWhatCannotBeHeard(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	pidFile := filepath.Join(dir, "pid")
	c := command("loud", "sh", "-c", "echo $$ > "+pidFile+"; echo hello; exec sleep 60")
	c.Output = deaf{}
	if got, err := host(t, dir).Exec(t.Context(), c); err == nil || !strings.Contains(err.Error(), "hand on the output: disk full") {
		t.Errorf("got %+v, %v", got, err)
	}
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return gone(pid) })
}

func TestMemoryBound(t *testing.T) {
	t.Parallel()
	h := host(t, shortDir(t))
	c := command("hungry", "python3", "-c", "x = bytearray(300 << 20)\nwhile True: pass")
	c.Memory, c.Output = 64<<20, new(bytes.Buffer)
	got, err := h.Exec(t.Context(), c)
	if err != nil || !got.OOM || got.Signal != "SIGKILL" || got.MaxRSS < 64<<20 {
		t.Errorf("got %+v, %v, want a kill for want of memory", got, err)
	}
}

// signalWriter tells when a text was written to it.
type signalWriter struct {
	want  string
	found chan struct{}
	once  sync.Once
	mu    sync.Mutex
	b     bytes.Buffer
}

func newSignalWriter(want string) *signalWriter {
	return &signalWriter{want: want, found: make(chan struct{})}
}

func (w *signalWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if strings.Contains(w.b.String(), w.want) {
		w.once.Do(func() { close(w.found) })
	}
	return len(p), nil
}

func TestManyAtOnceWithMuchOutput(t *testing.T) {
	t.Parallel()
	h := host(t, shortDir(t))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			var out bytes.Buffer
			c := command(fmt.Sprint("many", i), "head", "-c", "300000", "/dev/zero")
			c.Output = &out
			if got, err := h.Exec(t.Context(), c); err != nil || got.Code != 0 || out.Len() != 300000 {
				t.Errorf("got %+v, %v with %d bytes", got, err, out.Len())
			}
		})
	}
	wg.Wait()
}

func BenchmarkExecTrue(b *testing.B) {
	h := host(b, shortDir(b))
	var out bytes.Buffer
	for i := range b.N {
		c := command(fmt.Sprint("true", i), "/bin/true")
		c.Output = &out
		if _, err := h.Exec(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkForkExecTrue is the floor: the same program started and waited for directly.
func BenchmarkForkExecTrue(b *testing.B) {
	for range b.N {
		p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{Files: []*os.File{nil, nil, nil}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}
