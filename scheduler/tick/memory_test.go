package tick_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

// starved runs out of memory unless it is given twice what it asks for.
func starved(ctx context.Context, w executors.Work) run.Report {
	rep := succeed(ctx, w)
	if n, err := w.Need(); err != nil || n.MemoryOr(512) < 1024 {
		rep.Outcome, rep.Cause, rep.Reason = run.OutcomeFailed, run.CauseOOM, "killed"
	}
	return rep
}

// TestMemoryIsLearned: what was enough after a try that ran out of memory is given to later
// runs at once, and a worker that goes on with a chain leaves it to the place of the task.
func TestMemoryIsLearned(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	p.acts["t00001"] = starved
	var sent atomic.Int64
	p.worker("worker", func(c *tick.WorkerConfig) {
		execute := c.Execute
		c.Execute = func(ctx context.Context, w executors.Work) run.Report {
			if w.Instance.Task == "t00001" {
				sent.Store(p.sent.Load())
			}
			return execute(ctx, w)
		}
	})
	d := chain(3)
	p.put(d)
	p.succeeded(d, "r1")
	if got := sent.Load(); got != 2 {
		t.Errorf("%d messages until t00001 was tried again, want 2: its worker has no more memory than before", got)
	}
	def, err := p.store.DAG(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if m := def.State.Memory["t00001"]; len(def.State.Memory) != 1 || m.Asked != 0 || m.Doubled != 1 || m.At.IsZero() {
		t.Fatalf("known: %+v", def.State.Memory)
	}
	p.succeeded(d, "r2")
	if got := p.counts(); got["t00001#1"] != 2 || got["t00001#2"] != 1 {
		t.Errorf("executed: %v; want t00001 tried twice in the first run and once in the second", got)
	}
	again, err := p.store.DAG(t.Context(), d.ID)
	if err != nil || again.State.Revision != def.State.Revision && again.State.Memory["t00001"] != def.State.Memory["t00001"] {
		t.Errorf("afterwards: %+v, %v", again.State.Memory, err)
	}
}

// TestMemoryIsForgotten: a change that changes nothing writes nothing.
func TestMemoryIsForgotten(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	d := chain(1)
	p.put(d)
	change := func(f func(map[string]run.Memory) bool) run.Memory {
		t.Helper()
		if err := tick.ChangeMemory(t.Context(), p.store, d.ID, f); err != nil {
			t.Fatal(err)
		}
		def, err := p.store.DAG(t.Context(), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		return def.State.Memory["t00000"]
	}
	known := run.Memory{Doubled: 2}
	if got := change(func(m map[string]run.Memory) bool { m["t00000"] = known; return true }); got != known {
		t.Errorf("known: %+v", got)
	}
	if got := change(func(m map[string]run.Memory) bool { delete(m, "t00000"); return false }); got != known {
		t.Errorf("after no change: %+v", got)
	}
	if got := change(func(m map[string]run.Memory) bool { delete(m, "t00000"); return true }); got != (run.Memory{}) {
		t.Errorf("after it was forgotten: %+v", got)
	}
	if err := tick.ChangeMemory(t.Context(), p.store, "none", func(map[string]run.Memory) bool { return true }); err == nil {
		t.Error("a DAG that is not there was changed")
	}
}
