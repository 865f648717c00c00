package py

import "sort"

var tupleMethods = map[string]method{
	"index": fixed("tuple.index", 1, 3, func(th *Thread, self Value, a []Value) (Value, error) {
		return find(th, self.(Tuple), a, "tuple.index(x): x not in tuple")
	}),
	"count": fixed("tuple.count", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		return countIn(th, self.(Tuple), a[0])
	}),
}

func find(th *Thread, items []Value, a []Value, notFound string) (Value, error) {
	start, end := 0, len(items)
	if len(a) == 3 {
		var err error
		if start, end, err = window(a[1], a[2], len(items)); err != nil {
			return nil, err
		}
	}
	for i := start; i < end; i++ {
		if eq, err := same(th, items[i], a[0]); err != nil {
			return nil, err
		} else if eq {
			return i, nil
		}
	}
	return nil, ValueError("%s", notFound)
}

// window clips optional start and end as str.find and list.index do.
func window(from, to Value, n int) (start, end int, err error) {
	sl := Slice{Or(from, nil), Or(to, nil), nil}
	start, count, _, err := sl.bounds(n)
	if err == nil && sl.Start != nil {
		if i, _ := AsInt(sl.Start); i > n {
			return n + 1, n, nil
		}
	}
	return start, start + count, err
}

func countIn(th *Thread, items []Value, v Value) (Value, error) {
	n := 0
	for _, x := range items {
		eq, err := same(th, x, v)
		if err != nil {
			return nil, err
		}
		if eq {
			n++
		}
	}
	return n, nil
}

var listMethods = map[string]method{
	"append": fixed("list.append", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		l := self.(*List)
		l.Items = append(l.Items, a[0])
		return nil, th.Alloc(16)
	}),
	"extend": fixed("list.extend", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		items, err := Collect(th, a[0])
		if err != nil {
			return nil, err
		}
		l := self.(*List)
		l.Items = append(l.Items, items...)
		return nil, th.Alloc(16 * len(items))
	}),
	"insert": fixed("list.insert", 2, 2, listInsert),
	"pop":    fixed("list.pop", 0, 1, listPop),
	"remove": fixed("list.remove", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		l := self.(*List)
		i, err := find(th, l.Items, a, "list.remove(x): x not in list")
		if err != nil {
			return nil, err
		}
		n := i.(int)
		l.Items = append(l.Items[:n:n], l.Items[n+1:]...)
		return nil, nil
	}),
	"clear": fixed("list.clear", 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) {
		self.(*List).Items = nil
		return nil, nil
	}),
	"copy": fixed("list.copy", 0, 0, func(th *Thread, self Value, _ []Value) (Value, error) {
		l := self.(*List)
		return &List{Items: joinItems(l.Items, nil)}, th.Alloc(16 * len(l.Items))
	}),
	"index": fixed("list.index", 1, 3, func(th *Thread, self Value, a []Value) (Value, error) {
		s, err := Repr(th, a[0])
		if err != nil {
			return nil, err
		}
		return find(th, self.(*List).Items, a, s+" is not in list")
	}),
	"count": fixed("list.count", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		return countIn(th, self.(*List).Items, a[0])
	}),
	"reverse": fixed("list.reverse", 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) {
		items := self.(*List).Items
		for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
			items[i], items[j] = items[j], items[i]
		}
		return nil, nil
	}),
	"sort": named("sort", func(th *Thread, self Value, a []Value) (Value, error) {
		rev, err := Truth(th, Or(a[1], false))
		if err != nil {
			return nil, err
		}
		key := Or(a[0], nil)
		return nil, Sort(th, self.(*List).Items, rev, func(v Value) (Value, error) {
			if key == nil {
				return v, nil
			}
			return Call(th, key, Args{Pos: []Value{v}})
		})
	}, "*", "key?", "reverse?"),
}

