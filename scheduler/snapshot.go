package scheduler

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// Snapshot is what a plan is made from: the DAGs, runs and pools as far as the caller
// loaded them. Plan and the other functions of this package advance it in memory to
// the state after their decisions; Flush then returns what has to be committed. A
// caller whose commit was refused drops the runs concerned and loads them again. A
// Snapshot is not safe for concurrent use.
type Snapshot struct {
	dags  map[string]*dagView
	runs  map[run.ID]*View
	pools map[string]Pool
	// used and deferred are pool slots taken, by pool.
	used, deferred map[string]int
	// active counts queued, running and deferred instances by DAG and task, across runs.
	active map[taskKey]int
	// Parallelism bounds the queued and running instances of the installation; 0 is
	// no bound.
	Parallelism int
	// RunsOnly works off the runs that exist: none are created by time or by assets.
	RunsOnly bool
	occupied int

	alarms alarms
	// hot are the runs with something to examine, waiting those that are queued, lanes
	// those with instances that wait for slots, changed those with changes to flush.
	hot, waiting, changed map[*View]bool
	lanes                 map[*lane]bool
	// due are the DAGs for which a run may have to be created.
	due map[string]bool
	// assetDAGs are the DAGs whose asset updates changed since the last plan.
	assetDAGs map[string]bool
	// outside are asset events of no task that were not flushed.
	outside []run.AssetEvent
	// QueueTimeout is after how long a queued attempt that nobody has claimed is
	// dispatched again: word of it may have been lost. 0 is never. It has to be set
	// before runs are added.
	QueueTimeout time.Duration
	again        []run.Attempt
	// backfills are those the snapshot was told of, openBackfills those not completed.
	backfills     map[string]*Backfill
	openBackfills map[string]bool
}

// Pool bounds how many slots are used at once; Slots -1 is no bound.
type Pool struct {
	Slots           int
	IncludeDeferred bool
}

type taskKey struct{ dag, task string }

// dagView is what is known of a DAG beside its runs.
type dagView struct {
	DAGInfo
	table timetable.Timetable
	// runs are those in the snapshot, by logical date, then run id.
	runs []*View
	// blocked says that max_active_runs were reached when the last run was created.
	// Runs that were asked for since do not block the next one (recorded behaviour).
	blocked bool
}

// DAGInfo is what the scheduler knows of a DAG.
type DAGInfo struct {
	Graph   *dag.Graph
	Version string
	Paused  bool
	// Stale says that its file is gone: no new runs.
	Stale bool
	// Last is the data interval of the last scheduled run.
	Last *timetable.Interval
	// Assets are the asset updates (URI to time) since the last asset-triggered run: those
	// that its schedule has noticed. Updates that came while it was paused are not there.
	Assets map[string]time.Time
	// Events are the events since that run of all assets in the schedule.
	Events []run.AssetEvent
	// AssetsSince is the date of that run: updates that are not later are consumed.
	AssetsSince time.Time
	// Runtimes are how long the runs that ended last took, the latest first: as many as
	// the DAG's deadlines need (dag.DAG.AverageRuns).
	Runtimes []time.Duration
}

// NewSnapshot returns an empty snapshot. default_pool has Airflow's 128 slots until
// SetPools says otherwise.
func NewSnapshot() *Snapshot {
	return &Snapshot{
		dags: map[string]*dagView{}, runs: map[run.ID]*View{}, pools: map[string]Pool{dag.DefaultPool: {Slots: dag.DefaultPoolSlots}},
		used: map[string]int{}, deferred: map[string]int{}, active: map[taskKey]int{},
		hot: map[*View]bool{}, waiting: map[*View]bool{}, lanes: map[*lane]bool{}, changed: map[*View]bool{}, due: map[string]bool{},
		assetDAGs: map[string]bool{}, backfills: map[string]*Backfill{}, openBackfills: map[string]bool{},
	}
}

// SetPools replaces the pools; default_pool keeps its 128 slots when it is not named.
func (s *Snapshot) SetPools(pools map[string]Pool) {
	s.pools = map[string]Pool{dag.DefaultPool: {Slots: dag.DefaultPoolSlots}}
	for name, p := range pools {
		s.pools[name] = p
	}
}

