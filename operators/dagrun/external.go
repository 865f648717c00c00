package dagrun

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// external is the arguments of an ExternalTaskSensor.
type external struct {
	dagID, group string
	tasks        []string
	// The states, by name: those of tasks, or of runs.
	allowed, skipped, failed []string
	check, soft              bool
}

// runExternal executes an ExternalTaskSensor.
func runExternal(ctx context.Context, a *task.Attempt) (task.Result, error) {
	e, err := readExternal(a)
	if err != nil {
		return task.Result{}, err
	}
	waiting := *a
	if async, err := task.Get(a, "deferrable", false); err != nil {
		return task.Result{}, err
	} else if async { // then Airflow looks as often as this says
		waiting.Args = maps.Clone(a.Args)
		waiting.Args["poke_interval"] = 2 * time.Second
		if v := a.Args["poll_interval"]; v != nil {
			waiting.Args["poke_interval"] = v
		}
	}
	return sensor.Run(ctx, &waiting, func(ctx context.Context) (bool, any, error) {
		done, err := e.poke(ctx, a)
		return done, nil, err
	})
}

func readExternal(a *task.Attempt) (*external, error) {
	e := &external{}
	var one string
	errs := make([]error, 9)
	e.dagID, errs[0] = task.Get(a, "external_dag_id", "")
	one, errs[1] = task.Get(a, "external_task_id", "")
	e.tasks, errs[2] = task.Get(a, "external_task_ids", []string(nil))
	e.group, errs[3] = task.Get(a, "external_task_group_id", "")
	e.allowed, errs[4] = task.Get(a, "allowed_states", []string(nil))
	e.skipped, errs[5] = task.Get(a, "skipped_states", []string(nil))
	e.failed, errs[6] = task.Get(a, "failed_states", []string(nil))
	e.check, errs[7] = task.Get(a, "check_existence", false)
	e.soft, errs[8] = task.Get(a, "soft_fail", false)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(e.allowed) == 0 {
		e.allowed = []string{run.Success.String()}
	}
	switch {
	case e.dagID == "":
		return nil, task.Misconfigured(errors.New("argument external_dag_id is empty"))
	case one != "" && len(e.tasks) > 0:
		return nil, task.Misconfigured(errors.New("arguments external_task_id and external_task_ids are both set: keep one"))
	case e.group != "" && (one != "" || len(e.tasks) > 0):
		return nil, task.Misconfigured(errors.New("arguments external_task_group_id and external_task_id(s) are both set: keep one"))
	case a.Args["execution_delta"] != nil && a.Args["execution_date_fn"] != nil:
		return nil, task.Misconfigured(errors.New("arguments execution_delta and execution_date_fn are both set: keep one"))
	}
	if one != "" {
		e.tasks = []string{one}
	}
	if sorted := slices.Sorted(slices.Values(e.tasks)); len(slices.Compact(sorted)) < len(e.tasks) {
		return nil, task.Misconfigured(errors.New("argument external_task_ids has a task twice"))
	}
	return e, e.checkStates()
}

// checkStates refuses unknown states, and those that mean two things.
func (e *external) checkStates() error {
	seen := map[string]bool{}
	for _, s := range slices.Concat(e.allowed, e.skipped, e.failed) {
		if seen[s] {
			return task.Misconfigured(fmt.Errorf("state %q is there twice in allowed_states, skipped_states and failed_states", s))
		}
		seen[s] = true
		if e.ofRun() {
			if !isRunState(run.RunState(s)) {
				return task.Misconfigured(fmt.Errorf("%q is no state of a run: use queued, running, success or failed", s))
			}
		} else if _, err := run.ParseState(s); err != nil {
			return task.Misconfigured(err)
		}
	}
	return nil
}

// ofRun says that the sensor waits for a run, not for tasks of it.
func (e *external) ofRun() bool { return e.group == "" && len(e.tasks) == 0 }

// String names what is waited for.
func (e *external) String() string {
	switch {
	case e.group != "":
		return "group " + e.group + " of DAG " + e.dagID
	case len(e.tasks) > 0:
		return "task " + strings.Join(e.tasks, ", ") + " of DAG " + e.dagID
	default:
		return "DAG " + e.dagID
	}
}

