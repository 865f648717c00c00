package jinja

import (
	"strconv"

	"github.com/updraft-dev/updraft/jinja/py"
)

func itoa(n int) string { return strconv.Itoa(n) }

// silent reports whether what is written here is thrown away, because the template extends another.
func (f *frame) silent() bool { return f.page.discard != nil && f.page.discard == f.run.out }

func (s *dataStmt) exec(f *frame) error { return f.run.writeText(s.text) }

func (s *outputStmt) exec(f *frame) error {
	if f.silent() {
		return nil
	}
	f.line = s.line
	if s.isFolded {
		return f.run.writeText(s.folded)
	}
	v, err := s.expr.eval(f)
	if err != nil {
		return at(err, f.page.tmpl.name, s.line)
	}
	return at(f.run.write(v), f.page.tmpl.name, s.line)
}

func (s *groupStmt) exec(f *frame) error { return f.exec(s.body) }

func (s *doStmt) exec(f *frame) error {
	_, err := s.expr.eval(f)
	return at(err, f.page.tmpl.name, s.line)
}

func (s *ifStmt) exec(f *frame) error {
	v, err := s.test.eval(f)
	if err != nil {
		return at(err, f.page.tmpl.name, s.line)
	}
	t, err := py.Truth(f.run.th, v)
	if err != nil {
		return at(err, f.page.tmpl.name, s.line)
	}
	if t {
		return f.exec(s.body)
	}
	return f.exec(s.otherwise)
}

