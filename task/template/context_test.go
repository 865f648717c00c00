package template

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

func TestVariables(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	a.DAG.Params = []dag.Param{{Name: "n", Default: 1}, {Name: "region", Default: "eu"}}
	a.Task.Params = []dag.Param{{Name: "n", Default: 2}}
	a.Run.Conf = json.RawMessage(`{"region": "us", "z": [1], "a": null}`)
	compare(t, c, a, [][2]string{
		{"{{ ds }} {{ ts_nodash_with_tz }}", "2024-02-29 20240229T000000+0000"},
		{"{{ data_interval_end | ds_nodash }}", "20240301"},
		{"{{ none | ds }}", "None"},
		{"{{ task_instance_key_str }}", "shop__t__20240229"},
		{"{{ params }}", "{'n': 2, 'region': 'us', 'z': [1], 'a': None}"},
		{"{{ task.params.dump() }} {{ task.params | length }}", "{'n': 2, 'region': 'eu'} 2"},
		{"{{ dag_run.conf.z[0] }} {{ dag_run.run_type == 'scheduled' }} {{ dag_run.state }}", "1 True DagRunState.RUNNING"},
		{"{{ ti.hostname }} {{ ti.log_url }}", "host https://up/dags/shop/runs/scheduled__2024-03-01T00:00:00+00:00/tasks/t?try_number=1"},
		{"{{ ti.task.dag.dag_id }} {{ ti is sameas(task_instance) }}", "shop True"},
		{"{{ task }} {{ dag }} {{ dag.timetable }}", "<Task(BashOperator): t> <DAG: shop> <airflow.sdk.definitions.timetables.simple.NullTimetable object at 0x7f0000000000>"},
		{"{{ task.trigger_rule }} {{ task.retry_delay }}", "all_success 0:05:00"},
		{"{% do params.update(n=9) %}{{ params.n }}", "9"},
		{"{{ prev_start_date_success }} {{ prev_start_date_success is none }}", "None False"},
		{"{{ nope }}", "!! UndefinedError: 'nope' is undefined"},
		{"{{ execution_date }}", "!! 'execution_date' is undefined"},
		{"{{ dag.nope }}", "!! 'airflow.sdk.definitions.dag.DAG object' has no attribute 'nope'"},
		{"{{ dag.__class__ }}", "!! SecurityError: access to attribute '__class__' of 'DAG' object is unsafe"},
		{"{{ task_state_store is defined }}", "True"},
		{"{{ task_state_store.get('x') }}", "!! task_state_store is not supported in templates"},
		{"{{ outlet_events }}", "!! outlet_events is not supported in templates: set extras in a Python task"},
		{"{% if outlet_events %}x{% endif %}", "!! not supported"},
		{"{{ outlet_events['x'].extra }}", "!! not supported"},
		{"{% for e in outlet_events %}{% endfor %}", "!! not supported"},
		{"{{ asset_state_store }}", "!! 'asset_state_store' is undefined"},
	})
}

// TestOf2: what only Airflow 2 has is there for the DAGs that mean it.
func TestOf2(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	a.DAG.Compat = 2
	compare(t, c, a, [][2]string{
		{"{{ execution_date }} {{ execution_date.add(days=1) | ds }}", "2024-02-29 00:00:00+00:00 2024-03-01"},
		{"{{ prev_ds }} {{ yesterday_ds_nodash }} {{ tomorrow_ds }} {{ next_ds }}", "2024-02-28 20240228 2024-03-01 2024-03-01"},
		{"{{ next_execution_date.isoformat() }} {{ test_mode }}", "2024-03-01T00:00:00+00:00 False"},
		{"{{ prev_start_date_success }} {{ ds }}", "None 2024-02-29"},
		{"{{ ti.execution_date | ds }} {{ dag_run.execution_date }} {{ dag_run.external_trigger }}", "2024-02-29 2024-02-29 00:00:00+00:00 False"},
	})
}

// TestNoLogicalDate: what hangs on a date is not defined without one.
func TestNoLogicalDate(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	a.Run.LogicalDate, a.Run.IntervalStart, a.Run.IntervalEnd = nil, nil, nil
	compare(t, c, a, [][2]string{
		{"{{ ds }}", "!! 'ds' is undefined"},
		{"{{ data_interval_start | default('none') }}", "none"},
		{"{{ prev_data_interval_end_success is defined }} {{ prev_end_date_success }}", "False None"},
		{"{{ task_instance_key_str }}", "shop__t__scheduled__2024-03-01T00:00:00+00:00"},
		{"{{ dag_run.logical_date }}", "None"},
	})
}

