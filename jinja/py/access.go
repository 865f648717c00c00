package py

import "unicode/utf8"

// Getattr is Python's getattr(v, name); ok is false when there is no such attribute.
func Getattr(th *Thread, v Value, name string) (Value, bool, error) {
	if a, ok := v.(HasAttr); ok {
		r, ok, err := a.Attr(th, name)
		if ok || err != nil {
			return r, ok, err
		}
	}
	if name == "__class__" {
		return TypeOf(v), true, nil
	}
	if m, ok := methodsOf(v)[name]; ok {
		return &Func{Name: name, Native: true, Owner: v, Fn: func(th *Thread, a Args) (Value, error) {
			return m(th, v, a)
		}}, true, nil
	}
	if get, ok := properties(v)[name]; ok {
		return get(v), true, nil
	}
	return nil, false, nil
}

// AttributeError is what a missing attribute raises in Python.
func AttributeError(v Value, name string) error {
	return Errorf("AttributeError", "'%s' object has no attribute '%s'", TypeOf(v).longName(), name)
}

// Item is Python's v[key], with Python's errors.
func Item(th *Thread, v, key Value) (Value, error) {
	if err := th.Step(); err != nil {
		return nil, err
	}
	if sl, ok := key.(Slice); ok {
		return getSlice(th, v, sl)
	}
	switch x := v.(type) {
	case *Dict:
		r, ok, err := x.Get(key)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, keyError(th, key)
		}
		return r, nil
	case *List:
		return index(x.Items, key, "list")
	case Tuple:
		return index(x, key, "tuple")
	case string:
		return strIndex(x, key)
	case Markup:
		s, err := strIndex(string(x), key)
		if err != nil {
			return nil, err
		}
		return Markup(s.(string)), nil
	case Bytes:
		i, err := position(len(x), key, "byte", "index out of range")
		if err != nil {
			return nil, err
		}
		return int(x[i]), nil
	case *Range:
		i, err := position(x.Count(), key, "range", "range object index out of range")
		if err != nil {
			return nil, err
		}
		return x.Start + i*x.Step, nil
	case HasItem:
		return x.Item(th, key)
	case *Type:
		return nil, TypeError("type '%s' is not subscriptable", x.Name)
	}
	return nil, TypeError("'%s' object is not subscriptable", TypeOf(v).longName())
}

func keyError(th *Thread, key Value) error {
	s, err := Repr(th, key)
	if err != nil {
		return err
	}
	return Errorf("KeyError", "%s", s)
}

func index(items []Value, key Value, kind string) (Value, error) {
	i, err := position(len(items), key, kind, kind+" index out of range")
	if err != nil {
		return nil, err
	}
	return items[i], nil
}

func position(n int, key Value, kind, outOfRange string) (int, error) {
	i, ok := AsInt(key)
	if !ok {
		what := kind + " indices must be integers or slices, not "
		if kind == "string" {
			what = "string indices must be integers, not '"
			return 0, TypeError("%s%s'", what, TypeOf(key).longName())
		}
		return 0, TypeError("%s%s", what, TypeOf(key).longName())
	}
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return 0, Errorf("IndexError", "%s", outOfRange)
	}
	return i, nil
}

func strIndex(s string, key Value) (Value, error) {
	n := utf8.RuneCountInString(s)
	i, err := position(n, key, "string", "string index out of range")
	if err != nil {
		return nil, err
	}
	if n == len(s) {
		return s[i : i+1], nil
	}
	for p, r := range s {
		if i == 0 {
			return s[p : p+utf8.RuneLen(r)], nil
		}
		i--
	}
	return "", nil
}

// bounds turns a slice into start, count and step over n items.
func (sl Slice) bounds(n int) (start, count, step int, err error) {
	step = 1
	if sl.Step != nil {
		if step, err = sliceIndex(sl.Step); err != nil {
			return 0, 0, 0, err
		}
		if step == 0 {
			return 0, 0, 0, ValueError("slice step cannot be zero")
		}
	}
	lower, upper := 0, n
	if step < 0 {
		lower, upper = -1, n-1
	}
	clip := func(v Value, def int) (int, error) {
		if v == nil {
			return def, nil
		}
		i, err := sliceIndex(v)
		if err != nil {
			return 0, err
		}
		if i < 0 {
			i = max(i+n, lower)
		}
		return min(i, upper), nil
	}
	first, last := lower, upper
	if step < 0 {
		first, last = upper, lower
	}
	if start, err = clip(sl.Start, first); err != nil {
		return 0, 0, 0, err
	}
	stop, err := clip(sl.Stop, last)
	if err != nil {
		return 0, 0, 0, err
	}
	r := Range{start, stop, step}
	return start, r.Count(), step, nil
}

func sliceIndex(v Value) (int, error) {
	i, err := AsIndex(v)
	if err != nil {
		return 0, TypeError("slice indices must be integers or None or have an __index__ method")
	}
	return i, nil
}

