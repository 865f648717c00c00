package simtest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"pgregory.net/rapid"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/cloudtest"
	"github.com/updraft-dev/updraft/internal/randdag"
)

// scenario is what a seed stands for: the DAGs, who works on them, and what goes wrong.
type scenario struct {
	seed uint64
	dags []*dag.DAG
	// manual is the number of runs of each DAG without a schedule.
	manual int
	// ordered says that the order of events must not matter: the final states are those
	// of the same scenario without faults.
	ordered bool
	// past says that runs may wait for ever for an earlier one.
	past bool
	// schedulers is the number of processes with an engine.
	schedulers int
	// workers is the number of processes that take attempts from a queue; with none the
	// schedulers execute by themselves.
	workers int
	// cloud says that functions schedule and execute, as on AWS; aws is what goes wrong there.
	cloud bool
	aws   cloudtest.Faults
	// edits says that somebody clears, marks and pauses.
	edits  bool
	faults faults
}

// faults are chances, each in one of n cases (0: never), and the mean times between
// events (0: never).
type faults struct {
	storeRead, storeBefore, storeAfter, storePart, storeSlow int
	crashBefore, crashAfter, crashPart, crashDispatch        int
	lost, doubled, late, busy, workerLost, orphanLost        int
	crash, stop, step                                        time.Duration
	// until is the end of the time in which faults happen.
	until time.Duration
}

// Processes and attempts live in this time; faults end early enough for all runs to end.
const (
	faultTime = 6 * time.Hour
	horizon   = 14 * 24 * time.Hour
)

// random returns the random numbers that belong to a thing of a seed. Each thing has its
// own, so that goroutines that happen to run in another order draw the same.
func random(seed uint64, what ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintln(h, what...)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// oneIn is true in one of n cases, never if n is 0.
func oneIn(r *rand.Rand, n int) bool { return n > 0 && r.IntN(n) == 0 }

// between draws a duration, to the nanosecond: hardly any two events coincide.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// newScenario makes the scenario of a seed.
func newScenario(seed uint64) scenario {
	r := random(seed, "scenario")
	s := scenario{seed: seed, manual: 1 + r.IntN(3), schedulers: 1}
	switch r.IntN(8) {
	case 0, 1:
		s.ordered = true
	case 2:
		s.past = true
	case 3:
		s.edits = true
	case 4:
		s.edits = r.IntN(2) == 0
		s.schedulers = 2
	case 5, 6:
		s.edits = r.IntN(2) == 0
		s.workers = 1 + r.IntN(3)
	}
	shape := s.shape(r)
	for i := range 1 + r.IntN(2) {
		s.addDAG(r, shape, i)
	}
	if !s.past && r.IntN(3) == 0 {
		s.addSink(r)
	}
	s.faults = newFaults(r)
	return s
}

func (s *scenario) shape(r *rand.Rand) randdag.Shape {
	shape := randdag.Shape{
		Rules: randdag.EveryRule(), Tasks: 7, Mapping: true, Setups: true, Branches: true, Limits: true, Retries: true,
		Timeouts: r.IntN(2) == 0, FailFast: true, Past: s.past,
	}
	if s.ordered {
		// As in the planner's own property: what decides on a part of its upstream, or
		// by time, depends on the order.
		shape.Rules = []dag.TriggerRule{dag.AllSuccess, dag.AllDone, dag.OneSuccess, dag.NoneFailed, dag.Always}
		shape.Branches, shape.Timeouts, shape.FailFast, shape.Shortest, shape.Literal = false, false, false, 1, true
	}
	return shape
}

// addDAG draws a DAG; half of them have a schedule, most of those catch up.
func (s *scenario) addDAG(r *rand.Rand, shape randdag.Shape, n int) {
	id := fmt.Sprintf("d%d", n)
	draw := rapid.Custom(func(t *rapid.T) *dag.DAG { return shape.Draw(t, id).DAG })
	d := draw.Example(int(r.Int32()))
	if r.IntN(2) == 0 {
		d.Schedule = dag.ScheduleFromText([]string{"0 * * * *", "@hourly", "*/50 * * * *"}[r.IntN(3)], "UTC",
			dag.ScheduleCompat{CronDataIntervals: r.IntN(2) == 0})
		start := epoch()
		end := start.Add(time.Duration(1+r.IntN(3)) * time.Hour)
		d.StartDate, d.EndDate, d.Catchup = &start, &end, r.IntN(4) > 0 || s.ordered
	}
	s.dags = append(s.dags, d)
}

// sink is the DAG that waits for assets, which tasks of the others update.
const sink = "sink"

func (s *scenario) addSink(r *rand.Rand) {
	d := &dag.DAG{ID: sink, MaxActiveRuns: 1 + r.IntN(2), MaxActiveTasks: 4}
	d.Schedule = dag.Schedule{Kind: dag.ScheduleAssets, Assets: &dag.AssetCondition{Any: []dag.AssetCondition{
		{Asset: &dag.AssetRef{URI: asset(0)}}, {Asset: &dag.AssetRef{URI: asset(1)}},
	}}}
	d.Tasks = []*dag.Task{dag.NewTask("t0", "plain"), dag.NewTask("t1", "plain")}
	d.Tasks[1].Upstream = []string{"t0"}
	s.dags = append(s.dags, d)
}

func asset(n int) string { return fmt.Sprintf("sim://asset/%d", n) }

// epoch is where the time of a bubble of testing/synctest begins.
func epoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// newFaults draws which kinds of faults a seed has, and how many: a seed with all of
// them would hide what one of them does.
func newFaults(r *rand.Rand) faults {
	f := faults{until: faultTime}
	some := func(often int) int {
		if r.IntN(3) > 0 {
			return 0
		}
		return often * (1 + r.IntN(4))
	}
	f.storeRead, f.storeBefore, f.storeAfter, f.storePart, f.storeSlow = some(40), some(8), some(8), some(8), some(3)
	f.crashBefore, f.crashAfter, f.crashPart, f.crashDispatch = some(12), some(12), some(12), some(12)
	f.lost, f.doubled, f.late, f.busy, f.workerLost, f.orphanLost = some(4), some(3), some(4), some(8), some(6), some(2)
	mean := func() time.Duration { return time.Duration(some(10)) * time.Minute }
	f.crash, f.stop, f.step = mean(), mean(), mean()
	return f
}
