package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

var _ kubeexec.Owner = (*Controller)(nil)

// Ended implements kubeexec.Owner: what the pod held fails, with the pod's last words in its
// log. What is another's by now stays as it is.
func (c *Controller) Ended(ctx context.Context, e *kubeexec.Ended) error {
	held, err := c.heldBy(ctx, e)
	if err != nil || len(held) == 0 {
		return err
	}
	record := e.Record(ctx)
	for _, a := range held {
		c.append(ctx, a, e, record)
	}
	c.log.InfoContext(ctx, "pod has ended without a report", "pod", e.Name, "attempts", len(held), "cause", e.Cause, "reason", e.Reason)
	return c.f.Died(ctx, tick.Death{
		Worker: e.Worker, Attempts: held, Unclaimed: true, Cause: e.Cause, ExitCode: e.ExitCode, Reason: e.Reason,
		Executor: executors.Kubernetes, Called: e.ExitCode == kubeevent.ExitStopped,
	})
}

// heldBy are the attempts that a pod executes, or that wait for it.
func (c *Controller) heldBy(ctx context.Context, e *kubeexec.Ended) ([]run.Attempt, error) {
	if e.LongLived {
		c.spareWorkers()
		return c.claimedBy(ctx, e.Worker)
	}
	needed, err := c.Needed(ctx, []kubeexec.Pod{e.Pod})
	if err != nil || !needed[0] {
		return nil, err
	}
	return []run.Attempt{e.Attempt}, nil
}

// claimedBy are the attempts that a worker holds, of whatever run.
func (c *Controller) claimedBy(ctx context.Context, worker string) (out []run.Attempt, err error) {
	s := scheduler.NewSnapshot()
	if err := c.f.Loader.Active(ctx, s); err != nil {
		return nil, fmt.Errorf("look for what worker %s held: %w", worker, err)
	}
	for _, v := range s.Unfinished() {
		for _, in := range v.Instances() {
			if holds := in.State == run.Running || in.State == run.Restarting; holds && in.Worker == worker {
				out = append(out, in.Attempt(v.Run.ID))
			}
		}
	}
	return out, nil
}

// append adds to the log of an attempt what its worker could not write any more. Without it
// the attempt fails all the same.
func (c *Controller) append(ctx context.Context, a run.Attempt, e *kubeexec.Ended, record []byte) {
	l, err := c.f.Logs.Open(ctx, a)
	if err == nil {
		_, err = fmt.Fprintf(l, "%s ERROR - pod %s has ended: %s (cause: %s, exit code %d)\n%s",
			c.f.Now().UTC().Format("2006-01-02T15:04:05.000Z"), e.Name, e.Reason, e.Cause, e.ExitCode, record)
		err = errors.Join(err, l.Close(), c.f.Logs.Flush(ctx))
	}
	if err != nil {
		c.log.ErrorContext(ctx, "writing the end of a pod into the log of its attempt", "attempt", a.String(), "error", err)
	}
}

// Needed implements kubeexec.Owner.
func (c *Controller) Needed(ctx context.Context, pods []kubeexec.Pod) ([]bool, error) {
	byRun := map[run.ID][]int{}
	for i := range pods {
		byRun[pods[i].Attempt.ID] = append(byRun[pods[i].Attempt.ID], i)
	}
	out := make([]bool, len(pods))
	for id, list := range byRun {
		var tasks []string
		for _, i := range list {
			tasks = append(tasks, pods[i].Attempt.Task)
		}
		slices.Sort(tasks)
		data, err := c.f.Store.Run(ctx, id, slices.Compact(tasks)...)
		if errors.Is(err, store.ErrNotFound) {
			continue // the run was deleted
		}
		if err != nil {
			return nil, fmt.Errorf("look for what pods of run %s are for: %w", id, err)
		}
		instances := map[run.Key]*run.Instance{}
		for n := range data.Instances {
			instances[data.Instances[n].Key(id)] = &data.Instances[n]
		}
		for _, i := range list {
			in := instances[pods[i].Attempt.Key]
			out[i] = in != nil && in.Try == pods[i].Attempt.Try && needs(&data.Run, in, &pods[i])
		}
	}
	return out, nil
}

// needs says that an instance waits for a pod, or is executed by it. One that was cleared or
// marked meanwhile is not.
func needs(r *run.Run, in *run.Instance, pod *kubeexec.Pod) bool {
	switch in.State {
	case run.Queued:
		return kubepod.Name(&executors.Work{Run: *r, Instance: *in}) == pod.Name
	case run.Running, run.Restarting:
		return in.Worker == pod.Worker
	}
	return false
}
