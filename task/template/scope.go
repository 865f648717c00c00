package template

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// scope is Airflow's context: variables by name, made when a template first asks for them and kept.
type scope struct {
	r    *Renderer
	made map[string]py.Value
}

// Lookup implements jinja.Vars.
func (s *scope) Lookup(ctx context.Context, name string) (py.Value, bool, error) {
	if v, ok := s.made[name]; ok {
		return v, true, nil
	}
	v, ok, err := s.variable(ctx, name)
	if ok && err == nil {
		s.made[name] = v
	}
	return v, ok, err
}

// once makes a variable unless it was made before.
func (s *scope) once(name string, first func() py.Value) py.Value {
	v, ok := s.made[name]
	if !ok {
		v = first()
		s.made[name] = v
	}
	return v
}

func (s *scope) variable(ctx context.Context, name string) (py.Value, bool, error) {
	r, a := s.r, s.r.a
	some := func(v py.Value, err error) (py.Value, bool, error) { return v, true, err }
	switch name {
	case "run_id":
		return a.Run.Run, true, nil
	case "dag":
		return s.once(name, r.dagObject), true, nil
	case "task":
		return s.once(name, r.taskObject), true, nil
	case "ti", "task_instance":
		return s.once("ti", r.instanceObject), true, nil
	case "dag_run":
		return some(r.runObject())
	case "params":
		return some(r.params(true))
	case "task_instance_key_str":
		date := a.Run.Run
		if d := a.Run.LogicalDate; d != nil {
			date = d.UTC().Format("20060102")
		}
		return a.DAG.ID + "__" + a.Task.ID + "__" + date, true, nil
	case "task_reschedule_count":
		return a.Instance.Reschedules, true, nil
	case "map_index_template":
		return textOrNone(a.Task.MapIndexTemplate), true, nil
	case "partition_key", "partition_date":
		return nil, true, nil
	case "inlets":
		return some(r.assets(a.Task.Inlets))
	case "outlets":
		return some(r.assets(a.Task.Outlets))
	case "inlet_events", "outlet_events", "triggering_asset_events":
		return some(r.events(name))
	case "task_state_store":
		return &unsupported{class: class(contextModule, "TaskStateStoreAccessor"), name: name, remedy: "keep state in a variable or an XCom"}, true, nil
	case "asset_state_store":
		if len(a.Task.Inlets)+len(a.Task.Outlets) == 0 {
			return nil, false, nil
		}
		return &unsupported{class: class(contextModule, "AssetStateStoreAccessors"), name: name, remedy: "keep state in a variable or an XCom"}, true, nil
	case "macros":
		return r.macros(), true, nil
	case "var":
		return r.variables(), true, nil
	case "conn":
		return r.connections(), true, nil
	}
	return s.date(ctx, name)
}

// date answers the variables that are dates or made of one.
func (s *scope) date(ctx context.Context, name string) (py.Value, bool, error) {
	r := s.r
	switch v := task.ContextOf2(r.a.DAG, r.a.Run)[name].(type) {
	case time.Time:
		return r.clock.Pendulum(v), true, nil
	case string, bool:
		return v, true, nil
	}
	if strings.HasPrefix(name, "prev_") {
		return s.previous(ctx, name)
	}
	logical := r.a.Run.LogicalDate
	if logical == nil {
		return nil, false, nil
	}
	when := func(t *time.Time) (py.Value, bool, error) {
		if t == nil {
			return nil, true, nil
		}
		return r.clock.Pendulum(*t), true, nil
	}
	switch name {
	case "logical_date":
		return when(logical)
	case "data_interval_start":
		return when(r.a.Run.IntervalStart)
	case "data_interval_end":
		return when(r.a.Run.IntervalEnd)
	}
	if format := dateFilter(name); format != nil {
		v, err := format(py.Detached(py.Limits{}), r.clock.Pendulum(*logical))
		return v, true, err
	}
	return nil, false, nil
}

// previous answers the variables about the last successful run before this one. It is looked for once, when
// the first of them is named.
func (s *scope) previous(ctx context.Context, name string) (py.Value, bool, error) {
	var of func(p *run.Run) *time.Time
	switch name {
	case "prev_data_interval_start_success":
		of = func(p *run.Run) *time.Time { return p.IntervalStart }
	case "prev_data_interval_end_success":
		of = func(p *run.Run) *time.Time { return p.IntervalEnd }
	case "prev_start_date_success":
		of = func(p *run.Run) *time.Time { return timeOrNil(p.Start) }
	case "prev_end_date_success":
		of = func(p *run.Run) *time.Time { return timeOrNil(p.End) }
	default:
		return nil, false, nil
	}
	if s.r.a.Run.LogicalDate == nil && strings.HasPrefix(name, "prev_data_") {
		return nil, false, nil
	}
	p, err := s.r.previousRun(ctx)
	if err != nil {
		return nil, false, err
	}
	if p != nil {
		if t := of(p); t != nil {
			return s.r.clock.Pendulum(*t).AsProxy(), true, nil
		}
	}
	return lazyNone{}, true, nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// previousRun is the last successful run with a logical date before this run's; nil if there is none.
func (r *Renderer) previousRun(ctx context.Context) (*run.Run, error) {
	if r.looked || r.a.Run.LogicalDate == nil {
		return r.previous, nil
	}
	if r.cfg.Runs == nil {
		return nil, errors.New("earlier runs cannot be looked for here: prev_*_success are not available")
	}
	p, err := task.PreviousSuccess(ctx, r.cfg.Runs, r.a.Run)
	if err != nil {
		return nil, err
	}
	r.previous, r.looked = p, true
	return r.previous, nil
}
