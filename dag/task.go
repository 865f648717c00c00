package dag

import "time"

// TriggerRule says which states of its direct upstream tasks let a task run.
type TriggerRule string

// The 13 trigger rules of Airflow 3.
const (
	AllSuccess              TriggerRule = "all_success"
	AllFailed               TriggerRule = "all_failed"
	AllDone                 TriggerRule = "all_done"
	AllDoneMinOneSuccess    TriggerRule = "all_done_min_one_success"
	AllDoneSetupSuccess     TriggerRule = "all_done_setup_success"
	OneSuccess              TriggerRule = "one_success"
	OneFailed               TriggerRule = "one_failed"
	OneDone                 TriggerRule = "one_done"
	NoneFailed              TriggerRule = "none_failed"
	NoneFailedMinOneSuccess TriggerRule = "none_failed_min_one_success"
	NoneSkipped             TriggerRule = "none_skipped"
	AllSkipped              TriggerRule = "all_skipped"
	Always                  TriggerRule = "always"
)

// TriggerRules lists all of them, in the order Airflow documents them.
func TriggerRules() []TriggerRule {
	return []TriggerRule{
		AllSuccess, AllFailed, AllDone, AllDoneMinOneSuccess, AllDoneSetupSuccess, OneSuccess, OneFailed, OneDone,
		NoneFailed, NoneFailedMinOneSuccess, NoneSkipped, AllSkipped, Always,
	}
}

// WeightRule says how a task's effective priority follows from the priority weights
// around it.
type WeightRule string

// The weight rules of Airflow.
const (
	WeightDownstream WeightRule = "downstream"
	WeightUpstream   WeightRule = "upstream"
	WeightAbsolute   WeightRule = "absolute"
)

// Task is one node of a DAG.
type Task struct {
	// ID is the full id, with the prefixes of its groups.
	ID          string `json:"task_id"`
	DisplayName string `json:"task_display_name,omitempty"`
	// Group is the id of the innermost group it is in, or empty.
	Group string `json:"group,omitempty"`
	Owner string `json:"owner,omitempty"`
	DocMD string `json:"doc_md,omitempty"`

	// Operator is the operator's import path in Airflow 3.
	Operator string `json:"operator"`
	// Args are the operator's arguments as written, templates unrendered; see Value.
	Args Values `json:"args,omitempty"`
	// Inert says that executing it would do nothing (EmptyOperator without
	// callbacks or outlets): the scheduler marks it success by itself.
	Inert bool `json:"inert,omitempty"`
	// Reschedule says that it is a sensor that gives its slot back between pokes.
	Reschedule bool `json:"reschedule,omitempty"`

	// Upstream are the ids of its direct upstream tasks, sorted, without repetition.
	Upstream    []string    `json:"upstream,omitempty"`
	TriggerRule TriggerRule `json:"trigger_rule"`
	Setup       bool        `json:"setup,omitempty"`
	Teardown    bool        `json:"teardown,omitempty"`
	// OnFailureFailDagrun makes a teardown count for the run's end state.
	OnFailureFailDagrun bool `json:"on_failure_fail_dagrun,omitempty"`
	// Expand makes it a mapped task; nil means a plain one.
	Expand *Mapping `json:"expand,omitempty"`
	// MapIndexTemplate names the instances of a mapped task.
	MapIndexTemplate string `json:"map_index_template,omitempty"`

	StartDate *time.Time `json:"start_date,omitempty"`
	EndDate   *time.Time `json:"end_date,omitempty"`

	Retries    int           `json:"retries,omitempty"`
	RetryDelay time.Duration `json:"retry_delay"`
	// RetryBackoff is the multiplier of retry_exponential_backoff; 0 and 1 mean none.
	RetryBackoff  float64       `json:"retry_exponential_backoff,omitempty"`
	MaxRetryDelay time.Duration `json:"max_retry_delay,omitempty"`

	ExecutionTimeout time.Duration `json:"execution_timeout,omitempty"`

	DependsOnPast                    bool `json:"depends_on_past,omitempty"`
	WaitForDownstream                bool `json:"wait_for_downstream,omitempty"`
	IgnoreFirstDependsOnPast         bool `json:"ignore_first_depends_on_past"`
	WaitForPastDependsBeforeSkipping bool `json:"wait_for_past_depends_before_skipping,omitempty"`

	Pool            string     `json:"pool"`
	PoolSlots       int        `json:"pool_slots"`
	PriorityWeight  int        `json:"priority_weight"`
	WeightRule      WeightRule `json:"weight_rule"`
	MaxActivePerDAG int        `json:"max_active_tis_per_dag,omitempty"`
	MaxActivePerRun int        `json:"max_active_tis_per_dagrun,omitempty"`

	Queue string `json:"queue,omitempty"`
	// Executor names the executor that runs it; empty means the installation's default.
	Executor       string    `json:"executor,omitempty"`
	ExecutorConfig Values    `json:"executor_config,omitempty"`
	Resources      Resources `json:"resources,omitzero"`
	// Isolated asks for a worker (and interpreter) of its own: never continued locally.
	Isolated bool `json:"isolated,omitempty"`

	Params          []Param  `json:"params,omitempty"`
	DoXComPush      bool     `json:"do_xcom_push"`
	MultipleOutputs bool     `json:"multiple_outputs,omitempty"`
	Email           []string `json:"email,omitempty"`
	EmailOnFailure  bool     `json:"email_on_failure,omitempty"`
	EmailOnRetry    bool     `json:"email_on_retry,omitempty"`

	OnExecute []Callback `json:"on_execute_callback,omitempty"`
	OnSuccess []Callback `json:"on_success_callback,omitempty"`
	OnFailure []Callback `json:"on_failure_callback,omitempty"`
	OnRetry   []Callback `json:"on_retry_callback,omitempty"`
	OnSkipped []Callback `json:"on_skipped_callback,omitempty"`

	Inlets  []AssetRef `json:"inlets,omitempty"`
	Outlets []AssetRef `json:"outlets,omitempty"`
}

