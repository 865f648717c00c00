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
	"syscall"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// TestTakeOver: the host goes away while a process runs, as it does when it is killed;
// its successor attaches, gets the rest of the output, and the exit code.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	for _, endsBefore := range []bool{false, true} {
		t.Run(fmt.Sprintf("ends before the successor comes %v", endsBefore), func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			gate, count := filepath.Join(dir, "gate"), filepath.Join(dir, "count")
			script := fmt.Sprintf("echo x >> %s; echo first; until [ -e %s ]; do sleep 0.01; done; echo second; exit 7", count, gate)
			c := command("long", "sh", "-c", script)
			first := host(t, dir)
			seen := newSignalWriter("first")
			c.Output = seen
			lost := make(chan error, 1)
			go func() {
				_, err := first.Exec(context.Background(), c)
				lost <- err
			}()
			<-seen.found
			first.Close()
			if err := <-lost; err == nil || !strings.Contains(err.Error(), process.ErrShepherd.Error()) {
				t.Fatalf("got error %v from the host that went away", err)
			}
			if endsBefore {
				open(t, gate)
				waitFor(t, func() bool { m, _ := filepath.Glob(filepath.Join(dir, "*.exit")); return len(m) == 1 })
			}
			second := host(t, dir)
			var out bytes.Buffer
			c.Output = &out
			if !endsBefore {
				time.AfterFunc(50*time.Millisecond, func() { open(t, gate) })
			}
			got, err := second.Exec(t.Context(), c)
			if err != nil || got.Code != 7 || got.LastLine != "second" || !strings.HasSuffix(out.String(), "second\n") {
				t.Errorf("got %+v, %v with output %q", got, err, out.String())
			}
			if b, err := os.ReadFile(count); err != nil || string(b) != "x\n" {
				t.Errorf("the process was started more than once: %q, %v", b, err)
			}
		})
	}
}

// TestExecAfterTheEnd: a worker that is killed between the end of a process and a durable
// report leaves a successor that hears of the same end, with the same last line, and the
// output once.
func TestExecAfterTheEnd(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	count := filepath.Join(dir, "count")
	c := command("once", "sh", "-c", fmt.Sprintf("echo x >> %s; echo result; exit 7", count))
	c.Output = new(bytes.Buffer)
	first := host(t, dir)
	if got, err := first.Exec(t.Context(), c); err != nil || got.Code != 7 {
		t.Fatalf("got %+v, %v", got, err)
	}
	first.Close()
	second := host(t, dir)
	var out bytes.Buffer
	c.Output = &out
	got, err := second.Exec(t.Context(), c)
	if err != nil || got.Code != 7 || got.LastLine != "result" || out.Len() != 0 {
		t.Errorf("got %+v, %v with output %q", got, err, out.String())
	}
	started(t, count, 1)
	if _, err := second.Exec(t.Context(), c); err != nil { // a sensor asks again
		t.Fatal(err)
	}
	started(t, count, 2)
	if err := errors.Join(second.Forget(c.Attempt), second.Close()); err != nil {
		t.Fatal(err)
	}
	if left := spools(t, dir); len(left) != 0 {
		t.Errorf("%q is left after Forget", left)
	}
}

// TestRetain: after a restart, what belongs to no attempt any more goes, running or not.
func TestRetain(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	first := host(t, dir)
	attempt := func(name, script string) task.Command {
		c := command("", "sh", "-c", script)
		c.Attempt.Task = name
		return c
	}
	ended, kept := attempt("ended", "echo bye"), attempt("kept", "echo hello")
	for _, c := range []task.Command{ended, kept} {
		c.Output = new(bytes.Buffer)
		if _, err := first.Exec(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	running := attempt("running", "echo $$; exec sleep 60")
	seen := newSignalWriter("\n")
	running.Output = seen
	lost := make(chan error, 1)
	go func() {
		_, err := first.Exec(context.Background(), running)
		lost <- err
	}()
	<-seen.found
	first.Close()
	<-lost
	pid, err := strconv.Atoi(strings.TrimSpace(seen.b.String()))
	if err != nil {
		t.Fatal(err)
	}
	second := host(t, dir)
	if err := second.Retain(t.Context(), func(context.Context) ([]run.Attempt, error) { return []run.Attempt{kept.Attempt}, nil }); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return gone(pid) })
	waitFor(t, func() bool { return len(spools(t, dir)) == 2 }) // output and end of one attempt
	kept.Output = new(bytes.Buffer)
	if got, err := second.Exec(t.Context(), kept); err != nil || got.LastLine != "hello" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestShepherdDies: its processes die with it, and are not started again for the same
// attempt, whoever asks.
func TestShepherdDies(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	count := filepath.Join(dir, "count")
	c := command("", "sh", "-c", fmt.Sprintf("echo x >> %s; echo $PPID; exec sleep 60", count))
	for n := range 2 {
		h := host(t, dir)
		seen := newSignalWriter("\n")
		c.Output = seen
		go func() {
			if n == 0 {
				<-seen.found
				shepherd, err := strconv.Atoi(strings.TrimSpace(seen.b.String()))
				if err != nil || syscall.Kill(shepherd, syscall.SIGKILL) != nil {
					t.Errorf("the shepherd %d cannot be killed: %v", shepherd, err)
				}
			}
		}()
		if got, err := h.Exec(t.Context(), c); err == nil || !strings.Contains(err.Error(), process.ErrShepherd.Error()) {
			t.Errorf("got %+v, %v", got, err)
		}
		h.Close()
	}
	started(t, count, 1)
}

// started checks how often a script has run that leaves a line each time.
func started(t *testing.T, count string, want int) {
	t.Helper()
	if b, err := os.ReadFile(count); err != nil || strings.Count(string(b), "x\n") != want {
		t.Errorf("the process was started %d times, want %d (%v)", strings.Count(string(b), "x\n"), want, err)
	}
}

// spools are the files that attempts have left.
func spools(t *testing.T, dir string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, strings.Repeat("[0-9a-f]", 24)+".*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func open(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Error(err)
	}
}