func getSlice(th *Thread, v Value, sl Slice) (Value, error) {
	switch x := v.(type) {
	case string:
		return strSlice(th, x, sl)
	case Markup:
		s, err := strSlice(th, string(x), sl)
		return Markup(s), err
	case *List:
		items, err := itemSlice(th, x.Items, sl)
		return &List{Items: items}, err
	case Tuple:
		items, err := itemSlice(th, x, sl)
		return Tuple(items), err
	case Bytes:
		start, n, step, err := sl.bounds(len(x))
		out := make([]byte, n)
		for i := range out {
			out[i] = x[start+i*step]
		}
		return Bytes(out), err
	case *Range:
		start, n, step, err := sl.bounds(x.Count())
		first := x.Start + start*x.Step
		return &Range{first, first + n*step*x.Step, step * x.Step}, err
	case HasItem:
		return x.Item(th, sl)
	case *Dict:
		return nil, TypeError("unhashable type: 'slice'")
	}
	return nil, TypeError("'%s' object is not subscriptable", TypeOf(v).longName())
}

func itemSlice(th *Thread, items []Value, sl Slice) ([]Value, error) {
	start, n, step, err := sl.bounds(len(items))
	if err != nil {
		return nil, err
	}
	if err := th.Alloc(16 * n); err != nil {
		return nil, err
	}
	out := make([]Value, n)
	for i := range out {
		out[i] = items[start+i*step]
	}
	return out, nil
}

func strSlice(th *Thread, s string, sl Slice) (string, error) {
	if isASCII(s) {
		start, n, step, err := sl.bounds(len(s))
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", nil
		}
		if step == 1 {
			return s[start : start+n], nil
		}
		out := make([]byte, n)
		for i := range out {
			out[i] = s[start+i*step]
		}
		return string(out), th.Alloc(n)
	}
	runes := []rune(s)
	start, n, step, err := sl.bounds(len(runes))
	if err != nil {
		return "", err
	}
	out := make([]rune, n)
	for i := range out {
		out[i] = runes[start+i*step]
	}
	return string(out), th.Alloc(4 * len(runes))
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Iter is Python's iter(v).
func Iter(th *Thread, v Value) (Iterator, error) {
	switch x := v.(type) {
	case *List:
		i := 0
		return func() (Value, bool, error) { // live: a list may grow while it is walked
			if err := th.Step(); err != nil {
				return nil, false, err
			}
			if i >= len(x.Items) {
				return nil, false, nil
			}
			i++
			return x.Items[i-1], true, nil
		}, nil
	case Tuple:
		return FromSlice(x), nil
	case *Dict:
		return FromSlice(x.Keys()), nil
	case *Set:
		return FromSlice(x.Items()), nil
	case string:
		return iterString(x), nil
	case Markup: // whose iterator is that of str
		return iterString(string(x)), nil
	case *Range:
		i, n := 0, x.Count()
		return func() (Value, bool, error) {
			if i >= n {
				return nil, false, nil
			}
			i++
			return x.Start + (i-1)*x.Step, true, th.Step()
		}, nil
	case Bytes:
		i := 0
		return func() (Value, bool, error) {
			if i >= len(x) {
				return nil, false, nil
			}
			i++
			return int(x[i-1]), true, nil
		}, nil
	case Iterable:
		return x.Iter(th)
	}
	return nil, TypeError("'%s' object is not iterable", TypeOf(v).longName())
}

func iterString(s string) Iterator {
	return func() (Value, bool, error) {
		if s == "" {
			return nil, false, nil
		}
		_, n := utf8.DecodeRuneInString(s)
		c := s[:n]
		s = s[n:]
		return c, true, nil
	}
}

// Collect is Python's list(v), as a slice that the caller owns.
func Collect(th *Thread, v Value) ([]Value, error) {
	it, err := Iter(th, v)
	if err != nil {
		return nil, err
	}
	var out []Value
	for {
		x, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			return out, nil
		}
		if err := th.Step(); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
}

// Len is Python's len(v).
func Len(th *Thread, v Value) (int, error) {
	switch x := v.(type) {
	case string:
		return utf8.RuneCountInString(x), nil
	case Markup:
		return utf8.RuneCountInString(string(x)), nil
	case Bytes:
		return len(x), nil
	case *List:
		return len(x.Items), nil
	case Tuple:
		return len(x), nil
	case Sized:
		return x.Len(th)
	}
	return 0, TypeError("object of type '%s' has no len()", TypeOf(v).longName())
}

// Reversed is Python's reversed(v).
func Reversed(th *Thread, v Value) (Value, error) {
	var items []Value
	switch x := v.(type) {
	case *List:
		items = x.Items
	case Tuple:
		items = x
	case *Dict:
		items = x.Keys()
	case *DictView:
		items = x.Values()
	case *Range, string, Markup, Bytes:
		var err error
		if items, err = Collect(th, v); err != nil {
			return nil, err
		}
	default:
		if o, ok := v.(Operand); ok {
			if _, known, err := o.Binary(th, "reversed", nil, false); known || err != nil {
				return nil, err
			}
		}
		return nil, TypeError("'%s' object is not reversible", TypeOf(v).longName())
	}
	kind := builtin(TypeOf(v).Name + "_reverseiterator")
	switch TypeOf(v) {
	case listType:
		kind = listRevType
	case tupleType, strType, bytesType:
		kind = builtin("reversed")
	case rangeType:
		kind = builtin("range_iterator")
	case dictType:
		kind = builtin("dict_reversekeyiterator")
	}
	i := len(items)
	return &Generator{kind: kind, next: func() (Value, bool, error) {
		if i == 0 {
			return nil, false, nil
		}
		i--
		return items[i], true, nil
	}}, nil
}
