package scheduler_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// line is a DAG whose tasks follow one another.
func line(n int) *dag.DAG {
	d := &dag.DAG{ID: "line", MaxActiveRuns: 16}
	for i := range n {
		t := dag.NewTask(fmt.Sprintf("t%05d", i), "plain")
		if i > 0 {
			t.Upstream = []string{d.Tasks[i-1].ID}
		}
		d.Tasks = append(d.Tasks, t)
	}
	return d
}

// spread is a DAG with n tasks between a first and a last one.
func spread(n int) *dag.DAG {
	first, last := dag.NewTask("first", "plain"), dag.NewTask("last", "plain")
	d := &dag.DAG{ID: "spread", MaxActiveRuns: 16, Tasks: []*dag.Task{first}}
	for i := range n {
		t := dag.NewTask(fmt.Sprintf("t%05d", i), "plain")
		t.Upstream = []string{"first"}
		last.Upstream = append(last.Upstream, t.ID)
		d.Tasks = append(d.Tasks, t)
	}
	d.Tasks = append(d.Tasks, last)
	return d
}

// works is a run being worked off as a tick does it: claim, report, plan, flush.
type works struct {
	tb    testing.TB
	graph *dag.Graph
	snap  *scheduler.Snapshot
	ready []run.Attempt
	now   time.Time
	runs  int
}

func newWorks(tb testing.TB, d *dag.DAG) *works {
	tb.Helper()
	g, err := dag.NewGraph(d)
	if err != nil {
		tb.Fatal(err)
	}
	w := &works{tb: tb, graph: g, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.begin()
	return w
}

// begin starts a run in a snapshot of its own.
func (w *works) begin() {
	w.snap = scheduler.NewSnapshot()
	w.snap.SetPools(map[string]scheduler.Pool{"default_pool": {Slots: -1}})
	if err := w.snap.SetDAG(scheduler.DAGInfo{Graph: w.graph, Version: "v1"}); err != nil {
		w.tb.Fatal(err)
	}
	w.runs++
	w.snap.Create(run.Run{ID: run.ID{DAG: w.graph.DAG.ID, Run: fmt.Sprint(w.runs)}, Type: run.TypeManual, RunAfter: w.now}, w.now)
	w.plan()
}

func (w *works) plan() {
	w.ready = append(w.ready, scheduler.Plan(w.snap, w.now).Start...)
	w.snap.Flush()
}

// complete claims the next task, reports its success, and plans what follows. It is false
// when the run has ended.
func (w *works) complete() bool {
	if len(w.ready) == 0 {
		return false
	}
	a := w.ready[0]
	w.ready = w.ready[1:]
	if !w.snap.Claim(a, scheduler.Claim{Token: "k"}, w.now) {
		w.tb.Fatalf("%s cannot be claimed", a)
	}
	if !w.snap.Report(run.Report{Attempt: a, Token: "k", Outcome: run.OutcomeSuccess, At: w.now}, w.now) {
		w.tb.Fatalf("the report of %s is refused", a)
	}
	w.plan()
	return true
}

// The cost of a completion does not grow with the run: a chain and a fan of 10,000
// tasks allocate as much for each as those of 10.
func TestCostOfACompletionIsFlat(t *testing.T) {
	for _, shape := range []struct {
		name string
		of   func(int) *dag.DAG
	}{{"line", line}, {"spread", spread}} {
		small, large := costOf(t, shape.of(10)), costOf(t, shape.of(10000))
		t.Logf("%s: %.1f allocations of %.0f bytes a completion in a run of 10, %.1f of %.0f in one of 10,000",
			shape.name, small.allocs, small.bytes, large.allocs, large.bytes)
		if large.allocs > 1.1*small.allocs+1 {
			t.Errorf("%s: %.1f allocations a completion in a run of 10,000, %.1f in one of 10", shape.name, large.allocs, small.allocs)
		}
		if large.bytes > 1.5*small.bytes+512 {
			t.Errorf("%s: %.0f bytes a completion in a run of 10,000, %.0f in one of 10", shape.name, large.bytes, small.bytes)
		}
	}
}

type cost struct{ allocs, bytes float64 }

// costOf measures the completions between the first tenth of a run and its last, in as
// many runs as give a steady figure.
func costOf(t *testing.T, d *dag.DAG) cost {
	t.Helper()
	w := newWorks(t, d)
	n := len(d.Tasks)
	measured, runs := n-2*(n/10)-1, max(1, 2000/n)
	var sum cost
	for range runs {
		for range n / 10 {
			w.complete()
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range measured {
			if !w.complete() {
				t.Fatalf("run of %d tasks ended early", n)
			}
		}
		runtime.ReadMemStats(&after)
		sum.allocs += float64(after.Mallocs - before.Mallocs)
		sum.bytes += float64(after.TotalAlloc - before.TotalAlloc)
		w.ready = nil
		w.begin()
	}
	return cost{sum.allocs / float64(runs*measured), sum.bytes / float64(runs*measured)}
}

// BenchmarkPlan is one completion in runs of different sizes: claim, report, plan and
// flush.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		for name, d := range map[string]*dag.DAG{"chain": line(n), "fan": spread(n)} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				w := newWorks(b, d)
				for b.Loop() {
					if !w.complete() {
						b.StopTimer()
						w.begin()
						b.StartTimer()
						w.complete()
					}
				}
			})
		}
	}
}
