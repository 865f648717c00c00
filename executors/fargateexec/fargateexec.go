// Package fargateexec starts a Fargate task for each attempt. What the worker in its
// container does is not its matter.
package fargateexec

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"golang.org/x/time/rate"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec/fargatesize"
	"github.com/updraft-dev/updraft/run"
)

// Name is the executor's name in settings and claims.
const Name = "fargate"

// Executor starts and stops tasks of ECS.
type Executor struct {
	cfg    Config
	client *ecs.Client
	// pace and slots bound how many tasks are started: per second, and at the same time.
	pace        *rate.Limiter
	slots       chan struct{}
	definitions definitions
	closed      atomic.Bool
}

var _ executors.Dispatcher = (*Executor)(nil)

// Open returns an executor. It calls nobody.
func Open(cfg Config) (*Executor, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	return &Executor{
		cfg: cfg, client: ecs.NewFromConfig(cfg.AWS), slots: make(chan struct{}, cfg.Parallel),
		pace: rate.NewLimiter(rate.Limit(cfg.Rate), max(int(cfg.Rate), 1)),
	}, nil
}

// Name implements executors.Executor.
func (e *Executor) Name() string { return Name }

// Capacity implements executors.Executor.
func (e *Executor) Capacity() int { return e.cfg.Parallelism }

// Dispatches implements executors.Dispatcher.
func (e *Executor) Dispatches() {}

// Start implements executors.Executor: each attempt gets a task of its own. Started again
// while it is queued, it has the same task still. ErrBusy says that there is no capacity
// at present, or that the account may start no more; an *executors.RefusedError that
// Fargate has nothing like what the task asks for.
func (e *Executor) Start(ctx context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	var wg sync.WaitGroup
	for i := range work {
		wg.Go(func() { errs[i] = e.start(ctx, &work[i]) })
	}
	wg.Wait()
	return errs
}

func (e *Executor) start(ctx context.Context, w *executors.Work) error {
	if e.closed.Load() {
		return executors.ErrClosed
	}
	n, err := w.Need()
	if err != nil {
		return err
	}
	if lacks := fargatesize.Limits().Lacks(n); len(lacks) > 0 {
		return refuse("task %s asks for %s on Fargate: ask for less", n.Task, lacks[0])
	}
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return fmt.Errorf("start a task for %s: %w", w.Attempt(), context.Cause(ctx))
	}
	r := request{cfg: &e.cfg, work: w, need: need{n}, definition: e.cfg.TaskDefinition}
	if n.Image != "" {
		if r.definition, err = e.withImage(ctx, n.Image); err != nil {
			return err
		}
	}
	if n.Grown() && n.Memory == 0 {
		if r.byDefault, err = e.baseMemory(ctx); err != nil {
			return err
		}
	}
	if err := r.fill(); err != nil {
		return err
	}
	return e.run(ctx, &r)
}

// run starts the task of a request; if Spot has no capacity, on demand.
func (e *Executor) run(ctx context.Context, r *request) error {
	if e.cfg.Spot && r.need.spot() {
		err := e.runTask(ctx, r, spot)
		if !errors.Is(err, errCapacity) {
			return err
		}
	}
	return e.runTask(ctx, r, onDemand)
}

// maxDead is how many dead tasks of one attempt are passed over.
const maxDead = 3

// runTask starts the task of a request. If it was started before, and has ended without
// the attempt being claimed (which is queued still), another one takes its place.
func (e *Executor) runTask(ctx context.Context, r *request, c capacity) error {
	dead := ""
	for range maxDead {
		arn, ended, err := e.callOnce(ctx, r, c, dead)
		if err != nil {
			return fmt.Errorf("start a task for %s: %w", r.work.Attempt(), err)
		}
		if !ended {
			return nil
		}
		dead = arn
	}
	return fmt.Errorf("start a task for %s: %d tasks have ended before they did anything, %s the last", r.work.Attempt(), maxDead, dead)
}

// callOnce calls RunTask. It says which task the attempt has, and whether that has ended.
func (e *Executor) callOnce(ctx context.Context, r *request, c capacity, dead string) (arn string, ended bool, err error) {
	if err := e.pace.Wait(ctx); err != nil {
		return "", false, fmt.Errorf("%w: %w", executors.ErrBusy, err)
	}
	if e.closed.Load() {
		return "", false, executors.ErrClosed
	}
	out, err := e.client.RunTask(ctx, r.input(c, dead))
	if isStarted(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, explain(err)
	}
	if err := judgeFailures(out.Failures, len(out.Tasks)); err != nil {
		return "", false, err
	}
	t := &out.Tasks[0]
	return aws.ToString(t.TaskArn), aws.ToString(t.LastStatus) == "STOPPED", nil
}

// Close implements executors.Executor: it starts nothing any more. The tasks go on
// without it.
func (e *Executor) Close(context.Context) error {
	e.closed.Store(true)
	return nil
}

func refuse(format string, args ...any) error {
	return &executors.RefusedError{Cause: run.CauseConfig, Reason: fmt.Sprintf(format, args...)}
}
