package callable_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

func TestServices(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, `
from airflow.models import Variable
from airflow.hooks.base import BaseHook
from airflow.exceptions import AirflowNotFoundException
def ask(ti):
    ti.xcom_push("k", {"s": {1}})
    Variable.set("new", "text", description="why")
    Variable.delete("old")
    c = BaseHook.get_connection("db")
    try: BaseHook.get_connection("none")
    except AirflowNotFoundException as e: missing = str(e)
    try: Variable.get("none")
    except KeyError as e: gone = str(e)
    return [ti.xcom_pull("up"), ti.xcom_pull("other"), Variable.get("v"), Variable.get("none", default_var=5), gone, missing, c.host, c.password, c.extra_dejson]
`)
	key := h.Instance.Key(h.DAGRun.ID)
	key.Task = "up"
	h.XComs.Pulled = []task.PulledXCom{{Key: key, Value: json.RawMessage(`{"__classname__":"builtins.tuple","__version__":1,"__data__":[1]}`)}}
	h.Settings.Variables = map[string]string{"v": "value", "old": "x"}
	h.Settings.Connections = map[string]settings.Connection{"db": {Type: "postgres", Host: "pg", Password: "secret", Extra: json.RawMessage(`{"sslmode":"require"}`)}}
	got, err := r.Call(t.Context(), h.Attempt(nil), function("ask"))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		task.Tuple{int64(1)}, nil, "value", int64(5), "'Variable none does not exist'", "The conn_id `none` isn't defined",
		"pg", "secret", dict{"sslmode": "require"},
	}
	if diff := cmp.Diff(want, decode(t, got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"v": "value", "new": "text"}, h.Settings.Variables); diff != "" {
		t.Error(diff)
	}
	pushed := h.XComs.Pushed["k"]
	if raw, _ := pushed.(json.RawMessage); string(raw) != `{"s":{"__classname__":"builtins.set","__version__":1,"__data__":[1]}}` {
		t.Errorf("pushed %s", pushed)
	}
	bare := h.Attempt(nil)
	bare.XComs, bare.Settings = nil, nil
	_, err = r.Call(t.Context(), bare, function("ask"))
	if said := operatortest.Outcome(err); said != "failed (task, 0): AirflowRuntimeError: XComs are not available here" {
		t.Error(said)
	}
}

// Who does not catch that something is refused is not tried again; a default is none for it.
func TestDenied(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, `
from airflow.hooks.base import BaseHook
from airflow.models import Variable
from airflow.exceptions import AirflowRuntimeError
def connection(): BaseHook.get_connection("db")
def default(): return Variable.get("key", default_var=5)
def write(): Variable.set("key", "2")
def delete(): Variable.delete("key")
def caught():
    try: BaseHook.get_connection("db")
    except AirflowRuntimeError as e: return str(e)
`)
	reg := settings.NewRegistry(settings.Config{Secrets: &settings.Secrets{
		Connections: map[string]settings.Connection{"db": {ID: "db", Type: "x", Password: "hunter2", DAGs: settings.DAGs{"etl"}}},
		Variables:   map[string]settings.Variable{"key": {Key: "key", Value: "1", DAGs: settings.DAGs{"etl"}}},
	}})
	const conn = "DAG d may not use connection `db`, which is limited to etl: allow it with `updraft connections edit db --dags etl,d`"
	const key = "DAG d may not use variable `key`, which is limited to etl: allow it with `updraft variables edit key --dags etl,d`"
	a := h.Attempt(nil)
	a.Settings = limited{reg.For("d")}
	for _, tc := range []struct{ function, want string }{
		{"connection", "fatal (config): PermissionDenied: " + conn},
		{"default", "fatal (config): PermissionDenied: " + key},
		{"write", "fatal (config): PermissionDenied: " + key},
		{"delete", "fatal (config): PermissionDenied: " + key},
	} {
		_, err := r.Call(t.Context(), a, function(tc.function))
		if said := operatortest.Outcome(err); said != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.function, said, tc.want)
		}
	}
	got, err := r.Call(t.Context(), a, function("caught"))
	if err != nil || decode(t, got) != conn {
		t.Errorf("caught %s, %v", got, err)
	}
}

// limited are settings as a DAG may use them; none can be written.
type limited struct{ r settings.Reader }

func (l limited) Connection(ctx context.Context, id string) (settings.Connection, error) {
	return l.r.Connection(ctx, id)
}

func (l limited) Variable(ctx context.Context, key string) (string, error) {
	v, err := l.r.Variable(ctx, key)
	return v.Value, err
}

func (l limited) SetVariable(ctx context.Context, v settings.Variable) error {
	return l.DeleteVariable(ctx, v.Key)
}

func (l limited) DeleteVariable(ctx context.Context, key string) error {
	_, err := l.Variable(ctx, key)
	return err
}

