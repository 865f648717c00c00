package pyfile

import (
	"path/filepath"

	"github.com/updraft-dev/updraft/dag"
)

// placed makes the files of callables absolute, for a DAG file that is not in the folder
// of DAG files: relative ones are looked for there.
func placed(folder string, d *dag.DAG) {
	visitor(func(c *dag.Callable) {
		if c.File != "" && !filepath.IsAbs(c.File) {
			c.File = filepath.Join(folder, c.File)
		}
	}).dag(d)
}

// callsPython says that a DAG has functions or objects of a Python file.
func callsPython(d *dag.DAG) (found bool) {
	visitor(func(*dag.Callable) { found = true }).dag(d)
	return found
}

// visitor sees all callables of a DAG, and may change them.
type visitor func(c *dag.Callable)

func (v visitor) dag(d *dag.DAG) {
	v.callbacks(d.OnSuccess, d.OnFailure)
	v.value(d.UserMacros)
	v.value(d.UserFilters)
	for i := range d.Deadlines {
		v.callbacks(d.Deadlines[i].Callbacks)
	}
	for _, g := range d.Groups {
		v.mapping(g.Expand)
	}
	for _, t := range d.Tasks {
		v.value(t.Args)
		v.value(t.ExecutorConfig)
		v.mapping(t.Expand)
		v.callbacks(t.OnExecute, t.OnSuccess, t.OnFailure, t.OnRetry, t.OnSkipped)
	}
}

func (v visitor) callbacks(lists ...[]dag.Callback) {
	for _, list := range lists {
		for i := range list {
			if list[i].Callable != nil {
				v(list[i].Callable)
			}
			v.value(list[i].Args)
		}
	}
}

func (v visitor) mapping(m *dag.Mapping) {
	if m == nil {
		return
	}
	for i := range m.Args {
		m.Args[i].Literal = v.value(m.Args[i].Literal)
	}
	if m.Kwargs != nil {
		m.Kwargs.Literal = v.value(m.Kwargs.Literal)
	}
}

// value changes the callables in a value and returns it.
func (v visitor) value(x any) any {
	switch x := x.(type) {
	case dag.Callable:
		v(&x)
		return x
	case dag.Derived:
		for i := range x.Callables {
			v(&x.Callables[i])
		}
		v.value(x.Of)
		return x
	case dag.Values:
		for name, e := range x {
			x[name] = v.value(e)
		}
	case map[string]any:
		for name, e := range x {
			x[name] = v.value(e)
		}
	case []any:
		for i, e := range x {
			x[i] = v.value(e)
		}
	}
	return x
}
