package python

import (
	"encoding/json"
	"io"
	"time"
)

// Callable names what to run: exactly one of Path, File with Name, and Lambda. With
// DAG, Name is an attribute of what executing File makes: of the task Task of the DAG,
// or of the DAG itself.
type Callable struct {
	// Path is an import path: package.module.function.
	Path string `json:"path,omitempty"`
	// File is an absolute path; its module is loaded anew by each attempt.
	File string `json:"file,omitempty"`
	// Name is the function in File.
	Name string `json:"name,omitempty"`
	// Lambda is the source of a lambda expression.
	Lambda string `json:"lambda,omitempty"`
	// DAG and Task are ids: see dag.Callable.
	DAG  string `json:"dag,omitempty"`
	Task string `json:"task,omitempty"`
}

// Mode is how the callable is called and what its value means.
type Mode string

// The modes.
const (
	// ModeTask calls it with arguments and context; its value is the result's.
	ModeTask Mode = "task"
	// ModeCheck is ModeTask for sensors and checks: Result.Done is the truth of the
	// value, and only a PokeReturnValue has a value of its own.
	ModeCheck Mode = "check"
	// ModeCallback calls it with the context as its one argument and Kwargs; a
	// class is made with Kwargs first (a notifier). It has no value.
	ModeCallback Mode = "callback"
)

