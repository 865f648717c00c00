package tick

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// holding is an attempt that a worker has claimed.
type holding struct {
	work executors.Work
	// lease is until when the claim holds, as far as it is known to be stored.
	lease time.Time
	// cancel stops the attempt; lost says that it was called because the claim does not
	// hold any more. Both belong to Worker.mu.
	cancel context.CancelCauseFunc
	lost   bool
}

// maxConflicts is how often a decision is made anew because somebody else was faster.
const maxConflicts = 10

// newClaim is a claim by this worker from now on.
func (w *Worker) newClaim(now time.Time) scheduler.Claim {
	return scheduler.Claim{
		Token: w.cfg.Token(), Worker: w.cfg.Name, Executor: w.cfg.Executor.Name(), Lease: now.Add(w.cfg.Lease),
	}
}

// claim claims an attempt that a message has named. It returns nil if it is not queued
// any more: the message came twice, or too late.
func (w *Worker) claim(ctx context.Context, a run.Attempt) (*holding, error) {
	c := w.newClaim(w.cfg.Now())
	cause := store.ErrConflict
	for i := range claimTries {
		s, v, err := w.part(ctx, a.ID, a.Key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err == nil {
			in := v.Instance(a.Task, a.Map)
			if in != nil && in.Token == c.Token {
				return newHolding(v, in), nil // written, though the answer was an error
			}
			if !s.Claim(a, c, w.cfg.Now()) {
				return nil, nil
			}
			var res store.Result
			if res, err = w.cfg.Store.Apply(ctx, s.Flush()...); err == nil && res.OK() {
				return newHolding(v, v.Instance(a.Task, a.Map)), nil
			}
		}
		if err != nil {
			cause = err
			pause(ctx, firstPause<<i)
		}
	}
	return nil, fmt.Errorf("claim %s: %w", a, cause)
}

// claimTries is how often a claim is tried before the message is given back. If one was
// written nevertheless, its lease runs out.
const claimTries = 4

// newHolding is what a worker holds after a claim.
func newHolding(v *scheduler.View, in *run.Instance) *holding {
	return &holding{work: executors.Work{Graph: v.Graph, Run: v.Run, Instance: *in}, lease: in.Lease}
}

// part is a snapshot of some instances of a run. Nothing can be planned from it.
func (w *Worker) part(ctx context.Context, id run.ID, which ...run.Key) (*scheduler.Snapshot, *scheduler.View, error) {
	data, err := store.Pick(ctx, w.cfg.Store, id, which...)
	if err != nil {
		return nil, nil, fmt.Errorf("load tasks of run %s: %w", id, err)
	}
	g, err := w.cfg.Loader.Graph(ctx, id.DAG, data.Run.Version)
	if err != nil {
		return nil, nil, err
	}
	v, err := scheduler.NewView(data.Run, g, data.Instances)
	if err != nil {
		return nil, nil, err
	}
	s := scheduler.NewSnapshot()
	s.Add(v)
	return s, v, nil
}

func (w *Worker) hold(h *holding, cancel context.CancelCauseFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.cancel = cancel
	w.held[h.work.Instance.Token] = h
}

func (w *Worker) letGo(h *holding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.held, h.work.Instance.Token)
}

// holdings are the attempts held whose claims are not known to be lost, by run.
func (w *Worker) holdings() map[run.ID][]*holding {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[run.ID][]*holding{}
	for _, h := range w.held {
		if !h.lost {
			out[h.work.Run.ID] = append(out[h.work.Run.ID], h)
		}
	}
	return out
}

// looks is how often a worker looks whether its claims hold: somebody who has cleared a task
// waits for it to stop. A look is a read, and what ends sooner costs none.
const looks = 5 * time.Second

