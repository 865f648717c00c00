package scheduler

import (
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// counts are numbers of task instances by state.
type counts [run.NumStates]int

func (c *counts) total() (n int) {
	for _, k := range c {
		n += k
	}
	return n
}

func (c *counts) finished() (n int) {
	for s := run.Success; s < run.NumStates; s++ {
		n += c[s]
	}
	return n
}

func (c *counts) add(o *counts) {
	for s, k := range o {
		c[s] += k
	}
}

// cell is one task instance in a View.
type cell struct {
	run.Instance
	// dirty says that something its dependencies look at has changed since it was
	// last examined.
	dirty bool
	// stored says that the store has a row for it.
	stored bool
	// journaled says that it has changed since the last flush; before is then what the
	// store has, and the others go with the change.
	journaled      bool
	before         run.Condition
	archive, clear bool
	xcoms          []run.XCom
}

// taskView is the instances of one task: one with index Unmapped, or as many as it
// was expanded to, cell i having index i.
type taskView struct {
	cells []cell
	// sum counts the task's instances, up those of its direct upstream tasks.
	sum, up counts
}

func (t *taskView) expanded() bool { return len(t.cells) > 0 && t.cells[0].Map >= 0 }

// ref names a cell: the task's index in the graph, and the position among its cells.
type ref struct{ task, pos int }

// View is what is known of one run: the run, its DAG version, and the states of its
// instances, with the counts that make planning a completion independent of the
// run's size. It belongs to one Snapshot.
type View struct {
	Run   run.Run
	Graph *dag.Graph

	tasks []taskView
	// all counts the run's instances.
	all   counts
	dirty []ref
	// touched are the cells whose journal is not flushed.
	touched []ref
	// first are the changes that go before those of the touched cells.
	first  []run.Change
	before *run.RunChange
	create bool
	// changes counts what was done to the view.
	changes int
	events  []run.AssetEvent
	// lanes are the scheduled instances, waiting for slots, by pool.
	lanes map[string]*lane
	// choosers are the tasks that may have chosen to skip others, ascending.
	choosers []int
	snap     *Snapshot
}

// NewView builds the view of a run from what a store returned. Instances that are
// not given have never been written: they are in state None. Instances of tasks that
// the DAG version does not have are an error, since the version is fixed at start.
func NewView(r run.Run, g *dag.Graph, instances []run.Instance) (*View, error) {
	v := &View{Run: r, Graph: g, tasks: make([]taskView, len(g.Tasks))}
	for i := range instances {
		in := &instances[i]
		t, ok := g.Index(in.Task)
		if !ok {
			return nil, fmt.Errorf("run %s has an instance of task %q, which version %s of the DAG does not have", r.ID, in.Task, r.Version)
		}
		if in.Map < run.Unmapped {
			return nil, fmt.Errorf("run %s: instance %s has an impossible map index", r.ID, in.Name())
		}
		if in.Choice != nil {
			v.chose(t)
		}
		tv := &v.tasks[t]
		if in.Map == run.Unmapped {
			tv.cells = slices.Insert(tv.cells, 0, cell{Instance: *in, stored: true})
			continue
		}
		tv.cells = append(tv.cells, cell{Instance: *in, stored: true})
	}
	for t := range v.tasks {
		if err := v.complete(t); err != nil {
			return nil, err
		}
	}
	v.recount()
	v.TouchAll()
	return v, nil
}

// chose notes that a task has made a choice. There are few of those, so that a join of
// thousands need not ask each of its upstream tasks.
func (v *View) chose(t int) {
	if at, ok := slices.BinarySearch(v.choosers, t); !ok {
		v.choosers = slices.Insert(v.choosers, at, t)
	}
}

// complete fills in the instances of a task that were never written.
func (v *View) complete(t int) error {
	tv, task := &v.tasks[t], v.Graph.Tasks[t]
	fresh := func(index int) cell {
		return cell{Instance: run.Instance{Task: task.ID, Map: index, MaxTries: task.Retries}}
	}
	if len(tv.cells) == 0 {
		n, literal := literalLength(v.Graph.Mapping(t))
		if !literal || n == 0 {
			tv.cells = []cell{fresh(run.Unmapped)}
			return nil
		}
	}
	if len(tv.cells) == 1 && tv.cells[0].Map == run.Unmapped {
		return nil
	}
	want := 0
	if n, literal := literalLength(v.Graph.Mapping(t)); literal {
		want = n
	}
	byIndex := make(map[int]cell, len(tv.cells))
	for _, c := range tv.cells {
		if c.Map == run.Unmapped {
			continue // its instances took its place; a crash left the row behind
		}
		byIndex[c.Map] = c
		want = max(want, c.Map+1)
	}
	if want > maxInstances {
		return fmt.Errorf("run %s: task %s has map index %d: at most %d instances are possible", v.Run.ID, task.ID, want-1, maxInstances)
	}
	cells := make([]cell, want)
	for i := range cells {
		c, ok := byIndex[i]
		if !ok {
			c = fresh(i)
		}
		cells[i] = c
	}
	tv.cells = cells
	return nil
}

// maxInstances bounds what a damaged store can make a view allocate.
const maxInstances = 1 << 22

// literalLength is the number of instances of a mapping that needs no XCom.
//
// Golden: map_literal.
func literalLength(m *dag.Mapping) (int, bool) {
	if m == nil {
		return 0, false
	}
	n := 1
	for _, a := range m.Sources() {
		k, ok := a.LiteralLength()
		if a.XCom != nil || !ok {
			return 0, false
		}
		n *= k
	}
	return n, true
}

func (v *View) recount() {
	v.all = counts{}
	for t := range v.tasks {
		tv := &v.tasks[t]
		tv.sum, tv.up = counts{}, counts{}
		for i := range tv.cells {
			tv.sum[tv.cells[i].State]++
			if tv.cells[i].State == run.Scheduled {
				v.wait(ref{t, i})
			}
		}
		v.all.add(&tv.sum)
	}
	for t := range v.tasks {
		for _, u := range v.Graph.Up[t] {
			v.tasks[t].up.add(&v.tasks[u].sum)
		}
	}
}

func (v *View) cell(r ref) *cell { return &v.tasks[r.task].cells[r.pos] }

// touch marks a cell for examination by the next pass.
func (v *View) touch(r ref) {
	c := v.cell(r)
	if !c.dirty {
		c.dirty = true
		v.dirty = append(v.dirty, r)
		if v.snap != nil {
			v.snap.hot[v] = true
		}
	}
}

// TouchAll marks every unfinished instance for examination.
func (v *View) TouchAll() {
	for t := range v.tasks {
		v.touchTask(t)
	}
}

func (v *View) touchTask(t int) {
	for p := range v.tasks[t].cells {
		if v.tasks[t].cells[p].State.Schedulable() {
			v.touch(ref{t, p})
		}
	}
}

// journal remembers what the store has of a cell, before its first change.
func (v *View) journal(r ref) *cell {
	c := v.cell(r)
	v.changes++
	if c.journaled {
		return c
	}
	c.journaled = true
	c.before = run.Is(&c.Instance)
	if !c.stored {
		c.before = run.Condition{Absent: true}
	}
	v.touched = append(v.touched, r)
	v.markChanged()
	return c
}

func (v *View) markChanged() {
	if v.snap != nil {
		v.snap.changed[v] = true
	}
}

// set changes the state of a cell and everything that is counted from it.
func (v *View) set(r ref, s run.State) *cell {
	c := v.journal(r)
	old := c.State
	if old == s {
		return c
	}
	c.State = s
	v.count(r.task, old, -1)
	v.count(r.task, s, +1)
	if v.snap != nil {
		v.snap.moved(v, r, old, s)
	}
	if s == run.Scheduled {
		v.wait(r)
	}
	if v.snap != nil && s.Finished() {
		v.snap.hot[v] = true // the run may have ended
	}
	if s.Schedulable() {
		v.touch(r)
	}
	v.wake(r)
	return c
}

func (v *View) count(t int, s run.State, by int) {
	v.tasks[t].sum[s] += by
	v.all[s] += by
	for _, d := range v.Graph.Down[t] {
		v.tasks[d].up[s] += by
	}
}

// wake marks the instances whose dependencies look at this cell.
func (v *View) wake(r ref) {
	group := v.Graph.MapGroup[r.task]
	for _, w := range v.Graph.Watchers[r.task] {
		cells := v.tasks[w].cells
		if group >= 0 && v.Graph.MapGroup[w] == group && v.tasks[r.task].expanded() && v.tasks[w].expanded() {
			if r.pos < len(cells) && cells[r.pos].State.Schedulable() {
				v.touch(ref{w, r.pos})
			}
			continue
		}
		for p := range cells {
			if cells[p].State.Schedulable() {
				v.touch(ref{w, p})
			}
		}
	}
}

// unfinished is the number of instances that are not in a final state.
func (v *View) unfinished() int {
	n := 0
	for s := run.None; s < run.Success; s++ {
		n += v.all[s]
	}
	return n
}

// Instances returns the instances of the run in the order of tasks and indexes.
// Those never written are included, in state None.
func (v *View) Instances() []run.Instance {
	var out []run.Instance
	for t := range v.tasks {
		for i := range v.tasks[t].cells {
			out = append(out, v.tasks[t].cells[i].Instance)
		}
	}
	return out
}

// Instance returns one instance, or nil if the run has no such task or index.
func (v *View) Instance(task string, index int) *run.Instance {
	r, ok := v.find(task, index)
	if !ok {
		return nil
	}
	in := v.cell(r).Instance
	return &in
}

func (v *View) find(task string, index int) (ref, bool) {
	t, ok := v.Graph.Index(task)
	if !ok {
		return ref{}, false
	}
	cells := v.tasks[t].cells
	p := max(index, 0)
	if p >= len(cells) || cells[p].Map != index {
		return ref{}, false
	}
	return ref{t, p}, true
}

// updateRun returns the run for changing, remembering what the store has.
func (v *View) updateRun() *run.Run {
	if v.before == nil && !v.create {
		v.before = &run.RunChange{State: v.Run.State, Clears: v.Run.Clears}
	}
	v.changes++
	v.markChanged()
	return &v.Run
}

// flush returns what has changed since the last flush, or nil.
func (v *View) flush() *run.Batch {
	b := &run.Batch{Run: v.Run.ID, Events: v.events}
	if v.create {
		r := v.Run
		b.Create = &r
	} else if v.before != nil {
		v.before.Want = v.Run
		b.Update = v.before
	}
	b.Changes = slices.Grow(v.first, len(v.touched))
	slices.SortFunc(v.touched, func(a, b ref) int {
		if a.task != b.task {
			return a.task - b.task
		}
		return a.pos - b.pos
	})
	for _, r := range v.touched {
		c := v.cell(r)
		b.Changes = append(b.Changes, run.Change{
			Want: c.Instance, If: c.before, Archive: c.archive, ClearXComs: c.clear, XComs: c.xcoms,
		})
		c.stored, c.journaled, c.archive, c.clear, c.xcoms = true, false, false, false, nil
	}
	v.touched, v.first, v.before, v.create, v.events = nil, nil, nil, false, nil
	if b.Create == nil && b.Update == nil && len(b.Changes) == 0 && len(b.Events) == 0 {
		return nil
	}
	return b
}
