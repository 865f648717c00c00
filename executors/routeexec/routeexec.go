// Package routeexec shares attempts out among several dispatchers, by a rule over what
// their tasks ask for.
package routeexec

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// Config says where attempts are sent.
type Config struct {
	// Name is the executor's name in claims; executors.Auto if empty.
	Name string
	// Rule chooses among Dispatchers, which has one for each of its places.
	Rule        Rule
	Dispatchers map[string]executors.Dispatcher
	// Parallelism is how many attempts may be queued or running at once, everywhere
	// together; 0 is without bound.
	Parallelism int
}

// Executor shares attempts out.
type Executor struct{ cfg Config }

var _ executors.Dispatcher = (*Executor)(nil)

// Open returns an executor, which owns the dispatchers: closing it closes them.
func Open(cfg Config) (*Executor, error) {
	if err := cfg.Rule.Check(); err != nil {
		return nil, fmt.Errorf("executors: %w", err)
	}
	for _, p := range cfg.Rule {
		if cfg.Dispatchers[p.Name] == nil {
			return nil, fmt.Errorf("executors: nothing sends attempts to %s: configure it, or leave it out", p.Name)
		}
	}
	if cfg.Parallelism < 0 {
		return nil, fmt.Errorf("parallelism is %d: use a positive number, or 0 for no bound", cfg.Parallelism)
	}
	if cfg.Name == "" {
		cfg.Name = executors.Auto
	}
	return &Executor{cfg: cfg}, nil
}

// Name implements executors.Executor.
func (e *Executor) Name() string { return e.cfg.Name }

// Capacity implements executors.Executor.
func (e *Executor) Capacity() int { return e.cfg.Parallelism }

// Dispatches implements executors.Dispatcher.
func (e *Executor) Dispatches() {}

// Rule is the rule by which attempts are shared out. It must not be changed.
func (e *Executor) Rule() Rule { return e.cfg.Rule }

// Start implements executors.Executor: each attempt is offered to the one dispatcher that
// the rule chooses, to all of them at the same time.
func (e *Executor) Start(ctx context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	index := map[string][]int{} // of work, by place
	for i := range work {
		n, err := work[i].Need()
		if err != nil {
			errs[i] = err
			continue
		}
		name, _, err := e.cfg.Rule.Route(n)
		if err != nil {
			errs[i] = err
			continue
		}
		index[name] = append(index[name], i)
	}
	var wg sync.WaitGroup
	for name, list := range index {
		wg.Go(func() { // each writes the answers of its own items
			share := make([]executors.Work, len(list))
			for n, i := range list {
				share[n] = work[i]
			}
			for n, err := range e.cfg.Dispatchers[name].Start(ctx, share...) {
				errs[list[n]] = err
			}
		})
	}
	wg.Wait()
	return errs
}

// Cancel implements executors.Executor. Where the attempt was sent to may have been
// another version's decision, so all are asked.
func (e *Executor) Cancel(ctx context.Context, a run.Attempt, token, reason string) error {
	var errs []error
	for _, p := range e.cfg.Rule {
		if err := e.cfg.Dispatchers[p.Name].Cancel(ctx, a, token, reason); err != nil {
			errs = append(errs, fmt.Errorf("cancel at %s: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Close implements executors.Executor.
func (e *Executor) Close(ctx context.Context) error {
	var errs []error
	for _, p := range e.cfg.Rule {
		if err := e.cfg.Dispatchers[p.Name].Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}
