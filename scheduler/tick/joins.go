package tick

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// A task of a wide fan changes nothing but itself: what waits for it waits for many others,
// too. To load the run for each of them, and to call the scheduler, would make a fan of n
// cost n times n. So such a report is written without a look at the run, conditional on
// its claim, and the worker looks afterwards whether it was the last one: first at what the
// store says of those that lie beside it, which costs nothing. Whoever ends last
// looks last, when all others are durable: at least one sees that all have ended, and calls
// the scheduler, which alone goes on.

// wideJoin is from how many tasks on that end together a report is written like that.
// With fewer, the last one's worker had better go on by itself.
const wideJoin = 16

// join is what a task ends together with.
type join struct {
	// tasks are those that have to end, in the DAG's order.
	tasks []string
	// instances is how many these are, as far as that is known.
	instances int
}

// joinOf returns the join that a success is a part of and of which nothing else follows,
// nil if there is none or more may follow.
func joinOf(g *dag.Graph, rep *run.Report) *join {
	t, ok := g.Index(rep.Task)
	if !ok || rep.Outcome != run.OutcomeSuccess || rep.Branch != nil || len(rep.Events) > 0 || g.Past || !alike(g, t) {
		return nil
	}
	var together []int
	switch behind := g.Watchers[t]; {
	case len(behind) > 1:
		return nil
	case len(behind) == 0: // the end of the run waits for all that nothing waits for
		for i := range g.Tasks {
			if len(g.Watchers[i]) == 0 {
				together = append(together, i)
			}
		}
	case !waitsForAll(g.Tasks[behind[0]].TriggerRule) || !alike(g, behind[0]) || len(g.Mappers[behind[0]]) > 0:
		return nil
	default:
		together = g.Up[behind[0]]
	}
	j := &join{}
	for _, i := range together {
		j.tasks = append(j.tasks, g.Tasks[i].ID)
		j.instances += least(g, i, rep)
	}
	return j
}

// alike says that a task has no part in setups, and is in no mapped group.
func alike(g *dag.Graph, t int) bool {
	task := g.Tasks[t]
	return !task.Setup && !task.Teardown && len(g.Setups[t]) == 0 && len(g.SetupUps[t]) == 0 && g.MapGroup[t] < 0
}

// waitsForAll says that of a success nothing follows by a rule before all others have ended.
func waitsForAll(r dag.TriggerRule) bool {
	switch r {
	case dag.AllSuccess, dag.AllDone, dag.AllDoneMinOneSuccess, dag.NoneFailed, dag.NoneFailedMinOneSuccess:
		return true
	}
	return false
}

// least is how many instances a task has at least: the reported one is not the last.
func least(g *dag.Graph, t int, rep *run.Report) int {
	m, n := g.Tasks[t].Expand, 1
	if m == nil {
		return n
	}
	for _, a := range m.Sources() {
		if k, ok := a.LiteralLength(); ok && a.XCom == nil {
			n *= k
		}
	}
	if g.Tasks[t].ID == rep.Task {
		n = max(n, rep.Map+1)
	}
	return n
}

// reportAlone reports an attempt that ends together with many others. It is false if the
// report has to be made in the usual way: it is no such attempt, or somebody has changed it.
func (w *Worker) reportAlone(ctx context.Context, h *holding, rep run.Report) (done bool, err error) {
	j := joinOf(h.work.Graph, &rep)
	if j == nil || j.instances < w.cfg.Wide || h.work.Run.State != run.RunRunning {
		return false, nil
	}
	v, err := scheduler.NewView(h.work.Run, h.work.Graph, []run.Instance{h.work.Instance})
	if err != nil {
		return false, err
	}
	s := scheduler.NewSnapshot()
	s.Add(v)
	if !s.Report(rep, w.cfg.Now()) {
		return false, nil
	}
	res, err := w.cfg.Store.Apply(ctx, s.Flush()...)
	if err != nil || !res.OK() {
		return false, err
	}
	w.lookAround(ctx, h, j, res.Beside)
	return true, nil
}

