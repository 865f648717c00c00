package scheduler_test

import (
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// checkRules: whatever a plan starts, its trigger rule holds in the words of the reference,
// and the setups in whose scope it is have succeeded. Upstream states that let a task run
// are final, so that this can be asked after the plan; not when tasks were cleared, since
// what is on its way then goes on. One is not: a branch skips what was upstream_failed, and
// what was let run by that and has waited for a slot goes on.
func (w *world) checkRules(d scheduler.Decision) {
	w.t.Helper()
	if w.cleared {
		return
	}
	for _, a := range d.Start {
		v := w.snap.Run(a.ID)
		t, _ := w.g.Index(a.Task)
		task := w.g.Tasks[t]
		in := scheduler.Upstream{Index: a.Map}
		var before []run.State // a branch has skipped some of them
		for _, u := range w.g.Up[t] {
			states := w.upstreamStates(v, t, u, a.Map)
			in.States = append(in.States, states...)
			before = append(before, w.beforeBranches(v, t, u, a.Map)...)
			if w.g.Tasks[u].Setup && slices.Contains(w.g.SetupUps[t], u) {
				in.Setups = append(in.Setups, states...)
			}
		}
		if len(in.States) == 0 || task.TriggerRule == dag.Always {
			continue
		}
		_, runs := reference(task.TriggerRule, in)
		_, ran := reference(task.TriggerRule, scheduler.Upstream{Index: a.Map, States: before, Setups: in.Setups})
		if !runs && !ran {
			w.t.Fatalf("%s is started, but %s does not hold over %v, setups %v:\n%s", a, task.TriggerRule, in.States, in.Setups, w.states(w.snap))
		}
		for _, s := range w.g.Setups[t] {
			if setup := v.Instance(w.g.Tasks[s].ID, run.Unmapped); !task.Teardown && setup.State != run.Success {
				w.t.Fatalf("%s is started, but its setup %s is %s:\n%s", a, setup.Name(), setup.State, w.states(w.snap))
			}
		}
	}
}

// upstreamStates are the states of the instances of task u that an instance of t depends
// on: inside a mapped group the one with its own index, else all.
func (w *world) upstreamStates(v *scheduler.View, t, u, index int) (out []run.State) {
	for _, in := range w.upstream(v, t, u, index) {
		out = append(out, in.State)
	}
	return out
}

// beforeBranches are the upstream states as they may have been before branches skipped some.
func (w *world) beforeBranches(v *scheduler.View, t, u, index int) (out []run.State) {
	for _, in := range w.upstream(v, t, u, index) {
		if in.State == run.Skipped && strings.HasSuffix(in.Reason, " chose to skip it") {
			in.State = run.UpstreamFailed
		}
		out = append(out, in.State)
	}
	return out
}

func (w *world) upstream(v *scheduler.View, t, u, index int) (out []run.Instance) {
	same := w.g.MapGroup[t] >= 0 && w.g.MapGroup[t] == w.g.MapGroup[u]
	for _, in := range v.Instances() {
		if in.Task == w.g.Tasks[u].ID && (!same || in.Map < 0 || in.Map == index) {
			out = append(out, in)
		}
	}
	return out
}
