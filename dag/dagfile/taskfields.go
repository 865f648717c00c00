package dagfile

import (
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// taskKeys are the keys of a task that say how it stands in the DAG; they cannot be
// defaults.
var taskKeys = newFields([]field[*taskBuilder]{
	elsewhere[*taskBuilder]("task_id", typeText, "The task's id, in a list of tasks."),
	elsewhere[*taskBuilder]("operator", typeText, "Import path of the operator."),
	elsewhere[*taskBuilder]("decorator", typeText, "Import path of a task decorator, such as airflow.sdk.task."),
	elsewhere[*taskBuilder]("dependencies", typeTexts, "Tasks and groups before this one."),
	elsewhere[*taskBuilder]("task_group_name", typeText, "The group the task is in."),
	elsewhere[*taskBuilder]("variables_as_arguments", typeTexted, "Arguments whose values are Airflow variables: a list of {variable, attribute}."),
	elsewhere[*taskBuilder]("expand", typeExpand, "Maps the task: arguments and the lists or outputs (task.output) to map over."),
	elsewhere[*taskBuilder]("partial", typeDict, "Arguments that all instances of a mapped task share."),
	elsewhere[*taskBuilder]("expand_kwargs", typeExpand, "Maps the task over a list of mappings of arguments.").own(),
	boolField("setup", "Whether the task is a setup.", func(t *taskBuilder) *bool { return &t.t.Setup }).own(),
	boolField("teardown", "Whether the task is a teardown.", func(t *taskBuilder) *bool { return &t.t.Teardown }).own(),
	boolField("on_failure_fail_dagrun", "Whether a failed teardown fails the run.", func(t *taskBuilder) *bool { return &t.t.OnFailureFailDagrun }).own(),
	boolField("isolated", "Whether the task gets a process and an interpreter of its own.", func(t *taskBuilder) *bool { return &t.t.Isolated }).own(),
})

// taskFields are the arguments of every operator; default_args may have them.
var taskFields = newFields([]field[*taskBuilder]{
	textField("owner", "Who to ask about the task.", func(t *taskBuilder) *string { return &t.t.Owner }),
	textField("task_display_name", "Name to show in place of the id.", func(t *taskBuilder) *string { return &t.t.DisplayName }),
	textField("doc_md", "Documentation in Markdown.", func(t *taskBuilder) *string { return &t.t.DocMD }),
	{name: "doc", typ: typeText, doc: "Documentation.", set: setDoc},
	noEffect[*taskBuilder]("doc_json", typeText, "Not used."),
	noEffect[*taskBuilder]("doc_yaml", typeText, "Not used."),
	noEffect[*taskBuilder]("doc_rst", typeText, "Not used."),
	{name: "email", typ: typeTextOr, doc: "Who gets mail about failures and retries.", set: setEmail},
	boolField("email_on_failure", "Whether to mail when it fails.", func(t *taskBuilder) *bool { return &t.t.EmailOnFailure }),
	boolField("email_on_retry", "Whether to mail when it is tried again.", func(t *taskBuilder) *bool { return &t.t.EmailOnRetry }),
	intField("retries", "How often to try again.", func(t *taskBuilder) *int { return &t.t.Retries }),
	secondsField("retry_delay", "How long to wait before trying again.", func(t *taskBuilder) *time.Duration { return &t.t.RetryDelay }),
	{name: "retry_exponential_backoff", typ: typeNumber, doc: "Multiplier of the delay after each try; true is 2.", set: setBackoff},
	secondsField("max_retry_delay", "The longest delay before trying again.", func(t *taskBuilder) *time.Duration { return &t.t.MaxRetryDelay }),
	timedeltaField("execution_timeout", "How long one try may take.", func(t *taskBuilder) *time.Duration { return &t.t.ExecutionTimeout }),
	{name: "start_date", typ: typeDate, doc: "First moment the task may run for.", set: func(l *loader, t *taskBuilder, p place, n *node) { t.t.StartDate = t.date(l, p, n) }},
	{name: "end_date", typ: typeDate, doc: "Last moment the task may run for.", set: func(l *loader, t *taskBuilder, p place, n *node) { t.t.EndDate = t.date(l, p, n) }},
	textField("trigger_rule", "Which states of the tasks before let it run.", func(t *taskBuilder) *string { return (*string)(&t.t.TriggerRule) }).oneOf(rules()...),
	boolField("depends_on_past", "Whether its instance in the previous run must have succeeded.", func(t *taskBuilder) *bool { return &t.t.DependsOnPast }),
	boolField("wait_for_downstream", "Whether the tasks after its previous instance must be done, too.", func(t *taskBuilder) *bool { return &t.t.WaitForDownstream }),
	boolField("ignore_first_depends_on_past", "Whether the first run ignores depends_on_past.", func(t *taskBuilder) *bool { return &t.t.IgnoreFirstDependsOnPast }),
	boolField("wait_for_past_depends_before_skipping", "Whether a skip waits for depends_on_past.", func(t *taskBuilder) *bool { return &t.t.WaitForPastDependsBeforeSkipping }),
	textField("pool", "The pool whose slots it takes.", func(t *taskBuilder) *string { return &t.t.Pool }),
	intField("pool_slots", "How many slots it takes.", func(t *taskBuilder) *int { return &t.t.PoolSlots }),
	intField("priority_weight", "Higher ones run first.", func(t *taskBuilder) *int { return &t.t.PriorityWeight }),
	textField("weight_rule", "How priority weights add up.", func(t *taskBuilder) *string { return (*string)(&t.t.WeightRule) }).oneOf("downstream", "upstream", "absolute"),
	intField("max_active_tis_per_dag", "How many of its instances may run at once in all runs.", func(t *taskBuilder) *int { return &t.t.MaxActivePerDAG }),
	intField("max_active_tis_per_dagrun", "How many of its instances may run at once in a run.", func(t *taskBuilder) *int { return &t.t.MaxActivePerRun }),
	textField("queue", "The queue it is sent to.", func(t *taskBuilder) *string { return &t.t.Queue }),
	textField("executor", "What runs it: local, lambda, fargate, kubernetes.", func(t *taskBuilder) *string { return &t.t.Executor }),
	{name: "executor_config", typ: typeDict, doc: "Settings for its executor.", set: func(l *loader, t *taskBuilder, p place, n *node) { t.t.ExecutorConfig = l.values(p, n) }},
	{name: "resources", typ: typeResources, doc: "What it needs: cpu, memory, ephemeral_storage, node_selector, tolerations.", set: func(l *loader, t *taskBuilder, p place, n *node) { l.resources(p, n, &t.t.Resources) }},
	{name: "params", typ: typeParams, doc: "Values that a run may be given.", set: func(l *loader, t *taskBuilder, p place, n *node) { t.t.Params = l.params(p, n) }},
	boolField("do_xcom_push", "Whether what it returns is kept.", func(t *taskBuilder) *bool { return &t.t.DoXComPush }),
	boolField("multiple_outputs", "Whether each key of what it returns is an XCom.", func(t *taskBuilder) *bool { return &t.t.MultipleOutputs }),
	textField("map_index_template", "Names the instances of a mapped task.", func(t *taskBuilder) *string { return &t.t.MapIndexTemplate }),
	{name: "inlets", typ: typeAssets, doc: "Assets it reads.", set: func(l *loader, t *taskBuilder, p place, n *node) { t.t.Inlets = l.assets(p, n) }},
	{name: "outlets", typ: typeAssets, doc: "Assets it writes.", set: func(l *loader, t *taskBuilder, p place, n *node) { t.t.Outlets = l.assets(p, n) }},
	noEffect[*taskBuilder]("run_as_user", typeText, "Not used."),
	noEffect[*taskBuilder]("sla", typeAny, "Not used."),
	{name: "allow_nested_operators", typ: typeBool, doc: "Not used.", set: func(*loader, *taskBuilder, place, *node) {}},
	{name: "render_template_as_native_obj", typ: typeBool, doc: "Not used in tasks.", set: func(l *loader, t *taskBuilder, p place, n *node) {
		l.warning(n.at, p.task, "`render_template_as_native_obj` of a task has no effect", "set it in the DAG")
	}},
}, callbackFields())

func callbackFields() []field[*taskBuilder] {
	var out []field[*taskBuilder]
	for _, e := range taskEvents() {
		out = append(out,
			elsewhere[*taskBuilder](e.name, typeCallback, "What to call "+e.when+"."),
			elsewhere[*taskBuilder](e.name+"_name", typeText, "Function to call "+e.when+"."),
			elsewhere[*taskBuilder](e.name+"_file", typeText, "Absolute path of its file."),
		)
	}
	return out
}

type taskEvent struct {
	name, when string
	at         func(*dag.Task) *[]dag.Callback
}

func taskEvents() []taskEvent {
	return []taskEvent{
		{"on_execute_callback", "before the task executes", func(t *dag.Task) *[]dag.Callback { return &t.OnExecute }},
		{"on_success_callback", "when the task succeeds", func(t *dag.Task) *[]dag.Callback { return &t.OnSuccess }},
		{"on_failure_callback", "when the task fails", func(t *dag.Task) *[]dag.Callback { return &t.OnFailure }},
		{"on_retry_callback", "when the task is tried again", func(t *dag.Task) *[]dag.Callback { return &t.OnRetry }},
		{"on_skipped_callback", "when the task skips itself", func(t *dag.Task) *[]dag.Callback { return &t.OnSkipped }},
	}
}

func rules() []string {
	var out []string
	for _, r := range dag.TriggerRules() {
		out = append(out, string(r))
	}
	return out
}

func setDoc(l *loader, t *taskBuilder, p place, n *node) {
	if s, ok := l.text(p, n); ok && t.eff.get("doc_md").isNull() {
		t.t.DocMD = s
	}
}

// setEmail reads a list, or a text with addresses between commas or semicolons.
func setEmail(l *loader, t *taskBuilder, p place, n *node) {
	if n.kind != kindText {
		t.t.Email, _ = l.texts(p, n)
		return
	}
	t.t.Email = nil
	for _, a := range strings.FieldsFunc(n.text, func(r rune) bool { return r == ',' || r == ';' }) {
		if a = strings.TrimSpace(a); a != "" {
			t.t.Email = append(t.t.Email, a)
		}
	}
}

func setBackoff(l *loader, t *taskBuilder, p place, n *node) {
	if on, ok := n.val.(bool); ok {
		t.t.RetryBackoff = 0
		if on {
			t.t.RetryBackoff = 2
		}
		return
	}
	if f, ok := l.number(p, n); ok {
		if f < 0 {
			l.problem(n.at, p.task, fmt.Sprintf("`%s` is negative", p.name), "")
		}
		t.t.RetryBackoff = f
	}
}

// date reads a task's date: in default_args, the wall clock of their time zone counts;
// in a task, the moment, which is UTC when it has no zone.
func (t *taskBuilder) date(l *loader, p place, n *node) *time.Time {
	if t.inherited {
		d, _ := l.date(p, n, t.b.argsZone)
		return d
	}
	if m, ok := n.val.(moment); ok && !m.naive {
		return &m.t
	}
	if n.kind == kindText {
		if at, ok := parseISO(n.text); ok {
			return &at
		}
	}
	d, _ := l.date(p, n, time.UTC)
	return d
}