// assign gives a target a value.
func (f *frame) assign(target expr, v py.Value) error {
	switch t := target.(type) {
	case *nameExpr:
		f.vars.set(t.name, v)
		return nil
	case *nsRef:
		ref, err := f.lookup(t.name)
		if err != nil {
			return err
		}
		ns, ok := ref.(*namespace)
		if !ok {
			return py.Errorf(classRuntime, "cannot assign attribute on non-namespace object")
		}
		ns.attrs.SetStr(t.attr, v)
		return f.run.th.Alloc(64)
	}
	targets := target.(*tupleExpr).items
	items, err := f.unpack(v, len(targets))
	if err != nil {
		return err
	}
	for i, t := range targets {
		if err := f.assign(t, items[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *frame) unpack(v py.Value, n int) ([]py.Value, error) {
	it, err := py.Iter(f.run.th, v)
	if err != nil {
		if py.IsClass(err, "TypeError") {
			return nil, py.TypeError("cannot unpack non-iterable %s object", py.TypeOf(v).Name)
		}
		return nil, err
	}
	var items []py.Value
	for len(items) <= n {
		x, ok, err := it()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		items = append(items, x)
	}
	switch {
	case len(items) < n:
		return nil, py.ValueError("not enough values to unpack (expected %d, got %d)", n, len(items))
	case len(items) > n:
		return nil, py.ValueError("too many values to unpack (expected %d)", n)
	}
	return items, nil
}

func (s *setStmt) exec(f *frame) error {
	v, err := s.expr.eval(f)
	if err == nil {
		err = f.assign(s.target, v)
	}
	return at(err, f.page.tmpl.name, s.line)
}

func (s *setBlockStmt) exec(f *frame) error {
	v, err := f.run.capture(func() error { return f.child().exec(s.body) })
	if err != nil {
		return err
	}
	if str, ok := v.(string); ok && f.run.autoescape {
		v = py.Markup(str)
	}
	if s.filter != nil {
		if v, err = f.filterText(s.filter, v); err != nil {
			return at(err, f.page.tmpl.name, s.line)
		}
	}
	return at(f.assign(s.target, v), f.page.tmpl.name, s.line)
}

// filterText applies a chain of filters whose innermost has no value of its own.
func (f *frame) filterText(e expr, v py.Value) (py.Value, error) {
	x := e.(*filterExpr)
	if x.value != nil {
		var err error
		if v, err = f.filterText(x.value, v); err != nil {
			return nil, err
		}
	}
	return x.apply(f, v)
}

func (s *filterStmt) exec(f *frame) error {
	v, err := f.run.capture(func() error { return f.child().exec(s.body) })
	if err != nil {
		return err
	}
	if str, ok := v.(string); ok && f.run.autoescape {
		v = py.Markup(str)
	}
	if v, err = f.filterText(s.filter, v); err != nil {
		return at(err, f.page.tmpl.name, s.line)
	}
	return at(f.run.write(v), f.page.tmpl.name, s.line)
}

func (s *withStmt) exec(f *frame) error {
	values, err := evalAll(f, s.values)
	if err != nil {
		return err
	}
	in := f.child()
	for i, t := range s.targets {
		if err := in.assign(t, values[i]); err != nil {
			return err
		}
	}
	return in.exec(s.body)
}

func (s *autoescapeStmt) exec(f *frame) error {
	v, err := s.on.eval(f)
	if err != nil {
		return err
	}
	on, err := py.Truth(f.run.th, v)
	if err != nil {
		return err
	}
	before := f.run.autoescape
	f.run.autoescape = on && !f.run.env.cfg.Native
	defer func() { f.run.autoescape = before }()
	return f.child().exec(s.body)
}

// execTemplate runs a template's own body, then that of what it extends.
func (f *frame) execTemplate(t *Template) error {
	if err := f.run.th.Enter(); err != nil {
		return err
	}
	defer f.run.th.Leave()
	if f.page.blocks == nil && len(t.blocks) > 0 {
		f.page.blocks = map[string][]boundBlock{}
	}
	for name, b := range t.blocks {
		f.page.blocks[name] = append(f.page.blocks[name], boundBlock{b, t})
	}
	f.page.tmpl, f.page.parent = t, nil
	out := f.run.out
	err := f.exec(t.body)
	f.run.out, f.page.discard = out, nil
	if err != nil {
		return at(err, t.name, f.line)
	}
	if parent := f.page.parent; parent != nil {
		return f.execTemplate(parent)
	}
	return nil
}

func (s *extendsStmt) exec(f *frame) error {
	if f.page.parent != nil {
		return py.Errorf(classRuntime, "extended multiple times")
	}
	t, err := f.template(s.template, s.line, false)
	if err != nil {
		return err
	}
	f.page.parent = t
	f.page.discard = &output{}
	f.run.out = f.page.discard
	if f.page.blocks == nil {
		f.page.blocks = map[string][]boundBlock{}
	}
	return nil
}

func (s *blockStmt) exec(f *frame) error {
	if f.silent() {
		return nil
	}
	if s.required && len(f.page.blocks[s.name]) <= 1 {
		return at(py.Errorf(classRuntime, "Required block %s not found", quoted(s.name)), f.page.tmpl.name, s.line)
	}
	var outer *scope
	if s.scoped {
		outer = f.vars
	}
	return f.block(s.name, 0, outer)
}

// block runs the n-th version of a block, the most derived being 0.
func (f *frame) block(name string, n int, outer *scope) error {
	versions := f.page.blocks[name]
	if n >= len(versions) {
		return nil
	}
	if err := f.run.th.Enter(); err != nil {
		return err
	}
	defer f.run.th.Leave()
	if outer == nil {
		outer = f.page.top
	}
	in := &frame{run: f.run, page: f.page, vars: &scope{parent: outer}}
	in.vars.set("super", &superRef{f: in, name: name, n: n + 1})
	b := versions[n]
	before := f.run.autoescape
	f.run.autoescape = false // a block is a function of its own
	defer func() { f.run.autoescape = before }()
	return at(in.exec(b.stmt.body), b.tmpl.name, b.stmt.line)
}

// template loads what an expression names: a name, a list of names, or a template.
func (f *frame) template(e expr, line int, several bool) (*Template, error) {
	v, err := e.eval(f)
	if err != nil {
		return nil, at(err, f.page.tmpl.name, line)
	}
	if u, ok := v.(*Undefined); ok {
		return nil, at(u.fail(), f.page.tmpl.name, line)
	}
	if name, ok := py.IsString(v); ok {
		t, err := f.run.env.Load(name)
		return t, at(err, f.page.tmpl.name, line)
	}
	if !several {
		return nil, at(py.TypeError("a template's name must be str, not %s", py.TypeOf(v).Name), f.page.tmpl.name, line)
	}
	names, err := py.Collect(f.run.th, v)
	if err != nil {
		return nil, at(err, f.page.tmpl.name, line)
	}
	var tried string
	for i, n := range names {
		name, ok := py.IsString(n)
		if !ok {
			return nil, at(py.TypeError("a template's name must be str, not %s", py.TypeOf(n).Name), f.page.tmpl.name, line)
		}
		t, err := f.run.env.Load(name)
		if err == nil || !py.IsClass(err, classNotFound) {
			return t, err
		}
		if i > 0 {
			tried += ", "
		}
		tried += name
	}
	msg := "none of the templates given were found: " + tried
	if len(names) == 0 {
		msg = "Tried to select from an empty list of templates"
	}
	return nil, at(py.Errorf(classNoneFound, "%s", msg), f.page.tmpl.name, line)
}

func (s *includeStmt) exec(f *frame) error {
	t, err := f.template(s.template, s.line, true)
	if err != nil {
		if s.ignoreMissing && py.IsClass(err, classNotFound, classNoneFound) {
			return nil
		}
		return err
	}
	in := f.run.rootFrame(t)
	in.page.hidden = !s.withContext || f.page.hidden
	if s.withContext {
		in.page.top.parent = f.vars
	}
	return in.execTemplate(t)
}

func (s *importStmt) exec(f *frame) error {
	t, err := f.template(s.template, s.line, false)
	if err != nil {
		return err
	}
	in := f.run.rootFrame(t)
	in.page.hidden = !s.withContext || f.page.hidden
	if s.withContext {
		in.page.top.parent = f.vars
	}
	text, err := f.run.capture(func() error { return in.execTemplate(t) })
	if err != nil {
		return err
	}
	m := &module{tmpl: t, vars: in.page.top, text: text}
	if s.as != "" {
		f.vars.set(s.as, m)
		return nil
	}
	for _, n := range s.names {
		v, ok, err := m.Attr(f.run.th, n.name)
		if err != nil {
			return err
		}
		if !ok {
			v = f.run.undefinedHint("the template "+templateName(t)+" (imported on line "+itoa(s.line)+") does not export the requested name "+quoted(n.name), n.name)
		}
		f.vars.set(n.as, v)
	}
	return nil
}

func templateName(t *Template) string {
	if t.name == "" {
		return "None"
	}
	return quoted(t.name)
}
