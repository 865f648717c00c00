// Package localexec runs attempts in this process: a goroutine an attempt, whose
// operators start processes of their own where they need them (package
// localexec/process). What the attempts do is the Execute function's matter.
package localexec

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// Name is the executor's name in settings.
const Name = "local"

// DefaultParallelism is Airflow's default of [core] parallelism.
const DefaultParallelism = 32

// Config says how attempts are executed.
type Config struct {
	// Execute runs one attempt to its end. It must return when ctx ends; the context's
	// cause is then executors.ErrCancelled, with the reason, or executors.ErrClosed.
	Execute func(ctx context.Context, w executors.Work) run.Report
	// Report takes the reports.
	Report executors.Report
	// Parallelism is how many attempts run at once; 0 is DefaultParallelism.
	Parallelism int
}

// Executor is the local executor.
type Executor struct {
	cfg    Config
	base   context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	running map[string]context.CancelCauseFunc // by token
	closed  bool
	wg      sync.WaitGroup
}

var _ executors.Executor = (*Executor)(nil)

// Open returns an executor. The attempts' contexts descend from ctx without its
// cancellation: Close ends them.
func Open(ctx context.Context, cfg Config) (*Executor, error) {
	if cfg.Execute == nil || cfg.Report == nil {
		return nil, errors.New("localexec needs Execute and Report")
	}
	if cfg.Parallelism < 0 {
		return nil, fmt.Errorf("parallelism is %d: use a positive number, or 0 for %d", cfg.Parallelism, DefaultParallelism)
	}
	if cfg.Parallelism == 0 {
		cfg.Parallelism = DefaultParallelism
	}
	base, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	return &Executor{cfg: cfg, base: base, cancel: cancel, running: map[string]context.CancelCauseFunc{}}, nil
}

// Name implements executors.Executor.
func (e *Executor) Name() string { return Name }

// Capacity implements executors.Executor.
func (e *Executor) Capacity() int { return e.cfg.Parallelism }

// Start implements executors.Executor.
func (e *Executor) Start(_ context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, w := range work {
		token := w.Instance.Token
		switch {
		case e.closed:
			errs[i] = executors.ErrClosed
		case e.running[token] != nil:
		case len(e.running) >= e.cfg.Parallelism && !w.Resume:
			errs[i] = executors.ErrBusy
		default:
			ctx, cancel := context.WithCancelCause(e.base)
			e.running[token] = cancel
			e.wg.Add(1)
			go e.execute(ctx, w)
		}
	}
	return errs
}

func (e *Executor) execute(ctx context.Context, w executors.Work) {
	defer e.wg.Done()
	rep := e.cfg.Execute(ctx, w)
	e.mu.Lock()
	e.running[w.Instance.Token](nil)
	delete(e.running, w.Instance.Token)
	e.mu.Unlock()
	e.cfg.Report(rep)
}

// Cancel implements executors.Executor.
func (e *Executor) Cancel(_ context.Context, _ run.Attempt, token, reason string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cancel := e.running[token]; cancel != nil {
		cancel(fmt.Errorf("%w: %s", executors.ErrCancelled, reason))
	}
	return nil
}

// Close implements executors.Executor.
func (e *Executor) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	done := make(chan struct{})
	go func() {
		e.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		e.cancel(executors.ErrClosed)
		<-done
	}
	e.cancel(executors.ErrClosed)
	return nil
}
