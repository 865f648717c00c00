package embedded

import (
	"context"
	"errors"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/queue"
)

// Kubernetes is the driver of executors.Kubernetes for whoever only sends attempts there: to
// the queue of that name, from which a controller in the cluster (updraft-kube) takes them.
// Nobody outside has to reach the cluster for that.
func Kubernetes(ctx context.Context, o *Options) (executors.Dispatcher, error) {
	qs, err := opened(ctx, o.Drivers.Queues, "queue", o)
	if err != nil {
		return nil, err
	}
	s := &sender{shared: qs}
	s.Executor, err = queueexec.Open(queueexec.Config{
		Parallelism: o.Config.Int("parallelism"),
		Queue: func(ctx context.Context, _ string) (_ *queue.Queue, err error) {
			if s.queue == nil { // the executor asks for one at a time
				s.queue, err = qs.Open(context.WithoutCancel(ctx), executors.Kubernetes)
			}
			return s.queue, err
		},
	})
	return s, err
}

// sender sends all attempts to one queue, which is its own.
type sender struct {
	*queueexec.Executor
	queue *queue.Queue
	// shared is what the queue is one of.
	shared Queues
}

// Name implements executors.Executor.
func (s *sender) Name() string { return executors.Kubernetes }

// Close implements executors.Executor.
func (s *sender) Close(ctx context.Context) error {
	err := s.Executor.Close(ctx)
	if s.queue != nil {
		err = errors.Join(err, s.queue.Close())
	}
	return errors.Join(err, s.shared.close())
}
