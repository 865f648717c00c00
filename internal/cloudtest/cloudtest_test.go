package cloudtest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/cloudtest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
	"github.com/updraft-dev/updraft/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// today is a time that the parts take for one at which they may run.
func today() time.Time { return time.Date(2026, 11, 30, 4, 0, 0, 0, time.UTC) }

// onSQLite gives each process a connection of its own to one database.
func onSQLite(t testing.TB) func(context.Context, *cloudtest.Process) (store.Store, error) {
	path := filepath.Join(t.TempDir(), "updraft.db")
	return func(ctx context.Context, p *cloudtest.Process) (store.Store, error) {
		s, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: path})
		if err == nil {
			p.OnKill(func() { s.Close() })
		}
		return s, err
	}
}

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

func TestChain(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	open := onSQLite(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(today()))
		a := cloudtest.New(cloudtest.Config{Seed: 1, Store: open, Operators: operators(), Home: home})
		cli, err := a.Client("cli")
		if err != nil {
			t.Fatal(err)
		}
		put(t, cli.Store, chain(10))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			a.Run(ctx)
			close(done)
		}()
		from := time.Now()
		r, err := cli.Trigger(ctx, task.Trigger{DAG: "chain"}, "cli")
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			time.Sleep(time.Second)
			if r, err = last(ctx, cli.Store, r.ID); err != nil || r.State.Finished() {
				break
			}
		}
		t.Logf("%s after %s, %v", r.State, r.End.Sub(from), err)
		cancel()
		<-done
		if err := cli.Close(t.Context()); err != nil {
			t.Error(err)
		}
		t.Logf("%+v\n%v\n%+v\n%v", a.Usage(), a.Problems(), a.Counts(), a.DeadLetters(cloudtest.PlanQueue))
	})
}

func last(ctx context.Context, s store.Store, id run.ID) (run.Run, error) {
	d, err := s.Run(ctx, id)
	return d.Run, err
}
