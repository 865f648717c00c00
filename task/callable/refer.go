package callable

import (
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// classCallable tags an argument that only the DAG's file can make: a function, or an
// object that JSON has no form for. The runner looks it up there.
const classCallable = "updraft.Callable"

// referring is a call whose arguments name such things as the runner reads them.
func (r *Runner) referring(c task.PythonCall, dir string) task.PythonCall {
	c.Args, _ = r.refer(c.Args, dir).([]any)
	c.Kwargs, _ = r.refer(c.Kwargs, dir).(map[string]any)
	c.TemplatesDict, _ = r.refer(c.TemplatesDict, dir).(map[string]any)
	c.Attributes, _ = r.refer(c.Attributes, dir).(map[string]any)
	return c
}

// refer returns v, or a copy where there is something to name.
func (r *Runner) refer(v any, dir string) any {
	if !names(v) {
		return v
	}
	switch v := v.(type) {
	case dag.Callable:
		at := r.located(v, dir)
		data := map[string]any{}
		for key, text := range map[string]string{"path": at.Path, "file": at.File, "name": at.Name, "lambda": at.Lambda, "dag": at.DAG, "task": at.Task} {
			if text != "" {
				data[key] = text
			}
		}
		return map[string]any{"__classname__": classCallable, "__version__": int64(1), "__data__": data}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = r.refer(e, dir)
		}
		return out
	case task.Tuple:
		out := make(task.Tuple, len(v))
		for i, e := range v {
			out[i] = r.refer(e, dir)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = r.refer(e, dir)
		}
		return out
	}
	return v
}

// names says whether something in v has to be named.
func names(v any) bool {
	switch v := v.(type) {
	case dag.Callable:
		return true
	case []any:
		for _, e := range v {
			if names(e) {
				return true
			}
		}
	case task.Tuple:
		return names([]any(v))
	case map[string]any:
		for _, e := range v {
			if names(e) {
				return true
			}
		}
	}
	return false
}
