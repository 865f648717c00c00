package scheduler_test

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/randdag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// plan plans and commits, and checks everything that holds after a plan.
func (w *world) plan() scheduler.Decision {
	w.t.Helper()
	before := map[run.Key]run.Instance{}
	for _, v := range w.snap.Runs("d") {
		for _, in := range v.Instances() {
			before[in.Key(v.Run.ID)] = in
		}
	}
	d := scheduler.Plan(w.snap, w.now)
	w.commit()
	w.checkSteps(before, d)
	w.checkRules(d)
	w.checkNothingMore()
	w.checkLimits()
	w.checkExplained()
	if err := w.snap.CheckCounts(); err != nil {
		w.t.Fatal(err)
	}
	return d
}

// checkSteps: only legal transitions, no finished state is changed, and what is to be
// started is exactly what has become queued.
func (w *world) checkSteps(before map[run.Key]run.Instance, d scheduler.Decision) {
	started := map[run.Key]bool{}
	for _, a := range d.Start {
		if started[a.Key] {
			w.t.Fatalf("%s is started twice by one plan", a)
		}
		started[a.Key] = true
	}
	for _, v := range w.snap.Runs("d") {
		for _, in := range v.Instances() {
			key := in.Key(v.Run.ID)
			old := before[key]
			if old.State != in.State && !reachable(old.State, in.State) {
				w.t.Fatalf("a plan made %s %s, which was %s", key, in.State, old.State)
			}
			// What is left over of a mapping that has shrunk is removed, whatever it was.
			if old.State.Finished() && old.State != in.State && !(w.cleared && in.State == run.Removed) {
				w.t.Fatalf("a plan changed %s from %s to %s", key, old.State, in.State)
			}
			queued := in.State == run.Queued && (old.State != run.Queued || old.Try != in.Try)
			if queued != started[key] {
				w.t.Fatalf("%s: queued by this plan: %v, to be started: %v", key, queued, started[key])
			}
		}
	}
}

// checkNothingMore: the plan has reached a fixpoint, an examination of everything finds
// no more, and a process that starts anew with what is stored would do nothing either.
func (w *world) checkNothingMore() {
	for _, what := range []string{"again", "after an examination of everything", "in a new process"} {
		s := w.snap
		switch what {
		case "again":
		case "in a new process":
			s = w.load()
		default:
			for _, v := range s.Runs("d") {
				v.TouchAll()
			}
		}
		was := w.states(s)
		d := scheduler.Plan(s, w.now)
		if is := w.states(s); len(d.Start)+len(d.Runs) > 0 || is != was || len(s.Flush()) > 0 {
			w.t.Fatalf("planning %s decides %+v:\n%s->\n%s", what, d, was, is)
		}
	}
}

func (w *world) checkLimits() {
	used, perDAG, total, running := map[string]int{}, map[string]int{}, 0, 0
	for _, v := range w.snap.Unfinished() {
		if v.Run.State == run.RunRunning {
			running++
		}
		active, perRun := 0, map[string]int{}
		for _, in := range v.Instances() {
			task := w.g.DAG.Task(in.Task)
			switch {
			case in.State.Occupying():
				active++
				used[task.Pool] += task.PoolSlots
			case in.State == run.Deferred && w.pools[task.Pool].IncludeDeferred:
				used[task.Pool] += task.PoolSlots
			}
			if in.State.Occupying() || in.State == run.Deferred {
				perRun[in.Task]++
				perDAG[in.Task]++
			}
		}
		total += active
		if active > w.g.DAG.MaxActiveTasks {
			w.t.Fatalf("run %s has %d active tasks, max_active_tasks is %d", v.Run.ID, active, w.g.DAG.MaxActiveTasks)
		}
		for id, n := range perRun {
			if limit := w.g.DAG.Task(id).MaxActivePerRun; limit > 0 && n > limit {
				w.t.Fatalf("run %s has %d active instances of %s, max_active_tis_per_dagrun is %d", v.Run.ID, n, id, limit)
			}
		}
	}
	for id, n := range perDAG {
		if limit := w.g.DAG.Task(id).MaxActivePerDAG; limit > 0 && n > limit {
			w.t.Fatalf("%d active instances of %s, max_active_tis_per_dag is %d", n, id, limit)
		}
	}
	for pool, n := range used {
		if n > w.pools[pool].Slots {
			w.t.Fatalf("%d slots of pool %s are used, it has %d", n, pool, w.pools[pool].Slots)
		}
	}
	if running > w.g.DAG.MaxActiveRuns {
		w.t.Fatalf("%d runs are running, max_active_runs is %d", running, w.g.DAG.MaxActiveRuns)
	}
	if w.snap.Parallelism > 0 && total > w.snap.Parallelism {
		w.t.Fatalf("%d tasks are active, parallelism is %d", total, w.snap.Parallelism)
	}
}