// Resources are what an attempt asks of the place it runs in. Zero values mean the
// executor's default.
type Resources struct {
	// CPU is in thousandths of a core.
	CPUMilli int64 `json:"cpu_milli,omitempty"`
	// Memory and EphemeralStorage are in bytes.
	Memory           int64             `json:"memory,omitempty"`
	EphemeralStorage int64             `json:"ephemeral_storage,omitempty"`
	NodeSelector     map[string]string `json:"node_selector,omitempty"`
	Tolerations      []Toleration      `json:"tolerations,omitempty"`
}

// Toleration is Kubernetes' toleration.
type Toleration struct {
	Key               string `json:"key,omitempty"`
	Operator          string `json:"operator,omitempty"`
	Value             string `json:"value,omitempty"`
	Effect            string `json:"effect,omitempty"`
	TolerationSeconds *int64 `json:"tolerationSeconds,omitempty"`
}

// Mapping is how a mapped task or group expands.
type Mapping struct {
	// Args are the mapped arguments in the author's order; with several, the
	// instances are their cross product, the last varying fastest.
	Args []MappedArg `json:"args,omitempty"`
	// Kwargs replaces Args for expand_kwargs: a list of dicts.
	Kwargs *MappedArg `json:"kwargs,omitempty"`
}

// MappedArg is one mapped argument: a literal or an upstream's output.
type MappedArg struct {
	Name string `json:"name,omitempty"`
	// Literal is a list or a map, used when XCom is nil.
	Literal any      `json:"literal,omitempty"`
	XCom    *XComRef `json:"xcom,omitempty"`
}

// Sources returns the arguments that have to be known to expand.
func (m *Mapping) Sources() []MappedArg {
	if m.Kwargs != nil {
		return []MappedArg{*m.Kwargs}
	}
	return m.Args
}

// LiteralLength is the number of elements of a literal argument; ok is false for
// values that cannot be mapped over.
func (a MappedArg) LiteralLength() (n int, ok bool) {
	switch v := a.Literal.(type) {
	case []any:
		return len(v), true
	case map[string]any:
		return len(v), true
	default:
		return 0, false
	}
}

// NewTask returns a task with Airflow's defaults.
func NewTask(id, operator string) *Task {
	return &Task{
		ID: id, Operator: operator, Owner: DefaultOwner, TriggerRule: AllSuccess,
		RetryDelay: DefaultRetryDelay, IgnoreFirstDependsOnPast: true,
		Pool: DefaultPool, PoolSlots: 1, PriorityWeight: 1, WeightRule: WeightDownstream,
		Queue: DefaultQueue, DoXComPush: true, EmailOnFailure: true, EmailOnRetry: true,
	}
}
