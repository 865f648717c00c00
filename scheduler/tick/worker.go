package tick

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// WorkerConfig says what a Worker works with. Everything but OnSettled, Withhold, Notify,
// Free, Remember, Wide, Grace and Place is needed.
type WorkerConfig struct {
	Store  store.Store
	Loader *Loader
	// Queues are those that Run serves, by the names that tasks give.
	Queues map[string]*queue.Queue
	// Accepts says whether this worker may go on with a task by itself, beside what the
	// author says; nil is if it serves the task's queue.
	Accepts func(*dag.DAG, *dag.Task) bool
	// Executor sends on what this worker starts but does not execute itself. Its name is
	// in the claims.
	Executor executors.Dispatcher
	// Execute runs one attempt to its end. It must return when ctx ends; the context's
	// cause is then executors.ErrCancelled, executors.ErrClosed or task.ErrClaimLost.
	Execute func(ctx context.Context, w executors.Work) run.Report
	// OnSettled is told of attempts whose reports are durable, or refused for good.
	OnSettled func(...run.Attempt)
	// Withhold, if set, is asked about each report; stopped says that the attempt was
	// stopped because this worker has to end. True leaves the attempt claimed, for somebody
	// who sees this worker end, and knows better why, to report it (ReportDeath).
	Withhold func(rep run.Report, stopped bool) bool
	// Notify tells the scheduler that there is something for it to do about a run, or, if
	// all, about others too. It is only a hint.
	Notify func(id run.ID, all bool)
	// Free is told of slots that are free and that nothing of the run can use. It reports
	// whether the scheduler has to be told; nil always has it told.
	Free func(ctx context.Context) bool
	// Remember is for how long this worker may go on by what it has read of what people set:
	// that a DAG is paused, the pools. 0 has it read before each decision.
	Remember time.Duration
	// Wide is from how many tasks on that a fan or a join is wide: what follows is then the
	// scheduler's, and those before a join are reported without a look at the run. 0 means 16.
	Wide int
	Now  func() time.Time
	// Token makes a fencing token; it must never repeat.
	Token func() string
	// Name names this worker in the claims it makes.
	Name string
	// Place is the executor that placements name if they mean this worker; empty is that in
	// the claims.
	Place string
	// Parallelism is how many attempts run at once.
	Parallelism int
	// Lease is for how long a claim holds without a sign of life. It is renewed three
	// times as often.
	Lease time.Duration
	// Grace is how long attempts may go on when the worker shall end.
	Grace time.Duration
	Log   *slog.Logger
}

// Worker takes attempts from queues, claims, executes and reports them, and goes on with
// what follows. Any number of workers may work beside one Engine with an
// executors.Dispatcher: everything they write is conditional on their claims.
//
// A worker starts only what takes the slots of the attempt that it reports, in the same
// write: so the limits hold although nobody counts for all workers. What else became
// ready, and what concerns more than one run (its end among it), is the engine's.
type Worker struct {
	cfg WorkerConfig
	// slots holds a value for each attempt that may be taken.
	slots    chan struct{}
	attempts sync.WaitGroup

	mu      sync.Mutex
	held    map[string]*holding // by token
	closing bool
	// known are the rules that were read last, by DAG.
	known map[string]rules
}

// NewWorker returns a worker; Run or Handle starts it.
func NewWorker(cfg WorkerConfig) (*Worker, error) {
	switch {
	case len(cfg.Queues) == 0 && cfg.Accepts == nil:
		return nil, errors.New("a worker needs a queue to serve")
	case cfg.Parallelism < 1:
		return nil, fmt.Errorf("parallelism of a worker is %d: use a positive number", cfg.Parallelism)
	case cfg.Lease < time.Millisecond:
		return nil, fmt.Errorf("lease of a worker is %s: use some seconds", cfg.Lease)
	}
	if cfg.OnSettled == nil {
		cfg.OnSettled = func(...run.Attempt) {}
	}
	if cfg.Notify == nil {
		cfg.Notify = func(run.ID, bool) {}
	}
	if cfg.Accepts == nil {
		cfg.Accepts = func(_ *dag.DAG, t *dag.Task) bool { return cfg.Queues[cmp.Or(t.Queue, dag.DefaultQueue)] != nil }
	}
	if cfg.Wide == 0 {
		cfg.Wide = wideJoin
	}
	if cfg.Place == "" {
		cfg.Place = cfg.Executor.Name()
	}
	w := &Worker{cfg: cfg, slots: make(chan struct{}, cfg.Parallelism), held: map[string]*holding{}, known: map[string]rules{}}
	for range cfg.Parallelism {
		w.slots <- struct{}{}
	}
	return w, nil
}

// Run works until ctx ends; the error is then nil. Attempts that are under way go on for
// the grace and are then stopped; it returns when their reports are durable or refused.
func (w *Worker) Run(ctx context.Context) error {
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	ended := make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() { w.beat(context.WithoutCancel(ctx), ended) })
	taking, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var takers sync.WaitGroup
	for name, q := range w.cfg.Queues {
		takers.Go(func() {
			if err := w.take(taking, base, q); err != nil {
				giveUp(fmt.Errorf("take from queue %s: %w", name, err))
			}
		})
	}
	takers.Wait()
	w.drain(stop)
	close(ended)
	beats.Wait()
	if ctx.Err() == nil {
		return context.Cause(taking)
	}
	return nil
}

