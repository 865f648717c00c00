package python

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/task"
)

// truthy is Python's bool() of a decoded XCom.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case task.Tuple:
		return len(v) > 0
	case time.Duration:
		return v != 0
	case map[string]any:
		class, tagged := v["__classname__"].(string)
		if !tagged {
			return len(v) > 0
		}
		return taggedTruth(class, v["__data__"])
	default:
		return true
	}
}

// taggedTruth is the truth of an object by its class: empty collections and zeros are
// false, everything else is true.
func taggedTruth(class string, data any) bool {
	module, _, _ := strings.Cut(class, ".")
	switch {
	case class == "builtins.set", class == "builtins.frozenset", class == "builtins.tuple", module == "numpy":
		return truthy(data)
	case class == "decimal.Decimal":
		s, _ := data.(string)
		f, err := strconv.ParseFloat(s, 64)
		return err != nil || f != 0
	default:
		return true
	}
}

// includeFiles replaces texts that the author wrote and that end in one of
// templates_exts by the rendered contents of the files they name. Names that came from
// templates or other tasks are left alone.
func includeFiles(ctx context.Context, a *task.Attempt, c *task.PythonCall) error {
	exts, err := task.Get(a, "templates_exts", []string(nil))
	if err != nil || len(exts) == 0 {
		return err
	}
	in := includer{ctx: ctx, a: a, exts: exts}
	in.list(c.Args, a.Task.Args["op_args"], &c.Args)
	in.dict(c.Kwargs, a.Task.Args["op_kwargs"], &c.Kwargs)
	in.dict(c.TemplatesDict, a.Task.Args["templates_dict"], &c.TemplatesDict)
	return in.err
}

// Include is v with the rendered contents of the files that its texts name: those that end
// in one of exts, and are what the author wrote. Authored is v before it was rendered.
func Include(ctx context.Context, a *task.Attempt, exts []string, v, authored any) (any, error) {
	in := includer{ctx: ctx, a: a, exts: exts}
	out := in.value(v, authored)
	return out, in.err
}

type includer struct {
	ctx  context.Context
	a    *task.Attempt
	exts []string
	err  error
}

func (in *includer) value(v, authored any) any {
	switch v := v.(type) {
	case string:
		if v != authored || in.err != nil || !slices.ContainsFunc(in.exts, func(ext string) bool { return strings.HasSuffix(v, ext) }) {
			return v
		}
		out, err := in.a.Templates.Render(in.ctx, `{% include "`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v)+`" %}`)
		if err != nil {
			in.err = fmt.Errorf("template file %s: %w", v, err)
		}
		return out
	case []any:
		in.list(v, authored, &v)
		return v
	case map[string]any:
		in.dict(v, authored, &v)
		return v
	default:
		return v
	}
}

// list sets out to a copy of v with files in place of their names.
func (in *includer) list(v []any, authored any, out *[]any) {
	was, _ := authored.([]any)
	if len(was) != len(v) {
		return
	}
	*out = slices.Clone(v)
	for i := range v {
		(*out)[i] = in.value(v[i], was[i])
	}
}

func (in *includer) dict(v map[string]any, authored any, out *map[string]any) {
	was, _ := authored.(map[string]any)
	if len(was) == 0 {
		return
	}
	*out = make(map[string]any, len(v))
	for k, e := range v {
		(*out)[k] = in.value(e, was[k])
	}
}
