package scheduler

import (
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// Upstream is what a trigger rule looks at, for the reference evaluator.
type Upstream struct {
	// States are those of the upstream instances.
	States []run.State
	// Setups are the states of the direct upstream setups.
	Setups []run.State
	Index  int
}

// EvaluateRule asks the planner's own rules: which state it marks, and whether it lets
// run.
func EvaluateRule(rule dag.TriggerRule, in Upstream) (mark run.State, runs bool) {
	u := upstream{index: in.Index, n: len(in.States), setups: len(in.Setups)}
	for _, s := range in.States {
		u.counts[s]++
	}
	for _, s := range in.Setups {
		switch s {
		case run.Success:
			u.setupSuccess++
		case run.Skipped:
			u.setupSkipped++
		}
	}
	return markByRule(rule, &u), allows(rule, &u)
}

// CheckCounts compares the counts that are kept with those that a recount gives.
func (s *Snapshot) CheckCounts() error {
	fresh := NewSnapshot()
	for _, v := range s.runs {
		var instances []run.Instance
		for t := range v.tasks {
			for i := range v.tasks[t].cells {
				instances = append(instances, v.tasks[t].cells[i].Instance)
			}
		}
		o, err := NewView(v.Run, v.Graph, instances)
		if err != nil {
			return err
		}
		if o.all != v.all {
			return fmt.Errorf("run %s counts %v, has %v", v.Run.ID, v.all, o.all)
		}
		for t := range v.tasks {
			if a, b := &v.tasks[t], &o.tasks[t]; a.sum != b.sum || a.up != b.up {
				return fmt.Errorf("task %s of run %s counts %v and upstream %v, has %v and %v", v.Graph.Tasks[t].ID, v.Run.ID, a.sum, a.up, b.sum, b.up)
			}
		}
		fresh.Add(o)
	}
	if fresh.occupied != s.occupied {
		return fmt.Errorf("occupied slots are counted as %d and are %d", s.occupied, fresh.occupied)
	}
	for pool, n := range s.used {
		if n != fresh.used[pool] {
			return fmt.Errorf("pool %s counts %d, has %d", pool, n, fresh.used[pool])
		}
	}
	for k, n := range s.active {
		if n != fresh.active[k] {
			return fmt.Errorf("task %v counts %d active, has %d", k, n, fresh.active[k])
		}
	}
	return nil
}

// Lanes are the instances that wait for slots by the planner's own books.
func (v *View) Lanes() (names []string) {
	for _, l := range v.lanes {
		l.sort()
		for _, r := range l.refs {
			names = append(names, v.cell(r).Name())
		}
	}
	slices.Sort(names)
	return names
}