// Handle executes attempts that messages have named, and what follows from them, and
// returns when nothing is left for this worker. There is an error for each that could not
// be claimed: its message has to come again. When ctx ends, nothing is begun any more; what
// is under way goes on for the grace and is then stopped. A worker handles once.
func (w *Worker) Handle(ctx context.Context, attempts ...run.Attempt) []error {
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	ended := make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() { w.beat(context.WithoutCancel(ctx), ended) })
	errs := make([]error, len(attempts))
	for i, a := range attempts {
		w.attempts.Go(func() {
			if w.acquire(ctx, 1) == 0 {
				errs[i] = executors.ErrClosed
				return
			}
			defer w.release(1)
			var h *holding
			if h, errs[i] = w.claim(base, a); errs[i] == nil && h == nil {
				w.log(a).DebugContext(ctx, "message is of no use: the attempt is not queued any more")
			}
			for h != nil {
				h = w.execute(base, h)
			}
		})
	}
	all := make(chan struct{})
	go func() {
		w.attempts.Wait()
		close(all)
	}()
	select {
	case <-all:
	case <-ctx.Done():
		w.drain(stop)
	}
	close(ended)
	beats.Wait()
	return errs
}

// drain begins nothing any more, waits for what is under way, and stops it after the grace.
func (w *Worker) drain(stop context.CancelCauseFunc) {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	done := make(chan struct{})
	go func() {
		w.attempts.Wait()
		close(done)
	}()
	grace := time.NewTimer(w.cfg.Grace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		stop(executors.ErrClosed)
		<-done
	}
}

// sharedWait is how long a worker listens to one queue when it serves several: the slot
// that waits there is missing to the others.
const sharedWait = 100 * time.Millisecond

// errPause is the pause after a queue or store has failed.
const errPause = time.Second

// maxTake is how many messages are taken at once.
const maxTake = 10

// take hands messages of a queue to goroutines of their own, as slots are free. The error
// is queue.ErrClosed; others are logged, and it tries again.
func (w *Worker) take(ctx, base context.Context, q *queue.Queue) error {
	most, wait := maxTake, queue.MaxWait
	if len(w.cfg.Queues) > 1 {
		most, wait = 1, sharedWait
	}
	for {
		n := w.acquire(ctx, most)
		if n == 0 {
			return nil
		}
		got, err := q.Receive(ctx, n, queue.DefaultVisibility, wait)
		w.release(n - len(got))
		for _, d := range got {
			w.attempts.Go(func() {
				defer w.release(1)
				w.handle(base, q, d)
			})
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, queue.ErrClosed):
			return err
		case err != nil:
			w.cfg.Log.WarnContext(ctx, "taking messages; trying again", "error", err)
			pause(ctx, errPause)
		}
	}
}

// acquire waits for a slot and takes up to n that are free; 0 when ctx has ended.
func (w *Worker) acquire(ctx context.Context, n int) int {
	select {
	case <-w.slots:
	case <-ctx.Done():
		return 0
	}
	got := 1
	for got < n {
		select {
		case <-w.slots:
			got++
		default:
			return got
		}
	}
	return got
}

func (w *Worker) release(n int) {
	for range n {
		w.slots <- struct{}{}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// handle works on one message, and on what follows from it.
func (w *Worker) handle(ctx context.Context, q *queue.Queue, d queue.Delivery) {
	log := w.log(d.Attempt)
	if w.isClosing() {
		w.giveBack(ctx, q, d, 0)
		return
	}
	var h *holding
	if d.Kind == queue.KindAttempt {
		var err error
		if h, err = w.claim(ctx, d.Attempt); err != nil {
			log.WarnContext(ctx, "claiming an attempt; it is given back", "error", err)
			// With each receive it comes nearer to being a dead letter: the store gets more time.
			w.giveBack(ctx, q, d, errPause<<min(d.Receives, 5))
			return
		}
	}
	// From here on the lease keeps it, and without a claim there is nothing to keep.
	for _, err := range q.Delete(ctx, d) {
		if err != nil && !errors.Is(err, queue.ErrLost) {
			log.WarnContext(ctx, "deleting a message; it will come again", "error", err)
		}
	}
	if h == nil {
		log.DebugContext(ctx, "message is of no use: the attempt is not queued any more", "kind", d.Kind)
	}
	for h != nil {
		h = w.execute(ctx, h)
	}
}

// giveBack lets a message be received again after a while.
func (w *Worker) giveBack(ctx context.Context, q *queue.Queue, d queue.Delivery, after time.Duration) {
	if err := q.Extend(ctx, d, after); err != nil {
		w.log(d.Attempt).DebugContext(ctx, "giving a message back; it comes again later", "error", err)
	}
}

func (w *Worker) isClosing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closing
}

func (w *Worker) log(a run.Attempt) *slog.Logger {
	return w.cfg.Log.With("dag", a.DAG, "run", a.Run, "task", a.Name(), "try", a.Try)
}

// execute executes a claimed attempt and reports it. It returns what this worker goes on
// with, already claimed, or nil.
func (w *Worker) execute(ctx context.Context, h *holding) *holding {
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h.work.Memory = w.cfg.Loader.learned(h.work.Run.DAG, h.work.Instance.Task)
	w.hold(h, cancel)
	rep := w.cfg.Execute(own, h.work)
	if w.cfg.Withhold != nil && w.cfg.Withhold(rep, errors.Is(context.Cause(own), executors.ErrClosed)) {
		w.letGo(h)
		return nil
	}
	next := w.report(context.WithoutCancel(ctx), h, rep)
	w.learn(context.WithoutCancel(ctx), h, rep)
	w.letGo(h)
	w.cfg.OnSettled(h.work.Attempt())
	return next
}
