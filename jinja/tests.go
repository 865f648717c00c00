package jinja

import (
	"fmt"
	"math/big"

	"github.com/updraft-dev/updraft/jinja/py"
)

// filterFunc applies a filter or a test to a value.
type filterFunc func(r *run, v py.Value, a py.Args) (py.Value, error)

var errNoRandom = fmt.Errorf("random values are not available here")

// testOf makes a test of a Python function with the given parameters after the value.
func testOf(name string, fn func(r *run, v py.Value, a []py.Value) (bool, error), params ...string) filterFunc {
	params = append([]string{"value"}, params...)
	return func(r *run, v py.Value, a py.Args) (py.Value, error) {
		if len(params) == 1 && len(a.Pos)+len(a.Kw) == 0 {
			return fn(r, v, nil)
		}
		a.Pos = append([]py.Value{v}, a.Pos...)
		args, err := py.Bind(name, a, params...)
		if err != nil {
			return nil, err
		}
		return fn(r, v, args[1:])
	}
}

func is(fn func(v py.Value) bool) func(*run, py.Value, []py.Value) (bool, error) {
	return func(_ *run, v py.Value, _ []py.Value) (bool, error) { return fn(v), nil }
}

func comparison(op string) filterFunc {
	return func(r *run, v py.Value, a py.Args) (py.Value, error) {
		args, err := py.BindNative(pythonName(op), py.Args{Pos: append([]py.Value{v}, a.Pos...), Kw: a.Kw}, 2, 2)
		if err != nil {
			return nil, err
		}
		return py.Compare(r.th, op, v, args[1])
	}
}

func pythonName(op string) string {
	return map[string]string{"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[op]
}

// remainder tests v % n == want.
func remainder(r *run, v, n py.Value, want int) (bool, error) {
	m, err := py.Binary(r.th, "%", v, n)
	if err != nil {
		return false, err
	}
	return py.Equal(r.th, m, want)
}

// test finds a built-in test.
func (e *Environment) test(name string) filterFunc { return builtinTest(name) }

func builtinTest(name string) filterFunc {
	switch name {
	case "==", "eq", "equalto":
		return comparison("==")
	case "!=", "ne":
		return comparison("!=")
	case "<", "lt", "lessthan":
		return comparison("<")
	case "<=", "le":
		return comparison("<=")
	case ">", "gt", "greaterthan":
		return comparison(">")
	case ">=", "ge":
		return comparison(">=")
	case "filter":
		return testOf("test_filter", func(r *run, v py.Value, _ []py.Value) (bool, error) {
			s, ok := py.IsString(v)
			_, err := py.Hash(v) // as a lookup in a dict does
			return ok && r.env.filter(s) != nil, err
		})
	case "test":
		return testOf("test_test", func(r *run, v py.Value, _ []py.Value) (bool, error) {
			s, ok := py.IsString(v)
			_, err := py.Hash(v)
			return ok && r.env.test(s) != nil, err
		})
	}
	return simpleTests[name]
}

func isBool(v py.Value) bool { _, ok := v.(bool); return ok }

func isInteger(v py.Value) bool {
	switch v.(type) {
	case int, *big.Int:
		return true
	}
	_, ok := v.(py.Inter)
	return ok
}

var simpleTests = map[string]filterFunc{
	"defined":   testOf("test_defined", is(func(v py.Value) bool { _, u := v.(*Undefined); return !u })),
	"undefined": testOf("test_undefined", is(func(v py.Value) bool { _, u := v.(*Undefined); return u })),
	"none":      testOf("test_none", is(func(v py.Value) bool { return v == nil })),
	"boolean":   testOf("test_boolean", is(isBool)),
	"true":      testOf("test_true", is(func(v py.Value) bool { b, ok := v.(bool); return ok && b })),
	"false":     testOf("test_false", is(func(v py.Value) bool { b, ok := v.(bool); return ok && !b })),
	"integer":   testOf("test_integer", is(isInteger)),
	"float":     testOf("test_float", is(func(v py.Value) bool { _, ok := v.(float64); return ok })),
	"number": testOf("test_number", is(func(v py.Value) bool {
		_, complexNumber := v.(py.Complex)
		return py.IsNumber(v) || complexNumber
	})),
	"string":   testOf("test_string", is(func(v py.Value) bool { _, ok := py.IsString(v); return ok })),
	"mapping":  testOf("test_mapping", is(isMapping)),
	"callable": testOf("callable", is(func(v py.Value) bool { _, ok := v.(py.Callable); return ok })),
	"escaped":  testOf("test_escaped", is(func(v py.Value) bool { _, ok := v.(py.Markup); return ok })),
	"iterable": testOf("test_iterable", func(r *run, v py.Value, _ []py.Value) (bool, error) {
		_, err := py.Iter(r.th, v)
		if py.IsClass(err, "TypeError") {
			return false, nil
		}
		return err == nil, err
	}),
	"sequence": testOf("test_sequence", func(r *run, v py.Value, _ []py.Value) (bool, error) { return isSequence(r, v) }),
	"odd":      testOf("test_odd", func(r *run, v py.Value, _ []py.Value) (bool, error) { return remainder(r, v, 2, 1) }),
	"even":     testOf("test_even", func(r *run, v py.Value, _ []py.Value) (bool, error) { return remainder(r, v, 2, 0) }),
	"divisibleby": testOf("test_divisibleby", func(r *run, v py.Value, a []py.Value) (bool, error) {
		return remainder(r, v, a[0], 0)
	}, "num"),
	"lower": testOf("test_lower", func(r *run, v py.Value, _ []py.Value) (bool, error) {
		s, err := py.Str(r.th, v)
		return py.IsLower(s), err
	}),
	"upper": testOf("test_upper", func(r *run, v py.Value, _ []py.Value) (bool, error) {
		s, err := py.Str(r.th, v)
		return py.IsUpper(s), err
	}),
	"sameas": testOf("test_sameas", func(_ *run, v py.Value, a []py.Value) (bool, error) { return py.Is(v, a[0]), nil }, "other"),
	"in":     testOf("test_in", func(r *run, v py.Value, a []py.Value) (bool, error) { return py.Contains(r.th, a[0], v) }, "seq"),
}

func isMapping(v py.Value) bool {
	_, ok := v.(*py.Dict)
	return ok
}

func isSequence(r *run, v py.Value) (bool, error) {
	_, err := py.Len(r.th, v)
	if err != nil {
		return false, nil
	}
	switch v.(type) {
	case *py.Set, *py.DictView:
		return false, nil
	case py.HasItem, *py.List, py.Tuple, *py.Dict, string, py.Markup, py.Bytes, *py.Range:
		return true, nil
	}
	return false, nil
}
