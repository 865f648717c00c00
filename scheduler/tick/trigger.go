package tick

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag/params"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/timetable"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Trigger makes a run that somebody asked for, as `dags trigger` and
// TriggerDagRunOperator do; by says who asks. Its id is manual__ with its date unless
// one is given; without a logical date it has no data interval. The error is
// task.ErrRunExists if the id or the logical date is taken, unless t.Reset asks to
// clear that run instead.
func (e *Edit) Trigger(ctx context.Context, t task.Trigger, by string, suffix func() string) (run.Run, error) {
	info, err := e.DAG(ctx, t.DAG)
	if err != nil {
		return run.Run{}, err
	}
	r, err := newRun(info, t, by, e.Now, suffix)
	if err != nil {
		return run.Run{}, &task.TriggerError{Err: err}
	}
	existing, err := e.existing(ctx, &r)
	if err != nil {
		return run.Run{}, err
	}
	if existing == nil {
		e.Snapshot.Create(r, e.Now)
		return e.Snapshot.Run(r.ID).Run, nil
	}
	if !t.Reset {
		return existing.Run, fmt.Errorf("DAG %s: %w: %s (%s)", t.DAG, task.ErrRunExists, existing.Run.Run, existing.Run.State)
	}
	e.Snapshot.ClearRun(existing.Run.ID, false, e.Now)
	return existing.Run, nil
}

// newRun is the run that a trigger asks for.
func newRun(info scheduler.DAGInfo, t task.Trigger, by string, now time.Time, suffix func() string) (run.Run, error) {
	d := info.Graph.DAG
	if info.Stale {
		return run.Run{}, fmt.Errorf("DAG %s has no file any more: it cannot be triggered", t.DAG)
	}
	conf, err := confOf(t.Conf)
	if err != nil {
		return run.Run{}, fmt.Errorf("trigger DAG %s: %w", t.DAG, err)
	}
	if _, err := params.Resolve(d.Params, nil, conf); err != nil {
		return run.Run{}, fmt.Errorf("trigger DAG %s: %w", t.DAG, err)
	}
	r := run.Run{
		ID: run.ID{DAG: t.DAG, Run: t.Run}, Type: run.TypeManual, Version: info.Version,
		Conf: t.Conf, Note: t.Note, TriggeredBy: by, RunAfter: now,
	}
	if t.LogicalDate != nil {
		// Microseconds are what run ids, templates and Python have: with more, a run would
		// not be found by the date that its own tasks see.
		logical := t.LogicalDate.UTC().Truncate(time.Microsecond)
		tt, err := timetable.New(d.Schedule)
		if err != nil {
			return run.Run{}, fmt.Errorf("schedule of DAG %s: %w", t.DAG, err)
		}
		iv, err := tt.Manual(logical)
		if err != nil {
			return run.Run{}, fmt.Errorf("data interval of DAG %s: %w", t.DAG, err)
		}
		r.LogicalDate, r.IntervalStart, r.IntervalEnd = &logical, &iv.Start, &iv.End
		r.RunAfter = iv.End
		if logical.After(now) {
			r.RunAfter = logical
		}
	}
	if r.Run == "" && t.LogicalDate != nil {
		r.Run = timetable.RunID(string(run.TypeManual), *r.LogicalDate, "")
	} else if r.Run == "" {
		r.Run = timetable.RunID(string(run.TypeManual), now, suffix())
	}
	return r, store.CheckName("run id", r.Run)
}

// confOf reads the conf of a trigger: a JSON object or nothing.
func confOf(b json.RawMessage) (map[string]any, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var conf map[string]any
	if err := json.Unmarshal(b, &conf); err != nil {
		return nil, fmt.Errorf(`conf has to be a JSON object such as {"key": "value"}: %w`, err)
	}
	return conf, nil
}

// existing is the run with the id or logical date of r, or nil.
func (e *Edit) existing(ctx context.Context, r *run.Run) (*scheduler.View, error) {
	v, err := e.Run(ctx, r.ID)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return v, err
	}
	if r.LogicalDate == nil {
		return nil, nil
	}
	same := func(o *run.Run) bool { return o.LogicalDate != nil && o.LogicalDate.Equal(*r.LogicalDate) }
	// A run is never due before its logical date, which bounds the search.
	f := store.RunFilter{DAG: r.DAG, After: *r.LogicalDate, LogicalBefore: r.LogicalDate.Add(time.Microsecond)}
	for page := (store.Page{Limit: 1000}); ; {
		list, err := e.store.ListRuns(ctx, f, page)
		if err != nil {
			return nil, fmt.Errorf("look for a run of DAG %s at %s: %w", r.DAG, r.LogicalDate.Format(time.RFC3339), err)
		}
		if i := slices.IndexFunc(list.Items, func(o run.Run) bool { return same(&o) }); i >= 0 {
			return e.Run(ctx, list.Items[i].ID)
		}
		if page.Token = list.Next; page.Token == "" {
			return nil, nil
		}
	}
}
