package tick

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// Edit is a snapshot that somebody other than the planner changes: trigger, clear,
// mark. What it needs is loaded on demand.
type Edit struct {
	*Loader
	Snapshot *scheduler.Snapshot
	Now      time.Time
	// fresh, if not nil, are the runs loaded in this turn. The others are loaded when they
	// are asked for, even if they are there: workers have written since.
	fresh map[run.ID]bool
}

// Run returns the view of a run, loading it if it is not there.
func (e *Edit) Run(ctx context.Context, id run.ID) (*scheduler.View, error) {
	if v := e.Snapshot.Run(id); v != nil && (e.fresh == nil || e.fresh[id]) {
		return v, nil
	}
	if _, err := e.DAG(ctx, id.DAG); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	v, err := e.AddRun(ctx, e.Snapshot, id)
	if err == nil && e.fresh != nil {
		e.fresh[id] = true
	}
	return v, err
}

// DAG returns what is known of a DAG, loading it if it is not there.
func (e *Edit) DAG(ctx context.Context, id string) (scheduler.DAGInfo, error) {
	if info, ok := e.Snapshot.DAG(id); ok {
		return info, nil
	}
	def, err := e.store.DAG(ctx, id)
	if err != nil {
		return scheduler.DAGInfo{}, fmt.Errorf("DAG %s: %w", id, err)
	}
	if err := e.AddDAG(ctx, e.Snapshot, def); err != nil {
		return scheduler.DAGInfo{}, err
	}
	info, _ := e.Snapshot.DAG(id)
	return info, nil
}

// Neighbours loads the runs of a DAG before and after a run, as a clear or mark with
// past or future needs them.
func (e *Edit) Neighbours(ctx context.Context, id run.ID) error {
	page := store.Page{Limit: 1000}
	for {
		list, err := e.store.ListRuns(ctx, store.RunFilter{DAG: id.DAG}, page)
		if err != nil {
			return fmt.Errorf("list runs of DAG %s: %w", id.DAG, err)
		}
		for _, r := range list.Items {
			if _, err := e.Run(ctx, r.ID); err != nil {
				return err
			}
		}
		if page.Token = list.Next; page.Token == "" {
			return nil
		}
	}
}

// UpdateAsset notes an update of an asset by somebody other than a task. It is dated now.
func (e *Edit) UpdateAsset(ev run.AssetEvent) error {
	if err := store.CheckName("asset", ev.Asset); err != nil {
		return err
	}
	e.Snapshot.Emit([]run.AssetEvent{ev}, e.Now)
	return nil
}

// editTries is how often an edit is made while others keep changing the same runs.
const editTries = 10

// ApplyEdit makes an edit without an engine: on a snapshot of its own, committed at
// once. An engine in another process notices the change. It tries again when somebody
// else changed the same things in between.
func ApplyEdit(ctx context.Context, l *Loader, now func() time.Time, edit func(context.Context, *Edit) error) error {
	for i := 1; ; i++ {
		e := &Edit{Loader: l, Snapshot: scheduler.NewSnapshot(), Now: now()}
		if err := edit(ctx, e); err != nil {
			return err
		}
		batches := e.Snapshot.Flush()
		if len(batches) == 0 {
			return nil
		}
		res, err := l.store.Apply(ctx, batches...)
		if err != nil {
			return err
		}
		for _, cause := range res.Refused {
			return cause
		}
		if res.OK() {
			return nil
		}
		if i == editTries {
			return fmt.Errorf("%s: %w", batches[0].Run, store.ErrConflict)
		}
	}
}

// SetPaused pauses or unpauses a DAG. Asset updates that wait for a run go on waiting;
// those that come meanwhile are lost to the schedule.
func SetPaused(ctx context.Context, s store.Store, id string, paused bool) error {
	for {
		def, err := s.DAG(ctx, id)
		if err != nil {
			return fmt.Errorf("DAG %s: %w", id, err)
		}
		if def.State.Paused == paused {
			return nil
		}
		if err := keepUpdates(ctx, s, &def); err != nil {
			return err
		}
		def.State.Paused = paused
		if _, err = s.SetDAG(ctx, id, def.State); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// keepUpdates notes in the state of a DAG which asset updates wait for a run, and until
// when updates are known.
func keepUpdates(ctx context.Context, s store.Store, def *store.Definition) error {
	l := NewLoader(s)
	g, err := l.compile(def.ID, def.Version, def.File, def.Body)
	if err != nil {
		return err
	}
	info := scheduler.DAGInfo{Graph: g, Paused: def.State.Paused}
	if err := l.fillAssets(ctx, &info, &def.State); err != nil {
		return err
	}
	def.State.Assets = info.Assets
	for _, ev := range info.Events {
		if ev.At.After(def.State.AssetsAfter) {
			def.State.AssetsAfter = ev.At
		}
	}
	return nil
}
