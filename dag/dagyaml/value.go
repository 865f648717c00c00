package dagyaml

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/updraft-dev/updraft/dag"
)

const typeKey, argsKey = "__type__", "__args__"

// timedelta is a length of time as files write it.
func timedelta(d time.Duration) yaml.MapSlice {
	m := yaml.MapSlice{{Key: typeKey, Value: "datetime.timedelta"}}
	if whole := d / time.Second; whole != 0 || d == 0 {
		m = append(m, yaml.MapItem{Key: "seconds", Value: int64(whole)})
	}
	if rest := d % time.Second; rest != 0 {
		m = append(m, yaml.MapItem{Key: "microseconds", Value: rest.Microseconds()})
	}
	return m
}

// value is an argument's value; ok is false if it is lost.
func (w *writer) value(task, field string, v any) (out any, ok bool) {
	switch v := v.(type) {
	case nil, bool, int, int64, float64, string, json.Number, []string:
		return v, true
	case time.Duration:
		return timedelta(v), true
	case time.Time:
		return datetime(v), true
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			e, ok := w.value(task, field, e)
			if !ok {
				return nil, false
			}
			out = append(out, e)
		}
		return out, true
	case map[string]any:
		return w.dict(task, field, v)
	case dag.Object:
		return w.object(task, field, v)
	case dag.Callable:
		if v.Path != "" {
			return v.Path, true
		}
		w.lose(task, field, "is a function of the DAG file: move it to a module, and write module.function")
	case dag.XComRef:
		w.lose(task, field, "is the output of task %s: write a template, {{ ti.xcom_pull('%s') }}, or pass it to a function by its name", v.Task, v.Task)
	case dag.GroupArg:
		w.lose(task, field, "is an element of the mapped group: pass it to a function by its name")
	case dag.Derived:
		w.lose(task, field, "is a %s of outputs: let a task return the list", v.Kind)
	default:
		w.lose(task, field, "has no form in YAML")
	}
	return nil, false
}

func (w *writer) dict(task, field string, v map[string]any) (any, bool) {
	if class, tagged := v["__classname__"]; tagged {
		w.lose(task, field, "is a Python %v: use lists, mappings, numbers and texts", class)
		return nil, false
	}
	out := make(yaml.MapSlice, 0, len(v))
	for _, k := range slices.Sorted(maps.Keys(v)) {
		e, ok := w.value(task, field+"."+k, v[k])
		if !ok {
			return nil, false
		}
		out = append(out, yaml.MapItem{Key: k, Value: e})
	}
	return out, true
}

func (w *writer) object(task, field string, o dag.Object) (any, bool) {
	m := yaml.MapSlice{{Key: typeKey, Value: o.Class}}
	if len(o.Args) > 0 {
		args, ok := w.value(task, field, o.Args)
		if !ok {
			return nil, false
		}
		m = append(m, yaml.MapItem{Key: argsKey, Value: args})
	}
	kwargs, ok := w.dict(task, field, o.Kwargs)
	if !ok {
		return nil, false
	}
	return append(m, kwargs.(yaml.MapSlice)...), true
}

// datetime is a moment as files write it.
func datetime(t time.Time) yaml.MapSlice {
	y, mon, d := t.Date()
	args := []any{y, int(mon), d, t.Hour(), t.Minute(), t.Second()}
	if us := t.Nanosecond() / 1000; us != 0 {
		args = append(args, us)
	}
	return yaml.MapSlice{
		{Key: typeKey, Value: "pendulum.datetime"}, {Key: argsKey, Value: args}, {Key: "tz", Value: t.Location().String()},
	}
}

func (w *writer) params(m *mapping, task string, params []dag.Param) {
	var out yaml.MapSlice
	for _, p := range params {
		v, ok := w.value(task, "params."+p.Name, p.Default)
		if !ok {
			continue
		}
		if len(p.Schema) == 0 && p.Description == "" {
			out = append(out, yaml.MapItem{Key: p.Name, Value: v})
			continue
		}
		q := &mapping{}
		q.add(typeKey, "airflow.sdk.Param")
		q.add("default", v)
		put(q, "description", p.Description)
		schema, err := readSchema(p.Schema)
		if err != nil {
			w.lose(task, "params."+p.Name, "has a schema that is no mapping")
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(schema)) {
			q.add(k, schema[k])
		}
		out = append(out, yaml.MapItem{Key: p.Name, Value: q.MapSlice})
	}
	if len(out) > 0 {
		m.add("params", out)
	}
}

// readSchema keeps whole numbers whole.
func readSchema(raw json.RawMessage) (map[string]any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	decoded, err := dag.DecodeValue(v)
	out, _ := decoded.(map[string]any)
	return out, err
}

func (w *writer) callbacks(m *mapping, task, event string, callbacks []dag.Callback) {
	var out []any
	for _, c := range callbacks {
		if v, ok := w.callback(task, event, c); ok {
			out = append(out, v)
		}
	}
	switch len(out) {
	case 0:
	case 1:
		m.add(event, out[0])
	default:
		m.add(event, out)
	}
}

func (w *writer) callback(task, event string, c dag.Callback) (any, bool) {
	switch {
	case c.Kind == dag.CallbackCommand:
		return yaml.MapSlice{{Key: "command", Value: c.Command}}, true
	case c.Kind == dag.CallbackWebhook:
		return yaml.MapSlice{{Key: "webhook", Value: c.URL}}, true
	case c.Callable == nil || c.Callable.Path == "":
		w.lose(task, event, "is a function of the DAG file: move it to a module, and write module.function")
		return nil, false
	case len(c.Args) == 0:
		return c.Callable.Path, true
	}
	args, ok := w.dict(task, event, c.Args)
	if !ok {
		return nil, false
	}
	return append(yaml.MapSlice{{Key: "callback", Value: c.Callable.Path}}, args.(yaml.MapSlice)...), true
}

func (w *writer) deadlines(m *mapping) {
	var out []any
	for i := range w.d.Deadlines {
		d := &w.d.Deadlines[i]
		in := &mapping{}
		in.add("reference", string(d.Reference))
		if d.At != nil {
			in.MapSlice[0].Value = d.At.UTC().Format(time.RFC3339Nano)
		}
		in.add("interval", timedelta(d.Interval))
		put(in, "name", d.Name)
		put(in, "limit", d.Limit)
		put(in, "min_runs", d.MinRuns)
		before := len(w.lost)
		w.callbacks(in, "", "callback", d.Callbacks)
		if len(w.lost) == before {
			out = append(out, in.MapSlice)
		}
	}
	if len(out) > 0 {
		m.add("deadline", out)
	}
}
