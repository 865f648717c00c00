package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
	"github.com/updraft-dev/updraft/run"
)

// Sharer sends a list of attempts on to further workers; see lambdaexec.Executor.Share.
type Sharer interface {
	Share(ctx context.Context, function string, attempts []queue.Envelope) (queue.Envelope, error)
}

// Worker returns the function that executes attempts: those of an event of lambdaexec, of
// which it keeps one, or those of a batch of a queue. It goes on with what follows while
// fits says that it may be done here and there is time. Name is its name or ARN.
func Worker(f *embedded.Function, r *sqsqueue.Receiver, s Sharer, name string, fits func(*dag.DAG, *dag.Task) bool) Handler {
	return func(ctx context.Context, inv embedded.Invocation, event json.RawMessage) (any, error) {
		var e struct {
			Records []json.RawMessage `json:"Records"`
		}
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, refusal(event, "it is not a JSON object")
		}
		accepts := func(d *dag.DAG, t *dag.Task) bool { return fits(d, t) && inTime(t, inv.Deadline.Sub(f.Now())) }
		if e.Records != nil {
			return fromQueue(ctx, r, event, func(deliveries []queue.Delivery) ([]error, error) {
				return work(ctx, f, inv, accepts, deliveries), nil
			})
		}
		attempts, err := lambdaevent.Decode(event)
		if err != nil {
			return nil, refusal(event, err.Error())
		}
		own := attempts[0]
		if len(attempts) > 1 {
			if own, err = s.Share(ctx, name, attempts); err != nil {
				// They stay queued, and the scheduler sends them again.
				f.Log.WarnContext(ctx, "sharing attempts out", "attempts", len(attempts), "error", err)
			}
		}
		// An error would have Lambda call again, with the same attempt; it is logged.
		for _, err := range f.Work(ctx, inv, accepts, own.Attempt) {
			if err != nil {
				return nil, fmt.Errorf("attempt %s: %w", own.Attempt, err)
			}
		}
		return nil, nil
	}
}

// untimed is how much time must be left for going on with a task that does not say how long
// it may take. Most are over sooner; one that is not costs a try that is nobody's fault.
const untimed = 5 * time.Minute

// inTime says whether a task may be begun with so much time left.
func inTime(t *dag.Task, left time.Duration) bool {
	if t.ExecutionTimeout > 0 {
		return left > t.ExecutionTimeout+lambdaexec.Margin
	}
	return left > untimed
}

// work executes the attempts of a batch. Messages about something else are of no use here.
func work(ctx context.Context, f *embedded.Function, inv embedded.Invocation, fits func(*dag.DAG, *dag.Task) bool, deliveries []queue.Delivery) []error {
	var attempts []run.Attempt
	var index []int
	for i, d := range deliveries {
		if d.Kind != queue.KindAttempt {
			f.Log.WarnContext(ctx, "message is of no use for a worker", "kind", d.Kind, "message", d.ID)
			continue
		}
		attempts, index = append(attempts, d.Attempt), append(index, i)
	}
	errs := make([]error, len(deliveries))
	for n, err := range f.Work(ctx, inv, fits, attempts...) {
		if err != nil {
			f.Log.WarnContext(ctx, "attempt is given back", "attempt", attempts[n].String(), "error", err)
		}
		errs[index[n]] = err
	}
	return errs
}

// FitsFunction says whether a worker function has what a task asks for, so that it may go
// on with it by itself.
func FitsFunction(own lambdaexec.Function) func(*dag.DAG, *dag.Task) bool {
	limits := lambdaexec.Limits([]lambdaexec.Function{own})
	return func(d *dag.DAG, t *dag.Task) bool {
		n, err := executors.NeedOf(d, t)
		return err == nil && (n.Executor == "" || n.Executor == lambdaexec.Name) && n.Function == "" && n.Queue == "" && len(limits.Lacks(n)) == 0
	}
}
