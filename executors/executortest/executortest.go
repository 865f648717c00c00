// Package executortest is the suite of what every executor promises. An executor's test
// gives Run a function that makes a harness; the suite knows no executor.
package executortest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// Act is what a task of the suite does.
type Act string

// The acts that a harness must know.
const (
	// Succeed ends with exit code 0.
	Succeed Act = "succeed"
	// Fail writes Complaint and ends with exit code FailCode.
	Fail Act = "fail"
	// Wait waits until it is released, and succeeds; asked to stop, it stops.
	Wait Act = "wait"
	// Stubborn is Wait that does not stop when it is asked to.
	Stubborn Act = "stubborn"
	// WaitAndFail is Wait that then does as Fail.
	WaitAndFail Act = "wait and fail"
	// Killed kills itself with SIGKILL.
	Killed Act = "killed"
	// Hungry takes more memory than it is given.
	Hungry Act = "hungry"
	// Panic panics inside of the worker.
	Panic Act = "panic"
	// Echo returns the conf of its run.
	Echo Act = "echo"
)

const (
	// Complaint is what Fail writes.
	Complaint = "it went wrong"
	// FailCode is the exit code of Fail.
	FailCode = 3
)

// Harness is a place where attempts can run. The harness' maker cleans up.
type Harness struct {
	// Open opens an executor that runs this many attempts at once, as a worker would
	// that has just been started.
	Open func(t testing.TB, capacity int, report executors.Report) executors.Executor
	// Work makes an attempt of a task of its own, claimed. Asked to stop, it has Grace.
	Work  func(t testing.TB, task string, act Act) executors.Work
	Grace time.Duration
	// Started says how often the work of a task has begun.
	Started func(t testing.TB, task string) int
	// Release lets a task go on that waits, or will wait.
	Release func(t testing.TB, task string)
	// Die lets the process die that opened an executor: it does nothing any more, and
	// what it started goes on. nil if what it starts dies with it.
	Die func(t testing.TB, e executors.Executor)
}

// Run runs the whole suite. open is called for each test.
func Run(t *testing.T, open func(t testing.TB) Harness) {
	tests := []struct {
		promise string
		test    func(t *testing.T, h Harness)
	}{
		{"how an attempt ends is told", testEnds},
		{"what an attempt is given arrives byte for byte", testPayload},
		{"an attempt starts once, however often it is offered", testStartTwice},
		{"what is too much is refused", testBusy},
		{"a report makes room", testRoom},
		{"work goes on when the context of its start ends", testStartContext},
		{"an attempt is cancelled", testCancel},
		{"an attempt that does not stop is killed", testCancelStubborn},
		{"cancelling what is not there is no error", testCancelUnknown},
		{"a cancel is for its token only", testCancelOther},
		{"closing lets work end", testCloseDrains},
		{"closing stops work when its time is over", testCloseStops},
		{"a closed executor takes nothing", testClosed},
		{"many attempts at once are each told once", testMany},
		{"starts, cancels and ends at once", testStorm},
		{"an orphan is taken over", testAdopt},
		{"an orphan that ends meanwhile is told", testAdoptEnded},
		{"an orphan is cancelled", testAdoptCancel},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
}

// patience is how long the suite waits for what must come.
const patience = 30 * time.Second

func ok(t testing.TB, what string, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// desk takes reports.
type desk struct {
	t    testing.TB
	came chan run.Report
}

func newDesk(t testing.TB) *desk { return &desk{t: t, came: make(chan run.Report, 10_000)} }

func (d *desk) take(r run.Report) { d.came <- r }

// next returns a report that must come.
func (d *desk) next() run.Report {
	d.t.Helper()
	select {
	case r := <-d.came:
		return r
	case <-time.After(patience):
		d.t.Fatal("no report came")
		return run.Report{}
	}
}

// of returns the one report of a piece of work, which must come next.
func (d *desk) of(w executors.Work) run.Report {
	d.t.Helper()
	r := d.next()
	if r.Attempt != w.Attempt() || r.Token != w.Instance.Token {
		d.t.Fatalf("a report came of %s with token %q, want %s with %q", r.Attempt, r.Token, w.Attempt(), w.Instance.Token)
	}
	return r
}

// none checks that no report has come.
func (d *desk) none(when string) {
	d.t.Helper()
	select {
	case r := <-d.came:
		d.t.Errorf("%s: a report came: %+v", when, r)
	default:
	}
}

// opened is an executor with the desk of its reports.
func opened(t testing.TB, h Harness, capacity int) (executors.Executor, *desk) {
	t.Helper()
	d := newDesk(t)
	return h.Open(t, capacity, d.take), d
}

func start(t testing.TB, e executors.Executor, work ...executors.Work) {
	t.Helper()
	errs := e.Start(t.Context(), work...)
	if len(errs) != len(work) {
		t.Fatalf("Start gave %d answers for %d attempts", len(errs), len(work))
	}
	ok(t, "Start", errs...)
}

// begun waits until the work of tasks has begun.
func begun(t testing.TB, h Harness, tasks ...string) {
	t.Helper()
	timeout := time.After(patience)
	for _, name := range tasks {
		for h.Started(t, name) == 0 {
			select {
			case <-timeout:
				t.Fatalf("task %s did not begin", name)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}

// once checks that the work of a task began once.
func once(t testing.TB, h Harness, task string) {
	t.Helper()
	if n := h.Started(t, task); n != 1 {
		t.Errorf("the work of %s began %d times, want once", task, n)
	}
}

func closed(t testing.TB, e executors.Executor) {
	t.Helper()
	ok(t, "Close", e.Close(t.Context()))
}

// name returns numbered names of tasks.
func name(i int) string { return fmt.Sprintf("task%d", i) }
