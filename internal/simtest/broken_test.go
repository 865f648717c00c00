package simtest

import (
	"context"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// TestCheckerNotices: the simulation is worth something only if it fails when something
// is wrong. Each case breaks one promise, and some seed has to show it.
func TestCheckerNotices(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cases := map[string]struct {
		broken broken
		// want is a part of what is to be noticed.
		want string
	}{
		"an executor that executes twice": {broken{twice: true}, "has its effect 2 times"},
		"a store that loses a commit it has acknowledged": {
			broken{apply: func(w *world, batches []run.Batch) (store.Result, error) {
				if w.writes["a0"] == 3 {
					return store.Result{}, nil
				}
				return w.model.Apply(ctx, batches...)
			}}, "becomes",
		},
		"a store that takes what comes too late": {
			broken{apply: func(w *world, batches []run.Batch) (store.Result, error) {
				return w.model.Apply(ctx, unconditional(w, batches)...)
			}}, "has its effect 2 times",
		},
		"a store that forgets one change": {
			broken{apply: func(w *world, batches []run.Batch) (store.Result, error) {
				for i := range batches {
					if n := len(batches[i].Changes); n > 1 {
						batches[i].Changes = batches[i].Changes[:n-1]
					}
				}
				return w.model.Apply(ctx, batches...)
			}}, "but stored is",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var found []string
			for seed := uint64(0); seed < 50; seed++ {
				s := newScenario(seed)
				found = append(found, live(t, s, c.broken, nil).check.problems...)
				for _, p := range found {
					if strings.Contains(p, c.want) {
						return
					}
				}
			}
			t.Errorf("nothing says %q; found was %q", c.want, found)
		})
	}
}

// unconditional makes changes hold whatever is stored.
func unconditional(w *world, batches []run.Batch) []run.Batch {
	for i, b := range batches {
		rec := w.check.runs[b.Run]
		if rec == nil {
			continue
		}
		for j := range b.Changes {
			ch := &batches[i].Changes[j]
			if in, there := rec.instances[ch.Want.Name()]; there && !ch.If.Absent {
				ch.If = run.Is(&in)
			}
		}
	}
	return batches
}

// TestFaultsHappen: the default seeds have every kind of fault.
func TestFaultsHappen(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for seed := uint64(0); seed < 60; seed++ {
		for what, n := range live(t, newScenario(seed), broken{}, nil).check.ledger.counts {
			counts[what] += n
		}
	}
	for _, what := range []string{
		"store read failed", "commit failed", "commit failed after writing", "commit failed after a part", "change refused", "batch refused",
		"crash", "crash before a commit", "crash after a commit", "crash in a commit", "crash while dispatching", "stop", "clock step",
		"report lost", "report doubled", "report late", "executor busy", "worker lost before the effect", "worker lost after the effect",
		"orphan lost", "resumed", "resumed nothing", "resumed nothing, refused", "attempt cancelled", "edit",
	} {
		if counts[what] == 0 {
			t.Errorf("never: %s", what)
		}
	}
}