// SetDAG adds a DAG or replaces what is known of it. Runs that have started keep their version.
func (s *Snapshot) SetDAG(info DAGInfo) error {
	table, err := timetable.New(info.Graph.DAG.Schedule)
	if err != nil {
		return err
	}
	d := s.dag(info.Graph.DAG.ID)
	if d.Graph == nil {
		d.DAGInfo = info
		d.blocked = info.Last != nil && s.atMaxActive(d)
	}
	info.keepAssets(&d.DAGInfo)
	d.DAGInfo, d.table = info, table
	s.due[info.Graph.DAG.ID] = true
	for _, v := range d.runs {
		s.place(v) // pausing and unpausing concerns what waits
		s.alarmRun(v)
	}
	return nil
}

// keepAssets keeps what is known already but was not stored when info was read.
func (i *DAGInfo) keepAssets(known *DAGInfo) {
	for _, ref := range i.Graph.DAG.Schedule.Assets.Refs() {
		at, ok := known.Assets[ref.Key()]
		if !ok || !at.After(i.AssetsSince) || !at.After(i.Assets[ref.Key()]) {
			continue
		}
		if i.Assets == nil {
			i.Assets = map[string]time.Time{}
		}
		i.Assets[ref.Key()] = at
	}
	for _, ev := range known.Events {
		same := func(o run.AssetEvent) bool { return o.Asset == ev.Asset && o.Source == ev.Source && o.At.Equal(ev.At) }
		if ev.At.After(i.AssetsSince) && !slices.ContainsFunc(i.Events, same) {
			i.Events = append(i.Events, ev)
		}
	}
}

// DAG returns what is known of a DAG.
func (s *Snapshot) DAG(id string) (DAGInfo, bool) {
	d := s.dags[id]
	if d == nil || d.Graph == nil {
		return DAGInfo{}, false
	}
	return d.DAGInfo, true
}

// DropDAG forgets a DAG and its runs.
func (s *Snapshot) DropDAG(id string) {
	if d := s.dags[id]; d != nil {
		for _, v := range slices.Clone(d.runs) {
			s.Drop(v.Run.ID)
		}
		delete(s.dags, id)
	}
}

func (s *Snapshot) dag(id string) *dagView {
	d := s.dags[id]
	if d == nil {
		d = &dagView{}
		s.dags[id] = d
	}
	return d
}

// Add adds a run. Finished runs may be added too: later runs look at them for
// depends_on_past. A run that is there already is replaced.
func (s *Snapshot) Add(v *View) {
	s.Drop(v.Run.ID)
	v.snap = s
	s.runs[v.Run.ID] = v
	d := s.dag(v.Run.DAG)
	at, _ := slices.BinarySearchFunc(d.runs, v, byLogicalDate)
	d.runs = slices.Insert(d.runs, at, v)
	for t := range v.tasks {
		for p := range v.tasks[t].cells {
			c := &v.tasks[t].cells[p]
			if c.State != run.None {
				s.moved(v, ref{t, p}, run.None, c.State)
			}
			s.alarm(v, ref{t, p})
		}
	}
	s.alarmRun(v)
	s.alarmDeadlines(v)
	s.place(v)
}

// place enters a run in the sets that its state belongs to.
func (s *Snapshot) place(v *View) {
	switch v.Run.State {
	case run.RunQueued:
		s.waiting[v] = true
	case run.RunRunning:
		s.hot[v] = true
		for _, l := range v.lanes {
			s.lanes[l] = true
		}
	}
	if v.create || v.before != nil || len(v.touched) > 0 {
		s.changed[v] = true
	}
}

func byLogicalDate(a, b *View) int {
	la, lb := a.Run.LogicalDate, b.Run.LogicalDate
	switch {
	case la != nil && lb != nil:
		if c := la.Compare(*lb); c != 0 {
			return c
		}
	case la == nil && lb != nil:
		return -1
	case la != nil:
		return 1
	}
	return cmp.Or(a.Run.RunAfter.Compare(b.Run.RunAfter), cmp.Compare(a.Run.Run, b.Run.Run))
}

