package dagfile

import (
	"encoding/json"
	"fmt"

	"github.com/updraft-dev/updraft/dag"
)

// params reads a mapping of names to values or to Param objects.
func (l *loader) params(p place, n *node) []dag.Param {
	d, ok := l.mapping(p, n)
	if !ok || d == nil {
		return nil
	}
	out := make([]dag.Param, 0, len(d.entries))
	for _, e := range d.entries {
		q := dag.Param{Name: e.name()}
		at := place{p.task, p.name + "." + e.name()}
		if e.val.kind == kindObject && classOf(e.val.text) == classParam {
			q = l.param(at, e.name(), e.val)
		} else {
			l.jsonOnly(at, e.val)
			q.Default = l.value(at, e.val)
		}
		out = append(out, q)
	}
	return out
}

// param reads a Param: default, description, and the rest is JSON Schema.
func (l *loader) param(p place, name string, n *node) dag.Param {
	q := dag.Param{Name: name}
	args, err := arguments(n, "default", "description")
	if err != nil {
		l.problem(n.at, p.task, err.Error(), "")
		return q
	}
	if v := args["default"]; v != nil {
		l.jsonOnly(p, v)
		q.Default = l.value(p, v)
	}
	if v := args["description"]; !v.isNull() {
		q.Description, _ = l.text(place{p.task, p.name + ".description"}, v)
	}
	schema := map[string]any{}
	for _, e := range n.dict.all() {
		switch e.name() {
		case "default", "description", "source":
		case "schema":
			if m, ok := l.mapping(place{p.task, p.name + ".schema"}, e.val); ok {
				for _, s := range m.all() {
					l.jsonOnly(p, s.val)
					schema[s.name()] = l.value(p, s.val)
				}
			}
		default:
			l.jsonOnly(p, e.val)
			schema[e.name()] = l.value(p, e.val)
		}
	}
	if len(schema) > 0 {
		if q.Schema, err = json.Marshal(schema); err != nil {
			l.problem(n.at, p.task, fmt.Sprintf("`%s`: %v", p.name, err), "")
		}
	}
	return q
}

// jsonOnly reports values that JSON does not have: params are passed as JSON.
func (l *loader) jsonOnly(p place, n *node) {
	switch n.kind {
	case kindTime, kindObject:
		l.problem(n.at, p.task, fmt.Sprintf("`%s`: a param cannot be %s: it has no JSON form", p.name, n.describe()), "put it in quotes")
	case kindList:
		for _, v := range n.list {
			l.jsonOnly(p, v)
		}
	case kindDict:
		for _, e := range n.dict.entries {
			l.jsonOnly(p, e.val)
		}
	}
}
