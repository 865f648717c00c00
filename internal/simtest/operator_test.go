package simtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
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
			w.tell(rng)
			w.wait(ctx, between(rng, time.Second, time.Hour))
		}
	}
	if w.edits {
		w.interfere(ctx, rng, loader, conn)
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
func (w *world) tell(rng *rand.Rand) {
	for _, p := range w.processes {
		switch rng.IntN(3) {
		case 0:
			w.count("notice lost")
		case 1:
			p.notice()
		default:
			p.notice()
			p.notice()
		}
	}
}

// interfere clears, marks and pauses until faults end, by itself or through a scheduler.
func (w *world) interfere(ctx context.Context, rng *rand.Rand, l *tick.Loader, st store.Store) {
	for w.faulty() && ctx.Err() == nil {
		w.wait(ctx, between(rng, time.Second, 20*time.Minute))
		if oneIn(rng, 4) {
			d := someOf(rng, w.dags)
			if d.ID == sink {
				continue // it would miss updates, as paused DAGs do
			}
			w.pause(ctx, st, d.ID, true)
			w.tell(rng)
			w.wait(ctx, between(rng, time.Second, 20*time.Minute))
			w.pause(ctx, st, d.ID, false)
		} else if id, ok := w.someRun(rng); ok {
			w.check.edit(id)
			w.edit(ctx, rng, l, id)
		}
		w.tell(rng)
	}
}

// pause pauses a DAG, or goes on with it.
func (w *world) pause(ctx context.Context, st store.Store, id string, paused bool) {
	w.log("cli: pause %s: %v", id, paused)
	for tick.SetPaused(ctx, st, id, paused) != nil && ctx.Err() == nil {
		w.wait(ctx, 10*time.Second)
	}
}

func (w *world) someRun(rng *rand.Rand) (run.ID, bool) {
	w.check.mu.Lock()
	defer w.check.mu.Unlock()
	var ids []run.ID
	for id := range w.check.runs {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return run.ID{}, false
	}
	slices.SortFunc(ids, func(a, b run.ID) int { return strings.Compare(a.String(), b.String()) })
	return someOf(rng, ids), true
}

// edit changes a run by hand.
func (w *world) edit(ctx context.Context, rng *rand.Rand, l *tick.Loader, id run.ID) {
	t := someOf(rng, w.check.graphs[id.DAG].Tasks).ID
	state := someOf(rng, []run.State{run.Success, run.Failed, run.Skipped})
	runState := someOf(rng, []run.RunState{run.RunSuccess, run.RunFailed})
	kind, down := rng.IntN(5), oneIn(rng, 2)
	change := func(ctx context.Context, e *tick.Edit) error {
		if _, err := e.Run(ctx, id); err != nil {
			return err
		}
		switch kind {
		case 0:
			e.Snapshot.Clear(scheduler.Clear{Run: id, Tasks: []string{t}, Downstream: down, Upstream: !down}, e.Now)
		case 1:
			_, _, err := e.Snapshot.Mark(scheduler.Mark{Run: id, Tasks: []string{t}, State: state, Downstream: down}, e.Now)
			return err
		case 2:
			return e.Snapshot.MarkRun(id, runState, e.Now)
		default:
			e.Snapshot.ClearRun(id, down, e.Now)
		}
		return nil
	}
	w.log("cli: edit %d of %s/%s", kind, id, t)
	w.count("edit")
	err := w.through(ctx, rng, change)
	if errors.Is(err, errNoEngine) {
		err = tick.ApplyEdit(ctx, l, w.clock, change)
	}
	if err != nil {
		w.log("cli: edit of %s: %v", id, err)
	}
}

var errNoEngine = errors.New("no scheduler is there")

// through makes an edit in the loop of a scheduler, in half of the cases.
func (w *world) through(ctx context.Context, rng *rand.Rand, change func(context.Context, *tick.Edit) error) error {
	if oneIn(rng, 2) {
		return errNoEngine
	}
	e := w.processes[0].current()
	if e == nil {
		return errNoEngine
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // the scheduler may die meanwhile
	defer cancel()
	return e.Do(ctx, change)
}
