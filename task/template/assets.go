package template

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

const (
	assetModule = "airflow.sdk.definitions.asset"
	assetGroup  = "asset"
)

// asset is an Asset, an AssetAlias or the key that Airflow has of an asset.
type asset struct {
	object
	// key tells assets apart, whichever of the three it is.
	key string
}

// Hash is equal for the same asset.
func (o *asset) Hash() (any, error) { return [2]string{o.class.Name, o.key}, nil }

// Compare knows == and !=.
func (o *asset) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	if op != "==" && op != "!=" {
		return nil, false, nil
	}
	p, ok := other.(*asset)
	return (ok && p.class.Name == o.class.Name && p.key == o.key) == (op == "=="), true, nil
}

// assets are the Asset objects of inlets or outlets.
func (r *Renderer) assets(list []dag.AssetRef) (py.Value, error) {
	out := py.NewList()
	for _, ref := range list {
		v, err := r.asset(ref)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

func (r *Renderer) asset(ref dag.AssetRef) (*asset, error) {
	if ref.Alias != "" {
		group := cmp.Or(ref.Group, assetGroup)
		repr, err := fieldsRepr("AssetAlias", "name", ref.Alias, "group", group)
		return &asset{object{class: class(assetModule, "AssetAlias"), repr: repr, attr: attrs{"name": ref.Alias, "group": group}.attr}, ref.Alias}, err
	}
	name, uri, group := cmp.Or(ref.Name, ref.URI), cmp.Or(ref.URI, ref.Name), cmp.Or(ref.Group, assetGroup)
	extra, err := r.fromGo(map[string]any(ref.Extra))
	if err != nil {
		return nil, fmt.Errorf("extra of asset %s: %w", name, err)
	}
	control := &object{
		class: class(assetModule, "AssetAccessControl"), repr: "AssetAccessControl(producer_teams=[], consumer_teams=None, allow_global=True)",
		attr: attrs{"producer_teams": py.NewList(), "consumer_teams": nil, "allow_global": true}.attr,
	}
	repr, err := fieldsRepr("Asset", "name", name, "uri", uri, "group", group, "extra", extra, "watchers", py.NewList(), "access_control", control)
	m := attrs{"name": name, "uri": uri, "group": group, "extra": extra, "watchers": py.NewList(), "access_control": control}
	return &asset{object{class: class(assetModule, "Asset"), repr: repr, attr: m.attr}, name + "\x00" + uri}, err
}

// assetKey is an AssetUniqueKey.
func assetKey(name, uri string) (*asset, error) {
	repr, err := fieldsRepr("AssetUniqueKey", "name", name, "uri", uri)
	return &asset{object{class: class(assetModule, "AssetUniqueKey"), repr: repr, attr: attrs{"name": name, "uri": uri}.attr}, name + "\x00" + uri}, err
}

// fieldsRepr is the repr of a class made by attrs or dataclasses: Name(a=1, b='x').
func fieldsRepr(name string, pairs ...py.Value) (string, error) {
	var b strings.Builder
	b.WriteString(name + "(")
	for i := 0; i < len(pairs); i += 2 {
		text, err := py.Repr(py.Detached(py.Limits{}), pairs[i+1])
		if err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s=%s", pairs[i], text)
	}
	return b.String() + ")", nil
}

// events answers the three variables that give access to asset events.
func (r *Renderer) events(name string) (py.Value, error) {
	switch name {
	case "inlet_events":
		return r.inletEvents()
	case "outlet_events":
		return &unsupported{class: class(contextModule, "OutletEventAccessors"), name: name, remedy: "set extras in a Python task"}, nil
	}
	return r.triggeringEvents()
}

// triggeringEvents is the variable triggering_asset_events: a mapping of assets to what started the run.
func (r *Renderer) triggeringEvents() (py.Value, error) {
	d := py.NewDict()
	for i := range r.a.Run.Events {
		e := &r.a.Run.Events[i]
		key, err := assetKey(cmp.Or(e.Name, e.Asset), e.Asset)
		if err != nil {
			return nil, err
		}
		list, there, err := d.Get(key)
		if err != nil {
			return nil, err
		}
		if !there {
			list = py.NewList()
			if err := d.Set(key, list); err != nil {
				return nil, err
			}
		}
		v, err := r.event(e)
		if err != nil {
			return nil, err
		}
		l := list.(*py.List)
		l.Items = append(l.Items, v)
	}
	return &eventMap{Dict: d}, nil
}

// eventMap is a mapping whose items are asked for by an asset.
type eventMap struct{ *py.Dict }

// Type is TriggeringAssetEventsAccessor.
func (*eventMap) Type() *py.Type { return class(contextModule, "TriggeringAssetEventsAccessor") }

// Repr is that of the defaultdict within.
func (m *eventMap) Repr(th *py.Thread) (string, error) {
	s, err := py.Repr(th, m.Dict)
	return "TriggeringAssetEventAccessor(_events=defaultdict(<class 'list'>, " + s + "))", err
}

// Iter walks the keys.
func (m *eventMap) Iter(th *py.Thread) (py.Iterator, error) { return py.Iter(th, m.Dict) }

// Contains looks for an asset or its key.
func (m *eventMap) Contains(_ *py.Thread, v py.Value) (bool, error) {
	_, ok, err := m.find(v)
	return ok, err
}

func (m *eventMap) find(v py.Value) (py.Value, bool, error) {
	a, ok := v.(*asset)
	if !ok || a.class.Name == "AssetUniqueKey" {
		return nil, false, py.TypeError("Key should be either an asset or an asset alias, not <class '%s'>", py.TypeOf(v).QualName())
	}
	for k, e := range m.All {
		if k, ok := k.(*asset); ok && k.key == a.key {
			return e, true, nil
		}
	}
	return nil, false, nil
}

// Item is the list of an asset's events; one without events has an empty list.
func (m *eventMap) Item(_ *py.Thread, key py.Value) (py.Value, error) {
	v, ok, err := m.find(key)
	if err == nil && !ok {
		v = py.NewList()
	}
	return v, err
}

// Attr answers the methods of a mapping.
func (m *eventMap) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "items", "keys", "values", "get":
		return py.Getattr(th, m.Dict, name)
	}
	return nil, false, nil
}

