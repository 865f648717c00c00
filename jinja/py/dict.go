package py

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Dict is Python's dict: it keeps the order of insertion.
type Dict struct {
	index   map[any]int // hash of the key to its place in entries
	entries []entry
	deleted int
}

type entry struct {
	key, value Value
	live       bool
}

// NewDict makes an empty dict.
func NewDict() *Dict { return &Dict{} }

// Type is dict.
func (*Dict) Type() *Type { return dictType }

// Len is the number of keys.
func (d *Dict) Len(*Thread) (int, error) { return d.Count(), nil }

// Count is the number of keys.
func (d *Dict) Count() int { return len(d.entries) - d.deleted }

// Get looks up a key; the error is that of a key that cannot be hashed.
func (d *Dict) Get(key Value) (Value, bool, error) {
	h, err := Hash(key)
	if err != nil {
		return nil, false, err
	}
	i, ok := d.index[h]
	if !ok {
		return nil, false, nil
	}
	return d.entries[i].value, true, nil
}

// GetStr looks up a key that is a str.
func (d *Dict) GetStr(key string) (Value, bool) {
	i, ok := d.index[key]
	if !ok {
		return nil, false
	}
	return d.entries[i].value, true
}

// Set stores a value; a key that is already there keeps its place.
func (d *Dict) Set(key, value Value) error {
	h, err := Hash(key)
	if err != nil {
		return err
	}
	d.set(h, key, value)
	return nil
}

// SetStr is Set with a key that is a str.
func (d *Dict) SetStr(key string, value Value) { d.set(key, key, value) }

func (d *Dict) set(h any, key, value Value) {
	if i, ok := d.index[h]; ok {
		d.entries[i].value = value
		return
	}
	if d.index == nil {
		d.index = make(map[any]int)
	}
	d.index[h] = len(d.entries)
	d.entries = append(d.entries, entry{key, value, true})
}

// Delete removes a key and answers its value.
func (d *Dict) Delete(key Value) (Value, bool, error) {
	h, err := Hash(key)
	if err != nil {
		return nil, false, err
	}
	i, ok := d.index[h]
	if !ok {
		return nil, false, nil
	}
	v := d.entries[i].value
	delete(d.index, h)
	d.entries[i] = entry{}
	d.deleted++
	if d.deleted > len(d.entries)/2 {
		d.compact()
	}
	return v, true, nil
}

func (d *Dict) compact() {
	var live []entry
	for _, e := range d.entries {
		if e.live {
			live = append(live, e)
		}
	}
	d.entries, d.deleted = live, 0
	for i, e := range live {
		h, err := Hash(e.key)
		if err == nil { // it was hashed when it came in
			d.index[h] = i
		}
	}
}

// All walks keys and values in order.
func (d *Dict) All(yield func(k, v Value) bool) {
	for i := 0; i < len(d.entries); i++ {
		if e := d.entries[i]; e.live && !yield(e.key, e.value) {
			return
		}
	}
}

// Keys are the keys in order.
func (d *Dict) Keys() []Value {
	out := make([]Value, 0, d.Count())
	for k := range d.All {
		out = append(out, k)
	}
	return out
}

// Copy makes a shallow copy.
func (d *Dict) Copy() *Dict {
	c := NewDict()
	for k, v := range d.All {
		_ = c.Set(k, v) // the key was hashed before
	}
	return c
}

// Set is Python's set; it walks in order of insertion, which Python does not promise.
type Set struct{ d Dict }

// NewSet makes a set; the error is that of a value that cannot be hashed.
func NewSet(items ...Value) (*Set, error) {
	s := &Set{}
	for _, v := range items {
		if err := s.Add(v); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Type is set.
func (*Set) Type() *Type { return setType }

// Add puts v in.
func (s *Set) Add(v Value) error { return s.d.Set(v, nil) }

// Has reports whether v is in.
func (s *Set) Has(v Value) (bool, error) {
	_, ok, err := s.d.Get(v)
	return ok, err
}

// Items are the members.
func (s *Set) Items() []Value { return s.d.Keys() }

// Len is the number of members.
func (s *Set) Len(*Thread) (int, error) { return s.d.Count(), nil }

type (
	hashNone  struct{}
	hashTuple string
	hashBytes string
	hashBig   string
)

// Hash answers something comparable that is equal for keys that are equal.
func Hash(v Value) (any, error) {
	switch x := v.(type) {
	case nil:
		return hashNone{}, nil
	case string, int:
		return x, nil
	case Markup:
		return string(x), nil
	case bool:
		i, _ := AsInt(x)
		return i, nil
	case float64:
		return hashFloat(x), nil
	case *big.Int:
		return hashBig(x.String()), nil
	case Bytes:
		return hashBytes(x), nil
	case Tuple:
		return hashItems(x)
	case Hashed:
		return x.Hash()
	case *List, *Dict, *Set, Slice:
		return nil, TypeError("unhashable type: '%s'", TypeOf(v).longName())
	}
	return v, nil
}

func hashFloat(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	if f == math.Trunc(f) && !math.IsInf(f, 0) {
		b, _ := big.NewFloat(f).Int(nil)
		return hashBig(b.String())
	}
	return f
}

func hashItems(t Tuple) (any, error) {
	var b strings.Builder
	for _, v := range t {
		h, err := Hash(v)
		if err != nil {
			return nil, err
		}
		switch x := h.(type) {
		case string:
			b.WriteString("s" + strconv.Quote(x))
		case int:
			b.WriteString("i" + strconv.Itoa(x))
		case hashTuple:
			b.WriteString("(" + string(x) + ")")
		case float64:
			b.WriteString("f" + strconv.FormatFloat(x, 'g', -1, 64))
		case hashBig:
			b.WriteString("i" + string(x))
		case hashNone:
			b.WriteString("n")
		case hashBytes:
			b.WriteString("b" + strconv.Quote(string(x)))
		default:
			return nil, TypeError("unhashable type: 'tuple' with %s inside", TypeOf(v).longName())
		}
		b.WriteByte(',')
	}
	return hashTuple(b.String()), nil
}

// DictView is what keys(), values() and items() answer: a live window on a dict.
type DictView struct {
	d    *Dict
	kind *Type
}

// Type is dict_keys, dict_values or dict_items.
func (w *DictView) Type() *Type { return w.kind }

// Len is that of the dict.
func (w *DictView) Len(*Thread) (int, error) { return w.d.Count(), nil }

// Values are the members in order.
func (w *DictView) Values() []Value {
	out := make([]Value, 0, w.d.Count())
	for k, v := range w.d.All {
		switch w.kind {
		case dictKeysType:
			out = append(out, k)
		case dictValuesType:
			out = append(out, v)
		default:
			out = append(out, Tuple{k, v})
		}
	}
	return out
}

// Iter walks the members.
func (w *DictView) Iter(*Thread) (Iterator, error) { return FromSlice(w.Values()), nil }

// Repr is dict_items([...]).
func (w *DictView) Repr(th *Thread) (string, error) {
	s, err := Repr(th, &List{Items: w.Values()})
	return w.kind.Name + "(" + s + ")", err
}

// Items is d.items() as a value.
func (d *Dict) Items() *DictView { return &DictView{d, dictItemsType} }
