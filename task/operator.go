package task

// This file is the contract between the runtime and the operators.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
)

// Operator is one kind of task: what it is called and takes, and how one attempt of
// it is executed. It keeps no state between attempts.
type Operator struct {
	Spec dag.OperatorSpec
	// Run executes one attempt. It returns when the work is done or ctx ends, which
	// happens at a time-out, at a cancel and before the worker's own deadline. A nil
	// error is success; Skip, Fatal, Reschedule and Defer make errors that carry
	// another wish; any other error is a failure that may be retried. It must not
	// panic; a panic is reported as a failure of the task.
	Run func(ctx context.Context, a *Attempt) (Result, error)
	// Resumable says that Run may be entered again for the same attempt after its
	// worker died, because all it does is Processes.Exec, which attaches to a
	// process that is still there.
	Resumable bool
}

// Result is what a successful attempt gives.
type Result struct {
	// Value is the return value, pushed as XCom return_value unless nil or the task
	// says otherwise. It is JSON-like, or json.RawMessage in Airflow's tagged form.
	Value any
	// Branch is what a branching operator decided; nil for all others.
	Branch *run.Branch
}

// Attempt is what an operator knows of the attempt it executes, and what it may ask
// for. Its fields are read only.
type Attempt struct {
	Key      run.Attempt
	DAG      *dag.DAG
	Task     *dag.Task
	Run      *run.Run
	Instance *run.Instance
	// Args are the operator's arguments, templates rendered, mapped arguments and
	// XComs filled in; absent ones are absent. Use the Get functions of this package.
	Args map[string]any
	// Log takes what a person should read; Output what a process writes, byte for
	// byte. Both end in the attempt's log, secrets masked.
	Log    *slog.Logger
	Output io.Writer
	// Env makes the AIRFLOW_CTX_* and UPDRAFT_* variables for processes; read only.
	Env func() []string
	// Dir is the folder of the DAG's file; relative paths in arguments start there.
	Dir string
	// Learned is what was found to be enough memory for the task before; see Memory.
	Learned run.Memory
	// peak is the most memory that was told to Used; nil if nobody asks.
	peak *atomic.Int64
	Services
}

// Used notes how much memory a process of the attempt has had at most, in bytes. Those of
// Processes are noted anyway. It may be called concurrently.
func (a *Attempt) Used(memory int64) {
	if a.peak == nil {
		return
	}
	for seen := a.peak.Load(); memory > seen && !a.peak.CompareAndSwap(seen, memory); seen = a.peak.Load() {
	}
}

// measured notes the memory of processes.
type measured struct {
	Processes
	a *Attempt
}

// Exec implements Processes.
func (m measured) Exec(ctx context.Context, c Command) (Exit, error) {
	exit, err := m.Processes.Exec(ctx, c)
	m.a.Used(exit.MaxRSS)
	return exit, err
}

// Memory is what the attempt's processes may use, in bytes: what the task asks for, and more
// after tries that ran out of it; 0 is without bound.
func (a *Attempt) Memory() int64 {
	n := executors.Need{Memory: a.Task.Resources.Memory, Learned: a.Learned}
	if n.Memory == 0 {
		return 0
	}
	if a.Instance != nil {
		n.OOMs = min(a.Instance.OOMFailures, run.OOMRetries)
	}
	return n.MemoryOr(0)
}

// Services is what an installation offers to attempts.
type Services struct {
	XComs     XComs
	Assets    Assets
	Settings  Settings
	Runs      Runs
	Processes Processes
	// Operators finds an operator by its import path, nil if there is none, for those that
	// authors extend in Python.
	Operators func(path string) *Operator
	Python    Python
	Templates Templates
	Mail      Mailer
	Now       func() time.Time
	// Environ is the worker's environment, for processes that inherit it; read only.
	Environ []string
}

// Mailer sends mails. It may be used concurrently.
type Mailer interface {
	// Send sends one mail through the server that a connection (smtp_default) names.
	Send(ctx context.Context, c settings.Connection, m Mail) error
}

// Mail is one mail.
type Mail struct {
	// From is empty for the connection's from_email.
	From        string
	To, CC, BCC []string
	Subject     string
	// Body is HTML unless Plain.
	Body  string
	Plain bool
	// Files are attached; paths are absolute.
	Files   []string
	Headers map[string]string
}

// XComs reads and writes the attempt's XComs.
type XComs interface {
	// Push writes a value under a name, at once.
	Push(ctx context.Context, name string, value any) error
	// Pull returns the values selected, in the order of task and map index; a
	// missing value is left out.
	Pull(ctx context.Context, q Pull) ([]PulledXCom, error)
}

