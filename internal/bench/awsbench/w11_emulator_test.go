//go:build emulator

package awsbench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/prices"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

func chain(n int, operator string) *dag.DAG {
	d := &dag.DAG{ID: "chain", MaxActiveRuns: 16, MaxActiveTasks: 10_000}
	for i := range n {
		t := dag.NewTask(fmt.Sprintf("transform_%03d", i), operator)
		if i > 0 {
			t.Upstream = []string{d.Tasks[i-1].ID}
		}
		d.Tasks = append(d.Tasks, t)
	}
	return d
}

// fan is one task, n that follow from it, and one that waits for all of these.
func fan(n int, operator string) *dag.DAG {
	d := &dag.DAG{ID: "fan", MaxActiveRuns: 16, MaxActiveTasks: 10_000, Tasks: []*dag.Task{dag.NewTask("begin", operator)}}
	join := dag.NewTask("join", operator)
	for i := range n {
		t := dag.NewTask(fmt.Sprintf("load_%04d", i), operator)
		t.Upstream = []string{"begin"}
		join.Upstream = append(join.Upstream, t.ID)
		d.Tasks = append(d.Tasks, t)
	}
	d.Tasks = append(d.Tasks, join)
	return d
}

// mapped is a fan whose tasks are instances of one.
func mapped(n int, operator string) *dag.DAG {
	d := &dag.DAG{ID: "mapped", MaxActiveRuns: 16, MaxActiveTasks: 10_000}
	begin, load, join := dag.NewTask("begin", operator), dag.NewTask("load", operator), dag.NewTask("join", operator)
	list := make([]any, n)
	for i := range list {
		list[i] = i
	}
	load.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: list}}}
	load.Upstream, join.Upstream = []string{"begin"}, []string{"load"}
	d.Tasks = []*dag.Task{begin, load, join}
	return d
}

// one is a DAG of one task, which is tried again after a minute.
func one(operator string) *dag.DAG {
	t := dag.NewTask("only", operator)
	t.Retries, t.RetryDelay = 1, time.Minute
	return &dag.DAG{ID: operator, MaxActiveRuns: 16, MaxActiveTasks: 16, Tasks: []*dag.Task{t}}
}

// TestW11 counts the workloads, and holds them to what they may cost.
func TestW11(t *testing.T) {
	p, err := prices.USEast1()
	if err != nil {
		t.Fatal(err)
	}
	r := &report{prices: p}
	for _, w := range []struct {
		name string
		d    *dag.DAG
		// tasks is how many of them are counted: attempts, where these are what is paid.
		tasks int
		// warm runs it a second time, with the processes of the first.
		warm bool
	}{
		{"chain of 100", chain(100, "noop"), 100, true},
		{"chain of 100, a line logged by each", chain(100, "talk"), 100, false},
		{"fan of 1,000 with join", fan(1000, "noop"), 1002, true},
		{"mapped task of 1,000 with join", mapped(1000, "noop"), 1002, false},
		{"sensor with 10 reschedules", one("sensor"), 11, false},
		{"retry", one("flaky"), 2, false},
	} {
		t.Run(w.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, world *world) {
				world.put(t, w.d)
				s, data := world.once(t, w.d, "cold")
				r.add(w.name, w.tasks, s, edges(w.d, data))
				if w.warm {
					s, data = world.once(t, w.d, "warm")
					r.add(w.name+", warm", w.tasks, s, edges(w.d, data))
				}
			})
		})
	}
	t.Run("idle", func(t *testing.T) {
		inWorld(t, func(t *testing.T, world *world) {
			for i := range 20 {
				d := chain(5, "noop")
				d.ID = fmt.Sprintf("nightly_%02d", i)
				d.Schedule = dag.ScheduleFromText("0 2 * * *", "UTC", dag.ScheduleCompat{})
				start := time.Now()
				d.StartDate = &start
				world.put(t, d)
			}
			settled(5 * time.Minute)
			world.spent()
			settled(time.Hour)
			r.idle(world.spent())
		})
	})
	r.print(t)
	r.gate(t)
}

// edges are the times between the end of a task and the start of the only one that follows
// from it, sorted.
func edges(d *dag.DAG, data store.RunData) (gaps []time.Duration) {
	found := map[string]*run.Instance{}
	for i := range data.Instances {
		found[data.Instances[i].Task] = &data.Instances[i]
	}
	for _, t := range d.Tasks {
		if len(t.Upstream) == 1 && t.Expand == nil && d.ID == "chain" {
			gaps = append(gaps, found[t.ID].Start.Sub(found[t.Upstream[0]].End))
		}
	}
	slices.Sort(gaps)
	return gaps
}
