package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
	"github.com/updraft-dev/updraft/run"
)

// Scheduler returns the function that decides. EventBridge calls it every minute, queue
// messages of kind plan when something has happened or is due; a plan message may also be
// the event itself.
func Scheduler(f *embedded.Function, r *sqsqueue.Receiver) Handler {
	return func(ctx context.Context, inv embedded.Invocation, event json.RawMessage) (any, error) {
		var e struct {
			Records []json.RawMessage `json:"Records"`
			Source  string            `json:"source"`
			Kind    queue.Kind        `json:"kind"`
		}
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, refusal(event, "it is not a JSON object")
		}
		switch {
		case e.Records != nil:
			return fromQueue(ctx, r, event, func(deliveries []queue.Delivery) ([]error, error) {
				return nil, schedule(ctx, f, inv, wantsAll(deliveries))
			})
		case e.Source == "aws.events" || e.Source == "aws.scheduler":
			return nil, schedule(ctx, f, inv, true)
		case e.Kind == queue.KindPlan:
			m, err := queue.Decode(event)
			if err != nil {
				return nil, refusal(event, err.Error())
			}
			return nil, schedule(ctx, f, inv, m.Attempt.DAG == "")
		}
		return nil, refusal(event, "it is no tick of EventBridge, no batch of a queue and no plan message")
	}
}

// wantsAll says that a message of a batch asks for everything that may be due.
func wantsAll(deliveries []queue.Delivery) bool {
	for _, d := range deliveries {
		if d.Kind == queue.KindPlan && d.Attempt.DAG == "" {
			return true
		}
	}
	return false
}

// schedule plans, and has itself called again when something is due before the next tick.
func schedule(ctx context.Context, f *embedded.Function, inv embedded.Invocation, all bool) error {
	wake, err := f.Schedule(ctx, inv, all)
	if err != nil || wake.IsZero() {
		return err
	}
	if after := wake.Sub(f.Now()); after < untilTick {
		f.WakeAfter(run.ID{}, max(0, after))
	}
	return nil
}

// untilTick is within which time the next tick comes, which needs no hint.
const untilTick = time.Minute

// fromQueue reads a batch of a queue and answers what of it has failed: do says so for each
// message, or with an error of all of them.
func fromQueue(ctx context.Context, r *sqsqueue.Receiver, event json.RawMessage, do func([]queue.Delivery) ([]error, error)) (any, error) {
	var e events.SQSEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, refusal(event, err.Error())
	}
	b, err := r.Receive(ctx, e)
	if err != nil {
		return nil, err
	}
	if len(b.Deliveries) == 0 {
		return b.Response(), nil
	}
	errs, err := do(b.Deliveries)
	if err != nil {
		return nil, err
	}
	for i, err := range errs {
		if err != nil {
			b.Fail(b.Deliveries[i])
		}
	}
	return b.Response(), nil
}

// ErrEvent says that an event is not one that a function knows. Calling again does not help.
var ErrEvent = errors.New("event is refused")

// refusal quotes the beginning of an event that a function does not know.
func refusal(event json.RawMessage, why string) error {
	return fmt.Errorf("%w: %s: %.200q", ErrEvent, why, string(event))
}