// Drop forgets a run, with what was not flushed of it.
func (s *Snapshot) Drop(id run.ID) {
	v := s.runs[id]
	if v == nil {
		return
	}
	for t := range v.tasks {
		for p := range v.tasks[t].cells {
			if c := &v.tasks[t].cells[p]; c.State != run.None {
				s.moved(v, ref{t, p}, c.State, run.None)
			}
		}
	}
	d := s.dags[id.DAG]
	d.runs = slices.DeleteFunc(d.runs, func(o *View) bool { return o == v })
	for _, set := range []map[*View]bool{s.hot, s.waiting, s.changed} {
		delete(set, v)
	}
	for _, l := range v.lanes {
		delete(s.lanes, l)
	}
	delete(s.runs, id)
	s.due[id.DAG] = true
	v.snap = nil
}

// Run returns the view of a run, or nil.
func (s *Snapshot) Run(id run.ID) *View { return s.runs[id] }

// Runs returns the runs of a DAG in the snapshot, by logical date.
func (s *Snapshot) Runs(dagID string) []*View {
	if d := s.dags[dagID]; d != nil {
		return slices.Clone(d.runs)
	}
	return nil
}

// previous is the run that depends_on_past of v means: with catchup the scheduled one
// before it, without it the one before it of any type (section "Past dependence").
//
// Golden: past_any_run.
func (s *Snapshot) previous(v *View) *View {
	runs := s.dags[v.Run.DAG].runs
	at := slices.Index(runs, v)
	for i := at - 1; i >= 0; i-- {
		p := runs[i].Run
		if p.LogicalDate == nil {
			return nil
		}
		if p.LogicalDate.Equal(*v.Run.LogicalDate) || v.Graph.DAG.Catchup && p.Type == run.TypeManual {
			continue
		}
		return runs[i]
	}
	return nil
}

// moved keeps the counts across runs when an instance changes its state.
func (s *Snapshot) moved(v *View, r ref, from, to run.State) {
	t := v.Graph.Tasks[r.task]
	by := func(st run.State, n int) {
		switch {
		case st.Occupying():
			s.used[t.Pool] += n * t.PoolSlots
			s.active[taskKey{v.Run.DAG, t.ID}] += n
			s.occupied += n
		case st == run.Deferred:
			s.deferred[t.Pool] += n * t.PoolSlots
			s.active[taskKey{v.Run.DAG, t.ID}] += n
		}
	}
	by(from, -1)
	by(to, +1)
	if to.Finished() || from.Finished() {
		s.wakeLaterRuns(v, r.task)
	}
}

// wakeLaterRuns marks what depends on the past of a task in other runs of the DAG.
func (s *Snapshot) wakeLaterRuns(v *View, task int) {
	if !v.Graph.Past {
		return
	}
	id := v.Graph.Tasks[task].ID
	for _, o := range s.dags[v.Run.DAG].runs {
		t, ok := o.Graph.Index(id)
		if o == v || !ok || o.Run.State != run.RunRunning {
			continue
		}
		if o.Graph.Tasks[t].DependsOnPast {
			o.touchTask(t)
		}
		for _, up := range o.Graph.Up[t] {
			if o.Graph.Tasks[up].WaitForDownstream {
				o.touchTask(up)
			}
		}
	}
}

// Flush returns the changes since the last Flush, one batch a run, ordered by DAG and
// logical date, and after them the asset events from outside.
func (s *Snapshot) Flush() []run.Batch {
	var out []run.Batch
	for _, v := range ordered(s.changed) {
		if b := v.flush(); b != nil {
			out = append(out, *b)
		}
	}
	clear(s.changed)
	if len(s.outside) > 0 {
		out = append(out, run.Batch{Events: s.outside})
		s.outside = nil
	}
	return out
}

// Changes counts the changes of each run that has some to flush: what differs between
// two calls was changed in between.
func (s *Snapshot) Changes() map[run.ID]int {
	out := make(map[run.ID]int, len(s.changed))
	for v := range s.changed {
		out[v.Run.ID] = v.changes
	}
	return out
}

// Forget drops the finished runs that nothing will look at any more. It returns how
// many it dropped.
func (s *Snapshot) Forget() int {
	n := 0
	for _, dv := range s.dags {
		keep := map[*View]bool{}
		for i, v := range dv.runs {
			if i == len(dv.runs)-1 && v.Graph.Past {
				keep[v] = true
			}
			if v.Graph.Past && !v.Run.State.Finished() && v.Run.LogicalDate != nil {
				keep[s.previous(v)] = true
			}
		}
		latest := 0
		for i := len(dv.runs) - 1; i >= 0; i-- {
			v := dv.runs[i]
			if !v.Run.State.Finished() || keep[v] || s.changed[v] || len(v.Run.Deadlines) > 0 {
				continue
			}
			if latest++; latest <= v.Graph.DAG.MaxConsecutiveFailedRuns {
				continue
			}
			s.Drop(v.Run.ID)
			n++
		}
	}
	return n
}