func listInsert(th *Thread, self Value, a []Value) (Value, error) {
	l := self.(*List)
	i, err := AsIndex(a[0])
	if err != nil {
		return nil, err
	}
	if i < 0 {
		i = max(i+len(l.Items), 0)
	}
	i = min(i, len(l.Items))
	l.Items = append(l.Items, nil)
	copy(l.Items[i+1:], l.Items[i:])
	l.Items[i] = a[1]
	return nil, th.Alloc(16)
}

func listPop(_ *Thread, self Value, a []Value) (Value, error) {
	l := self.(*List)
	if len(l.Items) == 0 {
		return nil, Errorf("IndexError", "pop from empty list")
	}
	i, err := AsIndex(Or(a[0], -1))
	if err != nil {
		return nil, err
	}
	if i < 0 {
		i += len(l.Items)
	}
	if i < 0 || i >= len(l.Items) {
		return nil, Errorf("IndexError", "pop index out of range")
	}
	v := l.Items[i]
	l.Items = append(l.Items[:i:i], l.Items[i+1:]...)
	return v, nil
}

// Sort sorts items in place, stably, by key; the first error stops it.
func Sort(th *Thread, items []Value, reverse bool, key func(Value) (Value, error)) error {
	type pair struct{ key, value Value }
	pairs := make([]pair, len(items))
	if err := th.Alloc(48 * len(items)); err != nil {
		return err
	}
	for i, v := range items {
		k, err := key(v)
		if err != nil {
			return err
		}
		pairs[i] = pair{k, v}
	}
	var failed error
	sort.SliceStable(pairs, func(i, j int) bool {
		if failed != nil {
			return false
		}
		a, b := pairs[i].key, pairs[j].key
		if reverse {
			a, b = b, a
		}
		less, err := Compare(th, "<", a, b)
		if err == nil {
			var t bool
			t, err = Truth(th, less)
			if err == nil {
				return t
			}
		}
		failed = err
		return false
	})
	if failed != nil {
		return failed
	}
	for i, p := range pairs {
		items[i] = p.value
	}
	return nil
}

var dictMethods = map[string]method{
	"keys":   dictView("keys", dictKeysType),
	"values": dictView("values", dictValuesType),
	"items":  dictView("items", dictItemsType),
	"get": fixed("dict.get", 1, 2, func(_ *Thread, self Value, a []Value) (Value, error) {
		v, ok, err := self.(*Dict).Get(a[0])
		if err != nil || ok {
			return v, err
		}
		return Or(a[1], nil), nil
	}),
	"pop": fixed("dict.pop", 1, 2, func(th *Thread, self Value, a []Value) (Value, error) {
		v, ok, err := self.(*Dict).Delete(a[0])
		if err != nil || ok {
			return v, err
		}
		if isMissing(a[1]) {
			return nil, keyError(th, a[0])
		}
		return a[1], nil
	}),
	"popitem": fixed("dict.popitem", 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) {
		d := self.(*Dict)
		keys := d.Keys()
		if len(keys) == 0 {
			return nil, Errorf("KeyError", "'popitem(): dictionary is empty'")
		}
		k := keys[len(keys)-1]
		v, _, err := d.Delete(k)
		return Tuple{k, v}, err
	}),
	"setdefault": fixed("dict.setdefault", 1, 2, func(th *Thread, self Value, a []Value) (Value, error) {
		d := self.(*Dict)
		v, ok, err := d.Get(a[0])
		if err != nil || ok {
			return v, err
		}
		v = Or(a[1], nil)
		if err := th.Alloc(64); err != nil {
			return nil, err
		}
		return v, d.Set(a[0], v)
	}),
	"update": func(th *Thread, self Value, a Args) (Value, error) {
		return nil, UpdateDict(th, self.(*Dict), "update", a)
	},
	"copy": fixed("dict.copy", 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) { return self.(*Dict).Copy(), nil }),
	"clear": fixed("dict.clear", 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) {
		*self.(*Dict) = Dict{}
		return nil, nil
	}),
	"fromkeys": fixed("dict.fromkeys", 1, 2, func(th *Thread, _ Value, a []Value) (Value, error) {
		keys, err := Collect(th, a[0])
		if err != nil {
			return nil, err
		}
		d := NewDict()
		for _, k := range keys {
			if err := d.Set(k, Or(a[1], nil)); err != nil {
				return nil, err
			}
		}
		return d, nil
	}),
}

