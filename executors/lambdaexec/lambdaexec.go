// Package lambdaexec sends attempts to worker functions, by asynchronous invocations. What
// a worker does with them is not its matter.
package lambdaexec

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// Name is the executor's name in settings and claims.
const Name = "lambda"

// What Config has by default.
const (
	// DefaultDirect is up to how many attempts of a start get an invocation of their own:
	// as many as are sent at the same time.
	DefaultDirect = 64
	// DefaultParallel is how many invocations are sent at the same time.
	DefaultParallel = 64
)

// Config says which functions execute attempts.
type Config struct {
	AWS aws.Config
	// Functions are the worker functions. Tasks that ask for nothing get the first one,
	// others the smallest that has what they ask for.
	Functions []Function
	// Pools name the functions of pools that have one for themselves.
	Pools map[string]string
	// Parallelism is how many attempts may be queued or running at once; 0 is without bound.
	Parallelism int
	// Direct is up to how many attempts for a function get an invocation each; more are
	// sent as at most Fan lists, which their workers share out. 0 means DefaultDirect,
	// and lambdaevent.Fan.
	Direct int
	Fan    int
	// Parallel is how many invocations are sent at the same time; 0 means DefaultParallel.
	Parallel int
}

// Executor invokes functions.
type Executor struct {
	cfg    Config
	client *lambda.Client
	// slots holds a value for each invocation under way.
	slots  chan struct{}
	closed atomic.Bool
}

var _ executors.Dispatcher = (*Executor)(nil)

// Open returns an executor. It calls nobody.
func Open(cfg Config) (*Executor, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Direct, cfg.Fan, cfg.Parallel = or(cfg.Direct, DefaultDirect), or(cfg.Fan, lambdaevent.Fan), or(cfg.Parallel, DefaultParallel)
	return &Executor{
		cfg: cfg, slots: make(chan struct{}, cfg.Parallel),
		client: lambda.NewFromConfig(awsconf.WithConnections(cfg.AWS, cfg.Parallel)),
	}, nil
}

func or(n, byDefault int) int {
	if n == 0 {
		return byDefault
	}
	return n
}

// Name implements executors.Executor.
func (e *Executor) Name() string { return Name }

// Capacity implements executors.Executor.
func (e *Executor) Capacity() int { return e.cfg.Parallelism }

// Dispatches implements executors.Dispatcher.
func (e *Executor) Dispatches() {}

// Limits is what the functions have room for.
func (e *Executor) Limits() executors.Limits { return Limits(e.cfg.Functions) }

// Start implements executors.Executor. What it says was not sent may have been sent
// nevertheless. ErrBusy says that Lambda takes no more calls at present; an
// *executors.RefusedError that there is no function for the task.
func (e *Executor) Start(ctx context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	index := map[*Function][]int{} // of work
	for i := range work {
		f, err := e.function(&work[i])
		if err != nil {
			errs[i] = err
			continue
		}
		index[f] = append(index[f], i)
	}
	var wg sync.WaitGroup
	for f, list := range index {
		parts := e.cfg.Fan
		if len(list) <= e.cfg.Direct {
			parts = len(list)
		}
		for _, part := range lambdaevent.Parts(list, parts) {
			wg.Go(func() { // each writes the answers of its own items
				attempts := make([]queue.Envelope, len(part))
				for n, i := range part {
					attempts[n] = queue.Envelope{Kind: queue.KindAttempt, Attempt: work[i].Attempt()}
				}
				for n, err := range e.send(ctx, f, attempts) {
					errs[part[n]] = err
				}
			})
		}
	}
	wg.Wait()
	return errs
}

func (e *Executor) function(w *executors.Work) (*Function, error) {
	if e.closed.Load() {
		return nil, executors.ErrClosed
	}
	n, err := w.Need()
	if err != nil {
		return nil, err
	}
	return e.cfg.choose(n)
}

// Share is what a worker function does with the attempts of an event: it keeps one, which
// is returned, and sends the others on to further workers of its function, whose name or
// ARN is given. An error says that some may not have been sent; they stay queued.
func (e *Executor) Share(ctx context.Context, function string, attempts []queue.Envelope) (queue.Envelope, error) {
	if len(attempts) == 0 {
		return queue.Envelope{}, errors.New("there is no attempt to share out")
	}
	own, rest := lambdaevent.Split(attempts, e.cfg.Fan)
	f := &Function{Name: function}
	errs := make([]error, len(rest))
	var wg sync.WaitGroup
	for i, part := range rest {
		wg.Go(func() { errs[i] = errors.Join(unique(e.send(ctx, f, part))...) })
	}
	wg.Wait()
	return own, errors.Join(errs...)
}

// unique drops the repetitions of an error.
func unique(errs []error) []error {
	var out []error
	seen := map[error]bool{}
	for _, err := range errs {
		if err != nil && !seen[err] {
			seen[err] = true
			out = append(out, err)
		}
	}
	return out
}

// Cancel implements executors.Executor. There is nothing to do: what made the attempt
// obsolete is in the store, where its worker sees it at the next heartbeat.
func (e *Executor) Cancel(context.Context, run.Attempt, string, string) error { return nil }

// Close implements executors.Executor: it sends nothing any more. What was sent is
// executed without it.
func (e *Executor) Close(context.Context) error {
	e.closed.Store(true)
	return nil
}

// send invokes a function with attempts, with more than one invocation if they do not fit
// into one. It returns an error for each attempt.
func (e *Executor) send(ctx context.Context, f *Function, attempts []queue.Envelope) []error {
	errs := make([]error, len(attempts))
	parts, payloads, err := lambdaevent.Payloads(attempts, 1)
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	at := 0
	for i, part := range parts {
		err := e.invoke(ctx, f, payloads[i])
		for range part {
			errs[at] = err
			at++
		}
	}
	return errs
}

func (e *Executor) invoke(ctx context.Context, f *Function, payload []byte) error {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return fmt.Errorf("invoke %s: %w", f, context.Cause(ctx))
	}
	if e.closed.Load() {
		return executors.ErrClosed
	}
	return e.call(ctx, f, payload)
}
