// Package callable runs Python callables for attempts: it says to package python what
// an attempt's call is, with Airflow's context, answers what the callable asks, and
// makes of its end what package task understands. How Python is run does not belong
// here.
package callable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/source"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// Config says where callables run. Only Start is needed.
type Config struct {
	// Start starts the interpreter: at the first call, and again at the next one after
	// an error. Its context lasts longer than the attempt that needs it first.
	Start func(ctx context.Context) (*python.Runner, error)
	// Folder is the folder of all DAG files: see dag.Callable's DAG.
	Folder string
	// Path is put in front of sys.path: the DAG folder, plugins. The folder of the
	// DAG's file comes after it.
	Path []string
	// Venvs is the folder in which virtualenvs are kept, each by what is in it. It is
	// made when needed; empty refuses tasks that want one.
	Venvs string
	// Python is the interpreter that virtualenvs are made with unless the task names
	// another; python3 when empty.
	Python string
	// Runs lists earlier runs, for the prev_*_success variables, and Events reads the
	// events of assets, for inlet_events. A store does both.
	Runs   task.RunLister
	Events task.EventLister
	// Sources has the files that DAGs were read from; nil executes them as they are.
	Sources *source.Store
	// LogLevel of the callables' root logger; INFO when empty.
	LogLevel string
	// Hostname is that of the task instance in the context.
	Hostname string
	// BaseURL begins the task instance's log_url; empty leaves that empty, too.
	BaseURL string
}

// interpreter is what runs the calls.
type interpreter interface {
	Run(ctx context.Context, c python.Call) (python.Result, error)
}

// Runner is a task.PythonRunner. Its methods may be called concurrently.
type Runner struct {
	cfg    Config
	python interpreter
	lazy   *lazy
	venvs  venvs
}

// New returns a runner. Nothing is started yet.
func New(c Config) *Runner {
	if c.Python == "" {
		c.Python = "python3"
	}
	l := newLazy(c.Start)
	return &Runner{cfg: c, python: l, lazy: l, venvs: venvs{dir: c.Venvs, python: c.Python}}
}

// Close ends the interpreter, if it was started, and every call under way; those
// fail as infrastructure does. Later calls fail, too.
func (r *Runner) Close() error { return r.lazy.Close() }

// Call implements task.Python.
func (r *Runner) Call(ctx context.Context, a *task.Attempt, c task.PythonCall) (json.RawMessage, error) {
	res, err := r.call(ctx, a, c, python.ModeTask)
	if err != nil || !res.HasValue {
		return nil, err
	}
	return res.Value, nil
}

// Check implements task.Python.
func (r *Runner) Check(ctx context.Context, a *task.Attempt, c task.PythonCall) (bool, json.RawMessage, error) {
	res, err := r.call(ctx, a, c, python.ModeCheck)
	if err != nil || !res.HasValue {
		return res.Done, nil, err
	}
	return res.Done, res.Value, nil
}

// Callback implements task.PythonRunner.
func (r *Runner) Callback(ctx context.Context, a *task.Attempt, c dag.Callback, end *task.End) error {
	if c.Callable == nil {
		return errors.New("it names no callable")
	}
	call, err := r.describe(a, task.PythonCall{Callable: *c.Callable, Kwargs: c.Args}, end)
	if err != nil {
		return err
	}
	call.Sources = r.sources(ctx, a)
	call.Mode = python.ModeCallback
	before := task.OOMKills()
	res, err := r.python.Run(ctx, call)
	if err != nil {
		return err
	}
	return r.ended(ctx, a, &res, before)
}

func (r *Runner) call(ctx context.Context, a *task.Attempt, c task.PythonCall, mode python.Mode) (python.Result, error) {
	if c.Requirements != nil {
		path, err := r.venvs.find(ctx, a, c)
		if err != nil {
			return python.Result{}, err
		}
		c.Interpreter = path
	}
	call, err := r.describe(a, c, nil)
	if err != nil {
		return python.Result{}, task.Misconfigured(err)
	}
	call.Mode, call.Sources = mode, r.sources(ctx, a)
	before := task.OOMKills()
	res, err := r.run(ctx, a, call)
	a.Used(res.MaxRSS)
	if err != nil {
		return res, err
	}
	if call.Python != "" && res.Outcome == python.OutcomeFail && res.ExitCode == 0 {
		res.ExitCode = 1 // as Airflow, where the interpreter ends with its exception
	}
	if a.Assets != nil {
		for _, u := range res.Assets {
			a.Assets.Update(task.AssetUpdate{Asset: dag.AssetRef{Name: u.Name, URI: u.URI}, Alias: u.Alias, Extra: u.Extra})
		}
	}
	return res, r.ended(ctx, a, &res, before)
}

// run makes the call so that the end of an execution_timeout is one that the callable
// can catch, AirflowTaskTimeout, and any other end of ctx a SIGTERM.
func (r *Runner) run(ctx context.Context, a *task.Attempt, call python.Call) (python.Result, error) {
	if err := ctx.Err(); err != nil {
		return python.Result{}, err
	}
	inner := ctx
	deadline, bounded := ctx.Deadline()
	if bounded && a.Task.ExecutionTimeout > 0 {
		// The deadline is one of the real clock, whatever a.Now says.
		call.Timeout = max(time.Until(deadline), time.Millisecond)
		var cancel context.CancelCauseFunc
		inner, cancel = context.WithCancelCause(context.WithoutCancel(ctx))
		defer cancel(nil)
		stop := context.AfterFunc(ctx, func() {
			if cause := context.Cause(ctx); !errors.Is(cause, task.ErrTimeout) {
				cancel(cause)
			}
		})
		defer stop()
	}
	res, err := r.python.Run(inner, call)
	if err != nil {
		return res, &task.CauseError{Cause: run.CauseInfra, Err: fmt.Errorf("running Python: %w", err)}
	}
	if res.Outcome == python.OutcomeTimeout && bounded && time.Until(deadline) <= 0 {
		<-ctx.Done() // on a busy machine the callable may hear of its end before we do
	}
	return res, nil
}
