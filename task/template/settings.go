package template

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

const contextModule = "airflow.sdk.execution_time.context"

// accessor is an object whose attributes and items are looked up by name.
type accessor struct {
	class *py.Type
	repr  string
	// find looks a name up; gone is how a name that is not there fails.
	find func(ctx context.Context, name string) (v py.Value, ok bool, err error)
	gone func(name string) error
	// absent is what get answers without a default.
	absent py.Value
}

// Type is the accessor's class.
func (o *accessor) Type() *py.Type { return o.class }

// Repr says that it is an accessor.
func (o *accessor) Repr(*py.Thread) (string, error) { return o.repr, nil }

// Attr looks the name up; get is the method.
func (o *accessor) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	if name == "get" {
		return method(o, "get", func(th *py.Thread, a []py.Value) (py.Value, error) {
			key, ok := py.IsString(a[0])
			if !ok {
				return nil, py.TypeError("get() needs a str, not %s", py.TypeOf(a[0]).Name)
			}
			v, ok, err := o.find(th.Context(), key)
			if err == nil && !ok {
				v = py.Or(a[1], o.absent)
			}
			return v, err
		}, "key", "default?"), true, nil
	}
	if len(name) > 4 && name[:2] == "__" {
		return nil, false, nil
	}
	v, ok, err := o.find(th.Context(), name)
	if err == nil && !ok {
		err = o.gone(name)
	}
	return v, ok, err
}

// notSet is Airflow's mark for an argument that was not given.
var notSet = &object{class: class("airflow.sdk.definitions._internal.types", "ArgNotSet"), repr: "NOTSET"}

// variables is the variable var.
func (r *Renderer) variables() py.Value {
	gone := func(name string) error {
		return py.Errorf("airflow.sdk.exceptions.AirflowRuntimeError", "VARIABLE_NOT_FOUND: {'message': 'Variable %s not found'}", name)
	}
	text := func(ctx context.Context, name string) (string, bool, error) {
		if r.a.Settings == nil {
			return "", false, errors.New("variables are not available here")
		}
		v, err := r.a.Settings.Variable(ctx, name)
		if errors.Is(err, store.ErrNotFound) {
			return "", false, nil
		}
		return v, err == nil, err
	}
	vars := class(contextModule, "VariableAccessor")
	repr := "<VariableAccessor (dynamic access)>"
	d := py.NewDict()
	d.SetStr("json", &accessor{class: vars, repr: repr, gone: gone, absent: notSet, find: func(ctx context.Context, name string) (py.Value, bool, error) {
		s, ok, err := text(ctx, name)
		if !ok || err != nil {
			return nil, false, err
		}
		v, err := py.LoadJSON(py.NewThread(ctx, py.Limits{}), s)
		if py.IsClass(err, "json.decoder.JSONDecodeError") { // as Airflow: what is no JSON is not there
			return nil, false, nil
		}
		return v, err == nil, err
	}})
	d.SetStr("value", &accessor{class: vars, repr: repr, gone: gone, absent: notSet, find: func(ctx context.Context, name string) (py.Value, bool, error) {
		s, ok, err := text(ctx, name)
		return s, ok, err
	}})
	return d
}

// connections is the variable conn.
func (r *Renderer) connections() py.Value {
	return &accessor{
		class: class(contextModule, "ConnectionAccessor"), repr: "<ConnectionAccessor (dynamic access)>",
		gone: func(name string) error {
			return py.Errorf("airflow.sdk.exceptions.AirflowNotFoundException", "The conn_id `%s` isn't defined", name)
		},
		find: func(ctx context.Context, name string) (py.Value, bool, error) {
			if r.a.Settings == nil {
				return nil, false, errors.New("connections are not available here")
			}
			c, err := r.a.Settings.Connection(ctx, name)
			if errors.Is(err, store.ErrNotFound) {
				return nil, false, nil
			}
			if err != nil {
				return nil, false, err
			}
			v, err := connection(name, &c)
			return v, err == nil, err
		},
	}
}

// connection is a Connection of Airflow's. A description is not told to tasks.
func connection(id string, c *settings.Connection) (py.Value, error) {
	text, err := pythonJSON(c.ExtraText())
	if err != nil {
		return nil, err
	}
	extra := textOrNone(text)
	fields := []struct {
		name string
		v    any
	}{
		{"conn_id", id}, {"conn_type", c.Type}, {"description", nil}, {"host", textOrNone(c.Host)}, {"schema", textOrNone(c.Schema)},
		{"login", textOrNone(c.Login)}, {"password", textOrNone(c.Password)}, {"port", intOrNone(c.Port)}, {"extra", extra},
	}
	o := &object{class: class("airflow.sdk.definitions.connection", "Connection"), repr: "Connection("}
	m := attrs{
		"extra_dejson": func() (py.Value, error) { return extraDict(extra) },
	}
	for i, f := range fields {
		m[f.name] = f.v
		s, err := py.Repr(py.Detached(py.Limits{}), f.v)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			o.repr += ", "
		}
		o.repr += f.name + "=" + s
	}
	o.repr += ")"
	m["get_uri"] = method(o, "get_uri", func(*py.Thread, []py.Value) (py.Value, error) {
		spaced := *c
		if text != "" && json.Valid([]byte(text)) {
			spaced.Extra = json.RawMessage(text)
		}
		return spaced.URI(), nil
	})
	m["get_hook"] = method(o, "get_hook", func(*py.Thread, []py.Value) (py.Value, error) {
		return nil, fmt.Errorf("conn.%s.get_hook(): hooks are not available in templates", id)
	})
	o.attr = m.attr
	return o, nil
}

// pythonJSON writes JSON as json.dumps does: settings keep an extra without blanks. Other text stays.
func pythonJSON(text string) (string, error) {
	th := py.Detached(py.Limits{})
	v, err := py.LoadJSON(th, text)
	if py.IsClass(err, "json.decoder.JSONDecodeError") {
		return text, nil
	}
	if err != nil {
		return "", err
	}
	return py.DumpJSON(th, v, py.JSONOptions{ASCII: true})
}

// extraDict is extra_dejson: an extra that is no object is an empty one.
func extraDict(extra any) (py.Value, error) {
	if s, ok := extra.(string); ok {
		v, err := py.LoadJSON(py.Detached(py.Limits{}), s)
		if d, ok := v.(*py.Dict); ok && err == nil {
			return d, nil
		}
	}
	return py.NewDict(), nil
}
