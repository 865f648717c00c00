package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/localexec"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
	"github.com/updraft-dev/updraft/task/smtpmail"
	"github.com/updraft-dev/updraft/task/template"
)

// WorkOptions say what Work does.
type WorkOptions struct {
	// Schedule creates runs by schedule and asset; without it only runs that exist are
	// worked off.
	Schedule bool
	// OnChange is told of every committed batch, in order.
	OnChange func([]run.Batch)
	// OnStore, if set, is told again and again whether the store works: nil if it does.
	OnStore func(error)
	// Grace is how long running tasks may go on when ctx ends, before they are stopped.
	Grace time.Duration
	// has says that the caller has the turn.
	has bool
}

// begin takes the turn, unless the caller has it.
func (i *Installation) begin(ctx context.Context, o WorkOptions) (context.Context, func(), error) {
	if o.has {
		return ctx, func() {}, nil
	}
	return i.turn(ctx, nil)
}

// inlineXComs is the size in bytes from which an XCom is a file of its own instead of a
// part of the database.
const inlineXComs = 64 << 10

// callTimeout bounds the webhooks of callbacks.
const callTimeout = 30 * time.Second

// Work schedules and executes on this machine while body runs, which is called once
// the scheduler is up. When body returns or ctx ends, running tasks are stopped after
// o.Grace; what they did not finish goes on when Work is next called. Only one
// process at a time may work on an installation: the error is ErrBusy otherwise.
func (i *Installation) Work(ctx context.Context, o WorkOptions, body func(context.Context, *tick.Engine) error) (err error) {
	ctx, leave, err := i.begin(ctx, o)
	if err != nil {
		return err
	}
	defer leave()
	if x := i.Config.Text("executor"); x != workers {
		i.Log.Warn("the setting executor is not followed: this process executes all tasks itself; others have tasks sent to them by updraft scheduler", "executor", x)
	}
	host, err := i.openHost(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	py := i.python()
	defer func() { err = errors.Join(err, py.Close()) }()
	var engine *tick.Engine
	rt := i.runtime(host, py, func(ctx context.Context, t task.Trigger) (run.Run, error) {
		return Trigger(ctx, engine, t, "operator")
	})
	caller := i.caller(&engine, i.callWith(rt, host))
	engine, err = i.engine(o, caller, tick.Config{
		Poll: i.Config.Duration("poll_interval"),
		OnSettled: func(a []run.Attempt) {
			if err := host.Forget(a...); err != nil {
				i.Log.Warn("tidying up after attempts", "error", err)
			}
		},
		Open: func(report executors.Report) (executors.Executor, error) {
			return localexec.Open(ctx, localexec.Config{
				Parallelism: i.Config.Int("parallelism"), Report: report,
				Execute: func(ctx context.Context, w executors.Work) run.Report {
					return rt.Execute(ctx, task.Work{Graph: w.Graph, Run: w.Run, Instance: w.Instance, Resume: w.Resume, Memory: w.Memory})
				},
			})
		},
	})
	if err != nil {
		return err
	}
	return i.drive(ctx, o, engine, caller, body)
}

// engine makes an engine; c says what is particular to it.
func (i *Installation) engine(o WorkOptions, calls *tick.Caller, c tick.Config) (*tick.Engine, error) {
	c.Store, c.Now, c.Token, c.Worker, c.Log = i.Store, i.Now, rand.Text, worker(), i.Log
	c.Schedule, c.OnStore = o.Schedule, o.OnStore
	c.OnChange = func(b []run.Batch) {
		calls.See(b)
		if o.OnChange != nil {
			o.OnChange(b)
		}
	}
	return tick.New(c)
}

// drive runs an engine while body runs, and then until the callbacks of DAGs were called.
// The lock of the installation is held.
func (i *Installation) drive(ctx context.Context, o WorkOptions, engine *tick.Engine, calls *tick.Caller, body func(context.Context, *tick.Engine) error) error {
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(base) }()
	select {
	case <-engine.Ready():
	case err := <-ended:
		return err
	}
	deaf, err := i.hear(ctx, engine)
	if err == nil {
		defer deaf()
		hush := callWhile(ctx, calls)
		defer hush()
		err = body(ctx, engine)
		// An error only says that ctx ends: what was not called is called the next time.
		_ = calls.Idle(ctx)
		hush()
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Grace)
	defer cancel()
	err = errors.Join(err, engine.Close(grace))
	stop()
	return errors.Join(err, <-ended)
}

