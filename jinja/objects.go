package jinja

import (
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

// namespace is what namespace() makes: attributes that a set in an inner scope can change.
type namespace struct{ attrs *py.Dict }

// Type is jinja2.utils.Namespace.
func (n *namespace) Type() *py.Type { return namespaceType }

// Attr is an attribute that was set.
func (n *namespace) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	v, ok := n.attrs.GetStr(name)
	return v, ok, nil
}

// Repr is <Namespace {...}>.
func (n *namespace) Repr(th *py.Thread) (string, error) {
	s, err := py.Repr(th, n.attrs)
	return "<Namespace " + s + ">", err
}

var namespaceType = &py.Type{Module: "jinja2.utils", Name: "Namespace", New: func(th *py.Thread, a py.Args) (py.Value, error) {
	n := &namespace{py.NewDict()}
	return n, py.UpdateDict(th, n.attrs, "dict", a)
}}

// cycler goes through its items again and again.
type cycler struct {
	items []py.Value
	pos   int
}

// Type is jinja2.utils.Cycler.
func (c *cycler) Type() *py.Type { return &py.Type{Module: "jinja2.utils", Name: "Cycler"} }

// Attr answers current, next and reset.
func (c *cycler) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "current":
		return c.items[c.pos], true, nil
	case "items":
		return py.Tuple(c.items), true, nil
	case "pos":
		return c.pos, true, nil
	case "next":
		return &py.Func{Name: "next", Owner: c, Fn: func(*py.Thread, py.Args) (py.Value, error) {
			v := c.items[c.pos]
			c.pos = (c.pos + 1) % len(c.items)
			return v, nil
		}}, true, nil
	case "reset":
		return &py.Func{Name: "reset", Owner: c, Fn: func(*py.Thread, py.Args) (py.Value, error) {
			c.pos = 0
			return nil, nil
		}}, true, nil
	}
	return nil, false, nil
}

var cyclerType = &py.Type{Module: "jinja2.utils", Name: "Cycler", New: func(_ *py.Thread, a py.Args) (py.Value, error) {
	if len(a.Pos) == 0 {
		return nil, py.Errorf("RuntimeError", "at least one item has to be provided")
	}
	return &cycler{items: a.Pos}, nil
}}

// joiner gives nothing the first time and its separator from then on.
type joiner struct {
	sep  py.Value
	used bool
}

// Type is jinja2.utils.Joiner.
func (j *joiner) Type() *py.Type { return &py.Type{Module: "jinja2.utils", Name: "Joiner"} }

// Call answers the separator, except the first time.
func (j *joiner) Call(*py.Thread, py.Args) (py.Value, error) {
	if !j.used {
		j.used = true
		return "", nil
	}
	return j.sep, nil
}

// Attr answers sep and used.
func (j *joiner) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "sep":
		return j.sep, true, nil
	case "used":
		return j.used, true, nil
	}
	return nil, false, nil
}

var joinerType = &py.Type{Module: "jinja2.utils", Name: "Joiner", New: func(_ *py.Thread, a py.Args) (py.Value, error) {
	args, err := py.Bind("Joiner.__init__", a, "sep?")
	if err != nil {
		return nil, err
	}
	return &joiner{sep: py.Or(args[0], ", ")}, nil
}}

// module is an imported template: what it set at its top level, and what it printed.
type module struct {
	tmpl *Template
	vars *scope
	text py.Value
}

// Type is jinja2.environment.TemplateModule.
func (m *module) Type() *py.Type {
	return &py.Type{Module: "jinja2.environment", Name: "TemplateModule"}
}

// Attr is an exported variable: one whose name does not begin with an underscore.
func (m *module) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	if strings.HasPrefix(name, "_") {
		return nil, false, nil
	}
	for i, n := range m.vars.names {
		if n == name {
			return m.vars.values[i], true, nil
		}
	}
	return nil, false, nil
}

// Str is what the template printed.
func (m *module) Str(th *py.Thread) (string, error) { return py.Str(th, m.text) }

// Repr is <TemplateModule 'name'>.
func (m *module) Repr(*py.Thread) (string, error) {
	return "<TemplateModule " + templateName(m.tmpl) + ">", nil
}

// selfRef is the variable self, through which blocks can be printed again.
type selfRef struct{ f *frame }

// Type is jinja2.runtime.TemplateReference.
func (s *selfRef) Type() *py.Type {
	return &py.Type{Module: "jinja2.runtime", Name: "TemplateReference"}
}

// Repr is <TemplateReference 'name'>.
func (s *selfRef) Repr(*py.Thread) (string, error) {
	return "<TemplateReference " + templateName(s.f.page.tmpl) + ">", nil
}

// Item is a block, to be called.
func (s *selfRef) Item(th *py.Thread, key py.Value) (py.Value, error) {
	name, _ := py.IsString(key)
	if len(s.f.page.blocks[name]) == 0 {
		return nil, py.Errorf("KeyError", "%s", quoted(name))
	}
	return &superRef{f: s.f, name: name}, nil
}

// superRef is a version of a block, to be called.
type superRef struct {
	f    *frame
	name string
	n    int
}

// Type is jinja2.runtime.BlockReference.
func (s *superRef) Type() *py.Type {
	return &py.Type{Module: "jinja2.runtime", Name: "BlockReference"}
}

// Attr answers super: the version below.
func (s *superRef) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	if name == "super" {
		return &superRef{s.f, s.name, s.n + 1}, true, nil
	}
	return nil, false, nil
}

// Call renders the block.
func (s *superRef) Call(*py.Thread, py.Args) (py.Value, error) {
	if s.n >= len(s.f.page.blocks[s.name]) {
		return nil, py.Errorf(classUndefined, "there is no parent block called %s.", quoted(s.name))
	}
	return s.f.run.capture(func() error { return s.f.block(s.name, s.n, nil) })
}
