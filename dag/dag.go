package dag

import (
	"encoding/json"
	"time"
)

// Defaults of Airflow 3 that a DAG or task has when its author says nothing.
const (
	DefaultMaxActiveRuns  = 16
	DefaultMaxActiveTasks = 16
	DefaultRetryDelay     = 300 * time.Second
	DefaultPool           = "default_pool"
	DefaultPoolSlots      = 128
	DefaultQueue          = "default"
	DefaultOwner          = "airflow"
	DefaultMaxMapLength   = 1024
	DefaultPokeInterval   = 60 * time.Second
	DefaultSensorTimeout  = 7 * 24 * time.Hour
	ReturnValue           = "return_value"
)

// DAG is one version of one DAG, as its author wrote it, with all defaults
// applied: what reads a DAG never has to know what an absent value means.
type DAG struct {
	ID          string   `json:"dag_id"`
	DisplayName string   `json:"dag_display_name,omitempty"`
	Description string   `json:"description,omitempty"`
	DocMD       string   `json:"doc_md,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	// File is the path of the file the DAG was read from, relative to the DAG
	// folder; it is not part of the version.
	File string `json:"-"`

	Schedule  Schedule   `json:"schedule"`
	StartDate *time.Time `json:"start_date,omitempty"`
	EndDate   *time.Time `json:"end_date,omitempty"`
	// Timezone is an IANA name or a fixed offset; empty means UTC.
	Timezone string `json:"timezone,omitempty"`
	Catchup  bool   `json:"catchup,omitempty"`
	// Compat is the Airflow release, 2 or 3, whose meaning a Python file had; 0 for others.
	Compat int `json:"airflow_compat,omitempty"`
	// Source is the id under which the Python files are kept that it was read from; empty
	// if they are not.
	Source string `json:"source,omitempty"`

	MaxActiveRuns  int `json:"max_active_runs"`
	MaxActiveTasks int `json:"max_active_tasks"`
	// MaxConsecutiveFailedRuns pauses the DAG after so many failed runs; 0 is never.
	MaxConsecutiveFailedRuns int           `json:"max_consecutive_failed_dag_runs,omitempty"`
	DagrunTimeout            time.Duration `json:"dagrun_timeout,omitempty"`
	FailFast                 bool          `json:"fail_fast,omitempty"`
	// PausedUponCreation is nil when the installation's default decides.
	PausedUponCreation *bool `json:"is_paused_upon_creation,omitempty"`

	Params             []Param             `json:"params,omitempty"`
	AccessControl      map[string][]string `json:"access_control,omitempty"`
	TemplateSearchPath []string            `json:"template_searchpath,omitempty"`
	// NativeTemplates is Airflow's render_template_as_native_obj.
	NativeTemplates bool       `json:"render_template_as_native_obj,omitempty"`
	UserMacros      Values     `json:"user_defined_macros,omitempty"`
	UserFilters     Values     `json:"user_defined_filters,omitempty"`
	OnSuccess       []Callback `json:"on_success_callback,omitempty"`
	OnFailure       []Callback `json:"on_failure_callback,omitempty"`
	Deadlines       []Deadline `json:"deadline,omitempty"`
	// ExecutorConfig are settings for the executors of all its tasks; those of a task go
	// before them.
	ExecutorConfig Values `json:"executor_config,omitempty"`

	// Tasks are in the author's order; their position is their index.
	Tasks  []*Task  `json:"tasks"`
	Groups []*Group `json:"groups,omitempty"`
}

// Param is one entry of a DAG's or task's params.
type Param struct {
	Name        string `json:"name"`
	Default     any    `json:"default"`
	Description string `json:"description,omitempty"`
	// Schema is the JSON Schema (draft 2020-12) that a value must satisfy; nil allows any.
	Schema json.RawMessage `json:"schema,omitempty"`
}

// Group is a task group. Groups nest by Parent.
type Group struct {
	// ID is the full, dotted id.
	ID     string `json:"group_id"`
	Parent string `json:"parent,omitempty"`
	// NoPrefix says that the ids of its children do not begin with ID.
	NoPrefix    bool   `json:"no_prefix,omitempty"`
	DisplayName string `json:"display_name,omitempty"`
	Tooltip     string `json:"tooltip,omitempty"`
	// Expand makes it a mapped group: all its tasks are instantiated once per index.
	Expand *Mapping `json:"expand,omitempty"`
}

// CallbackKind says what a Callback is.
type CallbackKind string

// The kinds of callbacks.
const (
	// CallbackPython is a Python function or notifier.
	CallbackPython CallbackKind = "python"
	// CallbackCommand is an argv that is run without a shell.
	CallbackCommand CallbackKind = "command"
	// CallbackWebhook posts the context as JSON to a URL.
	CallbackWebhook CallbackKind = "webhook"
)

// Callback is what an author wants called at an event.
type Callback struct {
	Kind CallbackKind `json:"kind"`
	// Callable is set for CallbackPython.
	Callable *Callable `json:"callable,omitempty"`
	// Notifier says that the callable is a class to construct with Args and then call.
	Notifier bool     `json:"notifier,omitempty"`
	Args     Values   `json:"args,omitempty"`
	Command  []string `json:"command,omitempty"`
	URL      string   `json:"url,omitempty"`
}

// Location is the DAG's time zone. An unknown name is an error of Validate; it is
// UTC here.
func (d *DAG) Location() *time.Location {
	loc, err := LoadLocation(d.Timezone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// Task returns the task with this id, or nil.
func (d *DAG) Task(id string) *Task {
	for _, t := range d.Tasks {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// Group returns the group with this id, or nil.
func (d *DAG) Group(id string) *Group {
	for _, g := range d.Groups {
		if g.ID == id {
			return g
		}
	}
	return nil
}
