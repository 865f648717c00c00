package jinja

import (
	"strconv"
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

var listFilters = map[string]filterFunc{
	"list": filterOf("do_list", func(r *run, a []py.Value) (py.Value, error) {
		items, err := py.Collect(r.th, a[0])
		return &py.List{Items: items}, err
	}, "value"),
	"first":    filterOf("do_first", first, "env", "seq"),
	"last":     filterOf("do_last", last, "env", "seq"),
	"random":   filterOf("do_random", randomItem, "env", "seq"),
	"join":     filterOf("do_join", join, "env", "value", "d?", "attribute?"),
	"reverse":  filterOf("do_reverse", reverse, "value"),
	"sort":     filterOf("do_sort", sortFilter, "env", "value", "reverse?", "case_sensitive?", "attribute?"),
	"unique":   filterOf("do_unique", unique, "env", "value", "case_sensitive?", "attribute?"),
	"min":      filterOf("do_min", func(r *run, a []py.Value) (py.Value, error) { return extreme(r, a, "<") }, "env", "value", "case_sensitive?", "attribute?"),
	"max":      filterOf("do_max", func(r *run, a []py.Value) (py.Value, error) { return extreme(r, a, ">") }, "env", "value", "case_sensitive?", "attribute?"),
	"sum":      filterOf("do_sum", sum, "env", "iterable", "attribute?", "start?"),
	"batch":    filterOf("do_batch", batch, "value", "linecount", "fill_with?"),
	"slice":    filterOf("do_slice", sliceFilter, "value", "slices", "fill_with?"),
	"groupby":  filterOf("do_groupby", groupBy, "env", "value", "attribute", "default?", "case_sensitive?"),
	"dictsort": filterOf("do_dictsort", dictSort, "value", "case_sensitive?", "by?", "reverse?"),
	"items":    filterOf("do_items", items, "value"),
}

func first(r *run, a []py.Value) (py.Value, error) {
	it, err := py.Iter(r.th, a[0])
	if err != nil {
		return nil, err
	}
	v, ok, err := it()
	if err == nil && !ok {
		return r.undefinedHint("No first item, sequence was empty.", ""), nil
	}
	return v, err
}

func last(r *run, a []py.Value) (py.Value, error) {
	if u, ok := a[0].(*Undefined); ok {
		return nil, u.fail()
	}
	rev, err := py.Reversed(r.th, a[0])
	if err != nil {
		return nil, err
	}
	it, err := py.Iter(r.th, rev)
	if err != nil {
		return nil, err
	}
	v, ok, err := it()
	if err == nil && !ok {
		return r.undefinedHint("No last item, sequence was empty.", ""), nil
	}
	return v, err
}

func randomItem(r *run, a []py.Value) (py.Value, error) {
	n, err := py.Len(r.th, a[0])
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return r.undefinedHint("No random item, sequence was empty.", ""), nil
	}
	if r.env.cfg.Random == nil {
		return nil, errNoRandom
	}
	return py.Item(r.th, a[0], r.env.cfg.Random(n))
}

// getter reads an attribute path such as "a.b.0" from each item; no path answers the item.
func getter(r *run, path py.Value, post func(py.Value) (py.Value, error), def py.Value) func(py.Value) (py.Value, error) {
	var keys []py.Value
	switch p := path.(type) {
	case nil:
	case int:
		keys = []py.Value{p}
	default:
		s, ok := py.IsString(p)
		if !ok {
			keys = []py.Value{p}
			break
		}
		for _, part := range strings.Split(s, ".") {
			if n, err := strconv.Atoi(part); err == nil && part[0] != '-' && part[0] != '+' {
				keys = append(keys, n)
			} else {
				keys = append(keys, part)
			}
		}
	}
	return func(v py.Value) (py.Value, error) {
		var err error
		for _, k := range keys {
			if v, err = r.item(v, k); err != nil {
				return nil, err
			}
			if _, undef := v.(*Undefined); undef && def != nil {
				v = def
			}
		}
		if post != nil {
			return post(v)
		}
		return v, nil
	}
}

