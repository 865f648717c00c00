package callable

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/params"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// context is Airflow's context as package python wants it. End is nil unless the
// attempt has ended, which callbacks are told.
func (r *Runner) context(a *task.Attempt, end *task.End) (map[string]any, error) {
	conf, err := confOf(a.Run)
	if err != nil {
		return nil, err
	}
	ofDAG, err := paramsOf(a.DAG.Params, nil, nil)
	if err != nil {
		return nil, err
	}
	ofTask, err := paramsOf(a.DAG.Params, a.Task.Params, nil)
	if err != nil {
		return nil, err
	}
	all, err := paramsOf(a.DAG.Params, a.Task.Params, conf)
	if err != nil {
		return nil, err
	}
	c := map[string]any{
		"ti": r.instance(a, end), "dag_run": dagRun(a.Run), "dag": dagOf(a, ofDAG), "task": taskOf(a, ofTask), "params": all,
		"inlets": assets(a.Task.Inlets), "outlets": assets(a.Task.Outlets),
		"triggering_asset_events": triggers(a.Run),
		"task_reschedule_count":   a.Instance.Reschedules, "map_index_template": orNil(a.Task.MapIndexTemplate),
	}
	for name, v := range task.ContextOf2(a.DAG, a.Run) {
		if t, ok := v.(time.Time); ok {
			v = date(&t)
		}
		c[name] = v
	}
	if end != nil {
		c["reason"] = end.Report.Reason
		if end.Err != nil {
			c["exception"] = exceptionOf(end)
		}
		if d := end.Deadline; d != nil {
			c["deadline"] = map[string]any{"name": orNil(d.Name), "deadline_time": date(&d.At)}
		}
	}
	return c, nil
}

// paramsOf are the values of params. They are plain JSON, as in Airflow: conf comes from
// people, who must not have objects made by the tagged form.
func paramsOf(ofDAG, ofTask []dag.Param, conf map[string]any) (map[string]any, error) {
	values := params.Merge(ofDAG, ofTask, conf)
	for k, v := range values {
		values[k] = plain(v)
	}
	out, err := encodeDict(values)
	if err != nil {
		return nil, fmt.Errorf("params: %w", err)
	}
	return out, nil
}

func plain(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case time.Duration:
		return v.Seconds()
	case task.Tuple:
		return plain([]any(v))
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	}
	return v
}

// confOf is the run's conf, as far as it is an object: nothing else overrides params.
func confOf(r *run.Run) (map[string]any, error) {
	if len(r.Conf) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(r.Conf))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("conf of run %s: %w", r.Run, err)
	}
	conf, _ := v.(map[string]any)
	return conf, nil
}

// instance is ti.
func (r *Runner) instance(a *task.Attempt, end *task.End) map[string]any {
	i := a.Instance
	ti := map[string]any{
		"dag_id": a.DAG.ID, "task_id": i.Task, "run_id": a.Run.Run, "map_index": i.Map, "try_number": i.Try, "max_tries": i.MaxTries,
		"state": run.Running.String(), "start_date": date(&i.Start), "end_date": nil, "duration": nil,
		"hostname": r.cfg.Hostname, "operator": class(a.Task.Operator), "queue": cmp.Or(a.Task.Queue, dag.DefaultQueue),
		"pool": cmp.Or(i.Pool, a.Task.Pool), "pool_slots": a.Task.PoolSlots, "priority_weight": a.Task.PriorityWeight,
		"is_mapped": i.Map >= 0, "rendered_map_index": orNil(i.Label), "log_url": task.LogURL(r.cfg.BaseURL, a.Key),
	}
	if end != nil {
		ti["state"] = end.State.String()
		ti["end_date"] = date(&end.Report.At)
		ti["rendered_map_index"] = orNil(end.Report.Label)
		if !i.Start.IsZero() {
			ti["duration"] = end.Report.At.Sub(i.Start).Seconds()
		}
	}
	return ti
}

func dagRun(r *run.Run) map[string]any {
	conf := json.RawMessage("{}")
	if len(r.Conf) > 0 {
		conf = r.Conf
	}
	return map[string]any{
		"dag_id": r.DAG, "run_id": r.Run, "run_type": string(r.Type), "state": string(r.State), "conf": conf,
		"logical_date": date(r.LogicalDate), "data_interval_start": date(r.IntervalStart), "data_interval_end": date(r.IntervalEnd),
		"run_after": date(&r.RunAfter), "queued_at": date(&r.QueuedAt), "start_date": date(&r.Start), "end_date": date(&r.End),
		"external_trigger": r.Type == run.TypeManual, "triggered_by": orNil(r.TriggeredBy), "clear_number": r.Clears, "note": orNil(r.Note),
	}
}

