package scheduler

import (
	"container/heap"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// owe notes that the callbacks of a run's DAG have to be called because the planner has
// ended it. A run that somebody marked owes nothing (section "Callbacks and mail").
//
// Golden: callbacks_success, callbacks_failure, callbacks_deadlock, callbacks_timeout,
// callbacks_marked, callbacks_marked_teardown.
func (v *View) owe(reason string) {
	kind, calls := run.CallFailure, v.Graph.DAG.OnFailure
	if v.Run.State == run.RunSuccess {
		kind, calls = run.CallSuccess, v.Graph.DAG.OnSuccess
	}
	if len(calls) == 0 {
		return
	}
	r := v.updateRun()
	r.Owed = append(slices.Clone(r.Owed), run.Call{Kind: kind, Reason: reason, At: r.End, Clears: r.Clears})
}

// endReason is Airflow's word for an end that endState has found.
func (v *View) endReason(state run.RunState) string {
	switch {
	case state == run.RunSuccess:
		return run.ReasonSuccess
	case v.unfinished() > 0:
		return run.ReasonDeadlocked
	}
	return run.ReasonFailure
}

// Called takes a call that was made off what its run owes. It is false, and changes
// nothing, if the run does not owe it (any more).
func (s *Snapshot) Called(id run.ID, c run.Call) bool {
	v := s.runs[id]
	if v == nil {
		return false
	}
	is := func(o run.Call) bool { return sameCall(o, c) }
	if !slices.ContainsFunc(v.Run.Owed, is) {
		return false
	}
	r := v.updateRun()
	r.Owed = slices.DeleteFunc(slices.Clone(r.Owed), is)
	return true
}

func sameCall(a, b run.Call) bool {
	if !a.At.Equal(b.At) {
		return false
	}
	a.At, b.At = time.Time{}, time.Time{}
	return a == b
}

// oweTask notes that the callbacks of a task, and its mail, are due although no worker is
// left to call them: its attempt was lost (section "Timeouts, liveness").
//
// Golden: callbacks_lost.
func (v *View) oweTask(r ref, try int, reason string, now time.Time) {
	c, task := v.cell(r), v.Graph.Tasks[r.task]
	kind, calls, mail := run.CallTaskFailure, task.OnFailure, task.EmailOnFailure
	switch c.State {
	case run.Failed:
	case run.UpForRetry:
		kind, calls, mail = run.CallTaskRetry, task.OnRetry, task.EmailOnRetry
	default:
		return
	}
	if len(calls) == 0 && (!mail || len(task.Email) == 0) {
		return
	}
	u := v.updateRun()
	u.Owed = append(slices.Clone(u.Owed), run.Call{Kind: kind, Reason: reason, Task: task.ID, Map: c.Map, Try: try, At: now, Clears: u.Clears})
}

// deadlines are those of a run that is about to be created: one that counts from what
// the run does not have, or from an average that is not known yet, is none (section
// "Timeouts, liveness").
//
// Golden: deadline_queued, deadline_logical_date, deadline_fixed, deadline_average.
func (dv *dagView) deadlines(r *run.Run) []run.Deadline {
	var out []run.Deadline
	list := dv.Graph.DAG.Deadlines
	for i := range list {
		d := &list[i]
		var from time.Time
		switch d.Reference {
		case dag.DeadlineQueued:
			from = r.QueuedAt
		case dag.DeadlineLogicalDate:
			if r.LogicalDate == nil {
				continue
			}
			from = *r.LogicalDate
		case dag.DeadlineFixed:
			from = *d.At
		case dag.DeadlineAverage:
			average, known := averageOf(dv.Runtimes, d)
			if !known {
				continue
			}
			from = r.QueuedAt.Add(average)
		}
		out = append(out, run.Deadline{Index: i, At: from.Add(d.Interval)})
	}
	return out
}

// averageOf is the average of the latest runtimes, if there are enough.
func averageOf(runtimes []time.Duration, d *dag.Deadline) (average time.Duration, known bool) {
	limit, least := d.Runs()
	n := min(limit, len(runtimes))
	if n < least {
		return 0, false
	}
	for _, t := range runtimes[:n] {
		average += t / time.Duration(n)
	}
	return average, true
}

// took remembers how long a run has taken that has just ended.
func (dv *dagView) took(r *run.Run) {
	n := 0
	if dv.Graph != nil {
		n = dv.Graph.DAG.AverageRuns()
	}
	if n == 0 || r.Start.IsZero() || r.End.IsZero() {
		return
	}
	dv.Runtimes = slices.Insert(slices.Clone(dv.Runtimes), 0, r.End.Sub(r.Start))
	dv.Runtimes = dv.Runtimes[:min(n, len(dv.Runtimes))]
}

// miss turns the deadlines that have passed into calls that the run owes. It does not
// matter whether the run is queued, running or failed, nor whether its DAG is paused.
//
// Golden: deadline_queued, deadline_failed.
func (v *View) miss(now time.Time) {
	passed := func(d run.Deadline) bool { return !d.At.After(now) }
	if !slices.ContainsFunc(v.Run.Deadlines, passed) {
		return
	}
	r := v.updateRun()
	var left []run.Deadline
	r.Owed = slices.Clone(r.Owed)
	for _, d := range r.Deadlines {
		if passed(d) {
			r.Owed = append(r.Owed, run.Call{Kind: run.CallDeadline, Deadline: d.Index, At: d.At, Clears: r.Clears})
		} else {
			left = append(left, d)
		}
	}
	r.Deadlines = left
}

// met forgets the deadlines of a run that has succeeded in time.
//
// Golden: deadline_met.
func (v *View) met(now time.Time) {
	v.miss(now)
	if len(v.Run.Deadlines) > 0 {
		v.updateRun().Deadlines = nil
	}
}

// requeued moves the deadlines that count from the time of queueing: a run that was
// cleared is queued anew. Those that were missed stay missed.
//
// Golden: deadline_cleared.
func (v *View) requeued() {
	list := v.Graph.DAG.Deadlines
	r := v.updateRun()
	r.Deadlines = slices.Clone(r.Deadlines)
	for i := range r.Deadlines {
		if d := &r.Deadlines[i]; d.Index < len(list) && list[d.Index].Reference == dag.DeadlineQueued {
			d.At = r.QueuedAt.Add(list[d.Index].Interval)
		}
	}
	v.snap.alarmDeadlines(v)
}

func (s *Snapshot) alarmDeadlines(v *View) {
	for _, d := range v.Run.Deadlines {
		heap.Push(&s.alarms, alarm{at: d.At, v: v, r: ref{pos: -1}})
	}
}
