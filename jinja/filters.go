package jinja

import (
	"math"
	"strconv"
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

// filterImpl does a filter's work; a holds the value and the arguments, absent ones as py.Missing.
type filterImpl func(r *run, a []py.Value) (py.Value, error)

// filterOf makes a filter with the Python function's name, which errors show, and its parameters. Those
// before the value ("env") are counted in errors, as Python does.
func filterOf(name string, fn filterImpl, params ...string) filterFunc {
	hidden := 0
	if params[0] == "env" {
		hidden = 1
	}
	return func(r *run, v py.Value, a py.Args) (py.Value, error) {
		pos := make([]py.Value, 0, hidden+1+len(a.Pos))
		if hidden == 1 {
			pos = append(pos, nil)
		}
		pos = append(append(pos, v), a.Pos...)
		args, err := py.Bind(name, py.Args{Pos: pos, Kw: a.Kw}, params...)
		if err != nil {
			return nil, err
		}
		return fn(r, args[hidden:])
	}
}

// filter finds a filter: the caller's, then a built-in one.
func (e *Environment) filter(name string) filterFunc {
	if fn := e.cfg.Filters[name]; fn != nil {
		return func(r *run, v py.Value, a py.Args) (py.Value, error) {
			return py.Call(r.th, fn, py.Args{Pos: append([]py.Value{v}, a.Pos...), Kw: a.Kw})
		}
	}
	return builtinFilter(name)
}

// builtinFilter is a function, and not one table, because some filters look up others.
func builtinFilter(name string) filterFunc {
	for _, table := range []map[string]filterFunc{textFilters, valueFilters, listFilters, htmlFilters} {
		if f := table[name]; f != nil {
			return f
		}
	}
	switch name {
	case "map":
		return mapFilter
	case "select":
		return selector(false, true)
	case "reject":
		return selector(false, false)
	case "selectattr":
		return selector(true, true)
	case "rejectattr":
		return selector(true, false)
	}
	return nil
}

func truth(r *run, v py.Value) (bool, error) { return py.Truth(r.th, v) }

func text(r *run, v py.Value) (string, error) { return py.Str(r.th, v) }

// soft keeps Markup as it is and makes text of anything else.
func soft(r *run, v py.Value) (py.Value, error) {
	if _, ok := py.IsString(v); ok {
		return v, nil
	}
	return text(r, v)
}

// like gives s the kind of v: Markup stays Markup.
func like(v py.Value, s string) py.Value {
	if _, ok := v.(py.Markup); ok {
		return py.Markup(s)
	}
	return s
}

func onText(name string, fn func(string) string) filterFunc {
	return filterOf(name, func(r *run, a []py.Value) (py.Value, error) {
		s, err := text(r, a[0])
		return like(a[0], fn(s)), err
	}, "s")
}

// method calls a method of v.
func method(r *run, v py.Value, name string, args ...py.Value) (py.Value, error) {
	m, ok, err := py.Getattr(r.th, v, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, py.AttributeError(v, name)
	}
	return py.Call(r.th, m, py.Args{Pos: args})
}

func firstOf(v py.Value, err error) func(error) (py.Value, error) {
	return func(later error) (py.Value, error) {
		if later != nil {
			return nil, later
		}
		return v, err
	}
}

func intArg(v py.Value, def int) (int, error) {
	return py.AsIndex(py.Or(v, def))
}

var valueFilters = map[string]filterFunc{
	"abs": func(r *run, v py.Value, a py.Args) (py.Value, error) {
		args, err := py.BindNative("abs", py.Args{Pos: append([]py.Value{v}, a.Pos...), Kw: a.Kw}, 1, 1)
		if err != nil {
			return nil, err
		}
		return py.Abs(r.th, args[0])
	},
	"default": filterOf("do_default", defaultTo, "value", "default_value?", "boolean?"),
	"d":       filterOf("do_default", defaultTo, "value", "default_value?", "boolean?"),
	"int":     filterOf("do_int", toInt, "value", "default?", "base?"),
	"float":   filterOf("do_float", toFloat, "value", "default?"),
	"round":   filterOf("do_round", round, "value", "precision?", "method?"),
	"attr":    filterOf("do_attr", attrFilter, "env", "obj", "name"),
	"length":  lengthFilter,
	"count":   lengthFilter,
	"tojson":  filterOf("do_tojson", toJSON, "env", "value", "indent?"),
}

func lengthFilter(r *run, v py.Value, a py.Args) (py.Value, error) {
	if len(a.Pos)+len(a.Kw) > 0 {
		if _, err := py.BindNative("len", py.Args{Pos: append([]py.Value{v}, a.Pos...), Kw: a.Kw}, 1, 1); err != nil {
			return nil, err
		}
	}
	n, err := py.Len(r.th, v)
	return n, err
}

func defaultTo(r *run, a []py.Value) (py.Value, error) {
	if _, ok := a[0].(*Undefined); ok {
		return py.Or(a[1], ""), nil
	}
	also, err := truth(r, py.Or(a[2], false))
	if err != nil || !also {
		return a[0], err
	}
	t, err := truth(r, a[0])
	if err != nil || t {
		return a[0], err
	}
	return py.Or(a[1], ""), nil
}

func toInt(r *run, a []py.Value) (py.Value, error) {
	base, err := intArg(a[2], 10)
	if err != nil {
		return nil, err
	}
	var v py.Value
	if _, isStr := py.IsString(a[0]); isStr {
		v, err = py.Int(r.th, a[0], base)
	} else {
		v, err = py.Int(r.th, a[0], 10)
	}
	if err == nil || !py.IsClass(err, "TypeError", "ValueError") {
		return v, err
	}
	f, err := py.Float(r.th, a[0])
	if err == nil {
		v, err = py.Int(r.th, f, 10)
	}
	if err != nil && py.IsClass(err, "TypeError", "ValueError", "OverflowError") {
		return py.Or(a[1], 0), nil
	}
	return v, err
}

func toFloat(r *run, a []py.Value) (py.Value, error) {
	v, err := py.Float(r.th, a[0])
	if err != nil && py.IsClass(err, "TypeError", "ValueError") {
		return py.Or(a[1], 0.0), nil
	}
	return v, err
}

func round(r *run, a []py.Value) (py.Value, error) {
	how, _ := py.IsString(py.Or(a[2], "common"))
	if how != "common" && how != "ceil" && how != "floor" {
		return nil, py.Errorf(classArgument, "method must be common, ceil or floor")
	}
	places, err := intArg(a[1], 0)
	if err != nil {
		return nil, err
	}
	x, ok := py.AsFloat(a[0])
	if !ok {
		if how != "common" {
			return r.notReal(a[0], places)
		}
		name := py.TypeOf(a[0]).Name
		if py.TypeOf(a[0]).Static {
			name = py.TypeOf(a[0]).QualName()
		}
		return nil, py.TypeError("type %s doesn't define __round__ method", name)
	}
	_, isFloat := a[0].(float64)
	if how == "common" {
		if !isFloat && places >= 0 {
			v, err := py.Int(r.th, a[0], 10) // round() of a whole number is a whole number
			return v, err
		}
		v := roundHalfEven(x, places)
		if !isFloat {
			return py.Int(r.th, v, 10)
		}
		return v, nil
	}
	scale := math.Pow(10, float64(places))
	x *= scale
	if how == "ceil" {
		x = math.Ceil(x)
	} else {
		x = math.Floor(x)
	}
	return (x + 0) / scale, nil // whole numbers of Python have no -0
}

// notReal is how rounding up or down fails for what is no number: it is multiplied first.
func (r *run) notReal(v py.Value, places int) (py.Value, error) {
	var by py.Value = math.Pow(10, float64(places))
	if places >= 0 && places < 19 {
		n := 1
		for range places {
			n *= 10
		}
		by = n
	}
	v, err := py.Binary(r.th, "*", v, by)
	if err == nil {
		err = py.TypeError("must be real number, not %s", py.TypeOf(v).Name)
	}
	return nil, err
}

// roundHalfEven is Python's round(x, places): exact, halves to even.
func roundHalfEven(x float64, places int) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || places > 22+308 {
		return x
	}
	if places < 0 {
		scale := math.Pow(10, float64(-places))
		return math.RoundToEven(x/scale) * scale
	}
	v, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', places, 64), 64)
	if err != nil {
		return x
	}
	return v
}

