package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/scheduler"
)

// retryVector is a failed attempt and the delay that Airflow gave it.
type retryVector struct {
	ID          string
	DAG         string         `json:"dag_id"`
	Task        string         `json:"task_id"`
	LogicalDate *time.Time     `json:"logical_date"`
	Args        map[string]any `json:"task"`
	Try         int            `json:"try_number"`
	Override    *float64       `json:"retry_delay_override"`
	Expect      struct {
		Delay     float64 `json:"delay_seconds"`
		Construct *struct{ Type, Message string }
	}
}

// replayRetries replays delays before the next attempt.
func replayRetries(_ context.Context, path, _ string) iter.Seq2[Outcome, error] {
	return eachLine(path, func(_ string, line []byte) (Outcome, error) {
		var v retryVector
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			return Outcome{}, err
		}
		o := Outcome{ID: v.ID}
		if ours, theirs := v.ours(), v.theirs(); ours != theirs {
			o.Diff = &Mismatch{Picture: fmt.Sprintf("%v, try %d", v.Args, v.Try), Part: "delay", Ours: ours, Theirs: theirs}
		}
		return o, nil
	})
}

func (v *retryVector) theirs() string {
	if v.Expect.Construct != nil {
		return "refused"
	}
	return time.Duration(v.Expect.Delay * 1e9).Round(time.Microsecond).String()
}

func (v *retryVector) ours() string {
	p, err := v.policy()
	switch {
	case err != nil:
		return "refused"
	case v.Override != nil:
		return time.Duration(*v.Override * 1e9).String() // not the planner's matter
	}
	a := scheduler.FailedAttempt{DAG: v.DAG, Task: v.Task, Try: v.Try}
	if v.LogicalDate != nil {
		a.LogicalDate = *v.LogicalDate
	}
	return scheduler.RetryDelay(p, a).String()
}

func (v *retryVector) policy() (p scheduler.RetryPolicy, err error) {
	p.Delay = dag.DefaultRetryDelay
	for name, to := range map[string]*time.Duration{"retry_delay": &p.Delay, "max_retry_delay": &p.MaxDelay} {
		value := v.Args[name]
		if m, ok := value.(map[string]any); ok {
			value = m["timedelta_seconds"]
		}
		if value == nil {
			continue
		}
		if *to, err = scheduler.ParseRetryDelay(name, value); err != nil {
			return p, err
		}
	}
	p.Backoff, err = scheduler.ParseRetryBackoff(v.Args["retry_exponential_backoff"])
	return p, err
}
