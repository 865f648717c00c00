package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// mappedArg is what a mapped argument is at the instance's index.
type mappedArg struct {
	name  string
	value any
	// authored says that its texts are the author's, and so templates; what another
	// task pushed never is.
	authored bool
}

// source is everything a mapped argument ranges over.
type source struct {
	name     string
	from     string // the task it comes from, or empty
	authored bool
	n        int
	at       func(i int) (any, error)
}

// mapped returns the mapped arguments of the instance: its place in the cross product
// of what it (or its group) is mapped over, the last argument varying fastest. None
// for a task that is not mapped.
func (x *execution) mapped(ctx context.Context) ([]mappedArg, error) {
	m := x.w.Graph.Mapping(x.index)
	if m == nil {
		return nil, nil
	}
	if x.w.Instance.Map < 0 {
		return nil, errors.New("the task is mapped and this instance has no map index: it was started before it was expanded")
	}
	args := m.Sources()
	sources := make([]source, len(args))
	total := 1
	for i, a := range args {
		s, err := x.source(ctx, a)
		if err != nil {
			return nil, err
		}
		sources[i] = s
		total *= s.n
	}
	at := x.w.Instance.Map
	if at >= total {
		return nil, fmt.Errorf("map index %d is not there any more: there are %d elements to map over", at, total)
	}
	out := make([]mappedArg, len(sources))
	for i := len(sources) - 1; i >= 0; i-- {
		s := sources[i]
		v, err := s.at(at % s.n)
		if err != nil {
			return nil, fmt.Errorf("element %d of %s: %w", at%s.n, s.describe(), err)
		}
		at /= s.n
		out[i] = mappedArg{name: s.name, value: v, authored: s.authored}
	}
	if m.Kwargs != nil {
		return spread(out[0], sources[0])
	}
	return out, nil
}

func (s source) describe() string {
	switch {
	case s.from != "":
		return fmt.Sprintf("the output of task %q", s.from)
	case s.name != "":
		return fmt.Sprintf("the mapped argument %s", s.name)
	default:
		return "the list that is mapped over"
	}
}

// spread makes arguments of an element of expand_kwargs.
func spread(a mappedArg, s source) ([]mappedArg, error) {
	m, ok := a.value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("expand_kwargs needs dicts: an element of %s is %s", s.describe(), describe(a.value))
	}
	out := make([]mappedArg, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, mappedArg{name: k, value: m[k], authored: a.authored})
	}
	return out, nil
}

func (x *execution) source(ctx context.Context, a dag.MappedArg) (source, error) {
	s := source{name: a.Name, authored: true}
	if a.XCom != nil {
		return x.pushedSource(ctx, a)
	}
	switch v := a.Literal.(type) {
	case dag.Derived:
		return x.derivedSource(ctx, a.Name, v)
	case []any:
		s.n, s.at = len(v), func(i int) (any, error) { return v[i], nil }
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		s.n, s.at = len(v), func(i int) (any, error) { return Tuple{keys[i], v[keys[i]]}, nil }
	default:
		return s, Misconfigured(fmt.Errorf("argument %s is %s: only lists and dicts can be mapped over", a.Name, describe(a.Literal)))
	}
	return s, nil
}

// pushedSource is a source that other tasks pushed: the list or dict of a plain task,
// or the values of a mapped one, without those that are not there.
func (x *execution) pushedSource(ctx context.Context, a dag.MappedArg) (source, error) {
	s := source{name: a.Name, from: a.XCom.Task}
	u, ok := x.w.Graph.Index(a.XCom.Task)
	if !ok {
		return s, Misconfigured(fmt.Errorf("mapped over the output of %q, which is not a task of the DAG", a.XCom.Task))
	}
	items, err := x.pullRef(ctx, *a.XCom, nil)
	if err != nil {
		return s, err
	}
	if x.w.Graph.Mapped[u] {
		items = slices.DeleteFunc(items, func(i store.XComItem) bool { return isNull(i.Value) })
		s.n, s.at = len(items), func(i int) (any, error) { return x.decode(ctx, items[i].Value) }
		return s, nil
	}
	if len(items) == 0 || isNull(items[0].Value) {
		return s, fmt.Errorf("%s is not there: it pushed no %s to map over", s.describe(), keyOr(a.XCom.Key))
	}
	raw, err := x.whole(ctx, items[0].Value)
	if err != nil {
		return s, err
	}
	list, dict, ok := elements(raw)
	switch {
	case !ok:
		return s, fmt.Errorf("%s is %s: only lists and dicts can be mapped over", s.describe(), describeRaw(raw))
	case dict != nil:
		s.n, s.at = len(dict), func(i int) (any, error) {
			v, err := DecodeXCom(dict[i].value)
			return Tuple{dict[i].key, v}, err
		}
	default:
		s.n, s.at = len(list), func(i int) (any, error) { return DecodeXCom(list[i]) }
	}
	return s, nil
}