// folded ignores case in text unless the filter was told to mind it.
func folded(r *run, caseSensitive py.Value) (func(py.Value) (py.Value, error), error) {
	sensitive, err := truth(r, py.Or(caseSensitive, false))
	if err != nil || sensitive {
		return nil, err
	}
	return func(v py.Value) (py.Value, error) {
		if s, ok := py.IsString(v); ok {
			return py.Lower(s), nil
		}
		return v, nil
	}, nil
}

func join(r *run, a []py.Value) (py.Value, error) {
	it, err := py.Iter(r.th, a[0])
	if err != nil {
		return nil, err
	}
	sep, err := soft(r, py.Or(a[1], ""))
	if err != nil {
		return nil, err
	}
	get := getter(r, py.Or(a[2], nil), nil, nil)
	var parts []py.Value
	markup := false
	for {
		v, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if v, err = get(v); err != nil {
			return nil, err
		}
		if v, err = soft(r, v); err != nil {
			return nil, err
		}
		_, m := v.(py.Markup)
		markup = markup || m
		parts = append(parts, v)
	}
	list := &py.List{Items: parts}
	if _, ok := sep.(py.Markup); r.autoescape && (markup || ok) {
		m, err := py.ToMarkup(r.th, sep)
		if err != nil {
			return nil, err
		}
		return method(r, m, "join", list)
	}
	s, _ := py.IsString(sep)
	return method(r, s, "join", list)
}

func reverse(r *run, a []py.Value) (py.Value, error) {
	if _, ok := py.IsString(a[0]); ok {
		return py.Item(r.th, a[0], py.Slice{Step: -1})
	}
	rev, err := py.Reversed(r.th, a[0])
	if err == nil {
		return rev, nil
	}
	if !py.IsClass(err, "TypeError") {
		return nil, err
	}
	list, err := py.Collect(r.th, a[0])
	if err != nil {
		if py.IsClass(err, "TypeError") {
			return nil, py.Errorf(classArgument, "argument must be iterable")
		}
		return nil, err
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return &py.List{Items: list}, nil
}

// sortKey is the key that sort uses: an attribute, or several with commas.
func sortKey(r *run, path, caseSensitive py.Value) (func(py.Value) (py.Value, error), error) {
	post, err := folded(r, caseSensitive)
	if err != nil {
		return nil, err
	}
	s, ok := py.IsString(path)
	if !ok || !strings.Contains(s, ",") {
		return getter(r, path, post, nil), nil
	}
	var gets []func(py.Value) (py.Value, error)
	for _, p := range strings.Split(s, ",") {
		gets = append(gets, getter(r, p, post, nil))
	}
	return func(v py.Value) (py.Value, error) {
		key := make([]py.Value, len(gets))
		for i, get := range gets {
			k, err := get(v)
			if err != nil {
				return nil, err
			}
			key[i] = k
		}
		return &py.List{Items: key}, nil
	}, nil
}

func sortFilter(r *run, a []py.Value) (py.Value, error) {
	rev, err := truth(r, py.Or(a[1], false))
	if err != nil {
		return nil, err
	}
	key, err := sortKey(r, py.Or(a[3], nil), a[2])
	if err != nil {
		return nil, err
	}
	list, err := py.Collect(r.th, a[0])
	if err != nil {
		return nil, err
	}
	return &py.List{Items: list}, py.Sort(r.th, list, rev, key)
}

func unique(r *run, a []py.Value) (py.Value, error) {
	post, err := folded(r, a[1])
	if err != nil {
		return nil, err
	}
	get := getter(r, py.Or(a[2], nil), post, nil)
	it, err := py.Iter(r.th, a[0])
	if err != nil {
		return nil, err
	}
	seen := &py.Set{}
	return py.NewGenerator("do_unique", func() (py.Value, bool, error) {
		for {
			v, ok, err := it()
			if err != nil || !ok {
				return nil, false, err
			}
			key, err := get(v)
			if err != nil {
				return nil, false, err
			}
			if has, err := seen.Has(key); err != nil {
				return nil, false, err
			} else if has {
				continue
			}
			if err := r.th.Alloc(64); err != nil {
				return nil, false, err
			}
			return v, true, seen.Add(key)
		}
	}), nil
}

func extreme(r *run, a []py.Value, op string) (py.Value, error) {
	post, err := folded(r, a[1])
	if err != nil {
		return nil, err
	}
	get := getter(r, py.Or(a[2], nil), post, nil)
	list, err := py.Collect(r.th, a[0])
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return r.undefinedHint("No aggregated item, sequence was empty.", ""), nil
	}
	best := list[0]
	bestKey, err := get(best)
	if err != nil {
		return nil, err
	}
	for _, v := range list[1:] {
		key, err := get(v)
		if err != nil {
			return nil, err
		}
		res, err := py.Compare(r.th, op, key, bestKey)
		if err != nil {
			return nil, err
		}
		better, err := truth(r, res)
		if err != nil {
			return nil, err
		}
		if better {
			best, bestKey = v, key
		}
	}
	return best, nil
}

