package dag

import (
	"fmt"
	"slices"
	"strings"
)

// Graph is a DAG compiled for decisions: tasks by index, edges both ways, and what
// follows from the shape alone. It is immutable and safe for concurrent use.
type Graph struct {
	DAG   *DAG
	Tasks []*Task

	// Up and Down are the direct relatives of each task, by index, ascending.
	Up, Down [][]int
	// Setups are, for each task, the setups in whose scope it is and that are not
	// its direct upstream.
	Setups [][]int
	// SetupUps are the direct upstream tasks that are setups.
	SetupUps [][]int
	// Scopes are, for each teardown, the tasks between its setups and itself that are
	// not its direct upstream.
	Scopes [][]int
	// Mappers are the tasks whose output a task's own or its group's mapping needs.
	Mappers [][]int
	// Watchers are the tasks to look at again when a task's state changes: Down,
	// the tasks in its scope if it is a setup, and those mapped over it.
	Watchers [][]int
	// MapGroup is the position in DAG.Groups of the mapped group that a task is in, or -1.
	MapGroup []int
	// Mapped says that a task has instances: by itself or by its group.
	Mapped []bool
	// Leaves are the tasks that decide a run's end state.
	Leaves []int
	// Order is a topological order of the tasks, chains kept together.
	Order []int
	// Weight is the effective priority of each task.
	Weight []int

	// Past says that some task looks at earlier runs (depends_on_past).
	Past bool

	index map[string]int
}

// NewGraph compiles d. It fails with a *GraphError on unknown tasks, repeated ids,
// and cycles; other faults are Validate's to find.
func NewGraph(d *DAG) (*Graph, error) {
	g := &Graph{DAG: d, Tasks: d.Tasks, index: make(map[string]int, len(d.Tasks))}
	for i, t := range d.Tasks {
		if _, twice := g.index[t.ID]; twice {
			return nil, &GraphError{DAG: d.ID, Task: t.ID, Problem: "is there twice: task ids must be unique within a DAG"}
		}
		g.index[t.ID] = i
		g.Past = g.Past || t.DependsOnPast || t.WaitForDownstream
	}
	if err := g.connect(); err != nil {
		return nil, err
	}
	if err := g.sort(); err != nil {
		return nil, err
	}
	g.findSetups()
	if err := g.findMappers(); err != nil {
		return nil, err
	}
	g.findWatchers()
	g.findLeaves()
	g.weigh()
	return g, nil
}

// GraphError says what is wrong with the shape of a DAG.
type GraphError struct {
	DAG, Task string
	Problem   string
	// Cycle is the cycle's tasks in order, when that is the problem.
	Cycle []string
}

func (e *GraphError) Error() string {
	if len(e.Cycle) > 0 {
		return fmt.Sprintf("DAG %s has a cycle: %s", e.DAG, strings.Join(e.Cycle, " -> "))
	}
	return fmt.Sprintf("task %s of DAG %s %s", e.Task, e.DAG, e.Problem)
}

// Index returns the index of a task id.
func (g *Graph) Index(id string) (int, bool) {
	i, ok := g.index[id]
	return i, ok
}

func (g *Graph) connect() error {
	n := len(g.Tasks)
	g.Up, g.Down = make([][]int, n), make([][]int, n)
	for i, t := range g.Tasks {
		for _, id := range t.Upstream {
			u, ok := g.index[id]
			if !ok {
				return &GraphError{DAG: g.DAG.ID, Task: t.ID, Problem: fmt.Sprintf("depends on %q, which is not a task of the DAG", id)}
			}
			g.Up[i] = append(g.Up[i], u)
		}
		slices.Sort(g.Up[i])
		g.Up[i] = slices.Compact(g.Up[i])
		for _, u := range g.Up[i] {
			g.Down[u] = append(g.Down[u], i)
		}
	}
	return nil
}

