package jinja

import "github.com/updraft-dev/updraft/jinja/py"

// Undefined stands for a name, attribute or item that is not there. A strict one fails at almost any use,
// with a message that says what is missing; only the tests "defined" and "undefined" and the filter
// "default" accept it. The other kind prints as nothing and is false and empty.
type Undefined struct {
	hint   string
	obj    py.Value
	name   py.Value
	class  string // of the error
	strict bool
	noObj  bool // a name rather than an attribute
}

var (
	undefinedType       = &py.Type{Module: "jinja2.runtime", Name: "Undefined"}
	strictUndefinedType = &py.Type{Module: "jinja2.runtime", Name: "StrictUndefined"}
)

func (r *run) undefinedName(name string) *Undefined {
	return &Undefined{name: name, noObj: true, class: classUndefined, strict: !r.env.cfg.Lax}
}

func (r *run) undefinedHint(hint, name string) *Undefined {
	return &Undefined{hint: hint, name: name, noObj: true, class: classUndefined, strict: !r.env.cfg.Lax}
}

func (r *run) undefinedAttr(obj, name py.Value) *Undefined {
	return &Undefined{obj: obj, name: name, class: classUndefined, strict: !r.env.cfg.Lax}
}

func (r *run) unsafe(obj py.Value, name string) *Undefined {
	return &Undefined{
		hint: "access to attribute " + quoted(name) + " of " + quoted(py.TypeOf(obj).Name) + " object is unsafe.",
		obj:  obj, name: name, class: classSecurity, strict: !r.env.cfg.Lax,
	}
}

// objectName names an object's class as Jinja does in errors.
func objectName(v py.Value) string {
	if v == nil {
		return "None"
	}
	return py.TypeOf(v).QualName() + " object"
}

func (u *Undefined) message() string {
	switch {
	case u.hint != "":
		return u.hint
	case u.noObj:
		name, _ := u.name.(string)
		return quoted(name) + " is undefined"
	}
	if name, ok := py.IsString(u.name); ok {
		return quoted(objectName(u.obj)) + " has no attribute " + quoted(name)
	}
	name, err := py.Repr(py.Detached(py.Limits{}), u.name)
	if err != nil {
		name = "?"
	}
	return objectName(u.obj) + " has no element " + name
}

func (u *Undefined) fail() error { return py.Errorf(u.class, "%s", u.message()) }

// lax answers v for the forgiving kind and the error otherwise.
func (u *Undefined) lax() error {
	if u.strict {
		return u.fail()
	}
	return nil
}

// Type is jinja2.runtime.StrictUndefined or Undefined.
func (u *Undefined) Type() *py.Type {
	if u.strict {
		return strictUndefinedType
	}
	return undefinedType
}

// Repr is what a list that holds it prints.
func (u *Undefined) Repr(*py.Thread) (string, error) { return "Undefined", nil }

// Str fails, or is nothing.
func (u *Undefined) Str(*py.Thread) (string, error) { return "", u.lax() }

// Number fails, whatever the kind.
func (u *Undefined) Number(*py.Thread) (py.Value, error) { return nil, u.fail() }

// Truth fails, or is false.
func (u *Undefined) Truth(*py.Thread) (bool, error) { return false, u.lax() }

// Len fails, or is 0.
func (u *Undefined) Len(*py.Thread) (int, error) { return 0, u.lax() }

// Iter fails, or is empty.
func (u *Undefined) Iter(*py.Thread) (py.Iterator, error) { return py.FromSlice(nil), u.lax() }

// Contains fails, or is false.
func (u *Undefined) Contains(*py.Thread, py.Value) (bool, error) { return false, u.lax() }

// Hash fails, or is the same for all.
func (u *Undefined) Hash() (any, error) { return undefinedType, u.lax() }

// Compare fails; two of the forgiving kind are equal.
func (u *Undefined) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	if u.strict || op != "==" && op != "!=" {
		return nil, true, u.fail()
	}
	o, ok := other.(*Undefined)
	if ok && o.strict {
		return nil, true, o.fail()
	}
	return ok == (op == "=="), true, nil
}

// Binary fails.
func (u *Undefined) Binary(_ *py.Thread, op string, other py.Value, reflected bool) (py.Value, bool, error) {
	if op == "in" { // as the left operand of "in" it is only hashed or compared
		return nil, false, nil
	}
	return nil, true, u.fail()
}

// Unary fails.
func (u *Undefined) Unary(_ *py.Thread, op string) (py.Value, bool, error) {
	if op == "abs" { // which Undefined does not define
		return nil, false, nil
	}
	return nil, true, u.fail()
}

// Call fails.
func (u *Undefined) Call(*py.Thread, py.Args) (py.Value, error) { return nil, u.fail() }

// Attr fails, except for names that Python itself asks for.
func (u *Undefined) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	if len(name) > 1 && name[:2] == "__" {
		return nil, false, nil
	}
	return nil, false, u.fail()
}

// Item fails.
func (u *Undefined) Item(*py.Thread, py.Value) (py.Value, error) { return nil, u.fail() }

// Format is Str for an empty specification.
func (u *Undefined) Format(th *py.Thread, spec string) (string, error) {
	if spec != "" {
		return "", py.TypeError("unsupported format string passed to %s.__format__", u.Type().Name)
	}
	return u.Str(th)
}