// Pull selects XComs.
type Pull struct {
	// Tasks to pull from; none means the attempt's own task.
	Tasks []string
	// Name is the key; empty means return_value.
	Name string
	// Maps selects indexes; nil selects all.
	Maps []int
	// DAG and Run select another run; empty means the attempt's own.
	DAG, Run string
	// PriorDates also looks at earlier runs of the DAG, newest first.
	PriorDates bool
}

// PulledXCom is one value with where it comes from.
type PulledXCom struct {
	Key   run.Key
	Value json.RawMessage
}

// Assets takes what the attempt says of the assets that it updates.
type Assets interface {
	// Update adds to the asset events that a success of the attempt makes. What was said
	// counts only then.
	Update(u AssetUpdate)
}

// AssetUpdate is what an attempt says of one asset.
type AssetUpdate struct {
	// Asset is an outlet of the task, by URI or name. With Alias it is any asset.
	Asset dag.AssetRef
	// Alias is the asset alias among the outlets for which the asset is updated, too.
	Alias string
	// Extra is the event's: plain JSON. The last one counts, unless there is an Alias:
	// then each that differs makes an event.
	Extra map[string]any
}

// Settings reads connections and variables. What the attempt's DAG may not use is a
// *settings.DeniedError.
type Settings interface {
	// Connection returns a connection by id; the error names it and says where it
	// was looked for. Its secrets are masked in the log from then on.
	Connection(ctx context.Context, id string) (settings.Connection, error)
	// Variable returns a variable's text, or an error that is store.ErrNotFound.
	Variable(ctx context.Context, key string) (string, error)
	SetVariable(ctx context.Context, v settings.Variable) error
	DeleteVariable(ctx context.Context, key string) error
}

// Runs lets sensors look at other runs, and TriggerDagRun make one.
type Runs interface {
	// Find returns a run; store.ErrNotFound if there is none.
	Find(ctx context.Context, id run.ID) (run.Run, error)
	// FindByDate returns the run of a DAG with this logical date.
	FindByDate(ctx context.Context, dagID string, logical time.Time) (run.Run, error)
	// Instances returns the instances of some tasks of a run (none: of all).
	Instances(ctx context.Context, id run.ID, tasks ...string) ([]run.Instance, error)
	// DAG returns a DAG's current version.
	DAG(ctx context.Context, id string) (*dag.DAG, error)
	// Trigger makes a run. ErrRunExists says that it exists; with Reset, it is then
	// cleared instead.
	Trigger(ctx context.Context, t Trigger) (run.Run, error)
}

// Trigger asks for a run.
type Trigger struct {
	DAG string
	// Run is the run id; empty makes one as Airflow does.
	Run         string
	LogicalDate *time.Time
	Conf        json.RawMessage
	Note        string
	Reset       bool
}

// ErrRunExists says that a run with this id or logical date exists.
var ErrRunExists = errors.New("run exists already")

// Processes starts processes for attempts.
type Processes interface {
	// Exec runs a command for an attempt and waits for its end. The process leads a
	// process group of its own; when ctx ends the group gets SIGTERM, and SIGKILL
	// after c.Grace. If a process with the same attempt and name is there from before
	// the worker was restarted, running or ended, Exec attaches to it instead of
	// starting one. The error is about starting; how the process ended is in Exit.
	Exec(ctx context.Context, c Command) (Exit, error)
}

// Command is a process to run.
type Command struct {
	Attempt run.Attempt
	// Name tells several commands of one attempt apart; empty is fine for one.
	Name string
	// Argv is run as it is, without a shell.
	Argv []string
	// Env is the whole environment.
	Env []string
	// Dir is where it runs. With Scratch it is an empty folder instead, with mode 0700, that
	// goes with the process.
	Dir     string
	Scratch bool
	// Stdin is given to the process; nil is the null device.
	Stdin []byte
	// Output takes its standard output and error, as they come.
	Output io.Writer
	// Memory bounds the memory of the process group, in bytes; 0 is no bound.
	Memory int64
	// Grace is the time between SIGTERM and SIGKILL.
	Grace time.Duration
}

// Exit is how a process ended.
type Exit struct {
	// Code is the exit code; -1 when a signal ended it.
	Code int
	// Signal is the signal's name (SIGKILL), or empty.
	Signal string
	// OOM says that it was killed for want of memory.
	OOM bool
	// MaxRSS is the largest resident set seen, in bytes; 0 if unknown.
	MaxRSS int64
	// LastLine is the last line it wrote to its standard output or error.
	LastLine string
	// Left says why what the process had to itself could not be removed.
	Left error `json:"-"`
}

// Err says in one sentence how a process failed, with the cause and the exit code; nil
// when it ended with 0. Memory is the bound it was started with.
func (e Exit) Err(memory int64) error {
	out := &CauseError{Cause: run.CauseTask, ExitCode: e.Code}
	switch {
	case e.OOM:
		out.Cause = run.CauseOOM
		limit := "of the machine"
		if memory > 0 {
			limit = "limit " + byteSize(memory)
		}
		out.Err = fmt.Errorf("killed by %s: out of memory (%s)", cmp.Or(e.Signal, "SIGKILL"), limit)
	case e.Signal != "":
		out.Err = withLine("killed by "+e.Signal, e.LastLine)
	case e.Code != 0:
		out.Err = withLine(fmt.Sprintf("exit code %d", e.Code), e.LastLine)
	default:
		return nil
	}
	return out
}

