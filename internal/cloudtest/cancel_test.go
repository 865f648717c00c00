package cloudtest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/cloudtest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// TestCancel: a worker stops what somebody has taken from it within seconds, far from the end
// of its lease.
func TestCancel(t *testing.T) {
	t.Parallel()
	home, open := t.TempDir(), inMemory()
	synctest.Test(t, func(t *testing.T) {
		wait(t, time.Until(today()))
		began, stopped := make(chan time.Time, 1), make(chan time.Time, 1)
		op := &task.Operator{Run: func(ctx context.Context, _ *task.Attempt) (task.Result, error) {
			began <- time.Now()
			<-ctx.Done()
			stopped <- time.Now()
			return task.Result{}, context.Cause(ctx)
		}}
		a := cloudtest.New(cloudtest.Config{Seed: 1, Store: open, Home: home, Operators: &embedded.Operators{
			Catalog: func() *dag.Catalog { return dag.NewCatalog() }, Lookup: func(string) *task.Operator { return op },
		}})
		cli, err := a.Client("cli")
		if err != nil {
			t.Fatal(err)
		}
		put(t, cli.Store, chain(1))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			a.Run(ctx)
			close(done)
		}()
		r, err := cli.Trigger(ctx, task.Trigger{DAG: "chain"}, "cli")
		if err != nil {
			t.Fatal(err)
		}
		<-began
		wait(t, 12*time.Second)
		marked := time.Now()
		if _, _, err := cli.Mark(ctx, embedded.Mark{Run: r.ID, Tasks: []string{"t0"}, State: run.Failed}); err != nil {
			t.Fatal(err)
		}
		if took := (<-stopped).Sub(marked); took > 6*time.Second {
			t.Errorf("the task was stopped %s after it was marked as failed", took)
		}
		wait(t, time.Minute)
		cancel()
		<-done
		if err := cli.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for _, p := range a.Problems() {
			t.Error(p)
		}
	})
}
