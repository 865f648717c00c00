package python

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// ErrLost is the error of a Run whose end is unknown because the parent process
// died under it: an infrastructure failure, not the task's.
var ErrLost = errors.New("the parent process of the Python attempts died")

// ErrClosed is the error of a Run on a closed Runner.
var ErrClosed = errors.New("the Python runner is closed")

// Shim says when callables get Updraft's stand-in for the airflow package.
type Shim string

// The choices.
const (
	// ShimAuto: when Airflow is not installed.
	ShimAuto Shim = "auto"
	// ShimAlways: even then.
	ShimAlways Shim = "always"
	// ShimNever: not at all.
	ShimNever Shim = "never"
)

// Config says how to run Python. The zero value runs python3 from a temporary
// folder.
type Config struct {
	// Python is the interpreter, a path or a name to be looked up; python3 when
	// empty. It must be 3.9 or newer.
	Python string
	// Dir is where the runner's own files and virtualenvs are kept (0700); a
	// temporary folder, removed by Close, when empty.
	Dir string
	// PreImport names modules that the parent imports once for all attempts. They
	// must not start threads, and are not read again when they change.
	PreImport []string
	// Env is the environment of the parent and so of all attempts; nil is ours.
	Env []string
	// Shim is ShimAuto when empty.
	Shim Shim
	// Grace is the time between SIGTERM, or the timeout's exception, and SIGKILL;
	// 5 s when 0.
	Grace time.Duration
	// StartTimeout bounds the start of the interpreter; 30 s when 0.
	StartTimeout time.Duration
	// Stderr takes what the parent itself writes; may be nil.
	Stderr io.Writer

	// strict ends what attempts leave behind, even if it has left their group.
	strict bool
}

func (c Config) withDefaults() Config {
	if c.Python == "" {
		c.Python = "python3"
	}
	if c.Shim == "" {
		c.Shim = ShimAuto
	}
	if c.Grace <= 0 {
		c.Grace = 5 * time.Second
	}
	if c.StartTimeout <= 0 {
		c.StartTimeout = 30 * time.Second
	}
	return c
}

// Runner runs Python callables. Its methods may be called concurrently.
type Runner struct {
	config Config
	dir    string
	folder string
	temp   bool

	mu     sync.Mutex
	parent *parent
	closed bool
}

// Start unpacks the runner's files and starts the parent interpreter. The error
// says what to do when there is no Python, or one too old.
func Start(ctx context.Context, c Config) (*Runner, error) {
	r := &Runner{config: c.withDefaults(), dir: c.Dir}
	if r.dir == "" {
		dir, err := os.MkdirTemp("", "updraft-python-")
		if err != nil {
			return nil, fmt.Errorf("make the folder of the Python runner: %w", err)
		}
		r.dir, r.temp = dir, true
	}
	err := r.start(ctx)
	if err != nil {
		_ = r.removeTemp()
		return nil, err
	}
	return r, nil
}

func (r *Runner) start(ctx context.Context) error {
	folder, err := unpack(r.dir)
	if err != nil {
		return err
	}
	r.folder = folder
	r.parent, err = startParent(ctx, r.config, folder)
	return err
}

// Info describes the interpreter that runs attempts.
type Info struct {
	// Executable is its path, Version as 3.12.1, PID the parent process.
	Executable, Version string
	PID                 int
	// Problems has a sentence for each module of PreImport that failed.
	Problems []string
}

// Info describes the interpreter as last started.
func (r *Runner) Info() Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.parent.hello
	return Info{Executable: h.Executable, Version: h.Version, PID: h.PID, Problems: h.Problems}
}

// Close ends the parent and every attempt under way; those Runs return ErrLost.
func (r *Runner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	r.parent.close()
	return r.removeTemp()
}

func (r *Runner) removeTemp() error {
	if !r.temp {
		return nil
	}
	return os.RemoveAll(r.dir)
}

// alive returns the parent, after starting another one if it died.
func (r *Runner) alive(ctx context.Context) (*parent, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	r.parent.mu.Lock()
	dead := r.parent.dead
	r.parent.mu.Unlock()
	if !dead {
		return r.parent, nil
	}
	next, err := startParent(ctx, r.config, r.folder)
	if err != nil {
		return nil, fmt.Errorf("start the Python runner again: %w", err)
	}
	r.parent = next
	return next, nil
}

func envMap(env []string) map[string]string {
	if len(env) == 0 {
		return nil
	}
	m := make(map[string]string, len(env))
	for _, kv := range env {
		if key, value, ok := strings.Cut(kv, "="); ok && key != "" {
			m[key] = value
		}
	}
	return m
}
