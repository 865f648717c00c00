package tick_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// gauged notes after every write how many slots are taken, at most.
type gauged struct {
	store.Store
	mu                   sync.Mutex
	all, pooled, limited int
}

func (g *gauged) Apply(ctx context.Context, b ...store.Batch) (store.Result, error) {
	res, err := g.Store.Apply(ctx, b...)
	if err != nil || len(b) == 0 {
		return res, err
	}
	data, err := g.Run(ctx, b[0].Run)
	if err != nil {
		return res, err
	}
	all, pooled, limited := 0, 0, 0
	for _, in := range data.Instances {
		if !in.State.Occupying() {
			continue
		}
		all++
		if in.Pool == "small" {
			pooled++
		}
		if in.Task == "each" {
			limited++
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all, g.pooled, g.limited = max(g.all, all), max(g.pooled, pooled), max(g.limited, limited)
	return res, nil
}

func TestWorkersKeepLimits(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	value, err := json.Marshal(settings.Pool{Slots: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.store.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "small", Value: value, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	// Pairs of a task in default_pool and one in the small pool, and a mapped task of which
	// one instance may run at a time.
	d := &dag.DAG{ID: "limits", MaxActiveRuns: 16, MaxActiveTasks: 6}
	for i := range 8 {
		first, second := dag.NewTask(fmt.Sprintf("first%d", i), "updraft.noop"), dag.NewTask(fmt.Sprintf("second%d", i), "updraft.noop")
		second.Upstream, second.Pool = []string{first.ID}, "small"
		d.Tasks = append(d.Tasks, first, second)
	}
	each := dag.NewTask("each", "updraft.noop")
	each.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: []any{1, 2, 3, 4, 5}}}}
	each.Upstream, each.MaxActivePerRun = []string{"second0"}, 1
	d.Tasks = append(d.Tasks, each)
	stores := make([]*gauged, 3)
	for i := range stores {
		stores[i] = &gauged{Store: p.openStore()}
		p.worker(fmt.Sprintf("worker%d", i), func(c *tick.WorkerConfig) { c.Store = stores[i] })
	}
	p.put(d)
	p.edit(func(ctx context.Context, e *tick.Edit) error { // as a load of the pools does
		e.Snapshot.SetPools(map[string]scheduler.Pool{"small": {Slots: 3}})
		return nil
	})
	p.succeeded(d, "r1")
	for _, g := range stores {
		if g.all > 6 || g.pooled > 3 || g.limited > 1 {
			t.Errorf("%d attempts at once, %d in the pool, %d of the mapped task; want at most 6, 3, 1", g.all, g.pooled, g.limited)
		}
	}
	if n := len(p.counts()); n != 21 {
		t.Errorf("%d attempts, want 21", n)
	}
}

func TestWorkersLeavePastToTheEngine(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	p.worker("worker", nil)
	d := chain(3)
	for _, task := range d.Tasks {
		task.DependsOnPast = true
	}
	p.put(d)
	at := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	p.edit(func(_ context.Context, e *tick.Edit) error {
		for i := range 3 {
			date := at.AddDate(0, 0, i)
			id := run.ID{DAG: d.ID, Run: fmt.Sprintf("r%d", i)}
			e.Snapshot.Create(run.Run{ID: id, Type: run.TypeManual, LogicalDate: &date, RunAfter: date}, e.Now)
		}
		return nil
	})
	var order []string
	for range 3 {
		r := p.wait()
		order = append(order, r.Run+" "+string(r.State))
	}
	if diff := cmp.Diff([]string{"r0 success", "r1 success", "r2 success"}, order); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func TestWorkerStopsGoingOnWhenPaused(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	begun, release := make(chan run.Attempt, 1), make(chan bool)
	p.acts["t00001"] = func(ctx context.Context, w executors.Work) run.Report {
		begun <- w.Attempt()
		<-release
		return succeed(ctx, w)
	}
	settled := make(chan run.Attempt, 10)
	p.worker("worker", func(c *tick.WorkerConfig) { c.OnSettled = func(a ...run.Attempt) { settled <- a[0] } })
	d := chain(3)
	p.put(d)
	id := p.trigger(d, "r1")
	<-begun
	pause := func(paused bool) {
		t.Helper()
		if err := tick.SetPaused(t.Context(), p.store, d.ID, paused); err != nil {
			t.Fatal(err)
		}
		if err := p.engine.DAGsChanged(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
	}
	pause(true)
	close(release)
	<-settled
	<-settled
	if data, err := p.store.Run(t.Context(), id, "t00002"); err != nil || len(data.Instances) > 0 && data.Instances[0].State != run.None {
		t.Errorf("after a pause it went on: %v, %v", data.Instances, err)
	}
	pause(false)
	if r := p.wait(); r.State != run.RunSuccess {
		t.Errorf("run ended %s: %s", r.State, r.Reason)
	}
}

// meddling interferes once with a certain write: then runs before it, and fail has it
// answered by an error although it was made.
type meddling struct {
	store.Store
	mu   sync.Mutex
	when func([]store.Batch) bool
	then func()
	fail error
}

func (m *meddling) Apply(ctx context.Context, b ...store.Batch) (store.Result, error) {
	m.mu.Lock()
	now := m.when != nil && m.when(b)
	if now {
		m.when = nil
	}
	m.mu.Unlock()
	if now && m.then != nil {
		m.then()
	}
	res, err := m.Store.Apply(ctx, b...)
	if now && err == nil {
		err = m.fail
	}
	return res, err
}

// starts selects the write that starts an attempt of a task.
func starts(task string) func([]store.Batch) bool {
	return func(b []store.Batch) bool {
		return slices.ContainsFunc(b[0].Changes, func(c run.Change) bool { return c.Want.Task == task && c.Want.State == run.Running })
	}
}

// A write of which the answer was lost costs nothing but the time to look.
func TestWorkerFindsWhatItHasWritten(t *testing.T) {
	t.Parallel()
	for _, task := range []string{"t00000", "t00001"} {
		t.Run(task, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, nil)
			st := &meddling{Store: p.openStore(), when: starts(task), fail: errFault}
			p.worker("worker", func(c *tick.WorkerConfig) { c.Store = st })
			d := chain(3)
			p.put(d)
			p.succeeded(d, "r1")
			if diff := cmp.Diff(map[string]int{"t00000#1": 1, "t00001#1": 1, "t00002#1": 1}, p.counts()); diff != "" {
				t.Errorf("executions (-want +got):\n%s", diff)
			}
		})
	}
}

// A report that loses to a clear in the last moment must not leave behind what it started.
func TestWorkerReturnsWhatALostReportHasStarted(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	d := chain(2)
	p.put(d)
	id := run.ID{DAG: d.ID, Run: "r1"}
	other := p.openStore()
	st := &meddling{Store: p.openStore(), when: starts("t00001")}
	st.then = func() {
		err := tick.ApplyEdit(context.Background(), tick.NewLoader(other), time.Now, func(ctx context.Context, e *tick.Edit) error {
			if _, err := e.Run(ctx, id); err != nil {
				return err
			}
			e.Snapshot.Clear(scheduler.Clear{Run: id, Tasks: []string{"t00000"}}, e.Now)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	var order []string
	p.worker("worker", func(c *tick.WorkerConfig) {
		c.Store = st
		c.Execute = func(ctx context.Context, w executors.Work) run.Report {
			p.mu.Lock()
			order = append(order, fmt.Sprintf("%s#%d", w.Instance.Task, w.Instance.Try))
			p.mu.Unlock()
			return succeed(ctx, w)
		}
	})
	p.succeeded(d, "r1")
	p.mu.Lock()
	defer p.mu.Unlock()
	if diff := cmp.Diff([]string{"t00000#1", "t00000#2", "t00001#1"}, order); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
}
