package task

import "context"

// Rendered is a templated argument as an operator would get it.
type Rendered struct {
	Name  string
	Value any
}

// Render returns the templated arguments of an attempt, in the order of the operator's
// specification, as its operator would get them, and executes nothing. Those that the
// author left out are not among them. Texts have the secrets masked that rendering has
// met: those of connections and of variables with a secret name.
func (r *Runtime) Render(ctx context.Context, w Work) ([]Rendered, error) {
	x := &execution{r: r, w: w}
	if err := x.prepare(ctx); err != nil {
		return nil, err
	}
	x.log.logs = nil // nothing of it is to be kept
	args, err := x.arguments(ctx)
	if err != nil {
		return nil, err
	}
	var out []Rendered
	for _, name := range x.op.Spec.TemplateFields() {
		if v, given := args[name]; given {
			out = append(out, Rendered{name, x.maskAll(v)})
		}
	}
	return out, nil
}

// maskAll masks the secrets in all texts of a value, in a copy.
func (x *execution) maskAll(v any) any {
	switch v := v.(type) {
	case string:
		return x.log.mask(v)
	case []any:
		return x.maskList(v)
	case Tuple:
		return Tuple(x.maskList(v))
	case []string:
		out := make([]string, len(v))
		for i, s := range v {
			out[i] = x.log.mask(s)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = x.maskAll(e)
		}
		return out
	}
	return v
}

func (x *execution) maskList(v []any) []any {
	out := make([]any, len(v))
	for i, e := range v {
		out[i] = x.maskAll(e)
	}
	return out
}
