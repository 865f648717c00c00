package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/internal/prices"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/timetable"
	"github.com/updraft-dev/updraft/store"
)

// What a task has that asks for nothing: the defaults of template.yaml.
const (
	lambdaMemory  = 512 << 20
	fargateMemory = 512 << 20
	fargateCPU    = 250
	// mostLambda is the memory of the largest function.
	mostLambda = 10240 << 20
)

// latestRuns is how many runs are looked at.
const latestRuns = 20

// timeWithout is what is assumed of tasks that have not run yet.
const timeWithout = 10 * time.Second

// history is what the latest runs of a DAG say of its tasks.
type history struct {
	runs  int
	tasks map[string]*taskHistory
}

type taskHistory struct {
	attempts int
	// timed is how many instances have a time, took their sum.
	timed int
	took  time.Duration
}

// readHistory reads the latest runs that have ended.
func readHistory(ctx context.Context, s store.Store, id string) (history, error) {
	h := history{tasks: map[string]*taskHistory{}}
	f := store.RunFilter{DAG: id, States: []run.RunState{run.RunSuccess, run.RunFailed}}
	list, err := s.ListRuns(ctx, f, store.Page{Limit: latestRuns})
	if err != nil {
		return h, err
	}
	for i := range list.Items {
		data, err := s.Run(ctx, list.Items[i].ID)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return h, err
		}
		h.runs++
		for n := range data.Instances {
			h.add(&data.Instances[n])
		}
	}
	return h, nil
}

func (h *history) add(in *run.Instance) {
	t := h.tasks[in.Task]
	if t == nil {
		t = &taskHistory{}
		h.tasks[in.Task] = t
	}
	t.attempts += in.Try + in.Reschedules
	if !in.Start.IsZero() && in.End.After(in.Start) {
		t.timed++
		t.took += in.End.Sub(in.Start)
	}
}

// addTasks prices the tasks.
func (e *estimate) addTasks(h history) error {
	if h.runs > 0 {
		e.assume("tasks take as long, and are tried as often, as in the latest %s", count(h.runs, "run"))
	}
	var unknown, continued int
	for t, def := range e.graph.Tasks {
		c := taskCost{name: def.ID}
		if past := h.tasks[def.ID]; past != nil {
			c.Attempts = float64(past.attempts) / float64(h.runs)
			if past.timed > 0 {
				c.Took = past.took / time.Duration(past.timed)
			}
		} else {
			unknown++
			c.Attempts, c.Took = 1, timeWithout
		}
		possible, err := c.size(e.graph.DAG, def)
		if err != nil {
			return err
		}
		if c.Follows, err = follows(e.graph, t); err != nil {
			return err
		}
		if c.Follows {
			continued++
		}
		c.lambda, c.possible = e.prices.OnLambda(c.Task)
		c.lambda *= e.runs
		c.fargate = e.prices.OnFargate(c.Task) * e.runs
		c.possible = c.possible && possible && def.ExecutionTimeout < prices.MostLambda
		e.tasks = append(e.tasks, c)
	}
	if unknown > 0 {
		e.assume("%s without a run take %s and are tried once", count(unknown, "task"), timeWithout)
	}
	if continued > 0 {
		e.assume("on Lambda, the worker of the task before goes on with %s", count(continued, "task"))
	}
	e.assume("functions on arm64; a task on Fargate is paid for %s before it begins, and a minute at least", prices.FargateStart)
	e.assume("each attempt logs a little; large logs and XComs, data transfer, and what tasks call are not counted")
	return nil
}

// size gives a task what it asks for, or what it gets if it does not. It is false if no
// function has that.
func (c *taskCost) size(d *dag.DAG, def *dag.Task) (possible bool, err error) {
	n, err := executors.NeedOf(d, def)
	if err != nil {
		return false, fmt.Errorf("task %s: %w", def.ID, err)
	}
	const gb = 1 << 30
	c.LambdaMemory = float64(n.MemoryOr(lambdaMemory)) / gb
	c.FargateMemory = float64(n.MemoryOr(fargateMemory)) / gb
	c.FargateCPUs = float64(max(n.CPUMilli, fargateCPU)) / 1000
	return n.MemoryOr(lambdaMemory) <= mostLambda && n.Image == "", nil
}

// follows says whether a worker goes on with a task: it is the only one behind the only one
// before it, and both ask for nothing special.
func follows(g *dag.Graph, t int) (bool, error) {
	up := g.Up[t]
	if len(up) != 1 || len(g.Down[up[0]]) != 1 || g.Mapped[t] || g.Mapped[up[0]] || g.Tasks[t].Isolated {
		return false, nil
	}
	for _, def := range []*dag.Task{g.Tasks[up[0]], g.Tasks[t]} {
		n, err := executors.NeedOf(g.DAG, def)
		if err != nil || n.Memory+n.CPUMilli+n.Storage > 0 || n.Image+n.Function+n.Queue+n.Executor != "" || n.Time >= prices.MostLambda {
			return false, err
		}
	}
	return true, nil
}

// scheduledRuns is how many runs the schedule brings within a month; bounded is false if it
// says nothing of that.
func scheduledRuns(d *dag.DAG, now time.Time) (n int, bounded bool, err error) {
	switch d.Schedule.Kind {
	case dag.ScheduleOnce, dag.ScheduleCronInterval, dag.ScheduleCronTrigger, dag.ScheduleMultipleCron, dag.ScheduleDeltaInterval, dag.ScheduleDeltaTrigger:
	default:
		return 0, false, nil
	}
	tt, err := timetable.New(d.Schedule)
	if err != nil {
		return 0, false, err
	}
	// As if the DAG began now: a schedule is the same in every month.
	until := now.Add(month)
	for due, err := range timetable.Runs(tt, nil, timetable.Restriction{Catchup: true, Earliest: now}, until) {
		if err != nil {
			return 0, false, err
		}
		if due.RunAfter.After(until) {
			break
		}
		n++
	}
	return n, true, nil
}

// countSince is how many runs a DAG had since then.
func countSince(ctx context.Context, s store.Store, id string, since time.Time) (n int, err error) {
	for page := (store.Page{Limit: 1000}); ; {
		list, err := s.ListRuns(ctx, store.RunFilter{DAG: id, After: since}, page)
		if err != nil {
			return 0, err
		}
		n += len(list.Items)
		if page.Token = list.Next; page.Token == "" {
			return n, nil
		}
	}
}

// usd is an amount in dollars, to the hundredth of a cent.
func usd(x float64) float64 { return round(x, 4) }

func round(x float64, digits int) float64 {
	k := math.Pow10(digits)
	return math.Round(x*k) / k
}
