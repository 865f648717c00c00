package simtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

// sender is the executor of an engine, or of a worker, that leaves the claim to workers.
func (w *world) sender() (*queueexec.Executor, error) {
	return queueexec.Open(queueexec.Config{
		Queue: func(context.Context, string) (*queue.Queue, error) {
			return queue.New(w.post, queue.Config{Batch: 10, Size: 1 << 16}), nil
		},
		Parallelism: capacity,
	})
}

// remote is a worker that dies and comes back, again and again.
type remote struct {
	w    *world
	name string
}

const (
	lease        = 2 * time.Minute
	queueTimeout = 15 * time.Minute
)

// run lives until ctx ends.
func (r *remote) run(ctx context.Context) {
	rng := random(r.w.seed, "worker", r.name)
	r.w.wait(ctx, between(rng, time.Millisecond, time.Minute))
	for life := 0; ctx.Err() == nil; life++ {
		if err := r.live(ctx, life, rng); err != nil {
			r.w.fail("%s: %v", r.name, err)
			return
		}
		r.w.wait(ctx, between(rng, time.Millisecond, 10*time.Minute))
	}
}

// live runs a worker. When it dies, nothing that it does reaches the store any more.
func (r *remote) live(parent context.Context, life int, rng *rand.Rand) error {
	name := fmt.Sprintf("%s%d", r.name, life)
	r.w.log("%s: lives", name)
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	conn := r.w.connect(name, nil)
	conn.crash = func() {
		conn.dead.Store(true)
		cancel()
	}
	ex, err := r.w.sender()
	if err != nil {
		return err
	}
	var tokens int
	worker, err := tick.NewWorker(tick.WorkerConfig{
		Store: conn, Loader: tick.NewLoader(conn), Executor: ex, Now: r.w.clock, Name: name, Log: r.w.slog(name),
		Queues:  map[string]*queue.Queue{dag.DefaultQueue: queue.New(r.w.post, queue.Config{Batch: 10, Size: 1 << 16})},
		Execute: func(ctx context.Context, w executors.Work) run.Report { return r.execute(ctx, conn, w) },
		Notify:  func(id run.ID, all bool) { r.w.notify(conn, id, all) },
		Token: func() string {
			conn.mu.Lock()
			defer conn.mu.Unlock()
			tokens++
			return fmt.Sprintf("%s-%d", name, tokens)
		},
		// Joins are as small as the DAGs: in half of the seeds they count as wide.
		Wide: []int{2, 0}[r.w.seed%2],
		Free: func(context.Context) bool { return r.w.free(conn) },

		Parallelism: 3, Lease: lease,
	})
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-r.w.after(rng, r.w.faults.crash):
		r.w.count("worker crash")
		conn.crash()
	case <-r.w.after(rng, r.w.faults.stop):
		r.w.count("worker stop")
		cancel()
	}
	return <-done
}

// execute is what an attempt does in a worker.
func (r *remote) execute(ctx context.Context, conn *conn, w executors.Work) run.Report {
	token, a, key := w.Instance.Token, w.Attempt(), ownTry(w)
	r.w.check.dispatched(w)
	r.w.check.executes(token, a)
	f := r.w.fateOf(w)
	rng := random(r.w.seed, "attempt", token)
	select {
	case <-time.After(f.took):
	case <-ctx.Done():
		r.w.count("attempt stopped")
		rep := run.Report{Attempt: a, Token: token, Outcome: run.OutcomeFailed, Cause: run.CauseInfra, At: r.w.clock(), Reason: context.Cause(ctx).Error()}
		if errors.Is(context.Cause(ctx), executors.ErrCancelled) {
			rep.Cause = run.CauseUser
		}
		r.w.check.reported(token, a, rep.Outcome)
		return rep
	}
	dies := r.w.faulty() && oneIn(rng, r.w.faults.workerLost)
	if dies && oneIn(rng, 2) {
		r.w.count("worker lost before the effect")
		conn.crash()
		return run.Report{Attempt: a, Token: token}
	}
	waited := r.w.check.takeTurn(key, f.waits)
	if waited >= f.waits {
		r.w.check.effect(a)
	}
	if dies {
		r.w.count("worker lost after the effect")
		conn.crash()
	}
	rep := f.report(w, waited, r.w.clock())
	r.w.check.reported(token, a, rep.Outcome)
	return rep
}

// free calls the schedulers in some cases only, as where nothing waits for slots. What waits
// nevertheless, they find with the next poll.
func (w *world) free(c *conn) bool { return !c.oneIn(2) }

// notify hands a worker's hint to the scheduler, or loses it.
func (w *world) notify(c *conn, id run.ID, all bool) {
	if c.oneIn(w.faults.lost) || c.dead.Load() {
		w.count("hint lost")
		return
	}
	for _, p := range w.processes {
		switch e := p.current(); {
		case e == nil:
		case all:
			e.Notice()
		default:
			e.NoticeRun(id)
		}
	}
}
