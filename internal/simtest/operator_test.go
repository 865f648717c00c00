package simtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/task"
)

// operate is a person with a command line: another process, which writes beside the
// schedulers and tells them so, or not.
func (w *world) operate(ctx context.Context) {
	rng := random(w.seed, "operator")
	conn := w.connect("cli", nil)
	loader := tick.NewLoader(conn)
	for _, d := range w.dags {
		if d.Schedule.Kind != "" && d.Schedule.Kind != dag.ScheduleNone {
			continue
		}
		for i := range w.manual {
			at := epoch().AddDate(0, 0, i-10)
			w.trigger(ctx, loader, task.Trigger{DAG: d.ID, Run: fmt.Sprintf("m%d", i), LogicalDate: &at})
			w.tell()
			w.wait(ctx, between(rng, time.Second, time.Hour))
		}
	}
	w.mu.Lock()
	w.busy--
	w.mu.Unlock()
}

// trigger asks for a run until it is there.
func (w *world) trigger(ctx context.Context, l *tick.Loader, t task.Trigger) {
	for ctx.Err() == nil {
		err := tick.ApplyEdit(ctx, l, w.clock, func(ctx context.Context, e *tick.Edit) error {
			_, err := e.Trigger(ctx, t, "cli", func() string { return "x" })
			return err
		})
		if err == nil || errors.Is(err, task.ErrRunExists) {
			return
		}
		w.log("cli: trigger %s: %v", run.ID{DAG: t.DAG, Run: t.Run}, err)
		w.wait(ctx, 10*time.Second)
	}
}

// tell wakes the schedulers, or leaves it to their polling.
func (w *world) tell() {
	for _, p := range w.processes {
		switch w.check.commits % 3 {
		case 0:
		case 1:
			p.notice()
		default:
			p.notice()
			p.notice()
		}
	}
}
