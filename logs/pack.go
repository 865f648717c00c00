package logs

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/run"
)

const (
	// MaxPack is how many logs are given to a Packer at once.
	MaxPack = 25
	// MaxPacked is how large a log may be that is packed, in bytes: a longer one is worth
	// an object of its own.
	MaxPacked = 64 << 10
	// maxWaiting is how many bytes wait at most while a driver fails.
	maxWaiting = 16 << 20
)

// packer holds short logs that have ended until there are enough of them, or one of them
// has waited for long enough.
type packer struct {
	d    Driver
	c    Config
	pack Packer // the same as d

	// writing is held while packs are written, so that who waits for a log that is held
	// knows when it is written.
	writing sync.Mutex

	mu   sync.Mutex
	held map[run.ID]*pack
	// where are the runs' packs by their logs, also while they are written.
	where map[run.Attempt]*pack
	bytes int
}

// pack are the logs of one run that wait.
type pack struct {
	ctx   context.Context // of the first of them, without its cancellation
	id    run.ID
	whole []Whole
	due   time.Time
	timer *time.Timer
}

func newPacker(d Driver, c Config, p Packer) *packer {
	return &packer{d: d, c: c, pack: p, held: map[run.ID]*pack{}, where: map[run.Attempt]*pack{}}
}

// take takes a log, of which the first text came at a time, unless it is too large or too
// many wait already. It keeps nothing of text.
func (p *packer) take(ctx context.Context, a run.Attempt, since time.Time, text []byte) bool {
	p.mu.Lock()
	if len(text) > MaxPacked || p.bytes+len(text) > maxWaiting || p.where[a] != nil {
		p.mu.Unlock()
		return false
	}
	k := p.held[a.ID]
	if k == nil {
		k = &pack{ctx: ctx, id: a.ID}
		p.held[a.ID] = k
	}
	k.whole = append(k.whole, Whole{Attempt: a, Text: bytes.Clone(text), Written: time.Now(), Token: rand.Text()})
	p.where[a] = k
	p.bytes += len(text)
	p.arm(k, since.Add(p.c.PackTime))
	full := len(k.whole) >= MaxPack
	p.mu.Unlock()
	if full {
		_ = p.write(ctx, k) // it waits on, and is tried again by its timer
	}
	return true
}

// arm sets the time when a pack is written, if that is earlier; p.mu is held.
func (p *packer) arm(k *pack, due time.Time) {
	if k.timer != nil && !due.Before(k.due) {
		return
	}
	if k.timer != nil {
		k.timer.Stop()
	}
	k.due = due
	k.timer = time.AfterFunc(time.Until(due), func() { _ = p.write(k.ctx, k) })
}

// settle returns when an attempt's log does not wait any more: its next text comes after.
func (p *packer) settle(ctx context.Context, a run.Attempt) error {
	for {
		p.mu.Lock()
		k := p.where[a]
		p.mu.Unlock()
		if k == nil {
			return nil
		}
		if err := p.write(ctx, k); err != nil {
			return err
		}
	}
}

// flush writes all that waits, and returns when what somebody else is writing is written
// too: the process may end after it.
func (p *packer) flush(ctx context.Context) error {
	for {
		p.mu.Lock()
		all := map[*pack]bool{}
		for _, k := range p.where {
			all[k] = true
		}
		p.mu.Unlock()
		if len(all) == 0 {
			return nil
		}
		var errs []error
		for k := range all {
			errs = append(errs, p.write(ctx, k))
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
}

// write writes a pack, unless that has been done meanwhile. What fails waits for another
// turn.
func (p *packer) write(ctx context.Context, k *pack) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.mu.Lock()
	whole := k.whole
	k.whole = nil
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
	if p.held[k.id] == k {
		delete(p.held, k.id)
	}
	p.mu.Unlock()
	var failed []Whole
	var errs []error
	for len(whole) > 0 {
		n := min(len(whole), MaxPack)
		left, err := p.pack.WritePack(ctx, k.id, whole[:n])
		if err != nil {
			failed, errs = append(failed, whole[:n]...), append(errs, err)
		} else {
			p.forget(whole[:n], left)
			failed, errs = p.alone(ctx, left, failed, errs)
		}
		whole = whole[n:]
	}
	p.again(k, failed)
	return errors.Join(errs...)
}

// alone writes logs that go on one by one; it appends to what has failed.
func (p *packer) alone(ctx context.Context, left, failed []Whole, errs []error) ([]Whole, []error) {
	for _, w := range left {
		out := &writer{ctx: context.WithoutCancel(ctx), d: p.d, c: p.c, a: w.Attempt}
		_, err := out.Write(w.Text) // it is masked
		if err = errors.Join(err, out.Close()); err != nil {
			failed, errs = append(failed, w), append(errs, err)
			continue
		}
		p.forget([]Whole{w}, nil)
	}
	return failed, errs
}

// forget forgets logs that were written, but for those that are left.
func (p *packer) forget(whole, left []Whole) {
	p.mu.Lock()
	defer p.mu.Unlock()
	keep := map[string]bool{}
	for _, w := range left {
		keep[w.Token] = true
	}
	for _, w := range whole {
		if !keep[w.Token] {
			delete(p.where, w.Attempt)
			p.bytes -= len(w.Text)
		}
	}
}

// again lets logs wait that could not be written.
func (p *packer) again(k *pack, failed []Whole) {
	if len(failed) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.held[k.id]
	if now == nil {
		now = &pack{ctx: k.ctx, id: k.id}
		p.held[k.id] = now
	}
	for _, w := range failed {
		p.where[w.Attempt] = now
	}
	now.whole = append(failed, now.whole...)
	p.arm(now, time.Now().Add(p.c.PackTime))
}
