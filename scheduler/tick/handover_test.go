package tick_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// scheduled counts what a worker makes wait for slots.
type scheduled struct {
	store.Store
	n atomic.Int64
}

func (s *scheduled) Apply(ctx context.Context, batches ...store.Batch) (store.Result, error) {
	for _, b := range batches {
		for i := range b.Changes {
			if b.Changes[i].Want.State == run.Scheduled {
				s.n.Add(1)
			}
		}
	}
	return s.Store.Apply(ctx, batches...)
}

// TestWorkerLeavesAWideFan: a worker does not write that a thousand tasks wait, only to have
// the engine queue them.
func TestWorkerLeavesAWideFan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n    int
		some bool
	}{{4, true}, {200, false}} {
		p := newPlant(t, nil)
		st := &scheduled{Store: p.openStore()}
		p.worker("worker", func(c *tick.WorkerConfig) { c.Store, c.Lease = st, time.Minute })
		d := fan(c.n)
		p.put(d)
		p.succeeded(d, "r1")
		if got := st.n.Load(); got > 0 != c.some {
			t.Errorf("of a fan of %d the worker has made %d wait, want some: %t", c.n, got, c.some)
		}
	}
}
