package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// Store is what the runtime needs of a store.
type Store interface {
	store.XComs
	// Run, ListRuns and DAG are those of store.Runs and store.Definitions.
	Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error)
	ListRuns(ctx context.Context, f store.RunFilter, p store.Page) (store.RunList, error)
	DAG(ctx context.Context, id string) (store.Definition, error)
}

// Config is what a Runtime works with. Operators and Now are needed; everything else
// may be absent, and what needs it then fails with a message that says so.
type Config struct {
	// Operators finds an operator by its import path; nil if there is none.
	Operators func(path string) *Operator
	Logs      Logs
	Store     Store
	Settings  *settings.Registry
	Processes Processes
	Python    PythonRunner
	// Templates makes the renderer of an attempt; it is called once per attempt, when
	// the first text has to be rendered.
	Templates func(a *Attempt) Templates
	// Trigger makes a run, for TriggerDagRun.
	Trigger func(ctx context.Context, t Trigger) (run.Run, error)
	// Folder is the DAG folder.
	Folder string
	Now    func() time.Time
	// Environ is the worker's environment: what commands start from.
	Environ []string
	// Hostname and Worker name this worker in log headers.
	Hostname, Worker string
	// XComs above InlineXComLimit bytes go to LargeXComs, if both are set.
	InlineXComLimit int
	LargeXComs      LargeXComs
	// MaxMapLength is the longest list that may be mapped over; 0 means Airflow's 1024.
	MaxMapLength int
	// Mail sends the mails of email_on_failure and email_on_retry.
	Mail Mailer
	// HTTP calls the webhooks of callbacks; nil means they fail.
	HTTP *http.Client
	// BaseURL begins the links in mails; empty leaves them out.
	BaseURL string
	// CallbackTimeout bounds callbacks and mails of an attempt; 0 means 5 minutes.
	CallbackTimeout time.Duration
	// Log takes what goes wrong beside the attempt: a log that cannot be written.
	Log *slog.Logger
}

// Work is an attempt to execute.
type Work struct {
	// DAG is Graph's; nil is fine.
	DAG   *dag.DAG
	Graph *dag.Graph
	Run   run.Run
	// Instance is claimed: Token, Try and Start are set.
	Instance run.Instance
	// Resume says that the attempt was running when its worker died, and that the
	// claim was taken over.
	Resume bool
	// Memory is what was found to be enough for the task before; zero if nothing is known.
	Memory run.Memory
}

// ErrTimeout is the cause of an attempt's context that ends because its
// execution_timeout has passed. The other causes are those of package executors; any
// other end counts as a failure of the infrastructure.
var ErrTimeout = errors.New("execution_timeout")

// Runtime executes attempts. It is safe for concurrent use.
type Runtime struct{ cfg Config }

