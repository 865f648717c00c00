package filelogs

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/layout"
	"github.com/updraft-dev/updraft/run"
)

// List implements logs.Driver.
func (d *driver) List(ctx context.Context, s logs.Scope) iter.Seq2[logs.Info, error] {
	return func(yield func(logs.Info, error) bool) {
		w := walker{ctx: ctx, yield: yield}
		w.level(d.root, layout.DAG, s.DAG, func(dir, dag string) bool {
			return w.level(dir, layout.Run, s.Run, func(dir, runID string) bool {
				return w.level(dir, layout.Task, s.Task, func(dir, task string) bool {
					return w.task(dir, run.Key{ID: run.ID{DAG: dag, Run: runID}, Task: task}, s.Map)
				})
			})
		})
	}
}

// walker goes through the folders of a scope. Its methods say whether to go on.
type walker struct {
	ctx   context.Context
	yield func(logs.Info, error) bool
}

func (w *walker) fail(err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return true // just removed
	}
	return w.yield(logs.Info{}, err)
}

// level visits the folders of one level in dir: that of an id, or all if it is empty.
func (w *walker) level(dir, level, id string, visit func(dir, id string) bool) bool {
	if w.ctx.Err() != nil {
		w.yield(logs.Info{}, context.Cause(w.ctx))
		return false
	}
	if id != "" {
		return visit(filepath.Join(dir, limit.Folder(level, id).Name), id)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return w.fail(err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		id, ok, err := parseFolder(dir, level, e.Name())
		if err != nil && !w.fail(err) {
			return false
		}
		if ok && !visit(filepath.Join(dir, e.Name()), id) {
			return false
		}
	}
	return true
}

// task visits the folders of one task.
func (w *walker) task(dir string, k run.Key, index *int) bool {
	if index == nil || *index == run.Unmapped {
		k.Map = run.Unmapped
		if !w.instance(dir, k) {
			return false
		}
	}
	if index != nil {
		if k.Map = *index; k.Map == run.Unmapped {
			return true
		}
		return w.instance(filepath.Join(dir, layout.MapFolder(k.Map)), k)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return w.fail(err)
	}
	for _, e := range entries {
		n, ok := layout.ParseMapFolder(e.Name())
		if !ok || !e.IsDir() {
			continue // not ours
		}
		if k.Map = n; !w.instance(filepath.Join(dir, e.Name()), k) {
			return false
		}
	}
	return true
}

// instance visits the logs of one instance.
func (w *walker) instance(dir string, k run.Key) bool {
	all, err := tries(dir)
	if err != nil {
		return w.fail(err)
	}
	for _, info := range all {
		info.Attempt.Key = k
		if !w.yield(info, nil) {
			return false
		}
	}
	return true
}
