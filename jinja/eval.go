package jinja

import (
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

func (e *constExpr) eval(*frame) (py.Value, error) { return e.v, nil }

func (e *nameExpr) eval(f *frame) (py.Value, error) {
	if err := f.run.th.Step(); err != nil {
		return nil, err
	}
	return f.lookup(e.name)
}

func (e *nsRef) eval(f *frame) (py.Value, error) { return nil, py.TypeError("a target has no value") }

func evalAll(f *frame, items []expr) ([]py.Value, error) {
	out := make([]py.Value, len(items))
	for i, x := range items {
		v, err := x.eval(f)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, f.run.th.Alloc(16 * len(items))
}

func (e *tupleExpr) eval(f *frame) (py.Value, error) {
	items, err := evalAll(f, e.items)
	return py.Tuple(items), err
}

func (e *listExpr) eval(f *frame) (py.Value, error) {
	items, err := evalAll(f, e.items)
	return &py.List{Items: items}, err
}

func (e *dictExpr) eval(f *frame) (py.Value, error) {
	d := py.NewDict()
	for i, k := range e.keys {
		key, err := k.eval(f)
		if err != nil {
			return nil, err
		}
		v, err := e.values[i].eval(f)
		if err != nil {
			return nil, err
		}
		if err := d.Set(key, v); err != nil {
			return nil, err
		}
	}
	return d, f.run.th.Alloc(64 * len(e.keys))
}

func (e *attrExpr) eval(f *frame) (py.Value, error) {
	v, err := e.value.eval(f)
	if err != nil {
		return nil, err
	}
	f.line = e.line
	return f.run.attr(v, e.name)
}

func (e *itemExpr) eval(f *frame) (py.Value, error) {
	v, err := e.value.eval(f)
	if err != nil {
		return nil, err
	}
	key, err := e.key.eval(f)
	if err != nil {
		return nil, err
	}
	f.line = e.line
	if s, ok := key.(py.Slice); ok { // slices do not go through Jinja: errors are Python's
		return py.Item(f.run.th, v, s)
	}
	return f.run.item(v, key)
}

func (e *sliceExpr) eval(f *frame) (py.Value, error) {
	var s py.Slice
	for _, part := range []struct {
		from expr
		to   *py.Value
	}{{e.start, &s.Start}, {e.stop, &s.Stop}, {e.step, &s.Step}} {
		if part.from == nil {
			continue
		}
		v, err := part.from.eval(f)
		if err != nil {
			return nil, err
		}
		*part.to = v
	}
	return s, nil
}

// attr is v.name: an attribute, then an item, then undefined.
func (r *run) attr(v py.Value, name string) (py.Value, error) {
	if err := r.th.Step(); err != nil {
		return nil, err
	}
	if !r.env.cfg.Native && isUnsafe(v, name) {
		return r.unsafe(v, name), nil
	}
	res, ok, err := py.Getattr(r.th, v, name)
	if err != nil && !py.IsClass(err, "AttributeError") {
		return nil, err
	}
	if ok && err == nil {
		return res, nil
	}
	res, err = py.Item(r.th, v, name)
	if err == nil {
		return res, nil
	}
	if !r.missing(err) {
		return nil, err
	}
	return r.undefinedAttr(v, name), nil
}

// missing reports the errors of an item access that make it undefined.
func (r *run) missing(err error) bool {
	return py.IsClass(err, "TypeError", "LookupError") || r.env.cfg.Native && py.IsClass(err, "AttributeError")
}

// item is v[key]: an item, then an attribute, then undefined.
func (r *run) item(v, key py.Value) (py.Value, error) {
	res, err := py.Item(r.th, v, key)
	if err == nil {
		return res, nil
	}
	if !r.missing(err) {
		return nil, err
	}
	if name, ok := py.IsString(key); ok {
		if !r.env.cfg.Native && isUnsafe(v, name) {
			return r.unsafe(v, name), nil
		}
		res, ok, err := py.Getattr(r.th, v, name)
		if err != nil && !py.IsClass(err, "AttributeError") {
			return nil, err
		}
		if ok && err == nil {
			return res, nil
		}
	}
	return r.undefinedAttr(v, key), nil
}

// dunders are the attributes that every object of Python has: the sandbox refuses them. Other names with
// two underscores are simply not there.
const dunders = " __class__ __delattr__ __dict__ __dir__ __doc__ __eq__ __format__ __ge__ __getattribute__ __getstate__ __gt__ __hash__ __init__ __init_subclass__ __le__ __lt__ __module__ __ne__ __new__ __reduce__ __reduce_ex__ __repr__ __setattr__ __sizeof__ __str__ __subclasshook__ __weakref__ "

const (
	containerDunders = " __len__ __getitem__ __contains__ __iter__ "
	callableDunders  = " __call__ __globals__ __code__ __closure__ __defaults__ __kwdefaults__ __name__ __qualname__ __self__ __func__ __wrapped__ __annotations__ "
	typeDunders      = " __mro__ __bases__ __base__ __subclasses__ __name__ __qualname__ "
	numberDunders    = " __add__ __sub__ __mul__ __bool__ __int__ __float__ __abs__ __neg__ __index__ "
)

// isUnsafe reports whether the sandbox hides the attribute. Names that begin with two underscores are
// internal, whether or not the object has them is decided by what Python's would have.
func isUnsafe(v py.Value, name string) bool {
	if !strings.HasPrefix(name, "__") {
		_, isType := v.(*py.Type)
		return isType && name == "mro"
	}
	if _, ok := v.(*Undefined); ok {
		return false
	}
	in := func(set string) bool { return strings.Contains(set, " "+name+" ") }
	if in(dunders) {
		switch v.(type) {
		case nil, bool, int, float64, string, *py.List, *py.Dict, py.Tuple, *py.Set:
			return name != "__dict__" && name != "__module__" && name != "__weakref__"
		}
		return true
	}
	switch v.(type) {
	case *py.List, *py.Dict, py.Tuple, *py.Set, string, py.Markup:
		return in(containerDunders) || name == "__add__" || name == "__mul__"
	case int, float64, bool:
		return in(numberDunders)
	case *py.Type:
		return in(typeDunders) || in(callableDunders)
	}
	if _, ok := v.(py.Callable); ok {
		return in(callableDunders)
	}
	return false
}

func (a *argList) eval(f *frame) (py.Args, error) {
	var out py.Args
	var err error
	if len(a.pos) > 0 {
		if out.Pos, err = evalAll(f, a.pos); err != nil {
			return out, err
		}
	}
	for _, k := range a.kw {
		v, err := k.value.eval(f)
		if err != nil {
			return out, err
		}
		out.Kw = append(out.Kw, py.KwArg{Name: k.name, Value: v})
	}
	if a.star != nil {
		v, err := a.star.eval(f)
		if err != nil {
			return out, err
		}
		items, err := py.Collect(f.run.th, v)
		if err != nil {
			return out, err
		}
		out.Pos = append(out.Pos, items...)
	}
	if a.starStar != nil {
		v, err := a.starStar.eval(f)
		if err != nil {
			return out, err
		}
		if err := spreadKeywords(&out, v); err != nil {
			return out, err
		}
	}
	return out, nil
}

func spreadKeywords(out *py.Args, v py.Value) error {
	d, ok := v.(*py.Dict)
	if !ok {
		if u, isU := v.(*Undefined); isU {
			return u.fail()
		}
		return py.TypeError("argument after ** must be a mapping, not %s", py.TypeOf(v).Name)
	}
	for k, x := range d.All {
		name, ok := py.IsString(k)
		if !ok {
			return py.TypeError("keywords must be strings")
		}
		for _, have := range out.Kw {
			if have.Name == name {
				return py.TypeError("got multiple values for keyword argument '%s'", name)
			}
		}
		out.Kw = append(out.Kw, py.KwArg{Name: name, Value: x})
	}
	return nil
}

func (e *callExpr) eval(f *frame) (py.Value, error) { return e.with(f, nil) }

// with calls with one more keyword argument: the caller of a call block.
func (e *callExpr) with(f *frame, caller py.Value) (py.Value, error) {
	fn, err := e.fn.eval(f)
	if err != nil {
		return nil, err
	}
	args, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	if caller != nil {
		args.Kw = append(args.Kw, py.KwArg{Name: "caller", Value: caller})
	}
	f.line = e.line
	return py.Call(f.run.th, fn, args)
}

func (e *filterExpr) eval(f *frame) (py.Value, error) {
	v, err := e.value.eval(f)
	if err != nil {
		return nil, err
	}
	return e.apply(f, v)
}

// apply filters a value that is already there.
func (e *filterExpr) apply(f *frame, v py.Value) (py.Value, error) {
	if e.fn == nil {
		return nil, py.Errorf(classRuntime, "No filter named %s.", quoted(e.name))
	}
	if err := f.run.th.Step(); err != nil {
		return nil, err
	}
	args, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	f.line = e.line
	return e.fn(f.run, v, args)
}

func (e *testExpr) eval(f *frame) (py.Value, error) {
	v, err := e.value.eval(f)
	if err != nil {
		return nil, err
	}
	if e.fn == nil {
		return nil, py.Errorf(classRuntime, "No test named %s.", quoted(e.name))
	}
	args, err := e.args.eval(f)
	if err != nil {
		return nil, err
	}
	f.line = e.line
	return e.fn(f.run, v, args)
}

func (e *logicExpr) eval(f *frame) (py.Value, error) {
	v, err := e.left.eval(f)
	if err != nil {
		return nil, err
	}
	t, err := py.Truth(f.run.th, v)
	if err != nil || t == e.or {
		return v, err
	}
	return e.right.eval(f)
}

func (e *notExpr) eval(f *frame) (py.Value, error) {
	v, err := e.value.eval(f)
	if err != nil {
		return nil, err
	}
	t, err := py.Truth(f.run.th, v)
	return !t, err
}

func (e *unaryExpr) eval(f *frame) (py.Value, error) {
	v, err := e.value.eval(f)
	if err != nil {
		return nil, err
	}
	return py.Unary(f.run.th, e.op, v)
}

func (e *binaryExpr) eval(f *frame) (py.Value, error) {
	a, err := e.left.eval(f)
	if err != nil {
		return nil, err
	}
	b, err := e.right.eval(f)
	if err != nil {
		return nil, err
	}
	return py.Binary(f.run.th, e.op, a, b)
}

func (e *concatExpr) eval(f *frame) (py.Value, error) {
	parts, err := evalAll(f, e.parts)
	if err != nil {
		return nil, err
	}
	markup := false
	if f.run.autoescape {
		for _, v := range parts {
			_, is := v.(py.Markup)
			markup = markup || is
		}
	}
	var b strings.Builder
	for _, v := range parts {
		s, err := py.Str(f.run.th, v)
		if err != nil {
			return nil, err
		}
		if _, is := v.(py.Markup); markup && !is {
			s = string(py.Escape(s))
		}
		if err := f.run.th.Alloc(len(s)); err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	if markup {
		return py.Markup(b.String()), nil
	}
	return b.String(), nil
}

func (e *compareExpr) eval(f *frame) (py.Value, error) {
	left, err := e.first.eval(f)
	if err != nil {
		return nil, err
	}
	var res py.Value
	for i, c := range e.rest {
		right, err := c.value.eval(f)
		if err != nil {
			return nil, err
		}
		switch c.op {
		case "in", "not in":
			in, err := py.Contains(f.run.th, right, left)
			if err != nil {
				return nil, err
			}
			res = in == (c.op == "in")
		default:
			if res, err = py.Compare(f.run.th, c.op, left, right); err != nil {
				return nil, err
			}
		}
		if i < len(e.rest)-1 {
			t, err := py.Truth(f.run.th, res)
			if err != nil || !t {
				return res, err
			}
		}
		left = right
	}
	return res, nil
}

func (e *condExpr) eval(f *frame) (py.Value, error) {
	v, err := e.test.eval(f)
	if err != nil {
		return nil, err
	}
	t, err := py.Truth(f.run.th, v)
	if err != nil {
		return nil, err
	}
	switch {
	case t:
		return e.then.eval(f)
	case e.otherwise != nil:
		return e.otherwise.eval(f)
	}
	// This one is never strict: Jinja uses its plain Undefined here.
	return &Undefined{
		hint:  "the inline if-expression on line " + itoa(e.line) + " evaluated to false and no else section was defined.",
		noObj: true, class: classUndefined,
	}, nil
}
