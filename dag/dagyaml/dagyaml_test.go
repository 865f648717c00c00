package dagyaml_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/dag/dagyaml"
	"github.com/updraft-dev/updraft/operators/builtin"
)

func options() dagfile.Options {
	return dagfile.Options{
		File: "/dags/d.yaml", Catalog: builtin.Catalog(), Compat: 3,
		Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
}

// The project's own DAG files are read, written and read again without a loss.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../dags/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			res, err := dagfile.Load(src, options())
			if err != nil {
				t.Fatal(err)
			}
			text, lost, err := dagyaml.Write(res.DAGs)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range append(lost, dagyaml.Check(text, res.DAGs, lost, options())...) {
				t.Errorf("lost: %s", l)
			}
			if t.Failed() {
				t.Logf("%s", text)
			}
		})
	}
}

func schedule(s dag.Schedule) *dag.DAG {
	start := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)
	return &dag.DAG{
		ID: "d", Schedule: s, StartDate: &start, Timezone: "Europe/Zurich", MaxActiveRuns: 16, MaxActiveTasks: 16,
		Tasks: []*dag.Task{dag.NewTask("t", "airflow.providers.standard.operators.empty.EmptyOperator")},
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	hour, minute := 3, 30
	a := dag.AssetRef{Name: "a", URI: "s3://a", Group: "asset", Extra: dag.Values{"k": "v"}}
	condition := &dag.AssetCondition{Any: []dag.AssetCondition{{Asset: &a}, {All: []dag.AssetCondition{{Asset: &dag.AssetRef{Alias: "x"}}, {Asset: &a}}}}}
	cron := dag.Schedule{Kind: dag.ScheduleCronTrigger, Cron: []string{"0 6 * * *"}, Timezone: "UTC"}
	for name, s := range map[string]dag.Schedule{
		"none": {Kind: dag.ScheduleNone}, "once": {Kind: dag.ScheduleOnce},
		"cron":             {Kind: dag.ScheduleCronTrigger, Cron: []string{"@daily"}, Timezone: "Europe/Zurich"},
		"in another zone":  {Kind: dag.ScheduleCronTrigger, Cron: []string{"0 6 * * *"}, Timezone: "Asia/Tokyo", RunImmediately: dag.ScheduleImmediateAlways},
		"with an interval": {Kind: dag.ScheduleCronTrigger, Cron: []string{"0 6 * * *"}, Timezone: "UTC", Interval: &dag.Delta{Fixed: time.Hour}, RunImmediately: dag.ScheduleImmediateWithin, ImmediateWithin: 90 * time.Second},
		"several":          {Kind: dag.ScheduleMultipleCron, Cron: []string{"0 6 * * *", "0 7 * * *"}, Timezone: "UTC", RunImmediately: dag.ScheduleImmediateAuto},
		"interval":         {Kind: dag.ScheduleCronInterval, Cron: []string{"@hourly"}, Timezone: "UTC"},
		"partition":        {Kind: dag.ScheduleCronPartition, Cron: []string{"@hourly"}, Timezone: "UTC", RunOffset: -1, KeyFormat: "%Y"},
		"delta":            {Kind: dag.ScheduleDeltaTrigger, Delta: &dag.Delta{Fixed: 90 * time.Minute}},
		"delta interval":   {Kind: dag.ScheduleDeltaInterval, Delta: &dag.Delta{Relative: &dag.DeltaRelative{Months: 1, Hour: &hour, Minute: &minute}}},
		"events":           {Kind: dag.ScheduleEvents, EventDates: []time.Time{time.Date(2024, 5, 1, 2, 3, 4, 5000, time.UTC)}, RestrictToEvents: true, Description: "fair"},
		"assets":           {Kind: dag.ScheduleAssets, Assets: condition},
		"assets or time":   {Kind: dag.ScheduleAssetOrTime, Assets: condition, Time: &cron},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			same(t, schedule(s))
		})
	}
}

// same writes a DAG and reads it back.
func same(t *testing.T, d *dag.DAG) {
	t.Helper()
	text, lost, err := dagyaml.Write([]*dag.DAG{d})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range append(lost, dagyaml.Check(text, []*dag.DAG{d}, lost, options())...) {
		t.Errorf("lost: %s\n%s", l, text)
	}
}

