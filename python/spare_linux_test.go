package python

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSpare: an attempt gets a process that waits for it, and finds there what it finds in one
// that is forked for it. If that process is killed, another one is forked.
func TestSpare(t *testing.T) {
	t.Parallel()
	r := start(t, Config{})
	path := file(t, `
import gc, logging, os, signal, sys, threading
from airflow.sdk import get_current_context
def look():
    root = logging.getLogger()
    return {
        "environ": dict(os.environ), "path": sys.path[:], "cwd": os.getcwd(), "argv": sys.argv, "threads": threading.active_count(),
        "masked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))), "hooks": [str(h) for h in sys.meta_path],
        "signals": [str(signal.getsignal(n)) .split(" at ")[0] for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM)],
        "loggers": [len(root.handlers), root.level], "files": len(os.listdir("/proc/self/fd")),
        "session": os.getsid(0) == os.getpid(), "frozen": gc.get_freeze_count() > 0, "run": get_current_context()["run_id"],
        "streams": [sys.stdout.fileno(), sys.stdout.encoding, sys.stdout.line_buffering, sys.__stderr__ is sys.stderr],
    }
def pid(): return os.getpid()
`)
	run := func(name string) string {
		t.Helper()
		got, err := r.Run(t.Context(), Call{Callable: Callable{File: path, Name: name}, Context: aContext(), Env: []string{"A=1"}})
		if err != nil || got.Outcome != OutcomeSuccess {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		return string(got.Value)
	}
	// The parent has everything first, and so has the process that is compared.
	waiting := func() (pid int) {
		t.Helper()
		eventually(t, func() bool {
			if pid = childOf(t, r.Info().PID); pid == 0 {
				run("pid")
			}
			return pid != 0
		})
		return pid
	}
	spare := waiting()
	if got := run("pid"); got != strconv.Itoa(spare) {
		t.Errorf("the attempt ran in %s, %d waited for one", got, spare)
	}
	waiting()
	there := run("look")
	if err := syscall.Kill(waiting(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return childOf(t, r.Info().PID) == 0 })
	if diff := cmp.Diff(run("look"), there); diff != "" {
		t.Errorf("what an attempt finds (-forked for it +forked before):\n%s", diff)
	}

	slow := file(t, endings)
	waiting()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	got, err := r.Run(ctx, Call{Callable: Callable{File: slow, Name: "slow"}, Output: begun})
	if err != nil || got.Outcome != OutcomeKilled || got.ErrType != "airflow.sdk.exceptions.AirflowTaskTerminated" {
		t.Errorf("told to end: %+v, %v", got, err)
	}
	waiting() // it goes when there is nothing to do
	eventually(t, func() bool { return childOf(t, r.Info().PID) == 0 })
	spare = waiting()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return !running(spare) })
}

// childOf is a child of a process that has only one; 0 if it has none.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(list), " ")
	if first == "" {
		return 0
	}
	n, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