// New returns a runtime.
func New(c Config) *Runtime {
	if c.MaxMapLength == 0 {
		c.MaxMapLength = dag.DefaultMaxMapLength
	}
	if c.CallbackTimeout == 0 {
		c.CallbackTimeout = 5 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Runtime{cfg: c}
}

// Execute runs an attempt to its end and says how it ended. It neither panics nor
// fails: whatever goes wrong is in the report. When ctx ends, the operator is stopped;
// callbacks and the end of the log still happen, bounded by CallbackTimeout.
func (r *Runtime) Execute(ctx context.Context, w Work) (rep run.Report) {
	x := &execution{r: r, w: w}
	defer func() {
		if p := recover(); p != nil {
			rep = run.Report{
				Attempt: w.Instance.Attempt(w.Run.ID), Token: w.Instance.Token, Outcome: run.OutcomeFailed, At: r.cfg.Now(),
				Cause: run.CauseInfra, Reason: oneSentence(fmt.Sprintf("the worker's runtime panicked: %v", p)),
			}
			r.cfg.Log.ErrorContext(ctx, "runtime panicked", "attempt", rep.Attempt.String(), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return x.run(ctx)
}

// execution is one attempt being executed. It is also the attempt's services.
type execution struct {
	r  *Runtime
	w  Work
	op *Operator
	a  Attempt
	// index is the task's place in the graph.
	index int
	log   attemptLog
	// group are the mapped arguments of the task's group, when some were asked for.
	group map[string]any
	// renderer is made when the first text is rendered.
	renderer Templates
	// runEvent is set when a DAG's callbacks are called instead of a task's.
	runEvent *RunEvent
	updates  updates
	// env is made when it is asked for.
	env []string
	// peak is the most memory that one of its processes has had.
	peak atomic.Int64
}

// run executes the attempt.
func (x *execution) run(ctx context.Context) run.Report {
	fault := x.prepare(ctx)
	quiet := fault == nil && (x.op.Spec.Kind == dag.OperatorInert || x.op.Spec.Quiet)
	if !quiet {
		x.header()
	}
	var res Result
	err := fault
	if err == nil {
		res, err = x.work(ctx)
	}
	rep := x.settle(ctx, res, err)
	rep.PeakMemory = x.peak.Load()
	x.finish(ctx, &rep, err, quiet)
	if err := x.log.Close(); err != nil {
		x.r.cfg.Log.ErrorContext(ctx, "log of an attempt is incomplete", "attempt", x.a.Key.String(), "error", err)
	}
	return rep
}

// prepare fills in what the operator will see; its error is a fault of the work itself.
func (x *execution) prepare(ctx context.Context) error {
	w, c := &x.w, &x.r.cfg
	if w.DAG == nil {
		w.DAG = w.Graph.DAG
	}
	x.a = Attempt{
		Key: w.Instance.Attempt(w.Run.ID), DAG: w.DAG, Run: &w.Run, Instance: &w.Instance, Learned: w.Memory,
		Services: Services{XComs: x, Assets: &x.updates, Settings: settingsOf{x}, Runs: runsOf{x}, Processes: c.Processes, Operators: c.Operators, Templates: x, Mail: c.Mail, Now: c.Now, Environ: c.Environ},
	}
	x.a.Env, x.a.peak = x.contextEnv, &x.peak
	if c.Processes != nil {
		x.a.Processes = measured{c.Processes, &x.a}
	}
	if c.Python != nil {
		x.a.Python = c.Python
	}
	x.log = attemptLog{ctx: context.WithoutCancel(ctx), logs: c.Logs, key: x.a.Key, now: c.Now}
	x.a.Log, x.a.Output = slog.New(&x.log), &x.log
	index, ok := w.Graph.Index(w.Instance.Task)
	if !ok {
		x.a.Task = dag.NewTask(w.Instance.Task, "")
		return Misconfigured(fmt.Errorf("task %q is not in this version of DAG %s", w.Instance.Task, w.DAG.ID))
	}
	x.index, x.a.Task = index, w.Graph.Tasks[index]
	if x.op = c.Operators(x.a.Task.Operator); x.op == nil {
		return Misconfigured(fmt.Errorf("operator %s is not known to this worker: update the worker, or use one that `updraft` lists", x.a.Task.Operator))
	}
	if w.Resume && !x.op.Resumable {
		return infra(errors.New("the worker that ran it died, and this operator cannot be resumed"))
	}
	x.a.Dir = x.dir()
	return nil
}

// work does what can fail or take long: arguments, on_execute callbacks, the operator.
func (x *execution) work(ctx context.Context) (Result, error) {
	if d := x.a.Task.ExecutionTimeout; d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, ErrTimeout)
		defer cancel()
	}
	args, err := x.arguments(ctx)
	if err != nil {
		return Result{}, x.ended(ctx, err)
	}
	x.a.Args = args
	if len(x.a.Task.OnExecute) > 0 && !x.w.Resume {
		x.callbacks(ctx, "execute", x.a.Task.OnExecute, nil)
	}
	res, err := x.operate(ctx)
	return res, x.ended(ctx, err)
}

// operate runs the operator; a panic becomes an error.
func (x *execution) operate(ctx context.Context) (res Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			x.a.Log.ErrorContext(ctx, fmt.Sprintf("operator %s panicked: %v\n%s", x.op.Spec.Class, p, debug.Stack()))
			res, err = Result{}, fmt.Errorf("operator %s panicked: %v", x.op.Spec.Class, p)
		}
	}()
	return x.op.Run(ctx, &x.a)
}

// endError is an error of an operator whose context ended: the end is the reason.
type endError struct {
	Err error
	end error
}

func (e *endError) Error() string { return e.Err.Error() }
func (e *endError) Unwrap() error { return e.Err }

// ended wraps an operator's error if its context ended, unless it is a wish (skip,
// reschedule) that the operator could still make.
func (x *execution) ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	var skip *SkipError
	var again *RescheduleError
	if errors.As(err, &skip) || errors.As(err, &again) {
		return err
	}
	return &endError{Err: err, end: context.Cause(ctx)}
}

// Render implements Templates, with a renderer made at the first call.
func (x *execution) Render(ctx context.Context, v any) (any, error) {
	if x.renderer == nil {
		if x.r.cfg.Templates == nil {
			return nil, errors.New("templates are not available here")
		}
		x.renderer = x.r.cfg.Templates(&x.a)
	}
	return x.renderer.Render(ctx, v)
}
