// Package queueexec sends attempts to queues, from which workers take and claim them.
// What workers do is package tick's matter.
package queueexec

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// Name is the executor's name in settings and claims.
const Name = "queue"

// Config says where attempts are sent.
type Config struct {
	// Queue returns the queue that tasks name; it is asked once for each name.
	Queue func(ctx context.Context, name string) (*queue.Queue, error)
	// Parallelism is how many attempts may be queued or running at once, at all workers
	// together; 0 is without bound.
	Parallelism int
}

// Executor sends attempts to queues.
type Executor struct {
	cfg Config

	mu     sync.Mutex
	queues map[string]*queue.Queue
	closed bool
}

var _ executors.Dispatcher = (*Executor)(nil)

// Open returns an executor. The queues stay the caller's, who closes them after it.
func Open(cfg Config) (*Executor, error) {
	if cfg.Queue == nil {
		return nil, errors.New("queueexec needs queues")
	}
	if cfg.Parallelism < 0 {
		return nil, fmt.Errorf("parallelism is %d: use a positive number, or 0 for no bound", cfg.Parallelism)
	}
	return &Executor{cfg: cfg, queues: map[string]*queue.Queue{}}, nil
}

// Name implements executors.Executor.
func (e *Executor) Name() string { return Name }

// Capacity implements executors.Executor.
func (e *Executor) Capacity() int { return e.cfg.Parallelism }

// Dispatches implements executors.Dispatcher.
func (e *Executor) Dispatches() {}

// Start implements executors.Executor: it sends an envelope for each attempt to the
// queue of its task. What it says was not sent may have been sent nevertheless.
func (e *Executor) Start(ctx context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	index := map[string][]int{} // of work, by queue
	for i := range work {
		name := work[i].Task().Queue
		if name == "" {
			name = dag.DefaultQueue
		}
		index[name] = append(index[name], i)
	}
	for name, list := range index {
		q, err := e.queue(ctx, name)
		if err != nil {
			for _, i := range list {
				errs[i] = err
			}
			continue
		}
		messages := make([]queue.Message, len(list))
		for n, i := range list {
			messages[n].Envelope = queue.Envelope{Kind: queue.KindAttempt, Attempt: work[i].Attempt()}
		}
		for n, err := range q.Send(ctx, messages...) {
			errs[list[n]] = err
		}
	}
	return errs
}

func (e *Executor) queue(ctx context.Context, name string) (*queue.Queue, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, executors.ErrClosed
	}
	if q := e.queues[name]; q != nil {
		return q, nil
	}
	q, err := e.cfg.Queue(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", name, err)
	}
	e.queues[name] = q
	return q, nil
}

// Cancel implements executors.Executor. There is nothing to do: what made the attempt
// obsolete is in the store, where its worker sees it at the next heartbeat.
func (e *Executor) Cancel(context.Context, run.Attempt, string, string) error { return nil }

// Close implements executors.Executor: it sends nothing any more. What was sent is
// executed without it.
func (e *Executor) Close(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	return nil
}
