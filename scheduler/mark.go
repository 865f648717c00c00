package scheduler

import (
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// Mark asks for instances to be set to success, failed or skipped (section "Clear and mark").
type Mark struct {
	Run   run.ID
	Tasks []string
	// Maps limits it to these indexes; nil means all.
	Maps                 []int
	State                run.State
	Upstream, Downstream bool
	Past, Future         bool
}

// Mark sets the state of instances and clears the failed ones downstream of them, so
// that the run goes on from there. It returns what it marked and what it cleared.
//
// Golden: mark_success, mark_failed.
func (s *Snapshot) Mark(m Mark, now time.Time) (marked, cleared []run.Key, err error) {
	v := s.runs[m.Run]
	if v == nil {
		return nil, nil, fmt.Errorf("run %s is not known", m.Run)
	}
	if m.State != run.Success && m.State != run.Failed && m.State != run.Skipped {
		return nil, nil, fmt.Errorf("cannot mark a task instance %s: use success, failed or skipped", m.State)
	}
	named := v.indexes(m.Tasks)
	tasks := slices.Clone(named)
	for _, down := range []bool{false, true} {
		if down && m.Downstream || !down && m.Upstream {
			tasks = append(tasks, v.Graph.Relatives(named, down)...)
		}
	}
	slices.Sort(tasks)
	tasks = slices.Compact(tasks)
	below := v.clearSet(named, false, true)
	for _, o := range s.around(v, m.Past, m.Future) {
		for _, t := range o.sameTasks(v, tasks) {
			for p := range o.tasks[t].cells {
				c := o.cell(ref{t, p})
				skip := len(m.Maps) > 0 && slices.Contains(m.Tasks, c.Task) && !slices.Contains(m.Maps, c.Map)
				if skip || c.State == m.State {
					continue
				}
				o.mark(ref{t, p}, m.State, now)
				marked = append(marked, c.Key(o.Run.ID))
			}
		}
		var again []ref
		for _, t := range o.sameTasks(v, below) {
			if slices.Contains(m.Tasks, o.Graph.Tasks[t].ID) {
				continue
			}
			for p := range o.tasks[t].cells {
				if o.cell(ref{t, p}).State.Unsuccessful() {
					again = append(again, ref{t, p})
					cleared = append(cleared, o.cell(ref{t, p}).Key(o.Run.ID))
				}
			}
		}
		o.clear(again, true, now)
	}
	return marked, cleared, nil
}

func (v *View) mark(r ref, s run.State, now time.Time) {
	c := v.journal(r)
	c.Token, c.Lease, c.Due, c.End, c.Trigger = "", time.Time{}, time.Time{}, now, nil
	c.Reason, c.Cause, c.Tail, c.ExitCode = "", "", "", 0
	if s == run.Failed {
		c.Cause = run.CauseUser
	}
	c.Reason = "marked " + s.String() + " by a user"
	v.set(r, s)
}

// MarkRun ends a run by hand: what runs gets the run's state, what waits is skipped,
// teardowns go on; a run with teardowns to do stays running until they are done (section
// "Clear and mark").
//
// Golden: mark_run_failed, mark_run_success.
func (s *Snapshot) MarkRun(id run.ID, state run.RunState, now time.Time) error {
	v := s.runs[id]
	if v == nil {
		return fmt.Errorf("run %s is not known", id)
	}
	if !state.Finished() {
		return fmt.Errorf("cannot mark a run %s: use success or failed, or clear it", state)
	}
	end := run.Success
	if state == run.RunFailed {
		end = run.Failed
	}
	teardowns := false
	for t := range v.tasks {
		for p := range v.tasks[t].cells {
			c := v.cell(ref{t, p})
			switch {
			case c.State.Finished():
			case v.Graph.Tasks[t].Teardown:
				teardowns = true
			case c.State == run.Running || c.State == run.Deferred || c.State == run.UpForReschedule:
				v.mark(ref{t, p}, end, now)
			default:
				v.mark(ref{t, p}, run.Skipped, now)
			}
		}
	}
	if !teardowns && v.Run.State != state {
		v.end(state, "marked "+string(state)+" by a user", now)
		s.due[id.DAG] = true
	}
	return nil
}