// ordered returns a set of runs by DAG and logical date.
func ordered(set map[*View]bool) []*View {
	out := make([]*View, 0, len(set))
	for v := range set {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *View) int {
		return cmp.Or(cmp.Compare(a.Run.DAG, b.Run.DAG), byLogicalDate(a, b))
	})
	return out
}

// alarm is a time at which something has to be looked at again although nothing else
// has changed: an instance's Due or Lease, a run's timeout or deadline (pos < 0), or the next run
// of a DAG (no run).
type alarm struct {
	at  time.Time
	v   *View
	r   ref
	dag string
}

type alarms []alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a alarms) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)        { *a = append(*a, x.(alarm)) }
func (a *alarms) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

var _ heap.Interface = (*alarms)(nil)

// alarm sets the alarm of an instance, if it has one.
func (s *Snapshot) alarm(v *View, r ref) {
	c := v.cell(r)
	switch {
	case c.State.Schedulable() && !c.Due.IsZero():
		heap.Push(&s.alarms, alarm{at: c.Due, v: v, r: r})
	case (c.State == run.Running || c.State == run.Restarting) && !c.Lease.IsZero():
		heap.Push(&s.alarms, alarm{at: c.Lease, v: v, r: r})
	case c.State == run.Queued && s.QueueTimeout > 0:
		heap.Push(&s.alarms, alarm{at: c.QueuedAt.Add(s.QueueTimeout), v: v, r: r})
	case c.State == run.Deferred && !c.Due.IsZero():
		heap.Push(&s.alarms, alarm{at: c.Due, v: v, r: r})
	}
}

func (s *Snapshot) alarmRun(v *View) {
	if t := v.Graph.DAG.DagrunTimeout; t > 0 && v.Run.State == run.RunRunning && !v.Run.Start.IsZero() {
		heap.Push(&s.alarms, alarm{at: v.Run.Start.Add(t), v: v, r: ref{pos: -1}})
	}
}

// ring handles the alarms that are due. It returns the runs that ended by it.
func (s *Snapshot) ring(now time.Time) (ended []*View) {
	for len(s.alarms) > 0 && !s.alarms[0].at.After(now) {
		a := heap.Pop(&s.alarms).(alarm)
		if a.v == nil {
			s.due[a.dag] = true
			continue
		}
		if a.v.snap != s {
			continue
		}
		if a.r.pos < 0 {
			a.v.miss(now)
			if !s.paused(a.v) && a.v.timeout(now) {
				ended = append(ended, a.v)
			}
			continue
		}
		if a.r.pos >= len(a.v.tasks[a.r.task].cells) {
			continue
		}
		c := a.v.cell(a.r)
		switch {
		case c.State.Schedulable() && !c.Due.After(now):
			a.v.touch(a.r)
		case c.State == run.Deferred && !c.Due.IsZero() && !c.Due.After(now):
			a.v.resume(a.r)
		case c.State == run.Queued && s.QueueTimeout > 0:
			s.sendAgain(a.v, a.r, now)
		case (c.State == run.Running || c.State == run.Restarting) && !c.Lease.IsZero():
			if c.Lease.After(now) {
				s.alarm(a.v, a.r) // renewed in the meantime
				continue
			}
			a.v.lost(a.r, now, "its worker was lost: no sign of life since the lease of "+c.Lease.UTC().Format(time.RFC3339)+" ran out")
		}
	}
	return ended
}

// Empty says that nothing was added.
func (s *Snapshot) Empty() bool { return len(s.runs) == 0 && len(s.dags) == 0 }

// Unfinished returns the runs that are queued or running, by DAG and logical date.
func (s *Snapshot) Unfinished() []*View {
	set := map[*View]bool{}
	for _, v := range s.runs {
		if !v.Run.State.Finished() {
			set[v] = true
		}
	}
	return ordered(set)
}
