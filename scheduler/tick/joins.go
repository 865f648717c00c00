package tick

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// A task of a wide fan changes nothing but itself: what waits for it waits for many others,
// too. To load the run for each of them, and to call the scheduler, would make a fan of n
// cost n times n. So such a report is written without a look at the run, conditional on
// its claim, and the worker looks afterwards whether it was the last one. Whoever ends last
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
	w.lookAround(ctx, h, j)
	return true, nil
}

// lookAround calls the scheduler if all of a join have ended, or if somebody waits for the
// slots that are free now. What it cannot find out it leaves to the scheduler.
func (w *Worker) lookAround(ctx context.Context, h *holding, j *join) {
	id := h.work.Run.ID
	var ended, wanted bool
	var both errgroup.Group
	both.Go(func() (err error) {
		ended, err = w.ended(ctx, h.work.Graph, id, h.work.Instance.Task, j)
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

// lookAt is how many tasks are looked at in one place. They lie beside each other, and
// stores may keep such tasks so that they are read together.
const lookAt = 8

// looks are the places that are looked at one after the other, in eighths of a join, by
// who was the last one in its own place: there are few of those, and most find a task that
// has not ended.
var looks = [...][]int{{8}, {4}, {2, 6}, {1, 3, 5, 7}}

// ended says whether all tasks of a join have ended.
func (w *Worker) ended(ctx context.Context, g *dag.Graph, id run.ID, own string, j *join) (bool, error) {
	n := len(j.tasks)
	if n > 8*lookAt {
		at := slices.Index(j.tasks, own) / lookAt * lookAt
		parts := [][]string{j.tasks[at:min(n, at+lookAt)]}
		for _, places := range looks {
			var part []string
			for _, p := range places {
				part = append(part, j.tasks[n*p/8-lookAt:n*p/8]...)
			}
			parts = append(parts, part)
		}
		for _, part := range parts {
			if ended, err := w.endedOf(ctx, g, id, part, part...); !ended || err != nil {
				return false, err
			}
		}
	}
	if n == 1 {
		return w.endedOf(ctx, g, id, j.tasks, j.tasks...)
	}
	return w.endedOf(ctx, g, id, j.tasks) // the run as a whole is cheaper than most of it, one by one
}

// endedOf says whether tasks have ended, of those that it loads: of all if none are named.
func (w *Worker) endedOf(ctx context.Context, g *dag.Graph, id run.ID, tasks []string, load ...string) (bool, error) {
	data, err := w.cfg.Store.Run(ctx, id, load...)
	if err != nil {
		return false, err
	}
	v, err := scheduler.NewView(data.Run, g, data.Instances)
	if err != nil {
		return false, err
	}
	open := map[string]bool{}
	for _, in := range v.Instances() {
		open[in.Task] = open[in.Task] || !in.State.Finished()
	}
	return !slices.ContainsFunc(tasks, func(t string) bool { return open[t] }), nil
}
