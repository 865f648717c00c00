package dagfiletest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

func (c *comparison) tasks() {
	list, _ := c.want["tasks"].([]any)
	recorded := map[string]map[string]any{}
	ups := map[string][]string{}
	var ids []string
	for _, e := range list {
		w := object(object(e)["__var"])
		id := fmt.Sprint(w["task_id"])
		recorded[id] = w
		ids = append(ids, id)
		downs, _ := w["downstream_task_ids"].([]any)
		for _, d := range downs {
			ups[fmt.Sprint(d)] = append(ups[fmt.Sprint(d)], id)
		}
	}
	var own []string
	for _, t := range c.d.Tasks {
		own = append(own, t.ID)
	}
	slices.Sort(ids)
	slices.Sort(own)
	c.field("tasks", ids, own)
	for _, t := range c.d.Tasks {
		w := recorded[t.ID]
		if w == nil {
			continue
		}
		slices.Sort(ups[t.ID])
		c.field(t.ID+".upstream", append([]string{}, ups[t.ID]...), append([]string{}, t.Upstream...))
		c.task(t, w)
	}
}

// operatorOf is the operator that Updraft stores for a recorded task: a decorated
// task is the operator its decorator builds on.
func operatorOf(w map[string]any) string {
	module, class := fmt.Sprint(w["_task_module"]), fmt.Sprint(w["task_type"])
	if class == "_AssetMainOperator" {
		return "airflow.providers.standard.operators.python.PythonOperator"
	}
	if !strings.Contains(module, ".decorators.") {
		return madeModule.ReplaceAllString(module, "") + "." + class
	}
	const standard = "airflow.providers.standard."
	switch class {
	case "DecoratedSensorOperator":
		return standard + "sensors.python.PythonSensor"
	case "_PythonExternalDecoratedOperator":
		return standard + "operators.python.ExternalPythonOperator"
	case "_BranchExternalPythonDecoratedOperator":
		return standard + "operators.python.BranchExternalPythonOperator"
	case "_BashDecoratedOperator":
		return module + "." + class
	}
	return standard + "operators.python." + strings.ReplaceAll(strings.TrimPrefix(class, "_"), "DecoratedOperator", "Operator")
}

func (c *comparison) task(t *dag.Task, w map[string]any) {
	at := t.ID + "."
	c.field(at+"operator", operatorOf(w), class(t))
	mapped := w["_is_mapped"] == true
	partial := object(plain(w["partial_kwargs"]))
	// get is a field's value, which a mapped task has in partial_kwargs.
	get := func(name string, absent any) any {
		if v, ok := partial[name]; mapped && ok {
			return v
		}
		return or(w, name, absent)
	}
	c.field(at+"task_display_name", get("_task_display_name", ""), t.DisplayName)
	c.field(at+"owner", get("owner", "airflow"), t.Owner)
	c.field(at+"doc_md", get("doc_md", get("doc", "")), t.DocMD)
	c.field(at+"start_date", get("start_date", nil), epoch(t.StartDate))
	c.field(at+"end_date", get("end_date", nil), epoch(t.EndDate))
	c.field(at+"trigger_rule", get("trigger_rule", "all_success"), t.TriggerRule)
	c.field(at+"is_setup", get("is_setup", false), t.Setup)
	c.field(at+"is_teardown", get("is_teardown", false), t.Teardown)
	c.field(at+"retries", get("retries", 0), t.Retries)
	c.field(at+"retry_delay", get("retry_delay", 300), t.RetryDelay.Seconds())
	backoff := get("retry_exponential_backoff", 0)
	if backoff == true {
		backoff = 2
	}
	c.field(at+"retry_exponential_backoff", backoff, t.RetryBackoff)
	c.field(at+"max_retry_delay", get("max_retry_delay", nil), seconds(t.MaxRetryDelay))
	c.field(at+"execution_timeout", get("execution_timeout", nil), seconds(t.ExecutionTimeout))
	c.field(at+"depends_on_past", get("depends_on_past", false), t.DependsOnPast)
	c.field(at+"wait_for_downstream", get("wait_for_downstream", false), t.WaitForDownstream)
	c.field(at+"ignore_first_depends_on_past", get("ignore_first_depends_on_past", true), t.IgnoreFirstDependsOnPast)
	c.field(at+"pool", get("pool", "default_pool"), t.Pool)
	c.field(at+"pool_slots", get("pool_slots", 1), t.PoolSlots)
	c.field(at+"priority_weight", get("priority_weight", 1), t.PriorityWeight)
	c.field(at+"weight_rule", get("weight_rule", "downstream"), t.WeightRule)
	c.field(at+"queue", get("queue", "default"), t.Queue)
	c.field(at+"max_active_tis_per_dag", get("max_active_tis_per_dag", 0), t.MaxActivePerDAG)
	c.field(at+"max_active_tis_per_dagrun", get("max_active_tis_per_dagrun", 0), t.MaxActivePerRun)
	c.field(at+"executor", get("executor", ""), t.Executor)
	c.field(at+"do_xcom_push", get("do_xcom_push", true), t.DoXComPush)
	c.field(at+"multiple_outputs", get("multiple_outputs", false), t.MultipleOutputs)
	email := get("email", []any{})
	if one, ok := email.(string); ok {
		email = []any{one}
	}
	c.field(at+"email", email, append([]string{}, t.Email...))
	c.field(at+"email_on_failure", get("email_on_failure", true), t.EmailOnFailure)
	c.field(at+"email_on_retry", get("email_on_retry", true), t.EmailOnRetry)
	c.field(at+"map_index_template", get("map_index_template", ""), t.MapIndexTemplate)
	c.field(at+"reschedule", get("reschedule", false), t.Reschedule)
	c.callbacks(t, w, get)
	c.assets(at+"inlets", w["inlets"], t.Inlets)
	c.assets(at+"outlets", w["outlets"], t.Outlets)
	c.taskParams(t, w)
	c.resources(t, w)
	if mapped {
		c.mapping(t, w, partial)
		return
	}
	c.arguments(t, w)
}

