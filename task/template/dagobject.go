package template

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/jinja/pytime"
)

// dagObject is the variable dag.
func (r *Renderer) dagObject() py.Value {
	d := r.a.DAG
	o := &object{class: class("airflow.sdk.definitions.dag", "DAG"), repr: "<DAG: " + d.ID + ">"}
	m := attrs{
		"dag_id": d.ID, "dag_display_name": cmp.Or(d.DisplayName, d.ID), "description": textOrNone(d.Description), "doc_md": textOrNone(d.DocMD),
		"catchup": d.Catchup, "max_active_runs": d.MaxActiveRuns, "max_active_tasks": d.MaxActiveTasks,
		"max_consecutive_failed_dag_runs": d.MaxConsecutiveFailedRuns, "fail_fast": d.FailFast,
		"render_template_as_native_obj": d.NativeTemplates,
		"fileloc":                       filepath.Join(r.a.Dir, filepath.Base(d.File)), "folder": r.a.Dir, "relative_fileloc": d.File,
		"timezone":       func() (py.Value, error) { return r.zone() },
		"start_date":     func() (py.Value, error) { return r.when(d.StartDate), nil },
		"end_date":       func() (py.Value, error) { return r.when(d.EndDate), nil },
		"dagrun_timeout": func() (py.Value, error) { return deltaOrNone(d.DagrunTimeout), nil },
		"is_paused_upon_creation": func() (py.Value, error) {
			if d.PausedUponCreation == nil {
				return nil, nil
			}
			return *d.PausedUponCreation, nil
		},
		"tags": func() (py.Value, error) { return stringSet(d.Tags) },
		"owner": func() (py.Value, error) {
			var owners []string
			for _, t := range d.Tasks {
				owners = append(owners, cmp.Or(t.Owner, dag.DefaultOwner))
			}
			slices.Sort(owners)
			return strings.Join(slices.Compact(owners), ", "), nil
		},
		"task_ids":  func() (py.Value, error) { return py.FromGo(r.taskIDs()) },
		"tasks":     func() (py.Value, error) { return r.taskStubs(d.Tasks), nil },
		"params":    func() (py.Value, error) { return r.paramsOf(d.Params) },
		"schedule":  func() (py.Value, error) { return r.scheduleText(), nil },
		"timetable": func() (py.Value, error) { return r.timetable(), nil },
		"template_searchpath": func() (py.Value, error) {
			if len(d.TemplateSearchPath) == 0 {
				return nil, nil
			}
			return py.FromGo(d.TemplateSearchPath)
		},
	}
	m["has_task"] = method(o, "has_task", func(_ *py.Thread, a []py.Value) (py.Value, error) {
		id, _ := py.IsString(a[0])
		return d.Task(id) != nil, nil
	}, "task_id")
	o.attr = m.attr
	return o
}

func (r *Renderer) taskIDs() []string {
	ids := make([]string, len(r.a.DAG.Tasks))
	for i, t := range r.a.DAG.Tasks {
		ids[i] = t.ID
	}
	return ids
}

// taskStubs are other tasks, as far as templates see them.
func (r *Renderer) taskStubs(tasks []*dag.Task) py.Value {
	out := py.NewList()
	for _, t := range tasks {
		out.Items = append(out.Items, r.taskOf(t))
	}
	return out
}

func (r *Renderer) zone() (py.Value, error) {
	name := cmp.Or(r.a.DAG.Timezone, "UTC")
	return r.clock.LoadZone(name)
}

// scheduleText is what the author wrote, where that is a text.
func (r *Renderer) scheduleText() py.Value {
	switch s := r.a.DAG.Schedule; {
	case s.Kind == dag.ScheduleOnce || s.Kind == dag.ScheduleContinuous:
		return "@" + string(s.Kind)
	case len(s.Cron) == 1:
		return s.Cron[0]
	case s.Delta != nil && s.Delta.Relative == nil:
		return pytime.NewDelta(s.Delta.Fixed)
	case s.Kind == dag.ScheduleNone || s.Kind == "":
		return nil
	}
	return r.timetable()
}

// timetableClass is Airflow's name of a kind of schedule.
func timetableClass(k dag.ScheduleKind) *py.Type {
	module, name := "simple", "NullTimetable"
	switch k {
	case dag.ScheduleOnce:
		name = "OnceTimetable"
	case dag.ScheduleContinuous:
		name = "ContinuousTimetable"
	case dag.ScheduleCronInterval:
		module, name = "interval", "CronDataIntervalTimetable"
	case dag.ScheduleDeltaInterval:
		module, name = "interval", "DeltaDataIntervalTimetable"
	case dag.ScheduleCronTrigger:
		module, name = "trigger", "CronTriggerTimetable"
	case dag.ScheduleMultipleCron:
		module, name = "trigger", "MultipleCronTriggerTimetable"
	case dag.ScheduleCronPartition:
		module, name = "trigger", "CronPartitionTimetable"
	case dag.ScheduleDeltaTrigger:
		module, name = "trigger", "DeltaTriggerTimetable"
	case dag.ScheduleEvents:
		module, name = "events", "EventsTimetable"
	case dag.ScheduleAssets:
		module, name = "assets", "AssetTriggeredTimetable"
	case dag.ScheduleAssetOrTime:
		module, name = "assets", "AssetOrTimeSchedule"
	}
	return class("airflow.sdk.definitions.timetables."+module, name)
}

