package cloud

import (
	"context"
	"sync"

	"github.com/updraft-dev/updraft/queue"
)

// onceQueue opens a queue when it is first asked for, and again if that failed.
type onceQueue struct {
	mu sync.Mutex
	q  *queue.Queue
}

func (o *onceQueue) get(ctx context.Context, open func(context.Context) (*queue.Queue, error)) (*queue.Queue, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.q != nil {
		return o.q, nil
	}
	q, err := open(ctx)
	if err == nil {
		o.q = q
	}
	return q, err
}
