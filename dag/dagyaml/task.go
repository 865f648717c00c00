package dagyaml

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/updraft-dev/updraft/dag"
)

const (
	pythonOperator = "airflow.providers.standard.operators.python.PythonOperator"
	taskDecorator  = "airflow.sdk.task"
	ownOperator    = "updraft.operators.object.ObjectOperator"
	kwargsArg      = "op_kwargs"
)

func (w *writer) task(t *dag.Task) yaml.MapSlice {
	m := &mapping{}
	decorated := t.Operator == pythonOperator && w.refers(t)
	switch {
	case decorated:
		m.add("decorator", taskDecorator)
	case t.Operator == ownOperator:
		class, _ := t.Args["class"].(string)
		w.lose(t.ID, "operator", "%s is a class of the author's own: only a DAG file in Python can use it", class[strings.LastIndexByte(class, '.')+1:])
		m.add("operator", t.Operator)
	default:
		m.add("operator", t.Operator)
	}
	if t.Group != "" {
		put(m, "task_group_name", w.names[t.Group])
	}
	var after []string
	for _, up := range t.Upstream {
		if name, ok := w.names[up]; ok {
			after = append(after, name)
		}
	}
	if len(after) > 0 {
		m.add("dependencies", after)
	}
	w.settings(m, t)
	w.arguments(m, t, decorated)
	w.expand(m, t.ID, t.Expand, decorated)
	return m.MapSlice
}

// refers says that the function's arguments are outputs of tasks, which only decorated
// tasks take.
func (w *writer) refers(t *dag.Task) bool {
	if t.Expand != nil && t.Expand.Kwargs == nil {
		for _, a := range t.Expand.Args {
			if strings.HasPrefix(a.Name, kwargsArg+".") {
				return true
			}
		}
	}
	if m := t.Expand; m != nil && m.Kwargs != nil && m.Kwargs.Name == kwargsArg {
		return true
	}
	kwargs, _ := t.Args[kwargsArg].(map[string]any)
	for _, v := range kwargs {
		switch v.(type) {
		case dag.XComRef, dag.GroupArg:
			return true
		}
	}
	return false
}

func (w *writer) settings(m *mapping, t *dag.Task) {
	put(m, "task_display_name", t.DisplayName)
	put(m, "owner", t.Owner, "", dag.DefaultOwner)
	put(m, "doc_md", t.DocMD)
	rule := dag.AllSuccess
	if t.Teardown {
		rule = dag.AllDoneSetupSuccess
	}
	put(m, "trigger_rule", string(t.TriggerRule), string(rule))
	put(m, "setup", t.Setup)
	put(m, "teardown", t.Teardown)
	put(m, "on_failure_fail_dagrun", t.OnFailureFailDagrun)
	put(m, "isolated", t.Isolated)
	put(m, "map_index_template", t.MapIndexTemplate)
	put(m, "retries", t.Retries)
	put(m, "retry_delay", t.RetryDelay.Seconds(), dag.DefaultRetryDelay.Seconds())
	put(m, "retry_exponential_backoff", t.RetryBackoff)
	put(m, "max_retry_delay", t.MaxRetryDelay.Seconds())
	if t.ExecutionTimeout != 0 {
		m.add("execution_timeout", timedelta(t.ExecutionTimeout))
	}
	for key, at := range map[string]*time.Time{"start_date": t.StartDate, "end_date": t.EndDate} {
		if at != nil {
			m.add(key, at.UTC().Format(time.RFC3339Nano))
		}
	}
	put(m, "depends_on_past", t.DependsOnPast)
	put(m, "wait_for_downstream", t.WaitForDownstream)
	put(m, "ignore_first_depends_on_past", t.IgnoreFirstDependsOnPast, true)
	put(m, "wait_for_past_depends_before_skipping", t.WaitForPastDependsBeforeSkipping)
	put(m, "pool", t.Pool, dag.DefaultPool)
	put(m, "pool_slots", t.PoolSlots, 1)
	put(m, "priority_weight", t.PriorityWeight, 1)
	put(m, "weight_rule", string(t.WeightRule), string(dag.WeightDownstream))
	put(m, "max_active_tis_per_dag", t.MaxActivePerDAG)
	put(m, "max_active_tis_per_dagrun", t.MaxActivePerRun)
	put(m, "queue", t.Queue, "", dag.DefaultQueue)
	put(m, "executor", t.Executor)
	if v, ok := w.value(t.ID, "executor_config", map[string]any(t.ExecutorConfig)); ok && len(t.ExecutorConfig) > 0 {
		m.add("executor_config", v)
	}
	w.resources(m, t)
	w.params(m, t.ID, t.Params)
	if _, own := t.Args["do_xcom_push"]; !own { // some operators have an argument of that name
		put(m, "do_xcom_push", t.DoXComPush, true)
	}
	put(m, "multiple_outputs", t.MultipleOutputs)
	if len(t.Email) > 0 {
		m.add("email", t.Email)
	}
	put(m, "email_on_failure", t.EmailOnFailure, true)
	put(m, "email_on_retry", t.EmailOnRetry, true)
	w.callbacks(m, t.ID, "on_execute_callback", t.OnExecute)
	w.callbacks(m, t.ID, "on_success_callback", t.OnSuccess)
	w.callbacks(m, t.ID, "on_failure_callback", t.OnFailure)
	w.callbacks(m, t.ID, "on_retry_callback", t.OnRetry)
	w.callbacks(m, t.ID, "on_skipped_callback", t.OnSkipped)
	w.assets(m, "inlets", t.Inlets)
	w.assets(m, "outlets", t.Outlets)
}

