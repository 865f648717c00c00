package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// Explain says in one sentence why an instance is where it is: what it waits for, who
// holds the slots it needs, until when, or how it ended. It asks the same rules that
// Plan decides by. It changes nothing.
func (s *Snapshot) Explain(k run.Key, now time.Time) (string, error) {
	v := s.runs[k.ID]
	if v == nil {
		return "", fmt.Errorf("run %s is not known", k.ID)
	}
	r, ok := v.find(k.Task, k.Map)
	if !ok {
		return "", fmt.Errorf("run %s has no task instance %s", k.ID, k.Name())
	}
	c := v.cell(r)
	name := c.Name()
	switch {
	case c.State.Finished():
		return v.explainEnd(r, now), nil
	case v.Run.State == run.RunQueued:
		return name + " waits because its run is queued: " + s.explainQueuedRun(v, now), nil
	case v.Run.State.Finished():
		return fmt.Sprintf("%s will not run: its run has ended (%s); clear the run to run it", name, v.Run.State), nil
	}
	if s.paused(v) && (c.State == run.Scheduled || c.State.Schedulable()) {
		return name + " waits: " + pausedText(v.Run.DAG), nil
	}
	switch c.State {
	case run.Scheduled:
		return name + " has its dependencies met and waits for a slot: " + s.explainSlots(v, r), nil
	case run.Queued:
		text := fmt.Sprintf("%s was queued at %s and waits for the executor to take it", name, clock(c.QueuedAt))
		if q := v.Graph.Tasks[r.task].Queue; q != "" && q != dag.DefaultQueue {
			text += "; a worker has to serve its queue, " + q
		}
		return text, nil
	case run.Running:
		return fmt.Sprintf("%s has been running since %s on %s (try %d)", name, clock(c.Start), orUnknown(c.Worker), c.Try), nil
	case run.Restarting:
		return name + " was cleared while it was running: it is being stopped and will then run again", nil
	case run.Deferred:
		return name + " has deferred itself and waits for its trigger, without a process", nil
	}
	e := &examination{v: v, now: now, explain: true}
	d := e.examine(r)
	if d.met {
		return name + " has its dependencies met and is scheduled by the next plan", nil
	}
	if d.mark != run.None {
		return fmt.Sprintf("%s becomes %s at the next plan: %s", name, d.mark, strings.Join(d.why, "; ")), nil
	}
	return name + " waits: " + strings.Join(d.why, "; "), nil
}

// ExplainRun says in one sentence why a run is where it is: what keeps it from starting,
// or how it ended. It changes nothing.
func (s *Snapshot) ExplainRun(id run.ID, now time.Time) (string, error) {
	v := s.runs[id]
	if v == nil {
		return "", fmt.Errorf("run %s is not known", id)
	}
	text := fmt.Sprintf("run %s is %s", id, v.Run.State)
	switch {
	case v.Run.State == run.RunQueued:
		return text + ": " + s.explainQueuedRun(v, now), nil
	case v.Run.State == run.RunRunning && s.paused(v):
		return text + ", but starts no more tasks: " + pausedText(id.DAG), nil
	case v.Run.State == run.RunRunning:
		return text + " since " + clock(v.Run.Start), nil
	case v.Run.Reason != "":
		return text + ": " + v.Run.Reason, nil
	}
	return text, nil
}

