package template

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/jinja"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/jinja/pytime"
	"github.com/updraft-dev/updraft/task"
)

// toGo makes of a template's value what operators take as an argument. A list may be within itself, so the
// work is bounded.
func toGo(th *py.Thread, v py.Value) (any, error) {
	if err := th.Step(); err != nil {
		return nil, err
	}
	if err := th.Enter(); err != nil {
		return nil, err
	}
	defer th.Leave()
	switch v := v.(type) {
	case nil, bool, int, float64, string:
		return v, nil
	case *big.Int:
		return json.Number(v.String()), nil
	case py.Markup:
		return string(v), nil
	case py.StrLike:
		return v.String(), nil
	case *pytime.DateTime:
		return v.Time(), nil
	case *pytime.Date:
		return v.Str(nil)
	case *pytime.Delta:
		return v.Std(), nil
	case *py.Dict:
		return dictToGo(th, v)
	case py.Tuple:
		out, err := listToGo(th, v)
		return task.Tuple(out), err
	case lazyNone, *jinja.Undefined:
		return nil, nil
	case *paramsDict:
		return dictToGo(th, v.Dict)
	case *py.List, *py.Set, *py.Range, *py.DictView, *py.Generator:
		items, err := py.Collect(th, v)
		if err != nil {
			return nil, err
		}
		return listToGo(th, items)
	}
	return nil, fmt.Errorf("the template gives an object of class %s, which is no argument for an operator: name one of its attributes, or add `| string`", py.TypeOf(v).QualName())
}

func listToGo(th *py.Thread, items []py.Value) ([]any, error) {
	out := make([]any, len(items))
	for i, e := range items {
		var err error
		if out[i], err = toGo(th, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func dictToGo(th *py.Thread, d *py.Dict) (any, error) {
	out := make(map[string]any, d.Count())
	for k, e := range d.All {
		name, ok := py.IsString(k)
		if !ok {
			return nil, fmt.Errorf("the template gives a dict with a key of class %s: only texts can be keys of an argument", py.TypeOf(k).QualName())
		}
		var err error
		if out[name], err = toGo(th, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fromGo makes a value of what a DAG file holds: JSON-like values, tuples, times and lengths of time.
func (r *Renderer) fromGo(v any) (py.Value, error) {
	switch v := v.(type) {
	case time.Time:
		z, err := r.clock.LoadZone(v.Location().String())
		if err != nil {
			return r.clock.Pendulum(v), nil
		}
		return r.clock.PendulumIn(v, z), nil
	case time.Duration:
		return pytime.NewDelta(v), nil
	case task.Tuple:
		items, err := r.fromList(v)
		return py.Tuple(items), err
	case json.RawMessage:
		return r.fromXCom(v)
	case []any:
		items, err := r.fromList(v)
		return py.NewList(items...), err
	case map[string]any:
		d := py.NewDict()
		for _, k := range slices.Sorted(maps.Keys(v)) {
			e, err := r.fromGo(v[k])
			if err != nil {
				return nil, err
			}
			d.SetStr(k, e)
		}
		return d, nil
	}
	return py.FromGo(v)
}

func (r *Renderer) fromList(v []any) ([]py.Value, error) {
	out := make([]py.Value, len(v))
	for i, e := range v {
		var err error
		if out[i], err = r.fromGo(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fromXCom reads JSON in Airflow's tagged form. The order of keys is that of the text.
func (r *Renderer) fromXCom(raw json.RawMessage) (py.Value, error) {
	v, err := py.LoadJSON(py.Detached(py.Limits{}), string(raw))
	if err != nil {
		return nil, err
	}
	return r.untag(v)
}

func (r *Renderer) untag(v py.Value) (py.Value, error) {
	switch v := v.(type) {
	case *py.List:
		for i, e := range v.Items {
			var err error
			if v.Items[i], err = r.untag(e); err != nil {
				return nil, err
			}
		}
	case *py.Dict:
		for _, k := range v.Keys() {
			e, _, err := v.Get(k)
			if err != nil {
				return nil, err
			}
			if e, err = r.untag(e); err != nil {
				return nil, err
			}
			if err := v.Set(k, e); err != nil {
				return nil, err
			}
		}
		if c, ok := v.GetStr("__classname__"); ok {
			if class, ok := c.(string); ok {
				data, _ := v.GetStr("__data__")
				return r.untagged(class, data)
			}
		}
	}
	return v, nil
}

// untagged makes the value of a class that Airflow serialized.
func (r *Renderer) untagged(class string, data py.Value) (py.Value, error) {
	list, _ := data.(*py.List)
	switch {
	case class == "builtins.tuple" && list != nil:
		return py.Tuple(list.Items), nil
	case (class == "builtins.set" || class == "builtins.frozenset") && list != nil:
		return py.NewSet(list.Items...)
	}
	switch class {
	case "datetime.timedelta":
		if s, ok := py.AsFloat(data); ok && math.Abs(s) < math.MaxInt64/1e9 {
			return pytime.NewDelta(time.Duration(math.Round(s*1e6)) * time.Microsecond), nil
		}
	case "datetime.date":
		if s, ok := data.(string); ok {
			if t, err := time.Parse(time.DateOnly, s); err == nil {
				return r.clock.NewDate(t), nil
			}
		}
	case "datetime.datetime", "pendulum.datetime.DateTime":
		if d, ok := data.(*py.Dict); ok {
			if v, ok := r.moment(class, d); ok {
				return v, nil
			}
		}
	}
	return nil, fmt.Errorf("an XCom holds an object of class %s, which templates cannot use: push its parts, or pull it in Python", class)
}

func (r *Renderer) moment(class string, d *py.Dict) (py.Value, bool) {
	stamp, _ := d.GetStr("timestamp")
	s, ok := py.AsFloat(stamp)
	if !ok || math.Abs(s) > 1e12 {
		return nil, false
	}
	t := time.UnixMicro(int64(math.Round(s * 1e6)))
	tz, _ := d.GetStr("tz")
	if tz == nil && class == "datetime.datetime" {
		return r.clock.Naive(t.Local()), true // as Python reads it: the machine's clock
	}
	name, _ := tz.(string)
	if parts, ok := tz.(py.Tuple); ok && len(parts) > 0 {
		switch n := parts[0].(type) {
		case string:
			name = n
		case int: // the offset of a fixed zone, in seconds
			name = time.Unix(0, 0).In(time.FixedZone("", n)).Format("-07:00")
		}
	}
	z, err := r.clock.LoadZone(name)
	if err != nil {
		return nil, false
	}
	if class == "datetime.datetime" {
		return r.clock.DatetimeIn(t, z), true
	}
	return r.clock.PendulumIn(t, z), true
}
