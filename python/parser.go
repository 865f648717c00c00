package python

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// Defaults and bounds of Parser.
const (
	// DefaultParseTimeout is Airflow's dagbag_import_timeout.
	DefaultParseTimeout = 30 * time.Second
	// DefaultParseMemory bounds the data of one parse process, in bytes.
	DefaultParseMemory = 1 << 30
	// parseGrace is how long a file may take to end after its time is over.
	parseGrace = 2 * time.Second
	// maxParsed bounds what a file answers, in bytes.
	maxParsed = 64 << 20
)

// ParserConfig says how DAG files are parsed. The zero value uses python3 from a
// temporary folder, and no environment.
type ParserConfig struct {
	// Python and Dir are those of Config.
	Python, Dir string
	// Environ is the environment to choose from (KEY=VALUE): files see what is needed to
	// find programs and modules, and what Keep names, so that no secret is among it.
	Environ []string
	Keep    []string
	// Stderr takes what the parent itself writes; may be nil.
	Stderr io.Writer
}

// Parser executes DAG files, each in a process of its own, and says which DAGs they
// make. The interpreter is started by the first file. Its methods may be called
// concurrently.
type Parser struct {
	config Config
	// alone is held by a file that is parsed again after the interpreter died: if it is
	// this file that ends it, no other one is hurt.
	alone sync.RWMutex

	mu     sync.Mutex
	runner *Runner
	closed bool
}

// NewParser returns a parser. Nothing is started yet.
func NewParser(c ParserConfig) *Parser {
	return &Parser{config: Config{
		Python: c.Python, Dir: c.Dir, Env: harmless(c.Environ, c.Keep), Shim: ShimAlways, Grace: parseGrace, Stderr: c.Stderr,
		PreImport: []string{"updraft_runner.parsing"}, strict: true,
	}}
}

// harmless are the variables of an environment that a DAG file may see.
func harmless(environ, keep []string) []string {
	names := slices.Concat(keep, []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
		"PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED", "PYENV_ROOT", "PYENV_VERSION", "VIRTUAL_ENV", "CONDA_PREFIX",
		"AIRFLOW_HOME", "AIRFLOW__CORE__DAGS_FOLDER", "UPDRAFT_HOME",
	})
	out := []string{}
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(names, name) || strings.HasPrefix(name, "LC_") {
			out = append(out, kv)
		}
	}
	return out
}

// Parse is one file to parse.
type Parse struct {
	// File is the absolute path of a .py or .zip, and Folder that of all DAG files.
	File, Folder string
	// Path is put in front of sys.path, after Folder: plugins.
	Path []string
	// Compat is the Airflow release, 2 or 3, whose meaning the file has; 0 decides by what
	// it imports.
	Compat int
	// Timeout and MemoryLimit bound the process; 0 are the defaults.
	Timeout     time.Duration
	MemoryLimit int64
	// Handler answers what the file asks while it is parsed; nil answers with an error.
	Handler Handler
}

// Parsed is what a file says.
type Parsed struct {
	// DAGs are in the form of dag.Encode; none if there is an Error.
	DAGs     []json.RawMessage `json:"dags"`
	Error    *ParseError       `json:"error"`
	Warnings []ParseWarning    `json:"warnings"`
	// Files are the absolute paths of the local modules it imported and the files it read.
	Files []string `json:"files"`
	// Compat is the Airflow release whose meaning was used.
	Compat int `json:"compat"`
	// Output is the end of what the file printed.
	Output string `json:"-"`
}

// ParseError is why a file cannot be used: what it raised, or how its process ended.
type ParseError struct {
	// Type is the class of the exception; empty if the process ended without one.
	Type    string `json:"type"`
	Message string `json:"message"`
	// File and Line are the place, in the file itself or a module it imports.
	File      string `json:"file"`
	Line      int    `json:"line"`
	Traceback string `json:"traceback"`
	// Missing are the names that Updraft does not have.
	Missing []MissingName `json:"missing"`
}

// Error implements error.
func (e *ParseError) Error() string {
	if e.Type == "" {
		return e.Message
	}
	return e.Type + ": " + e.Message
}

