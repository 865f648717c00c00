package scheduler

import (
	"slices"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// badBranch says why a branch's choice cannot be followed; empty if it can.
//
// Golden: branch_wrong.
func (v *View) badBranch(b *run.Branch) string {
	if b == nil || b.Kind != run.BranchFollow {
		return ""
	}
	for _, id := range b.Follow {
		if _, ok := v.Graph.Index(id); !ok && v.Graph.DAG.Group(id) == nil {
			return "it chose to follow " + id + ", which is not a task or group of the DAG"
		}
	}
	return ""
}

// branch skips what a branching operator ruled out and remembers its choice (section
// "Branching"). It never touches what is running or
// has ended.
//
// Golden: branch, branch_shared, branch_none, short_circuit, short_circuit_direct.
func (v *View) branch(r ref, b *run.Branch, now time.Time) {
	if b == nil {
		return
	}
	v.chose(r.task)
	c := v.cell(r)
	var skip []int
	switch b.Kind {
	case run.BranchFollow:
		follow := v.followed(b.Follow)
		reached := v.Graph.Relatives(follow, true)
		for _, d := range v.Graph.Down[r.task] {
			if !slices.Contains(follow, d) && !slices.Contains(reached, d) {
				skip = append(skip, d)
			}
		}
		c.Choice = choiceOf(v, r.task, skip, follow)
	case run.BranchSkipAll, run.BranchSkipDirect:
		skip = v.Graph.Down[r.task]
		if b.Kind == run.BranchSkipAll {
			skip = v.Graph.Relatives([]int{r.task}, true)
		}
		skip = slices.DeleteFunc(slices.Clone(skip), func(t int) bool { return v.Graph.Tasks[t].Teardown })
		c.Choice = &run.Choice{Skipped: v.names(skip)}
	}
	for _, t := range skip {
		for _, p := range v.sameIndex(r, t) {
			o := ref{t, p}
			switch st := v.cell(o).State; st {
			case run.Running, run.Success, run.Failed, run.Skipped:
			default:
				d := v.set(o, run.Skipped)
				d.End, d.Reason = now, c.Name()+" chose to skip it"
			}
		}
	}
}

func choiceOf(v *View, branch int, skip, follow []int) *run.Choice {
	var followed []string
	for _, d := range v.Graph.Down[branch] {
		if !slices.Contains(skip, d) {
			followed = append(followed, v.Graph.Tasks[d].ID)
		}
	}
	for _, n := range v.names(follow) {
		if !slices.Contains(followed, n) {
			followed = append(followed, n)
		}
	}
	slices.Sort(followed)
	return &run.Choice{Followed: followed}
}

// followed resolves the names of a choice; a group means its roots.
func (v *View) followed(names []string) []int {
	var out []int
	for _, id := range names {
		if t, ok := v.Graph.Index(id); ok {
			out = append(out, t)
			continue
		}
		out = append(out, v.Graph.Roots(id)...)
	}
	return out
}

func (v *View) names(tasks []int) []string {
	out := make([]string, 0, len(tasks))
	for _, t := range tasks {
		out = append(out, v.Graph.Tasks[t].ID)
	}
	return out
}

// sameIndex are the positions of a task that a brancher skips at once: its own index
// inside a mapped group, a task that is not expanded otherwise.
func (v *View) sameIndex(r ref, t int) []int {
	n := len(v.tasks[t].cells)
	if g := v.Graph.MapGroup[r.task]; g >= 0 && v.Graph.MapGroup[t] == g && v.tasks[t].expanded() {
		if r.pos < n {
			return []int{r.pos}
		}
		return nil
	}
	if v.tasks[t].expanded() {
		return nil // its instances see the choice when they are examined
	}
	return []int{0}
}
