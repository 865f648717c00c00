package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// verdict is what the dependencies say about one instance.
type verdict struct {
	// mark is the final state to give it at once, or run.None.
	mark run.State
	// met says that it may be scheduled now.
	met bool
	// until is when to look again although nothing else changes; zero if never.
	until time.Time
	// why says in words why it is not met or what it was marked for; it is computed
	// for Explain only.
	why []string
}

// examination is the examination of one instance. The rules are the same for the
// pass, the deadlock check and Explain; these differ only in its flags.
type examination struct {
	v   *View
	now time.Time
	// ignoreWaits treats retry and reschedule delays as over (the deadlock check).
	ignoreWaits bool
	// explain fills verdict.why.
	explain bool
	// marked are the marks of this pass so far, for the one dependency that sees them;
	// later are those of expansions, which nothing sees before the next pass.
	marked, later map[ref]run.State
}

// examine applies all dependencies to one schedulable instance (section "Dependency checks").
func (e *examination) examine(r ref) verdict {
	var d verdict
	d.met = true
	pastMet := e.past(r, &d)
	e.delays(r, &d)
	e.triggerRule(r, &d, pastMet)
	e.previouslySkipped(r, &d, pastMet)
	e.mapped(r, &d)
	if d.mark != run.None {
		d.met = false
	}
	return d
}

func (d *verdict) wait(e *examination, format string, args ...any) {
	d.met = false
	if e.explain {
		d.why = append(d.why, fmt.Sprintf(format, args...))
	}
}

func (d *verdict) give(e *examination, s run.State, format string, args ...any) {
	d.mark = s
	d.wait(e, format, args...)
}

// delays: an instance that is up_for_retry or up_for_reschedule waits for its date.
//
// Golden: retry, reschedule.
func (e *examination) delays(r ref, d *verdict) {
	c := e.v.cell(r)
	if e.ignoreWaits || c.Due.IsZero() || !c.Due.After(e.now) {
		return
	}
	switch c.State {
	case run.UpForRetry:
		d.until = c.Due
		d.wait(e, "it retries at %s (try %d of %d failed: %s)", c.Due.Format(time.RFC3339), c.Try, c.MaxTries+1, c.Reason)
	case run.UpForReschedule:
		d.until = c.Due
		d.wait(e, "it pokes again at %s", c.Due.Format(time.RFC3339))
	}
}

// triggerRule applies the setup constraint and then the trigger rule (section "Trigger rules").
//
// Golden: rule_always, rule_always_setup, past_before_skipping.
func (e *examination) triggerRule(r ref, d *verdict, pastMet bool) {
	t := e.v.Graph.Tasks[r.task]
	if t.TriggerRule == dag.Always || len(e.v.Graph.Up[r.task]) == 0 {
		return
	}
	skippable := pastMet || !t.WaitForPastDependsBeforeSkipping
	if mark, met := e.setups(r, d); mark == run.UpstreamFailed || mark == run.Skipped && skippable {
		d.mark = mark
		return
	} else if !met {
		d.met = false
	}
	e.scope(r, d)
	u := e.upstreamOf(r)
	switch mark := markByRule(t.TriggerRule, &u); {
	case mark == run.Skipped && !skippable:
		d.wait(e, "it would be skipped, but waits for its past first (wait_for_past_depends_before_skipping)")
		return
	case mark != run.None:
		d.give(e, mark, "trigger rule %s makes it %s: %s", t.TriggerRule, mark, e.describe(r))
		return
	}
	if !allows(t.TriggerRule, &u) {
		d.wait(e, "trigger rule %s is not met yet: %s", t.TriggerRule, e.describe(r))
	}
}

// setups: a task waits for the setups in whose scope it is even when they are not
// its direct upstream, and shares their bad end at once.
//
// Golden: dep_setup.
func (e *examination) setups(r ref, d *verdict) (mark run.State, met bool) {
	if e.v.Graph.Tasks[r.task].Teardown || len(e.v.Graph.Setups[r.task]) == 0 {
		return run.None, true
	}
	var c counts
	for _, s := range e.v.Graph.Setups[r.task] {
		c.add(&e.v.tasks[s].sum)
	}
	switch {
	case c[run.Failed]+c[run.UpstreamFailed] > 0:
		mark = run.UpstreamFailed
	case c[run.Skipped] > 0:
		mark = run.Skipped
	}
	waiting := c.total() - c[run.Success]
	if e.v.cell(r).Map >= 0 {
		waiting -= c[run.Removed]
	}
	if (mark != run.None || waiting > 0) && e.explain {
		d.why = append(d.why, "of the setups in whose scope it is, not all have succeeded: "+e.v.list(e.v.Graph.Setups[r.task]))
	}
	return mark, waiting <= 0
}

// scope: a teardown waits until all work between its setups and itself has ended, even
// what is not its direct upstream (recorded behaviour).
//
// Golden: teardown_scope.
func (e *examination) scope(r ref, d *verdict) {
	for _, t := range e.v.Graph.Scopes[r.task] {
		sum := &e.v.tasks[t].sum
		if sum.finished() < sum.total() {
			d.wait(e, "as a teardown it waits for the work in its scope: %s", e.v.list([]int{t}))
			return
		}
	}
}

// upstreamOf counts what the trigger rule of an instance looks at.
func (e *examination) upstreamOf(r ref) upstream {
	v := e.v
	u := upstream{index: v.cell(r).Map}
	for _, s := range v.Graph.SetupUps[r.task] {
		u.setups++
		sum := &v.tasks[s].sum
		if sum[run.Success] > 0 {
			u.setupSuccess++
		} else if sum[run.Skipped] > 0 {
			u.setupSkipped++
		}
	}
	if v.Graph.MapGroup[r.task] < 0 {
		u.counts = v.tasks[r.task].up
	} else {
		for _, up := range v.Graph.Up[r.task] {
			v.relevant(r, up, &u.counts)
		}
	}
	u.n = u.counts.total()
	return u
}

