package jinja

import "github.com/updraft-dev/updraft/jinja/py"

// macro is a macro as a value; it sees the scope it was defined in.
type macro struct {
	def        *macroDef
	f          *frame
	anonymous  bool // the body of a call block
	autoescape bool
}

var macroType = &py.Type{Module: "jinja2.runtime", Name: "Macro"}

// Type is jinja2.runtime.Macro.
func (m *macro) Type() *py.Type { return macroType }

// Repr is <Macro 'name'>.
func (m *macro) Repr(*py.Thread) (string, error) {
	if m.anonymous {
		return "<Macro anonymous>", nil
	}
	return "<Macro " + quoted(m.def.name) + ">", nil
}

// Attr describes the macro.
func (m *macro) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "name":
		if m.anonymous {
			return nil, true, nil
		}
		return m.def.name, true, nil
	case "arguments":
		t := make(py.Tuple, len(m.def.params))
		for i, p := range m.def.params {
			t[i] = p.name
		}
		return t, true, nil
	case "catch_varargs":
		return m.def.varargs, true, nil
	case "catch_kwargs":
		return m.def.kwargs, true, nil
	case "caller":
		return m.def.caller, true, nil
	}
	return nil, false, nil
}

// Call renders the macro.
func (m *macro) Call(th *py.Thread, a py.Args) (py.Value, error) {
	in := m.f.child()
	in.vars.names = make([]string, 0, len(m.def.params)+1)
	in.vars.values = make([]py.Value, 0, len(m.def.params)+1)
	if err := m.bind(in, a); err != nil {
		return nil, err
	}
	r := m.f.run
	before := r.autoescape
	r.autoescape = m.autoescape
	v, err := r.capture(func() error { return in.exec(m.def.body) })
	r.autoescape = before
	if s, ok := v.(string); ok && m.autoescape {
		return py.Markup(s), err
	}
	return v, err
}

func (m *macro) name() string {
	if m.anonymous {
		return "None"
	}
	return quoted(m.def.name)
}

// bind puts the arguments into the macro's scope.
func (m *macro) bind(in *frame, a py.Args) error {
	d := m.def
	kw := py.NewDict()
	for _, k := range a.Kw {
		kw.SetStr(k.Name, k.Value)
	}
	hasCaller := false
	for i, p := range d.params {
		hasCaller = hasCaller || p.name == "caller"
		if i < len(a.Pos) {
			in.vars.set(p.name, a.Pos[i])
			continue
		}
		v, ok, err := kw.Delete(p.name)
		if err != nil {
			return err
		}
		if !ok {
			if v, err = m.fallback(in, p); err != nil {
				return err
			}
		}
		in.vars.set(p.name, v)
	}
	if d.caller && !hasCaller {
		v, ok, err := kw.Delete("caller")
		if err != nil {
			return err
		}
		if !ok || v == nil {
			v = in.run.undefinedHint("No caller defined", "caller")
		}
		in.vars.set("caller", v)
	}
	return m.rest(in, a, kw)
}

// fallback is the value of a parameter that was not given.
func (m *macro) fallback(in *frame, p macroParam) (py.Value, error) {
	if p.def != nil {
		return p.def.eval(in)
	}
	return in.run.undefinedHint("parameter "+quoted(p.name)+" was not provided", p.name), nil
}

// rest deals with the arguments that have no parameter.
func (m *macro) rest(in *frame, a py.Args, kw *py.Dict) error {
	d := m.def
	if d.kwargs {
		in.vars.set("kwargs", kw)
	} else if kw.Count() > 0 {
		if _, ok := kw.GetStr("caller"); ok {
			return py.TypeError("macro %s was invoked with two values for the special caller argument. This is most likely a bug.", m.name())
		}
		first, _ := py.IsString(kw.Keys()[0])
		return py.TypeError("macro %s takes no keyword argument %s", m.name(), quoted(first))
	}
	if d.varargs {
		var extra py.Tuple
		if len(a.Pos) > len(d.params) {
			extra = a.Pos[len(d.params):]
		}
		in.vars.set("varargs", extra)
	} else if len(a.Pos) > len(d.params) {
		return py.TypeError("macro %s takes not more than %d argument(s)", m.name(), len(d.params))
	}
	return nil
}

func (s *macroStmt) exec(f *frame) error {
	f.vars.set(s.macro.name, &macro{def: s.macro, f: f, autoescape: f.run.autoescape})
	return nil
}

func (s *callStmt) exec(f *frame) error {
	caller := &macro{def: s.macro, f: f, anonymous: true, autoescape: f.run.autoescape}
	v, err := s.call.with(f, caller)
	if err == nil {
		err = f.run.write(v)
	}
	return at(err, f.page.tmpl.name, s.line)
}
