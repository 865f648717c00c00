// Package dags_test runs the sample DAGs, each file in an installation of its own.
package dags_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/cmd/weatherapi/weather"
	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/shepherdtest"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// TestMain lets the test program be the shepherd of its own processes.
func TestMain(m *testing.M) { shepherdtest.Main(m, embedded.ShepherdCommand, left()...) }

// patience is how long a file may take on a busy machine; the longest takes six seconds.
const patience = time.Minute

// sample is what is expected of a file.
type sample struct {
	// dags are the DAGs of the file, with those task instances that are no success.
	dags map[string]map[string]run.State
	// at is the logical date, if the outcome depends on it.
	at string
	// values are the return values that show that the sample does what it says.
	values map[string]string
	// order is the one in which tasks have to start.
	order []string
}

// only is a file with one DAG, of the file's name.
func only(name string, states map[string]run.State) sample {
	return sample{dags: map[string]map[string]run.State{name: states}}
}

// giving is the sample with values that have to be there.
func (s sample) giving(values map[string]string) sample {
	s.values = values
	return s
}

func (s sample) inOrder(tasks ...string) sample {
	s.order = tasks
	return s
}

func samples() map[string]sample {
	const skipped, failed = run.Skipped, run.Failed
	return map[string]sample{
		"simple_dag": only("simple_dag", nil).giving(map[string]string{"print_message": `"Hello from simple_dag, run *"`}).
			inOrder("print_date", "sleep", "print_message"),
		"weather_data_pipeline": only("weather_data_pipeline", nil).giving(map[string]string{
			"process": `{"city":"Zurich","at":"2026-01-15T12:00:00","temperature_c":3.4,"mean_next_hours_c":3.1}`,
		}).inOrder("create_table", "wait_for_api", "fetch", "process", "store", "check"),
		"simple_dag.py": only("simple_dag_python", nil).giving(map[string]string{"print_message": `"Hello from simple_dag_python, run *"`}).
			inOrder("print_date", "sleep", "print_message"),
		"weather_data_pipeline.py": only("weather_data_pipeline_python", nil).giving(map[string]string{
			"process_weather": `{"__classname__":"datetime.datetime",*`, "store_weather": `3.4`,
		}).inOrder("create_table", "is_api_available", "fetch_weather", "process_weather", "store_weather"),
		"example_branch":    only("example_branch", map[string]run.State{"many": skipped, "celebrate": skipped}).giving(map[string]string{"few": `"only 3"`}),
		"example_callbacks": only("example_callbacks", map[string]run.State{"fails": failed, "skips": skipped}),
		"example_commands": only("example_commands", map[string]run.State{"skip": skipped}).giving(map[string]string{
			"bash": `"110"`, "command": "\"neither $(date) nor `date` is run; the sum is 110\"",
		}),
		"example_groups":      only("example_groups", nil),
		"example_kubernetes":  only("example_kubernetes", nil).giving(map[string]string{"volume": `"ship"`, "report": `"42 and ship"`}),
		"example_latest_only": only("example_latest_only", nil),
		"example_mapping": only("example_mapping", nil).giving(map[string]string{
			"greet[2]": `"Grüezi!"`, "area[1]": `"4 m²"`, "total": `16`,
			"each_city.look_up[1]": `"Bern, Switzerland"`, "each_city.report[2]": `"number 2 is Geneva, Switzerland"`,
		}),
		"example_params":         only("example_params", nil).giving(map[string]string{"in_a_template": `"Hello, world"`, "own": `"Hello, task"`}),
		"example_pools":          only("example_pools", nil).inOrder("urgent", "normal", "low", "after_all"),
		"example_python":         only("example_python", nil).giving(map[string]string{"with_arguments": `"12 m²"`, "push": `{"answer":42}`}),
		"example_retries":        only("example_retries", map[string]run.State{"no_more_tries": failed}).giving(map[string]string{"fixed_delay": `"this is try 2"`}),
		"example_sensors":        only("example_sensors", nil).inOrder("make_folder", "write_later", "remove_folder"),
		"example_setup_teardown": only("example_setup_teardown", nil).inOrder("make_folder", "write", "read", "remove_folder"),
		"example_sql":            only("example_sql", map[string]run.State{"million": skipped}).giving(map[string]string{"show": `"the largest is Zurich"`}),
		"example_templates": only("example_templates", nil).giving(map[string]string{
			"filters": `"Hello from example_templates.filters, try 1"`, "control": `"2. Bern, the last one"`,
		}),
		"example_trigger_rules": only("example_trigger_rules", map[string]run.State{
			"fails": failed, "skips": skipped, "all_success_after_skip": skipped, "none_skipped": skipped,
		}),
		"example_weekday": {
			at:   "2026-01-14T15:00:00Z", // a Wednesday's afternoon
			dags: map[string]map[string]run.State{"example_weekday": {"rest": skipped, "coffee": skipped}},
		},
		"example_assets": {dags: map[string]map[string]run.State{
			"example_assets_producer": nil, "example_assets_consumer": nil, "example_assets_any": nil,
		}},
		"example_external_task": {dags: map[string]map[string]run.State{
			"example_external_task": nil, "example_external_task_other": nil,
		}},
	}
}

// outcome is what came of running a file.
type outcome struct {
	runs []run.Run
	data []store.RunData
	// values are the return values by the names of their instances, as JSON.
	values map[string]string
	err    error
}

