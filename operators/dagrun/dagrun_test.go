package dagrun_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/dagrun"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

const (
	triggering = "airflow.providers.standard.operators.trigger_dagrun.TriggerDagRunOperator"
	sensing    = "airflow.providers.standard.sensors.external_task.ExternalTaskSensor"
	marker     = "airflow.providers.standard.sensors.external_task.ExternalTaskMarker"
)

// began is when the try in these tests began.
var began = time.Date(2024, 5, 2, 0, 0, 1, 0, time.UTC)

func harness(t *testing.T) *operatortest.Harness {
	t.Helper()
	h := operatortest.New(t)
	h.Instance.FirstStart, h.Instance.Start = began, began
	h.Now = func() time.Time { return began.Add(time.Second) }
	return h
}

func do(t *testing.T, h *operatortest.Harness, class string, args map[string]any) error {
	t.Helper()
	_, err := h.Run(t.Context(), operatortest.Find(t, dagrun.Operators(), class), args)
	return err
}

func date(t time.Time) *time.Time { return &t }

// taken are runs of which those at some dates exist.
type taken struct {
	*operatortest.Runs
	until time.Time
}

func (r taken) Trigger(ctx context.Context, t task.Trigger) (run.Run, error) {
	if t.LogicalDate != nil && !t.LogicalDate.After(r.until) {
		return run.Run{}, task.ErrRunExists
	}
	return r.Runs.Trigger(ctx, t)
}

// The instances of a mapped task trigger at the same moment, and all of them get a run.
func TestTriggerAtTheSameMoment(t *testing.T) {
	t.Parallel()
	now := began.Add(time.Second)
	for _, tt := range []struct {
		name string
		args map[string]any
		want string
	}{
		{"undated", map[string]any{}, "success"},
		{"dated", map[string]any{"logical_date": now}, "fatal (task): run exists already: set reset_dag_run to run it again, or skip_when_already_exists"},
		{"to be skipped", map[string]any{"skip_when_already_exists": true}, "skipped: skip_when_already_exists is set: run exists already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			tt.args["trigger_dag_id"] = "other"
			a := h.Attempt(tt.args)
			a.Runs = taken{h.Runs, now.Add(2 * time.Microsecond)}
			_, err := operatortest.Find(t, dagrun.Operators(), triggering).Run(t.Context(), a)
			if got := operatortest.Outcome(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.name == "undated" && (len(h.Runs.Triggered) != 1 || !h.Runs.Triggered[0].LogicalDate.Equal(now.Add(3*time.Microsecond))) {
				t.Errorf("triggered %+v", h.Runs.Triggered)
			}
		})
	}
}

func TestTrigger(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args map[string]any
		want task.Trigger
	}{
		{"nothing", nil, task.Trigger{LogicalDate: date(began.Add(time.Second))}},
		{"all", map[string]any{
			"trigger_run_id": "mine", "logical_date": "2024-05-01T02:00:00+02:00", "note": "why", "reset_dag_run": true,
			"conf": map[string]any{"a": []any{int64(1), 1.5, nil, "x", true}, "b": task.Tuple{"y"}},
		}, task.Trigger{Run: "mine", LogicalDate: date(operatortest.Logical), Note: "why", Reset: true, Conf: json.RawMessage(`{"a":[1,1.5,null,"x",true],"b":["y"]}`)}},
		{"no date", map[string]any{"logical_date": nil}, task.Trigger{}},
		{"a day", map[string]any{"logical_date": "2024-05-01"}, task.Trigger{LogicalDate: date(operatortest.Logical)}},
		{"as Python writes it", map[string]any{"logical_date": "2024-05-01 00:00:00+00:00", "conf": map[string]any{}}, task.Trigger{LogicalDate: date(operatortest.Logical), Conf: json.RawMessage("{}")}},
		{"a time", map[string]any{"logical_date": operatortest.Logical}, task.Trigger{LogicalDate: date(operatortest.Logical)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			args := map[string]any{"trigger_dag_id": "other"}
			for k, v := range tt.args {
				args[k] = v
			}
			if err := do(t, h, triggering, args); err != nil {
				t.Fatal(err)
			}
			tt.want.DAG = "other"
			if d := cmp.Diff([]task.Trigger{tt.want}, h.Runs.Triggered); d != "" {
				t.Errorf("triggered (-want +got):\n%s", d)
			}
			want := tt.want.Run
			if want == "" {
				want = "manual__1"
			}
			if d := cmp.Diff(map[string]any{"trigger_run_id": want}, h.XComs.Pushed); d != "" {
				t.Errorf("pushed (-want +got):\n%s", d)
			}
		})
	}
}

func TestTriggerFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args map[string]any
		want string
	}{
		{"no DAG", map[string]any{"trigger_dag_id": ""}, "fatal (config): argument trigger_dag_id is empty"},
		{"date", map[string]any{"logical_date": "soon"}, `fatal (config): argument logical_date is "soon", not a time such as 2024-05-01T10:00:00+00:00`},
		{"type of date", map[string]any{"logical_date": int64(5)}, "fatal (config): argument logical_date is not a time"},
		{"conf", map[string]any{"conf": "x"}, "fatal (config): argument conf is a text, not a dict"},
		{"value in conf", map[string]any{"conf": map[string]any{"a": []any{operatortest.Logical}}}, "fatal (config): argument conf.a[0] is a time.Time: conf holds texts, numbers, lists and dicts only"},
		{"wait", map[string]any{"wait_for_completion": "maybe"}, `fatal (config): argument wait_for_completion is "maybe", not true or false`},
		{"state", map[string]any{"allowed_states": []any{"done"}}, `fatal (config): argument allowed_states: "done" is no state of a run: use queued, running, success or failed`},
		{"states", map[string]any{"failed_states": int64(1)}, "fatal (config): argument failed_states is a number, not a text or a list of texts"},
		{"exists", map[string]any{"trigger_run_id": "old"}, "fatal (task): run exists already: set reset_dag_run to run it again, or skip_when_already_exists"},
		{"exists and skip", map[string]any{"trigger_run_id": "old", "skip_when_already_exists": "True"}, "skipped: skip_when_already_exists is set: run exists already"},
		{"exists and reset", map[string]any{"trigger_run_id": "old", "reset_dag_run": true}, "success"},
		{"paused is unknown", map[string]any{"fail_when_dag_is_paused": true}, "fatal (config): fail_when_dag_is_paused: whether a DAG is paused cannot be told here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			h.Runs.Known = []run.Run{{ID: run.ID{DAG: "other", Run: "old"}, State: run.RunSuccess}}
			args := map[string]any{"trigger_dag_id": "other"}
			for k, v := range tt.args {
				args[k] = v
			}
			if got := operatortest.Outcome(do(t, h, triggering, args)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// paused knows which DAGs are paused.
type paused struct {
	*operatortest.Runs
	is  bool
	err error
}

func (p paused) Paused(context.Context, string) (bool, error) { return p.is, p.err }

func TestTriggerPaused(t *testing.T) {
	t.Parallel()
	for want, runs := range map[string]paused{
		"success": {},
		"failed: DAG other is paused, and fail_when_dag_is_paused is set": {is: true},
		"failed: fail_when_dag_is_paused: no store":                       {err: errors.New("no store")},
	} {
		h := harness(t)
		a := h.Attempt(map[string]any{"trigger_dag_id": "other", "fail_when_dag_is_paused": true})
		runs.Runs = h.Runs
		a.Runs = runs
		_, err := operatortest.Find(t, dagrun.Operators(), triggering).Run(t.Context(), a)
		if got := operatortest.Outcome(err); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A wait gives the slot back and goes on with the run that it made, once.
func TestTriggerWaits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		args  map[string]any
		state run.RunState
		want  string
	}{
		{"running", nil, run.RunRunning, "reschedule: 2024-05-02T00:00:12Z"},
		{"done", nil, run.RunSuccess, "success"},
		{"failed", nil, run.RunFailed, "fatal (task): run other/manual__1 is failed: task x failed"},
		{"failed is fine", map[string]any{"failed_states": []any{}, "allowed_states": []any{"failed"}}, run.RunFailed, "success"},
		{"nothing is allowed", map[string]any{"allowed_states": []any{}}, run.RunSuccess, "success"},
		{"running is enough", map[string]any{"allowed_states": "running"}, run.RunRunning, "success"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			args := map[string]any{"trigger_dag_id": "other", "wait_for_completion": true, "deferrable": true, "poke_interval": int64(10)}
			for k, v := range tt.args {
				args[k] = v
			}
			if got := operatortest.Outcome(do(t, h, triggering, args)); got != "reschedule: 2024-05-02T00:00:12Z" {
				t.Fatalf("first execution: %s", got)
			}
			h.Runs.Known[0].State, h.Runs.Known[0].Reason = tt.state, "task x failed"
			h.Instance.Reschedules = 1
			h.XComs.Pulled = []task.PulledXCom{{Key: h.Instance.Key(h.DAGRun.ID), Value: json.RawMessage(`"manual__1"`)}}
			if got := operatortest.Outcome(do(t, h, triggering, args)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if len(h.Runs.Triggered) != 1 {
				t.Errorf("triggered %d times", len(h.Runs.Triggered))
			}
			h.Runs.Known = nil
			if err := do(t, h, triggering, args); err == nil || !strings.HasSuffix(err.Error(), "run other/manual__1: not found") {
				t.Errorf("a run that is gone: %v", err)
			}
		})
	}
}

func TestExternal(t *testing.T) {
	t.Parallel()
	const again = "reschedule: 2024-05-02T00:01:02Z"
	type m = map[string]any
	id := run.ID{DAG: "up", Run: "r"}
	other := &dag.DAG{ID: "up", Tasks: []*dag.Task{dag.NewTask("a", ""), dag.NewTask("g.b", ""), dag.NewTask("g.c", "")}, Groups: []*dag.Group{{ID: "g"}, {ID: "empty"}}}
	other.Tasks[1].Group, other.Tasks[2].Group = "g", "g"
	ti := func(name string, index int, s run.State) run.Instance {
		return run.Instance{Task: name, Map: index, State: s}
	}
	one := func(s run.State) []run.Instance { return []run.Instance{ti("a", run.Unmapped, s)} }
	tests := []struct {
		name string
		args m
		// state of the run at the logical date; empty for none.
		state  run.RunState
		tasks  []run.Instance
		python *operatortest.Python
		want   string
	}{
		{name: "no run", want: again},
		{name: "run", state: run.RunSuccess, want: "success"},
		{name: "run not done", state: run.RunRunning, want: again},
		{name: "failed run is waited for", state: run.RunFailed, want: again},
		{name: "failed run", state: run.RunFailed, args: m{"failed_states": []any{"failed"}}, want: "failed: DAG up at 2024-05-01T00:00:00Z: run r is failed"},
		{name: "failed run, softly", state: run.RunFailed, args: m{"failed_states": []any{"failed"}, "soft_fail": true}, want: "skipped: soft_fail is set: DAG up at 2024-05-01T00:00:00Z: run r is failed"},
		{name: "turned around", state: run.RunFailed, args: m{"failed_states": []any{"success"}, "allowed_states": []any{"failed"}}, want: "success"},
		{name: "skipped run", state: run.RunFailed, args: m{"skipped_states": []any{"failed"}}, want: "skipped: DAG up at 2024-05-01T00:00:00Z: run r is failed"},
		{name: "another day", state: run.RunSuccess, args: m{"execution_delta": 24 * time.Hour}, want: again},

		{name: "task", state: run.RunRunning, tasks: one(run.Success), args: m{"external_task_id": "a"}, want: "success"},
		{name: "task not done", state: run.RunRunning, tasks: one(run.Running), args: m{"external_task_id": "a"}, want: again},
		{name: "no such task", state: run.RunSuccess, tasks: one(run.Success), args: m{"external_task_id": "x"}, want: again},
		{name: "one of two", state: run.RunRunning, tasks: append(one(run.Success), ti("g.b", run.Unmapped, run.Running)), args: m{"external_task_ids": []any{"a", "g.b"}}, want: again},
		{name: "both", state: run.RunRunning, tasks: append(one(run.Success), ti("g.b", run.Unmapped, run.Skipped)), args: m{"external_task_ids": []any{"a", "g.b"}, "allowed_states": []any{"success", "skipped"}}, want: "success"},
		{name: "one failed", state: run.RunRunning, tasks: append(one(run.Failed), ti("g.b", run.Unmapped, run.Skipped)),
			args: m{"external_task_ids": []any{"a", "g.b"}, "failed_states": []any{"failed"}, "skipped_states": []any{"skipped"}}, want: "failed: task a, g.b of DAG up at 2024-05-01T00:00:00Z: a is failed"},
		{name: "mapped", state: run.RunRunning, tasks: []run.Instance{ti("a", 0, run.Success), ti("a", 1, run.Success), ti("a", 2, run.Removed)}, args: m{"external_task_id": "a"}, want: "success"},
		{name: "mapped, one not done", state: run.RunRunning, tasks: []run.Instance{ti("a", 0, run.Success), ti("a", 1, run.Running)}, args: m{"external_task_id": "a"}, want: again},

		{name: "group", state: run.RunRunning, tasks: []run.Instance{ti("g.b", -1, run.Success), ti("g.c", -1, run.Success)}, args: m{"external_task_group_id": "g"}, want: "success"},
		{name: "group not begun", state: run.RunRunning, tasks: []run.Instance{ti("g.b", -1, run.None), ti("g.c", -1, run.None)}, args: m{"external_task_group_id": "g"}, want: again},
		{name: "group failed", state: run.RunRunning, tasks: []run.Instance{ti("g.b", -1, run.Failed), ti("g.c", -1, run.None)}, args: m{"external_task_group_id": "g", "failed_states": []any{"failed"}},
			want: "failed: group g of DAG up at 2024-05-01T00:00:00Z: g.b is failed"},
		{name: "empty group", state: run.RunSuccess, args: m{"external_task_group_id": "empty"}, want: again},

		{name: "function", state: run.RunSuccess, args: m{"execution_date_fn": dag.Callable{Path: "m.f"}}, python: &operatortest.Python{Value: mustEncode(t, operatortest.Logical)}, want: "success"},
		{name: "function with two days", state: run.RunSuccess, args: m{"execution_date_fn": dag.Callable{Path: "m.f"}}, python: &operatortest.Python{Value: mustEncode(t, []any{operatortest.Logical, began})}, want: again},
		{name: "function with another zone", state: run.RunSuccess, args: m{"execution_date_fn": dag.Callable{Path: "m.f"}}, python: &operatortest.Python{Value: json.RawMessage(
			`{"__classname__":"pendulum.datetime.DateTime","__version__":2,"__data__":{"timestamp":1714521600.0,"tz":{"__classname__":"builtins.tuple","__version__":1,"__data__":["Europe/Berlin","x",1,true]}}}`)}, want: "success"},
		{name: "function without a date", args: m{"execution_date_fn": dag.Callable{Path: "m.f"}}, python: &operatortest.Python{Value: json.RawMessage("5")}, want: "failed: execution_date_fn returned something that is no datetime, nor a list of them"},
		{name: "function that fails", args: m{"execution_date_fn": dag.Callable{Path: "m.f"}}, python: &operatortest.Python{Err: errors.New("KeyError: x")}, want: "failed: KeyError: x"},

		{name: "exists", state: run.RunSuccess, args: m{"check_existence": true}, want: "success"},
		{name: "no DAG", args: m{"check_existence": true, "external_dag_id": "nix"}, want: "failed: check_existence: there is no DAG nix"},
		{name: "no task", args: m{"check_existence": true, "external_task_ids": []any{"a", "x"}}, want: "failed: check_existence: DAG up has no task x"},
		{name: "no group", args: m{"check_existence": true, "external_task_group_id": "x"}, want: "failed: check_existence: DAG up has no group x"},
		{name: "deferrable", args: m{"deferrable": true, "mode": "poke"}, want: "reschedule: 2024-05-02T00:00:04Z"},
		{name: "deferrable with an interval", args: m{"deferrable": true, "poll_interval": int64(7)}, want: "reschedule: 2024-05-02T00:00:09Z"},

		{name: "empty", args: m{"external_dag_id": ""}, want: "fatal (config): argument external_dag_id is empty"},
		{name: "task and tasks", args: m{"external_task_id": "a", "external_task_ids": []any{"b"}}, want: "fatal (config): arguments external_task_id and external_task_ids are both set: keep one"},
		{name: "task and group", args: m{"external_task_id": "a", "external_task_group_id": "b"}, want: "fatal (config): arguments external_task_group_id and external_task_id(s) are both set: keep one"},
		{name: "delta and function", args: m{"execution_delta": time.Hour, "execution_date_fn": dag.Callable{Path: "m.f"}}, want: "fatal (config): arguments execution_delta and execution_date_fn are both set: keep one"},
		{name: "twice", args: m{"external_task_ids": []any{"a", "a"}}, want: "fatal (config): argument external_task_ids has a task twice"},
		{name: "state twice", args: m{"failed_states": []any{"success"}}, want: `fatal (config): state "success" is there twice in allowed_states, skipped_states and failed_states`},
		{name: "state of a run", args: m{"failed_states": []any{"skipped"}}, want: `fatal (config): "skipped" is no state of a run: use queued, running, success or failed`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			h.Instance.FirstStart = time.Time{}
			h.Runs.DAGs = map[string]*dag.DAG{"up": other}
			if tt.state != "" {
				h.Runs.Known = []run.Run{{ID: id, State: tt.state, LogicalDate: date(operatortest.Logical)}}
				h.Runs.Tasks = map[run.ID][]run.Instance{id: tt.tasks}
			}
			if tt.python != nil {
				h.Python = tt.python
			}
			args := m{"external_dag_id": "up", "mode": "reschedule"}
			for k, v := range tt.args {
				args[k] = v
			}
			if got := operatortest.Outcome(do(t, h, sensing, args)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.python != nil && (len(tt.python.Calls) != 1 || tt.python.Calls[0].NoContext || !cmp.Equal(tt.python.Calls[0].Args, []any{operatortest.Logical})) {
				t.Errorf("calls: %+v", tt.python.Calls)
			}
		})
	}
}

// A run without a logical date looks at the time after which it was due.
func TestExternalWithoutDate(t *testing.T) {
	t.Parallel()
	h := harness(t)
	h.DAGRun.LogicalDate = nil
	h.Runs.Known = []run.Run{{ID: run.ID{DAG: "up", Run: "r"}, State: run.RunSuccess, LogicalDate: date(h.DAGRun.RunAfter)}}
	if err := do(t, h, sensing, map[string]any{"external_dag_id": "up"}); err != nil {
		t.Error(err)
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	args := map[string]any{"external_dag_id": "down", "external_task_id": "wait", "recursion_depth": int64(3)}
	if err := do(t, harness(t), marker, args); err != nil {
		t.Error(err)
	}
	args["recursion_depth"] = int64(0)
	if got := operatortest.Outcome(do(t, harness(t), marker, args)); got != "fatal (config): argument recursion_depth is 0: it has to be above 0" {
		t.Error(got)
	}
}

func mustEncode(t *testing.T, v any) json.RawMessage {
	t.Helper()
	raw, err := task.EncodeXCom(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
