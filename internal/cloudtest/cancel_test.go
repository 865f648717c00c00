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
		began, stopped := make(chan time.Time, 1), make(chan time.Time, 1)
		op := &task.Operator{Run: func(ctx context.Context, _ *task.Attempt) (task.Result, error) {
			began <- time.Now()
			<-ctx.Done()
			stopped <- time.Now()
			return task.Result{}, context.Cause(ctx)
		}}
		_, cli, end := running(t, cloudtest.Config{Seed: 1, Store: open, Home: home, Operators: &embedded.Operators{
			Catalog: func() *dag.Catalog { return dag.NewCatalog() }, Lookup: func(string) *task.Operator { return op },
		}}, chain(1))
		r, err := cli.Trigger(t.Context(), task.Trigger{DAG: "chain"}, "cli")
		if err != nil {
			t.Fatal(err)
		}
		<-began
		wait(t, 12*time.Second)
		marked := time.Now()
		if _, _, err := cli.Mark(t.Context(), embedded.Mark{Run: r.ID, Tasks: []string{"t0"}, State: run.Failed}); err != nil {
			t.Fatal(err)
		}
		if took := (<-stopped).Sub(marked); took > 6*time.Second {
			t.Errorf("the task was stopped %s after it was marked as failed", took)
		}
		wait(t, time.Minute)
		end()
	})
}