// checkExplained: whatever does not run says why, and never that the next plan will see
// to it: the plan has just been made.
func (w *world) checkExplained() {
	for _, v := range w.snap.Unfinished() {
		for _, in := range v.Instances() {
			if in.State.Finished() || in.State == run.Running {
				continue
			}
			why, err := w.snap.Explain(in.Key(v.Run.ID), w.now)
			_, reason, _ := strings.Cut(why, " ")
			if err != nil || !strings.HasPrefix(why, in.Name()+" ") || len(reason) < 20 || strings.Contains(why, "next plan") ||
				strings.HasSuffix(strings.TrimSpace(why), ":") {
				w.t.Fatalf("%s is %s; Explain says %q, %v", in.Key(v.Run.ID), in.State, why, err)
			}
		}
	}
}

// inFlight are the states in which something outside of the planner is expected.
var inFlight = []run.State{run.Queued, run.Running, run.Restarting, run.Deferred}

// work runs the world to its end: completions come in any order and grouping.
func (w *world) work() {
	for step := 0; ; step++ {
		if step > 2000 {
			w.t.Fatalf("no end in sight:\n%s", w.states(w.snap))
		}
		d := w.plan()
		flying := w.keys(inFlight...)
		if len(flying) == 0 {
			if d.Wake.IsZero() {
				return
			}
			if !d.Wake.After(w.now) {
				w.t.Fatalf("the plan at %s asks to be woken at %s", w.now, d.Wake)
			}
			w.now = d.Wake
			continue
		}
		flying = rapid.Permutation(flying).Draw(w.t, "order")
		for _, a := range flying[:rapid.IntRange(1, len(flying)).Draw(w.t, "ends")] {
			w.finish(a)
		}
		w.now = w.now.Add(time.Second)
	}
}

// checkEnd: every run has ended, and what was set up was torn down.
func (w *world) checkEnd() {
	for _, v := range w.snap.Runs("d") {
		if !v.Run.State.Finished() {
			w.t.Fatalf("nothing is under way, but run %s is %s:\n%s", v.Run.ID, v.Run.State, w.states(w.snap))
		}
		if v.Run.Reason == "" {
			w.t.Errorf("run %s is %s without a reason", v.Run.ID, v.Run.State)
		}
		w.checkTornDown(v)
		w.checkOwed(v)
	}
}

// checkOwed: the callbacks of the DAG are called once for the end of a run, and once for
// its deadline unless it has succeeded by then.
func (w *world) checkOwed(v *scheduler.View) {
	ends, missed := 0, 0
	for _, c := range v.Run.Owed {
		if c.Kind == run.CallDeadline {
			missed++
		} else if ends++; (c.Kind == run.CallSuccess) != (v.Run.State == run.RunSuccess) || !c.At.Equal(v.Run.End) {
			w.t.Fatalf("run %s is %s since %s and owes %+v", v.Run.ID, v.Run.State, v.Run.End, c)
		}
	}
	late := v.Run.State != run.RunSuccess || v.Run.End.Sub(v.Run.QueuedAt) >= 10*time.Minute
	if ends != 1 || missed != map[bool]int{true: 1}[late] || len(v.Run.Deadlines) > 0 {
		w.t.Fatalf("run %s, %s from %s to %s, owes %+v, deadlines %+v", v.Run.ID, v.Run.State, v.Run.QueuedAt, v.Run.End, v.Run.Owed, v.Run.Deadlines)
	}
}