// TestSamples runs all files at once, because most of the time they wait.
func TestSamples(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	handler, err := weather.Handler()
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(handler)
	defer api.Close()
	files, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("*.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range scripts {
		if !strings.HasSuffix(file, "_steps.py") { // those are modules of DAGs in YAML
			files = append(files, file)
		}
	}
	got := make([]outcome, len(files))
	var all sync.WaitGroup
	for i, file := range files {
		home := newHome(t)
		all.Go(func() { got[i] = runFile(ctx, home, api.URL, file) })
	}
	all.Wait()
	want := samples()
	for i, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		t.Run(name, func(t *testing.T) { check(t, want[name], got[i]) })
		delete(want, name)
	}
	for name := range want {
		t.Errorf("there is no file %s", name)
	}
}

// newHome makes a folder with a short path: that of a Unix socket is bounded.
func newHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "upd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	return home
}

// runFile runs the DAGs of a file once. A warning about the file is an error.
func runFile(ctx context.Context, home, api, file string) (out outcome) {
	i, err := open(ctx, home, api)
	if err != nil {
		return outcome{err: err}
	}
	defer func() { out.err = errors.Join(out.err, i.Close()) }()
	o := embedded.RunOptions{Targets: []string{file}}
	if at := samples()[strings.TrimSuffix(file, ".yaml")].at; at != "" {
		logical, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return outcome{err: err}
		}
		o.LogicalDate = &logical
	}
	out.values = map[string]string{}
	out.runs, out.err = i.RunOnce(ctx, o)
	for _, r := range out.runs {
		d, err := i.Store.Run(ctx, r.ID)
		values, verr := i.Store.XComs(ctx, store.XComQuery{Run: r.ID, Name: dag.ReturnValue})
		out.data, out.err = append(out.data, d), errors.Join(out.err, err, verr)
		for _, v := range values {
			in := run.Instance{Task: v.Key.Task, Map: v.Key.Map}
			out.values[in.Name()] = string(v.Value)
		}
	}
	return out
}

// open opens an installation for this folder, with the connections that files need.
func open(ctx context.Context, home, api string) (*embedded.Installation, error) {
	database := "sqlite:///" + filepath.Join(home, "sample.db")
	connections := map[string]string{
		"AIRFLOW_CONN_WEATHER_API": api, "AIRFLOW_CONN_WEATHER_DB": database, "AIRFLOW_CONN_SQLITE_DEFAULT": database,
	}
	lookup := func(name string) (string, bool) {
		v, ok := connections[name]
		return v, ok
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dags, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	c, err := config.Load(config.Input{Lookup: lookup, Flags: map[string]string{"home": home, "dags": dags, "strict": "true"}})
	if err != nil {
		return nil, err
	}
	return embedded.Open(ctx, embedded.Options{
		Config: c, Lookup: lookup, Environ: os.Environ(), Now: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Self: self, Release: "test", Drivers: local.Drivers(),
	})
}

// check compares what became of a file's runs with what should have.
func check(t *testing.T, want sample, got outcome) {
	t.Helper()
	if got.err != nil || len(got.runs) == 0 {
		t.Fatalf("%d runs, %v", len(got.runs), got.err)
	}
	states := map[string]map[string]run.State{}
	for n, r := range got.runs {
		if r.State != run.RunSuccess {
			t.Errorf("the run of %s is %s", r.DAG, r.State)
		}
		if len(got.data[n].Instances) == 0 {
			t.Errorf("the run of %s has no task instances", r.DAG)
		}
		states[r.DAG] = unsuccessful(t, got.data[n].Instances)
	}
	for id := range want.dags {
		if want.dags[id] == nil {
			want.dags[id] = map[string]run.State{}
		}
	}
	if diff := gocmp.Diff(want.dags, states); diff != "" {
		t.Errorf("task instances that are no success (-want +got):\n%s", diff)
	}
	for name, value := range want.values {
		before, after, _ := strings.Cut(value, "*") // * is anything
		if v := got.values[name]; !strings.HasPrefix(v, before) || !strings.HasSuffix(v, after) {
			t.Errorf("%s returned %s, want %s", name, v, value)
		}
	}
	if order := started(want.order, got.data[0].Instances); !slices.Equal(order, want.order) {
		t.Errorf("tasks started in the order %v, want %v", order, want.order)
	}
}

// started are those of the tasks that started, in the order in which they did.
func started(tasks []string, instances []run.Instance) []string {
	var out []string
	for _, in := range slices.SortedFunc(slices.Values(instances), func(a, b run.Instance) int { return a.Start.Compare(b.Start) }) {
		if slices.Contains(tasks, in.Task) && !in.Start.IsZero() {
			out = append(out, in.Task)
		}
	}
	return out
}

// unsuccessful are the instances that did not succeed; why is written to the test's log.
func unsuccessful(t *testing.T, instances []run.Instance) map[string]run.State {
	t.Helper()
	out := map[string]run.State{}
	slices.SortFunc(instances, func(a, b run.Instance) int { return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.Name(), b.Name())) })
	for i := range instances {
		if in := &instances[i]; in.State != run.Success {
			out[in.Name()] = in.State
			t.Logf("%s is %s: %s\n%s", in.Name(), in.State, in.Reason, in.Tail)
		}
	}
	return out
}