// Tasks that end a pipeline look at the others.
func TestInstances(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{BaseURL: "http://updraft"})
	h := attempt(t, `
def ask(dag_run, ti):
    found = dag_run.get_task_instances()
    one = dag_run.get_task_instance("up")
    failed = [x.task_id for x in ti.get_dagrun().get_task_instances(state="failed")]
    both = [x.map_index for x in dag_run.get_task_instances(state=["failed", None])]
    return [[x.task_id for x in found], one.state, one.duration, one.start_date.isoformat(), one.log_url.startswith("http://updraft/"),
            dag_run.get_task_instance("none"), failed, both, found[2].state]
`)
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h.Runs.Tasks = map[run.ID][]run.Instance{h.DAGRun.ID: {
		{Task: "up", Map: run.Unmapped, State: run.Success, Try: 1, Start: start, End: start.Add(2 * time.Second)},
		{Task: "many", Map: 0, State: run.Failed}, {Task: "many", Map: 1},
	}}
	got, err := r.Call(t.Context(), h.Attempt(nil), function("ask"))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{[]any{"up", "many", "many"}, "success", 2.0, "2026-01-02T03:04:05+00:00", true, nil, []any{"many"}, []any{int64(0), int64(1)}, nil}
	if diff := cmp.Diff(want, decode(t, got)); diff != "" {
		t.Error(diff)
	}
	bare := h.Attempt(nil)
	bare.Runs = nil
	_, err = r.Call(t.Context(), bare, function("ask"))
	if said := operatortest.Outcome(err); said != "failed (task, 0): AirflowRuntimeError: runs and their tasks cannot be looked at here" {
		t.Error(said)
	}
}

// Authors extend TriggerDagRunOperator, and call what it does.
func TestTrigger(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, `
from airflow.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.exceptions import AirflowException, AirflowSkipException, DagRunAlreadyExists
class Mine(TriggerDagRunOperator):
    def execute(self, context):
        self.conf["more"] = 2
        return super().execute(context)
def said(context, **kwargs):
    try: return Mine(task_id="t", trigger_dag_id="other", conf={"a": 1}, poke_interval=0, **kwargs).execute(context)
    except (AirflowException, AirflowSkipException) as e: return "%s: %s" % (type(e).__name__, e)
def ask(**context):
    return [said(context, trigger_run_id="one", note="why"), said(context, trigger_run_id="one"),
            said(context, trigger_run_id="one", skip_when_already_exists=True), said(context),
            said(context, trigger_run_id="done", reset_dag_run=True, logical_date="2026-01-02", wait_for_completion=True, allowed_states=["queued"]),
            said(context, trigger_run_id="two", wait_for_completion=True, failed_states=["queued"], allowed_states=["success"])]
`)
	h.Runs.Known = []run.Run{{ID: run.ID{DAG: "other", Run: "done"}, State: run.RunFailed}}
	got, err := r.Call(t.Context(), h.Attempt(nil), function("ask"))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		nil, "DagRunAlreadyExists: DAG other has the run one already: set reset_dag_run to run it again, or skip_when_already_exists",
		"AirflowSkipException: DAG other has the run one already", nil, nil, "AirflowException: the run two of other is queued",
	}
	if diff := cmp.Diff(want, decode(t, got)); diff != "" {
		t.Error(diff)
	}
	asked := h.Runs.Triggered
	if len(asked) != 6 || string(asked[0].Conf) != `{"a":1,"more":2}` || asked[0].Note != "why" || asked[0].Run != "one" || asked[3].LogicalDate == nil ||
		!asked[4].Reset || !asked[4].LogicalDate.Equal(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("triggered %+v", asked)
	}
	if diff := cmp.Diff(`"two"`, string(asJSON(t, h.XComs.Pushed["trigger_run_id"]))); diff != "" {
		t.Error(diff)
	}
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What an author's object asks to have rendered is, as an argument would be.
func TestRender(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, `
from updraft_runner import session
def ask():
    return session.current().render(["{{ ds }}", ("{{ n }}", 1)])
`)
	a := h.Attempt(nil)
	a.Templates = upper{}
	got, err := r.Call(t.Context(), a, function("ask"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"{{ DS }}", task.Tuple{"{{ N }}", int64(1)}}, decode(t, got)); diff != "" {
		t.Error(diff)
	}
	a.Templates = nil
	_, err = r.Call(t.Context(), a, function("ask"))
	if said := operatortest.Outcome(err); said != "failed (task, 0): AirflowRuntimeError: templates are not rendered here" {
		t.Error(said)
	}
}

// upper renders by making texts upper case.
type upper struct{ task.Templates }

func (u upper) Render(ctx context.Context, v any) (any, error) {
	switch v := v.(type) {
	case string:
		return strings.ToUpper(v), nil
	case []any:
		return u.each(ctx, v)
	case task.Tuple:
		list, err := u.each(ctx, v)
		return task.Tuple(list), err
	}
	return v, nil
}

func (u upper) each(ctx context.Context, list []any) ([]any, error) {
	out := make([]any, len(list))
	for i, v := range list {
		out[i], _ = u.Render(ctx, v)
	}
	return out, nil
}