// running are the attempts that are claimed, as stored.
func (i *Installation) running(ctx context.Context) (out []run.Attempt, err error) {
	s := scheduler.NewSnapshot()
	if err := i.Loader.Active(ctx, s); err != nil {
		return nil, err
	}
	for _, v := range s.Unfinished() {
		for _, in := range v.Instances() {
			if in.State == run.Running || in.State == run.Restarting {
				out = append(out, in.Attempt(v.Run.ID))
			}
		}
	}
	return out, nil
}

// python runs Python callables; the interpreter is started by the first of them.
func (i *Installation) python() *callable.Runner {
	dir := filepath.Join(i.Config.Home, "python")
	return callable.New(callable.Config{
		Start: func(ctx context.Context) (*python.Runner, error) {
			return python.Start(ctx, python.Config{Python: i.Config.Text("python"), Dir: dir, Env: i.Environ})
		},
		Folder: i.Config.Text("dags"), Path: append([]string{i.Config.Text("dags")}, i.modulePath()...), Venvs: filepath.Join(dir, "venvs"), Python: i.Config.Text("python"),
		Hostname: hostname(), BaseURL: i.Config.Text("base_url"), Runs: i.Store, Events: i.Store, Sources: i.sources(),
	})
}

// runtime is what executes attempts.
func (i *Installation) runtime(host task.Processes, py task.PythonRunner, trigger func(context.Context, task.Trigger) (run.Run, error)) *task.Runtime {
	c := i.taskConfig()
	c.Processes, c.Python, c.Trigger = host, py, trigger
	return task.New(c)
}

// taskConfig is what a runtime works with, but for that which executes anything.
func (i *Installation) taskConfig() task.Config {
	return task.Config{
		Operators: i.Drivers.Operators.Lookup, Store: i.Store, Settings: i.Settings,
		Logs: i.Logs, LargeXComs: i.XComs, InlineXComLimit: inlineXComs,
		Templates: template.New(template.Config{
			Specs: i.Catalog.Lookup, Runs: i.Store, Events: i.Store, BaseURL: i.Config.Text("base_url"), Hostname: hostname(), Random: mathrand.IntN,
		}),
		Folder: i.Config.Text("dags"), Now: i.Now, Environ: i.Environ, Hostname: hostname(), Worker: worker(),
		Mail: smtpmail.Sender{Now: i.Now}, HTTP: &http.Client{Timeout: callTimeout}, BaseURL: i.Config.Text("base_url"), Log: i.Log,
	}
}

// Trigger makes a run in a working engine; by says who asks.
func Trigger(ctx context.Context, e *tick.Engine, t task.Trigger, by string) (r run.Run, err error) {
	err = e.Do(ctx, func(ctx context.Context, ed *tick.Edit) (err error) {
		r, err = ed.Trigger(ctx, t, by, Suffix)
		return err
	})
	return r, err
}

// Trigger makes a run in the store: the process that works on the installation, if
// there is one, notices it.
func (i *Installation) Trigger(ctx context.Context, t task.Trigger, by string) (r run.Run, err error) {
	err = tick.ApplyEdit(ctx, i.Loader, i.Now, func(ctx context.Context, ed *tick.Edit) (err error) {
		r, err = ed.Trigger(ctx, t, by, Suffix)
		return err
	})
	if err == nil {
		i.Wake()
	}
	return r, err
}

// Suffix tells apart runs that have no logical date: eight random letters.
func Suffix() string { return rand.Text()[:8] }

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

func worker() string { return fmt.Sprintf("%s:%d", hostname(), os.Getpid()) }