// beat looks whether what is held, reports under way included, still is, until the worker has
// ended, and renews its leases three times in the time of one.
func (w *Worker) beat(ctx context.Context, ended <-chan struct{}) {
	third := w.cfg.Lease / 3
	t := time.NewTicker(min(third, looks))
	defer t.Stop()
	for last := w.cfg.Now(); ; {
		select {
		case <-ended:
			return
		case <-t.C:
		}
		// A look that would be the last one before a third is over renews: ticks are not exact.
		due := w.cfg.Now().Sub(last) > third-min(third, looks)/2
		if due {
			last = w.cfg.Now()
		}
		w.renew(ctx, due)
	}
}

// renew stops the attempts whose claims do not hold any more. If it is due, it renews the
// leases of all others in one write.
func (w *Worker) renew(ctx context.Context, due bool) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Lease/3)
	defer cancel()
	lease := w.cfg.Now().Add(w.cfg.Lease)
	var batches []run.Batch
	var renewed []*holding
	for id, list := range w.holdings() {
		b, ok := w.renewRun(ctx, id, list, lease)
		if !due {
			continue
		}
		batches = append(batches, b...)
		renewed = append(renewed, ok...)
	}
	if len(batches) == 0 {
		return
	}
	res, err := w.cfg.Store.Apply(ctx, batches...)
	if err != nil {
		w.cfg.Log.Warn("renewing leases; trying again", "error", err)
		w.doubt(renewed)
		return
	}
	if !res.OK() {
		return // the next beat finds out which, and why; until then the old leases count
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range renewed {
		h.lease = lease
	}
}

// renewRun makes the renewals of one run.
func (w *Worker) renewRun(ctx context.Context, id run.ID, list []*holding, lease time.Time) ([]run.Batch, []*holding) {
	which := make([]run.Key, 0, len(list))
	for _, h := range list {
		which = append(which, h.work.Instance.Key(id))
	}
	s, v, err := w.part(ctx, id, which...)
	switch {
	case errors.Is(err, store.ErrNotFound):
		for _, h := range list {
			w.stop(h, fmt.Errorf("%w: the run was deleted", executors.ErrCancelled))
		}
		return nil, nil
	case err != nil:
		w.cfg.Log.Warn("renewing leases; trying again", "error", err)
		w.doubt(list)
		return nil, nil
	}
	var renewed []*holding
	for _, h := range list {
		held := &h.work.Instance
		if why := revoked(v.Instance(held.Task, held.Map), held); why != nil {
			w.stop(h, why)
		} else if s.Renew(h.work.Attempt(), held.Token, lease) {
			renewed = append(renewed, h)
		}
	}
	return s.Flush(), renewed
}

// revoked says why a claim does not hold any more, nil if it does.
func revoked(stored, held *run.Instance) error {
	switch {
	case stored == nil:
		return fmt.Errorf("%w: the task instance is gone", executors.ErrCancelled)
	case stored.Token == held.Token && stored.State == run.Running:
		return nil
	case stored.Token == held.Token && stored.State == run.Restarting:
		return fmt.Errorf("%w: the task was cleared", executors.ErrCancelled)
	case stored.State.Finished() && stored.Try == held.Try && stored.Cause != run.CauseInfra:
		reason := stored.Reason
		if reason == "" {
			reason = "the task instance became " + stored.State.String()
		}
		return fmt.Errorf("%w: %s", executors.ErrCancelled, reason)
	}
	return task.ErrClaimLost
}

// doubt stops attempts whose leases have run out while the store could not be reached:
// somebody else may execute them by now.
func (w *Worker) doubt(list []*holding) {
	now := w.cfg.Now()
	for _, h := range list {
		w.mu.Lock()
		over := !h.lease.After(now)
		w.mu.Unlock()
		if over {
			w.stop(h, task.ErrClaimLost)
		}
	}
}

// stop stops an attempt whose claim does not hold any more.
func (w *Worker) stop(h *holding, why error) {
	w.mu.Lock()
	_, held := w.held[h.work.Instance.Token]
	first := held && !h.lost
	h.lost = true
	w.mu.Unlock()
	if !first {
		return
	}
	w.log(h.work.Attempt()).Info("attempt is stopped", "reason", why.Error())
	h.cancel(why)
}