func dictView(name string, kind *Type) method {
	return fixed("dict."+name, 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) {
		return &DictView{self.(*Dict), kind}, nil
	})
}

// UpdateDict does dict.update: from a mapping or pairs, then from keywords.
func UpdateDict(th *Thread, d *Dict, name string, a Args) error {
	if len(a.Pos) > 1 {
		return TypeError("%s expected at most 1 argument, got %d", name, len(a.Pos))
	}
	if err := th.Alloc(64 * len(a.Kw)); err != nil {
		return err
	}
	if len(a.Pos) == 1 {
		if src, ok := a.Pos[0].(*Dict); ok {
			for k, v := range src.All {
				_ = d.Set(k, v) // hashed before
			}
		} else if err := updatePairs(th, d, a.Pos[0]); err != nil {
			return err
		}
	}
	for _, kw := range a.Kw {
		d.SetStr(kw.Name, kw.Value)
	}
	return nil
}

func updatePairs(th *Thread, d *Dict, src Value) error {
	pairs, err := Collect(th, src)
	if err != nil {
		return err
	}
	for i, p := range pairs {
		kv, err := Collect(th, p)
		if err != nil {
			if IsClass(err, "TypeError") {
				return TypeError("cannot convert dictionary update sequence element #%d to a sequence", i)
			}
			return err
		}
		if len(kv) != 2 {
			return ValueError("dictionary update sequence element #%d has length %d; 2 is required", i, len(kv))
		}
		if err := d.Set(kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

var setMethods = map[string]method{
	"add": fixed("set.add", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		if err := th.Alloc(64); err != nil {
			return nil, err
		}
		return nil, self.(*Set).Add(a[0])
	}),
	"discard": fixed("set.discard", 1, 1, func(_ *Thread, self Value, a []Value) (Value, error) {
		_, _, err := self.(*Set).d.Delete(a[0])
		return nil, err
	}),
	"remove": fixed("set.remove", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		_, ok, err := self.(*Set).d.Delete(a[0])
		if err == nil && !ok {
			return nil, keyError(th, a[0])
		}
		return nil, err
	}),
	"clear": fixed("set.clear", 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) {
		*self.(*Set) = Set{}
		return nil, nil
	}),
	"copy": fixed("set.copy", 0, 0, func(_ *Thread, self Value, _ []Value) (Value, error) {
		return NewSet(self.(*Set).Items()...)
	}),
	"union":                setMethod("|"),
	"intersection":         setMethod("&"),
	"difference":           setMethod("-"),
	"symmetric_difference": setMethod("^"),
	"issubset":             setRelation("<="),
	"issuperset":           setRelation(">="),
	"isdisjoint": fixed("set.isdisjoint", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		o, err := toSet(th, a[0])
		if err != nil {
			return nil, err
		}
		v, _, err := setOperation("&", self, o)
		if err != nil {
			return nil, err
		}
		return v.(*Set).d.Count() == 0, nil
	}),
}

func toSet(th *Thread, v Value) (*Set, error) {
	items, err := Collect(th, v)
	if err != nil {
		return nil, err
	}
	return NewSet(items...)
}

func setMethod(op string) method {
	return func(th *Thread, self Value, a Args) (Value, error) {
		out := self
		for _, v := range a.Pos {
			o, err := toSet(th, v)
			if err != nil {
				return nil, err
			}
			if out, _, err = setOperation(op, out, o); err != nil {
				return nil, err
			}
		}
		if len(a.Pos) == 0 {
			return NewSet(self.(*Set).Items()...)
		}
		return out, nil
	}
}

func setRelation(op string) method {
	return fixed("set.issubset", 1, 1, func(th *Thread, self Value, a []Value) (Value, error) {
		o, err := toSet(th, a[0])
		if err != nil {
			return nil, err
		}
		return compareSets(op, &self.(*Set).d, &o.d), nil
	})
}
