package cloud

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
	"github.com/updraft-dev/updraft/run"
)

// Containers starts a container for each attempt: a fargateexec.Executor. It is an interface so
// that the other functions do not link the client of ECS.
type Containers interface {
	executors.Dispatcher
	// Sweep returns how those have ended whose end may have gone untold.
	Sweep(ctx context.Context) ([]ecsevent.End, error)
}

// Fargate returns the function that starts a Fargate task for each attempt in its queue. By
// the clock it looks for tasks whose end nobody has told of.
func Fargate(f *embedded.Function, r *sqsqueue.Receiver, x Containers) Handler {
	return func(ctx context.Context, inv embedded.Invocation, event json.RawMessage) (any, error) {
		var e struct {
			Records []json.RawMessage `json:"Records"`
			Source  string            `json:"source"`
		}
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, refusal(event, "it is not a JSON object")
		}
		switch {
		case e.Records != nil:
			return fromQueue(ctx, r, event, func(deliveries []queue.Delivery) ([]error, error) {
				return start(ctx, f, inv, x, deliveries), nil
			})
		case e.Source == "aws.events" || e.Source == "aws.scheduler":
			return nil, sweep(ctx, f, x)
		}
		return nil, refusal(event, "it is no tick of EventBridge and no batch of a queue")
	}
}

// start starts the attempts of a batch that still wait to be started.
func start(ctx context.Context, f *embedded.Function, inv embedded.Invocation, x Containers, deliveries []queue.Delivery) []error {
	errs := make([]error, len(deliveries))
	var attempts []run.Attempt
	var index []int
	for i, d := range deliveries {
		if d.Kind == queue.KindAttempt {
			attempts, index = append(attempts, d.Attempt), append(index, i)
		}
	}
	for n, err := range f.StartElsewhere(ctx, inv, x, attempts...) {
		if err != nil {
			f.Log.WarnContext(ctx, "attempt is not started; it is tried again", "attempt", attempts[n].String(), "error", err)
		}
		errs[index[n]] = err
	}
	return errs
}

func sweep(ctx context.Context, f *embedded.Function, x Containers) error {
	ends, err := x.Sweep(ctx)
	errs := []error{err}
	for _, end := range ends {
		errs = append(errs, ended(ctx, f, end))
	}
	return errors.Join(errs...)
}