func (w *writer) resources(m *mapping, t *dag.Task) {
	r := &mapping{}
	if t.Resources.CPUMilli != 0 {
		put(r, "cpus", float64(t.Resources.CPUMilli)/1000)
	}
	put(r, "memory", t.Resources.Memory)
	put(r, "ephemeral_storage", t.Resources.EphemeralStorage)
	if len(t.Resources.NodeSelector) > 0 {
		r.add("node_selector", t.Resources.NodeSelector)
	}
	if len(t.Resources.Tolerations) > 0 {
		w.lose(t.ID, "resources.tolerations", "write them by hand")
	}
	if len(r.MapSlice) > 0 {
		m.add("resources", r.MapSlice)
	}
}

func (w *writer) arguments(m *mapping, t *dag.Task, decorated bool) {
	for _, name := range slices.Sorted(maps.Keys(t.Args)) {
		v := t.Args[name]
		kwargs, ok := v.(map[string]any)
		if !decorated || name != kwargsArg || !ok {
			if v, ok := w.value(t.ID, name, v); ok {
				m.add(name, v)
			}
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(kwargs)) {
			switch e := kwargs[k].(type) {
			case dag.XComRef:
				m.add(k, w.output(e))
			case dag.GroupArg:
				m.add(k, "+"+w.names[t.Group]+`["`+e.Name+`"]`)
			default:
				if e, ok := w.value(t.ID, k, e); ok {
					m.add(k, e)
				}
			}
		}
	}
}

// output is how a file refers to what a task pushes.
func (w *writer) output(ref dag.XComRef) string {
	text := "+" + w.names[ref.Task]
	if ref.Key != "" && ref.Key != dag.ReturnValue {
		text += `["` + ref.Key + `"]`
	}
	return text
}

func (w *writer) expand(m *mapping, id string, e *dag.Mapping, decorated bool) {
	if e == nil {
		return
	}
	if e.Kwargs != nil {
		if v, ok := w.mapped(id, "expand_kwargs", *e.Kwargs); ok {
			m.add("expand_kwargs", v)
		}
		return
	}
	out := &mapping{}
	for _, a := range e.Args {
		name := a.Name
		if decorated {
			name = strings.TrimPrefix(name, kwargsArg+".")
		}
		if v, ok := w.mapped(id, "expand."+name, a); ok {
			out.add(name, v)
		}
	}
	m.add("expand", out.MapSlice)
}

func (w *writer) mapped(id, field string, a dag.MappedArg) (any, bool) {
	if a.XCom != nil {
		return w.output(*a.XCom), true
	}
	if d, ok := a.Literal.(dag.Derived); ok {
		w.lose(id, field, "is mapped over a %s of outputs: let a task return the list", d.Kind)
		return nil, false
	}
	return w.value(id, field, a.Literal)
}
