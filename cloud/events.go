package cloud

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

// Events returns the function that hears of workers that ended without a report: the
// records of invocations that Lambda has given up, and the changes of ECS tasks. Both come
// through a queue.
func Events(f *embedded.Function) Handler {
	return func(ctx context.Context, _ embedded.Invocation, event json.RawMessage) (any, error) {
		var e events.SQSEvent
		if err := json.Unmarshal(event, &e); err != nil || len(e.Records) == 0 {
			return nil, refusal(event, "it is no batch of a queue")
		}
		// Never nil: some services take null for a failure of all.
		out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		for _, m := range e.Records {
			if err := hear(ctx, f, []byte(m.Body)); err != nil {
				// What nobody can read becomes a dead letter by being received too often, and is
				// kept there for inspection.
				f.Log.ErrorContext(ctx, "word of the end of a worker", "message", m.MessageId, "error", err)
				out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
			}
		}
		return out, nil
	}
}

// hear tells the installation of a death.
func hear(ctx context.Context, f *embedded.Function, body []byte) error {
	var kind struct {
		DetailType string `json:"detail-type"`
	}
	if err := json.Unmarshal(body, &kind); err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	if kind.DetailType == "" {
		failure, err := lambdaevent.DecodeFailure(body)
		if err != nil {
			return err
		}
		// It kept the first of its attempts; the others are on their way, or are sent again.
		return f.Died(ctx, tick.Death{
			Worker: failure.Worker, Attempts: failure.Attempts[:1], Unclaimed: failure.Started, Cause: failure.Cause, ExitCode: failure.ExitCode,
			Reason: failure.Reason, Executor: lambdaexec.Name,
		})
	}
	t, err := ecsevent.Decode(body)
	if err != nil {
		return err
	}
	if !t.Stopped() {
		return nil
	}
	end, err := t.End()
	if err != nil {
		return err
	}
	return ended(ctx, f, end)
}

// ended tells the installation how a task of ECS has ended.
func ended(ctx context.Context, f *embedded.Function, end ecsevent.End) error {
	if end.Cause == "" {
		return nil // by itself: its report is in the store
	}
	// What a worker could not claim, others would not be able to either, again and again.
	unclaimed := !end.Started || end.ExitCode == ecsevent.ExitUnreported
	return f.Died(ctx, tick.Death{
		Worker: end.Worker, Attempts: []run.Attempt{end.Attempt}, Unclaimed: unclaimed, Cause: end.Cause, ExitCode: end.ExitCode,
		Reason: end.Reason, Executor: fargate,
	})
}
