package simtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/queue"
)

// post is a queue as bad as its contract allows, and worse: what was sent comes late, in
// any order, twice, or never.
type post struct {
	w *world

	mu       sync.Mutex
	rng      *rand.Rand
	letters  []*letter
	sent     int
	received int
	// changed is closed when there is something new.
	changed chan struct{}
}

type letter struct {
	queue.Incoming
	visible time.Time
}

func newPost(w *world) *post {
	return &post{w: w, rng: random(w.seed, "post"), changed: make(chan struct{})}
}

var _ queue.Driver = (*post)(nil)

// Send implements queue.Driver.
func (p *post) Send(_ context.Context, batch []queue.Outgoing) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, len(batch))
	f := &p.w.faults
	for i, o := range batch {
		copies := 1
		delay := o.Delay + between(p.rng, time.Microsecond, 50*time.Millisecond)
		if p.w.faulty() {
			switch {
			case oneIn(p.rng, f.lost):
				p.w.count("message lost")
				copies = 0
			case oneIn(p.rng, f.doubled):
				p.w.count("message doubled")
				copies = 2
			case oneIn(p.rng, f.busy):
				p.w.count("message sent with an error")
				errs[i] = errStore
			}
			if oneIn(p.rng, f.late) {
				p.w.count("message late")
				delay += between(p.rng, time.Second, 20*time.Minute)
			}
		}
		for range copies {
			p.sent++
			in := queue.Incoming{Body: slices.Clone(o.Body), ID: fmt.Sprint(p.sent), Sent: time.Now()}
			p.letters = append(p.letters, &letter{Incoming: in, visible: time.Now().Add(delay)})
			delay += between(p.rng, time.Microsecond, 10*time.Minute)
		}
	}
	p.ring()
	return errs
}

func (p *post) ring() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Receive implements queue.Driver. It hands out one message at a time, so that workers do
// not act at the same instant.
func (p *post) Receive(ctx context.Context, _ int, visibility, wait time.Duration) ([]queue.Incoming, error) {
	until := time.Now().Add(wait)
	for {
		p.mu.Lock()
		next := until
		for _, l := range p.letters {
			if !l.visible.After(time.Now()) {
				p.received++
				l.Receives++
				l.Receipt = fmt.Sprint(l.ID, "/", p.received)
				l.visible = time.Now().Add(visibility)
				p.mu.Unlock()
				return []queue.Incoming{l.Incoming}, nil
			}
			if l.visible.Before(next) {
				next = l.visible
			}
		}
		changed := p.changed
		p.mu.Unlock()
		if !time.Now().Before(until) {
			return nil, nil
		}
		select {
		case <-changed:
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (p *post) find(receipt string) int {
	return slices.IndexFunc(p.letters, func(l *letter) bool { return l.Receipt == receipt })
}

// Extend implements queue.Driver.
func (p *post) Extend(_ context.Context, receipt string, visibility time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.find(receipt)
	if i < 0 {
		return queue.ErrLost
	}
	p.letters[i].visible = time.Now().Add(visibility)
	p.ring()
	return nil
}

// Delete implements queue.Driver.
func (p *post) Delete(_ context.Context, receipts []string) []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := make([]error, len(receipts))
	for n, r := range receipts {
		if i := p.find(r); i >= 0 {
			p.letters = slices.Delete(p.letters, i, i+1)
		} else {
			errs[n] = queue.ErrLost
		}
	}
	return errs
}

// Stats implements queue.Driver; nobody asks.
func (p *post) Stats(context.Context) (queue.Stats, error) { return queue.Stats{}, nil }

// Purge implements queue.Driver; nobody asks.
func (p *post) Purge(context.Context, queue.Part) (int, error) { return 0, nil }

// Close implements queue.Driver.
func (p *post) Close() error { return nil }

// Bury implements queue.Driver: what cannot be read was never sent.
func (p *post) Bury(_ context.Context, m queue.Incoming, reason string) error {
	p.w.fail("message %s is buried: %s", m.ID, reason)
	return nil
}

// Dead implements queue.Driver.
func (p *post) Dead(context.Context, int) ([]queue.DeadLetter, error) { return nil, nil }

// Revive implements queue.Driver.
func (p *post) Revive(context.Context, []string) (int, error) { return 0, nil }
