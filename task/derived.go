package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/dag"
)

// derivedSource is a source that is made of others.
func (x *execution) derivedSource(ctx context.Context, name string, d dag.Derived) (source, error) {
	s := source{name: name}
	parts := make([]source, len(d.Of))
	for i, of := range d.Of {
		a := dag.MappedArg{Name: name, Literal: of}
		if ref, ok := of.(dag.XComRef); ok {
			a = dag.MappedArg{Name: name, XCom: &ref}
		}
		var err error
		if parts[i], err = x.source(ctx, a); err != nil {
			return s, err
		}
	}
	if len(parts) == 0 {
		return s, Misconfigured(fmt.Errorf("argument %s is mapped over nothing", name))
	}
	switch d.Kind {
	case dag.DerivedMap:
		s.n, s.at = parts[0].n, x.through(ctx, d.Callables, parts[0])
	case dag.DerivedZip:
		s.n, s.at = side(parts, d)
	case dag.DerivedConcat:
		for _, p := range parts {
			s.n += p.n
		}
		s.at = behind(parts)
	default:
		return s, Misconfigured(fmt.Errorf("argument %s is mapped over a %q, which is not known", name, d.Kind))
	}
	return s, nil
}

// through are the elements of a source as functions make them.
func (x *execution) through(ctx context.Context, callables []dag.Callable, of source) func(int) (any, error) {
	return func(i int) (any, error) {
		v, err := of.at(i)
		if err != nil {
			return nil, err
		}
		if x.a.Python == nil {
			return nil, Misconfigured(errors.New("map calls a Python function, and Python is not available here"))
		}
		for _, c := range callables {
			raw, err := x.a.Python.Call(ctx, &x.a, PythonCall{Callable: c, Args: []any{v}, NoContext: true, HideValue: true})
			if err != nil {
				return nil, err
			}
			if v, err = DecodeXCom(raw); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
}

// side puts sources side by side, as tuples.
func side(parts []source, d dag.Derived) (n int, at func(int) (any, error)) {
	n = parts[0].n
	for _, p := range parts {
		if d.Filled {
			n = max(n, p.n)
		} else {
			n = min(n, p.n)
		}
	}
	return n, func(i int) (any, error) {
		out := make(Tuple, len(parts))
		for k, p := range parts {
			out[k] = d.Fill
			if i >= p.n {
				continue
			}
			var err error
			if out[k], err = p.at(i); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

// behind puts sources one behind the other.
func behind(parts []source) func(int) (any, error) {
	return func(i int) (any, error) {
		for _, p := range parts {
			if i < p.n {
				return p.at(i)
			}
			i -= p.n
		}
		return nil, errors.New("there is no such element")
	}
}

// derived is the whole list, for an argument that is not mapped over it.
func (x *execution) derived(ctx context.Context, d dag.Derived) (any, error) {
	s, err := x.derivedSource(ctx, "", d)
	if err != nil {
		return nil, err
	}
	out := make([]any, s.n)
	for i := range out {
		if out[i], err = s.at(i); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return out, nil
}
