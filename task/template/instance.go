package template

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/jinja/pytime"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

const generated = "airflow.sdk.api.datamodels._generated"

// instanceObject is the variable ti.
func (r *Renderer) instanceObject() py.Value {
	a := r.a
	i := a.Instance
	o := &object{class: class("airflow.sdk.execution_time.task_runner", "RuntimeTaskInstance")}
	o.repr = fmt.Sprintf("RuntimeTaskInstance(task_id='%s', dag_id='%s', run_id='%s', try_number=%d, map_index=%d)", i.Task, a.DAG.ID, a.Run.Run, i.Try, i.Map)
	m := attrs{
		"task_id": i.Task, "dag_id": a.DAG.ID, "run_id": a.Run.Run, "try_number": i.Try, "map_index": i.Map, "max_tries": i.MaxTries,
		"hostname": r.cfg.Hostname, "pool": i.Pool, "log_url": r.logURL(), "is_mapped": i.Map >= 0,
		"state":                    &enum{class: class(generated, "TaskInstanceState"), name: "RUNNING", value: "running"},
		"task":                     func() (py.Value, error) { return r.context.once("task", r.taskObject), nil },
		"start_date":               func() (py.Value, error) { return r.stamp(timeOrNil(i.Start)), nil },
		"end_date":                 nil,
		"rendered_map_index":       nil,
		"_cached_template_context": nil,
	}
	if a.DAG.Compat == 2 {
		m["execution_date"] = r.when(a.Run.LogicalDate)
	}
	m["xcom_pull"] = &py.Func{Name: "xcom_pull", Owner: o, Fn: r.xcomPull}
	m["xcom_push"] = method(o, "xcom_push", func(th *py.Thread, args []py.Value) (py.Value, error) {
		if a.XComs == nil {
			return nil, errors.New("XComs are not available here")
		}
		key, ok := py.IsString(args[0])
		if !ok {
			return nil, py.TypeError("xcom_push() needs a str as key, not %s", py.TypeOf(args[0]).Name)
		}
		v, err := toGo(th, args[1])
		if err != nil {
			return nil, err
		}
		return nil, a.XComs.Push(th.Context(), key, v)
	}, "key", "value")
	o.attr = m.attr
	return o
}

// logURL is where people find the attempt's log.
func (r *Renderer) logURL() string {
	base := strings.TrimSuffix(r.cfg.BaseURL, "/")
	if base == "" {
		return ""
	}
	i := r.a.Instance
	link := base + "/dags/" + url.PathEscape(r.a.DAG.ID) + "/runs/" + url.PathEscape(r.a.Run.Run) + "/tasks/" + url.PathEscape(i.Task)
	if i.Map >= 0 {
		link += fmt.Sprintf("/mapped/%d", i.Map)
	}
	return fmt.Sprintf("%s?try_number=%d", link, i.Try)
}

// when is a date of the DAG, as pendulum has it; stamp one of a run, as Airflow's models have it.
func (r *Renderer) when(t *time.Time) py.Value {
	if t == nil {
		return nil
	}
	return r.clock.Pendulum(*t)
}

func (r *Renderer) stamp(t *time.Time) py.Value {
	if t == nil {
		return nil
	}
	return r.clock.Datetime(*t)
}

