package scheduler_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// memoryStore keeps what was committed, as a store would.
type memoryStore map[run.ID]*memoryRun

type memoryRun struct {
	run       run.Run
	instances map[string]run.Instance
}

// apply writes a batch whole. What a plan decided is never refused here, as nobody else
// writes; the error says which condition does not hold.
func (m memoryStore) apply(b run.Batch) error {
	if b.Run == (run.ID{}) {
		return nil // events only, which it does not keep
	}
	r := m[b.Run]
	if b.Create != nil {
		if r != nil {
			return fmt.Errorf("%s is created twice", b.Run)
		}
		for id, o := range m {
			if id.DAG == b.Run.DAG && b.Create.LogicalDate != nil && o.run.LogicalDate != nil && o.run.LogicalDate.Equal(*b.Create.LogicalDate) {
				return fmt.Errorf("%s has the logical date of %s", b.Run, id)
			}
		}
		r = &memoryRun{run: *b.Create, instances: map[string]run.Instance{}}
		m[b.Run] = r
	}
	if r == nil {
		return fmt.Errorf("%s is not there", b.Run)
	}
	if u := b.Update; u != nil {
		if r.run.State != u.State || r.run.Clears != u.Clears {
			return fmt.Errorf("%s is %s, expected was %s", b.Run, r.run.State, u.State)
		}
		r.run = u.Want
	}
	for _, c := range b.Changes {
		name := c.Want.Name()
		old, there := r.instances[name]
		switch {
		case c.If.Absent == there || there && !c.If.Met(&old):
			return fmt.Errorf("%s/%s: expected %+v, stored is %+v", b.Run, name, c.If, old)
		case c.Gone:
			delete(r.instances, name)
		default:
			r.instances[name] = c.Want
		}
	}
	return nil
}

// view loads a run.
func (m memoryStore) view(id run.ID, g *dag.Graph) (*scheduler.View, error) {
	return scheduler.NewView(m[id].run, g, slices.Collect(maps.Values(m[id].instances)))
}

// ids are the stored runs by DAG, date and id.
func (m memoryStore) ids() []run.ID {
	key := func(id run.ID) string { return id.DAG + m[id].run.RunAfter.Format(time.RFC3339Nano) + id.Run }
	return slices.SortedFunc(maps.Keys(m), func(a, b run.ID) int { return strings.Compare(key(a), key(b)) })
}

func (m memoryStore) clone() memoryStore {
	out := memoryStore{}
	for id, r := range m {
		out[id] = &memoryRun{run: r.run, instances: maps.Clone(r.instances)}
	}
	return out
}