func (r *Renderer) timetable() py.Value {
	s := r.a.DAG.Schedule
	m := attrs{}
	if len(s.Cron) == 1 {
		m["expression"] = s.Cron[0]
	}
	if s.Timezone != "" {
		m["timezone"] = func() (py.Value, error) { return r.clock.LoadZone(s.Timezone) }
	}
	return &object{class: timetableClass(s.Kind), attr: m.attr}
}

// taskObject is the variable task.
func (r *Renderer) taskObject() py.Value { return r.taskOf(r.a.Task) }

func (r *Renderer) taskOf(t *dag.Task) py.Value {
	module, name := "", t.Operator
	if i := strings.LastIndexByte(t.Operator, '.'); i >= 0 {
		module, name = t.Operator[:i], t.Operator[i+1:]
	}
	m := attrs{
		"task_id": t.ID, "label": strings.TrimPrefix(t.ID, t.Group+"."), "task_display_name": cmp.Or(t.DisplayName, t.ID), "dag_id": r.a.DAG.ID,
		"owner": cmp.Or(t.Owner, dag.DefaultOwner), "doc_md": textOrNone(t.DocMD), "task_type": name, "operator_name": name,
		"retries": t.Retries, "retry_delay": pytime.NewDelta(t.RetryDelay), "retry_exponential_backoff": t.RetryBackoff,
		"pool": t.Pool, "pool_slots": t.PoolSlots, "queue": cmp.Or(t.Queue, dag.DefaultQueue), "priority_weight": t.PriorityWeight,
		"depends_on_past": t.DependsOnPast, "wait_for_downstream": t.WaitForDownstream, "ignore_first_depends_on_past": t.IgnoreFirstDependsOnPast,
		"is_setup": t.Setup, "is_teardown": t.Teardown, "do_xcom_push": t.DoXComPush, "multiple_outputs": t.MultipleOutputs,
		"email_on_failure": t.EmailOnFailure, "email_on_retry": t.EmailOnRetry, "executor": textOrNone(t.Executor),
		"map_index_template":     textOrNone(t.MapIndexTemplate),
		"max_active_tis_per_dag": intOrNone(t.MaxActivePerDAG), "max_active_tis_per_dagrun": intOrNone(t.MaxActivePerRun),
		"trigger_rule":        &enum{class: class("airflow.task.trigger_rule", "TriggerRule"), name: strings.ToUpper(string(t.TriggerRule)), value: string(t.TriggerRule), plain: true},
		"weight_rule":         string(t.WeightRule),
		"dag":                 func() (py.Value, error) { return r.context.once("dag", r.dagObject), nil },
		"start_date":          func() (py.Value, error) { return r.when(cmp.Or(t.StartDate, r.a.DAG.StartDate)), nil },
		"end_date":            func() (py.Value, error) { return r.when(cmp.Or(t.EndDate, r.a.DAG.EndDate)), nil },
		"execution_timeout":   func() (py.Value, error) { return deltaOrNone(t.ExecutionTimeout), nil },
		"max_retry_delay":     func() (py.Value, error) { return deltaOrNone(t.MaxRetryDelay), nil },
		"upstream_task_ids":   func() (py.Value, error) { return stringSet(t.Upstream) },
		"downstream_task_ids": func() (py.Value, error) { return stringSet(r.downstream(t.ID)) },
		"params":              func() (py.Value, error) { return r.paramsOf(r.a.DAG.Params, t.Params) },
		"inlets":              func() (py.Value, error) { return r.assets(t.Inlets) },
		"outlets":             func() (py.Value, error) { return r.assets(t.Outlets) },
		"email": func() (py.Value, error) {
			switch len(t.Email) {
			case 0:
				return nil, nil
			case 1:
				return t.Email[0], nil
			}
			return py.FromGo(t.Email)
		},
	}
	for _, k := range slices.Sorted(maps.Keys(t.Args)) {
		if _, own := m[k]; !own {
			m[k] = func() (py.Value, error) { return r.fromGo(t.Args[k]) }
		}
	}
	return &object{class: class(module, name), repr: "<Task(" + name + "): " + t.ID + ">", attr: func(th *py.Thread, name string) (py.Value, bool, error) {
		// Once the arguments are rendered they are the task's; those that are mapped over are
		// known only then.
		v, rendered := r.a.Args[name]
		_, written := t.Args[name]
		if _, known := m[name]; t == r.a.Task && rendered && (written || !known) {
			found, err := r.fromGo(v)
			return found, true, err
		}
		return m.attr(th, name)
	}}
}

func (r *Renderer) downstream(id string) []string {
	var out []string
	for _, t := range r.a.DAG.Tasks {
		if slices.Contains(t.Upstream, id) {
			out = append(out, t.ID)
		}
	}
	return out
}