// attrFilter reads an attribute, never an item.
func attrFilter(r *run, a []py.Value) (py.Value, error) {
	name, ok := py.IsString(a[1])
	if !ok {
		return nil, py.TypeError("attribute name must be string, not '%s'", py.TypeOf(a[1]).Name)
	}
	if !r.env.cfg.Native && isUnsafe(a[0], name) {
		return r.unsafe(a[0], name), nil
	}
	v, ok, err := py.Getattr(r.th, a[0], name)
	if err != nil && !py.IsClass(err, "AttributeError") {
		return nil, err
	}
	if !ok || err != nil {
		return r.undefinedAttr(a[0], name), nil
	}
	return v, nil
}

var jsonForHTML = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, "'", `\u0027`)

func toJSON(r *run, a []py.Value) (py.Value, error) {
	o := py.JSONOptions{SortKeys: true, ASCII: true}
	if v := py.Or(a[1], nil); v != nil {
		o.Pretty = true
		if s, ok := py.IsString(v); ok {
			o.Indent = s
		} else {
			n, err := py.AsIndex(v)
			if err != nil {
				return nil, err
			}
			if o.Indent, err = py.Pad(r.th, "", n, " ", '<'); err != nil {
				return nil, err
			}
		}
	}
	s, err := py.DumpJSON(r.th, a[0], o)
	return py.Markup(jsonForHTML.Replace(s)), err
}
