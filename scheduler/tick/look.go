package tick

import (
	"context"
	"errors"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// Around returns a snapshot of what decides about a run: the run, its DAG, pools and
// backfills, and every unfinished run, since those hold the slots. It is for looking
// (scheduler.Snapshot.Explain), not for changing.
func (l *Loader) Around(ctx context.Context, id run.ID) (*scheduler.Snapshot, error) {
	s := scheduler.NewSnapshot()
	if err := loadPools(ctx, l.store, s); err != nil {
		return nil, err
	}
	if err := loadBackfills(ctx, l.store, s); err != nil {
		return nil, err
	}
	// Other runs that cannot be loaded hold no slots: the engine leaves them out too.
	if err := l.Active(ctx, s); err != nil && s.Empty() {
		return nil, err
	}
	if s.Run(id) == nil {
		if _, err := l.AddRun(ctx, s, id); err != nil {
			return nil, err
		}
	}
	def, err := l.store.DAG(ctx, id.DAG)
	if errors.Is(err, store.ErrNotFound) {
		return s, nil // its runs keep their version
	}
	if err == nil {
		err = l.AddDAG(ctx, s, def)
	}
	return s, err
}