// poke looks at each date: one failed or skipped state decides, otherwise all have to
// be in the allowed ones.
func (e *external) poke(ctx context.Context, a *task.Attempt) (bool, error) {
	dates, err := e.dates(ctx, a)
	if err != nil {
		return false, err
	}
	texts := make([]string, len(dates))
	for i, d := range dates {
		texts[i] = d.UTC().Format(time.RFC3339Nano)
	}
	a.Log.InfoContext(ctx, fmt.Sprintf("poking for %s at %s", e, strings.Join(texts, ", ")))
	if e.check {
		if err := e.exists(ctx, a); err != nil {
			return false, err
		}
	}
	done := len(dates) > 0
	var skipped string
	for i, date := range dates {
		states, err := e.states(ctx, a, date)
		if err != nil {
			return false, err
		}
		done = done && len(states) > 0
		for _, name := range slices.Sorted(maps.Keys(states)) {
			s := states[name]
			switch {
			case slices.Contains(e.failed, s):
				err := fmt.Errorf("%s at %s: %s is %s", e, texts[i], name, s)
				if e.soft {
					return false, task.Skip("soft_fail is set: %v", err)
				}
				return false, err
			case slices.Contains(e.skipped, s):
				skipped = fmt.Sprintf("%s at %s: %s is %s", e, texts[i], name, s)
			case !slices.Contains(e.allowed, s):
				done = false
			}
		}
	}
	if skipped != "" {
		return false, task.Skip("%s", skipped)
	}
	return done, nil
}

// dates are the logical dates to look at.
func (e *external) dates(ctx context.Context, a *task.Attempt) ([]time.Time, error) {
	own := a.Run.RunAfter // of a run without a logical date, as in Airflow
	if a.Run.LogicalDate != nil {
		own = *a.Run.LogicalDate
	}
	delta, err := task.Get(a, "execution_delta", time.Duration(0))
	if err != nil {
		return nil, err
	}
	fn, err := task.Get(a, "execution_date_fn", dag.Callable{})
	if err != nil {
		return nil, err
	}
	if fn == (dag.Callable{}) {
		return []time.Time{own.Add(-delta)}, nil
	}
	raw, err := a.Python.Call(ctx, a, task.PythonCall{Callable: fn, Args: []any{own}})
	if err != nil {
		return nil, err
	}
	v, err := task.DecodeXCom(raw)
	if err != nil {
		return nil, fmt.Errorf("execution_date_fn: %w", err)
	}
	l, ok := v.([]any)
	if t, isTuple := v.(task.Tuple); isTuple {
		l, ok = t, true
	}
	if !ok {
		l = []any{v}
	}
	out := make([]time.Time, len(l))
	for i, d := range l {
		if out[i], ok = moment(d); !ok {
			return nil, fmt.Errorf("execution_date_fn returned something that is no datetime, nor a list of them")
		}
	}
	return out, nil
}

// moment reads a decoded datetime; those in other zones than UTC are tagged still.
func moment(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		return parseTime(v)
	case map[string]any:
		class, _ := v["__classname__"].(string)
		data, _ := v["__data__"].(map[string]any)
		seconds, ok := data["timestamp"].(float64)
		if n, isInt := data["timestamp"].(int64); isInt {
			seconds, ok = float64(n), true
		}
		if ok && (class == "datetime.datetime" || class == "pendulum.datetime.DateTime") && seconds > -1e11 && seconds < 1e12 {
			return time.UnixMicro(int64(seconds * 1e6)).UTC(), true
		}
	}
	return time.Time{}, false
}

// states are the states of what is waited for, by name; none if it is not there yet.
func (e *external) states(ctx context.Context, a *task.Attempt, date time.Time) (map[string]string, error) {
	r, err := a.Runs.FindByDate(ctx, e.dagID, date)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if e.ofRun() {
		return map[string]string{"run " + r.ID.Run: string(r.State)}, nil
	}
	tasks := e.tasks
	if e.group != "" {
		d, err := a.Runs.DAG(ctx, e.dagID)
		if err != nil {
			return nil, err
		}
		for _, t := range d.Members(e.group) {
			tasks = append(tasks, t.ID)
		}
		if len(tasks) == 0 {
			return nil, nil
		}
	}
	instances, err := a.Runs.Instances(ctx, r.ID, tasks...)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(instances))
	for _, t := range tasks {
		out[t] = run.None.String()
	}
	for i := range instances {
		delete(out, instances[i].Task)
	}
	for i := range instances {
		if instances[i].State != run.Removed { // of a list that has become shorter
			out[instances[i].Name()] = instances[i].State.String()
		}
	}
	return out, nil
}

// exists fails if there is nothing to wait for.
func (e *external) exists(ctx context.Context, a *task.Attempt) error {
	d, err := a.Runs.DAG(ctx, e.dagID)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("check_existence: there is no DAG %s", e.dagID)
	}
	if err != nil {
		return err
	}
	for _, t := range e.tasks {
		if d.Task(t) == nil {
			return fmt.Errorf("check_existence: DAG %s has no task %s", e.dagID, t)
		}
	}
	if e.group != "" && d.Group(e.group) == nil {
		return fmt.Errorf("check_existence: DAG %s has no group %s", e.dagID, e.group)
	}
	return nil
}

// runMarker is executed if a marker has callbacks or outlets.
func runMarker(_ context.Context, a *task.Attempt) (task.Result, error) {
	depth, err := task.Get(a, "recursion_depth", 10)
	if err == nil && depth <= 0 {
		err = task.Misconfigured(fmt.Errorf("argument recursion_depth is %d: it has to be above 0", depth))
	}
	return task.Result{}, err
}