func TestTasks(t *testing.T) {
	t.Parallel()
	d := schedule(dag.Schedule{Kind: dag.ScheduleNone})
	paused := true
	d.PausedUponCreation, d.Params = &paused, []dag.Param{
		{Name: "n", Default: int64(5), Description: "how many", Schema: []byte(`{"type":"integer","minimum":1}`)}, {Name: "plain", Default: []any{"x"}},
	}
	d.Deadlines = []dag.Deadline{{Reference: dag.DeadlineQueued, Interval: time.Hour, Callbacks: []dag.Callback{{Kind: dag.CallbackPython, Callable: &dag.Callable{Path: "m.f"}}}}}
	d.Tasks[0].Inert = true
	d.ExecutorConfig = dag.Values{"pod_override": map[string]any{"spec": map[string]any{"priorityClassName": "low"}}}
	d.UserMacros = dag.Values{"f": dag.Callable{Path: "m.f"}, "n": int64(1)}
	d.Groups = []*dag.Group{{ID: "g", Tooltip: "tip"}, {ID: "g.h", Parent: "g"}, {ID: "m", Expand: &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: []any{int64(1)}}}}}}
	add := func(id, group, operator string, args dag.Values, upstream ...string) *dag.Task {
		task := dag.NewTask(id, operator)
		task.Group, task.Args, task.Upstream = group, args, upstream
		d.Tasks = append(d.Tasks, task)
		return task
	}
	const bash, py = "airflow.providers.standard.operators.bash.BashOperator", "airflow.providers.standard.operators.python.PythonOperator"
	b := add("g.b", "g", bash, dag.Values{"bash_command": "echo {{ ds }}\nexit 1\n", "env": map[string]any{"A": "yes", "B": "007"}}, "t")
	b.Retries, b.RetryDelay, b.ExecutionTimeout, b.Resources.CPUMilli, b.Resources.Memory = 2, time.Second, time.Minute, 1500, 1<<30
	b.OnFailure = []dag.Callback{{Kind: dag.CallbackWebhook, URL: "https://x"}, {Kind: dag.CallbackPython, Callable: &dag.Callable{Path: "m.notify"}, Args: dag.Values{"to": "me"}}}
	p := add("g.h.p", "g.h", py, dag.Values{"python_callable": dag.Callable{Path: "m.f"}, "op_kwargs": map[string]any{"v": dag.XComRef{Task: "g.b"}, "at": 90 * time.Second}}, "g.b")
	p.TriggerRule, p.Teardown, p.OnFailureFailDagrun = dag.AllDoneSetupSuccess, true, true
	e := add("e", "", bash, dag.Values{"cwd": "/"}, "g.b")
	e.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "bash_command", Literal: []any{"a", "b"}}}}
	e.MapIndexTemplate = "{{ task.bash_command }}"
	o := add("o", "", bash, nil, "g.b")
	o.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "bash_command", XCom: &dag.XComRef{Task: "g.b"}}}}
	k := add("k", "", bash, nil)
	k.Expand = &dag.Mapping{Kwargs: &dag.MappedArg{Literal: []any{map[string]any{"bash_command": "x"}}}}
	add("m.q", "m", py, dag.Values{"python_callable": dag.Callable{Path: "m.f"}, "op_kwargs": map[string]any{"v": dag.GroupArg{Name: "x"}}})
	same(t, d)
}

func TestLost(t *testing.T) {
	t.Parallel()
	d := schedule(dag.Schedule{Kind: dag.ScheduleNone})
	function := dag.Callable{File: "d.py", DAG: "d", Task: "t", Name: "python_callable"}
	own := dag.NewTask("own", "updraft.operators.object.ObjectOperator")
	own.Args = dag.Values{"class": "m.Own", "object": function}
	fn := dag.NewTask("fn", "airflow.providers.standard.operators.python.PythonOperator")
	fn.Args = dag.Values{"python_callable": function, "op_args": []any{dag.XComRef{Task: "own"}}, "op_kwargs": map[string]any{"x": map[string]any{"__classname__": "builtins.set"}}}
	fn.OnSuccess = []dag.Callback{{Kind: dag.CallbackPython, Callable: &function}}
	fn.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "templates_dict", Literal: dag.Derived{Kind: dag.DerivedConcat, Of: []any{dag.XComRef{Task: "own"}}}}}}
	d.Tasks = append(d.Tasks, own, fn)
	_, lost, err := dagyaml.Write([]*dag.DAG{d})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lost {
		got = append(got, l.String())
	}
	want := []string{
		"d.own: operator: Own is a class of the author's own: only a DAG file in Python can use it",
		"d.own: object: is a function of the DAG file: move it to a module, and write module.function",
		"d.fn: on_success_callback: is a function of the DAG file: move it to a module, and write module.function",
		"d.fn: op_args: is the output of task own: write a template, {{ ti.xcom_pull('own') }}, or pass it to a function by its name",
		"d.fn: op_kwargs.x: is a Python builtins.set: use lists, mappings, numbers and texts",
		"d.fn: python_callable: is a function of the DAG file: move it to a module, and write module.function",
		"d.fn: expand.templates_dict: is mapped over a concat of outputs: let a task return the list",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What comes back differently is told, and a file that does not load, too.
func TestCheck(t *testing.T) {
	t.Parallel()
	d := schedule(dag.Schedule{Kind: dag.ScheduleNone})
	for text, want := range map[string]string{
		"d: {start_date: 2024-01-01T13:00:00, timezone: Europe/Zurich, tasks: {t: {operator: airflow.operators.empty.EmptyOperator, retries: 3}}}": "d.t: retries: is read back as 3 in place of null",
		"d: {tasks: {t: {operator: no.such}}}": "d.t: file: the operator `no.such` is not known",
		"e: {}":                                "d: dag_id: the DAG is not read back",
	} {
		lost := dagyaml.Check([]byte(text), []*dag.DAG{d}, nil, options())
		if len(lost) == 0 || !strings.HasPrefix(lost[0].String(), want) {
			t.Errorf("%s: %v, want %s", text, lost, want)
		}
	}
}