// Response is an HTTP answer for a callable that checks or filters it.
type Response struct {
	StatusCode int               `json:"status_code"`
	Reason     string            `json:"reason,omitempty"`
	URL        string            `json:"url,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Cookies    map[string]string `json:"cookies,omitempty"`
	Encoding   string            `json:"encoding,omitempty"`
	Body       []byte            `json:"body,omitempty"`
}

// Call is one attempt's call.
type Call struct {
	Callable Callable
	// Mode is ModeTask when empty.
	Mode Mode
	// Args, Kwargs and TemplatesDict are JSON values; Airflow's tagged form
	// (__classname__, __version__, __data__) becomes the Python value again.
	Args          []any
	Kwargs        map[string]any
	TemplatesDict map[string]any
	// Attributes, if not nil, say that the callable is a method (execute, poke) of a
	// task's object: it gets these attributes first, as Args, and the method is called
	// with the context alone.
	Attributes map[string]any
	// Context is Airflow's context as JSON. Its objects are "ti" (task_id, dag_id,
	// run_id, map_index, try_number, max_tries, ...), "dag_run" (run_id,
	// logical_date, data_interval_start, data_interval_end, run_after, conf, ...),
	// "dag" and "task"; their members become attributes, dates in RFC 3339 become
	// datetimes. Anything else is passed as it is. What follows from these (ds, ts,
	// ti's dag_run, ...) and var, conn and macros are added.
	Context map[string]any
	// NoContext calls with Args and Kwargs only.
	NoContext bool
	// Response, or Responses of a paged request, is the first argument.
	Response  *Response
	Responses []Response
	// Env adds KEY=VALUE to the environment; Dir is the working directory.
	Env []string
	Dir string
	// Path is put in front of sys.path: the DAG folder, plugins.
	Path []string
	// Output takes everything that the process and its own children write. A
	// *os.File is handed to the process as it is; nil discards.
	Output io.Writer
	// LogLevel of the root logger; INFO when empty.
	LogLevel string
	// Isolated runs a fresh interpreter; Python another one (a path).
	Isolated bool
	Python   string
	// BareEnv starts another interpreter with Env alone as its environment.
	BareEnv bool
	// Sources are files of the author's as they were: by their paths, the files that have
	// their contents. Modules among them are loaded from these.
	Sources map[string]string
	// Globals are set in the module of the callable before it is called.
	Globals map[string]any
	// MemoryLimit bounds the process's data in bytes: beyond it allocations fail
	// with MemoryError. 0 is no bound; macOS does not hold to it.
	MemoryLimit int64
	// Timeout, counted from the start of the process, raises AirflowTaskTimeout in
	// the callable; what still runs after the runner's grace is killed. 0 is none.
	Timeout time.Duration
	// MultipleOutputs pushes each item of the returned dict as an XCom, too.
	MultipleOutputs bool
	// OptionalValue leaves out a returned value that no XCom can hold; otherwise the
	// call fails then.
	OptionalValue bool
	// HideValue keeps the returned value out of the log.
	HideValue bool
	// Handler answers the callable's questions; nil answers each with an error.
	Handler Handler

	// parse asks for the DAGs of a file, in place of Callable.
	parse *parseFrame
}

// Outcome is how a call ended.
type Outcome string

// The outcomes.
const (
	// OutcomeSuccess: the callable returned.
	OutcomeSuccess Outcome = "success"
	// OutcomeSkip: it raised AirflowSkipException.
	OutcomeSkip Outcome = "skip"
	// OutcomeFail: it raised anything else, or its process ended by itself.
	OutcomeFail Outcome = "fail"
	// OutcomeFailNoRetry: it raised AirflowFailException.
	OutcomeFailNoRetry Outcome = "fail_no_retry"
	// OutcomeDenied: it asked for what its DAG may not use; see DeniedError.
	OutcomeDenied Outcome = "denied"
	// OutcomeReschedule: it raised AirflowRescheduleException; see RescheduleAt.
	OutcomeReschedule Outcome = "reschedule"
	// OutcomeSensorTimeout: it raised AirflowSensorTimeout, which is not retried.
	OutcomeSensorTimeout Outcome = "sensor_timeout"
	// OutcomeTimeout: Call.Timeout passed, or it raised AirflowTaskTimeout.
	OutcomeTimeout Outcome = "timeout"
	// OutcomeKilled: SIGTERM or SIGKILL ended it, ours (the context ended) or
	// another's (the kernel, for want of memory).
	OutcomeKilled Outcome = "killed"
)

// Result is how a call ended, and with what.
type Result struct {
	Outcome Outcome
	// Value is what the callable returned, in Airflow's tagged JSON form. HasValue
	// is false for None, for no success and for a value left out (OptionalValue).
	Value    json.RawMessage
	HasValue bool
	// Done is the truth of a check's value.
	Done bool
	// Assets are what a callable that returned said of assets.
	Assets []AssetUpdate
	// RescheduleAt is set with OutcomeReschedule.
	RescheduleAt time.Time
	// ErrType is the dotted name of the exception's class, ErrMessage its text and
	// Traceback the whole, without our own frames. The log has it as well.
	ErrType, ErrMessage, Traceback string
	// ExitCode is that of sys.exit if the callable called it, or else of the process;
	// -1 when Signal (SIGSEGV, ...) ended it.
	ExitCode int
	Signal   string
	// MaxRSS is the largest resident set of the process, in bytes.
	MaxRSS int64
}

// OutOfMemory says that the call failed because it reached its MemoryLimit.
func (r *Result) OutOfMemory() bool { return r.Outcome == OutcomeFail && r.ErrType == "MemoryError" }

// callFrame is the first frame to an attempt.
type callFrame struct {
	Callable        Callable          `json:"callable"`
	Parse           *parseFrame       `json:"parse,omitempty"`
	Mode            Mode              `json:"mode,omitempty"`
	Args            []any             `json:"args,omitempty"`
	Kwargs          map[string]any    `json:"kwargs,omitempty"`
	TemplatesDict   map[string]any    `json:"templates_dict,omitempty"`
	Attributes      map[string]any    `json:"attributes,omitzero"`
	Context         map[string]any    `json:"context,omitempty"`
	NoContext       bool              `json:"no_context,omitempty"`
	Responses       []Response        `json:"responses,omitempty"`
	Paged           bool              `json:"paged,omitempty"`
	Env             map[string]string `json:"env,omitempty"`
	Globals         map[string]any    `json:"globals,omitempty"`
	Sources         map[string]string `json:"sources,omitempty"`
	Dir             string            `json:"dir,omitempty"`
	Path            []string          `json:"path,omitempty"`
	LogLevel        string            `json:"log_level,omitempty"`
	MemoryLimit     int64             `json:"memory_limit,omitempty"`
	Timeout         float64           `json:"timeout,omitempty"`
	MultipleOutputs bool              `json:"multiple_outputs,omitempty"`
	OptionalValue   bool              `json:"optional_value,omitempty"`
	HideValue       bool              `json:"hide_value,omitempty"`
}

func (c *Call) frame() callFrame {
	f := callFrame{
		Callable: c.Callable, Mode: c.Mode, Args: c.Args, Kwargs: c.Kwargs,
		TemplatesDict: c.TemplatesDict, Attributes: c.Attributes, Context: c.Context, NoContext: c.NoContext, Parse: c.parse,
		Responses: c.Responses, Paged: c.Responses != nil,
		Env: envMap(c.Env), Globals: c.Globals, Sources: c.Sources, Dir: c.Dir, Path: c.Path, LogLevel: c.LogLevel,
		MemoryLimit: c.MemoryLimit, Timeout: c.Timeout.Seconds(),
		MultipleOutputs: c.MultipleOutputs, OptionalValue: c.OptionalValue, HideValue: c.HideValue,
	}
	if c.Response != nil {
		f.Responses, f.Paged = []Response{*c.Response}, false
	}
	return f
}

// attemptFrame is any frame from an attempt: a question, or its result.
type attemptFrame struct {
	Op string `json:"op"`

	// The result.
	Outcome      Outcome         `json:"outcome"`
	Value        json.RawMessage `json:"value"`
	Done         bool            `json:"done"`
	Assets       []AssetUpdate   `json:"assets"`
	ErrType      string          `json:"err_type"`
	ErrMessage   string          `json:"err_message"`
	Traceback    string          `json:"traceback"`
	RescheduleAt time.Time       `json:"reschedule_at"`
	ExitCode     int             `json:"exit_code"`

	// Questions.
	Key         string   `json:"key"`
	ConnID      string   `json:"conn_id"`
	Description string   `json:"description"`
	TaskIDs     []string `json:"task_ids"`
	DAGID       string   `json:"dag_id"`
	RunID       string   `json:"run_id"`
	MapIndexes  []int    `json:"map_indexes"`
	PriorDates  bool     `json:"include_prior_dates"`
}

func (f *attemptFrame) result() Result {
	r := Result{
		Outcome: f.Outcome, Done: f.Done, Assets: f.Assets, RescheduleAt: f.RescheduleAt,
		ErrType: f.ErrType, ErrMessage: f.ErrMessage, Traceback: f.Traceback, ExitCode: f.ExitCode,
	}
	if f.Outcome == OutcomeSuccess && len(f.Value) > 0 && string(f.Value) != "null" {
		r.Value, r.HasValue = f.Value, true
	}
	return r
}