// runObject is the variable dag_run.
func (r *Renderer) runObject() (py.Value, error) {
	d := r.a.Run
	conf, err := r.conf()
	if err != nil {
		return nil, err
	}
	m := attrs{
		"dag_id": d.DAG, "run_id": d.Run, "conf": conf, "clear_number": d.Clears, "note": textOrNone(d.Note),
		"run_type":     &enum{class: class(generated, "DagRunType"), name: strings.ToUpper(string(d.Type)), value: string(d.Type)},
		"state":        &enum{class: class(generated, "DagRunState"), name: strings.ToUpper(string(d.State)), value: string(d.State)},
		"logical_date": r.stamp(d.LogicalDate), "data_interval_start": r.stamp(d.IntervalStart), "data_interval_end": r.stamp(d.IntervalEnd),
		"run_after": r.stamp(timeOrNil(d.RunAfter)), "start_date": r.stamp(timeOrNil(d.Start)), "end_date": r.stamp(timeOrNil(d.End)),
		"triggering_user_name": nil, "partition_key": nil, "partition_date": nil,
		"consumed_asset_events": func() (py.Value, error) { return r.eventList(d.Events) },
	}
	if r.a.DAG.Compat == 2 {
		m["execution_date"], m["external_trigger"] = r.when(d.LogicalDate), d.Type == run.TypeManual
	}
	return &object{class: class(generated, "DagRun"), repr: "DagRun(dag_id='" + d.DAG + "', run_id='" + d.Run + "')", attr: m.attr}, nil
}

// conf is the run's conf, one dict for all who look at it.
func (r *Renderer) conf() (py.Value, error) {
	if v, ok := r.context.made["conf of the run"]; ok {
		return v, nil
	}
	v, err := confOf(r.a.Run)
	if err == nil {
		r.context.made["conf of the run"] = v
	}
	return v, err
}

func confOf(d *run.Run) (py.Value, error) {
	if len(d.Conf) == 0 {
		return py.NewDict(), nil
	}
	v, err := py.LoadJSON(py.Detached(py.Limits{}), string(d.Conf))
	if err != nil {
		return nil, fmt.Errorf("conf of run %s: %w", d.Run, err)
	}
	if v == nil {
		return py.NewDict(), nil
	}
	return v, nil
}

// params are the values for this run: defaults of the DAG, then of the task, then, if asked for, conf.
func (r *Renderer) params(withConf bool) (py.Value, error) {
	d, err := r.defaults(r.a.DAG.Params, r.a.Task.Params)
	if err != nil || !withConf {
		return d, err
	}
	conf, err := confOf(r.a.Run)
	if err != nil {
		return nil, err
	}
	if c, ok := conf.(*py.Dict); ok {
		for k, v := range c.All {
			if err := d.Set(k, v); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

func (r *Renderer) defaults(lists ...[]dag.Param) (*py.Dict, error) {
	d := py.NewDict()
	for _, list := range lists {
		for _, p := range list {
			v, err := r.fromGo(p.Default)
			if err != nil {
				return nil, fmt.Errorf("param %s: %w", p.Name, err)
			}
			d.SetStr(p.Name, v)
		}
	}
	return d, nil
}

// paramsDict is the attribute params of a DAG or task.
type paramsDict struct{ *py.Dict }

func (r *Renderer) paramsOf(lists ...[]dag.Param) (py.Value, error) {
	d, err := r.defaults(lists...)
	return &paramsDict{d}, err
}

// Type is ParamsDict.
func (*paramsDict) Type() *py.Type { return class("airflow.sdk.definitions.param", "ParamsDict") }

// Repr is that of a dict.
func (p *paramsDict) Repr(th *py.Thread) (string, error) { return py.Repr(th, p.Dict) }

// Item is that of a dict.
func (p *paramsDict) Item(th *py.Thread, key py.Value) (py.Value, error) {
	return py.Item(th, p.Dict, key)
}

// Iter walks the names.
func (p *paramsDict) Iter(th *py.Thread) (py.Iterator, error) { return py.Iter(th, p.Dict) }

// Attr answers the methods of a dict, and dump.
func (p *paramsDict) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	if name == "dump" {
		return method(p, name, func(*py.Thread, []py.Value) (py.Value, error) { return p.Copy(), nil }), true, nil
	}
	return py.Getattr(th, p.Dict, name)
}

// xcomPull is ti.xcom_pull.
func (r *Renderer) xcomPull(th *py.Thread, a py.Args) (py.Value, error) {
	args, err := py.Bind("RuntimeTaskInstance.xcom_pull", a, "task_ids?", "dag_id?", "key?", "include_prior_dates?", "*", "map_indexes?", "default?", "run_id?")
	if err != nil {
		return nil, err
	}
	if r.a.XComs == nil {
		return nil, errors.New("XComs are not available here")
	}
	tasks, one, err := texts(th, args[0], r.a.Task.ID)
	if err != nil {
		return nil, err
	}
	var q task.Pull
	q.DAG, _ = py.IsString(args[1])
	q.Name = dag.ReturnValue
	if key, ok := py.IsString(py.Or(args[2], dag.ReturnValue)); ok {
		q.Name = key
	}
	if q.PriorDates, err = py.Truth(th, py.Or(args[3], false)); err != nil {
		return nil, err
	}
	q.Run, _ = py.IsString(args[6])
	out := py.NewList()
	if args[4] == py.Missing {
		for _, id := range tasks {
			q.Tasks = []string{id}
			found, err := r.pull(th, q)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				found = []py.Value{nil}
			}
			out.Items = append(out.Items, found...)
		}
		// Airflow answers a list of all runs when it may look at earlier ones.
		if one && len(out.Items) == 1 && !q.PriorDates {
			return out.Items[0], nil
		}
		return out, nil
	}
	indexes, oneIndex, err := mapIndexes(th, args[4])
	if err != nil {
		return nil, err
	}
	for _, id := range tasks {
		for _, i := range indexes {
			q.Tasks, q.Maps = []string{id}, i
			found, err := r.pull(th, q)
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, append(found, nil)[0])
		}
	}
	if one && oneIndex {
		return out.Items[0], nil
	}
	return out, nil
}

