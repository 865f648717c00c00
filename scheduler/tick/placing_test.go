package tick_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// named is a dispatcher for a worker at a place.
type named struct {
	executors.Dispatcher
	name string
}

func (n named) Name() string { return n.name }

// twoPlaces is a plant with the places left, which is preferred, and right, and a worker at
// each. sent counts the messages to each.
func twoPlaces(t *testing.T) (p *plant, sent map[string]*atomic.Int64) {
	t.Helper()
	sent = map[string]*atomic.Int64{"left": {}, "right": {}}
	router := func(p *plant) executors.Dispatcher {
		at := map[string]executors.Dispatcher{}
		for name, n := range sent {
			x, err := queueexec.Open(queueexec.Config{Queue: func(context.Context, string) (*queue.Queue, error) { return p.queue(name), nil }})
			if err != nil {
				t.Fatal(err)
			}
			at[name] = counting{x, n}
		}
		x, err := routeexec.Open(routeexec.Config{Rule: routeexec.Rule{{Name: "left"}, {Name: "right"}}, Dispatchers: at})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	p = newPlant(t, func(p *plant, c *tick.Config) {
		c.Open = func(executors.Report) (executors.Executor, error) { return router(p), nil }
	})
	for name := range sent {
		p.worker(name, func(c *tick.WorkerConfig) {
			c.Queues = map[string]*queue.Queue{name: p.queue(name)}
			c.Executor = named{router(p), name}
			if name == "right" { // its claims have another name than its place
				c.Executor, c.Place = named{router(p), "pods"}, name
			}
			// The one at the left takes what its author says, as workers of queues do.
			c.Accepts = func(_ *dag.DAG, t *dag.Task) bool { return t.Executor == name || name == "left" }
		})
	}
	return p, sent
}

type counting struct {
	executors.Dispatcher
	n *atomic.Int64
}

func (c counting) Start(ctx context.Context, work ...executors.Work) []error {
	c.n.Add(int64(len(work)))
	return c.Dispatcher.Start(ctx, work...)
}

// placeAt replaces the placements of a DAG, as another process does.
func (p *plant) placeAt(d *dag.DAG, list ...run.Placement) {
	p.t.Helper()
	err := tick.ChangePlacements(p.t.Context(), p.openStore(), d.ID, func([]run.Placement) ([]run.Placement, error) { return list, nil })
	if err != nil {
		p.t.Fatal(err)
	}
}

// places are where the tasks of a run have run, by task.
func (p *plant) places(id run.ID) map[string]string {
	p.t.Helper()
	data, err := p.store.Run(p.t.Context(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string]string{}
	for _, in := range data.Instances {
		if out[in.Task] = in.Executor; in.Executor == "pods" {
			out[in.Task] = "right"
		}
	}
	return out
}

func (p *plant) once() {
	p.t.Helper()
	for name, n := range p.counts() {
		if n != 1 {
			p.t.Errorf("%s was executed %d times", name, n)
		}
	}
}

// TestChainMovesWithItsPlacement: the chain goes on in the worker at the left until it is
// placed at the right, in the middle of a run, and back.
func TestChainMovesWithItsPlacement(t *testing.T) {
	t.Parallel()
	p, sent := twoPlaces(t)
	d := chain(9)
	d.MaxActiveTasks = 16
	p.put(d)
	moves := map[string][]run.Placement{
		"t00002": {{Executor: "right", Share: run.Whole, At: time.Now()}},
		"t00005": {{Executor: "right", Share: run.Whole, At: time.Now(), Ended: time.Now()}},
	}
	for task, list := range moves {
		p.acts[task] = func(ctx context.Context, w executors.Work) run.Report {
			p.placeAt(d, list...)
			return succeed(ctx, w)
		}
	}
	p.succeeded(d, "r1")
	for task, got := range p.places(run.ID{DAG: d.ID, Run: "r1"}) {
		want := "left"
		if task > "t00002" && task <= "t00005" {
			want = "right"
		}
		if got != want {
			t.Errorf("%s has run at %s, want %s", task, got, want)
		}
	}
	p.once()
	// Each worker goes on by itself while it may.
	if l, r := sent["left"].Load(), sent["right"].Load(); l != 2 || r != 1 {
		t.Errorf("%d messages to the left and %d to the right, want 2 and 1", l, r)
	}
}

// TestPlacementsOfTasksAndRuns: the engine and the workers send each attempt where its task
// and run are placed.
func TestPlacementsOfTasksAndRuns(t *testing.T) {
	t.Parallel()
	p, _ := twoPlaces(t)
	d := mixed(6)
	for _, task := range d.Tasks {
		if task.ID == "fan01" {
			task.Executor = "right"
		}
	}
	p.acts["flaky"], p.acts["list"] = failsOnce, yields(3)
	p.put(d)
	half := run.Share(50_00)
	p.placeAt(d,
		run.Placement{Executor: "right", Share: half, At: time.Now()},
		run.Placement{Executor: "left", Share: run.Whole, Tasks: []string{"fan0[12]"}, At: time.Now()},
		run.Placement{Executor: "moon", Share: run.Whole, Tasks: []string{"join"}, At: time.Now()},
	)
	if err := p.engine.DAGsChanged(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	sides := map[string]int{}
	for i := range 6 {
		id := run.ID{DAG: d.ID, Run: fmt.Sprintf("r%d", i)}
		p.succeeded(d, id.Run)
		side := "left"
		if half.Has(id) {
			side = "right"
		}
		sides[side]++
		for task, got := range p.places(id) {
			want := side
			switch task {
			case "fan01", "fan02":
				want = "left"
			case "join": // there is no moon: it goes where it went before
				want = "left"
			}
			if got != want {
				t.Errorf("run %s: %s has run at %s, want %s", id.Run, task, got, want)
			}
		}
	}
	if len(sides) != 2 {
		t.Errorf("runs are on sides %v: the test needs both", sides)
	}
}

// TestPlacementsAreChangedTogether: nobody overwrites what another process has changed.
func TestPlacementsAreChangedTogether(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	d := chain(1)
	p.put(d)
	add := func(x string) error {
		return tick.ChangePlacements(t.Context(), p.openStore(), d.ID, func(list []run.Placement) ([]run.Placement, error) {
			return append(list, run.Placement{Executor: x, Share: run.Whole, At: time.Now()}), nil
		})
	}
	errs := make(chan error)
	for i := range 4 {
		go func() { errs <- add(fmt.Sprintf("x%d", i)) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	def, err := p.store.DAG(t.Context(), d.ID)
	if err != nil || len(def.State.Placements) != 4 {
		t.Errorf("placements are %v, %v; want 4", def.State.Placements, err)
	}
	none := func(list []run.Placement) ([]run.Placement, error) { return list, nil }
	if err := tick.ChangePlacements(t.Context(), p.store, "no", none); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("placements of no DAG: %v", err)
	}
	refused := errors.New("refused")
	if err := tick.ChangePlacements(t.Context(), p.store, d.ID, func([]run.Placement) ([]run.Placement, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("a refused change: %v", err)
	}
}

// reads counts the reads of a store.
type reads struct {
	store.Store
	n map[string]int
}

func (r reads) DAG(ctx context.Context, id string) (store.Definition, error) {
	r.n["DAG"]++
	return r.Store.DAG(ctx, id)
}

func (r reads) ListDAGs(ctx context.Context, f store.DAGFilter, p store.Page) (store.DAGList, error) {
	r.n["ListDAGs"]++
	return r.Store.ListDAGs(ctx, f, p)
}

func (r reads) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	r.n["Run"]++
	return r.Store.Run(ctx, id, tasks...)
}

func (r reads) Settings(ctx context.Context, k store.Kind) ([]store.Setting, error) {
	r.n["Settings"]++
	return r.Store.Settings(ctx, k)
}

// keeper is a dispatcher that keeps where what it is given is placed.
type keeper struct {
	executors.Dispatcher
	placed map[string]string
}

func (k keeper) Start(_ context.Context, work ...executors.Work) []error {
	for _, w := range work {
		k.placed[w.Run.Run+" "+w.Instance.Task] = w.Placed
	}
	return make([]error, len(work))
}

// TestPlacementsAreReadWithTheRest: a pass that sends attempts reads as much with placements
// as without.
func TestPlacementsAreReadWithTheRest(t *testing.T) {
	t.Parallel()
	pass := func(schedule bool, list ...run.Placement) (counts map[string]int, placed map[string]string) {
		p := &plant{t: t, dir: t.TempDir()}
		p.store = p.openStore()
		d := fan(3)
		d.MaxActiveTasks = 16
		body, version, err := dag.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		def := store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now(), State: store.DAGState{Placements: list}}
		if err := p.store.PutDAG(t.Context(), def); err != nil {
			t.Fatal(err)
		}
		for _, r := range []string{"r1", "r2"} {
			err := tick.ApplyEdit(t.Context(), tick.NewLoader(p.store), time.Now, func(ctx context.Context, e *tick.Edit) error {
				if _, err := e.DAG(ctx, d.ID); err != nil {
					return err
				}
				e.Snapshot.Create(run.Run{ID: run.ID{DAG: d.ID, Run: r}, Type: run.TypeManual, RunAfter: e.Now}, e.Now)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		st, k := reads{p.store, map[string]int{}}, keeper{p.sender(), map[string]string{}}
		e, err := tick.New(tick.Config{
			Store: st, Now: time.Now, Worker: "engine", Token: p.token, Log: p.log(), Schedule: schedule, QueueTimeout: time.Hour,
			Open: func(executors.Report) (executors.Executor, error) { return k, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		return st.n, k.placed
	}
	for _, schedule := range []bool{false, true} {
		without, nowhere := pass(schedule)
		with, placed := pass(schedule, run.Placement{Executor: "right", Share: run.Whole, At: time.Now()})
		if diff := cmp.Diff(without, with); diff != "" || len(with) == 0 {
			t.Errorf("schedule %t: reads without and with placements:\n%s", schedule, diff)
		}
		if len(placed) == 0 || len(placed) != len(nowhere) {
			t.Errorf("schedule %t: %d attempts were sent, and %d without a placement", schedule, len(placed), len(nowhere))
		}
		for what := range placed {
			if placed[what] != "right" || nowhere[what] != "" {
				t.Errorf("schedule %t: %s is placed at %q, and at %q without a placement", schedule, what, placed[what], nowhere[what])
			}
		}
	}
}
