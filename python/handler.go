package python

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// ErrNotFound is what a Handler's error is when there is no such variable or
// connection. The callable then sees Airflow's exception for it, or its default.
var ErrNotFound = errors.New("not found")

// DeniedError is what a Handler's error is when the callable's DAG may not use what was asked
// for. The callable then sees PermissionDenied, an AirflowRuntimeError; one that does not
// catch it ends with OutcomeDenied.
type DeniedError struct{ Err error }

func (e *DeniedError) Error() string { return e.Err.Error() }

// Unwrap returns what was refused.
func (e *DeniedError) Unwrap() error { return e.Err }

// Handler answers what a running callable asks. Its methods are called one after
// another for one call, concurrently for several; an error other than ErrNotFound
// and DeniedError becomes an AirflowRuntimeError in the callable.
type Handler interface {
	// XComPush stores a value, in Airflow's tagged JSON form, under a key of the
	// call's own task instance.
	XComPush(ctx context.Context, key string, value json.RawMessage) error
	// XComPull returns the values found, ordered by task as asked, then map index.
	XComPull(ctx context.Context, q XComQuery) ([]XCom, error)
	// Variable returns a variable's text.
	Variable(ctx context.Context, key string) (string, error)
	// SetVariable writes a variable.
	SetVariable(ctx context.Context, key, value, description string) error
	// DeleteVariable removes a variable.
	DeleteVariable(ctx context.Context, key string) error
	// Connection returns a connection. Its secrets should be masked in the log
	// from then on.
	Connection(ctx context.Context, id string) (Connection, error)
}

// Templater is what a Handler may be, too: it renders the templates that authors'
// operators and notifiers ask for by themselves.
type Templater interface {
	// Render renders a value in Airflow's tagged JSON form as an argument of the task.
	Render(ctx context.Context, value json.RawMessage) (json.RawMessage, error)
}

// Watcher is what a Handler may be, too: it tells callables how the tasks of a run stand,
// as those ask that end a pipeline with a summary.
type Watcher interface {
	// Instances returns the task instances of a run; ErrNotFound if there is no such run.
	Instances(ctx context.Context, dagID, runID string) ([]Instance, error)
}

// AssetReader is what a Handler may be, too: it tells of the updates of assets.
type AssetReader interface {
	// AssetEvents returns the events of an asset, oldest first.
	AssetEvents(ctx context.Context, q AssetQuery) ([]AssetEvent, error)
}

// Operator is what a Handler may be, too: it does what operators do that are not written in
// Python, for authors who extend them.
type Operator interface {
	// Operate runs an operator as part of the attempt. How it ended is in the answer; the
	// error is about what cannot be run.
	Operate(ctx context.Context, o Operation) (Operated, error)
}

// Operation is an operator to run.
type Operation struct {
	Class string `json:"class"`
	// Args are in the JSON form of DAGs.
	Args dag.Values `json:"args"`
	// Once has a sensor look once.
	Once bool `json:"once"`
}

