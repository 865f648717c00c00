package jinja

import (
	"context"
	"errors"
	"fmt"

	"github.com/updraft-dev/updraft/jinja/py"
)

// Loader supplies templates by name.
type Loader interface {
	// Load answers the text of a template. A name it does not have is [ErrNotFound], possibly wrapped in
	// an error whose text says where was looked.
	Load(name string) (string, error)
}

// ErrNotFound is what a [Loader] answers for a name it does not have.
var ErrNotFound = errors.New("template not found")

// NotFoundError is an [ErrNotFound] with the message that the template's author sees.
type NotFoundError struct{ Message string }

func (e *NotFoundError) Error() string { return e.Message }

// Is makes errors.Is(err, ErrNotFound) true.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// Config is what an [Environment] is made of. Everything may be left out.
type Config struct {
	Loader  Loader
	Globals map[string]py.Value    // variables every template sees, imported ones too
	Filters map[string]py.Callable // filters besides the built-in ones; the value is the first argument
	Native  bool                   // templates give values, without a sandbox
	Lax     bool                   // undefined names print as nothing instead of failing
	Random  func(n int) int        // a number below n; without it random is an error
	Limits  py.Limits
	// MaxOutput bounds the text of one rendering in bytes; 0 means 64 MiB.
	MaxOutput int
	// MaxRange bounds range(); 0 means 100,000 unless Native.
	MaxRange int
}

const defaultMaxOutput = 64 << 20

// Environment parses templates that share filters, globals and a loader. It may be used concurrently.
type Environment struct {
	cfg     Config
	globals map[string]py.Value
}

// NewEnvironment makes an environment.
func NewEnvironment(cfg Config) *Environment {
	if cfg.MaxOutput == 0 {
		cfg.MaxOutput = defaultMaxOutput
	}
	if cfg.MaxRange == 0 && !cfg.Native {
		cfg.MaxRange = 100_000
	}
	e := &Environment{cfg: cfg}
	e.globals = builtinGlobals(e)
	for k, v := range cfg.Globals {
		e.globals[k] = v
	}
	return e
}

// Template is a parsed template. It never changes.
type Template struct {
	env    *Environment
	name   string
	body   []stmt
	blocks map[string]*blockStmt
}

// MaxSource is the largest template that is parsed, in bytes.
const MaxSource = 8 << 20

// Parse reads a template from its text.
func (e *Environment) Parse(src string) (*Template, error) { return e.parse("", src) }

func (e *Environment) parse(name, src string) (*Template, error) {
	if len(src) > MaxSource {
		return nil, fmt.Errorf("the template has %d bytes; the limit is %d", len(src), MaxSource)
	}
	toks, fault := lex(src)
	p := &parser{env: e, toks: toks, blocks: map[string]*blockStmt{}}
	body, err := p.body(nil)
	if fault != nil && p.seen == len(toks)-1 {
		err = fault // the parser has met it
	}
	if err == nil && len(p.unknown) > 0 {
		err = p.unknown[0]
	}
	if err != nil {
		return nil, named(err, name)
	}
	t := &Template{env: e, name: name, body: body, blocks: p.blocks}
	if e.cfg.Native {
		fold(t)
	}
	return t, nil
}

func named(err error, name string) error {
	var l *located
	if errors.As(err, &l) && l.name == "" {
		return &located{err: l.err, name: name, line: l.line}
	}
	return err
}

// Load parses the template of a name.
func (e *Environment) Load(name string) (*Template, error) {
	notFound := func(msg string) error { return py.Errorf(classNotFound, "%s", msg) }
	if e.cfg.Loader == nil {
		return nil, py.TypeError("no loader for this environment specified")
	}
	src, err := e.cfg.Loader.Load(name)
	if errors.Is(err, ErrNotFound) {
		var nf *NotFoundError
		if errors.As(err, &nf) {
			return nil, notFound(nf.Message)
		}
		return nil, notFound(name)
	}
	if err != nil {
		return nil, fmt.Errorf("load template %q: %w", name, err)
	}
	return e.parse(name, src)
}

// Vars answers the variables of one rendering. Values may be made when they are first asked for; ctx is
// that of the rendering.
type Vars interface {
	Lookup(ctx context.Context, name string) (v py.Value, ok bool, err error)
}

// MapVars are variables in a map.
type MapVars map[string]py.Value

// Lookup answers m[name].
func (m MapVars) Lookup(_ context.Context, name string) (py.Value, bool, error) {
	v, ok := m[name]
	return v, ok, nil
}

// Render renders the template: text, or with Native whatever value comes out. Errors are Python exceptions
// (see [Exception]) with the line they happened on, or what ctx, a limit or a value of the caller's said.
func (t *Template) Render(ctx context.Context, vars Vars) (py.Value, error) {
	r := newRun(py.NewThread(ctx, t.env.cfg.Limits), t.env, vars)
	f := r.rootFrame(t)
	if err := f.execTemplate(t); err != nil {
		return nil, at(err, t.name, f.line)
	}
	return r.finish()
}

// RenderText is Render for environments that are not Native.
func (t *Template) RenderText(ctx context.Context, vars Vars) (string, error) {
	v, err := t.Render(ctx, vars)
	if err != nil {
		return "", err
	}
	s, ok := py.IsString(v)
	if !ok {
		return "", fmt.Errorf("the template gives a %s, not text", py.TypeOf(v).Name)
	}
	return s, nil
}

// HasMarkup reports whether a text has anything for a template engine to do; a text without is its own
// rendering, but for line ends (see [PlainText]).
func HasMarkup(s string) bool { return nextOpen(s) >= 0 }

// PlainText is the rendering of a text without markup.
func PlainText(s string) string { return normalize(s) }
