package callable_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/operatortest"
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