// eventList are the events as dag_run has them.
func (r *Renderer) eventList(list []run.AssetEvent) (py.Value, error) {
	out := py.NewList()
	for i := range list {
		v, err := r.event(&list[i])
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

// event is one asset event.
func (r *Renderer) event(e *run.AssetEvent) (py.Value, error) {
	extra, err := eventExtra(e.Extra)
	if err != nil {
		return nil, fmt.Errorf("extra of an event of asset %s: %w", e.Asset, err)
	}
	name := cmp.Or(e.Name, e.Asset)
	from := &object{
		class: class("airflow.sdk.api.datamodels._generated", "AssetReferenceAssetEventDagRun"),
		attr:  attrs{"name": name, "uri": e.Asset, "extra": py.NewDict()}.attr,
	}
	s := e.Source
	at := r.stamp(timeOrNil(e.At))
	m := attrs{
		"asset": from, "extra": extra, "timestamp": at, "source_aliases": py.NewList(), "partition_key": nil,
		"source_dag_id": textOrNone(s.DAG), "source_run_id": textOrNone(s.Run), "source_task_id": textOrNone(s.Task),
		"source_map_index": func() (py.Value, error) {
			if s.Task == "" {
				return nil, nil
			}
			return s.Map, nil
		},
		"source_task_instance": func() (py.Value, error) {
			if s.Task == "" {
				return nil, nil
			}
			return r.source(s), nil
		},
	}
	if from.repr, err = fieldsRepr("AssetReferenceAssetEventDagRun", "name", name, "uri", e.Asset, "extra", py.NewDict()); err != nil {
		return nil, err
	}
	o := &object{class: class("airflow.sdk.execution_time.comms", "AssetEventDagRunReferenceResult"), attr: m.attr}
	index := any(nil)
	if s.Task != "" {
		index = s.Map
	}
	o.repr, err = fieldsRepr("AssetEventDagRunReferenceResult", "asset", from, "extra", extra, "source_task_id", textOrNone(s.Task), "source_dag_id", textOrNone(s.DAG),
		"source_run_id", textOrNone(s.Run), "source_map_index", index, "source_aliases", py.NewList(), "timestamp", at, "partition_key", nil)
	return o, err
}

// eventExtra is the dict of an event. It is JSON, in which 3 and 3.0 are one number.
func eventExtra(extra map[string]any) (py.Value, error) {
	if extra == nil {
		return py.NewDict(), nil
	}
	raw, err := json.Marshal(extra)
	if err != nil {
		return nil, err
	}
	return py.LoadJSON(py.Detached(py.Limits{}), string(raw))
}

// source is the instance that made an event.
func (r *Renderer) source(s run.Key) py.Value {
	o := &object{class: class("airflow.sdk.execution_time.comms", "AssetEventSourceTaskInstance")}
	m := attrs{"dag_id": s.DAG, "run_id": s.Run, "task_id": s.Task, "map_index": s.Map}
	m["xcom_pull"] = method(o, "xcom_pull", func(th *py.Thread, a []py.Value) (py.Value, error) {
		if r.a.XComs == nil {
			return nil, errors.New("XComs are not available here")
		}
		key, ok := py.IsString(py.Or(a[0], dag.ReturnValue))
		if !ok {
			return nil, py.TypeError("xcom_pull() needs a str as key, not %s", py.TypeOf(a[0]).Name)
		}
		found, err := r.pull(th, task.Pull{DAG: s.DAG, Run: s.Run, Tasks: []string{s.Task}, Maps: []int{s.Map}, Name: key})
		if err != nil {
			return nil, err
		}
		return append(found, py.Or(a[1], nil))[0], nil
	}, "*", "key?", "default?")
	o.attr = m.attr
	return o
}

// inletEvents is the variable inlet_events: the events of the task's inlets, by asset.
func (r *Renderer) inletEvents() (py.Value, error) {
	list, err := r.assets(r.a.Task.Inlets)
	if err != nil {
		return nil, err
	}
	known, aliases := py.NewDict(), py.NewDict()
	for _, v := range list.(*py.List).Items {
		a, _ := v.(*asset)
		if a.class.Name != "Asset" {
			repr, err := fieldsRepr("AssetAliasUniqueKey", "name", a.key)
			if err != nil {
				return nil, err
			}
			key := &asset{object{class: class(assetModule, "AssetAliasUniqueKey"), repr: repr}, a.key}
			if err := aliases.Set(key, a); err != nil {
				return nil, err
			}
			continue
		}
		name, uri, _ := strings.Cut(a.key, "\x00")
		key, err := assetKey(name, uri)
		if err != nil {
			return nil, err
		}
		if err := known.Set(key, a); err != nil {
			return nil, err
		}
	}
	o := &object{class: class(contextModule, "InletEventsAccessors"), item: func(th *py.Thread, key py.Value) (py.Value, error) {
		return r.inlet(th.Context(), list.(*py.List).Items, key)
	}}
	o.repr, err = fieldsRepr("InletEventsAccessors", "_inlets", list, "_assets", known, "_asset_aliases", aliases)
	return o, err
}

// inlet reads the events of one inlet, given as an asset or as its place in the list.
func (r *Renderer) inlet(ctx context.Context, inlets []py.Value, key py.Value) (py.Value, error) {
	if n, ok := py.AsInt(key); ok {
		v, err := py.Item(py.Detached(py.Limits{}), py.NewList(inlets...), n)
		if err != nil {
			return nil, err
		}
		key = v
	}
	a, ok := key.(*asset)
	if !ok {
		return nil, py.TypeError("inlet_events is indexed by an asset or a number, not by %s", py.TypeOf(key).Name)
	}
	if r.cfg.Events == nil {
		return nil, errors.New("asset events cannot be looked for here: inlet_events is not available")
	}
	ref := dag.AssetRef{Alias: a.key}
	if a.class.Name == "Asset" {
		_, uri, _ := strings.Cut(a.key, "\x00")
		ref = dag.AssetRef{URI: uri}
	}
	list, err := task.AssetEvents(ctx, r.cfg.Events, ref, time.Time{}, r.a.Now())
	if err != nil {
		return nil, err
	}
	return r.eventList(list)
}
