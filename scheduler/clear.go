package scheduler

import (
	"slices"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// Clear asks for tasks of a run to be run again (section "Clear and mark").
type Clear struct {
	Run run.ID
	// Tasks to clear; none means all. Maps, if given, limits each to these indexes.
	Tasks []string
	Maps  []int
	// OnlyFailed clears only what is failed or upstream_failed.
	OnlyFailed bool
	// OnlyRunning clears only what is running.
	OnlyRunning          bool
	Upstream, Downstream bool
	// Past and Future extend it to the runs of the DAG before and after, by logical date.
	Past, Future bool
	// KeepRunState leaves finished runs as they are; the tasks then do not run again.
	KeepRunState bool
	// Latest lets finished runs go on with the current version of their DAG, which has
	// to be in the snapshot. Runs of which nothing is cleared keep theirs.
	Latest bool
}

// Clear resets instances so that they run again, and their finished runs to queued.
// It returns the keys of what it reset. The runs concerned have to be in the snapshot.
//
// Golden: clear, clear_alone, clear_failed_future, clear_latest, dep_finished_run.
func (s *Snapshot) Clear(c Clear, now time.Time) []run.Key {
	v := s.runs[c.Run]
	if v == nil {
		return nil
	}
	from := s.cleared(v, c)
	tasks := from.allTasks()
	if len(c.Tasks) > 0 {
		tasks = from.clearSet(from.indexes(c.Tasks), c.Upstream, c.Downstream)
	}
	var out []run.Key
	for _, o := range s.around(v, c.Past, c.Future) {
		to := s.cleared(o, c)
		var refs []ref
		for _, t := range to.sameTasks(from, tasks) {
			for p := range to.tasks[t].cells {
				in := to.cell(ref{t, p})
				named := len(c.Tasks) == 0 || slices.Contains(c.Tasks, in.Task)
				if c.wants(in) && (len(c.Maps) == 0 || !named || slices.Contains(c.Maps, in.Map)) {
					refs = append(refs, ref{t, p})
				}
			}
		}
		for _, r := range refs {
			out = append(out, to.cell(r).Key(o.Run.ID))
		}
		if len(refs) > 0 && to != o {
			s.Add(to)
		}
		to.clear(refs, !c.KeepRunState, now)
	}
	return out
}

// cleared is the run that a clear works on: the one that is there, or the same on the
// current version of its DAG.
func (s *Snapshot) cleared(v *View, c Clear) *View {
	if c.Latest && !c.KeepRunState {
		return s.onLatest(v)
	}
	return v
}

func (c Clear) wants(in *cell) bool {
	switch {
	case c.OnlyFailed:
		return in.State.Unsuccessful()
	case c.OnlyRunning:
		return in.State == run.Running
	}
	return true
}

// clear resets instances of a run. What is running is restarted instead: it has to be
// stopped first.
func (v *View) clear(refs []ref, resetRun bool, now time.Time) {
	if len(refs) == 0 {
		return
	}
	for _, r := range refs {
		c := v.journal(r)
		c.InfraFailures, c.OOMFailures = 0, 0
		if c.State == run.Running {
			v.set(r, run.Restarting)
			continue
		}
		c.MaxTries = c.Try + v.Graph.Tasks[r.task].Retries
		c.Token, c.Lease, c.Due, c.End = "", time.Time{}, time.Time{}, time.Time{}
		c.Start, c.QueuedAt, c.Trigger = time.Time{}, time.Time{}, nil
		c.Cause, c.ExitCode, c.Reason, c.Tail = "", 0, "", ""
		v.set(r, run.None)
		v.touch(r)
	}
	if v.Run.State.Finished() && resetRun {
		u := v.updateRun()
		u.State, u.Start, u.End, u.Reason, u.QueuedAt = run.RunQueued, time.Time{}, time.Time{}, "", now
		u.Clears++
		v.requeued()
		v.snap.place(v)
	}
}

// clearSet are the tasks that a clear of some tasks takes along: their relatives as
// asked, and the setups and teardowns of the work among them.
//
// Golden: clear_scope.
func (v *View) clearSet(tasks []int, upstream, downstream bool) []int {
	g := v.Graph
	set := map[int]bool{}
	addScope := func(t int) {
		if g.Tasks[t].Setup || g.Tasks[t].Teardown {
			return
		}
		for _, s := range g.ScopeOf(t) {
			set[s] = true
			for _, td := range g.Teardowns(s) {
				set[td] = true
			}
		}
	}
	for _, t := range tasks {
		set[t] = true
		if downstream {
			for _, d := range g.Relatives([]int{t}, true) {
				set[d] = true
				addScope(d)
			}
		}
		if upstream {
			for _, u := range g.Relatives([]int{t}, false) {
				set[u] = true
				for _, td := range g.Teardowns(u) {
					set[td] = set[td] || g.Tasks[u].Setup
				}
			}
		} else {
			addScope(t)
		}
		if g.Tasks[t].Setup && !downstream {
			for _, td := range g.Teardowns(t) {
				set[td] = true
			}
		}
	}
	return sorted(set)
}

func sorted(set map[int]bool) []int {
	var out []int
	for t, in := range set {
		if in {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out
}

func (v *View) allTasks() []int {
	out := make([]int, len(v.tasks))
	for i := range out {
		out[i] = i
	}
	return out
}

func (v *View) indexes(ids []string) []int {
	var out []int
	for _, id := range ids {
		if t, ok := v.Graph.Index(id); ok {
			out = append(out, t)
		}
	}
	return out
}

// sameTasks maps task indexes of another run's graph to this one's.
func (v *View) sameTasks(o *View, tasks []int) []int {
	if v.Graph == o.Graph {
		return tasks
	}
	var ids []string
	for _, t := range tasks {
		ids = append(ids, o.Graph.Tasks[t].ID)
	}
	return v.indexes(ids)
}

// around are the run and, as asked, the runs of its DAG with earlier and later
// logical dates.
func (s *Snapshot) around(v *View, past, future bool) []*View {
	out := []*View{}
	for _, o := range s.dags[v.Run.DAG].runs {
		if o == v {
			out = append(out, o)
			continue
		}
		if v.Run.LogicalDate == nil || o.Run.LogicalDate == nil {
			continue
		}
		before := o.Run.LogicalDate.Before(*v.Run.LogicalDate)
		if past && before || future && !before {
			out = append(out, o)
		}
	}
	return out
}

// ClearRun clears all (or the failed) instances of a run.
func (s *Snapshot) ClearRun(id run.ID, onlyFailed bool, now time.Time) []run.Key {
	return s.Clear(Clear{Run: id, OnlyFailed: onlyFailed}, now)
}
