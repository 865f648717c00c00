package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/queue"
)

// warmth is the warm mode: long-lived pods that pull tasks from a queue of their own. It
// takes the place of the executor where attempts are started, and gives each either to a
// worker that is there or to a pod of its own.
type warmth struct {
	*kubeexec.Executor
	queue    *queue.Queue
	min, max int
	options  kubeevent.WorkOptions
}

var _ executors.Dispatcher = (*warmth)(nil)

// warm opens the warm mode; nil if it is off.
func (c *Controller) warm(ctx context.Context) (*warmth, error) {
	cfg := c.f.Config
	w := &warmth{
		Executor: c.exec, min: cfg.Int("kubernetes_warm_min"), max: cfg.Int("kubernetes_warm_max"),
		options: kubeevent.WorkOptions{Slots: cfg.Int("kubernetes_warm_slots"), Idle: cfg.Duration("kubernetes_warm_idle")},
	}
	if w.max == 0 {
		return nil, nil
	}
	if w.min > w.max {
		return nil, fmt.Errorf("setting kubernetes_warm_min is %d, more than kubernetes_warm_max, %d", w.min, w.max)
	}
	var err error
	w.queue, err = c.f.Queue(ctx, kubeevent.WarmQueue)
	return w, err
}

// Start implements executors.Executor.
func (w *warmth) Start(ctx context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	var cold []executors.Work
	var coldAt, warmAt []int
	var messages []queue.Message
	for i := range work {
		if Warm(work[i].Graph.DAG, work[i].Task()) {
			messages, warmAt = append(messages, queue.Message{Envelope: queue.Envelope{Kind: queue.KindAttempt, Attempt: work[i].Attempt()}}), append(warmAt, i)
		} else {
			cold, coldAt = append(cold, work[i]), append(coldAt, i)
		}
	}
	if len(messages) > 0 {
		for n, err := range w.queue.Send(ctx, messages...) {
			errs[warmAt[n]] = err
		}
	}
	for n, err := range w.Executor.Start(ctx, cold...) {
		errs[coldAt[n]] = err
	}
	return errs
}

// Warm says whether a task may run in a long-lived pod: it asks for nothing that a pod of its
// own would have, or says warm: true in its executor_config. With warm: false, it never does.
func Warm(d *dag.DAG, t *dag.Task) bool {
	if t == nil {
		return false
	}
	if wish, ok := executors.Config(d, t, "warm").(bool); ok {
		return wish
	}
	n, err := executors.NeedOf(d, t)
	r := &t.Resources
	return err == nil && n.Image == "" && n.Memory == 0 && n.CPUMilli == 0 && n.Storage == 0 && !t.Isolated &&
		len(r.NodeSelector) == 0 && len(r.Tolerations) == 0 && len(t.ExecutorConfig) == 0 && len(d.ExecutorConfig) == 0
}

const (
	// scaleEvery is how often the number of workers is looked at.
	scaleEvery = time.Second
	// scalePause is for how long none is made after one could not be.
	scalePause = 15 * time.Second
)

// scale makes workers as the depth of their queue asks for, until ctx ends. They end by
// themselves when there is nothing to do.
func (c *Controller) scale(ctx context.Context, w *warmth) error {
	for pause(ctx, scaleEvery) {
		if !c.exec.Synced() || c.f.Now().Before(c.noWorker()) {
			continue
		}
		s, err := w.queue.Stats(ctx)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, queue.ErrClosed) {
				c.log.WarnContext(ctx, "reading the depth of the queue of workers; trying again", "error", err)
			}
			continue
		}
		running, starting := c.exec.Workers()
		for range w.more(s.Ready, running, starting) {
			if err := c.exec.StartWorker(ctx, w.options); err != nil {
				if ctx.Err() == nil {
					c.log.WarnContext(ctx, "making a worker; trying again", "error", err)
					c.spareWorkers()
				}
				break
			}
		}
	}
	return nil
}

// more is how many workers are to be made: those that take what is ready, beside those that
// are starting, and up to the least number of all.
func (w *warmth) more(ready, running, starting int) int {
	wanted := (ready+w.options.Slots-1)/w.options.Slots - starting
	wanted = max(wanted, w.min-running-starting)
	return max(0, min(wanted, w.max-running-starting))
}

// noWorker is until when no worker is to be made.
func (c *Controller) noWorker() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spare
}

// spareWorkers makes no workers for a while: the last one could not be, or has died.
func (c *Controller) spareWorkers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spare = c.f.Now().Add(scalePause)
}