// relevant adds the instances of an upstream task that an instance depends on. Inside
// a mapped group that is the one with the same index; and none at all for a task that
// is not expanded yet behind one that is, so that the group expands as a whole, unless
// its rule asks for an upstream in a certain state (section "Mapping", mapped group:
// depth first; the exception as recorded).
//
// Golden: map_group.
func (v *View) relevant(r ref, up int, c *counts) {
	tv := &v.tasks[up]
	index := v.cell(r).Map
	sameGroup := v.Graph.MapGroup[up] == v.Graph.MapGroup[r.task]
	switch {
	case !sameGroup || !tv.expanded() || index < 0 && demanding(v.Graph.Tasks[r.task].TriggerRule):
		c.add(&tv.sum)
	case index >= 0 && index < len(tv.cells):
		c[tv.cells[index].State]++
	}
}

// mapped: a task that is mapped over the output of a task that ended badly before it
// was expanded shares its end, whatever the trigger rule (section "Trigger rules"). It sees the
// marks of the same pass.
//
// Golden: dep_mapped.
func (e *examination) mapped(r ref, d *verdict) {
	var bad run.State
	waiting := false
	for _, m := range e.v.Graph.Mappers[r.task] {
		tv := &e.v.tasks[m]
		if tv.expanded() {
			continue
		}
		s := tv.cells[0].State
		if mark, ok := e.marked[ref{m, 0}]; ok {
			s = mark
		}
		switch {
		case s.Unsuccessful():
			bad = run.UpstreamFailed
		case s == run.Skipped && bad == run.None:
			bad = run.Skipped
		}
		waiting = waiting || s.Finished() && s != run.Success
	}
	if !waiting {
		return
	}
	if d.mark == run.None && bad != run.None {
		d.give(e, bad, "it is mapped over the output of a task that has none")
		return
	}
	d.met = false
}

// previouslySkipped: a branch's choice outlives a clear of the tasks it skipped.
//
// Golden: dep_previously_skipped.
func (e *examination) previouslySkipped(r ref, d *verdict, pastMet bool) {
	t := e.v.Graph.Tasks[r.task]
	for _, up := range e.v.choosers {
		if _, direct := slices.BinarySearch(e.v.Graph.Up[r.task], up); !direct {
			continue
		}
		tv := &e.v.tasks[up]
		p := 0
		if index := e.v.cell(r).Map; tv.expanded() {
			if p = index; p < 0 || p >= len(tv.cells) {
				continue
			}
		}
		c := &tv.cells[p]
		if !c.State.Finished() || !c.Choice.Skips(t.ID) {
			continue
		}
		if !pastMet && t.WaitForPastDependsBeforeSkipping {
			d.wait(e, "%s chose to skip it; it waits for its past first", c.Name())
			return
		}
		d.give(e, run.Skipped, "%s chose to skip it", c.Name())
		return
	}
}

// past applies depends_on_past and wait_for_downstream (section "Past dependence").
//
// Golden: past_depends_on_past, past_wait_for_downstream, past_no_logical_date,
// past_first_run.
func (e *examination) past(r ref, d *verdict) bool {
	t := e.v.Graph.Tasks[r.task]
	if !t.DependsOnPast && !t.WaitForDownstream || e.v.Run.LogicalDate == nil || e.v.snap == nil {
		return true
	}
	prev := e.v.snap.previous(e.v)
	if prev == nil || e.v.snap.firstOfBackfill(e.v) {
		return true
	}
	if e.v.Graph.DAG.Catchup && t.StartDate != nil && prev.Run.LogicalDate != nil && prev.Run.LogicalDate.Before(*t.StartDate) {
		return true
	}
	p, ok := prev.Graph.Index(t.ID)
	if !ok {
		if t.IgnoreFirstDependsOnPast {
			return true
		}
		d.wait(e, "depends_on_past: the previous run %s has no task %s", prev.Run.Run, t.ID)
		return false
	}
	ended := func(i int) bool {
		sum := &prev.tasks[i].sum
		return sum[run.Success]+sum[run.Skipped] == sum.total()
	}
	if !ended(p) {
		d.wait(e, "depends_on_past: in the previous run %s, %s", prev.Run.Run, prev.list([]int{p}))
		return false
	}
	if t.WaitForDownstream {
		for _, down := range prev.Graph.Down[p] {
			if !ended(down) {
				d.wait(e, "wait_for_downstream: in the previous run %s, %s", prev.Run.Run, prev.list([]int{down}))
				return false
			}
		}
	}
	return true
}

// describe says in words what the trigger rule of an instance sees.
func (e *examination) describe(r ref) string {
	if !e.explain {
		return ""
	}
	return e.v.list(e.v.Graph.Up[r.task])
}

// list names tasks with their states, at most five.
func (v *View) list(tasks []int) string {
	var parts []string
	for _, t := range tasks {
		parts = append(parts, v.Graph.Tasks[t].ID+" is "+v.tasks[t].sum.String())
	}
	const most = 5
	if more := len(parts) - most; more > 0 {
		parts = append(parts[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// String says how many instances are in which state: "running", or "3 success, 1 failed".
func (c *counts) String() string {
	if c.total() == 1 {
		return run.State(slices.Index(c[:], 1)).String()
	}
	var parts []string
	for s, k := range c {
		if k > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", k, run.State(s)))
		}
	}
	return strings.Join(parts, ", ")
}
