package cloudtest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/cloudtest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/storetest"
	"github.com/updraft-dev/updraft/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// today is a time that the parts take for one at which they may run.
func today() time.Time { return time.Date(2026, 11, 30, 4, 0, 0, 0, time.UTC) }

// inMemory gives each process a connection of its own to one store. SQLite would not do:
// its waits for the disk and for locks are none that virtual time passes for.
func inMemory() func(context.Context, *cloudtest.Process) (store.Store, error) {
	m := storetest.NewModel()
	return func(context.Context, *cloudtest.Process) (store.Store, error) { return shared{m}, nil }
}

// shared is a store that stays open for the others.
type shared struct{ store.Store }

func (shared) Close() error { return nil }

// operators are one that takes a second.
func operators() *embedded.Operators {
	op := &task.Operator{Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
		select {
		case <-time.After(time.Second):
			return task.Result{}, nil
		case <-ctx.Done():
			return task.Result{}, context.Cause(ctx)
		}
	}}
	return &embedded.Operators{Catalog: func() *dag.Catalog { return dag.NewCatalog() }, Lookup: func(path string) *task.Operator {
		if path == "work" {
			return op
		}
		return nil
	}}
}

func chain(n int) *dag.DAG {
	d := &dag.DAG{ID: "chain", MaxActiveRuns: 16, MaxActiveTasks: 1000}
	for i := range n {
		t := dag.NewTask(fmt.Sprintf("t%d", i), "work")
		if i > 0 {
			t.Upstream = []string{d.Tasks[i-1].ID}
		}
		d.Tasks = append(d.Tasks, t)
	}
	return d
}

func put(t testing.TB, s store.Store, d *dag.DAG) {
	t.Helper()
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutDAG(t.Context(), store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// running has an account work that has one DAG, from today on, until end, which wants nothing
// to have gone wrong with it.
func running(t *testing.T, c cloudtest.Config, d *dag.DAG) (a *cloudtest.Account, cli *embedded.Function, end func()) {
	t.Helper()
	wait(t, time.Until(today()))
	a = cloudtest.New(c)
	cli, err := a.Client("cli")
	if err != nil {
		t.Fatal(err)
	}
	put(t, cli.Store, d)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		a.Run(ctx)
		close(done)
	}()
	return a, cli, func() {
		t.Helper()
		cancel()
		<-done
		if err := cli.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		for _, p := range a.Problems() {
			t.Error(p)
		}
	}
}

func TestChain(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	open := inMemory()
	synctest.Test(t, func(t *testing.T) {
		a, cli, end := running(t, cloudtest.Config{Seed: 1, Store: open, Operators: operators(), Home: home}, chain(10))
		r, err := cli.Trigger(t.Context(), task.Trigger{DAG: "chain"}, "cli")
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			wait(t, time.Second)
			if r, err = last(t.Context(), cli.Store, r.ID); err != nil || r.State.Finished() {
				break
			}
		}
		end()
		if err != nil || r.State != run.RunSuccess {
			t.Fatalf("the run is %s, %v", r.State, err)
		}
		// One worker goes from task to task; the scheduler begins and ends the run.
		u := a.Usage()
		if n := u.Functions["updraft-worker"].Invocations; n != 1 {
			t.Errorf("%d invocations of workers, want 1", n)
		}
		if n := u.Functions["updraft-scheduler"].Invocations; n < 2 {
			t.Errorf("%d invocations of schedulers, want 2 at least", n)
		}
		if took := u.Functions["updraft-worker"].Billed; took < 10*time.Second {
			t.Errorf("%s of workers are billed, want 10s at least", took)
		}
	})
}

// wait lets virtual time pass.
func wait(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

func last(ctx context.Context, s store.Store, id run.ID) (run.Run, error) {
	d, err := s.Run(ctx, id)
	return d.Run, err
}
