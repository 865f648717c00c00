package callable

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/task"
)

// describe makes package python's call of an attempt's call. MultipleOutputs is not
// passed on: package task pushes the items, with the attempt's result.
func (r *Runner) describe(a *task.Attempt, c task.PythonCall, end *task.End) (python.Call, error) {
	call := python.Call{
		Callable: r.located(c.Callable, a.Dir), NoContext: c.NoContext, HideValue: c.HideValue,
		Env: slices.Concat(a.Env(), c.Env), Dir: a.Dir, Path: r.path(a.Dir), LogLevel: r.cfg.LogLevel,
		Output: a.Output, Isolated: c.Isolated, Python: beside(a.Dir, c.Interpreter),
		MemoryLimit: a.Memory(), Handler: handler{a, &r.cfg},
		// Branches need their value even if it is not pushed; others may return anything.
		OptionalValue: !a.Task.DoXComPush && !a.Task.MultipleOutputs,
	}
	if c.BareEnv {
		call.Env, call.BareEnv = c.Env, true
	}
	var err error
	c = r.referring(c, a.Dir)
	if call.Globals, err = encodeDict(c.Globals); err != nil {
		return call, fmt.Errorf("global %w", err)
	}
	if call.Args, err = encodeList(c.Args); err != nil {
		return call, fmt.Errorf("op_args%w", err)
	}
	if call.Kwargs, err = encodeDict(c.Kwargs); err != nil {
		return call, fmt.Errorf("op_kwargs: %w", err)
	}
	if call.TemplatesDict, err = encodeDict(c.TemplatesDict); err != nil {
		return call, fmt.Errorf("templates_dict: %w", err)
	}
	if call.Attributes, err = encodeDict(c.Attributes); err != nil {
		return call, fmt.Errorf("template field %w", err)
	}
	if call.Context, err = r.context(a, end); err != nil {
		return call, err
	}
	responses(&call, c)
	return call, nil
}

// located makes a file's path absolute: relative ones begin at the folder of the DAG's
// file, and DAG files themselves at the folder of all.
func (r *Runner) located(c dag.Callable, dir string) python.Callable {
	out := python.Callable{Path: c.Path, File: c.File, Name: c.Name, Lambda: c.Lambda, DAG: c.DAG, Task: c.Task}
	if out.File == "" || filepath.IsAbs(out.File) {
		return out
	}
	if c.DAG != "" && r.cfg.Folder != "" {
		dir = r.cfg.Folder
	}
	out.File = filepath.Join(dir, out.File)
	if abs, err := filepath.Abs(out.File); err == nil {
		out.File = abs
	}
	return out
}

// beside resolves an interpreter that is a relative path; a bare name is looked up.
func beside(dir, interpreter string) string {
	if strings.ContainsRune(interpreter, filepath.Separator) && !filepath.IsAbs(interpreter) {
		return filepath.Join(dir, interpreter)
	}
	return interpreter
}

func (r *Runner) path(dir string) []string {
	path := slices.Clone(r.cfg.Path)
	if dir != "" && !slices.Contains(path, dir) {
		path = append(path, dir)
	}
	return path
}

// sources are the files that the attempt's version of the DAG was read from.
func (r *Runner) sources(ctx context.Context, a *task.Attempt) map[string]string {
	if r.cfg.Sources == nil || a.DAG.Source == "" {
		return nil
	}
	roots := make(source.Roots, len(r.cfg.Path))
	for i, dir := range r.cfg.Path {
		roots[i] = dir
		if abs, err := filepath.Abs(dir); err == nil {
			roots[i] = abs
		}
	}
	files, err := r.cfg.Sources.Files(ctx, roots, a.DAG.Source)
	if err != nil {
		a.Log.WarnContext(ctx, "the DAG's files are executed as they are now, not as this version had them: "+err.Error())
	}
	return files
}

func responses(call *python.Call, c task.PythonCall) {
	if len(c.Responses) == 0 {
		return
	}
	list := make([]python.Response, len(c.Responses))
	for i, r := range c.Responses {
		list[i] = python.Response{StatusCode: r.StatusCode, Reason: r.Reason, URL: r.URL, Headers: r.Headers, Encoding: r.Encoding, Body: r.Body}
	}
	if c.Paged {
		call.Responses = list
	} else {
		call.Response = &list[0]
	}
}

// encodeList writes each value in Airflow's tagged form, so that floats stay floats
// and tuples, times and lengths of time arrive as such.
func encodeList(list []any) ([]any, error) {
	out := make([]any, len(list))
	for i, v := range list {
		raw, err := task.EncodeXCom(v)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		out[i] = raw
	}
	return out, nil
}

// encodeDict is encodeList for a dict; nil stays nil.
func encodeDict(dict map[string]any) (map[string]any, error) {
	if dict == nil {
		return nil, nil
	}
	out := make(map[string]any, len(dict))
	for _, k := range slices.Sorted(maps.Keys(dict)) {
		raw, err := task.EncodeXCom(dict[k])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = raw
	}
	return out, nil
}
