package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// kwargsArg takes the arguments of a decorated function: what is mapped over and is no
// argument of the operator is one of the function's. DAG files say so explicitly, with
// op_kwargs. before the name, because the operator may have an argument of that name.
const kwargsArg = "op_kwargs"

// arguments returns the operator's arguments with mapped ones, XComs and rendered
// templates filled in. Without any of these it is the author's own map.
func (x *execution) arguments(ctx context.Context) (map[string]any, error) {
	authored := map[string]any(x.a.Task.Args)
	var mapped []mappedArg
	if x.a.Task.Expand != nil {
		var err error
		if mapped, err = x.mapped(ctx); err != nil {
			return nil, err
		}
	}
	out, copied := authored, false
	own := func() {
		if !copied {
			out, copied = maps.Clone(out), true
			if out == nil {
				out = map[string]any{}
			}
		}
	}
	if len(mapped) > 0 {
		own()
		if err := x.merge(out, authored, mapped, true); err != nil {
			return nil, err
		}
	}
	var names []string
	for name, v := range out {
		if hasReference(v) || x.templated(name) && x.rendersTo(v) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		filled, err := x.fill(ctx, out[name], x.templated(name))
		if err != nil {
			return nil, fmt.Errorf("argument %s: %w", name, err)
		}
		own()
		out[name] = filled
	}
	if len(mapped) > 0 {
		if err := x.merge(out, authored, mapped, false); err != nil {
			return nil, err
		}
	}
	return out, x.complete(out)
}

func (x *execution) templated(name string) bool {
	s := x.op.Spec.Arg(name)
	return s != nil && s.Templated
}

// merge puts the authored (or else the pushed) mapped arguments in their places.
func (x *execution) merge(out, plain map[string]any, mapped []mappedArg, authored bool) error {
	for _, m := range mapped {
		if m.authored != authored {
			continue
		}
		if x.op.Spec.Arg(m.name) != nil || x.op.Spec.Arg(kwargsArg) == nil {
			if _, twice := plain[m.name]; twice {
				return Misconfigured(fmt.Errorf("argument %s is given and also mapped over: keep one", m.name))
			}
			out[m.name] = m.value
			continue
		}
		name := strings.TrimPrefix(m.name, kwargsArg+".")
		given, _ := plain[kwargsArg].(map[string]any)
		if _, twice := given[name]; twice {
			return Misconfigured(fmt.Errorf("argument %s is given and also mapped over: keep one", name))
		}
		kwargs, ok := out[kwargsArg].(map[string]any)
		if !ok && out[kwargsArg] != nil {
			return Misconfigured(fmt.Errorf("argument %s is %s, not a dict", kwargsArg, describe(out[kwargsArg])))
		}
		kwargs = maps.Clone(kwargs)
		if kwargs == nil {
			kwargs = map[string]any{}
		}
		kwargs[name] = m.value
		out[kwargsArg] = kwargs
	}
	return nil
}

// complete checks that what the operator needs is there.
func (x *execution) complete(args map[string]any) error {
	for i := range x.op.Spec.Args {
		s := &x.op.Spec.Args[i]
		if !s.Required {
			continue
		}
		if _, ok := args[s.Name]; !ok {
			return Misconfigured(fmt.Errorf("argument %s is missing", s.Name))
		}
	}
	return nil
}

// fill replaces references in v and renders its texts if they are templates. What
// comes from other tasks is never rendered.
func (x *execution) fill(ctx context.Context, v any, templated bool) (any, error) {
	if !hasReference(v) {
		if !templated || !x.rendersTo(v) {
			return v, nil
		}
		return x.render(ctx, v)
	}
	switch v := v.(type) {
	case dag.XComRef:
		return x.output(ctx, v)
	case dag.Derived:
		return x.derived(ctx, v)
	case dag.GroupArg:
		return x.groupArg(ctx, v)
	case []any:
		return x.fillList(ctx, v, templated)
	case map[string]any:
		return x.fillMap(ctx, v, templated)
	case dag.Object:
		if name, ok := dagParam(v); ok {
			return x.param(name)
		}
		args, err := x.fillList(ctx, v.Args, false)
		if err != nil {
			return nil, err
		}
		kwargs, err := x.fillMap(ctx, v.Kwargs, false)
		return dag.Object{Class: v.Class, Args: args, Kwargs: kwargs}, err
	default:
		return v, nil
	}
}

func (x *execution) fillList(ctx context.Context, v []any, templated bool) ([]any, error) {
	out := make([]any, len(v))
	for i, e := range v {
		var err error
		if out[i], err = x.fill(ctx, e, templated); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return out, nil
}

func (x *execution) fillMap(ctx context.Context, v map[string]any, templated bool) (map[string]any, error) {
	out := make(map[string]any, len(v))
	for k, e := range v {
		var err error
		if out[k], err = x.fill(ctx, e, templated); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
	}
	return out, nil
}

// groupArg is the element of the mapped group at the instance's index.
func (x *execution) groupArg(ctx context.Context, g dag.GroupArg) (any, error) {
	if x.group == nil {
		mapped, err := x.mapped(ctx)
		if err != nil {
			return nil, err
		}
		x.group = make(map[string]any, len(mapped))
		for _, m := range mapped {
			x.group[m.name] = m.value
		}
	}
	v, ok := x.group[g.Name]
	if !ok {
		return nil, Misconfigured(fmt.Errorf("the task's group is not mapped over %q", g.Name))
	}
	return v, nil
}

// render renders all texts in v. A template that fails may work at the next try, so
// it is an ordinary failure, as in Airflow.
func (x *execution) render(ctx context.Context, v any) (any, error) {
	if x.a.Templates == nil {
		return nil, Misconfigured(errors.New("it is a template, and templates are not available here"))
	}
	out, err := x.a.Templates.Render(ctx, v)
	if err != nil {
		var c *CauseError
		var f *FatalError
		if errors.As(err, &c) || errors.As(err, &f) || ctx.Err() != nil {
			return nil, err
		}
		return nil, &CauseError{Cause: run.CauseConfig, Err: err}
	}
	return out, nil
}

func hasReference(v any) bool {
	switch v := v.(type) {
	case dag.XComRef, dag.Derived, dag.GroupArg:
		return true
	case []any:
		for _, e := range v {
			if hasReference(e) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if hasReference(e) {
				return true
			}
		}
	case dag.Object:
		if _, ok := dagParam(v); ok {
			return true
		}
		return hasReference(v.Args) || hasReference(v.Kwargs)
	}
	return false
}

// rendersTo says that rendering v may give something else: it has template syntax,
// names a template file, or ends with a newline (of which Jinja drops one). In native
// mode any text may become a number.
func (x *execution) rendersTo(v any) bool {
	switch v := v.(type) {
	case string:
		if x.a.DAG.NativeTemplates || strings.HasSuffix(v, "\n") || strings.ContainsRune(v, '\r') {
			return true
		}
		if hasTemplate(v) {
			return true
		}
		for _, ext := range x.op.Spec.TemplateExt {
			if strings.HasSuffix(v, ext) {
				return true
			}
		}
	case []any:
		for _, e := range v {
			if x.rendersTo(e) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if x.rendersTo(e) {
				return true
			}
		}
	}
	return false
}

// hasTemplate says that a text has template syntax.
func hasTemplate(s string) bool {
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 || i+1 >= len(s) {
			return false
		}
		if c := s[i+1]; c == '{' || c == '%' || c == '#' {
			return true
		}
		s = s[i+1:]
	}
}