// sort fills Order depth first, so that the tasks of a chain are neighbours.
func (g *Graph) sort() error {
	waiting := make([]int, len(g.Tasks))
	var ready []int
	for i := len(g.Tasks) - 1; i >= 0; i-- {
		waiting[i] = len(g.Up[i])
		if waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	g.Order = make([]int, 0, len(g.Tasks))
	for len(ready) > 0 {
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		g.Order = append(g.Order, i)
		for k := len(g.Down[i]) - 1; k >= 0; k-- {
			d := g.Down[i][k]
			if waiting[d]--; waiting[d] == 0 {
				ready = append(ready, d)
			}
		}
	}
	if len(g.Order) < len(g.Tasks) {
		return &GraphError{DAG: g.DAG.ID, Cycle: g.findCycle(waiting)}
	}
	return nil
}

// findCycle walks upstream among the tasks that sort could not place until one repeats.
func (g *Graph) findCycle(waiting []int) []string {
	at := slices.IndexFunc(waiting, func(w int) bool { return w > 0 })
	seen := map[int]int{}
	var path []int
	for {
		if start, again := seen[at]; again {
			var ids []string
			for _, i := range append(path[start:], at) {
				ids = append(ids, g.Tasks[i].ID)
			}
			slices.Reverse(ids)
			return ids
		}
		seen[at] = len(path)
		path = append(path, at)
		at = g.Up[at][slices.IndexFunc(g.Up[at], func(u int) bool { return waiting[u] > 0 })]
	}
}

// Relatives returns all tasks downstream (or upstream) of the given ones, without
// these themselves unless reached, in ascending order.
func (g *Graph) Relatives(from []int, downstream bool) []int {
	edges := g.Up
	if downstream {
		edges = g.Down
	}
	seen := make([]bool, len(g.Tasks))
	stack := slices.Clone(from)
	var out []int
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, j := range edges[i] {
			if !seen[j] {
				seen[j] = true
				out = append(out, j)
				stack = append(stack, j)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Teardowns are the direct downstream tasks of a task that are teardowns.
func (g *Graph) Teardowns(setup int) (out []int) {
	for _, d := range g.Down[setup] {
		if g.Tasks[d].Teardown {
			out = append(out, d)
		}
	}
	return out
}

// ScopeOf returns the setups in whose scope a task is: those upstream of it that
// have no teardown, or one downstream of it (spec section 2, setup constraint).
func (g *Graph) ScopeOf(task int) []int {
	var out []int
	var below []int
	for _, u := range g.Relatives([]int{task}, false) {
		if !g.Tasks[u].Setup {
			continue
		}
		teardowns := g.Teardowns(u)
		if below == nil && len(teardowns) > 0 {
			below = g.Relatives([]int{task}, true)
		}
		inScope := len(teardowns) == 0 || slices.ContainsFunc(teardowns, func(t int) bool {
			_, found := slices.BinarySearch(below, t)
			return found
		})
		if inScope {
			out = append(out, u)
		}
	}
	return out
}

func (g *Graph) findSetups() {
	n := len(g.Tasks)
	g.Setups, g.SetupUps, g.Scopes = make([][]int, n), make([][]int, n), make([][]int, n)
	if !slices.ContainsFunc(g.Tasks, func(t *Task) bool { return t.Setup }) {
		return
	}
	for i, t := range g.Tasks {
		for _, u := range g.Up[i] {
			if g.Tasks[u].Setup {
				g.SetupUps[i] = append(g.SetupUps[i], u)
			}
		}
		if t.Teardown {
			g.Scopes[i] = g.between(g.SetupUps[i], i)
			continue
		}
		for _, s := range g.ScopeOf(i) {
			if !slices.Contains(g.Up[i], s) {
				g.Setups[i] = append(g.Setups[i], s)
			}
		}
	}
}

// between are the tasks downstream of setups and upstream of their teardown, without
// its direct upstream.
func (g *Graph) between(setups []int, teardown int) []int {
	below, above := g.Relatives(setups, true), g.Relatives([]int{teardown}, false)
	var out []int
	for _, t := range above {
		if _, in := slices.BinarySearch(below, t); in && !slices.Contains(g.Up[teardown], t) {
			out = append(out, t)
		}
	}
	return out
}

func (g *Graph) findMappers() error {
	n := len(g.Tasks)
	g.Mappers, g.MapGroup, g.Mapped = make([][]int, n), make([]int, n), make([]bool, n)
	groups := make(map[string]int, len(g.DAG.Groups))
	for i, gr := range g.DAG.Groups {
		groups[gr.ID] = i
	}
	for i, t := range g.Tasks {
		g.MapGroup[i] = -1
		for id := t.Group; id != ""; {
			k, ok := groups[id]
			if !ok {
				return &GraphError{DAG: g.DAG.ID, Task: t.ID, Problem: fmt.Sprintf("is in group %q, which the DAG does not have", id)}
			}
			if g.DAG.Groups[k].Expand != nil && g.MapGroup[i] < 0 {
				g.MapGroup[i] = k
			}
			id = g.DAG.Groups[k].Parent
		}
		m := g.Mapping(i)
		g.Mapped[i] = m != nil
		if m == nil {
			continue
		}
		for _, a := range m.Sources() {
			for _, ref := range a.Refs() {
				u, ok := g.index[ref.Task]
				if !ok {
					return &GraphError{DAG: g.DAG.ID, Task: t.ID, Problem: fmt.Sprintf("is mapped over the output of %q, which is not a task of the DAG", ref.Task)}
				}
				if !slices.Contains(g.Mappers[i], u) {
					g.Mappers[i] = append(g.Mappers[i], u)
				}
			}
		}
	}
	return nil
}

// Mapping is how task i expands: by itself, or else by its mapped group; nil for a plain task.
func (g *Graph) Mapping(i int) *Mapping {
	if m := g.Tasks[i].Expand; m != nil {
		return m
	}
	if k := g.MapGroup[i]; k >= 0 {
		return g.DAG.Groups[k].Expand
	}
	return nil
}

func (g *Graph) findWatchers() {
	n := len(g.Tasks)
	g.Watchers = make([][]int, n)
	for i := range g.Tasks {
		g.Watchers[i] = g.Down[i]
	}
	extra := make([][]int, n)
	for i := range g.Tasks {
		for _, u := range slices.Concat(g.Setups[i], g.Mappers[i], g.Scopes[i]) {
			if !slices.Contains(g.Down[u], i) {
				extra[u] = append(extra[u], i)
			}
		}
	}
	for i, x := range extra {
		if len(x) > 0 {
			w := slices.Concat(g.Down[i], x)
			slices.Sort(w)
			g.Watchers[i] = slices.Compact(w)
		}
	}
}

// findLeaves applies spec section 1.2, rule 2: a teardown decides a run's end only
// if its author asked for it, and then in place of the work before it.
func (g *Graph) findLeaves() {
	ignorable := func(i int) bool { return g.Tasks[i].Teardown && !g.Tasks[i].OnFailureFailDagrun }
	for i := range g.Tasks {
		if ignorable(i) {
			continue
		}
		if !slices.ContainsFunc(g.Down[i], func(d int) bool { return !ignorable(d) }) {
			g.Leaves = append(g.Leaves, i)
		}
	}
	if len(g.Leaves) > 0 {
		return
	}
	for i := range g.Tasks {
		if len(g.Down[i]) == 0 {
			g.Leaves = append(g.Leaves, i)
		}
	}
}

func (g *Graph) weigh() {
	g.Weight = make([]int, len(g.Tasks))
	var totals [2][]int
	for i, t := range g.Tasks {
		if t.WeightRule == WeightAbsolute {
			g.Weight[i] = t.PriorityWeight
			continue
		}
		direction := 0
		if t.WeightRule == WeightUpstream {
			direction = 1
		}
		if totals[direction] == nil {
			totals[direction] = g.totals(direction == 0)
		}
		g.Weight[i] = totals[direction][i]
	}
}

// totals sums, for each task, its priority weight and those of all its relatives in
// one direction, each relative once. A task with one neighbour adds its own weight to
// the neighbour's total, so that a long chain costs one step per task.
func (g *Graph) totals(downstream bool) []int {
	total := make([]int, len(g.Tasks))
	order, edges := slices.Clone(g.Order), g.Up
	if downstream {
		slices.Reverse(order)
		edges = g.Down
	}
	for _, i := range order {
		total[i] = g.Tasks[i].PriorityWeight
		switch len(edges[i]) {
		case 0:
		case 1:
			total[i] += total[edges[i][0]]
		default:
			for _, r := range g.Relatives([]int{i}, downstream) {
				total[i] += g.Tasks[r].PriorityWeight
			}
		}
	}
	return total
}