// output is what an XComRef in an argument stands for: one value, or the list of all
// values of a task that is mapped and not in the same mapped group.
func (x *execution) output(ctx context.Context, ref dag.XComRef) (any, error) {
	g := x.w.Graph
	u, ok := g.Index(ref.Task)
	if !ok {
		return nil, Misconfigured(fmt.Errorf("refers to the output of %q, which is not a task of the DAG", ref.Task))
	}
	if g.Mapped[u] && !x.sameGroup(u) {
		items, err := x.pullRef(ctx, ref, nil)
		if err != nil {
			return nil, err
		}
		out := make([]any, len(items))
		for i, item := range items {
			if out[i], err = x.decode(ctx, item.Value); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	at := run.Unmapped
	if g.Mapped[u] {
		at = x.w.Instance.Map
	}
	items, err := x.pullRef(ctx, ref, []int{at})
	switch {
	case err != nil:
		return nil, err
	case len(items) > 0:
		return x.decode(ctx, items[0].Value)
	case keyOr(ref.Key) == dag.ReturnValue || g.Tasks[u].MultipleOutputs:
		return nil, nil
	default:
		return nil, fmt.Errorf("XCom %q of task %q is not there: the task did not push it (multiple_outputs pushes the entries of a dict)", ref.Key, ref.Task)
	}
}

// sameGroup says that the two tasks are in the same mapped group, where an instance
// only sees the instances with its own index.
func (x *execution) sameGroup(u int) bool {
	k := x.w.Graph.MapGroup[x.index]
	return k >= 0 && x.w.Graph.MapGroup[u] == k && x.w.Graph.Tasks[u].Expand == nil
}

func (x *execution) pullRef(ctx context.Context, ref dag.XComRef, at []int) ([]store.XComItem, error) {
	if x.r.cfg.Store == nil {
		return nil, errNoXComs
	}
	q := store.XComQuery{Run: x.w.Run.ID, Tasks: []string{ref.Task}, Maps: at, Name: keyOr(ref.Key)}
	items, err := x.r.cfg.Store.XComs(ctx, q)
	if err != nil {
		return nil, infra(fmt.Errorf("reading the output of task %q: %w", ref.Task, err))
	}
	return items, nil
}

func keyOr(key string) string {
	if key == "" {
		return dag.ReturnValue
	}
	return key
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// hasMappedDownstream says that some task is mapped over the output of this one.
func (x *execution) hasMappedDownstream() (task string, ok bool) {
	g := x.w.Graph
	for _, d := range g.Watchers[x.index] {
		if slices.Contains(g.Mappers[d], x.index) {
			return g.Tasks[d].ID, true
		}
	}
	return "", false
}

// describe names the kind of a value for messages, never the value.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a text"
	case int, int64, float64, json.Number:
		return "a number"
	case []any, []string:
		return "a list"
	case Tuple:
		return "a tuple"
	case map[string]any:
		if class, ok := v["__classname__"].(string); ok {
			return "a " + class
		}
		return "a dict"
	case json.RawMessage:
		return describeRaw(v)
	default:
		return fmt.Sprintf("a %T", v)
	}
}

func describeRaw(raw json.RawMessage) string {
	v, err := DecodeXCom(raw)
	if err != nil {
		return "not JSON"
	}
	return describe(v)
}
