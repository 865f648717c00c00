package tick

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// report makes the report of an attempt durable, with what follows from it. It returns
// what this worker goes on with. While the store fails it tries again until the lease is
// over; the attempt is then somebody else's.
func (w *Worker) report(ctx context.Context, h *holding, rep run.Report) *holding {
	log := w.log(rep.Attempt)
	var doubtful []*holding
	done, doubt := w.reportAlone(ctx, h, rep)
	if done {
		return nil
	}
	if doubt != nil {
		log.WarnContext(ctx, "storing a report; trying again", "error", doubt)
	}
	for wait := firstPause; ; wait = min(2*wait, errPause) {
		next, err := w.follow(ctx, h, rep, &doubtful)
		switch {
		case err == nil:
			return next
		case errors.Is(err, store.ErrNotFound):
			log.InfoContext(ctx, "report is of no use: the run was deleted", "outcome", rep.Outcome)
			return nil
		case errors.Is(err, errRefused):
			log.WarnContext(ctx, "late report refused", "outcome", rep.Outcome)
			if doubt != nil {
				w.cfg.Notify(rep.ID, false) // it may have been stored, and be what others waited for
			}
			return nil
		}
		w.mu.Lock()
		over := h.lost || !h.lease.After(w.cfg.Now())
		w.mu.Unlock()
		if over {
			log.ErrorContext(ctx, "report could not be stored before the lease ran out: it is given up", "outcome", rep.Outcome, "error", err)
			return nil
		}
		log.WarnContext(ctx, "storing a report; trying again", "error", err)
		pause(ctx, wait)
	}
}

// firstPause is the time between the first and the second trial to report.
const firstPause = 10 * time.Millisecond

// errRefused says that the attempt is not the worker's any more.
var errRefused = errors.New("report refused")

// follow loads the run, applies the report, plans, and commits, until nobody interferes.
// Doubtful are the claims of writes that have failed, and may be durable nevertheless.
func (w *Worker) follow(ctx context.Context, h *holding, rep run.Report, doubtful *[]*holding) (*holding, error) {
	for range maxConflicts {
		c, err := w.load(ctx, rep)
		if err != nil {
			return nil, err
		}
		p, ok, err := w.plan(c, rep, w.cfg.Now())
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return w.settleDoubt(ctx, c, rep, *doubtful)
		}
		res, err := w.cfg.Store.Apply(ctx, p.batches...)
		if err != nil {
			if p.next != nil {
				*doubtful = append(*doubtful, p.next)
			}
			return nil, err
		}
		lost := p.losses(res)
		if !lost[p.reported] {
			return w.goOn(ctx, h, p, lost), nil
		}
		// Somebody has changed the reported instance in between.
		if p.next != nil && p.started != p.reported && !lost[p.started] {
			w.returnClaim(ctx, p.next)
		}
	}
	return nil, store.ErrConflict
}

// settleDoubt finds out whether a report was refused because an earlier trial to write it
// was durable after all. It returns what that has claimed.
func (w *Worker) settleDoubt(ctx context.Context, c *scene, rep run.Report, doubtful []*holding) (*holding, error) {
	for _, h := range doubtful {
		held := &h.work.Instance
		stored := c.instance(held.Task, held.Map)
		if stored == nil || stored.Token != held.Token {
			continue
		}
		w.cfg.Notify(rep.ID, true) // what the engine was to be told is not known any more
		if c.reported(rep) || stored.Key(rep.ID) == rep.Key {
			return h, nil
		}
		w.returnClaim(ctx, h)
	}
	return nil, errRefused
}

// reported says whether an attempt has ended, so that its report may be what ended it.
func (c *scene) reported(rep run.Report) bool {
	in := c.instance(rep.Task, rep.Map)
	if in == nil || in.Try != rep.Try {
		return false
	}
	switch in.State {
	case run.UpForRetry, run.UpForReschedule, run.Deferred:
		return true
	default:
		return in.State.Finished()
	}
}

// goOn does what a plan wants done once it is durable.
func (w *Worker) goOn(ctx context.Context, h *holding, p *plan, lost map[int]bool) *holding {
	if len(lost) > 0 {
		p.notify = true // somebody else is at work on the run: have it looked at again
	}
	if lost[p.started] {
		p.next, p.send = nil, nil
	}
	if len(p.send) > 0 {
		for i, err := range w.cfg.Executor.Start(ctx, p.send...) {
			if err != nil {
				p.notify = w.unsent(ctx, p.send[i].Attempt(), err) || p.notify
			}
		}
	}
	if p.notify || p.events {
		w.cfg.Notify(h.work.Run.ID, p.events)
	}
	return p.next
}

// unsent deals with an attempt that could not be sent. It reports whether the scheduler has
// to look at the run now.
func (w *Worker) unsent(ctx context.Context, a run.Attempt, cause error) bool {
	log := w.log(a)
	log.WarnContext(ctx, "sending what follows", "error", cause)
	var refused *executors.RefusedError
	if !errors.As(cause, &refused) {
		return false // the scheduler sends what is queued for too long
	}
	_, err := ReportDeath(ctx, w.cfg.Loader, w.cfg.Now, w.cfg.Token, Death{
		Worker: w.cfg.Name, Executor: w.cfg.Executor.Name(), Attempts: []run.Attempt{a}, Unclaimed: true, Cause: refused.Cause, Reason: refused.Reason,
	})
	if err != nil {
		log.WarnContext(ctx, "failing what nobody takes; the scheduler does it later", "error", err)
	}
	return true
}