// checkTornDown: after a setup that succeeded its teardown was run, unless the run was
// out of time.
func (w *world) checkTornDown(v *scheduler.View) {
	td := v.Instance("teardown", run.Unmapped)
	if td == nil || w.g.DAG.DagrunTimeout > 0 || td.Try > 0 {
		return
	}
	t, _ := w.g.Index("teardown")
	for _, s := range w.g.SetupUps[t] {
		if in := v.Instance(w.g.Tasks[s].ID, run.Unmapped); in.State == run.Success {
			w.t.Fatalf("%s has succeeded, but its teardown is %s:\n%s", in.Name(), td.State, w.states(w.snap))
		}
	}
}

// TestPlanOnRandomDAGs: whatever the DAG and whatever its tasks do, each plan keeps the
// promises that plan checks, and all runs end.
func TestPlanOnRandomDAGs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := everything()
		w := s.newWorld(t, s.Draw(t, "d"))
		w.work()
		w.checkEnd()
	})
}

// TestPlanWithPast: with depends_on_past a run may wait for ever, but only for its past.
func TestPlanWithPast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := everything()
		s.Past, s.Timeouts = true, false
		w := s.newWorld(t, s.Draw(t, "d"))
		w.work()
		for _, v := range w.snap.Unfinished() {
			waits := false
			for _, in := range v.Instances() {
				task := w.g.DAG.Task(in.Task)
				waits = waits || !in.State.Finished() && (task.DependsOnPast || task.WaitForDownstream)
			}
			if !waits && v.Run.State == run.RunRunning {
				t.Fatalf("run %s is stuck, and not by its past:\n%s", v.Run.ID, w.states(w.snap))
			}
		}
	})
}

// TestPlanAfterEdits: clears and marks at any time keep all promises, too.
func TestPlanAfterEdits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := everything()
		s.FailFast = false
		w := s.newWorld(t, s.Draw(t, "d"))
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			for range rapid.IntRange(0, 6).Draw(t, "steps") {
				w.plan()
				for _, a := range w.keys(inFlight...) {
					if rapid.Bool().Draw(t, "ends") {
						w.finish(a)
					}
				}
				w.now = w.now.Add(time.Minute)
			}
			w.edit()
		}
		w.work()
		for _, v := range w.snap.Unfinished() {
			t.Fatalf("run %s is stuck:\n%s", v.Run.ID, w.states(w.snap))
		}
	})
}

func (w *world) edit() {
	w.cleared = true
	t := w.t
	v := rapid.SampledFrom(w.snap.Runs("d")).Draw(t, "run")
	task := rapid.SampledFrom(w.g.Tasks).Draw(t, "task").ID
	flag := func(name string) bool { return randdag.Chance(t, 3, name) }
	switch rapid.IntRange(0, 3).Draw(t, "edit") {
	case 0:
		w.snap.Clear(scheduler.Clear{
			Run: v.Run.ID, Tasks: []string{task}, Upstream: flag("upstream"), Downstream: flag("downstream"), Past: flag("past"),
			Future: flag("future"), OnlyFailed: flag("failed"),
		}, w.now)
	case 1:
		state := rapid.SampledFrom([]run.State{run.Success, run.Failed, run.Skipped}).Draw(t, "state")
		if _, _, err := w.snap.Mark(scheduler.Mark{Run: v.Run.ID, Tasks: []string{task}, State: state, Downstream: flag("downstream"), Future: flag("future")}, w.now); err != nil {
			t.Fatal(err)
		}
	case 2:
		state := rapid.SampledFrom([]run.RunState{run.RunSuccess, run.RunFailed}).Draw(t, "run state")
		if err := w.snap.MarkRun(v.Run.ID, state, w.now); err != nil {
			t.Fatal(err)
		}
	default:
		w.snap.ClearRun(v.Run.ID, flag("failed"), w.now)
	}
	w.commit()
}

