package scheduler

import (
	"container/heap"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// createRuns creates the runs that are due by time or by assets, one a DAG and pass,
// in the order of DAG ids, until max_active_runs are queued or running (sections "Schedules",
// "Concurrency", "Assets").
func (s *Snapshot) createRuns(now time.Time, d *Decision, changedDAGs map[string]bool) bool {
	if s.RunsOnly {
		return false
	}
	changed := false
	due := slices.Sorted(maps.Keys(s.due))
	clear(s.due)
	for _, id := range due {
		dv := s.dags[id]
		if dv == nil || dv.Graph == nil || dv.Paused || dv.Stale {
			continue
		}
		if v := s.createByTime(dv, now); v != nil {
			changed, changedDAGs[id] = true, true
			d.Runs = append(d.Runs, v.Run.ID)
		}
		if v := s.createByAssets(dv, now); v != nil {
			changed, changedDAGs[id] = true, true
			d.Runs = append(d.Runs, v.Run.ID)
		}
	}
	return changed
}

// createByTime creates the next scheduled run if it is due; otherwise it sets the
// alarm for it.
//
// Golden: schedule_catchup, schedule_no_catchup.
func (s *Snapshot) createByTime(dv *dagView, now time.Time) *View {
	due, err := dv.table.Next(dv.Last, dv.restriction(), now)
	if err != nil || due == nil {
		return nil
	}
	if due.RunAfter.After(now) {
		heap.Push(&s.alarms, alarm{at: due.RunAfter, dag: dv.Graph.DAG.ID})
		return nil
	}
	if dv.blocked = dv.blocked && s.atMaxActive(dv); dv.blocked {
		return nil
	}
	r := run.Run{
		Type: run.TypeScheduled, RunAfter: due.RunAfter, TriggeredBy: "scheduler",
	}
	suffix := due.RunAfter
	if due.Interval != nil {
		start, end := due.Interval.Start, due.Interval.End
		r.LogicalDate, r.IntervalStart, r.IntervalEnd = &start, &start, &end
		suffix = start
	}
	r.ID = run.ID{DAG: dv.Graph.DAG.ID, Run: timetable.RunID(string(run.TypeScheduled), suffix, "")}
	dv.Last = due.Last()
	s.due[r.DAG] = true
	v := s.create(dv, r, now)
	dv.blocked = s.atMaxActive(dv)
	return v
}

func (dv *dagView) restriction() timetable.Restriction {
	d := dv.Graph.DAG
	res := timetable.Restriction{Catchup: d.Catchup}
	if e := earliestStart(d); e != nil {
		res.Earliest = *e
	}
	if d.EndDate != nil {
		res.Latest = *d.EndDate
	}
	return res
}

// earliestStart is the DAG's start date, or else the earliest of its tasks.
func earliestStart(d *dag.DAG) *time.Time {
	if d.StartDate != nil {
		return d.StartDate
	}
	var at *time.Time
	for _, t := range d.Tasks {
		if t.StartDate != nil && (at == nil || t.StartDate.Before(*at)) {
			at = t.StartDate
		}
	}
	return at
}

// atMaxActive says that queued and running runs, without backfills, are as many as
// max_active_runs allows.
//
// Golden: limit_max_active_runs_create.
func (s *Snapshot) atMaxActive(dv *dagView) bool {
	limit := dv.Graph.DAG.MaxActiveRuns
	if limit <= 0 {
		return false
	}
	n := 0
	for _, v := range dv.runs {
		if !v.Run.State.Finished() && v.Run.Backfill == "" {
			n++
		}
	}
	return n >= limit
}

// createByAssets creates a run when the assets a DAG waits for have been updated.
// The run's date is that of the latest update, and the updates are forgotten.
//
// Golden: assets_all, assets_any, assets_nested, assets_or_time.
func (s *Snapshot) createByAssets(dv *dagView, now time.Time) *View {
	cond := dv.Graph.DAG.Schedule.Assets
	if cond == nil || len(dv.Assets) == 0 || s.atMaxActive(dv) {
		return nil
	}
	if !cond.Satisfied(func(a dag.AssetRef) bool { _, ok := dv.Assets[a.Key()]; return ok }) {
		return nil
	}
	var at time.Time
	for _, t := range dv.Assets {
		if t.After(at) {
			at = t
		}
	}
	r := run.Run{Type: run.TypeAssetTriggered, RunAfter: at, TriggeredBy: "asset"}
	r.Events, dv.Events = dv.consume(at)
	r.ID = run.ID{DAG: dv.Graph.DAG.ID, Run: timetable.RunID(string(run.TypeAssetTriggered), at, "")}
	for i := 2; s.runs[r.ID] != nil; i++ {
		r.Run = timetable.RunID(string(run.TypeAssetTriggered), at, strconv.Itoa(i))
	}
	dv.Assets, dv.AssetsSince = nil, at
	return s.create(dv, r, now)
}

// consume splits the events into those of a run of this date and those of later ones.
// Events that came while the DAG was paused bring no run, but the next one is told of
// them, as in Airflow.
//
// Golden: assets_consumed, assets_paused.
func (dv *dagView) consume(at time.Time) (consumed, left []run.AssetEvent) {
	for _, ev := range dv.Events {
		switch {
		case ev.At.After(at):
			left = append(left, ev)
		case len(consumed) < maxConsumed:
			consumed = append(consumed, ev)
		}
	}
	slices.SortStableFunc(consumed, func(a, b run.AssetEvent) int { return a.At.Compare(b.At) })
	return consumed, left
}

// maxConsumed bounds the events that are kept with a run.
const maxConsumed = 1000

func (s *Snapshot) create(dv *dagView, r run.Run, now time.Time) *View {
	r.State, r.Version, r.QueuedAt = run.RunQueued, dv.Version, now
	r.Deadlines = dv.deadlines(&r)
	v, err := NewView(r, dv.Graph, nil)
	if err != nil {
		return nil // impossible without instances
	}
	v.create = true
	s.Add(v)
	return v
}

// Create adds a run that somebody asked for, queued. Its id, type and dates are the
// caller's; the version is the DAG's current one.
//
// Golden: run_keeps_version.
func (s *Snapshot) Create(r run.Run, now time.Time) *View {
	return s.create(s.dags[r.DAG], r, now)
}

// afterRun does what the end of a run entails for its DAG.
//
// Golden: run_consecutive_failures.
func (s *Snapshot) afterRun(v *View, dags map[string]bool) {
	dv := s.dags[v.Run.DAG]
	s.due[v.Run.DAG] = true
	dv.took(&v.Run)
	limit := v.Graph.DAG.MaxConsecutiveFailedRuns
	if limit <= 0 || v.Run.State != run.RunFailed || dv.Paused {
		return
	}
	var ended []*View
	for _, o := range dv.runs {
		if o.Run.State.Finished() {
			ended = append(ended, o)
		}
	}
	slices.SortFunc(ended, func(a, b *View) int { return b.Run.RunAfter.Compare(a.Run.RunAfter) })
	if len(ended) < limit {
		return
	}
	for _, o := range ended[:limit] {
		if o.Run.State != run.RunFailed {
			return
		}
	}
	dv.Paused = true
	dags[v.Run.DAG] = true
}

// timeout ends a run that has run longer than dagrun_timeout: what is unfinished is
// skipped (section "DAG run", rule 1).
//
// Golden: run_dagrun_timeout.
func (v *View) timeout(now time.Time) (ended bool) {
	limit := v.Graph.DAG.DagrunTimeout
	if limit <= 0 || v.Run.State != run.RunRunning || v.Run.Start.IsZero() || now.Before(v.Run.Start.Add(limit)) {
		return false
	}
	for t := range v.tasks {
		for p := range v.tasks[t].cells {
			if !v.tasks[t].cells[p].State.Finished() {
				c := v.set(ref{t, p}, run.Skipped)
				c.End, c.Reason, c.Token = now, "dagrun_timeout of "+limit.String()+" was exceeded", ""
			}
		}
	}
	v.end(run.RunFailed, "dagrun_timeout of "+limit.String()+" was exceeded", now)
	v.owe(run.ReasonTimedOut)
	return true
}

// SkipRest skips what is still on its way in a run that has ended: its end by timeout was
// written, but one of its instances was moved by somebody else at that moment. What is in
// state none stays so: it was cleared for itself, or can never run.
func (s *Snapshot) SkipRest(id run.ID, now time.Time) {
	v := s.runs[id]
	if v == nil || !v.Run.State.Finished() {
		return
	}
	for t := range v.tasks {
		for p := range v.tasks[t].cells {
			if st := v.tasks[t].cells[p].State; st != run.None && !st.Finished() {
				c := v.set(ref{t, p}, run.Skipped)
				c.End, c.Due, c.Token, c.Reason = now, time.Time{}, "", "its run has ended: "+v.Run.Reason
			}
		}
	}
}

// Latest says whether a run is the latest one that its DAG's schedule has brought by
// now: what LatestOnlyOperator asks. Runs that were asked for always are.
func (s *Snapshot) Latest(id run.ID, now time.Time) bool {
	v, dv := s.runs[id], s.dags[id.DAG]
	if v == nil || dv == nil || dv.table == nil || v.Run.Type == run.TypeManual || v.Run.IntervalStart == nil {
		return true
	}
	next, err := dv.table.Next(&timetable.Interval{Start: *v.Run.IntervalStart, End: *v.Run.IntervalEnd}, timetable.Restriction{Catchup: true}, now)
	return err != nil || next == nil || next.RunAfter.After(now)
}
