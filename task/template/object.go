package template

import (
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

// object is an object of Airflow's: a class, attributes made when they are asked for, and a repr.
type object struct {
	class *py.Type
	repr  string
	attr  func(th *py.Thread, name string) (py.Value, bool, error)
	item  func(th *py.Thread, key py.Value) (py.Value, error)
}

func class(module, name string) *py.Type { return &py.Type{Module: module, Name: name} }

// Type is the class.
func (o *object) Type() *py.Type { return o.class }

// Repr is fixed, or the one Python gives to objects without their own.
func (o *object) Repr(*py.Thread) (string, error) {
	if o.repr != "" {
		return o.repr, nil
	}
	return "<" + o.class.QualName() + " object at 0x7f0000000000>", nil
}

// Attr asks the object.
func (o *object) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	if o.attr == nil {
		return nil, false, nil
	}
	return o.attr(th, name)
}

// Item asks the object.
func (o *object) Item(th *py.Thread, key py.Value) (py.Value, error) {
	if o.item == nil {
		return nil, py.TypeError("'%s' object is not subscriptable", o.class.Name)
	}
	return o.item(th, key)
}

// attrs makes an attr function of a map; values may be func() (py.Value, error), made when asked for.
type attrs map[string]any

func (m attrs) attr(_ *py.Thread, name string) (py.Value, bool, error) {
	v, ok := m[name]
	if !ok {
		return nil, false, nil
	}
	if f, isFunc := v.(func() (py.Value, error)); isFunc {
		r, err := f()
		return r, true, err
	}
	r, err := py.FromGo(v)
	return r, true, err
}

// method makes a bound method with Python's checks of its arguments.
func method(owner py.Value, name string, fn func(th *py.Thread, a []py.Value) (py.Value, error), params ...string) *py.Func {
	return &py.Func{Name: name, Owner: owner, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
		args, err := py.Bind(name, a, params...)
		if err != nil {
			return nil, err
		}
		return fn(th, args)
	}}
}

// function is method without an object.
func function(name string, fn func(th *py.Thread, a []py.Value) (py.Value, error), params ...string) *py.Func {
	f := method(nil, name, fn, params...)
	f.Owner = nil
	return f
}

// enum is a member of a class that is both str and Enum: it compares as its value and prints as its name.
type enum struct {
	class *py.Type
	name  string
	value string
	plain bool // a StrEnum: it prints as its value
}

// Type is the class of the enumeration.
func (e *enum) Type() *py.Type { return e.class }

// String is the value, which the member is as a str.
func (e *enum) String() string { return e.value }

// Str is Class.NAME.
func (e *enum) Str(*py.Thread) (string, error) {
	if e.plain {
		return e.value, nil
	}
	return e.class.Name + "." + e.name, nil
}

// Repr is <Class.NAME: 'value'>.
func (e *enum) Repr(th *py.Thread) (string, error) {
	v, err := py.Repr(th, e.value)
	return "<" + e.class.Name + "." + e.name + ": " + v + ">", err
}

// Hash is that of the value.
func (e *enum) Hash() (any, error) { return e.value, nil }

// Len is that of the value.
func (e *enum) Len(th *py.Thread) (int, error) { return py.Len(th, e.value) }

// Iter is that of the value.
func (e *enum) Iter(th *py.Thread) (py.Iterator, error) { return py.Iter(th, e.value) }

// Item is that of the value.
func (e *enum) Item(th *py.Thread, key py.Value) (py.Value, error) { return py.Item(th, e.value, key) }

// Binary is that of the value.
func (e *enum) Binary(th *py.Thread, op string, other py.Value, reflected bool) (py.Value, bool, error) {
	if op == "in" {
		return nil, false, nil
	}
	a, b := py.Value(e.value), other
	if reflected {
		a, b = other, e.value
	}
	v, err := py.Binary(th, op, a, b)
	return v, true, err
}

// Attr answers name, value and the methods of str.
func (e *enum) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "name":
		return e.name, true, nil
	case "value":
		return e.value, true, nil
	}
	if name == "__class__" {
		return nil, false, nil
	}
	return py.Getattr(th, e.value, name)
}

// lazyNone is an absent value behind Airflow's proxy: it prints as None, is false, but is not None.
type lazyNone struct{}

var proxyClass = class("builtins", "Proxy")

// Type is Proxy.
func (lazyNone) Type() *py.Type { return proxyClass }

// Repr is that of None.
func (lazyNone) Repr(*py.Thread) (string, error) { return "None", nil }

// Truth is false.
func (lazyNone) Truth(*py.Thread) (bool, error) { return false, nil }

// Compare is equal to None.
func (lazyNone) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	_, lazy := other.(lazyNone)
	if op != "==" && op != "!=" {
		return nil, false, nil
	}
	return (other == nil || lazy) == (op == "=="), true, nil
}

// module is an imported Python module.
func module(name string, m attrs) *object {
	return &object{class: class("builtins", "module"), repr: "<module '" + name + "'>", attr: m.attr}
}

// unsupported is a variable that Airflow has and this package does not: it is defined, and anything done with
// it is an error that says so.
type unsupported struct {
	class        *py.Type
	name, remedy string
}

func (o *unsupported) fail() error {
	return fmt.Errorf("%s is not supported in templates: %s", o.name, o.remedy)
}

// Type is the class that Airflow's object has.
func (o *unsupported) Type() *py.Type { return o.class }

// Repr fails.
func (o *unsupported) Repr(*py.Thread) (string, error) { return "", o.fail() }

// Attr fails, for names that are not Python's own.
func (o *unsupported) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	if strings.HasPrefix(name, "__") {
		return nil, false, nil
	}
	return nil, false, o.fail()
}

// Item fails.
func (o *unsupported) Item(*py.Thread, py.Value) (py.Value, error) { return nil, o.fail() }

// Iter fails.
func (o *unsupported) Iter(*py.Thread) (py.Iterator, error) { return nil, o.fail() }

// Len fails.
func (o *unsupported) Len(*py.Thread) (int, error) { return 0, o.fail() }

// Truth fails.
func (o *unsupported) Truth(*py.Thread) (bool, error) { return false, o.fail() }

// Call fails.
func (o *unsupported) Call(*py.Thread, py.Args) (py.Value, error) { return nil, o.fail() }
