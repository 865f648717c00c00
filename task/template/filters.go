package template

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/task"
)

// dateFilter answers what makes a text of a date: the filter of that name, and the variable.
func dateFilter(name string) func(th *py.Thread, v py.Value) (py.Value, error) {
	switch name {
	case "ds":
		return func(th *py.Thread, v py.Value) (py.Value, error) { return ask(th, v, "strftime", "%Y-%m-%d") }
	case "ds_nodash":
		return func(th *py.Thread, v py.Value) (py.Value, error) { return ask(th, v, "strftime", "%Y%m%d") }
	case "ts":
		return func(th *py.Thread, v py.Value) (py.Value, error) { return ask(th, v, "isoformat") }
	case "ts_nodash":
		return func(th *py.Thread, v py.Value) (py.Value, error) { return ask(th, v, "strftime", "%Y%m%dT%H%M%S") }
	case "ts_nodash_with_tz":
		return func(th *py.Thread, v py.Value) (py.Value, error) {
			v, err := ask(th, v, "isoformat")
			s, ok := py.IsString(v)
			if err != nil || !ok {
				return v, err
			}
			return strings.NewReplacer("-", "", ":", "").Replace(s), nil
		}
	}
	return nil
}

// ask calls a method of v.
func ask(th *py.Thread, v py.Value, name string, args ...py.Value) (py.Value, error) {
	m, ok, err := py.Getattr(th, v, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, py.AttributeError(v, name)
	}
	return py.Call(th, m, py.Args{Pos: args})
}

// filters are Airflow's filters and the author's.
func (r *Renderer) filters(own dag.Values) map[string]py.Callable {
	out := make(map[string]py.Callable, len(own)+5)
	for _, name := range []string{"ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz"} {
		format := dateFilter(name)
		out[name] = function(name+"_filter", func(th *py.Thread, a []py.Value) (py.Value, error) {
			if a[0] == nil {
				return nil, nil
			}
			return format(th, a[0])
		}, "value")
	}
	for name, v := range own {
		if c, ok := v.(dag.Callable); ok {
			out[name] = r.callable(c)
			continue
		}
		out[name] = &py.Func{Name: name, Fn: func(*py.Thread, py.Args) (py.Value, error) {
			return nil, fmt.Errorf("user_defined_filters.%s is not a function: name one by its import path", name)
		}}
	}
	return out
}

// userMacros are the author's names. One that cannot be used in templates fails when it is used, not before.
func (r *Renderer) userMacros(own dag.Values) map[string]py.Value {
	out := make(map[string]py.Value, len(own))
	for name, v := range own {
		if c, ok := v.(dag.Callable); ok {
			out[name] = r.callable(c)
			continue
		}
		value, err := r.fromGo(v)
		if err != nil {
			value = &unsupported{class: class("builtins", "object"), name: "user_defined_macros." + name, remedy: err.Error()}
		}
		out[name] = value
	}
	return out
}

// callable calls a function of the author's in Python. Arguments and result are values, not objects.
func (r *Renderer) callable(c dag.Callable) *py.Func {
	name := c.Name
	if name == "" {
		name = c.Path[strings.LastIndexByte(c.Path, '.')+1:]
	}
	return &py.Func{Name: name, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
		if r.a.Python == nil {
			return nil, fmt.Errorf("calling %s: Python is not available here", c)
		}
		call := task.PythonCall{Callable: c, NoContext: true, Kwargs: make(map[string]any, len(a.Kw))}
		for i, v := range a.Pos {
			e, err := toGo(th, v)
			if err != nil {
				return nil, fmt.Errorf("argument %d of %s: %w", i+1, c, err)
			}
			call.Args = append(call.Args, e)
		}
		for _, kw := range a.Kw {
			e, err := toGo(th, kw.Value)
			if err != nil {
				return nil, fmt.Errorf("argument %s of %s: %w", kw.Name, c, err)
			}
			call.Kwargs[kw.Name] = e
		}
		return r.called(th.Context(), c, call)
	}}
}

func (r *Renderer) called(ctx context.Context, c dag.Callable, call task.PythonCall) (py.Value, error) {
	if ctx == nil {
		return nil, errors.New("a function of Python's cannot be called here")
	}
	raw, err := r.a.Python.Call(ctx, r.a, call)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", c, err)
	}
	if len(raw) == 0 {
		raw = json.RawMessage("null")
	}
	return r.fromXCom(raw)
}
