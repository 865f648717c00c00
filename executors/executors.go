// Package executors is the contract of the places where attempts run: this process,
// a Lambda, a Fargate task, a pod. An executor starts and stops attempts; what they
// do is package task's matter, and what follows from their end the scheduler's.
//
// What an executor promises is defined by the suite in executortest.
package executors

import (
	"context"
	"errors"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// Errors of every executor; compare with errors.Is.
var (
	// ErrBusy says that there is no room now: the attempt is to be offered again later.
	ErrBusy = errors.New("executor has no room")
	// ErrClosed says that the executor takes no more work. As the cause of an attempt's
	// context it says that the worker is shutting down.
	ErrClosed = errors.New("executor is closed")
	// ErrCancelled is the cause of an attempt's context that ends because somebody
	// cleared or marked the task, or ended its run.
	ErrCancelled = errors.New("cancelled")
)

// Work is one attempt to execute. Its instance is claimed: it has a token.
type Work struct {
	Graph    *dag.Graph
	Run      run.Run
	Instance run.Instance
	// Resume says that the attempt may have been started before by a worker that is
	// gone: a process of it that is still there is taken over instead of started.
	Resume bool
	// Placed is the executor that an operator's placement names for it; empty if there is
	// none. See Placed.
	Placed string
	// Memory is what was found to be enough for its task before; zero if nothing is known.
	Memory run.Memory
}

// Attempt returns the key of the attempt.
func (w *Work) Attempt() run.Attempt { return w.Instance.Attempt(w.Run.ID) }

// Task returns the task to execute.
func (w *Work) Task() *dag.Task {
	if i, ok := w.Graph.Index(w.Instance.Task); ok {
		return w.Graph.Tasks[i]
	}
	return nil
}

// Executor starts and stops attempts. Its methods may be called concurrently.
type Executor interface {
	// Name is the executor's name in settings: local, lambda, fargate, kubernetes.
	Name() string
	// Start takes work over and returns at once. The answer has an error for each
	// item that was not taken (ErrBusy, ErrClosed, or why), nil for the others.
	// Starting an attempt again that is under way is no error and does nothing.
	Start(ctx context.Context, work ...Work) []error
	// Cancel asks an attempt to stop: its process gets SIGTERM, and SIGKILL after the
	// task's grace. The reason goes into the log. An attempt that is not (or no
	// longer) there is no error. Cancelling twice is cancelling once.
	Cancel(ctx context.Context, a run.Attempt, token, reason string) error
	// Capacity is how many attempts it runs at once; 0 is without bound.
	Capacity() int
	// Close takes no more work, lets what runs end until ctx does, and then stops it.
	Close(ctx context.Context) error
}

// Report is how an executor hands on what became of an attempt. It is called once for
// each attempt taken, from any goroutine, and must not block for long.
type Report func(run.Report)