// callbacks compares which callbacks there are, and whether the task has anything to do.
func (c *comparison) callbacks(t *dag.Task, w map[string]any, get func(string, any) any) {
	for name, n := range map[string]int{
		"execute": len(t.OnExecute), "success": len(t.OnSuccess), "failure": len(t.OnFailure), "retry": len(t.OnRetry), "skipped": len(t.OnSkipped),
	} {
		name = "has_on_" + name + "_callback"
		c.field(t.ID+"."+name, get(name, false), n > 0)
	}
	if w["_is_empty"] == true && len(t.OnExecute)+len(t.OnSuccess)+len(t.Outlets) == 0 {
		c.field(t.ID+".inert", true, t.Inert)
	}
}

// taskParams compares a task's params, recorded together with the DAG's.
func (c *comparison) taskParams(t *dag.Task, w map[string]any) {
	if w["params"] == nil && len(t.Params) == 0 {
		return
	}
	all := slices.Clone(c.d.Params)
	for _, p := range t.Params {
		i := slices.IndexFunc(all, func(q dag.Param) bool { return q.Name == p.Name })
		if i < 0 {
			all = append(all, p)
		} else {
			all[i] = p
		}
	}
	c.field(t.ID+".params", params(w["params"]), ownParams(all))
}

func (c *comparison) resources(t *dag.Task, w map[string]any) {
	r := object(w["resources"])
	if r == nil {
		return
	}
	quantity := func(name string) float64 {
		q, _ := object(r[name])["qty"].(float64)
		return q
	}
	c.field(t.ID+".resources.cpus", quantity("cpus"), float64(t.Resources.CPUMilli)/1000)
	const unsaid = 512 // what Airflow stores for an author who says nothing
	if ram := quantity("ram"); ram != unsaid || t.Resources.Memory != 0 {
		c.field(t.ID+".resources.ram", ram, float64(t.Resources.Memory)/(1<<20))
	}
}

// arguments compares the templated arguments, which alone are recorded. One that was
// not given has its operator's default there, and none here.
func (c *comparison) arguments(t *dag.Task, w map[string]any) {
	fields, _ := w["template_fields"].([]any)
	for _, f := range fields {
		name := fmt.Sprint(f)
		want, recorded := w[name]
		got, given := argument(t, name)
		if s, ok := want.(string); ok && name == "pass_value" && given {
			got, want = fmt.Sprint(got), s // the operator compares texts
		}
		switch {
		case !given && (!recorded || isDefault(name, want) || c.computed(t, name)):
		case given && !recorded && got == nil:
		default:
			c.field(t.ID+"."+name, outputs(want), value(got))
		}
	}
	if name, ok := w["python_callable_name"]; ok {
		c.callable(t, name)
	}
}

func (c *comparison) callable(t *dag.Task, name any) {
	callable, _ := t.Args["python_callable"].(dag.Callable)
	if callable.DAG != "" {
		return // it has a place, and its name is Python's matter
	}
	own := callable.Name
	if callable.Path != "" {
		own = callable.Path[strings.LastIndexByte(callable.Path, '.')+1:]
	}
	c.field(t.ID+".python_callable_name", name, own)
}

// isDefault says that a recorded argument is what operators have when it is not given.
func isDefault(name string, v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0 || name == "external_task_ids"
	case map[string]any:
		return len(v) == 0
	case string:
		return strings.HasSuffix(v, "_default") || strings.HasPrefix(v, "DYNAMIC") || v == "NOTSET" || name == "mime_subtype" || name == "mime_charset"
	case bool:
		return !v
	}
	return v == nil
}

// outputs replaces the texts that stand for a task's output.
func outputs(v any) any {
	switch v := v.(type) {
	case string:
		var task, dagID, key string
		s := strings.NewReplacer("'", " ", ",", " ", "=", " ").Replace(v)
		if n, _ := fmt.Sscanf(s, "{{ task_instance.xcom_pull(task_ids %s  dag_id %s  key %s ) }}", &task, &dagID, &key); n == 3 {
			return fmt.Sprintf("<output %s %s>", task, key)
		}
		if m := groupArgument.FindStringSubmatch(v); m != nil {
			return "<element " + m[1] + ">"
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = outputs(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = outputs(e)
		}
		return out
	}
	return v
}

func (c *comparison) mapping(t *dag.Task, w, partial map[string]any) {
	attr := fmt.Sprint(w["_expand_input_attr"])
	input := object(w[attr])
	if t.Expand == nil {
		c.diffs = append(c.diffs, t.ID+" is not mapped")
		return
	}
	prefix := ""
	if attr == "op_kwargs_expand_input" {
		prefix = "op_kwargs."
	}
	got := map[string]any{}
	for _, a := range t.Expand.Args {
		v := a.Literal
		if a.XCom != nil {
			v = *a.XCom
		}
		got[a.Name] = value(v)
	}
	want := map[string]any{}
	for k, v := range object(plain(input["value"])) {
		want[prefix+k] = v
	}
	c.field(t.ID+".expand", want, got)
	for name, v := range t.Args {
		switch recorded, ok := partial[name]; {
		case name == "python_callable":
			if n := w["python_callable_name"]; n != nil {
				c.callable(t, n)
			} else {
				c.callable(t, partial["python_callable_name"])
			}
		case ok:
			c.field(t.ID+".partial."+name, outputs(recorded), value(v))
		default:
			c.field(t.ID+".partial."+name, nil, value(v))
		}
	}
}
