package callable

import (
	"context"
	"errors"
	"time"

	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// errNoRuns is for calls that belong to no attempt.
var errNoRuns = errors.New("runs and their tasks cannot be looked at here")

var errNoHistory = errors.New("earlier runs cannot be looked for here: prev_*_success are not available")

// Instances implements python.Watcher.
func (h handler) Instances(ctx context.Context, dagID, runID string) ([]python.Instance, error) {
	if h.a.Runs == nil {
		return nil, errNoRuns
	}
	id := run.ID{DAG: dagID, Run: runID}
	found, err := h.a.Runs.Instances(ctx, id)
	if err != nil {
		return nil, Known(err)
	}
	out := make([]python.Instance, len(found))
	for n := range found {
		out[n] = h.instance(id, &found[n])
	}
	return out, nil
}

func (h handler) instance(id run.ID, i *run.Instance) python.Instance {
	out := python.Instance{
		TaskID: i.Task, MapIndex: i.Map, TryNumber: i.Try, MaxTries: i.MaxTries,
		LogURL: task.LogURL(h.cfg.BaseURL, run.Attempt{Key: i.Key(id), Try: i.Try}),
	}
	if i.State != run.None {
		out.State = new(i.State.String())
	}
	if !i.Start.IsZero() {
		out.StartDate = new(i.Start.UTC())
	}
	if !i.End.IsZero() {
		out.EndDate = new(i.End.UTC())
	}
	if out.StartDate != nil && out.EndDate != nil {
		out.Duration = new(i.End.Sub(i.Start).Seconds())
	}
	return out
}

// PreviousSuccess implements python.Historian.
func (h handler) PreviousSuccess(ctx context.Context) (python.PreviousRun, error) {
	if h.cfg.Runs == nil {
		return python.PreviousRun{}, errNoHistory
	}
	p, err := task.PreviousSuccess(ctx, h.cfg.Runs, h.a.Run)
	if err != nil || p == nil {
		return python.PreviousRun{}, err
	}
	return python.PreviousRun{IntervalStart: p.IntervalStart, IntervalEnd: p.IntervalEnd, Start: known(p.Start), End: known(p.End)}, nil
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Trigger implements python.Triggerer.
func (h handler) Trigger(ctx context.Context, t python.Trigger) (python.Triggered, error) {
	if h.a.Runs == nil {
		return python.Triggered{}, errNoRuns
	}
	made, err := h.a.Runs.Trigger(ctx, task.Trigger{
		DAG: t.DAGID, Run: t.RunID, LogicalDate: t.LogicalDate, Conf: t.Conf, Note: t.Note, Reset: t.Reset,
	})
	if errors.Is(err, task.ErrRunExists) {
		return python.Triggered{RunID: made.Run, Exists: true}, nil
	}
	return python.Triggered{RunID: made.Run}, Known(err)
}

// RunState implements python.Triggerer.
func (h handler) RunState(ctx context.Context, dagID, runID string) (string, error) {
	if h.a.Runs == nil {
		return "", errNoRuns
	}
	found, err := h.a.Runs.Find(ctx, run.ID{DAG: dagID, Run: runID})
	return string(found.State), Known(err)
}
