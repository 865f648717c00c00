package tick

import (
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// plan is what a worker writes with a report, and does when it is durable.
type plan struct {
	snap    *scheduler.Snapshot
	view    *scheduler.View
	batches []run.Batch
	// reported and started are the positions in the batch of the reported instance and of
	// the one that takes its slots; -1 if there is none.
	reported, started int
	// next is what the worker goes on with; send is what it starts elsewhere.
	next *holding
	send []executors.Work
	// notify says that there is something for the engine to do about the run, events that
	// assets were updated, which concerns other runs.
	notify, events bool
}

// plan applies a report and plans what follows, as far as a worker may. It is false if
// the attempt is not the worker's any more. What changes the run itself is the engine's,
// its end above all, and so is then what leads to it. So is what makes a whole fan ready:
// the engine has to queue it, and to write first that it waits would be paid for nothing.
func (w *Worker) plan(c *scene, rep run.Report, now time.Time) (*plan, bool, error) {
	p, ok, err := c.apply(rep, now)
	if err == nil && ok && c.mayPlan() {
		w.handOver(c, p, rep, now)
		if p.batches = p.snap.Flush(); p.changesRun() || p.waiting() >= w.cfg.Wide {
			p, ok, err = c.apply(rep, now)
		}
	}
	if err != nil || !ok {
		return nil, false, err
	}
	p.batches = append(p.batches, p.snap.Flush()...)
	p.find(rep.Key)
	p.consider(c, rep)
	return p, true, nil
}

// apply makes a plan that has nothing but the report.
func (c *scene) apply(rep run.Report, now time.Time) (*plan, bool, error) {
	s, v, err := c.snapshot()
	if err != nil {
		return nil, false, err
	}
	return &plan{snap: s, view: v}, s.Report(rep, now), nil
}

func (p *plan) changesRun() bool {
	return slices.ContainsFunc(p.batches, func(b run.Batch) bool { return b.Update != nil })
}

// waiting is how many instances the plan makes wait for slots.
func (p *plan) waiting() (n int) {
	for _, b := range p.batches {
		for i := range b.Changes {
			if c := &b.Changes[i]; !c.Gone && c.Want.State == run.Scheduled {
				n++
			}
		}
	}
	return n
}

// mayPlan says whether the run can be planned by itself. Runs that depend on the past of
// others cannot. Nor can a run without a slot: what was cleared while it ran has none.
func (c *scene) mayPlan() bool {
	return c.data.Run.State == run.RunRunning && !c.graph.Past && c.occupied > 0
}

// handOver plans, and gives the slots of the reported attempt to one that was queued, if
// only the report kept it from being started; the others wait for the engine.
func (w *Worker) handOver(c *scene, p *plan, rep run.Report, now time.Time) {
	s, v := p.snap, p.view
	for _, a := range scheduler.Plan(s, now).Start {
		if p.next != nil || len(p.send) > 0 || !c.follows(a, rep) {
			s.Unsent(a)
			continue
		}
		if w.executes(c, a.Task) && !outgrew(v.Instance(a.Task, a.Map)) && s.Claim(a, w.newClaim(now), now) {
			p.next = newHolding(v, v.Instance(a.Task, a.Map))
		} else {
			p.send = append(p.send, executors.Work{Graph: v.Graph, Run: v.Run, Instance: *v.Instance(a.Task, a.Map), Placed: c.placed(a.Task), Memory: c.memory[a.Task]})
		}
	}
}

// follows says whether an attempt may have the slots of the reported one. What waited for
// slots already has to compete with other runs for them, and limits of a task across runs
// are known to hold only if the task stays the same.
func (c *scene) follows(a run.Attempt, rep run.Report) bool {
	in := c.instance(a.Task, a.Map)
	waited := in != nil && in.State == run.Scheduled
	t, from := c.task(a.Task), c.task(rep.Task)
	limited := t.MaxActivePerDAG > 0 || t.MaxActivePerRun > 0
	return !waited && c.place(t) == c.place(from) && (!limited || t == from)
}

func (c *scene) task(id string) *dag.Task {
	t, _ := c.graph.Index(id)
	return c.graph.Tasks[t]
}

// executes says whether this worker may go on with a task by itself.
func (w *Worker) executes(c *scene, id string) bool {
	t := c.task(id)
	return w.accepts(c, t) && !t.Isolated && !w.isClosing()
}

// find notes the positions of what matters in the batch.
func (p *plan) find(reported run.Key) {
	p.reported, p.started = p.positions(reported)[0], -1
	switch last := func(list []int) int { return list[len(list)-1] }; {
	case p.next != nil:
		p.started = last(p.positions(p.next.work.Instance.Key(reported.ID)))
	case len(p.send) > 0:
		p.started = last(p.positions(p.send[0].Instance.Key(reported.ID)))
	}
}

// positions are those of the changes of an instance: two, if it ends a try and begins the
// next one.
func (p *plan) positions(k run.Key) (at []int) {
	for _, b := range p.batches {
		for i := range b.Changes {
			if c := &b.Changes[i]; !c.Gone && c.Want.Task == k.Task && c.Want.Map == k.Map {
				at = append(at, i)
			}
		}
	}
	return at
}

// losses are the positions of the changes that were refused; a batch that was refused
// whole has lost all of them.
func (p *plan) losses(res store.Result) map[int]bool {
	lost := map[int]bool{}
	for _, l := range res.Lost {
		lost[l.Change] = true
	}
	for b := range res.Refused {
		for i := range p.batches[b].Changes {
			lost[i] = true
		}
	}
	return lost
}

// consider finds out whether the engine has to look at the run.
func (p *plan) consider(c *scene, rep run.Report) {
	// A free slot may be what another run waits for; it may also be that this run has ended.
	p.notify = p.notify || p.started < 0 || c.graph.Past
	for _, b := range p.batches {
		p.events = p.events || len(b.Events) > 0
		for i := range b.Changes {
			switch b.Changes[i].Want.State {
			case run.Scheduled, run.UpForRetry, run.UpForReschedule, run.Deferred:
				p.notify = true // it waits for slots or for a time
			}
		}
	}
	p.notify = p.notify || c.others && waits(p.view, rep.Task)
}

// waits says that something behind a task still waits. If others end at the same time,
// each may see the other as running: somebody has to look again when both are durable.
func waits(v *scheduler.View, id string) bool {
	t, _ := v.Graph.Index(id)
	for _, in := range v.Instances() {
		if d, _ := v.Graph.Index(in.Task); in.State == run.None && slices.Contains(v.Graph.Watchers[t], d) {
			return true
		}
	}
	return false
}