// TestPreviousRun: the latest by logical date counts, and it is looked for once.
func TestPreviousRun(t *testing.T) {
	t.Parallel()
	w := &world{}
	for _, ago := range []int{3, 1, 2, 0, -1} {
		at := day.AddDate(0, 0, -ago)
		end := at.AddDate(0, 0, 1)
		w.runs = append(w.runs, run.Run{State: run.RunSuccess, LogicalDate: &at, IntervalStart: &at, IntervalEnd: &end, Start: end})
	}
	c, a := full(w)
	r := NewRenderer(c, a)
	for range 2 {
		got, err := r.Render(t.Context(), "{{ prev_data_interval_start_success | ds }} {{ prev_start_date_success }} {{ prev_end_date_success }}")
		if want := "2024-02-28 2024-02-29 00:00:00+00:00 None"; err != nil || got != want {
			t.Errorf("got %v, %v, want %s", got, err, want)
		}
	}
	if w.asked != 1 {
		t.Errorf("the store was asked %d times", w.asked)
	}
	w.runs = nil
	got, err := NewRenderer(c, a).Render(t.Context(), "{{ prev_data_interval_start_success }} {{ prev_start_date_success }}")
	if err != nil || got != "None None" || w.asked != 2 {
		t.Errorf("without an earlier run: %v, %v; the store was asked %d times", got, err, w.asked-1)
	}
	w.fail = errors.New("disk full")
	compare(t, c, a, [][2]string{{"{{ prev_start_date_success }}", "!! looking for the last successful run of shop: disk full"}})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	compare(t, c, a, [][2]string{
		{"{{ var.value.city }} {{ var.value['city'] }} {{ var.value.get('nope', 5) }} {{ var.value.get('nope') }}", "seoul seoul 5 NOTSET"},
		{"{{ var.json.nums }} {{ var.json.nums.a }}", "{'b': 1, 'a': 2} 2"},
		{"{{ var.value.nope | default(1) }}", "!! AirflowRuntimeError: VARIABLE_NOT_FOUND: {'message': 'Variable nope not found'}"},
		{"{{ var.json.bad }}", "!! VARIABLE_NOT_FOUND"},
		{"{{ conn.db.port + 1 }} {{ conn.db.extra }} {{ conn.db.extra_dejson.a[1] }} {{ conn.get('no') }}", `5434 {"a": [1, 2]} 2 None`},
		{"{{ conn.db.get_uri() }}", "postgres://h:5433/?__extra__=%7B%22a%22%3A+%5B1%2C+2%5D%7D"},
		{"{{ conn.nope.host }}", "!! AirflowNotFoundException: The conn_id `nope` isn't defined"},
		{"{{ conn.db.get_hook() }}", "!! conn.db.get_hook(): hooks are not available in templates"},
	})
	c, a = full(&world{fail: errors.New("no key opens it")})
	compare(t, c, a, [][2]string{{"{{ var.value.get('x', 1) }}", "!! no key opens it"}, {"{{ conn.get('x', 1) }}", "!! no key opens it"}})
	compare(t, Config{}, attempt(), [][2]string{
		{"{{ var.value.x }}", "!! variables are not available here"}, {"{{ conn.x }}", "!! connections are not available here"},
		{"{{ ti.xcom_pull() }}", "!! XComs are not available here"}, {"{{ prev_start_date_success }}", "!! earlier runs cannot be looked for here"},
		{"{{ macros.random() }}", "!! macros.random is not available here"}, {"{{ macros.uuid.uuid4() }}", "!! macros.uuid.uuid4 is not available here"},
	})
}

func TestXComs(t *testing.T) {
	t.Parallel()
	w := &world{pushed: map[string]any{}, xcoms: map[string]string{
		"a": `{"z": 1, "b": [true, null]}`, "a.key": "5", "t": `"own"`,
		"when":  `{"__classname__": "datetime.datetime", "__version__": 2, "__data__": {"timestamp": 1704164645.25, "tz": {"__classname__": "builtins.tuple", "__version__": 1, "__data__": ["UTC", "pendulum.tz.timezone.Timezone", 1, true]}}}`,
		"tuple": `{"__classname__": "builtins.tuple", "__version__": 1, "__data__": [1, "x"]}`,
		"span":  `{"__classname__": "datetime.timedelta", "__version__": 2, "__data__": 90.5}`,
		"naive": `{"__classname__": "datetime.datetime", "__version__": 2, "__data__": {"timestamp": 1704164645.0, "tz": null}}`,
		"odd":   `{"__classname__": "pandas.DataFrame", "__version__": 1, "__data__": ""}`,
	}}
	c, a := full(w)
	compare(t, c, a, [][2]string{
		{"{{ ti.xcom_pull('a') }} {{ ti.xcom_pull(task_ids='a', key='key') }} {{ ti.xcom_pull() }}", "{'z': 1, 'b': [True, None]} 5 own"},
		{"{{ ti.xcom_pull(['a', 'no'], key='key') }} {{ ti.xcom_pull('no', default=3) }}", "[5, None] None"},
		{"{{ ti.xcom_pull('a', map_indexes=0).z }} {{ ti.xcom_pull('a', include_prior_dates=true) | length }}", "1 1"},
		{"{{ ti.xcom_pull('when') }} {{ ti.xcom_pull('tuple') }} {{ ti.xcom_pull('span') }}", "2024-01-02 03:04:05.250000+00:00 (1, 'x') 0:01:30.500000"},
		{"{{ ti.xcom_pull('naive') }}", time.Unix(1704164645, 0).Local().Format(time.DateTime)},
		{"{{ ti.xcom_pull('odd') }}", "!! an XCom holds an object of class pandas.DataFrame, which templates cannot use"},
		{"{{ ti.xcom_pull('a', map_indexes='x') }}", "!! Invalid type for map_indexes"},
		{"{{ ti.xcom_pull(5) }}", "!! 'int' object is not iterable"},
		{"{{ ti.xcom_push('k', {'d': (1, ds)}) }}", "None"},
	})
	if _, ok := w.pushed["k"].(map[string]any)["d"]; !ok {
		t.Errorf("pushed %v", w.pushed)
	}
	w.fail = errors.New("disk full")
	compare(t, c, a, [][2]string{{"{{ ti.xcom_pull('a') }}", "!! disk full"}})
}