// Operated is how an operator ended.
type Operated struct {
	// Value is in Airflow's tagged JSON form; nil if there is none.
	Value json.RawMessage `json:"value,omitempty"`
	// Done is whether a sensor that looked once has seen what it waits for.
	Done bool `json:"done"`
	// Outcome is empty for a success, or else skip, fatal, timeout, reschedule (At) or fail;
	// Reason says more.
	Outcome string     `json:"outcome,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	At      *time.Time `json:"at,omitempty"`
}

// Historian is what a Handler may be, too: it knows the run before.
type Historian interface {
	// PreviousSuccess returns the last run that succeeded before the attempt's; all of its
	// dates are nil if there is none.
	PreviousSuccess(ctx context.Context) (PreviousRun, error)
}

// Triggerer is what a Handler may be, too: it makes runs for authors who extend
// TriggerDagRunOperator, and tells how they are.
type Triggerer interface {
	// Trigger makes a run, or says that it exists; with Reset it is then cleared.
	Trigger(ctx context.Context, t Trigger) (Triggered, error)
	// RunState returns the state of a run; ErrNotFound if there is no such run.
	RunState(ctx context.Context, dagID, runID string) (string, error)
}

// Trigger asks for a run.
type Trigger struct {
	DAGID string `json:"dag_id"`
	// RunID is made from the date if it is empty.
	RunID       string          `json:"run_id"`
	LogicalDate *time.Time      `json:"logical_date"`
	Conf        json.RawMessage `json:"conf"`
	Note        string          `json:"note"`
	Reset       bool            `json:"reset"`
}

// Triggered is the run that was made, or that was there.
type Triggered struct {
	RunID  string `json:"run_id"`
	Exists bool   `json:"exists"`
}

// Instance is a task instance as callables see it. What has not been yet is nil.
type Instance struct {
	TaskID    string     `json:"task_id"`
	MapIndex  int        `json:"map_index"`
	State     *string    `json:"state"`
	TryNumber int        `json:"try_number"`
	MaxTries  int        `json:"max_tries"`
	StartDate *time.Time `json:"start_date"`
	EndDate   *time.Time `json:"end_date"`
	// Duration is in seconds.
	Duration *float64 `json:"duration"`
	LogURL   string   `json:"log_url"`
}

// AssetQuery selects events of one asset, or of the assets updated for an alias.
type AssetQuery struct {
	Name  string `json:"name"`
	URI   string `json:"uri"`
	Alias string `json:"alias"`
	// After and Before bound the time; nil is no bound.
	After  *time.Time `json:"after"`
	Before *time.Time `json:"before"`
}

// AssetEvent is an update of an asset as callables see it. What did not come from a task
// has no source.
type AssetEvent struct {
	ID        int64          `json:"id"`
	Name      string         `json:"name"`
	URI       string         `json:"uri"`
	Timestamp time.Time      `json:"timestamp"`
	Extra     map[string]any `json:"extra"`
	Aliases   []string       `json:"source_aliases"`
	DAGID     *string        `json:"source_dag_id"`
	RunID     *string        `json:"source_run_id"`
	TaskID    *string        `json:"source_task_id"`
	MapIndex  *int           `json:"source_map_index"`
}

// AssetUpdate is what a callable says of an asset that it updates: of an outlet, or of any
// asset for an alias among the outlets. An asset may lack its name or its URI.
type AssetUpdate struct {
	Name  string         `json:"name"`
	URI   string         `json:"uri"`
	Alias string         `json:"alias"`
	Extra map[string]any `json:"extra"`
}

// PreviousRun are the dates of an earlier run.
type PreviousRun struct {
	IntervalStart *time.Time `json:"data_interval_start"`
	IntervalEnd   *time.Time `json:"data_interval_end"`
	Start         *time.Time `json:"start_date"`
	End           *time.Time `json:"end_date"`
}

// XComQuery selects XComs.
type XComQuery struct {
	// TaskIDs is never empty.
	TaskIDs      []string
	Key          string
	DAGID, RunID string
	// MapIndexes selects indexes; nil selects all.
	MapIndexes        []int
	IncludePriorDates bool
}

// XCom is one value with where it comes from.
type XCom struct {
	TaskID   string          `json:"task_id"`
	MapIndex int             `json:"map_index"`
	Value    json.RawMessage `json:"value"`
}

// Connection is an Airflow connection as callables see it. Extra is its text.
type Connection struct {
	ID          string `json:"conn_id"`
	Type        string `json:"conn_type,omitempty"`
	Description string `json:"description,omitempty"`
	Host        string `json:"host,omitempty"`
	Login       string `json:"login,omitempty"`
	Password    string `json:"password,omitempty"`
	Schema      string `json:"schema,omitempty"`
	Port        int    `json:"port,omitempty"`
	Extra       string `json:"extra,omitempty"`
}

// answer is the frame that a question gets.
type answer struct {
	Value    any    `json:"value,omitempty"`
	Error    string `json:"error,omitempty"`
	NotFound bool   `json:"not_found,omitempty"`
	Denied   bool   `json:"denied,omitempty"`
}

// respond asks the handler and turns what it says into an answer.
func respond(ctx context.Context, h Handler, f *attemptFrame) answer {
	if h == nil {
		return answer{Error: fmt.Sprintf("%s: XComs, variables and connections are not available here", f.Op)}
	}
	value, err := ask(ctx, h, f)
	var denied *DeniedError
	switch {
	case err == nil:
		return answer{Value: value}
	case errors.Is(err, ErrNotFound):
		return answer{Error: err.Error(), NotFound: true}
	case errors.As(err, &denied):
		return answer{Error: err.Error(), Denied: true}
	default:
		return answer{Error: err.Error()}
	}
}

func ask(ctx context.Context, h Handler, f *attemptFrame) (any, error) {
	switch f.Op {
	case "xcom_push":
		return nil, h.XComPush(ctx, f.Key, f.Value)
	case "xcom_pull":
		found, err := h.XComPull(ctx, XComQuery{
			TaskIDs: f.TaskIDs, Key: f.Key, DAGID: f.DAGID, RunID: f.RunID,
			MapIndexes: f.MapIndexes, IncludePriorDates: f.PriorDates,
		})
		return found, err
	case "variable_get":
		return h.Variable(ctx, f.Key)
	case "variable_set":
		var text string
		if err := json.Unmarshal(f.Value, &text); err != nil {
			return nil, fmt.Errorf("variable %s: its value is no text: %w", f.Key, err)
		}
		return nil, h.SetVariable(ctx, f.Key, text, f.Description)
	case "variable_delete":
		return nil, h.DeleteVariable(ctx, f.Key)
	case "connection_get":
		found, err := h.Connection(ctx, f.ConnID)
		if found.ID == "" {
			found.ID = f.ConnID
		}
		return found, err
	}
	return askMore(ctx, h, f)
}

// askMore asks what only some handlers answer.
func askMore(ctx context.Context, h Handler, f *attemptFrame) (any, error) {
	switch f.Op {
	case "render":
		if t, ok := h.(Templater); ok {
			return t.Render(ctx, f.Value)
		}
	case "instances":
		if w, ok := h.(Watcher); ok {
			return w.Instances(ctx, f.DAGID, f.RunID)
		}
	case "asset_events":
		if r, ok := h.(AssetReader); ok {
			return askWith(f, func(q AssetQuery) ([]AssetEvent, error) { return r.AssetEvents(ctx, q) })
		}
	case "operate":
		if w, ok := h.(Operator); ok {
			return askWith(f, func(o Operation) (Operated, error) { return w.Operate(ctx, o) })
		}
	case "previous_success":
		if p, ok := h.(Historian); ok {
			return p.PreviousSuccess(ctx)
		}
	case "trigger":
		if t, ok := h.(Triggerer); ok {
			return askWith(f, func(asked Trigger) (Triggered, error) { return t.Trigger(ctx, asked) })
		}
	case "run_state":
		if t, ok := h.(Triggerer); ok {
			return t.RunState(ctx, f.DAGID, f.RunID)
		}
	}
	return nil, fmt.Errorf("the question %q cannot be answered here", f.Op)
}

// askWith asks for what a question's value says.
func askWith[Q, A any](f *attemptFrame, ask func(Q) (A, error)) (A, error) {
	var q Q
	if err := json.Unmarshal(f.Value, &q); err != nil {
		var none A
		return none, fmt.Errorf("what the question %q is about: %w", f.Op, err)
	}
	return ask(q)
}