// TestAnySubsetOfADecision: if a process dies when only some of what a plan decided is
// durable, the next plan comes to the same states: what was queued may differ where
// slots are short, as another task may hold them.
func TestAnySubsetOfADecision(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := everything()
		w := s.newWorld(t, s.Draw(t, "d"))
		same := func(text string) string { return strings.ReplaceAll(text, "=queued", "=scheduled") }
		for range 12 {
			other := w.load()
			scheduler.Plan(other, w.now)
			part := world{t: t, shape: s, g: w.g, store: w.store.clone(), pools: w.pools, now: w.now}
			for _, b := range other.Flush() {
				if rapid.Bool().Draw(t, "durable") {
					if err := part.store.apply(b); err != nil {
						t.Fatal(err)
					}
				}
			}
			part.snap = part.load()
			part.plan()
			w.plan()
			if a, b := same(w.states(w.snap)), same(part.states(part.snap)); a != b {
				t.Fatalf("after a part of the decision:\n%swithout a crash:\n%s", b, a)
			}
			for _, a := range w.keys(inFlight...) {
				if rapid.Bool().Draw(t, "ends") {
					w.finish(a)
				}
			}
			w.commit()
			w.now = w.now.Add(time.Minute)
		}
	})
}

// TestOrderOfCompletions: where no rule decides on a part of its upstream in a way that
// a later completion would change, any order and grouping of the same completions ends
// in the same states.
func TestOrderOfCompletions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := everything()
		s.Rules = []dag.TriggerRule{dag.AllSuccess, dag.AllDone, dag.OneSuccess, dag.NoneFailed, dag.Always}
		s.Branches, s.skips, s.Timeouts, s.FailFast, s.Shortest = false, false, false, false, 1
		s.Literal = true // mapped over an output, one_success and always come before that is known
		g := s.Draw(t, "d")
		seed := rapid.Uint64().Draw(t, "seed")
		var first string
		for i := range 3 {
			w := s.newWorld(t, g)
			w.decide = func(a run.Attempt) string { return outcomeOf(seed, a) }
			w.work()
			if i == 0 {
				first = w.states(w.snap)
			} else if got := w.states(w.snap); got != first {
				t.Fatalf("another order of completions:\n%sthe first one:\n%s", got, first)
			}
		}
	})
}

// outcomeOf is what an attempt does, the same each time. It returns no empty list, which
// would skip.
func outcomeOf(seed uint64, a run.Attempt) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %s %d %d", seed, a.Run, a.Task, a.Map, a.Try)
	return []string{"success+", "success+", "success++", "failed"}[h.Sum64()%4]
}

// TestPlanAlone: a run that is planned without the others of its DAG decides the same,
// if nothing is shared between them.
func TestPlanAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := everything()
		s.Limits = false
		w := s.newWorld(t, s.Draw(t, "d"))
		for range 8 {
			id := rapid.SampledFrom(w.store.ids()).Draw(t, "run")
			alone := scheduler.NewSnapshot()
			v, err := w.store.view(id, w.g)
			if err != nil {
				t.Fatal(err)
			}
			alone.Add(v)
			w.setUp(alone)
			scheduler.Plan(alone, w.now)
			w.plan()
			lines := strings.Split(w.states(w.snap), "\n")
			if got := strings.TrimSpace(w.states(alone)); !slices.Contains(lines, got) {
				t.Fatalf("alone:\n%s\nwith the others:\n%s", got, w.states(w.snap))
			}
			for _, a := range w.keys(inFlight...) {
				if rapid.Bool().Draw(t, "ends") {
					w.finish(a)
				}
			}
			w.commit()
			w.now = w.now.Add(time.Minute)
		}
	})
}
