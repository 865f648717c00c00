// Package filesystem holds FileSensor, which looks at the worker's own file system.
package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// defaultConnection is Airflow's default of fs_conn_id.
const defaultConnection = "fs_default"

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{{
		Spec: dag.OperatorSpec{
			Class:   "airflow.providers.standard.sensors.filesystem.FileSensor",
			Aliases: []string{"airflow.sensors.filesystem.FileSensor", "airflow.contrib.sensors.file_sensor.FileSensor"},
			Doc:     "Waits for a file, or for a folder with a file in it.",
			Kind:    dag.OperatorSensor,
			Args: slices.Concat([]dag.ArgSpec{
				{
					Name: "filepath", Type: dag.ArgString, Required: true, Templated: true,
					Doc: "The file or folder, from the path of the connection; the wildcards *, ? and [a-z] are possible.",
				},
				{
					Name: "fs_conn_id", Type: dag.ArgString, Default: defaultConnection,
					Doc: "Connection whose extra path relative paths begin at; without the default one they begin at the DAG file's folder.",
				},
				{Name: "recursive", Type: dag.ArgBool, Default: false, Doc: "Let ** stand for any number of folders."},
				{Name: "start_from_trigger", Type: dag.ArgBool, Default: false, Doc: "Without effect: there is no triggerer."},
				{Name: "trigger_kwargs", Type: dag.ArgDict, Doc: "Without effect: there is no triggerer."},
				sensor.Deferrable(),
			}, sensor.Args()),
		},
		Resumable: true,
		Run:       run,
	}}
}

func run(ctx context.Context, a *task.Attempt) (task.Result, error) {
	path, err := pathOf(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	recursive, err := task.Get(a, "recursive", false)
	if err != nil {
		return task.Result{}, err
	}
	return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
		a.Log.InfoContext(ctx, "looking for "+path)
		found, err := look(ctx, path, recursive)
		if err != nil || found == nil {
			return false, nil, err
		}
		a.Log.InfoContext(ctx, fmt.Sprintf("found %s, last changed at %s", found.path, found.changed.Format(time.RFC3339)))
		return true, nil, nil
	})
}

// pathOf is where to look.
func pathOf(ctx context.Context, a *task.Attempt) (string, error) {
	path, err := task.Get(a, "filepath", "")
	if err != nil {
		return "", err
	}
	if path == "" {
		return "", task.Misconfigured(errors.New("argument filepath is empty: name a file"))
	}
	id, err := task.Get(a, "fs_conn_id", defaultConnection)
	if err != nil {
		return "", err
	}
	base := a.Dir
	c, err := a.Settings.Connection(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound) && id == defaultConnection:
	case err != nil:
		return "", err
	default:
		if p, ok := c.ExtraMap()["path"].(string); ok && p != "" {
			base = p
		}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(base, path)
	}
	return path, nil
}

// file is what was found.
type file struct {
	path    string
	changed time.Time
}

// look returns a file that matches a pattern, or that is in a folder that does; nil if
// there is none. What may not be read is as if it were not there.
func look(ctx context.Context, pattern string, recursive bool) (*file, error) {
	for path := range glob(pattern, recursive) {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			continue
		case !info.IsDir():
			return &file{path, info.ModTime()}, nil
		}
		found, err := inside(ctx, path)
		if err != nil || found != nil {
			return found, err
		}
	}
	return nil, nil
}

// inside returns any file in a folder or below.
func inside(ctx context.Context, folder string) (found *file, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && d != nil && d.IsDir():
			return fs.SkipDir
		case err != nil || d.IsDir():
			return nil
		}
		found = &file{path: path}
		if info, err := d.Info(); err == nil {
			found.changed = info.ModTime()
		}
		return fs.SkipAll
	})
	return found, err
}