func sum(r *run, a []py.Value) (py.Value, error) {
	get := getter(r, py.Or(a[1], nil), nil, nil)
	it, err := py.Iter(r.th, a[0])
	if err != nil {
		return nil, err
	}
	total := py.Or(a[2], 0)
	if _, ok := total.(string); ok {
		return nil, py.TypeError("sum() can't sum strings [use ''.join(seq) instead]")
	}
	for {
		v, ok, err := it()
		if err != nil || !ok {
			return total, err
		}
		if v, err = get(v); err != nil {
			return nil, err
		}
		if total, err = py.Binary(r.th, "+", total, v); err != nil {
			return nil, err
		}
	}
}

func batch(r *run, a []py.Value) (py.Value, error) {
	size, err := py.AsIndex(a[1])
	if err != nil {
		return nil, err
	}
	it, err := py.Iter(r.th, a[0])
	if err != nil {
		return nil, err
	}
	fill := py.Or(a[2], nil)
	done := false
	var ahead []py.Value
	return py.NewGenerator("do_batch", func() (py.Value, bool, error) {
		for !done {
			v, ok, err := it()
			if err != nil {
				return nil, false, err
			}
			if !ok {
				done = true
				break
			}
			if len(ahead) == size {
				out := ahead
				ahead = []py.Value{v}
				return &py.List{Items: out}, true, nil
			}
			ahead = append(ahead, v)
		}
		if len(ahead) == 0 {
			return nil, false, nil
		}
		out := ahead
		ahead = nil
		for fill != nil && len(out) < size {
			if err := r.th.Alloc(16); err != nil {
				return nil, false, err
			}
			out = append(out, fill)
		}
		return &py.List{Items: out}, true, nil
	}), nil
}

func sliceFilter(r *run, a []py.Value) (py.Value, error) {
	n, err := py.AsIndex(a[1])
	if err != nil {
		return nil, err
	}
	list, err := py.Collect(r.th, a[0])
	if err != nil {
		return nil, err
	}
	fill := py.Or(a[2], nil)
	if n == 0 {
		return nil, py.Errorf("ZeroDivisionError", "integer division or modulo by zero")
	}
	each, extra, offset, i := len(list)/max(n, 1), len(list)%max(n, 1), 0, 0
	return py.NewGenerator("do_slice", func() (py.Value, bool, error) {
		if i >= n {
			return nil, false, nil
		}
		start := offset + i*each
		if i < extra {
			offset++
		}
		part := append([]py.Value(nil), list[start:offset+(i+1)*each]...)
		if fill != nil && i >= extra {
			part = append(part, fill)
		}
		i++
		return &py.List{Items: part}, true, r.th.Alloc(16 * len(part))
	}), nil
}
