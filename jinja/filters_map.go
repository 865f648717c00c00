package jinja

import "github.com/updraft-dev/updraft/jinja/py"

func mapFilter(r *run, v py.Value, a py.Args) (py.Value, error) {
	fn, err := mapper(r, a)
	if err != nil {
		return nil, err
	}
	var it py.Iterator
	return py.NewGenerator("sync_do_map", func() (py.Value, bool, error) {
		if it == nil {
			if t, err := truth(r, v); err != nil || !t {
				return nil, false, err
			}
			if it, err = py.Iter(r.th, v); err != nil {
				return nil, false, err
			}
		}
		x, ok, err := it()
		if err != nil || !ok {
			return nil, false, err
		}
		res, err := fn(x)
		return res, err == nil, err
	}), nil
}

func mapper(r *run, a py.Args) (func(py.Value) (py.Value, error), error) {
	kw := py.NewDict()
	for _, k := range a.Kw {
		kw.SetStr(k.Name, k.Value)
	}
	if attr, ok := kw.GetStr("attribute"); ok && len(a.Pos) == 0 {
		def, _ := kw.GetStr("default")
		for _, k := range a.Kw {
			if k.Name != "attribute" && k.Name != "default" {
				return nil, py.Errorf(classArgument, "Unexpected keyword argument %s", quoted(k.Name))
			}
		}
		return getter(r, attr, nil, def), nil
	}
	if len(a.Pos) == 0 {
		return nil, py.Errorf(classArgument, "map requires a filter argument")
	}
	name, _ := py.IsString(a.Pos[0])
	f := r.env.filter(name)
	rest := py.Args{Pos: a.Pos[1:], Kw: a.Kw}
	return func(v py.Value) (py.Value, error) {
		if f == nil {
			return nil, py.Errorf(classRuntime, "No filter named %s.", quoted(name))
		}
		return f(r, v, rest)
	}, nil
}

// selector makes select, reject, selectattr and rejectattr.
func selector(byAttr, keep bool) filterFunc {
	return func(r *run, v py.Value, a py.Args) (py.Value, error) {
		var it py.Iterator
		pred, err := predicate(r, byAttr, a)
		if err != nil {
			return nil, err
		}
		return py.NewGenerator("select_or_reject", func() (py.Value, bool, error) {
			if it == nil {
				if t, err := truth(r, v); err != nil || !t {
					return nil, false, err
				}
				if it, err = py.Iter(r.th, v); err != nil {
					return nil, false, err
				}
			}
			for {
				x, ok, err := it()
				if err != nil || !ok {
					return nil, false, err
				}
				if err := r.th.Step(); err != nil {
					return nil, false, err
				}
				t, err := pred(x)
				if err != nil {
					return nil, false, err
				}
				if t == keep {
					return x, true, nil
				}
			}
		}), nil
	}
}

func predicate(r *run, byAttr bool, a py.Args) (func(py.Value) (bool, error), error) {
	get := func(v py.Value) (py.Value, error) { return v, nil }
	pos := a.Pos
	if byAttr {
		if len(pos) == 0 {
			return nil, py.Errorf(classArgument, "Missing parameter for attribute name")
		}
		get = getter(r, pos[0], nil, nil)
		pos = pos[1:]
	}
	if len(pos) == 0 {
		return func(v py.Value) (bool, error) {
			x, err := get(v)
			if err != nil {
				return false, err
			}
			return truth(r, x)
		}, nil
	}
	name, _ := py.IsString(pos[0])
	test := r.env.test(name)
	rest := py.Args{Pos: pos[1:], Kw: a.Kw}
	return func(v py.Value) (bool, error) {
		if test == nil {
			return false, py.Errorf(classRuntime, "No test named %s.", quoted(name))
		}
		x, err := get(v)
		if err != nil {
			return false, err
		}
		if x, err = test(r, x, rest); err != nil {
			return false, err
		}
		return truth(r, x)
	}, nil
}
