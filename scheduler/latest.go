package scheduler

import (
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// onLatest returns a finished run as it would be under the current version of its DAG:
// tasks that are new there have not run, and instances that it has no place for are
// gone. Runs that have not finished keep their version, and so do those of a DAG that
// is not in the snapshot. v itself stays as it is; the result takes its place by Add.
//
// Golden: clear_latest.
func (s *Snapshot) onLatest(v *View) *View {
	d := s.dags[v.Run.DAG]
	if d == nil || d.Graph == nil || d.Version == v.Run.Version || !v.Run.State.Finished() {
		return v
	}
	out := &View{
		Run: v.Run, Graph: d.Graph, tasks: make([]taskView, len(d.Graph.Tasks)),
		before: v.before, create: v.create, first: slices.Clone(v.first), events: slices.Clone(v.events),
	}
	out.updateRun().Version = d.Version
	for t := range v.tasks {
		at, there := d.Graph.Index(v.Graph.Tasks[t].ID)
		for _, c := range v.tasks[t].cells {
			if !there || !fits(d.Graph, at, c.Map) {
				out.discard(&c)
				continue
			}
			c.dirty = false
			if c.journaled {
				out.touched = append(out.touched, ref{at, len(out.tasks[at].cells)})
			}
			out.tasks[at].cells = append(out.tasks[at].cells, c)
		}
	}
	for t := range out.tasks {
		if out.complete(t) != nil {
			return v // a mapping that no run can have
		}
	}
	out.recount()
	out.TouchAll()
	return out
}

// fits says whether a task can have an instance with this index. The index of one that
// is not expanded yet always fits.
func fits(g *dag.Graph, task, index int) bool {
	if index == run.Unmapped {
		return true
	}
	m := g.Mapping(task)
	n, literal := literalLength(m)
	return m != nil && (!literal || index < n)
}

// discard lets the store forget a cell that has no place in the view.
func (v *View) discard(c *cell) {
	if !c.stored {
		return
	}
	before := run.Is(&c.Instance)
	if c.journaled {
		before = c.before
	}
	v.first = append(v.first, run.Change{Want: c.Instance, If: before, Gone: true})
}