func (r *Renderer) pull(th *py.Thread, q task.Pull) ([]py.Value, error) {
	found, err := r.a.XComs.Pull(th.Context(), q)
	if err != nil {
		return nil, err
	}
	out := make([]py.Value, len(found))
	for i, x := range found {
		if err := th.Alloc(len(x.Value)); err != nil {
			return nil, err
		}
		if out[i], err = r.fromXCom(x.Value); err != nil {
			return nil, fmt.Errorf("XCom %s of %s: %w", q.Name, x.Key, err)
		}
	}
	return out, nil
}

// texts reads a text or several; one says that it was one, or none and so def.
func texts(th *py.Thread, v py.Value, def string) (list []string, one bool, err error) {
	if v = py.Or(v, nil); v == nil {
		return []string{def}, true, nil
	}
	if s, ok := py.IsString(v); ok {
		return []string{s}, true, nil
	}
	items, err := py.Collect(th, v)
	if err != nil {
		return nil, false, err
	}
	for _, e := range items {
		s, ok := py.IsString(e)
		if !ok {
			return nil, false, py.TypeError("task_ids must be str, not %s", py.TypeOf(e).Name)
		}
		list = append(list, s)
	}
	return list, false, nil
}

// mapIndexes reads what map_indexes may be: None is any, which is the first.
func mapIndexes(th *py.Thread, v py.Value) (list [][]int, one bool, err error) {
	if v == nil {
		return [][]int{nil}, true, nil
	}
	if n, ok := py.AsInt(v); ok {
		return [][]int{{n}}, true, nil
	}
	if _, ok := py.IsString(v); ok {
		return nil, false, py.TypeError("Invalid type for map_indexes: expected int, iterable, or None, got <class 'str'>")
	}
	items, err := py.Collect(th, v)
	if err != nil {
		return nil, false, err
	}
	for _, e := range items {
		n, ok := py.AsInt(e)
		if !ok {
			return nil, false, py.TypeError("map_indexes must be int, not %s", py.TypeOf(e).Name)
		}
		list = append(list, []int{n})
	}
	return list, false, nil
}

func textOrNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func intOrNone(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func deltaOrNone(d time.Duration) py.Value {
	if d == 0 {
		return nil
	}
	return pytime.NewDelta(d)
}

func stringSet(list []string) (py.Value, error) {
	s, err := py.NewSet()
	for _, e := range list {
		if err == nil {
			err = s.Add(e)
		}
	}
	return s, err
}
