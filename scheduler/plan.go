package scheduler

import (
	"cmp"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// Decision is what a plan wants done, beside the changes that Flush returns.
type Decision struct {
	// Start are the attempts that were queued, in the order of queueing, after those that
	// have been queued for too long: to be dispatched once the changes are durable.
	Start []run.Attempt
	// Runs are the runs that changed their state, in order.
	Runs []run.ID
	// DAGs are the ids of DAGs whose DAGInfo changed (Last, Assets, Paused).
	DAGs []string
	// Backfills are the ids of the backfills that have ended.
	Backfills []string
	// Wake is when to plan again if nothing happens before; zero if never.
	Wake time.Time
}

// Plan decides everything that can be decided now: due runs are created, queued runs
// started, instances marked, expanded, scheduled and queued, runs ended. It repeats
// passes, each on the states the one before has left, until one changes nothing; the
// snapshot is then a fixpoint, and planning it again at the same time decides nothing.
//
// Golden: crash_between, crash_after_commit.
func Plan(s *Snapshot, now time.Time) Decision {
	var d Decision
	dags := s.assetDAGs
	s.assetDAGs = map[string]bool{}
	for _, v := range s.ring(now) {
		d.Runs = append(d.Runs, v.Run.ID)
		s.afterRun(v, dags)
	}
	d.Start, s.again = s.again, nil
	for {
		changed := s.createRuns(now, &d, dags)
		changed = s.startRuns(now, &d) || changed
		hot := ordered(s.hot)
		clear(s.hot)
		for _, v := range hot {
			if v.Run.State != run.RunRunning || s.paused(v) {
				continue
			}
			changed = v.pass(now) || changed
			if !v.idle() {
				continue
			}
			if state, reason, ended := v.endState(now); ended {
				why := v.endReason(state)
				v.end(state, reason, now)
				v.owe(why)
				d.Runs = append(d.Runs, v.Run.ID)
				s.afterRun(v, dags)
				changed = true
			}
		}
		changed = s.queue(now, &d) || changed
		if !changed {
			break
		}
	}
	for id := range dags {
		d.DAGs = append(d.DAGs, id)
	}
	slices.Sort(d.DAGs)
	d.Backfills = s.endBackfills(now)
	d.Wake = s.wake(now)
	return d
}

// idle says that nothing of the run is on its way: it has ended or is stuck.
func (v *View) idle() bool {
	n := v.unfinished()
	return n == 0 || v.all[run.None] == n
}

func (v *View) end(state run.RunState, reason string, now time.Time) {
	r := v.updateRun()
	r.State, r.Reason, r.End = state, reason, now
	if state == run.RunSuccess {
		v.met(now)
	}
}

// startRuns lets queued runs run: backfills last and each in its order, the others by
// run_after, within max_active_runs of their DAG or backfill (section "Concurrency").
//
// Golden: limit_max_active_runs, backfill_limit.
func (s *Snapshot) startRuns(now time.Time, d *Decision) bool {
	var queued []*View
	for v := range s.waiting {
		if v.Run.State != run.RunQueued {
			delete(s.waiting, v)
		} else if !v.Run.RunAfter.After(now) {
			queued = append(queued, v)
		}
	}
	if len(queued) == 0 {
		return false
	}
	slices.SortFunc(queued, func(a, b *View) int {
		return cmp.Or(s.backfillOrder(a, b), a.Run.RunAfter.Compare(b.Run.RunAfter), byLogicalDate(a, b))
	})
	changed := false
	for _, v := range queued {
		dv := s.dags[v.Run.DAG]
		if dv.Paused || s.backfillPaused(v) {
			continue
		}
		if limit := s.maxActiveRuns(v); limit > 0 && s.countRunning(dv, v.Run.Backfill) >= limit {
			continue
		}
		r := v.updateRun()
		r.State = run.RunRunning
		if r.Start.IsZero() {
			r.Start = now
		}
		v.TouchAll()
		s.alarmRun(v)
		s.place(v)
		d.Runs = append(d.Runs, v.Run.ID)
		changed = true
	}
	return changed
}

// paused says that the run's DAG is paused: what runs goes on, and nothing else does.
//
// Golden: paused.
func (s *Snapshot) paused(v *View) bool { return s.dags[v.Run.DAG].Paused }

func (s *Snapshot) backfillPaused(v *View) bool {
	b := s.backfills[v.Run.Backfill]
	return b != nil && b.Paused && b.CompletedAt.IsZero()
}

func (s *Snapshot) maxActiveRuns(v *View) int {
	if b := s.backfills[v.Run.Backfill]; b != nil {
		return b.Limit()
	}
	if dv := s.dags[v.Run.DAG]; dv.Graph != nil {
		return dv.Graph.DAG.MaxActiveRuns
	}
	return v.Graph.DAG.MaxActiveRuns
}

func (s *Snapshot) countRunning(d *dagView, backfill string) (n int) {
	for _, v := range d.runs {
		if v.Run.State == run.RunRunning && v.Run.Backfill == backfill {
			n++
		}
	}
	return n
}

// lane are a run's scheduled instances of one pool, best first: when the pool or the
// run is full, none of them has to be looked at.
type lane struct {
	v      *View
	pool   string
	refs   []ref
	sorted bool
	// at is the best instance that was not looked at yet, kept are those before it
	// that a limit of their own holds back; both are used within queue only.
	at   int
	kept []ref
}

// queue hands scheduled instances over to the executor, best first: by effective
// weight, logical date and map index over all runs, as far as pools and limits allow
// (section "Concurrency").
//
// Golden: order_of_queueing, parallel_lanes, limit_parallelism.
func (s *Snapshot) queue(now time.Time, d *Decision) bool {
	var lanes []*lane
	for l := range s.lanes {
		l.sort()
		if len(l.refs) == 0 || l.v.Run.State != run.RunRunning || s.paused(l.v) {
			delete(s.lanes, l)
		} else if !l.closed() {
			l.at, l.kept = 0, nil
			lanes = append(lanes, l)
		}
	}
	changed := false
	for len(lanes) > 0 && (s.Parallelism <= 0 || s.occupied < s.Parallelism) {
		best := 0
		for i := 1; i < len(lanes); i++ {
			if lanes[i].before(lanes[best]) {
				best = i
			}
		}
		l := lanes[best]
		if l.closed() {
			l.rest()
			lanes = slices.Delete(lanes, best, best+1)
			continue
		}
		r := l.refs[l.at]
		if l.v.admits(r) == "" {
			c := l.v.set(r, run.Queued)
			c.QueuedAt, c.Pool = now, l.pool
			d.Start = append(d.Start, c.Attempt(l.v.Run.ID))
			s.alarm(l.v, r)
			changed = true
		} else {
			l.kept = append(l.kept, r)
		}
		if l.at++; l.at == len(l.refs) {
			l.rest()
			lanes = slices.Delete(lanes, best, best+1)
		}
	}
	for _, l := range lanes {
		l.rest()
	}
	return changed
}

// closed says that no instance of the lane can be queued now.
func (l *lane) closed() bool { return l.v.full() || l.v.snap.open(l.pool) <= 0 }

// rest leaves in the lane what was not queued.
func (l *lane) rest() {
	if len(l.kept) == 0 {
		l.refs = l.refs[l.at:]
	} else {
		l.refs = append(l.kept, l.refs[l.at:]...)
	}
	l.at, l.kept = 0, nil
}

// before says whether the lane's best instance goes before that of another lane.
func (l *lane) before(o *lane) bool {
	a, b := l.refs[l.at], o.refs[o.at]
	return cmp.Or(cmp.Compare(o.v.Graph.Weight[b.task], l.v.Graph.Weight[a.task]), compareDates(l.v, o.v),
		cmp.Compare(l.v.cell(a).Map, o.v.cell(b).Map), cmp.Compare(l.v.Run.DAG, o.v.Run.DAG),
		byLogicalDate(l.v, o.v), cmp.Compare(a.task, b.task)) < 0
}

func compareDates(a, b *View) int {
	var la, lb time.Time
	if a.Run.LogicalDate != nil {
		la = *a.Run.LogicalDate
	}
	if b.Run.LogicalDate != nil {
		lb = *b.Run.LogicalDate
	}
	return la.Compare(lb)
}

// wait puts a scheduled instance into the lane of its pool.
func (v *View) wait(r ref) {
	pool := v.Graph.Tasks[r.task].Pool
	l := v.lanes[pool]
	if l == nil {
		l = &lane{v: v, pool: pool}
		if v.lanes == nil {
			v.lanes = map[string]*lane{}
		}
		v.lanes[pool] = l
	}
	l.refs, l.sorted = append(l.refs, r), false
	if v.snap != nil {
		v.snap.lanes[l] = true
	}
}

func (l *lane) sort() {
	if l.sorted {
		return
	}
	v := l.v
	l.refs = slices.DeleteFunc(l.refs, func(r ref) bool {
		return r.pos >= len(v.tasks[r.task].cells) || v.cell(r).State != run.Scheduled
	})
	slices.SortFunc(l.refs, func(a, b ref) int {
		return cmp.Or(cmp.Compare(v.Graph.Weight[b.task], v.Graph.Weight[a.task]),
			cmp.Compare(v.cell(a).Map, v.cell(b).Map), a.task-b.task)
	})
	l.refs = slices.Compact(l.refs)
	l.sorted = true
}

// full says that the run has reached max_active_tasks: looking at its other
// candidates would be in vain.
func (v *View) full() bool {
	limit := v.Graph.DAG.MaxActiveTasks
	return limit > 0 && v.all[run.Queued]+v.all[run.Running] >= limit
}

// admits says which limit keeps an instance from being queued; empty if none does.
//
// Golden: limit_max_active_tasks, limit_max_active_tis_per_dagrun,
// limit_max_active_tis_per_dag, limit_pool_slots.
func (v *View) admits(r ref) string {
	s, t := v.snap, v.Graph.Tasks[r.task]
	sum := &v.tasks[r.task].sum
	switch {
	case v.cell(r).State != run.Scheduled:
		return "it is not scheduled"
	case v.full():
		return "max_active_tasks"
	case t.MaxActivePerRun > 0 && sum[run.Queued]+sum[run.Running]+sum[run.Deferred] >= t.MaxActivePerRun:
		return "max_active_tis_per_dagrun"
	case t.MaxActivePerDAG > 0 && s.active[taskKey{v.Run.DAG, t.ID}] >= t.MaxActivePerDAG:
		return "max_active_tis_per_dag"
	case t.PoolSlots > s.open(t.Pool):
		return "pool"
	}
	return ""
}

const unlimited = int(^uint(0) >> 1)

// open is the number of free slots of a pool; 0 for a pool that does not exist.
//
// Golden: limit_pool, limit_pool_never, limit_pool_deferred.
func (s *Snapshot) open(pool string) int {
	p, ok := s.pools[pool]
	switch {
	case !ok:
		return 0
	case p.Slots < 0:
		return unlimited
	}
	taken := s.used[pool]
	if p.IncludeDeferred {
		taken += s.deferred[pool]
	}
	return p.Slots - taken
}

// wake is when to plan again although nothing happens.
func (s *Snapshot) wake(now time.Time) time.Time {
	var at time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if len(s.alarms) > 0 {
		earlier(s.alarms[0].at)
	}
	for v := range s.waiting {
		if v.Run.State == run.RunQueued && v.Run.RunAfter.After(now) {
			earlier(v.Run.RunAfter)
		}
	}
	return at
}
