package tick

import (
	"context"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// Preview returns the run that Edit.Trigger would make of a DAG at a time, and makes
// none: a simulation begins with it. The errors are Trigger's about the conf, the params
// and the run id.
func Preview(g *dag.Graph, t task.Trigger, now time.Time) (run.Run, error) {
	t.DAG = g.DAG.ID
	return newRun(scheduler.DAGInfo{Graph: g}, t, "cli", now, func() string { return "" })
}

// Pools returns the pools that are stored.
func Pools(ctx context.Context, st store.Store) (map[string]scheduler.Pool, error) {
	return pools(ctx, st)
}
