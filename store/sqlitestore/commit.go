package sqlitestore

import (
	"context"
	"errors"
	"sync"

	"github.com/updraft-dev/updraft/store"
)

// operation is one caller's write. do runs inside a transaction, possibly twice (the
// first one was rolled back), so it sets its results anew each time. An error from do
// means that nothing may be kept; that a condition was not met is no error but a
// result, and do must then not have written.
type operation struct {
	do   func(ctx context.Context, w *session) error
	done chan error
}

// committer gathers the operations of concurrent callers into shared transactions.
// It has a goroutine only while there is something to write.
type committer struct {
	mu    sync.Mutex
	queue []*operation
	// busy says that a goroutine is working through the queue.
	busy   bool
	closed bool
	idle   *sync.Cond

	// lock is held by who uses the writing session.
	lock  sync.Mutex
	w     *session
	stats Stats
}

func newCommitter(w *session) *committer {
	c := &committer{w: w}
	c.idle = sync.NewCond(&c.mu)
	return c
}

// write runs do in a transaction and returns when it is durable.
func (c *committer) write(ctx context.Context, do func(context.Context, *session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	op := &operation{do: do, done: make(chan error, 1)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return store.ErrClosed
	}
	c.queue = append(c.queue, op)
	start := !c.busy
	c.busy = true
	c.mu.Unlock()
	if start {
		// Not the caller itself: its context may end while the others' writes go on.
		go c.drain(context.WithoutCancel(ctx))
	}
	select {
	case err := <-op.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *committer) drain(ctx context.Context) {
	for {
		c.mu.Lock()
		group := c.queue
		c.queue = nil
		if len(group) == 0 {
			c.busy = false
			c.idle.Broadcast()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		c.commit(ctx, group)
	}
}

// commit runs a group in one transaction. If it fails, each operation gets its own, so
// that one caller's damaged row is not everybody's error.
func (c *committer) commit(ctx context.Context, group []*operation) {
	c.lock.Lock()
	defer c.lock.Unlock()
	err := c.transact(ctx, group)
	if err == nil || len(group) == 1 || blocked(err) {
		for _, op := range group {
			op.done <- err
		}
		return
	}
	for _, op := range group {
		op.done <- c.transact(ctx, []*operation{op})
	}
}

func (c *committer) transact(ctx context.Context, group []*operation) error {
	if err := c.w.begin(ctx); err != nil {
		return err
	}
	for _, op := range group {
		if err := op.do(ctx, c.w); err != nil {
			return c.rollback(ctx, err)
		}
	}
	wrote := c.w.changed > 0
	if _, err := c.w.exec(ctx, "COMMIT"); err != nil {
		return c.rollback(ctx, err)
	}
	if !wrote { // nor did SQLite touch the file
		return nil
	}
	c.stats.Commits++
	c.stats.Writes += int64(len(group))
	return nil
}

// rollback ends a failed transaction. SQLite has already ended it after some errors
// (disk full, for one); its complaint about that says nothing new.
func (c *committer) rollback(ctx context.Context, cause error) error {
	if _, err := c.w.exec(ctx, "ROLLBACK"); err != nil && !noTransaction(err) {
		return errors.Join(cause, err)
	}
	return cause
}

// close lets what is queued end and refuses what comes later. It reports whether it
// was the first call.
func (c *committer) close() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.closed
	c.closed = true
	for c.busy {
		c.idle.Wait()
	}
	return first
}
