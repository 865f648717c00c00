package callable

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// exception is what a callable raised. Callbacks find it as their context's exception.
type exception struct{ class, text string }

func (e *exception) Error() string {
	if e.class == "" || e.text == "" {
		return e.class + e.text
	}
	return e.class + ": " + e.text
}

// raised is the exception of a result. The module of Airflow's own says nothing to people.
func raised(res *python.Result) *exception {
	return &exception{class: strings.TrimPrefix(res.ErrType, "airflow.sdk.exceptions."), text: res.ErrMessage}
}

// ended is what package task makes of the end of a call; nil for a success. Before is
// what task.OOMKills was at its start.
func (r *Runner) ended(ctx context.Context, a *task.Attempt, res *python.Result, before int) error {
	err := raised(res)
	switch res.Outcome {
	case python.OutcomeSuccess:
		return nil
	case python.OutcomeSkip:
		return &task.SkipError{Reason: cmp.Or(res.ErrMessage, "AirflowSkipException without a reason")}
	case python.OutcomeFailNoRetry:
		return task.Fatal(err)
	case python.OutcomeDenied:
		return task.Misconfigured(err)
	case python.OutcomeReschedule:
		return task.Reschedule(res.RescheduleAt)
	case python.OutcomeSensorTimeout:
		return &task.FatalError{Cause: run.CauseTimeout, Err: err}
	case python.OutcomeTimeout:
		return &task.CauseError{Cause: run.CauseTimeout, Err: err}
	case python.OutcomeKilled:
		return killed(ctx, a, res, before)
	}
	cause := run.CauseTask
	if res.OutOfMemory() {
		cause = run.CauseOOM
		err.text = cmp.Or(err.text, "an allocation failed") + limit(a)
	}
	return &task.CauseError{Cause: cause, ExitCode: res.ExitCode, Err: err}
}

// killed says why a process was killed.
func killed(ctx context.Context, a *task.Attempt, res *python.Result, before int) error {
	if ctx.Err() == nil && res.Signal == "SIGKILL" {
		return task.Exit{
			Code: res.ExitCode, Signal: res.Signal, OOM: task.OOMKills() > before, MaxRSS: res.MaxRSS,
		}.Err(a.Memory())
	}
	if ctx.Err() != nil {
		return raised(res)
	}
	return &task.CauseError{Cause: run.CauseTask, ExitCode: res.ExitCode, Err: raised(res)}
}

func limit(a *task.Attempt) string {
	if n := a.Memory(); n > 0 {
		return fmt.Sprintf(" (limit %d MiB)", n>>20)
	}
	return ""
}
