package dag

import (
	"encoding/json"
	"fmt"
)

// DerivedKind says how a Derived is made of its parts.
type DerivedKind string

// The kinds, named by the methods of Airflow's XComArg.
const (
	// DerivedMap is each element of the one part as the functions make it.
	DerivedMap DerivedKind = "map"
	// DerivedZip are tuples of elements of the parts: as many as the shortest part has, or
	// with Filled as many as the longest has.
	DerivedZip DerivedKind = "zip"
	// DerivedConcat are the elements of all parts, one after the other.
	DerivedConcat DerivedKind = "concat"
)

// Derived stands for a list made of what tasks push: `a.map(f)`, `a.zip(b)` or
// `a.concat(b)`. It is an argument's value, or the Literal of a mapped argument.
type Derived struct {
	Kind DerivedKind
	// Of are the parts: XComRef, Derived, lists or mappings.
	Of []any
	// Callables are called by DerivedMap, the first one first.
	Callables []Callable
	// Fill takes the place of missing elements if Filled.
	Fill   any
	Filled bool
}

// Refs are the outputs that it is made of, in order.
func (d Derived) Refs() []XComRef {
	var out []XComRef
	for _, part := range d.Of {
		switch part := part.(type) {
		case XComRef:
			out = append(out, part)
		case Derived:
			out = append(out, part.Refs()...)
		}
	}
	return out
}

// Length is the number of elements when each output has the length that of gives; ok is
// false when one of them is not known.
func (d Derived) Length(of func(XComRef) (n int, ok bool)) (n int, ok bool) {
	for i, part := range d.Of {
		k := 0
		switch part := part.(type) {
		case XComRef:
			k, ok = of(part)
		case Derived:
			k, ok = part.Length(of)
		default:
			k, ok = MappedArg{Literal: part}.LiteralLength()
		}
		switch {
		case !ok:
			return 0, false
		case i == 0:
			n = k
		case d.Kind == DerivedConcat:
			n += k
		case d.Filled:
			n = max(n, k)
		default:
			n = min(n, k)
		}
	}
	return n, ok
}

// Refs are the outputs that a mapped argument is mapped over.
func (a MappedArg) Refs() []XComRef {
	if a.XCom != nil {
		return []XComRef{*a.XCom}
	}
	if d, ok := a.Literal.(Derived); ok {
		return d.Refs()
	}
	return nil
}

// check says what is wrong with how it is made.
func (d Derived) check() error {
	switch d.Kind {
	case DerivedMap:
		if len(d.Of) != 1 || len(d.Callables) == 0 {
			return fmt.Errorf("map needs one part and a function, has %d and %d", len(d.Of), len(d.Callables))
		}
	case DerivedZip, DerivedConcat:
		if len(d.Of) == 0 {
			return fmt.Errorf("%s needs parts, has none", d.Kind)
		}
	default:
		return fmt.Errorf("%q is none of map, zip, concat", d.Kind)
	}
	for _, part := range d.Of {
		switch part := part.(type) {
		case XComRef:
		case Derived:
			if err := part.check(); err != nil {
				return err
			}
		default:
			if _, ok := (MappedArg{Literal: part}).LiteralLength(); !ok {
				return fmt.Errorf("%s has a part that is a %T: only lists, mappings and the output of tasks can be", d.Kind, part)
			}
		}
	}
	for _, c := range d.Callables {
		if err := c.Check(); err != nil {
			return err
		}
	}
	return nil
}

func (d Derived) tagged() (any, error) {
	of, err := encodeList(d.Of)
	if err != nil {
		return nil, err
	}
	fill, err := EncodeValue(d.Fill)
	out := map[string]any{typeTag: "derived", "kind": string(d.Kind), "of": of, "fill": fill, "filled": d.Filled}
	callables := make([]any, len(d.Callables))
	for i, c := range d.Callables {
		callables[i] = c.tagged()
	}
	out["callables"] = callables
	return out, err
}

func decodeDerived(v map[string]any) (any, error) {
	kind, _ := v["kind"].(string)
	filled, _ := v["filled"].(bool)
	d := Derived{Kind: DerivedKind(kind), Filled: filled}
	of, err := DecodeValue(v["of"])
	if err != nil {
		return nil, err
	}
	d.Of, _ = of.([]any)
	if d.Fill, err = DecodeValue(v["fill"]); err != nil {
		return nil, err
	}
	callables, err := DecodeValue(v["callables"])
	if err != nil {
		return nil, err
	}
	list, _ := callables.([]any)
	for _, e := range list {
		c, ok := e.(Callable)
		if !ok {
			raw, _ := json.Marshal(e) // for a message only
			return nil, fmt.Errorf("derived: %s is no callable", raw)
		}
		d.Callables = append(d.Callables, c)
	}
	return d, nil
}
