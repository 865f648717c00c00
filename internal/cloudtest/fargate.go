package cloudtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
	"github.com/updraft-dev/updraft/run"
)

const (
	fargateName = prefix + "-fargate"
	// containerRole is that of processes in containers.
	containerRole = "task"
	// A container starts that long after it was asked for: its image is fetched.
	soonest, latest = 30 * time.Second, time.Minute
)

// containers stand in for fargateexec and ECS: one container for each attempt, however often
// it is asked for.
type containers struct {
	a    *Account
	dice *dice

	mu      sync.Mutex
	started map[string]bool
}

var _ cloud.Containers = (*containers)(nil)

// withFargate adds what starts containers.
func (a *Account) withFargate() {
	a.containers = &containers{a: a, dice: a.dice("ecs"), started: map[string]bool{}}
	a.queue(fargateName, 6*time.Minute, 5)
	a.function(fargateName, 256, time.Minute, 1000).handler = func(_ context.Context, p *Process) (cloud.Handler, error) {
		return cloud.Fargate(p.fn, sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: p.AWS(), Log: p.fn.Log}), a.containers), nil
	}
}

// Name implements executors.Executor.
func (c *containers) Name() string { return "fargate" }

// Capacity implements executors.Executor.
func (c *containers) Capacity() int { return 0 }

// Dispatches implements executors.Dispatcher.
func (c *containers) Dispatches() {}

// Cancel implements executors.Executor.
func (c *containers) Cancel(context.Context, run.Attempt, string, string) error { return nil }

// Close implements executors.Executor.
func (c *containers) Close(context.Context) error { return nil }

// Sweep implements cloud.Containers: containers of this account die with their process only.
func (c *containers) Sweep(context.Context) ([]ecsevent.End, error) { return nil, nil }

// Start implements executors.Executor.
func (c *containers) Start(ctx context.Context, work ...executors.Work) []error {
	p := ProcessOf(ctx)
	errs := make([]error, len(work))
	for i := range work {
		if errs[i] = p.calling(ctx, "ECS.RunTask"); errs[i] != nil {
			continue
		}
		attempt := work[i].Attempt()
		// As the token of fargateexec does, it follows from when it was executed last.
		key := fmt.Sprintf("%s %s", attempt, work[i].Instance.End)
		c.mu.Lock()
		again := c.started[key]
		c.started[key] = true
		c.mu.Unlock()
		if again {
			c.a.count("container asked for again")
			continue
		}
		c.a.count("container")
		wait := c.dice.between(soonest, latest)
		c.a.work.Go(func() { c.run(context.WithoutCancel(ctx), attempt, wait) })
	}
	return errs
}

// run is a container, from when it was asked for to its end.
func (c *containers) run(ctx context.Context, attempt run.Attempt, wait time.Duration) {
	pass(ctx, wait)
	p := c.a.process(containerRole)
	p.busy.Add(1)
	if err := p.open(); err != nil {
		c.a.problem("%s: start: %v", p.Name, err)
		return
	}
	defer p.bury()
	inv := embedded.Invocation{Name: ecsevent.WorkerName(arnOf("ecs", "task/"+p.Name)), Place: c.Name(), Begun: time.Now()}
	for _, err := range p.fn.Work(context.WithValue(ctx, processKey{}, p), inv, cloud.FitsContainer, attempt) {
		if err != nil {
			c.a.count("container without a report")
		}
	}
}
