package embedded

import (
	"context"
	"sync"
	"time"
)

// idleness ends a context when nothing has been done for a while.
type idleness struct {
	after  time.Duration
	cancel context.CancelFunc

	mu    sync.Mutex
	tasks int
	timer *time.Timer
}

// endIdle returns a context that ends after so long without a task; 0 is never.
func endIdle(ctx context.Context, after time.Duration) (context.Context, *idleness) {
	ctx, cancel := context.WithCancel(ctx)
	i := &idleness{after: after, cancel: cancel}
	if after > 0 {
		i.timer = time.AfterFunc(after, i.expire)
	}
	return ctx, i
}

// busy says that a task begins; what it returns, that it has ended.
func (i *idleness) busy() (done func()) {
	i.count(1)
	return func() { i.count(-1) }
}

func (i *idleness) count(n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tasks += n
	if i.timer == nil {
		return
	}
	if i.timer.Stop(); i.tasks == 0 {
		i.timer.Reset(i.after)
	}
}

func (i *idleness) expire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.tasks == 0 { // one may have begun at this moment
		i.cancel()
	}
}

// end releases everything.
func (i *idleness) end() {
	if i.timer != nil {
		i.timer.Stop()
	}
	i.cancel()
}
