package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// StandaloneOptions say what Standalone does.
type StandaloneOptions struct {
	// OnReady is told the address it serves on, once DAGs are loaded and scheduled.
	OnReady func(address string, first Synced)
	// Grace is how long running tasks may go on after ctx ended.
	Grace time.Duration
	// Metrics are told what is committed, and served at /metrics. Nil: there are none.
	Metrics Metrics
}

// Standalone schedules a folder of DAG files until ctx ends: it watches the files,
// executes tasks, keeps house (old logs and runs), and serves /health, /metrics and
// /status on the listen address.
func (i *Installation) Standalone(ctx context.Context, o StandaloneOptions) error {
	return i.serve(ctx, o, i.Work)
}

// serve does what Standalone does, but for the work.
func (i *Installation) serve(ctx context.Context, o StandaloneOptions, work func(context.Context, WorkOptions, func(context.Context, *tick.Engine) error) error) error {
	var is condition
	front := i.front(&is, o.Metrics)
	defer front.close()
	// A process that cannot work should say so before it reads and stores anything.
	ctx, leave, err := i.awaitTurn(ctx, func() error {
		is.waiting.Store(true)
		return front.start(i.Config.Text("listen"))
	}, is.seeStore)
	if err != nil {
		return err
	}
	defer leave()
	is.waiting.Store(false)
	if err := front.start(i.Config.Text("listen")); err != nil {
		return err
	}
	files, err := i.Folder(ctx)
	if err != nil {
		return err
	}
	// What takes longest comes first: the rest starts on what is stored already.
	first, err := i.SyncDAGs(ctx, files)
	if err != nil {
		return err
	}
	i.tell(first)
	guard, err := i.guardian()
	if err != nil {
		return err
	}
	doing := WorkOptions{Schedule: true, OnStore: is.seeStore, Grace: o.Grace, has: true}
	if o.Metrics != nil {
		doing.OnChange = o.Metrics.See
	}
	return work(ctx, doing, func(ctx context.Context, e *tick.Engine) error {
		is.ready.Store(true)
		defer is.ready.Store(false)
		if o.OnReady != nil {
			o.OnReady(front.address(), first)
		}
		release() // loading took much that is not needed again
		g, all := errgroup.WithContext(ctx)
		g.Go(func() error { return front.wait(all) })
		g.Go(func() error { return i.watch(all, files, e) })
		g.Go(func() error { return i.keepHouse(all) })
		g.Go(func() error { return guard(all) })
		err := g.Wait()
		if lost := context.Cause(ctx); errors.Is(lost, errOvertaken) {
			return errors.Join(err, lost)
		}
		if ctx.Err() != nil {
			i.Log.Info("stopping: running tasks may go on for the grace; a second signal ends everything at once", "grace", o.Grace)
		}
		return err
	})
}

// watch stores what changes in the folder and tells the engine.
func (i *Installation) watch(ctx context.Context, files *bag.Bag, e *tick.Engine) error {
	err := files.Watch(ctx, func(c bag.Changes) {
		synced, err := i.store(ctx, files, c)
		if err != nil {
			i.Log.ErrorContext(ctx, "storing changed DAG files", "error", err)
		}
		i.tell(synced)
		if len(synced.IDs()) == 0 {
			return
		}
		if err := e.DAGsChanged(ctx, synced.IDs()...); err != nil && ctx.Err() == nil {
			i.Log.ErrorContext(ctx, "scheduling changed DAGs", "error", err)
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// guardInterval is how often guard looks.
const guardInterval = 2 * time.Second

// guardian makes a guard of a database that is a file; another one needs none.
func (i *Installation) guardian() (func(context.Context) error, error) {
	path := i.Config.File("store")
	if path == "" {
		return func(context.Context) error { return nil }, nil
	}
	database, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("look at the database: %w", err)
	}
	return func(ctx context.Context) error { return guard(ctx, path, database) }, nil
}

// guard returns an error when the file of the database is no longer the one that was
// opened: the system lets a process go on with a file that was removed, and all that it
// writes would be gone with the process.
func guard(ctx context.Context, path string, opened fs.FileInfo) error {
	t := time.NewTicker(guardInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		now, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(opened, now) {
			return fmt.Errorf("the database %s was removed or replaced while it was in use: restore it, and start again", path)
		}
	}
}

// tell logs what a look at the DAG files brought.
func (i *Installation) tell(s Synced) {
	for _, w := range s.Warnings {
		i.Log.Warn(w.Error())
	}
	for _, e := range s.Errors {
		i.Log.Error("DAG file is broken; what it last had goes on", "file", e.File, "error", e.Error)
	}
	if len(s.Stored) > 0 || len(s.Stale) > 0 {
		i.Log.Info("DAG files read", "stored", len(s.Stored), "gone", len(s.Stale), "broken", len(s.Errors))
	}
}

// houseInterval is how often old logs and runs are looked for.
const houseInterval = time.Hour

// keepHouse removes logs and runs that are older than the settings say.
func (i *Installation) keepHouse(ctx context.Context) error {
	t := time.NewTicker(houseInterval)
	defer t.Stop()
	for {
		if err := i.Clean(ctx); err != nil && ctx.Err() == nil {
			i.Log.ErrorContext(ctx, "removing what is old", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// Clean removes logs and finished runs that are older than log_retention and
// run_retention say.
func (i *Installation) Clean(ctx context.Context) error {
	var err error
	if keep := i.Config.Duration("log_retention"); keep > 0 {
		if _, lerr := i.Logs.Clean(ctx, logs.Retention{Before: i.Now().Add(-keep)}); lerr != nil {
			err = errors.Join(err, fmt.Errorf("remove old logs: %w", lerr))
		}
	}
	if keep := i.Config.Duration("run_retention"); keep > 0 {
		if k, kerr := i.Keeper(); errors.Is(kerr, ErrNoKeeper) {
			// Its service removes what is old.
		} else if _, serr := k.Clean(ctx, i.Now().Add(-keep)); serr != nil {
			err = errors.Join(err, fmt.Errorf("remove old runs: %w", serr))
		}
	}
	return errors.Join(err, i.XComs.Sweep(ctx, i.runs(ctx), i.Now().Add(-houseInterval)))
}

// runs are the ids of all runs.
func (i *Installation) runs(ctx context.Context) iter.Seq2[run.ID, error] {
	return func(yield func(run.ID, error) bool) {
		for page := (store.Page{Limit: 1000}); ; {
			list, err := i.Store.ListRuns(ctx, store.RunFilter{}, page)
			if err != nil {
				yield(run.ID{}, fmt.Errorf("list runs: %w", err))
				return
			}
			for _, r := range list.Items {
				if !yield(r.ID, nil) {
					return
				}
			}
			if page.Token = list.Next; page.Token == "" {
				return
			}
		}
	}
}
