package jinja

import "github.com/updraft-dev/updraft/jinja/py"

// group is one answer of groupby: a tuple with names.
type group struct {
	key  py.Value
	list *py.List
}

var groupType = &py.Type{Module: "jinja2.filters", Name: "_GroupTuple"}

func (g *group) tuple() py.Tuple { return py.Tuple{g.key, g.list} }

// Type is jinja2.filters._GroupTuple.
func (g *group) Type() *py.Type { return groupType }

// Repr is that of a tuple.
func (g *group) Repr(th *py.Thread) (string, error) { return py.Repr(th, g.tuple()) }

// Iter walks grouper and list.
func (g *group) Iter(*py.Thread) (py.Iterator, error) { return py.FromSlice(g.tuple()), nil }

// Len is 2.
func (g *group) Len(*py.Thread) (int, error) { return 2, nil }

// Item is that of a tuple.
func (g *group) Item(th *py.Thread, key py.Value) (py.Value, error) {
	return py.Item(th, g.tuple(), key)
}

// Attr answers grouper and list.
func (g *group) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "grouper":
		return g.key, true, nil
	case "list":
		return g.list, true, nil
	}
	return nil, false, nil
}

func groupBy(r *run, a []py.Value) (py.Value, error) {
	post, err := folded(r, a[3])
	if err != nil {
		return nil, err
	}
	get := getter(r, a[1], post, py.Or(a[2], nil))
	list, err := py.Collect(r.th, a[0])
	if err != nil {
		return nil, err
	}
	if err := py.Sort(r.th, list, false, get); err != nil {
		return nil, err
	}
	var out []py.Value
	var cur *group
	var curKey py.Value
	for _, v := range list {
		key, err := get(v)
		if err != nil {
			return nil, err
		}
		eq := false
		if cur != nil {
			if eq, err = py.Equal(r.th, curKey, key); err != nil {
				return nil, err
			}
		}
		if !eq {
			// The group shows the key as its first member wrote it.
			shown, err := getter(r, a[1], nil, py.Or(a[2], nil))(v)
			if err != nil {
				return nil, err
			}
			cur, curKey = &group{key: shown, list: &py.List{}}, key
			out = append(out, cur)
		}
		cur.list.Items = append(cur.list.Items, v)
	}
	return &py.List{Items: out}, r.th.Alloc(64 * len(list))
}

func dictSort(r *run, a []py.Value) (py.Value, error) {
	by, _ := py.IsString(py.Or(a[2], "key"))
	pos := 0
	switch by {
	case "key":
	case "value":
		pos = 1
	default:
		return nil, py.Errorf(classArgument, "You can only sort by either \"key\" or \"value\"")
	}
	rev, err := truth(r, py.Or(a[3], false))
	if err != nil {
		return nil, err
	}
	post, err := folded(r, a[1])
	if err != nil {
		return nil, err
	}
	view, err := method(r, a[0], "items")
	if err != nil {
		return nil, err
	}
	list, err := py.Collect(r.th, view)
	if err != nil {
		return nil, err
	}
	err = py.Sort(r.th, list, rev, func(v py.Value) (py.Value, error) {
		key, err := py.Item(r.th, v, pos)
		if err == nil && post != nil {
			return post(key)
		}
		return key, err
	})
	return &py.List{Items: list}, err
}

// items walks a mapping. Like Python's generator it looks at the value only when it is walked.
func items(r *run, a []py.Value) (py.Value, error) {
	var it py.Iterator
	return py.NewGenerator("do_items", func() (py.Value, bool, error) {
		if it == nil {
			if _, ok := a[0].(*Undefined); ok {
				return nil, false, nil
			}
			if !isMapping(a[0]) {
				return nil, false, py.TypeError("Can only get item pairs from a mapping.")
			}
			view, err := method(r, a[0], "items")
			if err != nil {
				return nil, false, err
			}
			if it, err = py.Iter(r.th, view); err != nil {
				return nil, false, err
			}
		}
		return it()
	}), nil
}