func withLine(what, line string) error {
	if line = strings.TrimSpace(line); line != "" {
		what += ": " + line
	}
	return errors.New(what)
}

// byteSize is a number of bytes for people: 64 MiB, 1.5 GiB, 1000 bytes.
func byteSize(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size {
			return strconv.FormatFloat(math.Round(float64(n)/float64(u.size)*10)/10, 'f', -1, 64) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// Python runs Python callables.
type Python interface {
	// Call runs one callable for an attempt and returns its value in Airflow's
	// tagged JSON form (nil for None). Exceptions become this package's errors.
	Call(ctx context.Context, a *Attempt, c PythonCall) (json.RawMessage, error)
	// Check runs a callable whose truth matters, as sensors and checks have. Done is
	// the truth of its value or PokeReturnValue; value is what the latter carries,
	// nil otherwise.
	Check(ctx context.Context, a *Attempt, c PythonCall) (done bool, value json.RawMessage, err error)
}

// PythonCall is one call of a Python callable.
type PythonCall struct {
	Callable dag.Callable
	// Args, Kwargs and TemplatesDict are what arguments hold: JSON-like values, Tuple,
	// times, and json.RawMessage in Airflow's tagged form.
	Args          []any
	Kwargs        map[string]any
	TemplatesDict map[string]any
	// Attributes, if not nil, say that Callable is a method (execute, poke) of a task's
	// object: it gets these attributes first, and the method the context alone.
	Attributes map[string]any
	// Responses, when not empty, are HTTP answers: the callable's first argument, as
	// one object, or as a list if Paged.
	Responses []PythonResponse
	Paged     bool
	// Isolated asks for a fresh interpreter; Interpreter names it (ExternalPython).
	Isolated    bool
	Interpreter string
	// Requirements, when not nil, asks for a virtualenv with them.
	Requirements       []string
	SystemSitePackages bool
	// NoContext calls with Args and Kwargs only.
	NoContext bool
	// HideValue keeps the returned value out of the log.
	HideValue bool
	// Env adds to the environment of the call. With BareEnv it is all of the environment
	// of another interpreter.
	Env     []string
	BareEnv bool
	// Globals are set in the callable's module.
	Globals map[string]any
}

// PythonResponse is an HTTP answer for a callable that checks or filters it.
type PythonResponse struct {
	StatusCode  int
	Reason, URL string
	Headers     map[string]string
	Encoding    string
	Body        []byte
}

// Templates renders with the attempt's template context.
type Templates interface {
	// Render renders every text in v, as the runtime does with templated arguments.
	Render(ctx context.Context, v any) (any, error)
}

// SkipError ends an attempt as skipped.
type SkipError struct{ Reason string }

func (e *SkipError) Error() string { return "skipped: " + e.Reason }

// Skip ends the attempt as skipped.
func Skip(format string, args ...any) error { return &SkipError{Reason: fmt.Sprintf(format, args...)} }

// FatalError ends an attempt as failed, retries or not.
type FatalError struct {
	// Cause is what the failure counts as; empty means run.CauseTask.
	Cause run.Cause
	Err   error
}

func (e *FatalError) Error() string { return e.Err.Error() }
func (e *FatalError) Unwrap() error { return e.Err }

// Fatal ends the attempt as failed without further tries.
func Fatal(err error) error { return &FatalError{Err: err} }

// Misconfigured is Fatal for faults of configuration: bad arguments, unknown
// connections. (A template that does not render may do so at the next try: the
// runtime reports it as a failure with cause config that is retried, as Airflow.)
func Misconfigured(err error) error { return &FatalError{Cause: run.CauseConfig, Err: err} }

// CauseError is a failure with a cause and, if a process ended it, an exit code.
type CauseError struct {
	Cause    run.Cause
	ExitCode int
	Err      error
}

func (e *CauseError) Error() string { return e.Err.Error() }
func (e *CauseError) Unwrap() error { return e.Err }

// RescheduleError gives the slot back until a time; the try goes on then.
type RescheduleError struct{ At time.Time }

func (e *RescheduleError) Error() string { return "rescheduled to " + e.At.Format(time.RFC3339) }

// infra marks an error as not the task's fault: a store or service that did not answer.
func infra(err error) error { return &CauseError{Cause: run.CauseInfra, Err: err} }

// Reschedule ends this execution; the same try is executed again at the time given.
func Reschedule(at time.Time) error { return &RescheduleError{At: at} }
