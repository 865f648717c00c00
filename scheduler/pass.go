package scheduler

import (
	"maps"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// pass examines every instance whose surroundings have changed, on the states that
// hold at its start, and then applies what it found: marks and schedulings of one
// pass are seen by the next one (recorded behaviour of Airflow 3.3.2). It reports
// whether anything changed.
//
// Golden: passes.
func (v *View) pass(now time.Time) bool {
	if len(v.dirty) == 0 {
		return false
	}
	todo := v.dirty
	v.dirty = nil
	slices.SortFunc(todo, func(a, b ref) int {
		if a.task != b.task {
			return a.task - b.task
		}
		return a.pos - b.pos
	})
	e := &examination{v: v, now: now, marked: map[ref]run.State{}, later: map[ref]run.State{}}
	var ready []ref
	expanded := false
	for i := 0; i < len(todo); i++ {
		r := todo[i]
		c := v.cell(r)
		if !c.dirty {
			continue
		}
		c.dirty = false
		if !c.State.Schedulable() {
			continue
		}
		d := e.examine(r)
		switch {
		case d.mark != run.None:
			e.marked[r] = d.mark
			todo = append(todo, v.mappedOver(r)...)
		case !d.met:
		case v.Graph.Mapped[r.task] && c.Map == run.Unmapped:
			if fresh, ok := v.expand(r, e); ok {
				expanded = true
				todo = append(todo, fresh...)
			}
		default:
			if v.Graph.Mapped[r.task] {
				ready = append(ready, v.revise(r.task, e)...)
			}
			if _, removed := e.later[r]; !removed {
				ready = append(ready, r)
			}
		}
	}
	maps.Copy(e.later, e.marked)
	v.finish(e.later, now)
	for _, r := range ready {
		v.schedule(r, now)
	}
	return expanded || len(e.later)+len(ready) > 0
}

// mappedOver are the instances behind r in the pass that are mapped over its output:
// the one dependency that sees the marks of its own pass.
func (v *View) mappedOver(r ref) []ref {
	var out []ref
	for _, w := range v.Graph.Watchers[r.task] {
		if w <= r.task || !slices.Contains(v.Graph.Mappers[w], r.task) {
			continue
		}
		for p := range v.tasks[w].cells {
			if v.cell(ref{w, p}).State.Schedulable() {
				v.touch(ref{w, p})
				out = append(out, ref{w, p})
			}
		}
	}
	return out
}

func (v *View) finish(marks map[ref]run.State, now time.Time) {
	refs := make([]ref, 0, len(marks))
	for r := range marks {
		refs = append(refs, r)
	}
	slices.SortFunc(refs, func(a, b ref) int {
		if a.task != b.task {
			return a.task - b.task
		}
		return a.pos - b.pos
	})
	for _, r := range refs {
		c := v.set(r, marks[r])
		c.End, c.Due, c.Token, c.Lease = now, time.Time{}, "", time.Time{}
	}
}

// schedule lets an instance wait for slots; what does nothing succeeds at once.
//
// Golden: run_inert.
func (v *View) schedule(r ref, now time.Time) {
	c := v.cell(r)
	if c.State == run.Scheduled {
		return
	}
	if v.Graph.Tasks[r.task].Inert {
		c = v.set(r, run.Success)
		c.Start, c.End = now, now
		return
	}
	again := c.State == run.UpForReschedule
	c = v.journal(r)
	if !again {
		// A new try keeps the last one in the history (section "Task instance"): how that
		// ended has to be written before.
		if c.before.State == run.Running || c.before.State == run.Restarting {
			v.first = append(v.first, run.Change{Want: c.Instance, If: c.before})
			c.before = run.Is(&c.Instance)
		}
		c.archive = c.archive || c.Try > 0
		c.clear = c.clear || c.Try > 0
		c.Try++
		c.Start, c.End, c.FirstStart, c.Reschedules = time.Time{}, time.Time{}, time.Time{}, 0
	}
	c.Due, c.Handle, c.Worker = time.Time{}, "", ""
	v.set(r, run.Scheduled)
}

// mapLength is the number of instances a mapped task or group expands to; known is
// false while an upstream output is missing (section "Mapping").
//
// Golden: map_cross.
func (v *View) mapLength(t int) (n int, known bool) {
	n = 1
	for _, a := range v.Graph.Mapping(t).Sources() {
		k, ok := v.sourceLength(a)
		if !ok {
			return 0, false
		}
		n *= k
	}
	return n, true
}

func (v *View) sourceLength(a dag.MappedArg) (int, bool) {
	if d, ok := a.Literal.(dag.Derived); ok {
		return d.Length(v.outputLength)
	}
	if a.XCom == nil {
		return a.LiteralLength()
	}
	return v.outputLength(*a.XCom)
}

func (v *View) outputLength(ref dag.XComRef) (int, bool) {
	u, ok := v.Graph.Index(ref.Task)
	if !ok {
		return 0, false
	}
	tv := &v.tasks[u]
	if !v.Graph.Mapped[u] {
		if c := &tv.cells[0]; c.Length != nil {
			return *c.Length, true
		}
		return 0, false
	}
	// The output of a mapped task is the list of what its instances pushed; it is
	// complete when all have ended (golden: map_over_mapped).
	pushed := 0
	for i := range tv.cells {
		c := &tv.cells[i]
		if !c.State.Finished() {
			return 0, false
		}
		if c.Pushed {
			pushed++
		}
	}
	return pushed, true
}

// expand replaces the unexpanded instance by the instances of the mapping. An empty
// mapping skips it; a length that cannot be known makes it upstream_failed.
//
// Golden: map_output, map_zero.
func (v *View) expand(r ref, e *examination) (fresh []ref, ok bool) {
	n, known := v.mapLength(r.task)
	switch {
	case !known:
		e.later[r] = run.UpstreamFailed
		return nil, false
	case n == 0:
		e.later[r] = run.Skipped
		return nil, false
	}
	c := *v.cell(r)
	v.discard(&c)
	v.touched = slices.DeleteFunc(v.touched, func(x ref) bool { return x == r })
	v.count(r.task, c.State, -1)
	v.tasks[r.task].cells = nil
	for i := range n {
		fresh = append(fresh, v.appendCell(r.task, i))
	}
	v.wake(r)
	return fresh, true
}

// appendCell adds the instance with the next index, to be written.
func (v *View) appendCell(t, index int) ref {
	task := v.Graph.Tasks[t]
	tv := &v.tasks[t]
	tv.cells = append(tv.cells, cell{Instance: run.Instance{Task: task.ID, Map: index, MaxTries: task.Retries}})
	v.count(t, run.None, +1)
	r := ref{t, index}
	v.journal(r)
	v.touch(r)
	return r
}

// revise fits an expanded task to a mapping whose length has changed since (a cleared
// mapper): surplus instances are removed, missing ones are ready at once.
//
// Golden: map_shrinks, map_grows.
func (v *View) revise(t int, e *examination) (ready []ref) {
	n, known := v.mapLength(t)
	if !known {
		return nil
	}
	cells := v.tasks[t].cells
	for p := n; p < len(cells); p++ {
		if cells[p].State != run.Removed {
			e.later[ref{t, p}] = run.Removed
		}
	}
	for i := len(cells); i < n; i++ {
		ready = append(ready, v.appendCell(t, i))
	}
	return ready
}

// endState says how the run ends, if it does (section "DAG run", rules 2 to 5).
//
// Golden: run_leaves, teardown_fails_run.
func (v *View) endState(now time.Time) (s run.RunState, reason string, ended bool) {
	if v.unfinished() > 0 {
		if v.deadlocked(now) {
			return run.RunFailed, "deadlock: no unfinished task can ever run", true
		}
		return "", "", false
	}
	for _, t := range v.Graph.Leaves {
		sum := &v.tasks[t].sum
		if sum[run.Failed]+sum[run.UpstreamFailed] > 0 {
			return run.RunFailed, "task " + v.Graph.Tasks[t].ID + " is " + sum.String(), true
		}
	}
	return run.RunSuccess, "all leaf tasks ended in success or skipped", true
}

// deadlocked: something is unfinished, nothing is on its way, and no dependency will
// ever be met. Tasks that wait for the past or for a per-task limit do not count as
// deadlocked, nor does a run with a deferred task.
//
// Golden: run_deadlock.
func (v *View) deadlocked(now time.Time) bool {
	if v.all[run.None] != v.unfinished() || len(v.dirty) > 0 {
		return false
	}
	e := &examination{v: v, now: now, ignoreWaits: true}
	for t := range v.tasks {
		task := v.Graph.Tasks[t]
		for p := range v.tasks[t].cells {
			if v.tasks[t].cells[p].State != run.None {
				continue
			}
			if task.DependsOnPast || task.WaitForDownstream || task.MaxActivePerDAG > 0 || task.MaxActivePerRun > 0 {
				return false
			}
			if d := e.examine(ref{t, p}); d.met || d.mark != run.None {
				return false
			}
		}
	}
	return true
}