// dagOf is the DAG without its tasks: those of a large one would cost more than the call.
func dagOf(a *task.Attempt, defaults map[string]any) map[string]any {
	d := a.DAG
	owners := make([]string, len(d.Tasks))
	for i, t := range d.Tasks {
		owners[i] = cmp.Or(t.Owner, dag.DefaultOwner)
	}
	slices.Sort(owners)
	return map[string]any{
		"dag_id": d.ID, "dag_display_name": cmp.Or(d.DisplayName, d.ID), "description": orNil(d.Description), "doc_md": orNil(d.DocMD),
		"tags": texts(d.Tags), "owner": strings.Join(slices.Compact(owners), ", "), "catchup": d.Catchup, "fail_fast": d.FailFast,
		"max_active_runs": d.MaxActiveRuns, "max_active_tasks": d.MaxActiveTasks, "timezone": cmp.Or(d.Timezone, "UTC"),
		"start_date": date(d.StartDate), "end_date": date(d.EndDate), "dagrun_timeout": duration(d.DagrunTimeout),
		"fileloc": filepath.Join(a.Dir, filepath.Base(d.File)), "relative_fileloc": d.File, "folder": a.Dir, "params": defaults,
	}
}

func taskOf(a *task.Attempt, own map[string]any) map[string]any {
	t := a.Task
	name := class(t.Operator)
	return map[string]any{
		"task_id": t.ID, "dag_id": a.DAG.ID, "label": strings.TrimPrefix(t.ID, t.Group+"."), "task_display_name": cmp.Or(t.DisplayName, t.ID),
		"operator": name, "task_type": name, "operator_name": name, "owner": cmp.Or(t.Owner, dag.DefaultOwner), "doc_md": orNil(t.DocMD),
		"email": texts(t.Email), "retries": t.Retries, "retry_delay": duration(t.RetryDelay), "execution_timeout": duration(t.ExecutionTimeout),
		"pool": t.Pool, "pool_slots": t.PoolSlots, "queue": cmp.Or(t.Queue, dag.DefaultQueue), "priority_weight": t.PriorityWeight,
		"trigger_rule": string(t.TriggerRule), "depends_on_past": t.DependsOnPast, "wait_for_downstream": t.WaitForDownstream,
		"do_xcom_push": t.DoXComPush, "multiple_outputs": t.MultipleOutputs, "executor": orNil(t.Executor),
		"start_date": date(cmp.Or(t.StartDate, a.DAG.StartDate)), "end_date": date(cmp.Or(t.EndDate, a.DAG.EndDate)),
		"upstream_task_ids": texts(t.Upstream), "downstream_task_ids": texts(downstream(a.DAG, t.ID)), "params": own,
	}
}

func downstream(d *dag.DAG, id string) []string {
	var out []string
	for _, t := range d.Tasks {
		if slices.Contains(t.Upstream, id) {
			out = append(out, t.ID)
		}
	}
	return out
}

// assets are the task's inlets or outlets; an alias has a name only.
func assets(refs []dag.AssetRef) []map[string]any {
	out := make([]map[string]any, len(refs))
	for i, ref := range refs {
		out[i] = map[string]any{"name": cmp.Or(ref.Alias, ref.Name, ref.URI)}
		if ref.Alias == "" {
			out[i]["uri"] = cmp.Or(ref.URI, ref.Name)
			out[i]["group"] = cmp.Or(ref.Group, "asset")
			out[i]["extra"] = ref.Extra
		}
	}
	return out
}

// exceptionOf names the exception by which Airflow's operators would have ended.
func exceptionOf(end *task.End) map[string]any {
	var known *exception
	var skip *task.SkipError
	var fatal *task.FatalError
	class, text := "AirflowException", end.Report.Reason
	switch {
	case end.Report.Cause == run.CauseTimeout && !errors.As(end.Err, &known):
		class = "AirflowTaskTimeout"
	case errors.As(end.Err, &known):
		class, text = known.class, known.text
	case errors.As(end.Err, &skip):
		class, text = "AirflowSkipException", skip.Reason
	case errors.As(end.Err, &fatal):
		class = "AirflowFailException"
	}
	return map[string]any{"type": cmp.Or(class, "AirflowException"), "message": text}
}

// class is the last part of an import path.
func class(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// texts is never null in JSON.
func texts(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// date is a time in UTC, which becomes a datetime by its name; nil if there is none.
func date(t *time.Time) any {
	if t == nil || t.IsZero() {
		return nil
	}
	return t.UTC()
}

// duration is in seconds, which become a timedelta by their name; nil if there is none.
func duration(d time.Duration) any {
	if d == 0 {
		return nil
	}
	return d.Seconds()
}
