package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

// kept is a real store that scenarios are replayed over, one after the other.
type kept struct {
	dir    string
	store  *sqlitestore.Store
	loader *tick.Loader
}

// put opens the store, if it is not open, and stores the scenario's DAG.
func (k *kept) put(ctx context.Context, d *dag.DAG, now time.Time) (err error) {
	if k.store == nil {
		if k.dir, err = os.MkdirTemp("", "updraft-conformance-"); err != nil {
			return err
		}
		k.store, err = sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(k.dir, "updraft.db"), Durability: sqlitestore.Normal})
		if err != nil {
			return err
		}
	}
	k.loader = tick.NewLoader(k.store)
	body, version, err := dag.Encode(d)
	if err != nil {
		return err
	}
	return k.store.PutDAG(ctx, store.Definition{ID: d.ID, Version: version, Body: body, At: now})
}

// load fills a snapshot as the engine does.
func (k *kept) load(ctx context.Context, s *scheduler.Snapshot) error {
	return errors.Join(k.loader.Active(ctx, s), k.loader.DAGs(ctx, s))
}

func (k *kept) apply(ctx context.Context, batches []run.Batch) error {
	if len(batches) == 0 {
		return nil
	}
	res, err := k.store.Apply(ctx, batches...)
	if err == nil && !res.OK() {
		err = fmt.Errorf("the store refused changes: %+v", res)
	}
	return err
}

// fetch loads a run that somebody wants to change, and its neighbours if they are
// concerned.
func (k *kept) fetch(ctx context.Context, s *scheduler.Snapshot, id run.ID, neighbours bool, now time.Time) error {
	e := &tick.Edit{Loader: k.loader, Snapshot: s, Now: now}
	if _, err := e.Run(ctx, id); err != nil || !neighbours {
		return err
	}
	return e.Neighbours(ctx, id)
}

// views are all runs as they are stored.
func (k *kept) views(ctx context.Context) ([]*scheduler.View, error) {
	list, err := k.store.ListRuns(ctx, store.RunFilter{DAG: dagID}, store.Page{Limit: 1000})
	if err != nil {
		return nil, err
	}
	var out []*scheduler.View
	for _, r := range list.Items {
		v, err := k.loader.View(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// drop deletes what a scenario has left.
func (k *kept) drop(ctx context.Context) {
	if err := k.store.DeleteDAG(ctx, dagID); err != nil {
		k.close() // the next scenario begins with a new store
	}
}

func (k *kept) close() {
	if k.store != nil {
		k.store.Close()
		os.RemoveAll(k.dir)
	}
	k.store = nil
}
