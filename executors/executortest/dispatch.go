package executortest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// Broken is the task whose attempts cannot be sent: the harness sees to that.
const Broken = "broken"

// DispatchHarness is a place that attempts are sent to. The harness' maker cleans up.
type DispatchHarness struct {
	// Open opens a dispatcher for this many attempts at once.
	Open func(t testing.TB, capacity int) executors.Dispatcher
	// Sent returns the attempts that have arrived, in any order, each as often as it came.
	Sent func(t testing.TB) []run.Attempt
	// Prepare, if there is one, sees each task before its first attempt.
	Prepare func(*dag.Task)
}

// RunDispatcher runs the suite of what every executors.Dispatcher promises. open is called
// for each test.
func RunDispatcher(t *testing.T, open func(t testing.TB) DispatchHarness) {
	tests := []struct {
		promise string
		test    func(t *testing.T, h DispatchHarness)
	}{
		{"attempts arrive", testDispatch},
		{"many attempts arrive", testDispatchMany},
		{"what cannot be sent is told, and the others arrive", testDispatchBroken},
		{"sending again is no error", testDispatchAgain},
		{"names arrive as they are", testDispatchNames},
		{"starts at once", testDispatchStorm},
		{"a start without time answers", testDispatchContext},
		{"cancelling is no error", testDispatchCancel},
		{"a closed one sends nothing", testDispatchClosed},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
}

// queued makes queued attempts of tasks of one run: of the first try, not mapped.
func queued(t testing.TB, h DispatchHarness, id run.ID, tasks ...string) []executors.Work {
	t.Helper()
	d := &dag.DAG{ID: id.DAG}
	for _, name := range tasks {
		one := dag.NewTask(name, "updraft.noop")
		if h.Prepare != nil {
			h.Prepare(one)
		}
		d.Tasks = append(d.Tasks, one)
	}
	g, err := dag.NewGraph(d)
	ok(t, "compile the DAG", err)
	out := make([]executors.Work, len(tasks))
	for i, name := range tasks {
		out[i] = executors.Work{Graph: g, Run: run.Run{ID: id}, Instance: run.Instance{Task: name, Map: run.Unmapped, State: run.Queued, Try: 1}}
	}
	return out
}

// arrived compares what has arrived with what was sent, each once or several times.
func arrived(t testing.TB, h DispatchHarness, want ...executors.Work) {
	t.Helper()
	compare := func(a, b run.Attempt) int {
		if c := a.Compare(b.Key); c != 0 {
			return c
		}
		return a.Try - b.Try
	}
	got := h.Sent(t)
	slices.SortFunc(got, compare)
	var wish []run.Attempt
	for i := range want {
		wish = append(wish, want[i].Attempt())
	}
	slices.SortFunc(wish, compare)
	equal(t, "what has arrived", wish, slices.Compact(got))
}

var dispatchRun = run.ID{DAG: "d", Run: "r1"}

func testDispatch(t *testing.T, h DispatchHarness) {
	d := h.Open(t, 7)
	if d.Name() == "" {
		t.Error("the executor has no name")
	}
	if n := d.Capacity(); n != 7 {
		t.Errorf("the capacity is %d, want 7", n)
	}
	if got := d.Start(t.Context()); len(got) != 0 {
		t.Errorf("nothing to start, and it answers %v", got)
	}
	work := queued(t, h, dispatchRun, "a", "b", "c")
	work[1].Instance.Try = 3
	work[2].Instance.Map = 12
	start(t, d, work...)
	arrived(t, h, work...)
	if len(h.Sent(t)) != len(work) {
		t.Errorf("%d arrived, want each once", len(h.Sent(t)))
	}
	closed(t, d)
}

func testDispatchMany(t *testing.T, h DispatchHarness) {
	const n = 300
	d := h.Open(t, 0)
	var work []executors.Work
	for i := range n {
		one := queued(t, h, dispatchRun, "task")[0]
		one.Instance.Map = i
		work = append(work, one)
	}
	start(t, d, work...)
	arrived(t, h, work...)
	closed(t, d)
}

func testDispatchBroken(t *testing.T, h DispatchHarness) {
	d := h.Open(t, 0)
	work := queued(t, h, dispatchRun, "a", Broken, "c")
	errs := d.Start(t.Context(), work...)
	if len(errs) != 3 || errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Fatalf("the answers are %v, want an error for the second alone", errs)
	}
	arrived(t, h, work[0], work[2])
	closed(t, d)
}

func testDispatchAgain(t *testing.T, h DispatchHarness) {
	d := h.Open(t, 0)
	work := queued(t, h, dispatchRun, "a", "b")
	start(t, d, work...)
	start(t, d, work[1], work[1])
	arrived(t, h, work...)
	closed(t, d)
}

func testDispatchNames(t *testing.T, h DispatchHarness) {
	d := h.Open(t, 0)
	var all []executors.Work
	for _, id := range []run.ID{
		{DAG: "d", Run: "manual__2026-01-01T00:00:00+00:00"},
		{DAG: "d", Run: "it's \"$(reboot)\"; `x` \\ <&> 任务 🚀\t/..%00"},
		{DAG: strings.Repeat("d", 250), Run: strings.Repeat("ü", 250)},
	} {
		all = append(all, queued(t, h, id, "group.a", "b-"+strings.Repeat("x", 240))...)
	}
	start(t, d, all...)
	arrived(t, h, all...)
	closed(t, d)
}

func testDispatchStorm(t *testing.T, h DispatchHarness) {
	const n = 20
	d := h.Open(t, 0)
	var all []executors.Work
	var wg sync.WaitGroup
	for i := range n {
		work := queued(t, h, dispatchRun, name(i), name(i+n))
		all = append(all, work...)
		wg.Go(func() {
			if err := errors.Join(d.Start(t.Context(), work...)...); err != nil {
				t.Errorf("Start: %v", err)
			}
		})
	}
	wg.Wait()
	arrived(t, h, all...)
	closed(t, d)
}

// testDispatchContext: an attempt is sent, or its answer is an error.
func testDispatchContext(t *testing.T, h DispatchHarness) {
	d := h.Open(t, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	work := queued(t, h, dispatchRun, "a", "b")
	errs := d.Start(ctx, work...)
	if len(errs) != len(work) {
		t.Fatalf("Start gave %d answers for %d attempts", len(errs), len(work))
	}
	sent := h.Sent(t)
	for i, err := range errs {
		if err == nil && !slices.Contains(sent, work[i].Attempt()) {
			t.Errorf("%s was not sent, and there is no error", work[i].Attempt())
		}
	}
	closed(t, d)
}

func testDispatchCancel(t *testing.T, h DispatchHarness) {
	d := h.Open(t, 0)
	work := queued(t, h, dispatchRun, "a", "never sent")
	start(t, d, work[0])
	for i := range work {
		for range 2 {
			ok(t, "Cancel", d.Cancel(t.Context(), work[i].Attempt(), "a token", "cleared"))
		}
	}
	closed(t, d)
}

func testDispatchClosed(t *testing.T, h DispatchHarness) {
	d := h.Open(t, 0)
	closed(t, d)
	closed(t, d)
	work := queued(t, h, dispatchRun, "a", "b")
	errs := d.Start(t.Context(), work...)
	if len(errs) != len(work) {
		t.Fatalf("Start gave %d answers for %d attempts", len(errs), len(work))
	}
	for _, err := range errs {
		is(t, "Start", err, executors.ErrClosed)
	}
	if sent := h.Sent(t); len(sent) > 0 {
		t.Errorf("%v arrived after Close", sent)
	}
}
