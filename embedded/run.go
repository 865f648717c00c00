package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// RunOptions say what RunOnce does.
type RunOptions struct {
	// Targets are DAG files or ids of stored DAGs; each runs once.
	Targets []string
	// RunID is the id of every run; empty makes one as Airflow does.
	RunID string
	// LogicalDate of the runs; nil is now.
	LogicalDate *time.Time
	Conf        json.RawMessage
	// OnStart is told of the runs before anything of them happens.
	OnStart func([]run.Run)
	// OnChange is told of what happens, in order.
	OnChange func([]run.Batch)
}

// LoadFile stores the DAGs of a file and returns their ids, warnings beside.
func (i *Installation) LoadFile(ctx context.Context, path string) (ids []string, warnings []error, err error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the DAG file: %w", err)
	}
	dir, rel, err := i.place(path)
	if err != nil {
		return nil, nil, err
	}
	res, err := i.loadWith(i.loaders(ctx, dir, i.Config.Bool("strict")), rel, src)
	if err != nil {
		return nil, res.Warnings, err
	}
	if len(res.DAGs) == 0 {
		return nil, res.Warnings, fmt.Errorf("%s has no DAG", path)
	}
	for _, d := range res.DAGs {
		if _, err := i.putDAG(ctx, d, rel); err != nil {
			return nil, res.Warnings, err
		}
		ids = append(ids, d.ID)
	}
	return ids, res.Warnings, nil
}

// loadWith reads a file with the loader that it is for; p is as loaders take it.
func (i *Installation) loadWith(loaders []bag.Loader, p string, src []byte) (bag.Loaded, error) {
	for _, l := range loaders {
		if l.Accepts(p) {
			return l.Load(p, src)
		}
	}
	return bag.Loaded{}, fmt.Errorf("%s is no DAG file: their names end in .yaml, .yml, .py or .zip", p)
}

// place returns the folder a DAG file belongs to and its path there: the DAG folder if
// it lies below, else its own folder, with the whole path.
func (i *Installation) place(path string) (dir, rel string, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", "", err
	}
	dir = i.Config.Text("dags")
	if below, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(below) {
		return dir, filepath.ToSlash(below), nil
	}
	return filepath.Dir(abs), abs, nil
}

// isFile says whether a target names a file rather than a DAG.
func isFile(target string) bool {
	ext := filepath.Ext(target)
	return ext == ".yaml" || ext == ".yml" || ext == ".py" || ext == ".zip" || strings.ContainsRune(target, filepath.Separator)
}

// resolve returns the ids of the DAGs that targets name, once each.
func (i *Installation) resolve(ctx context.Context, targets []string) ([]string, error) {
	var ids []string
	var faults []error
	seen := map[string]bool{}
	for _, t := range targets {
		found := []string{t}
		var err error
		if isFile(t) {
			var warnings []error
			found, warnings, err = i.LoadFile(ctx, t)
			for _, w := range warnings {
				i.Log.Warn(w.Error())
			}
		} else {
			err = i.known(ctx, t)
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			faults = append(faults, fmt.Errorf("DAG %s is not known: give its file; %s", t, i.nearDAG(ctx, t)))
		case err != nil:
			faults = append(faults, err)
		}
		for _, id := range found {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids, errors.Join(faults...)
}

// known says whether a DAG is there, after a look at the DAG folder if it is not.
func (i *Installation) known(ctx context.Context, id string) error {
	_, err := i.Store.DAG(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if _, err := i.Refresh(ctx); err != nil {
		return err
	}
	_, err = i.Store.DAG(ctx, id)
	return err
}

// RunOnce runs DAGs once, now, and returns when their runs have ended, in the order of
// the targets. When ctx ends, running tasks are stopped and the runs are returned as
// they are, with ctx's error.
func (i *Installation) RunOnce(ctx context.Context, o RunOptions) ([]run.Run, error) {
	ids, err := i.resolve(ctx, o.Targets)
	if err != nil {
		return nil, err
	}
	watch := newWatcher()
	change := func(b []run.Batch) {
		if o.OnChange != nil {
			o.OnChange(b)
		}
		watch.see(b)
	}
	err = i.Work(ctx, WorkOptions{OnChange: change}, func(ctx context.Context, e *tick.Engine) error {
		runs, err := i.triggerAll(ctx, e, ids, o)
		if err != nil {
			return err
		}
		if o.OnStart != nil {
			o.OnStart(runs)
		}
		return watch.wait(ctx, runs)
	})
	return watch.result(), err
}

func (i *Installation) triggerAll(ctx context.Context, e *tick.Engine, ids []string, o RunOptions) ([]run.Run, error) {
	var runs []run.Run
	err := e.Do(ctx, func(ctx context.Context, ed *tick.Edit) error {
		at := ed.Now
		if o.LogicalDate != nil {
			at = *o.LogicalDate
		}
		for _, id := range ids {
			r, err := ed.Trigger(ctx, task.Trigger{DAG: id, Run: o.RunID, LogicalDate: &at, Conf: o.Conf}, "cli", Suffix)
			if err != nil {
				return err
			}
			runs = append(runs, r)
		}
		return nil
	})
	return runs, err
}

// watcher waits until runs have ended. It is fed from the engine's loop, which it never
// holds up.
type watcher struct {
	mu   sync.Mutex
	last map[run.ID]run.Run
	wake chan struct{}
	// order are the runs waited for.
	order []run.ID
}

func newWatcher() *watcher {
	return &watcher{last: map[run.ID]run.Run{}, wake: make(chan struct{}, 1)}
}

// see takes what the engine committed.
func (w *watcher) see(batches []run.Batch) {
	w.mu.Lock()
	for _, b := range batches {
		if b.Create != nil {
			w.last[b.Run] = *b.Create
		}
		if b.Update != nil {
			w.last[b.Run] = b.Update.Want
		}
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// wait returns when all runs have ended.
func (w *watcher) wait(ctx context.Context, runs []run.Run) error {
	for _, r := range runs {
		w.order = append(w.order, r.ID)
	}
	for {
		if !slices.ContainsFunc(w.result(), func(r run.Run) bool { return !r.State.Finished() }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-w.wake:
		}
	}
}

func (w *watcher) result() []run.Run {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]run.Run, 0, len(w.order))
	for _, id := range w.order {
		r, ok := w.last[id]
		if !ok {
			r.ID = id
		}
		out = append(out, r)
	}
	return out
}