func pausedText(dag string) string {
	return fmt.Sprintf("DAG %s is paused; unpause it with `updraft dags unpause %s`", dag, dag)
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func orUnknown(s string) string {
	if s == "" {
		return "an unknown worker"
	}
	return s
}

// explainEnd says how an instance has ended. A mark of the planner has no reason of its
// own: the dependencies are asked again, since what they looked at is still there.
func (v *View) explainEnd(r ref, now time.Time) string {
	c := v.cell(r)
	text := fmt.Sprintf("%s is %s", c.Name(), c.State)
	switch {
	case c.State == run.Failed && c.Reason != "":
		return text + fmt.Sprintf(" (%s, try %d of %d): %s", c.Cause, c.Try, c.MaxTries+1, c.Reason)
	case c.Reason != "":
		return text + ": " + c.Reason
	case c.State == run.Skipped || c.State == run.UpstreamFailed:
		e := &examination{v: v, now: now, explain: true}
		if d := e.examine(r); d.mark == c.State && len(d.why) > 0 {
			return text + ": " + strings.Join(d.why, "; ")
		}
		if v.Graph.Mapped[r.task] && c.Map == run.Unmapped && c.State == run.Skipped {
			return text + ": what it is mapped over is empty"
		}
		if len(v.Graph.Up[r.task]) > 0 {
			return text + ": its upstream tasks were others then; now " + v.list(v.Graph.Up[r.task])
		}
	case c.State == run.Removed:
		return text + ": its mapping has fewer elements than it had"
	}
	return text
}

// explainQueuedRun says what keeps a run from starting.
func (s *Snapshot) explainQueuedRun(v *View, now time.Time) string {
	dv := s.dags[v.Run.DAG]
	switch {
	case v.Run.RunAfter.After(now):
		return "it is due at " + clock(v.Run.RunAfter)
	case dv.Paused:
		return pausedText(v.Run.DAG)
	case s.backfillPaused(v):
		return fmt.Sprintf("its backfill %s is paused; unpause it with `updraft backfill unpause %s`", v.Run.Backfill, v.Run.Backfill)
	}
	limit := s.maxActiveRuns(v)
	if b := s.backfills[v.Run.Backfill]; b != nil {
		if running := s.countRunning(dv, b.ID); running >= limit {
			return fmt.Sprintf("its backfill runs %d at once and %s", limit, s.runningText(dv, b.ID))
		}
	}
	if running := s.countRunning(dv, v.Run.Backfill); limit > 0 && running >= limit {
		return fmt.Sprintf("max_active_runs is %d and %s", limit, s.runningText(dv, v.Run.Backfill))
	}
	return "the next plan starts it"
}

// runningText names the running runs that countRunning counts.
func (s *Snapshot) runningText(dv *dagView, backfill string) string {
	var names []string
	for _, v := range dv.runs {
		if v.Run.State == run.RunRunning && v.Run.Backfill == backfill {
			names = append(names, v.Run.Run)
		}
	}
	if len(names) == 1 {
		return names[0] + " runs already"
	}
	return fmt.Sprintf("%d run already: %s", len(names), listed(names))
}

// listed joins names, at most five.
func listed(names []string) string {
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(slices.Clone(names[:most]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// explainSlots says which limit holds a scheduled instance back, and who is in the way.
func (s *Snapshot) explainSlots(v *View, r ref) string {
	t := v.Graph.Tasks[r.task]
	switch v.admits(r) {
	case "max_active_tasks":
		return fmt.Sprintf("max_active_tasks is %d and %d tasks of the run are queued or running",
			v.Graph.DAG.MaxActiveTasks, v.all[run.Queued]+v.all[run.Running])
	case "max_active_tis_per_dagrun":
		return fmt.Sprintf("max_active_tis_per_dagrun of the task is %d", t.MaxActivePerRun)
	case "max_active_tis_per_dag":
		return fmt.Sprintf("max_active_tis_per_dag of the task is %d, over all runs of the DAG", t.MaxActivePerDAG)
	case "pool":
		return s.explainPool(t.Pool, t.PoolSlots)
	}
	if s.Parallelism > 0 && s.occupied >= s.Parallelism {
		return fmt.Sprintf("the executor runs %d attempts at once and all are taken", s.Parallelism)
	}
	return "there is one, the next plan queues it"
}

func (s *Snapshot) explainPool(name string, slots int) string {
	p, ok := s.pools[name]
	if !ok {
		return fmt.Sprintf("pool %s does not exist; create it with `updraft pools set %s SLOTS DESCRIPTION`", name, name)
	}
	if slots > p.Slots && p.Slots >= 0 {
		return fmt.Sprintf("it needs %d slots of pool %s, which has %d in all: it can never run", slots, name, p.Slots)
	}
	return fmt.Sprintf("it needs %d of the slots of pool %s, of which %d of %d are free; held by %s",
		slots, name, max(s.open(name), 0), p.Slots, s.holders(name))
}

// holders names the instances that hold slots of a pool, at most five.
func (s *Snapshot) holders(pool string) string {
	var names []string
	for _, v := range s.Unfinished() {
		for t := range v.tasks {
			if v.Graph.Tasks[t].Pool != pool {
				continue
			}
			for p := range v.tasks[t].cells {
				c := &v.tasks[t].cells[p]
				if c.State.Occupying() || c.State == run.Deferred && s.pools[pool].IncludeDeferred {
					names = append(names, c.Key(v.Run.ID).String())
				}
			}
		}
	}
	slices.Sort(names)
	return listed(names)
}
