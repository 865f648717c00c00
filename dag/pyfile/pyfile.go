// Package pyfile reads the DAGs of Airflow's Python files: a parser executes a file, and
// what it says is checked as every other DAG is. Executing Python does not belong here.
package pyfile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/python"
)

// Parser executes DAG files; *python.Parser is one.
type Parser interface {
	Parse(ctx context.Context, f python.Parse) (python.Parsed, error)
}

// Config says how files are read.
type Config struct {
	Parser Parser
	// Folder is the absolute path of the folder of DAG files, which modules are imported
	// from; Path are further folders of modules.
	Folder string
	Path   []string
	// Catalog are the operators that there are.
	Catalog *dag.Catalog
	// Compat is the Airflow release, 2 or 3, whose meaning files have; 0 decides for each
	// file by what it imports.
	Compat int
	// Timeout and Memory bound the parsing of a file; 0 are Parser's defaults.
	Timeout time.Duration
	Memory  int64
	// Sources keeps the files that DAGs were read from; nil keeps none, and tasks execute
	// them as they are then.
	Sources *source.Store
	// Settings answers what files ask for while they are parsed; nil has nothing.
	Settings Settings
	// CheckSchedule says what is wrong with a schedule; nil accepts all.
	CheckSchedule func(dag.Schedule) error
	// Strict makes warnings problems.
	Strict bool
	// OnParsed is told what the parser said of a file; nil is nobody.
	OnParsed func(path string, p *python.Parsed)
}

// Settings are the variables and connections that files may read while they are parsed.
type Settings interface {
	Variable(ctx context.Context, key string) (string, error)
	Connection(ctx context.Context, id string) (python.Connection, error)
}

// Loader returns a loader of .py and .zip files that works until ctx ends.
func Loader(ctx context.Context, c Config) bag.Loader { return loader{ctx, c} }

// loader is a bag.Loader, whose contract has no context.
type loader struct {
	ctx context.Context
	c   Config
}

// Accepts implements bag.Loader.
func (l loader) Accepts(p string) bool {
	ext := path.Ext(p)
	return ext == ".py" || ext == ".zip"
}

// maxFile bounds the size of a file, in bytes.
const maxFile = 16 << 20

// MayHaveDAGs says whether Airflow's safe mode would look for DAGs in a file: it has the
// words dag and airflow, in any case. Other files are modules, and no DAG files.
func MayHaveDAGs(src []byte) bool {
	lower := bytes.ToLower(src)
	return bytes.Contains(lower, []byte("dag")) && bytes.Contains(lower, []byte("airflow"))
}

// Load implements bag.Loader.
func (l loader) Load(p string, src []byte) (bag.Loaded, error) {
	file := filepath.FromSlash(p)
	if !filepath.IsAbs(file) {
		file = filepath.Join(l.c.Folder, file)
	}
	if path.Ext(p) == ".py" && !MayHaveDAGs(src) {
		return bag.Loaded{}, nil
	}
	if len(src) > maxFile {
		return bag.Loaded{}, problems(dagfile.Problem{File: file, Message: "the file is larger than 16 MiB", Hint: "split it"})
	}
	asked := &asking{settings: l.c.Settings}
	parsed, err := l.c.Parser.Parse(l.ctx, python.Parse{
		File: file, Folder: l.c.Folder, Path: l.c.Path, Compat: l.c.Compat,
		Timeout: l.c.Timeout, MemoryLimit: l.c.Memory, Handler: asked,
	})
	if err != nil {
		return bag.Loaded{}, problems(dagfile.Problem{
			File: file, Message: "Python cannot be run: " + err.Error(), Hint: "setting python names the interpreter",
		})
	}
	if l.c.OnParsed != nil {
		l.c.OnParsed(p, &parsed)
	}
	a := answer{l.c, file, p, src, &parsed}
	out := bag.Loaded{Files: a.files(), Volatile: asked.anything.Load(), Firm: a.firm()}
	warnings := a.warnings()
	if parsed.Error != nil {
		return out, problems(append(a.error(), l.faults(warnings)...)...)
	}
	dags, faults := a.dags()
	if faults = append(faults, l.faults(warnings)...); len(faults) > 0 {
		return out, problems(faults...)
	}
	warnings = append(warnings, a.keep(l.ctx, dags)...)
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, w)
	}
	out.DAGs = dags
	return out, nil
}

// keep keeps the files of DAGs that call what is in them; a failure is a warning.
func (a *answer) keep(ctx context.Context, dags []*dag.DAG) []dagfile.Problem {
	if a.c.Sources == nil || !slices.ContainsFunc(dags, callsPython) {
		return nil
	}
	roots := append(source.Roots{a.c.Folder}, a.c.Path...)
	if filepath.IsAbs(a.path) { // it is not in the folder of those who run its tasks
		roots = nil
	}
	id, err := a.c.Sources.Save(ctx, roots, append([]string{a.file}, a.files()...))
	if err != nil {
		return []dagfile.Problem{{
			File: a.file, Line: 1, Column: 1, Message: err.Error(), Hint: "its tasks will execute the file as it is then",
		}}
	}
	for _, d := range dags {
		if callsPython(d) {
			d.Source = id
		}
	}
	return nil
}

// faults are the warnings that are problems.
func (l loader) faults(warnings []dagfile.Problem) []dagfile.Problem {
	if l.c.Strict {
		return warnings
	}
	return nil
}

func problems(ps ...dagfile.Problem) error {
	for i := range ps {
		ps[i].Line, ps[i].Column = max(ps[i].Line, 1), max(ps[i].Column, 1)
	}
	return dagfile.Problems(ps)
}

// files are the other files that the answer depends on.
func (a *answer) files() []string {
	files := slices.Clone(a.parsed.Files)
	return slices.DeleteFunc(files, func(f string) bool { return f == a.file || !filepath.IsAbs(f) })
}

var (
	errNoXComs     = errors.New("there are no XComs while a DAG file is parsed: pull them in a task")
	errNoSettings  = errors.New("variables and connections are not available here")
	errNotWritable = errors.New("variables cannot be written while a DAG file is parsed: write them in a task")
)

// asking is a python.Handler that notes whether anything was asked for.
type asking struct {
	settings Settings
	anything atomic.Bool
}

// Variable implements python.Handler.
func (h *asking) Variable(ctx context.Context, key string) (string, error) {
	h.anything.Store(true)
	if h.settings == nil {
		return "", errNoSettings
	}
	return h.settings.Variable(ctx, key)
}

// Connection implements python.Handler.
func (h *asking) Connection(ctx context.Context, id string) (python.Connection, error) {
	h.anything.Store(true)
	if h.settings == nil {
		return python.Connection{}, errNoSettings
	}
	return h.settings.Connection(ctx, id)
}

// SetVariable implements python.Handler.
func (h *asking) SetVariable(context.Context, string, string, string) error { return errNotWritable }

// DeleteVariable implements python.Handler.
func (h *asking) DeleteVariable(context.Context, string) error { return errNotWritable }

// XComPull implements python.Handler.
func (h *asking) XComPull(context.Context, python.XComQuery) ([]python.XCom, error) {
	return nil, errNoXComs
}

// XComPush implements python.Handler.
func (h *asking) XComPush(context.Context, string, json.RawMessage) error { return errNoXComs }
