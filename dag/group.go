package dag

import (
	"fmt"
	"slices"
)

// Connect makes down depend on up. Either may be a task id or a group id: an arrow
// from a group leaves its leaves, an arrow to a group enters its roots (spec
// section 5, Groups). Tasks and groups have to be there already.
func (d *DAG) Connect(up, down string) error {
	froms, err := d.ends(up, (*DAG).groupLeaves)
	if err != nil {
		return err
	}
	tos, err := d.ends(down, (*DAG).groupRoots)
	if err != nil {
		return err
	}
	for _, to := range tos {
		for _, from := range froms {
			if !slices.Contains(to.Upstream, from.ID) {
				to.Upstream = append(to.Upstream, from.ID)
			}
		}
		slices.Sort(to.Upstream)
	}
	return nil
}

func (d *DAG) ends(id string, of func(*DAG, string) []*Task) ([]*Task, error) {
	if t := d.Task(id); t != nil {
		return []*Task{t}, nil
	}
	if d.Group(id) != nil {
		return of(d, id), nil
	}
	return nil, fmt.Errorf("DAG %s has no task or group %q", d.ID, id)
}

// Members returns the tasks of a group and of the groups inside it.
func (d *DAG) Members(group string) []*Task {
	inside := map[string]bool{group: true}
	for grown := true; grown; {
		grown = false
		for _, g := range d.Groups {
			if inside[g.Parent] && !inside[g.ID] {
				inside[g.ID], grown = true, true
			}
		}
	}
	var out []*Task
	for _, t := range d.Tasks {
		if t.Group != "" && inside[t.Group] {
			out = append(out, t)
		}
	}
	return out
}

// groupRoots are the members without an upstream inside the group.
func (d *DAG) groupRoots(group string) []*Task {
	members := d.Members(group)
	in := idSet(members)
	return slices.DeleteFunc(members, func(t *Task) bool {
		return slices.ContainsFunc(t.Upstream, func(u string) bool { return in[u] })
	})
}

// groupLeaves are the members without a downstream inside the group. A teardown is
// no leaf: the work before it stands in for it, so that what follows a group does
// not wait for its clean-up.
func (d *DAG) groupLeaves(group string) []*Task {
	members := d.Members(group)
	in := idSet(members)
	byID := make(map[string]*Task, len(members))
	hasDown := map[string]bool{}
	for _, t := range members {
		byID[t.ID] = t
		for _, u := range t.Upstream {
			hasDown[u] = true
		}
	}
	var out []*Task
	add := func(t *Task) {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	var before func(*Task)
	before = func(teardown *Task) {
		for _, u := range teardown.Upstream {
			switch {
			case !in[u]:
			case byID[u].Teardown:
				before(byID[u])
			case byID[u].Setup: // the arrow from a setup to its teardown is not work
			default:
				add(byID[u])
			}
		}
	}
	for _, t := range members {
		switch {
		case hasDown[t.ID]:
		case t.Teardown:
			before(t)
		default:
			add(t)
		}
	}
	return out
}

func idSet(tasks []*Task) map[string]bool {
	set := make(map[string]bool, len(tasks))
	for _, t := range tasks {
		set[t.ID] = true
	}
	return set
}

// Roots are the tasks of a group that have no upstream inside it, by index.
func (g *Graph) Roots(group string) []int {
	var out []int
	for _, t := range g.DAG.groupRoots(group) {
		out = append(out, g.index[t.ID])
	}
	slices.Sort(out)
	return out
}
