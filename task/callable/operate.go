package callable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// patience is the timeout of a sensor whose waiting somebody else does.
const patience = 100 * 365 * 24 * time.Hour

// Operate implements python.Operator. A sensor that looks once does so in mode reschedule,
// in which it says when it wants to look again instead of waiting.
func (h handler) Operate(ctx context.Context, o python.Operation) (python.Operated, error) {
	if h.a.Operators == nil {
		return python.Operated{}, errors.New("operators that are not written in Python cannot be run here")
	}
	op := h.a.Operators(o.Class)
	if op == nil {
		return python.Operated{}, fmt.Errorf("operator %s is not known to this worker", o.Class)
	}
	t := *h.a.Task
	t.Operator, t.Args, t.Expand = op.Spec.Class, nil, nil
	a := *h.a
	a.Task, a.Args = &t, o.Args
	if o.Once {
		a.Args["mode"], a.Args["timeout"] = "reschedule", patience
	}
	res, err := op.Run(ctx, &a)
	var again *task.RescheduleError
	if o.Once && errors.As(err, &again) {
		return python.Operated{}, nil
	}
	var denied *settings.DeniedError
	if errors.As(err, &denied) { // not the operator's end, but an answer that is refused
		return python.Operated{}, Known(err)
	}
	if err != nil {
		return operated(err), nil
	}
	out := python.Operated{Done: true}
	if res.Value != nil {
		out.Value, err = task.EncodeXCom(res.Value)
	}
	return out, err
}

// operated says how an operator failed.
func operated(err error) python.Operated {
	var skip *task.SkipError
	var again *task.RescheduleError
	var fatal *task.FatalError
	switch {
	case errors.As(err, &skip):
		return python.Operated{Outcome: "skip", Reason: skip.Reason}
	case errors.As(err, &again):
		return python.Operated{Outcome: "reschedule", At: &again.At}
	case errors.As(err, &fatal) && fatal.Cause == run.CauseTimeout:
		return python.Operated{Outcome: "timeout", Reason: err.Error()}
	case errors.As(err, &fatal):
		return python.Operated{Outcome: "fatal", Reason: err.Error()}
	}
	return python.Operated{Outcome: "fail", Reason: err.Error()}
}