// lookAround calls the scheduler if all of a join have ended, or if somebody waits for the
// slots that are free now. What it cannot find out it leaves to the scheduler.
func (w *Worker) lookAround(ctx context.Context, h *holding, j *join, beside []store.Neighbor) {
	id := h.work.Run.ID
	var ended, wanted bool
	var both errgroup.Group
	both.Go(func() (err error) {
		if !j.unfinished(h.work.Graph, beside) {
			ended, err = w.ended(ctx, h.work.Graph, h.work.Instance.Key(id), j, len(beside) > 1)
		}
		return err
	})
	both.Go(func() error {
		wanted = w.cfg.Free == nil || w.cfg.Free(ctx)
		return nil
	})
	err := both.Wait()
	if err != nil {
		w.log(h.work.Attempt()).WarnContext(ctx, "looking whether others have ended, too; the scheduler does it", "error", err)
	}
	if ended || wanted || err != nil {
		w.cfg.Notify(id, false)
	}
}

// unfinished says that one of a join has not ended, by what the store has told with the
// report: whoever ends that one looks later.
func (j *join) unfinished(g *dag.Graph, beside []store.Neighbor) bool {
	return slices.ContainsFunc(beside, func(n store.Neighbor) bool {
		t, ok := g.Index(n.Task)
		if !ok || n.State.Finished() || n.Map == run.Unmapped && g.Mapping(t) != nil {
			return false // of a mapped task, a row without index may be a remnant
		}
		return slices.Contains(j.tasks, n.Task)
	})
}

// lookAt is how many instances are looked at in one place. They lie beside each other, and
// stores may keep such instances so that they are read together.
const lookAt = 16

// wideLook is from how many instances on that a join is looked at in some places first:
// fewer are read at once for no more than one of these.
const wideLook = 8 * lookAt

// ended says whether all instances of a join have ended. Seen says that those around its own
// are known to have. It is asked by who was the last one in its own place: there are few of
// those, and most find an instance that has not ended at the end of the join, which is
// started last, or opposite to their own, which is another place for each of them. The rest
// is looked at as a whole, since that is cheaper than most of it in places.
func (w *Worker) ended(ctx context.Context, g *dag.Graph, own run.Key, j *join, seen bool) (bool, error) {
	if l := j.list(); len(l) > wideLook {
		place := func(at int) []run.Key { return l[min(at, len(l)-lookAt):][:lookAt] }
		at := slices.Index(l, run.Key{Task: own.Task, Map: own.Map}) / lookAt * lookAt
		parts := [][]run.Key{place(len(l)), place((at + len(l)/2) % len(l))}
		if !seen {
			parts = slices.Insert(parts, 0, place(at))
		}
		for _, part := range parts {
			if ended, err := w.endedOf(ctx, g, own.ID, j, part...); !ended || err != nil {
				return false, err
			}
		}
	}
	if len(j.tasks) == 1 {
		return w.endedOf(ctx, g, own.ID, j, run.Key{Task: j.tasks[0], Map: run.Unmapped})
	}
	return w.endedOf(ctx, g, own.ID, j)
}

// list are instances of a join that can be looked at: its tasks, or, if it has but one, the
// indexes of that.
func (j *join) list() []run.Key {
	if len(j.tasks) > 1 {
		l := make([]run.Key, len(j.tasks))
		for i, t := range j.tasks {
			l[i] = run.Key{Task: t, Map: run.Unmapped}
		}
		return l
	}
	l := make([]run.Key, j.instances)
	for i := range l {
		l[i] = run.Key{Task: j.tasks[0], Map: i}
	}
	return l
}

// endedOf says whether instances of a join have ended: those that are named, or all. Of a
// task without an index it looks at all instances.
func (w *Worker) endedOf(ctx context.Context, g *dag.Graph, id run.ID, j *join, which ...run.Key) (bool, error) {
	data, err := store.Pick(ctx, w.cfg.Store, id, which...)
	if err != nil {
		return false, err
	}
	v, err := scheduler.NewView(data.Run, g, data.Instances)
	if err != nil {
		return false, err
	}
	wanted := make(map[run.Key]bool, len(which))
	for _, k := range which {
		wanted[k] = true
	}
	if len(which) == 0 {
		for _, t := range j.tasks {
			wanted[run.Key{Task: t, Map: run.Unmapped}] = true
		}
	}
	for _, in := range v.Instances() {
		if !in.State.Finished() && (wanted[run.Key{Task: in.Task, Map: in.Map}] || wanted[run.Key{Task: in.Task, Map: run.Unmapped}]) {
			return false, nil
		}
	}
	return true, nil
}
