package kube

import (
	"context"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

const (
	// waitsEvery is how often what waits is written down if it has changed, waitsAgain if it
	// has not: what nobody repeats is old after some minutes.
	waitsEvery, waitsAgain = 5 * time.Second, 2 * time.Minute
	// heldPatience is how long an attempt may be held before anybody is told why.
	heldPatience = 5 * time.Second
)

// waits are the attempts that have no pod yet, or one that does not start.
func (c *Controller) waits() []tick.Wait {
	var out []tick.Wait
	now := c.f.Now()
	for _, h := range c.held.all() {
		if now.Sub(h.since) >= heldPatience {
			out = append(out, tick.Wait{Attempt: h.d.Attempt, Reason: h.reason})
		}
	}
	for _, w := range c.exec.Waits() {
		out = append(out, tick.Wait{Attempt: w.Attempt, Reason: w.Reason})
	}
	return out
}

// tellWaits writes down what waits and why, so that `tasks explain` can say it, until ctx
// ends.
func (c *Controller) tellWaits(ctx context.Context) error {
	last, at := map[tick.Wait]bool{}, time.Time{}
	for pause(ctx, waitsEvery) {
		list := c.waits()
		now := map[tick.Wait]bool{}
		same := len(list) == len(last)
		for _, w := range list {
			now[w] = true
			same = same && last[w]
		}
		if same && (len(list) == 0 || c.f.Now().Sub(at) < waitsAgain) {
			continue
		}
		if err := tick.PutWaits(ctx, c.f.Store, executors.Kubernetes, list, c.f.Now()); err != nil {
			if ctx.Err() == nil {
				c.log.WarnContext(ctx, "writing down why attempts wait; trying again", "error", err)
			}
			continue
		}
		last, at = now, c.f.Now()
	}
	return nil
}
