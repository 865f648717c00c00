package executortest

import (
	"context"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// Nowhere is a dispatcher, by the name lambda, of what nobody executes: for tests of what
// comes before or after that.
type Nowhere struct{}

var _ executors.Dispatcher = Nowhere{}

// Name implements executors.Executor.
func (Nowhere) Name() string { return "lambda" }

// Start implements executors.Executor.
func (Nowhere) Start(_ context.Context, work ...executors.Work) []error {
	return make([]error, len(work))
}

// Cancel implements executors.Executor.
func (Nowhere) Cancel(context.Context, run.Attempt, string, string) error { return nil }

// Capacity implements executors.Executor.
func (Nowhere) Capacity() int { return 0 }

// Close implements executors.Executor.
func (Nowhere) Close(context.Context) error { return nil }

// Dispatches implements executors.Dispatcher.
func (Nowhere) Dispatches() {}
