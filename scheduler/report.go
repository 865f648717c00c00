package scheduler

import (
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// Claim is a worker's claim on a queued attempt.
type Claim struct {
	// Token fences the claim: a later report has to name it.
	Token string
	// Worker and Executor name who runs it.
	Worker, Executor string
	// Lease is until when the claim holds without a sign of life; zero is for ever.
	Lease time.Time
}

// Claim gives a queued attempt to a worker: queued to running. It is false if the
// attempt is not queued (any more): a duplicate delivery, or somebody else's.
func (s *Snapshot) Claim(a run.Attempt, c Claim, now time.Time) bool {
	v, r, ok := s.attempt(a)
	if !ok || v.cell(r).State != run.Queued {
		return false
	}
	in := v.set(r, run.Running)
	in.Token, in.Worker, in.Executor, in.Lease = c.Token, c.Worker, c.Executor, c.Lease
	in.Start, in.End = now, time.Time{}
	in.Cause, in.Reason, in.Tail, in.ExitCode = "", "", "", 0
	if in.FirstStart.IsZero() {
		in.FirstStart = now
	}
	s.alarm(v, r)
	return true
}

// Renew prolongs the lease of a claim. It is false if the token is not the current one.
//
// Golden: lease_renewed.
func (s *Snapshot) Renew(a run.Attempt, token string, lease time.Time) bool {
	v, r, ok := s.attempt(a)
	if !ok || v.cell(r).Token != token || token == "" {
		return false
	}
	v.journal(r).Lease = lease
	return true
}

func (s *Snapshot) attempt(a run.Attempt) (*View, ref, bool) {
	v := s.runs[a.ID]
	if v == nil {
		return nil, ref{}, false
	}
	r, ok := v.find(a.Task, a.Map)
	return v, r, ok && v.cell(r).Try == a.Try
}

// holds says that a token is that of the current claim.
func (s *Snapshot) holds(v *View, r ref, token string) bool {
	c := v.cell(r)
	return c.Token == token && (c.State == run.Running || c.State == run.Restarting)
}

// Report applies what a worker says of an ended attempt. It is false, and changes
// nothing, if the attempt is not the worker's any more: a zombie's late report.
func (s *Snapshot) Report(rep run.Report, now time.Time) bool {
	v, r, ok := s.attempt(rep.Attempt)
	if !ok {
		return false
	}
	c := v.cell(r)
	if !s.holds(v, r, rep.Token) {
		return false
	}
	if c.State == run.Restarting {
		v.restarted(r, rep)
		return true
	}
	v.ended(r, rep, now)
	return true
}

func (v *View) ended(r ref, rep run.Report, now time.Time) {
	c := v.journal(r)
	task := v.Graph.Tasks[r.task]
	if rep.Outcome == run.OutcomeSuccess {
		if problem := v.unmappable(r, &rep); problem != "" {
			rep.Outcome, rep.Cause, rep.Reason, rep.XComs = run.OutcomeFailed, run.CauseTask, problem, nil
		} else if problem := v.badBranch(rep.Branch); problem != "" {
			rep.Outcome, rep.Cause, rep.Reason, rep.XComs = run.OutcomeFailed, run.CauseTask, problem, nil
		}
	}
	c.Token, c.Lease = "", time.Time{}
	c.End = rep.At
	if rep.Label != "" {
		c.Label = rep.Label
	}
	switch rep.Outcome {
	case run.OutcomeReschedule:
		c.Reschedules++
		c.Due = rep.Due
		v.set(r, run.UpForReschedule)
		v.snap.alarm(v, r)
		return
	case run.OutcomeDeferred:
		c.Trigger, c.Due = rep.Trigger, rep.Due
		v.set(r, run.Deferred)
		v.snap.alarm(v, r)
		return
	}
	c.Length, c.Unmappable, c.Pushed, c.Choice = nil, false, false, nil
	c.PeakMemory = rep.PeakMemory
	c.Cause, c.ExitCode, c.Reason, c.Tail = rep.Cause, rep.ExitCode, rep.Reason, rep.Tail
	switch rep.Outcome {
	case run.OutcomeSuccess:
		c.xcoms = rep.XComs
		c.Length, c.Unmappable = rep.Length, rep.Unmappable
		c.Pushed = slices.ContainsFunc(rep.XComs, func(x run.XCom) bool { return x.Name == dag.ReturnValue })
		c.Cause, c.Reason, c.Tail = "", "", ""
		v.set(r, run.Success)
		events := v.snap.stamp(rep.Events, now)
		v.events = append(v.events, events...)
		v.snap.assetsUpdated(events)
		v.branch(r, rep.Branch, now)
	case run.OutcomeSkipped:
		v.set(r, run.Skipped)
	case run.OutcomeFatal:
		v.fail(r, now)
	default:
		if v.retries(r, &rep) {
			v.retry(r, task)
		} else {
			v.fail(r, now)
		}
	}
}

// unmappable says why a success is none: tasks are mapped over what it did not push.
//
// Golden: map_no_list, map_too_long.
func (v *View) unmappable(r ref, rep *run.Report) string {
	if v.Graph.Mapped[r.task] || !v.mapsOver(r.task) {
		return ""
	}
	pushed := slices.ContainsFunc(rep.XComs, func(x run.XCom) bool { return x.Name == dag.ReturnValue })
	switch {
	case rep.Unmappable:
		return "it returned a value that is neither a list nor a dict, but tasks are mapped over it"
	case !pushed && rep.Length == nil:
		return "it returned nothing, but tasks are mapped over its output"
	case rep.Length != nil && *rep.Length > dag.DefaultMaxMapLength:
		return fmt.Sprintf("it returned %d elements, but tasks are mapped over its output and max_map_length is %d", *rep.Length, dag.DefaultMaxMapLength)
	}
	return ""
}

func (v *View) mapsOver(t int) bool {
	for _, w := range v.Graph.Watchers[t] {
		if slices.Contains(v.Graph.Mappers[w], t) {
			return true
		}
	}
	return false
}

// retries says whether a failed attempt is tried again, and takes it off the budget of
// its cause.
func (v *View) retries(r ref, rep *run.Report) bool {
	c := v.cell(r)
	if !WillRetry(&c.Instance, rep) {
		return false
	}
	if used, budget := ownBudget(&c.Instance, rep.Cause); used != nil && *used < budget {
		*used++
		c.MaxTries++
	}
	return true
}

func (v *View) retryDelay(task *dag.Task, try int) time.Duration {
	a := FailedAttempt{DAG: v.Run.DAG, Task: task.ID, Try: try}
	if v.Run.LogicalDate != nil {
		a.LogicalDate = *v.Run.LogicalDate
	}
	return RetryDelay(RetryPolicyOf(task), a)
}

func (v *View) retry(r ref, task *dag.Task) {
	c := v.cell(r)
	delay := time.Duration(0)
	if c.Cause != run.CauseInfra && c.Cause != run.CauseOOM {
		delay = v.retryDelay(task, c.Try)
	}
	c.Due = c.End.Add(delay)
	v.set(r, run.UpForRetry)
	v.snap.alarm(v, r)
}

// fail ends an instance in failure; with fail_fast it takes the rest of the run along,
// but not its own task's other instances (recorded behaviour).
//
// Golden: run_fail_fast.
func (v *View) fail(r ref, now time.Time) {
	v.set(r, run.Failed)
	if !v.Graph.DAG.FailFast {
		return
	}
	for t := range v.tasks {
		for p := range v.tasks[t].cells {
			o := ref{t, p}
			c := v.cell(o)
			switch {
			case t == r.task || v.Graph.Tasks[t].Teardown || c.State == run.Success || c.State == run.Failed:
			case c.State == run.Running:
				v.set(o, run.Failed).Token = ""
				c.End, c.Cause, c.Reason = now, run.CauseTask, "ended by fail_fast: "+v.cell(r).Name()+" failed"
			default:
				v.set(o, run.Skipped).Token = ""
				c.End, c.Reason = now, "skipped by fail_fast: "+v.cell(r).Name()+" failed"
			}
		}
	}
}

// restarted: an instance that was cleared while running has now stopped; it is tried
// again whatever its outcome and tries (section "Task instance").
//
// Golden: clear_running.
func (v *View) restarted(r ref, rep run.Report) {
	c := v.journal(r)
	c.Token, c.Lease, c.End, c.Due = "", time.Time{}, rep.At, rep.At
	c.Reason = "cleared while it was running"
	v.set(r, run.UpForRetry)
	v.snap.alarm(v, r) // the worker's clock may be ahead
}

// lost ends an attempt whose worker is gone.
//
// Golden: lease, lease_restarting.
func (v *View) lost(r ref, now time.Time, reason string) {
	c := v.cell(r)
	rep := run.Report{
		Attempt: c.Attempt(v.Run.ID), Token: c.Token, Outcome: run.OutcomeFailed,
		At: now, Cause: run.CauseInfra, Reason: reason,
	}
	if c.State == run.Restarting {
		v.restarted(r, rep)
		return
	}
	v.ended(r, rep, now)
	v.oweTask(r, rep.Try, reason, now)
}

// ReportLost is Report for an attempt whose worker cannot call the callbacks of its task
// any more: somebody else has seen how it died.
//
// Golden: report_lost.
func (s *Snapshot) ReportLost(rep run.Report, now time.Time) bool {
	v, r, ok := s.attempt(rep.Attempt)
	cleared := ok && v.cell(r).State == run.Restarting
	if !s.Report(rep, now) {
		return false
	}
	if !cleared {
		v.oweTask(r, rep.Try, v.cell(r).Reason, now)
	}
	return true
}

// Lost ends an attempt whose worker or process is known to be gone. It is false if
// the attempt is not the one with this token any more.
func (s *Snapshot) Lost(a run.Attempt, token, reason string, now time.Time) bool {
	v, r, ok := s.attempt(a)
	if !ok || !s.holds(v, r, token) {
		return false
	}
	v.lost(r, now, reason)
	return true
}

// Unsent takes back a queued attempt that could not be handed over: it is scheduled
// again.
func (s *Snapshot) Unsent(a run.Attempt) bool {
	v, r, ok := s.attempt(a)
	if !ok || v.cell(r).State != run.Queued {
		return false
	}
	v.set(r, run.Scheduled)
	return true
}

// Resume lets a deferred attempt go on: its trigger has fired.
//
// Golden: deferred.
func (s *Snapshot) Resume(k run.Key) bool {
	v := s.runs[k.ID]
	if v == nil {
		return false
	}
	r, ok := v.find(k.Task, k.Map)
	if !ok || v.cell(r).State != run.Deferred {
		return false
	}
	v.resume(r)
	return true
}

func (v *View) resume(r ref) {
	c := v.journal(r)
	c.Due = time.Time{}
	v.set(r, run.Scheduled)
}

// stamp dates asset events when they become known, as Airflow does, and after every run
// that the assets have triggered already: the events after a DAG's last run are those it
// has not seen, whichever order their reports came in, and whatever the clocks did.
func (s *Snapshot) stamp(events []run.AssetEvent, now time.Time) []run.AssetEvent {
	out := slices.Clone(events)
	for i := range out {
		at := now
		for _, dv := range s.dags {
			if dv.Graph != nil && !dv.AssetsSince.Before(at) && dv.waitsFor(&out[i]) {
				at = dv.AssetsSince.Add(time.Microsecond)
			}
		}
		out[i].At = at
	}
	return out
}

// Emit notes updates of assets that came from outside, of no task. The next Flush has them
// in a batch without a run.
//
// Golden: assets_outside.
func (s *Snapshot) Emit(events []run.AssetEvent, now time.Time) {
	events = s.stamp(events, now)
	s.outside = append(s.outside, events...)
	s.assetsUpdated(events)
}

func (dv *dagView) waitsFor(ev *run.AssetEvent) bool {
	return slices.ContainsFunc(dv.Graph.DAG.Schedule.Assets.Refs(), func(a dag.AssetRef) bool { return updates(ev, a) })
}

// updates says whether an event is one of what a schedule names: an asset, or an alias that
// was resolved when the event was emitted.
//
// Golden: assets_alias.
func updates(ev *run.AssetEvent, a dag.AssetRef) bool {
	return a.Key() == ev.Asset || a.Name != "" && a.Name == ev.Name || a.Alias != "" && slices.Contains(ev.Aliases, a.Alias)
}

// assetsUpdated notes updates for the DAGs that wait for them. Paused DAGs miss them
// (section "Assets").
func (s *Snapshot) assetsUpdated(events []run.AssetEvent) {
	for i := range events {
		for id, dv := range s.dags {
			if dv.Graph != nil && !dv.Stale && dv.waitsFor(&events[i]) {
				s.noteUpdate(id, dv, &events[i])
			}
		}
	}
}

func (s *Snapshot) noteUpdate(id string, dv *dagView, ev *run.AssetEvent) {
	if len(dv.Events) >= maxConsumed {
		dv.Events = slices.Delete(dv.Events, 0, 1)
	}
	dv.Events = append(dv.Events, *ev)
	if dv.Paused {
		return
	}
	if dv.Assets == nil {
		dv.Assets = map[string]time.Time{}
	}
	for _, a := range dv.Graph.DAG.Schedule.Assets.Refs() {
		if updates(ev, a) && ev.At.After(dv.Assets[a.Key()]) {
			dv.Assets[a.Key()] = ev.At
		}
	}
	s.due[id] = true
	s.assetDAGs[id] = true
}
