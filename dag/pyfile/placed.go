package pyfile

import (
	"path/filepath"

	"github.com/updraft-dev/updraft/dag"
)

// placed makes the files of callables absolute, for a DAG file that is not in the folder
// of DAG files: relative ones are looked for there.
type placed struct{ folder string }

func (p placed) dag(d *dag.DAG) {
	p.callbacks(d.OnSuccess, d.OnFailure)
	p.value(d.UserMacros)
	p.value(d.UserFilters)
	for i := range d.Deadlines {
		p.callbacks(d.Deadlines[i].Callbacks)
	}
	for _, g := range d.Groups {
		p.mapping(g.Expand)
	}
	for _, t := range d.Tasks {
		p.value(t.Args)
		p.value(t.ExecutorConfig)
		p.mapping(t.Expand)
		p.callbacks(t.OnExecute, t.OnSuccess, t.OnFailure, t.OnRetry, t.OnSkipped)
	}
}

func (p placed) callbacks(lists ...[]dag.Callback) {
	for _, list := range lists {
		for i := range list {
			if list[i].Callable != nil {
				p.file(list[i].Callable)
			}
			p.value(list[i].Args)
		}
	}
}

func (p placed) mapping(m *dag.Mapping) {
	if m == nil {
		return
	}
	for i := range m.Args {
		m.Args[i].Literal = p.value(m.Args[i].Literal)
	}
	if m.Kwargs != nil {
		m.Kwargs.Literal = p.value(m.Kwargs.Literal)
	}
}

func (p placed) file(c *dag.Callable) {
	if c.File != "" && !filepath.IsAbs(c.File) {
		c.File = filepath.Join(p.folder, c.File)
	}
}

// value changes the callables in a value and returns it.
func (p placed) value(v any) any {
	switch v := v.(type) {
	case dag.Callable:
		p.file(&v)
		return v
	case dag.Derived:
		for i := range v.Callables {
			p.file(&v.Callables[i])
		}
		p.value(v.Of)
		return v
	case dag.Values:
		for name, e := range v {
			v[name] = p.value(e)
		}
	case map[string]any:
		for name, e := range v {
			v[name] = p.value(e)
		}
	case []any:
		for i, e := range v {
			v[i] = p.value(e)
		}
	}
	return v
}
