package ssh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// sftpConnection is the sensor's default, as in Airflow.
const sftpConnection = "sftp_default"

func sftpSensor() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:   "airflow.providers.sftp.sensors.sftp.SFTPSensor",
			Aliases: []string{"airflow.contrib.sensors.sftp_sensor.SFTPSensor"},
			Doc:     "Waits for a file or folder on another machine, or for files in a folder.",
			Kind:    dag.OperatorSensor,
			Args: slices.Concat([]dag.ArgSpec{
				{Name: "path", Type: dag.ArgString, Required: true, Templated: true, Doc: "Path of the file or folder, or with file_pattern of a folder."},
				{Name: "file_pattern", Type: dag.ArgString, Default: "", Doc: "Names of files in the folder, with the wildcards *, ? and [a-z]."},
				{Name: "newer_than", Type: dag.ArgAny, Templated: true, Doc: "Time, as a datetime or ISO 8601 text, at which they must have been changed at the earliest."},
				{Name: "sftp_conn_id", Type: dag.ArgString, Default: sftpConnection, Doc: "Connection with host, port, login, password, and the key and options in its extra."},
				{Name: "python_callable", Type: dag.ArgCallable, Doc: "Function that is called when files are there, with files_found; what it returns is in the sensor's value."},
				{Name: "op_args", Type: dag.ArgList, Doc: "Positional arguments of the function."},
				{Name: "op_kwargs", Type: dag.ArgDict, Doc: "Keyword arguments of the function."},
				{Name: "use_managed_conn", Type: dag.ArgBool, Default: true, Doc: "Without effect: each look has a connection of its own."},
				sensor.Deferrable(),
			}, sensor.Args()),
		},
		Resumable: true,
		Run:       watch,
	}
}

// watch runs one attempt of an SFTPSensor.
func watch(ctx context.Context, a *task.Attempt) (task.Result, error) {
	w := &watcher{a: a}
	var errs [3]error
	w.path, errs[0] = task.Get(a, "path", "")
	w.pattern, errs[1] = task.Get(a, "file_pattern", "")
	w.after, errs[2] = earliest(a)
	w.pattern = strings.ReplaceAll(w.pattern, "[!", "[^") // Python's way of saying it
	if _, err := path.Match(w.pattern, ""); err != nil {
		errs[1] = task.Misconfigured(fmt.Errorf("argument file_pattern is %q: a bracket is not closed", w.pattern))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return task.Result{}, err
	}
	var err error
	if w.t, err = readTarget(ctx, a, "sftp_conn_id", sftpConnection); err != nil {
		return task.Result{}, err
	}
	return sensor.Run(ctx, a, w.look)
}

// earliest is newer_than; zero if it is not given.
func earliest(a *task.Attempt) (time.Time, error) {
	switch v := a.Args["newer_than"].(type) {
	case nil:
		return time.Time{}, nil
	case time.Time:
		return v, nil
	case string:
		text := strings.Replace(strings.TrimSpace(v), " ", "T", 1)
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly, "20060102T150405"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at, nil
			}
		}
	}
	return time.Time{}, task.Misconfigured(fmt.Errorf("argument newer_than is %v: use a datetime, or a text such as 2024-05-01T00:00:00+00:00", a.Args["newer_than"]))
}

// watcher looks for files.
type watcher struct {
	a             *task.Attempt
	t             *target
	path, pattern string
	after         time.Time
}

// look looks once.
func (w *watcher) look(ctx context.Context) (bool, any, error) {
	s, err := w.t.open(ctx)
	if err != nil {
		return false, nil, err
	}
	defer s.close()
	found, err := w.found(s)
	if err != nil {
		return false, nil, s.failed(ctx, err)
	}
	if len(found) == 0 {
		w.a.Log.InfoContext(ctx, "nothing is there yet", "path", w.path)
		return false, nil, nil
	}
	w.a.Log.InfoContext(ctx, fmt.Sprintf("found %s", found))
	return w.called(ctx, found)
}

// found are the paths that are there and new enough.
func (w *watcher) found(s *session) ([]any, error) {
	var list []fs.FileInfo
	var err error
	if w.pattern != "" {
		list, err = s.ReadDir(w.path)
	} else {
		var one fs.FileInfo
		if one, err = s.Stat(w.path); err == nil {
			list = []fs.FileInfo{one}
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %s on %s: %w", w.path, w.t.address(), err)
	}
	var out []any
	for _, f := range list {
		if ok, _ := path.Match(w.pattern, f.Name()); w.pattern != "" && !ok {
			continue
		}
		if f.ModTime().Before(w.after) {
			continue
		}
		name := w.path
		if w.pattern != "" {
			name = path.Join(w.path, f.Name())
		}
		out = append(out, name)
	}
	return out, nil
}

// called is the sensor's end, by what python_callable returns if there is one.
func (w *watcher) called(ctx context.Context, found []any) (bool, any, error) {
	v := w.a.Args["python_callable"]
	if v == nil {
		return true, nil, nil
	}
	callable, ok := v.(dag.Callable)
	if !ok {
		return false, nil, task.Misconfigured(errors.New("argument python_callable is no function: give its import path"))
	}
	if w.a.Python == nil {
		return false, nil, task.Misconfigured(fmt.Errorf("%s needs Python, which is not available here", callable))
	}
	args, errArgs := task.Get(w.a, "op_args", []any{})
	given, errKwargs := task.Get(w.a, "op_kwargs", map[string]any{})
	if err := errors.Join(errArgs, errKwargs); err != nil {
		return false, nil, err
	}
	kwargs := maps.Clone(given)
	kwargs["files_found"] = found
	raw, err := w.a.Python.Call(ctx, w.a, task.PythonCall{Callable: callable, Args: args, Kwargs: kwargs, NoContext: true})
	if err != nil {
		return false, nil, err
	}
	value, err := task.DecodeXCom(raw)
	return true, map[string]any{"files_found": found, "decorator_return_value": value}, err
}
