package tick

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// remote is the part of an Engine whose attempts are claimed and reported by workers in
// other processes: it queues and sends, and sees in the store what became of it.
type remote struct {
	// on says that the executor is an executors.Dispatcher.
	on bool
	// resend has the next load send everything that is queued.
	resend bool
	// unsent are queued attempts of which the workers have not been told.
	unsent []run.Attempt

	// What follows is written by other goroutines.
	mu sync.Mutex
	// all says that anything may have changed, runs which runs have.
	all  bool
	runs map[run.ID]bool
}

// resendPause is the time between two trials to send.
const resendPause = time.Second

func (r *remote) init(e executors.Executor) {
	_, r.on = e.(executors.Dispatcher)
	r.resend = r.on // an earlier process may have died before it sent
}

func (r *remote) noticeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = true
}

// fresh is where edits of a turn note the runs that they have loaded, where that is needed.
func (r *remote) fresh() map[run.ID]bool {
	if !r.on {
		return nil
	}
	return map[run.ID]bool{}
}

// earlier is when to turn again: at wake, or when sending is tried again.
func (r *remote) earlier(wake, now time.Time) time.Time {
	if again := now.Add(resendPause); len(r.unsent) > 0 && (wake.IsZero() || again.Before(wake)) {
		return again
	}
	return wake
}

// NoticeRun has the engine load one run again, which another process has changed. It is
// cheaper than Notice, and like it only a hint: a lost one costs a poll.
func (e *Engine) NoticeRun(id run.ID) {
	r := &e.remote
	r.mu.Lock()
	if r.runs == nil {
		r.runs = map[run.ID]bool{}
	}
	r.runs[id] = true
	r.mu.Unlock()
	e.wake()
}

// look loads again what others have said to have changed. It reports whether there is
// something to plan.
func (e *Engine) look(ctx context.Context) bool {
	r := &e.remote
	r.mu.Lock()
	all, runs := r.all, r.runs
	r.all, r.runs = false, nil
	r.mu.Unlock()
	if all && e.reloadIfChanged(ctx) {
		return true
	}
	for id := range runs {
		e.reload(ctx, id)
	}
	return len(runs) > 0
}

// reload loads one run again, unless changes of it wait to be committed: if somebody else
// was faster, these are refused, and the run is loaded then.
func (e *Engine) reload(ctx context.Context, id run.ID) {
	if _, waits := e.snap.Changes()[id]; waits {
		return
	}
	_, err := e.loader.AddRun(ctx, e.snap, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		e.snap.Drop(id)
	case err != nil:
		e.cfg.Log.Error("load run again", "dag", id.DAG, "run", id.Run, "error", err)
	}
}

// refresh loads the runs again whose time seems to be over: workers renew their leases and
// report to the store.
func (e *Engine) refresh(ctx context.Context, now time.Time) {
	for _, id := range e.snap.Expired(now) {
		e.reload(ctx, id)
	}
}

// takeStock looks at what a load has brought. What is queued was sent, unless its sender
// may have died in between. Claims without a lease are those of an engine that executed
// by itself; it is gone, since there is one engine at a time.
func (e *Engine) takeStock() {
	now := e.cfg.Now()
	for _, v := range e.snap.Unfinished() {
		for _, in := range v.Instances() {
			switch {
			case in.State == run.Queued && e.remote.resend:
				e.remote.unsent = append(e.remote.unsent, in.Attempt(v.Run.ID))
			case (in.State == run.Running || in.State == run.Restarting) && in.Lease.IsZero():
				e.snap.Lost(in.Attempt(v.Run.ID), in.Token, "the process that executed it ended before it did", now)
			}
		}
	}
	e.remote.resend = false
}

// queued makes work of attempts that stay queued until a worker claims them.
func (e *Engine) queued(attempts []run.Attempt) []executors.Work {
	work := make([]executors.Work, 0, len(attempts))
	for _, a := range attempts {
		v := e.snap.Run(a.ID)
		if v == nil {
			continue
		}
		if in := v.Instance(a.Task, a.Map); in != nil && in.State == run.Queued && in.Try == a.Try {
			work = append(work, executors.Work{Graph: v.Graph, Run: v.Run, Instance: *in})
		}
	}
	return work
}

// unsent makes work of what could not be sent before.
func (e *Engine) unsent() []executors.Work {
	work := e.queued(e.remote.unsent)
	e.remote.unsent = nil
	return work
}

// send tells workers of queued attempts. What fails is tried again by a later turn, and
// if this process ends before, by the next one.
func (e *Engine) send(ctx context.Context, work []executors.Work) {
	if err := e.loader.place(ctx, work); err != nil {
		e.cfg.Log.Warn("attempts could not be placed; trying again", "attempts", len(work), "error", err)
		for i := range work {
			e.remote.unsent = append(e.remote.unsent, work[i].Attempt())
		}
		return
	}
	for i, err := range e.exec.Start(ctx, work...) {
		if err == nil {
			continue
		}
		a := work[i].Attempt()
		var refused *executors.RefusedError
		if errors.As(err, &refused) {
			e.refuse(a, refused)
			continue
		}
		e.cfg.Log.Warn("attempt could not be sent; trying again", "dag", a.DAG, "run", a.Run, "task", a.Name(), "try", a.Try, "error", err)
		e.remote.unsent = append(e.remote.unsent, a)
	}
}

// refuse has the next turn fail an attempt that no place will ever take as it is.
func (e *Engine) refuse(a run.Attempt, why *executors.RefusedError) {
	d := Death{
		Worker: e.cfg.Worker, Executor: e.exec.Name(), Attempts: []run.Attempt{a}, Unclaimed: true, Cause: why.Cause, Reason: why.Reason,
	}
	nobody := make(chan error, 1) // if it fails, the attempt is sent, and refused, again
	e.redo.messages = append(e.redo.messages, message{done: nobody, edit: func(ctx context.Context, ed *Edit) error {
		v, err := ed.Run(ctx, a.ID)
		if err != nil {
			return err
		}
		if in := v.Instance(a.Task, a.Map); in != nil {
			d.fail(ed, in, a.ID, e.cfg.Token)
		}
		return nil
	}})
}