// returnClaim gives back a claim that was made for a report that did not hold: the
// instance is looked at again, with the same try. If that fails, its lease runs out.
func (w *Worker) returnClaim(ctx context.Context, h *holding) {
	a, now := h.work.Attempt(), w.cfg.Now()
	s, _, err := w.part(ctx, a.ID, a.Key)
	if err == nil && s.Report(run.Report{Attempt: a, Token: h.work.Instance.Token, Outcome: run.OutcomeReschedule, At: now, Due: now}, now) {
		_, err = w.cfg.Store.Apply(ctx, s.Flush()...)
	}
	if err != nil {
		w.log(a).WarnContext(ctx, "giving a claim back; its lease will run out", "error", err)
	}
	w.cfg.Notify(a.ID, false)
}

// scene is what a worker loads to plan what follows from a report.
type scene struct {
	data   store.RunData
	graph  *dag.Graph
	paused bool
	pools  map[string]scheduler.Pool
	// placements are those of the DAG, memory what was found to be enough for its tasks.
	placements []run.Placement
	memory     map[string]run.Memory
	// occupied are the queued and running instances; others says that some of them are
	// not the reported one.
	occupied int
	others   bool
}

// instance is the instance of a task as it was loaded, nil if it was never written.
func (c *scene) instance(task string, index int) *run.Instance {
	for i := range c.data.Instances {
		if in := &c.data.Instances[i]; in.Task == task && in.Map == index {
			return in
		}
	}
	return nil
}

func (w *Worker) load(ctx context.Context, rep run.Report) (*scene, error) {
	data, err := w.cfg.Store.Run(ctx, rep.ID)
	if err != nil {
		return nil, err
	}
	c := &scene{data: data}
	if c.graph, err = w.cfg.Loader.Graph(ctx, rep.DAG, data.Run.Version); err != nil {
		return nil, err
	}
	f, err := w.rules(ctx, rep.DAG)
	if err != nil {
		return nil, err
	}
	c.paused, c.pools, c.placements, c.memory = f.paused, maps.Clone(f.pools), f.placements, f.memory
	c.count(rep.Key)
	return c, nil
}

// rules are what people set of a DAG and its pools.
type rules struct {
	at     time.Time
	paused bool
	pools  map[string]scheduler.Pool
	// placements are where operators have placed its tasks, memory is what was found to be
	// enough for them.
	placements []run.Placement
	memory     map[string]run.Memory
}

// rules returns the rules of a DAG.
func (w *Worker) rules(ctx context.Context, dag string) (rules, error) {
	now := w.cfg.Now()
	w.mu.Lock()
	r, known := w.known[dag]
	w.mu.Unlock()
	if age := now.Sub(r.at); known && age >= 0 && age < w.cfg.Remember {
		return r, nil
	}
	def, err := w.cfg.Store.DAG(ctx, dag)
	if err != nil {
		return rules{}, err
	}
	w.cfg.Loader.keepPlacements(&def)
	r = rules{at: now, paused: def.State.Paused, placements: def.State.Placements, memory: def.State.Memory}
	if r.pools, err = pools(ctx, w.cfg.Store); err != nil {
		return rules{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[dag] = r
	return r, nil
}

// count limits the plan to the slots that the run has now: pools are as large as what it
// uses of them, so that the reported attempt's are the only ones to become free.
func (c *scene) count(reported run.Key) {
	used := map[string]int{}
	for i := range c.data.Instances {
		in := &c.data.Instances[i]
		t, ok := c.graph.Index(in.Task)
		if !ok {
			continue
		}
		task := c.graph.Tasks[t]
		if in.State.Occupying() {
			used[task.Pool] += task.PoolSlots
			c.occupied++
			c.others = c.others || in.Key(c.data.Run.ID) != reported
		}
		if in.State == run.Deferred && c.pools[task.Pool].IncludeDeferred {
			used[task.Pool] += task.PoolSlots
		}
	}
	for name, p := range c.pools {
		if p.Slots >= 0 {
			p.Slots = used[name]
			c.pools[name] = p
		}
	}
}

// snapshot makes a snapshot of the run alone.
func (c *scene) snapshot() (*scheduler.Snapshot, *scheduler.View, error) {
	s := scheduler.NewSnapshot()
	s.RunsOnly = true
	s.Parallelism = c.occupied
	s.SetPools(c.pools)
	if err := s.SetDAG(scheduler.DAGInfo{Graph: c.graph, Version: c.data.Run.Version, Paused: c.paused}); err != nil {
		return nil, nil, err
	}
	v, err := scheduler.NewView(c.data.Run, c.graph, c.data.Instances)
	if err != nil {
		return nil, nil, err
	}
	s.Add(v)
	return s, v, nil
}
