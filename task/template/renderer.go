package template

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/jinja"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/jinja/pytime"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// Config is what renderers work with. An installation gives all of Specs, Runs, Events and Random; what else a
// template sees comes from the attempt: its DAG, task, run, and Services (XComs, Settings, Python, Now). A template
// that needs what is absent fails with a message that says so.
type Config struct {
	// Specs finds what an operator is, nil if it is not known; a dag.Catalog's Lookup does. From it come the endings
	// that make a text a file's name: without Specs, or for an operator that it does not know, no text is one.
	Specs func(operator string) *dag.OperatorSpec
	// Runs lists earlier runs, for the prev_*_success variables. A store is one.
	Runs task.RunLister
	// Events reads the events of assets, for inlet_events. A store does.
	Events task.EventLister
	// BaseURL begins ti.log_url, which is empty without it.
	BaseURL string
	// Hostname is ti.hostname.
	Hostname string
	// Random gives a number from 0 up to but not n, for the random filter, macros.random and macros.uuid.uuid4; it may be
	// called concurrently. math/rand/v2's IntN is one.
	Random func(n int) int
	// Timeout bounds one rendering, with all it asks for; 0 means a minute.
	Timeout time.Duration
	// Limits and MaxOutput (bytes) bound what one text may do; zero means the defaults of package jinja.
	Limits    py.Limits
	MaxOutput int
}

const defaultTimeout = time.Minute

// errTimeout is the cause of a rendering that [Config.Timeout] ended.
var errTimeout = errors.New("rendering took too long")

// New returns what task.Config.Templates takes: it makes the [Renderer] of an attempt.
func New(c Config) func(a *task.Attempt) task.Templates {
	return func(a *task.Attempt) task.Templates { return NewRenderer(c, a) }
}

// Renderer renders the texts of one attempt. It may be used concurrently, but renders one value at a time:
// as in Airflow, what a template changes (params, say) stays changed for the next.
type Renderer struct {
	mu      sync.Mutex
	cfg     Config
	a       *task.Attempt
	clock   *pytime.Clock
	env     *jinja.Environment
	ext     []string
	context scope
	// previous is the last successful run, or nil, once it was looked for.
	previous *run.Run
	looked   bool
}

// NewRenderer makes the renderer of an attempt.
func NewRenderer(c Config, a *task.Attempt) *Renderer {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	r := &Renderer{cfg: c, a: a, clock: &pytime.Clock{Now: a.Now, LoadLocation: dag.LoadLocation}}
	if c.Specs != nil {
		if s := c.Specs(a.Task.Operator); s != nil {
			r.ext = s.TemplateExt
		}
	}
	return r
}

// environment is made when the first text with anything to do comes.
func (r *Renderer) environment() *jinja.Environment {
	if r.env == nil {
		d := r.a.DAG
		r.context = scope{r: r, made: make(map[string]py.Value)}
		r.env = jinja.NewEnvironment(jinja.Config{
			Loader:  r.searchPath(),
			Globals: r.userMacros(d.UserMacros),
			Filters: r.filters(d.UserFilters),
			Native:  d.NativeTemplates,
			Random:  r.cfg.Random, Limits: r.cfg.Limits, MaxOutput: r.cfg.MaxOutput,
		})
	}
	return r.env
}

// searchPath is the DAG's folder and then the author's, which may be relative to it.
func (r *Renderer) searchPath() searchPath {
	out := searchPath{r.a.Dir}
	for _, p := range r.a.DAG.TemplateSearchPath {
		if !filepath.IsAbs(p) {
			p = filepath.Join(r.a.Dir, p)
		}
		out = append(out, p)
	}
	return out
}

// Render implements task.Templates: it renders every text in v, but not the keys of dicts. Values that are
// no texts come as operators take them: a task.Tuple, time.Time, time.Duration; an object of Python's that
// an operator could do nothing with is an error.
func (r *Renderer) Render(ctx context.Context, v any) (any, error) {
	if s, ok := v.(string); ok && r.constant(s) {
		return jinja.PlainText(s), nil
	}
	return r.walk(ctx, v, func(v py.Value) (any, error) {
		if s, ok := v.(string); ok {
			return s, nil
		}
		return toGo(py.NewThread(ctx, r.cfg.Limits), v)
	})
}

// Value is Render with Python's values, as templates see them, in place of Go's.
func (r *Renderer) Value(ctx context.Context, v any) (py.Value, error) {
	return r.walk(ctx, v, func(v py.Value) (any, error) { return v, nil })
}

func (r *Renderer) walk(ctx context.Context, v any, leaf func(py.Value) (any, error)) (any, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.Timeout, errTimeout)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.value(ctx, v, leaf)
}

func (r *Renderer) value(ctx context.Context, v any, leaf func(py.Value) (any, error)) (_ any, err error) {
	switch v := v.(type) {
	case string:
		out, err := r.text(ctx, v)
		if err != nil {
			return nil, err
		}
		return leaf(out)
	case []any:
		return r.values(ctx, v, leaf)
	case task.Tuple:
		out, err := r.values(ctx, v, leaf)
		return task.Tuple(out), err
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if out[k], err = r.value(ctx, v[k], leaf); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *py.List:
		out, err := r.values(ctx, v.Items, leaf)
		return py.NewList(out...), err
	case *py.Dict:
		out := py.NewDict()
		for k, e := range v.All {
			if e, err = r.value(ctx, e, leaf); err != nil {
				return nil, err
			}
			if err = out.Set(k, e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

func (r *Renderer) values(ctx context.Context, v []any, leaf func(py.Value) (any, error)) (_ []any, err error) {
	out := make([]any, len(v))
	for i, e := range v {
		if out[i], err = r.value(ctx, e, leaf); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isFile says that a text names a template file.
func (r *Renderer) isFile(s string) bool {
	return slices.ContainsFunc(r.ext, func(e string) bool { return strings.HasSuffix(s, e) })
}

// constant says that there is nothing to do but to drop a newline. In native mode any text may be a number.
func (r *Renderer) constant(s string) bool {
	return !r.a.DAG.NativeTemplates && !jinja.HasMarkup(s) && !r.isFile(s)
}

// text renders one text, or the file that it names.
func (r *Renderer) text(ctx context.Context, s string) (py.Value, error) {
	if r.constant(s) {
		return jinja.PlainText(s), nil
	}
	var t *jinja.Template
	var err error
	if r.isFile(s) {
		t, err = r.environment().Load(s)
	} else {
		t, err = r.environment().Parse(s)
	}
	var v py.Value
	if err == nil {
		v, err = t.Render(ctx, &r.context)
	}
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%w (%w)", err, context.Cause(ctx))
	}
	return v, err
}