// MissingName is a name of Airflow's that Updraft does not have.
type MissingName struct {
	Name string `json:"name"`
	// Package is the pip package that has it; may be empty.
	Package string `json:"package"`
	// Instead is what Updraft has in its place, if the name says so by itself; may be empty.
	Instead string `json:"instead"`
}

// ParseWarning is a warning that the file caused.
type ParseWarning struct {
	Category string `json:"category"`
	Message  string `json:"message"`
	Line     int    `json:"line"`
}

// parseFrame is the part of a call that asks for a file.
type parseFrame struct {
	File   string `json:"file"`
	Folder string `json:"folder"`
	Compat int    `json:"compat,omitempty"`
	Limit  int    `json:"limit"`
}

// Parse executes a file and waits for its answer. Whatever the file does is an Error of
// what is Parsed; the error is about Python itself, or ctx.
func (p *Parser) Parse(ctx context.Context, f Parse) (Parsed, error) {
	p.alone.RLock()
	out, err := p.parse(ctx, f)
	p.alone.RUnlock()
	if !errors.Is(err, ErrLost) || ctx.Err() != nil {
		return out, err
	}
	p.alone.Lock()
	defer p.alone.Unlock()
	out, err = p.parse(ctx, f)
	if errors.Is(err, ErrLost) {
		out.Error, err = &ParseError{Message: "the file ended the process that starts all parse processes"}, nil
	}
	return out, err
}

func (p *Parser) parse(ctx context.Context, f Parse) (Parsed, error) {
	r, err := p.start(ctx)
	if err != nil {
		return Parsed{}, err
	}
	printed := new(tail)
	timeout := cmp.Or(f.Timeout, DefaultParseTimeout)
	res, err := r.Run(ctx, Call{
		parse: &parseFrame{File: f.File, Folder: f.Folder, Compat: f.Compat, Limit: maxParsed},
		Path:  slices.Concat([]string{f.Folder}, f.Path), Dir: f.Folder, Output: printed, HideValue: true,
		MemoryLimit: cmp.Or(f.MemoryLimit, DefaultParseMemory), Timeout: timeout, Handler: f.Handler,
	})
	if err != nil {
		return Parsed{}, err
	}
	if ctx.Err() != nil {
		return Parsed{}, ctx.Err()
	}
	out := Parsed{Output: printed.String()}
	switch {
	case res.HasValue && len(res.Value) > maxParsed:
		out.Error = &ParseError{Message: fmt.Sprintf("the DAGs of the file take %d bytes: more than %d", len(res.Value), maxParsed)}
	case res.HasValue:
		if err := json.Unmarshal(res.Value, &out); err != nil {
			out = Parsed{Output: out.Output, Error: &ParseError{Message: "what the parse process answered is not understood: " + err.Error()}}
		}
	default:
		out.Error = ended(&res, timeout)
	}
	if e := out.Error; e != nil {
		out.DAGs = nil
		if strings.HasPrefix(e.Message, "Timeout, PID: ") { // told to the file itself, which says where it was
			e.Message = overdue(timeout)
		}
	}
	return out, nil
}

func overdue(timeout time.Duration) string {
	return fmt.Sprintf("the file was not parsed within %v (dagbag_import_timeout): do at run time what takes long", timeout)
}

// ended is the error of a process that gave no answer.
func ended(res *Result, timeout time.Duration) *ParseError {
	e := &ParseError{Type: res.ErrType, Message: res.ErrMessage, Traceback: res.Traceback}
	switch {
	case res.Outcome == OutcomeTimeout:
		e.Type = "AirflowTaskTimeout"
		e.Message = overdue(timeout)
	case res.OutOfMemory():
		e.Message = "the file needs more memory than it may have (dagbag_import_memory)"
	case e.Type == "" && res.Outcome == OutcomeFail && res.Signal == "":
		e.Message = fmt.Sprintf("the file ended its process with code %d: it must not call exit", res.ExitCode)
	}
	return e
}

// start returns the runner that parses, after starting it if this is the first file.
func (p *Parser) start(ctx context.Context) (*Runner, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if p.runner == nil {
		r, err := Start(ctx, p.config)
		if err != nil {
			return nil, err
		}
		p.runner = r
	}
	return p.runner, nil
}

// Close ends the interpreter, if it was started, and every file under way.
func (p *Parser) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.runner == nil {
		return nil
	}
	return p.runner.Close()
}
