package jinja

import (
	"errors"

	"github.com/updraft-dev/updraft/jinja/py"
)

// run is one rendering.
type run struct {
	env  *Environment
	th   *py.Thread
	vars Vars
	out  *output
	// size is what has been written, wherever it went.
	size       int
	autoescape bool
}

func newRun(th *py.Thread, e *Environment, vars Vars) *run {
	r := &run{env: e, th: th, vars: vars, out: &output{}}
	if !e.cfg.Native {
		r.th.Getattr = func(_ *py.Thread, v py.Value, name string) (py.Value, error) { return r.used(r.attr(v, name)) }
	} else {
		r.th.Getattr = func(_ *py.Thread, v py.Value, name string) (py.Value, error) {
			res, ok, err := py.Getattr(r.th, v, name)
			if err == nil && !ok {
				err = py.AttributeError(v, name)
			}
			return res, err
		}
	}
	if !e.cfg.Native {
		r.th.Getitem = func(_ *py.Thread, v, key py.Value) (py.Value, error) { return r.used(r.item(v, key)) }
	}
	return r
}

// used fails on an undefined value, as formatting it would.
func (r *run) used(v py.Value, err error) (py.Value, error) {
	if u, ok := v.(*Undefined); ok && err == nil {
		return nil, u.fail()
	}
	return v, err
}

// output collects what a template writes: text, and in native mode values.
type output struct {
	buf   []byte
	parts []py.Value // native mode
}

// capture runs fn with an output of its own and answers what it wrote.
func (r *run) capture(fn func() error) (py.Value, error) {
	outer := r.out
	r.out = &output{}
	err := fn()
	inner := r.out
	r.out = outer
	if err != nil {
		return nil, err
	}
	return r.concat(inner)
}

func (r *run) finish() (py.Value, error) {
	v, err := r.concat(r.out)
	if err != nil {
		return nil, err
	}
	return v, printable(v)
}

// printable fails for a strict undefined value.
func printable(v py.Value) error {
	if u, ok := v.(*Undefined); ok && u.strict {
		return u.fail()
	}
	return nil
}

// part adds a value to the output of native mode. Jinja looks at the first two together, and a value alone is
// not printed at all.
func (r *run) part(v py.Value) error {
	o := r.out
	o.parts = append(o.parts, v)
	if len(o.parts) == 2 {
		if err := printable(o.parts[0]); err != nil {
			return err
		}
	}
	if len(o.parts) > 1 {
		return printable(v)
	}
	return nil
}

// concat makes one value of an output.
func (r *run) concat(o *output) (py.Value, error) {
	if !r.env.cfg.Native {
		return string(o.buf), nil
	}
	return r.nativeConcat(o.parts)
}

func (r *run) nativeConcat(parts []py.Value) (py.Value, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	var text string
	var whole py.Value
	if len(parts) == 1 {
		s, ok := py.IsString(parts[0])
		if !ok {
			return parts[0], nil
		}
		text, whole = s, parts[0]
	} else {
		var b []byte
		for _, v := range parts {
			s, err := py.Str(r.th, v)
			if err != nil {
				return nil, err
			}
			b = append(b, s...)
		}
		text = string(b)
		whole = text
	}
	v, err := py.Literal(r.th, text)
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, py.ErrNotLiteral) || py.IsClass(err, "ValueError", "UnicodeDecodeError"):
		return whole, nil
	}
	return nil, err
}

func (r *run) spend(n int) error {
	r.size += n
	if r.size > r.env.cfg.MaxOutput {
		return &py.LimitError{What: "output bytes", Limit: r.env.cfg.MaxOutput}
	}
	return nil
}

func (r *run) writeText(s string) error {
	if r.env.cfg.Native {
		if err := r.part(s); err != nil {
			return err
		}
	} else {
		r.out.buf = append(r.out.buf, s...)
	}
	return r.spend(len(s))
}

// write prints a value.
func (r *run) write(v py.Value) error {
	if r.env.cfg.Native {
		if err := r.part(v); err != nil {
			return err
		}
		return r.spend(16)
	}
	if r.autoescape {
		m, err := py.ToMarkup(r.th, v)
		if err != nil {
			return err
		}
		return r.writeText(string(m))
	}
	s, err := py.Str(r.th, v)
	if err != nil {
		return err
	}
	return r.writeText(s)
}

// scope holds the variables that one construct sets.
type scope struct {
	names  []string
	values []py.Value
	parent *scope
}

func (s *scope) set(name string, v py.Value) {
	for i, n := range s.names {
		if n == name {
			s.values[i] = v
			return
		}
	}
	s.names, s.values = append(s.names, name), append(s.values, v)
}

func (s *scope) get(name string) (py.Value, bool) {
	for ; s != nil; s = s.parent {
		for i, n := range s.names {
			if n == name {
				return s.values[i], true
			}
		}
	}
	return nil, false
}

// page is one template at work: its top-level variables and the blocks of its inheritance.
type page struct {
	tmpl   *Template
	top    *scope // the template's own variables; what it exports
	hidden bool   // imported without context: the caller's variables are not seen
	blocks map[string][]boundBlock
	parent *Template // what the template extends, once that was said
	// discard takes what a template writes outside of blocks after its extends.
	discard *output
}

type boundBlock struct {
	stmt *blockStmt
	tmpl *Template
}

// frame is where a node runs.
type frame struct {
	run  *run
	page *page
	vars *scope
	line int
}

func (r *run) rootFrame(t *Template) *frame {
	p := &page{tmpl: t, top: &scope{}}
	return &frame{run: r, page: p, vars: p.top}
}

// child is a frame with a scope of its own.
func (f *frame) child() *frame {
	return &frame{run: f.run, page: f.page, vars: &scope{parent: f.vars}, line: f.line}
}

// lookup resolves a name: scopes, the rendering's variables, globals.
func (f *frame) lookup(name string) (py.Value, error) {
	if v, ok := f.vars.get(name); ok {
		return v, nil
	}
	if !f.page.hidden && f.run.vars != nil {
		v, ok, err := f.run.vars.Lookup(f.run.th.Context(), name)
		if ok || err != nil {
			return v, err
		}
	}
	if v, ok := f.run.env.globals[name]; ok {
		return v, nil
	}
	if name == "self" {
		return &selfRef{f: f}, nil
	}
	return f.run.undefinedName(name), nil
}

func (f *frame) exec(body []stmt) error {
	for _, s := range body {
		if err := s.exec(f); err != nil {
			return err
		}
	}
	return nil
}
