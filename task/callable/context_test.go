package callable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task/callable"
)

// wantContext is what the callable sees; conf, which people write, makes no objects.
const wantContext = `by uri, name, asset: [2, true, 2, null]
dag: {"dag_id": "d", "tags": ["x"], "owner": "airflow, me", "params": {"a": 1, "b": 2.0, "c": ["2024-05-01T00:00:00Z"]}, "fileloc": "DIR/d.yaml", "timezone": "UTC", "start_date": "2024-05-01 00:00:00+00:00"}
dag_run: {"run_id": "scheduled__2024-05-01T00:00:00+00:00", "run_type": "manual", "logical_date": "2024-05-01 00:00:00+00:00", "data_interval_start": "2024-05-01 00:00:00+00:00", "data_interval_end": "2024-05-02 00:00:00+00:00", "run_after": "2024-05-02 00:00:00+00:00", "conf": {"b": {"__classname__": "os.system", "__version__": 0, "__data__": "id"}, "d": 12345678901234567890}, "external_trigger": true, "state": "running", "note": null}
ds: "2024-05-01"
inlets: ["s3://in"]
map_index_template: null
outlets: [["out", "asset", {"k": "v"}]]
params: {"a": "of the task", "b": {"__classname__": "os.system", "__data__": "id", "__version__": 0}, "c": ["2024-05-01T00:00:00Z"], "d": 12345678901234567890}
prev_start_date_success: "None"
run_id: "scheduled__2024-05-01T00:00:00+00:00"
task: {"task_id": "t", "operator": "PythonOperator", "owner": "me", "retries": 2, "retry_delay": "0:01:30", "execution_timeout": null, "params": {"a": "of the task", "b": 2.0, "c": ["2024-05-01T00:00:00Z"]}, "upstream_task_ids": [], "downstream_task_ids": ["below"], "label": "t", "email": []}
task_reschedule_count: 4
ti: {"task_id": "t", "dag_id": "d", "run_id": "scheduled__2024-05-01T00:00:00+00:00", "map_index": 3, "try_number": 2, "max_tries": 2, "start_date": "2024-05-01 00:00:00.500000+00:00", "hostname": "host", "operator": "PythonOperator", "queue": "default", "pool": "p", "state": "running", "log_url": "https://up/dags/d/runs/scheduled__2024-05-01T00:00:00+00:00/tasks/t/mapped/3?try_number=2", "is_mapped": true, "end_date": null}
triggers: [["in", [["2024-05-01 00:00:00+00:00", {"n": 1}, "s"], ["2024-05-01 01:00:00+00:00", {}, null]]], ["x", [["2024-05-01 00:00:00+00:00", {}, null]]]]`

func TestContext(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{Hostname: "host", BaseURL: "https://up/", Runs: past{}})
	h := attempt(t, `
names = {
    "ti": "task_id dag_id run_id map_index try_number max_tries start_date hostname operator queue pool state log_url is_mapped end_date",
    "dag_run": "run_id run_type logical_date data_interval_start data_interval_end run_after conf external_trigger state note",
    "dag": "dag_id tags owner params fileloc timezone start_date",
    "task": "task_id operator owner retries retry_delay execution_timeout params upstream_task_ids downstream_task_ids label email",
}
import json
def show(**context):
    def text(v): return v if v is None or isinstance(v, (str, int, list, dict)) else str(v)
    out = {n: {a: text(getattr(context[n], a)) for a in attrs.split()} for n, attrs in names.items()}
    out.update((n, text(context[n])) for n in "params ds run_id task_reschedule_count map_index_template prev_start_date_success".split())
    out["inlets"] = [a.uri for a in context["inlets"]]
    out["outlets"] = [[a.name, a.group, a.extra] for a in context["task"].outlets]
    out["triggers"] = [[a.name, [[str(e.timestamp), e.extra, e.source_task_id] for e in events]] for a, events in context["triggering_asset_events"].items()]
    found = context["triggering_asset_events"]
    out["by uri, name, asset"] = [len(found["s3://in"]), "x" in found, len(found[context["inlets"][0]]), found.get("y")]
    return "\n".join("%s: %s" % (k, json.dumps(v)) for k, v in sorted(out.items()))
`)
	h.DAG.Tags, h.DAG.StartDate = []string{"x"}, &operatortest.Logical
	h.DAG.Params = []dag.Param{{Name: "a", Default: int64(1)}, {Name: "b", Default: 2.0}, {Name: "c", Default: []any{operatortest.Logical}}}
	below := dag.NewTask("below", "")
	below.Upstream = []string{"t"}
	h.DAG.Tasks = append(h.DAG.Tasks, below)
	h.Task.Operator, h.Task.Owner, h.Task.Retries, h.Task.RetryDelay = "airflow.providers.standard.operators.python.PythonOperator", "me", 2, 90*time.Second
	h.Task.Params = []dag.Param{{Name: "a", Default: "of the task"}}
	h.Task.Inlets = []dag.AssetRef{{Name: "in", URI: "s3://in"}}
	h.Task.Outlets = []dag.AssetRef{{Name: "out", URI: "s3://out", Extra: dag.Values{"k": "v"}}}
	h.DAGRun.Conf = json.RawMessage(`{"b":{"__classname__":"os.system","__version__":0,"__data__":"id"},"d":12345678901234567890}`)
	source := run.Key{ID: run.ID{DAG: "other", Run: "r"}, Task: "s"}
	h.DAGRun.Events = []run.AssetEvent{
		{Asset: "s3://in", Name: "in", At: operatortest.Logical, Extra: dict{"n": 1}, Source: source},
		{Asset: "x", At: operatortest.Logical},
		{Asset: "s3://in", Name: "in", At: operatortest.Logical.Add(time.Hour)},
	}
	h.DAGRun.Type = run.TypeManual
	h.Instance.Start = operatortest.Logical.Add(500 * time.Millisecond)
	h.Instance.Map, h.Instance.Try, h.Instance.MaxTries, h.Instance.Pool, h.Instance.Reschedules = 3, 2, 2, "p", 4
	raw, err := r.Call(t.Context(), h.Attempt(nil), function("show"))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := decode(t, raw).(string)
	if diff := cmp.Diff(strings.ReplaceAll(wantContext, "DIR", h.Dir), text); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}