func TestAssets(t *testing.T) {
	t.Parallel()
	e := func(uri, from string) run.AssetEvent {
		return run.AssetEvent{Asset: uri, At: day, Extra: map[string]any{"rows": 3.0}, Source: run.Key{ID: run.ID{DAG: "d", Run: "r"}, Task: from, Map: run.Unmapped}}
	}
	w := &world{xcoms: map[string]string{"up": "7"}, events: []run.AssetEvent{e("s3://in", "up"), e("s3://in", "up2"), e("s3://other", "up")}}
	w.events[2].Aliases = []string{"al"}
	c, a := full(w)
	a.Task.Inlets = []dag.AssetRef{{URI: "s3://in", Name: "in", Extra: dag.Values{"k": 1}}, {Alias: "al"}}
	a.Run.Events = []run.AssetEvent{e("s3://in", "up"), {Asset: "s3://out", At: day}}
	const control = "watchers=[], access_control=AssetAccessControl(producer_teams=[], consumer_teams=None, allow_global=True))"
	compare(t, c, a, [][2]string{
		{"{{ inlets }}", "[Asset(name='in', uri='s3://in', group='asset', extra={'k': 1}, " + control + ", AssetAlias(name='al', group='asset')]"},
		{"{{ inlet_events[inlets[0]] | length }} {{ inlet_events[0][-1].source_task_id }} {{ inlet_events[0][0].extra.rows }}", "2 up2 3"},
		{"{{ inlet_events[1] | length }} {{ inlet_events[1][0].asset.uri }}", "1 s3://other"},
		{"{{ inlet_events['s3://in'] }}", "!! InletEventsAccessors object' has no attribute 's3://in'"},
		{"{% for k, l in triggering_asset_events.items() %}{{ k.uri }}:{{ l | length }} {% endfor %}", "s3://in:1 s3://out:1 "},
		{"{{ (triggering_asset_events.values() | first | first).source_task_instance.xcom_pull() }}", "7"},
		{"{{ (triggering_asset_events.values() | list | last | first).source_task_instance }}", "None"},
		{"{{ triggering_asset_events | length }} {{ triggering_asset_events['x'] }}", "!! TriggeringAssetEventsAccessor object' has no attribute 'x'"},
		{"{{ dag_run.consumed_asset_events[0].asset.uri }} {{ dag_run.consumed_asset_events[0].timestamp }}", "s3://in 2024-02-29 00:00:00+00:00"},
		{"{{ asset_state_store is defined }}", "True"},
	})
	a.Run.Events[0].Name = "in"
	compare(t, c, a, [][2]string{{"{{ triggering_asset_events[inlets[0]][0].extra }} {{ inlets[0] in triggering_asset_events }}", "{'rows': 3} True"}})
	c.Events = nil
	compare(t, c, a, [][2]string{{"{{ inlet_events[0] }}", "!! asset events cannot be looked for here"}})
}

func TestAuthorsNames(t *testing.T) {
	t.Parallel()
	c, a := full(&world{})
	a.DAG.UserMacros = dag.Values{"twice": dag.Callable{Path: "helpers.twice"}, "fails": dag.Callable{File: "h.py", Name: "fails"}, "n": 42, "ref": dag.XComRef{}}
	a.DAG.UserFilters = dag.Values{"twice": dag.Callable{Path: "helpers.twice"}, "five": 5}
	compare(t, c, a, [][2]string{
		{"{{ n + 1 }} {{ twice(1, (ds,), k=none) }} {{ 'x' | twice }}", "43 [[1, ['2024-02-29']], {'k': None}] [['x'], {}]"},
		{"{{ fails() }}", "!! ValueError: no"},
		{"{{ twice(dag) }}", "!! argument 1 of helpers.twice: the template gives an object of class airflow.sdk.definitions.dag.DAG"},
		{"{{ 1 | five }}", "!! user_defined_filters.five is not a function"},
		{"{{ ref }}", "!! user_defined_macros.ref is not supported in templates"},
	})
	a.Python = nil
	compare(t, c, a, [][2]string{{"{{ twice(1) }}", "!! Python is not available here"}})
	if diff := cmp.Diff(dag.Values{"twice": dag.Callable{Path: "helpers.twice"}, "five": 5}, a.DAG.UserFilters); diff != "" {
		t.Errorf("rendering changed the DAG: %s", diff)
	}
}
