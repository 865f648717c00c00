package kube

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

const (
	// takers is how many receive from the queue at the same time, maxTake how many messages
	// each of them takes at once.
	takers, maxTake = 4, 10
	// visibility is for how long a message is this controller's. One that dies gives its
	// messages back by that.
	visibility = 2 * time.Minute
	// maxHeld bounds the attempts that are held because there can be no pod for them now;
	// further ones stay in the queue.
	maxHeld = 2000
	// errPause is the pause after the queue has failed, or while too much is held.
	errPause = time.Second
	// syncPause is how often a controller looks whether it knows the pods already.
	syncPause = 20 * time.Millisecond
)

// holds are the attempts that wait for a pod.
type holds struct {
	mu   sync.Mutex
	list []*hold
}

// hold is an attempt that could not be started. Its message is kept from others.
type hold struct {
	d      queue.Delivery
	reason string
	// next is when to try again, until for how long the message is ours.
	next, until time.Time
	wait        time.Duration
	// since is when it was received first.
	since time.Time
}

func (h *holds) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.list)
}

func (h *holds) add(one *hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, one)
}

// due takes out up to n that are to be tried again, those first that have waited longest.
func (h *holds) due(now time.Time, n int) []*hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	slices.SortStableFunc(h.list, func(a, b *hold) int { return a.next.Compare(b.next) })
	i := 0
	for i < len(h.list) && i < n && !h.list[i].next.After(now) {
		i++
	}
	out := slices.Clone(h.list[:i])
	h.list = slices.Delete(h.list, 0, i)
	return out
}

// all are all of them.
func (h *holds) all() []hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]hold, len(h.list))
	for i, one := range h.list {
		out[i] = *one
	}
	return out
}

// expiring are those whose messages soon become visible to others, and for how long from now
// on they shall not.
func (h *holds) expiring(now time.Time) []*hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*hold
	for _, one := range h.list {
		if one.until.Sub(now) < visibility/2 {
			one.until = now.Add(visibility)
			out = append(out, one)
		}
	}
	return out
}

func (h *holds) drop(one *hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = slices.DeleteFunc(h.list, func(o *hold) bool { return o == one })
}

// take has pods made for what comes through the queue, until ctx ends.
func (c *Controller) take(ctx context.Context, q *queue.Queue) error {
	for !c.exec.Synced() {
		if !pause(ctx, syncPause) {
			return nil
		}
	}
	c.announce()
	var all errgroup.Group
	for range takers {
		all.Go(func() error { return c.takeAlone(ctx, q) })
	}
	return all.Wait()
}

func (c *Controller) takeAlone(ctx context.Context, q *queue.Queue) error {
	for ctx.Err() == nil {
		if c.held.len() >= maxHeld {
			pause(ctx, errPause)
			continue
		}
		got, err := q.Receive(ctx, maxTake, visibility, queue.MaxWait)
		if len(got) > 0 {
			now := c.f.Now()
			list := make([]*hold, len(got))
			for i, d := range got {
				list[i] = &hold{d: d, since: now, until: now.Add(visibility)}
			}
			c.start(ctx, q, list)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, queue.ErrClosed):
			return err
		case err != nil:
			c.log.WarnContext(ctx, "taking attempts; trying again", "error", err)
			pause(ctx, errPause)
		}
	}
	return nil
}

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// start has pods made for attempts, and holds those for which there can be none now. It
// returns how many it holds.
func (c *Controller) start(ctx context.Context, q *queue.Queue, list []*hold) (waiting int) {
	var attempts []run.Attempt
	var wanted []*hold
	var done []queue.Delivery
	for _, h := range list {
		if h.d.Kind != queue.KindAttempt {
			c.log.WarnContext(ctx, "message is of no use for the controller", "kind", h.d.Kind, "message", h.d.ID)
			done = append(done, h.d)
			continue
		}
		attempts, wanted = append(attempts, h.d.Attempt), append(wanted, h)
	}
	for i, err := range c.f.StartElsewhere(ctx, c.invocation(), c.starts, attempts...) {
		if err == nil {
			done = append(done, wanted[i].d)
			continue
		}
		c.hold(ctx, wanted[i], err)
		waiting++
	}
	for i, err := range q.Delete(ctx, done...) {
		if err != nil && !errors.Is(err, queue.ErrLost) {
			c.log.WarnContext(ctx, "deleting a message; it will come again", "message", done[i].ID, "error", err)
		}
	}
	return waiting
}

const (
	// An attempt that is held is tried again after these times; the last one is for what
	// waits for long.
	firstWait, lastWait = time.Second, 15 * time.Second
)

// hold keeps an attempt that could not be started.
func (c *Controller) hold(ctx context.Context, h *hold, err error) {
	var wait *kubeexec.WaitError
	if errors.As(err, &wait) {
		h.reason = wait.Reason
	} else {
		h.reason = strings.TrimPrefix(err.Error(), executors.ErrBusy.Error()+": ")
		c.log.WarnContext(ctx, "attempt is not started; it is tried again", "attempt", h.d.Attempt.String(), "error", err)
	}
	h.wait = min(max(2*h.wait, firstWait), lastWait)
	if wait != nil {
		h.wait = max(h.wait, wait.After)
	}
	h.next = c.f.Now().Add(h.wait)
	c.held.add(h)
}

// retryBatch is how many held attempts are tried at once.
const retryBatch = 20

// retry tries again what is held, until ctx ends: while some of them find room at once, and
// otherwise each after its time.
func (c *Controller) retry(ctx context.Context, q *queue.Queue) error {
	for pause(ctx, firstWait) {
		for ctx.Err() == nil {
			list := c.held.due(c.f.Now(), retryBatch)
			if len(list) == 0 || c.start(ctx, q, list) == len(list) {
				break
			}
		}
		for _, h := range c.held.expiring(c.f.Now()) {
			if err := q.Extend(ctx, h.d, visibility); errors.Is(err, queue.ErrLost) {
				c.held.drop(h) // somebody else has it by now
			} else if err != nil && ctx.Err() == nil {
				c.log.WarnContext(ctx, "keeping a message; it may come again", "message", h.d.ID, "error", err)
			}
		}
	}
	return nil
}
