package dagrun

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// runIDKey is the XCom with the id of the run that was made.
const runIDKey = "trigger_run_id"

// forever is the timeout of a wait that has none.
const forever = 100 * 365 * 24 * time.Hour

// trigger is the arguments of a TriggerDagRunOperator.
type trigger struct {
	task.Trigger
	wait, skip, failPaused bool
	// undated says that the author gave neither a date nor an id: the moment of the call is
	// the run's date.
	undated         bool
	allowed, failed []run.RunState
}

// runTrigger makes the run, unless an earlier execution of this try has, and waits.
func runTrigger(ctx context.Context, a *task.Attempt) (task.Result, error) {
	t, err := readTrigger(a)
	if err != nil {
		return task.Result{}, err
	}
	id, made, err := madeBefore(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	if !made {
		if id, err = t.make(ctx, a); err != nil {
			return task.Result{}, err
		}
	}
	if !t.wait {
		return task.Result{}, nil
	}
	// The wait is a sensor's, except that it has no end of its own.
	waiting := *a
	waiting.Args = map[string]any{"timeout": forever}
	for _, name := range []string{"poke_interval", "deferrable"} {
		if v, ok := a.Args[name]; ok {
			waiting.Args[name] = v
		}
	}
	return sensor.Run(ctx, &waiting, func(ctx context.Context) (bool, any, error) {
		return t.look(ctx, a, run.ID{DAG: t.DAG, Run: id})
	})
}

// madeBefore returns the run of an earlier execution of the same try, which gave its
// slot back while it waited.
func madeBefore(ctx context.Context, a *task.Attempt) (id string, made bool, err error) {
	if a.Instance.Reschedules == 0 {
		return "", false, nil
	}
	found, err := a.XComs.Pull(ctx, task.Pull{Tasks: []string{a.Key.Task}, Name: runIDKey, Maps: []int{a.Key.Map}})
	if err != nil {
		return "", false, err
	}
	for _, x := range found {
		if err := json.Unmarshal(x.Value, &id); err == nil && id != "" {
			return id, true, nil
		}
	}
	return "", false, nil
}

// make triggers the run and pushes its id.
func (t *trigger) make(ctx context.Context, a *task.Attempt) (string, error) {
	if t.failPaused {
		if err := t.checkPaused(ctx, a); err != nil {
			return "", err
		}
	}
	r, err := t.trigger(ctx, a)
	switch {
	case errors.Is(err, task.ErrRunExists) && t.skip:
		return "", task.Skip("skip_when_already_exists is set: %v", err)
	case errors.Is(err, task.ErrRunExists): // Airflow does not try this again either
		return "", task.Fatal(fmt.Errorf("%w: set reset_dag_run to run it again, or skip_when_already_exists", err))
	case err != nil:
		return "", fmt.Errorf("trigger a run of %s: %w", t.DAG, err)
	}
	a.Log.InfoContext(ctx, "triggered run "+r.ID.String())
	return r.ID.Run, a.XComs.Push(ctx, runIDKey, r.ID.Run)
}

// sameMoment is how many tasks may trigger a DAG in the same microsecond: the instances of a
// mapped task often do.
const sameMoment = 10000

// trigger makes the run. Moments that have a run already are left to it, which is another
// task's and nothing to clear.
func (t *trigger) trigger(ctx context.Context, a *task.Attempt) (r run.Run, err error) {
	t.Reset = t.Reset && !t.undated
	for range sameMoment {
		r, err = a.Runs.Trigger(ctx, t.Trigger)
		if !errors.Is(err, task.ErrRunExists) || !t.undated || t.skip {
			break
		}
		t.LogicalDate = new(t.LogicalDate.Add(time.Microsecond))
	}
	return r, err
}

// pauser is what Runs offers if it can tell whether a DAG is paused.
type pauser interface {
	Paused(ctx context.Context, dagID string) (bool, error)
}

func (t *trigger) checkPaused(ctx context.Context, a *task.Attempt) error {
	p, ok := a.Runs.(pauser)
	if !ok {
		return task.Misconfigured(errors.New("fail_when_dag_is_paused: whether a DAG is paused cannot be told here"))
	}
	paused, err := p.Paused(ctx, t.DAG)
	switch {
	case err != nil:
		return fmt.Errorf("fail_when_dag_is_paused: %w", err)
	case paused:
		return fmt.Errorf("DAG %s is paused, and fail_when_dag_is_paused is set", t.DAG)
	default:
		return nil
	}
}

// look says whether the run is in a state that ends the wait.
func (t *trigger) look(ctx context.Context, a *task.Attempt, id run.ID) (bool, any, error) {
	r, err := a.Runs.Find(ctx, id)
	switch {
	case err != nil:
		return false, nil, err
	case slices.Contains(t.failed, r.State):
		why := cmp.Or(r.Reason, "see its log")
		return false, nil, task.Fatal(fmt.Errorf("run %s is %s: %s", id, r.State, why))
	case slices.Contains(t.allowed, r.State):
		a.Log.InfoContext(ctx, fmt.Sprintf("run %s is %s", id, r.State))
		return true, nil, nil
	default:
		a.Log.InfoContext(ctx, fmt.Sprintf("run %s is %s, waiting", id, r.State))
		return false, nil, nil
	}
}

func readTrigger(a *task.Attempt) (t *trigger, err error) {
	t = &trigger{}
	errs := make([]error, 11)
	t.DAG, errs[0] = task.Get(a, "trigger_dag_id", "")
	t.Run, errs[1] = task.Get(a, "trigger_run_id", "")
	t.Note, errs[2] = task.Get(a, "note", "")
	t.Reset, errs[3] = task.Get(a, "reset_dag_run", false)
	t.failPaused, errs[4] = task.Get(a, "fail_when_dag_is_paused", false)
	t.wait, errs[5] = truth(a, "wait_for_completion")
	t.skip, errs[6] = truth(a, "skip_when_already_exists")
	t.LogicalDate, errs[7] = logicalDate(a)
	_, dated := a.Args["logical_date"]
	t.undated = !dated && t.Run == ""
	t.Conf, errs[8] = conf(a)
	t.allowed, errs[9] = runStates(a, "allowed_states", run.RunSuccess)
	t.failed, errs[10] = runStates(a, "failed_states", run.RunFailed)
	if len(t.allowed) == 0 {
		t.allowed = []run.RunState{run.RunSuccess} // as Airflow reads an empty list
	}
	if t.DAG == "" && errs[0] == nil {
		errs[0] = task.Misconfigured(errors.New("argument trigger_dag_id is empty"))
	}
	return t, errors.Join(errs...)
}

// truth reads a templated boolean.
func truth(a *task.Attempt, name string) (bool, error) {
	if s, ok := a.Args[name].(string); ok {
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, task.Misconfigured(fmt.Errorf("argument %s is %q, not true or false", name, s))
	}
	return task.Get(a, name, false)
}

// logicalDate is the date to run for: of this try's beginning, if none is given, so
// that doing it twice asks for the same run.
func logicalDate(a *task.Attempt) (*time.Time, error) {
	v, given := a.Args["logical_date"]
	switch v := v.(type) {
	case nil:
		if given {
			return nil, nil // a run without a date
		}
		return new(a.Now().UTC().Truncate(time.Microsecond)), nil
	case time.Time:
		return &v, nil
	case string:
		if t, ok := parseTime(v); ok {
			return &t, nil
		}
		return nil, task.Misconfigured(fmt.Errorf("argument logical_date is %q, not a time such as 2024-05-01T10:00:00+00:00", v))
	default:
		return nil, task.Misconfigured(errors.New("argument logical_date is not a time"))
	}
}

// parseTime reads what templates write of a date; without an offset it is UTC.
func parseTime(s string) (time.Time, bool) {
	s = strings.Replace(strings.TrimSpace(s), " ", "T", 1)
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04", "20060102T150405", "20060102T150405Z0700", time.DateOnly, "20060102"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// conf is the run's conf as JSON, which other tasks see as they see any: so it has to
// be nothing but JSON.
func conf(a *task.Attempt) (json.RawMessage, error) {
	m, err := task.Get(a, "conf", map[string]any(nil))
	if err != nil || m == nil {
		return nil, err
	}
	if where := notJSON("conf", m); where != "" {
		return nil, task.Misconfigured(fmt.Errorf("argument %s: conf holds texts, numbers, lists and dicts only", where))
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, task.Misconfigured(fmt.Errorf("argument conf: %w", err))
	}
	return raw, nil
}

// notJSON names the first value that JSON lacks, or nothing.
func notJSON(name string, v any) string {
	var l []any
	switch v := v.(type) {
	case nil, bool, string, int, int64, float64, json.Number:
		return ""
	case task.Tuple:
		l = v
	case []any:
		l = v
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if where := notJSON(name+"."+k, v[k]); where != "" {
				return where
			}
		}
		return ""
	default:
		return fmt.Sprintf("%s is a %T", name, v)
	}
	for i, e := range l {
		if where := notJSON(fmt.Sprintf("%s[%d]", name, i), e); where != "" {
			return where
		}
	}
	return ""
}

// runStates reads a list of states of runs.
func runStates(a *task.Attempt, name string, def run.RunState) ([]run.RunState, error) {
	l, err := task.Get(a, name, []string{string(def)})
	if err != nil {
		return nil, err
	}
	out := make([]run.RunState, len(l))
	for i, s := range l {
		if out[i] = run.RunState(s); !isRunState(out[i]) {
			return nil, task.Misconfigured(fmt.Errorf("argument %s: %q is no state of a run: use queued, running, success or failed", name, s))
		}
	}
	return out, nil
}

func isRunState(s run.RunState) bool {
	switch s {
	case run.RunQueued, run.RunRunning, run.RunSuccess, run.RunFailed:
		return true
	}
	return false
}
