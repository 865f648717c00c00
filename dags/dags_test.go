// Package dags_test runs the sample DAGs, each file in an installation of its own.
package dags_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// TestMain lets the test program be the shepherd of its own processes.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == embedded.ShepherdCommand {
		if err := process.Shepherd(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sample is what is expected of a file.
type sample struct {
	// dags are the DAGs of the file, with those task instances that are no success.
	dags map[string]map[string]run.State
	// at is the logical date, if the outcome depends on it.
	at string
}

// only is a file with one DAG, of the file's name.
func only(name string, states map[string]run.State) sample {
	return sample{dags: map[string]map[string]run.State{name: states}}
}

func samples() map[string]sample {
	const skipped, failed = run.Skipped, run.Failed
	return map[string]sample{
		"simple_dag":             only("simple_dag", nil),
		"weather_data_pipeline":  only("weather_data_pipeline", nil),
		"example_branch":         only("example_branch", map[string]run.State{"many": skipped, "celebrate": skipped}),
		"example_callbacks":      only("example_callbacks", map[string]run.State{"fails": failed, "skips": skipped}),
		"example_commands":       only("example_commands", map[string]run.State{"skip": skipped}),
		"example_groups":         only("example_groups", nil),
		"example_latest_only":    only("example_latest_only", nil),
		"example_mapping":        only("example_mapping", nil),
		"example_params":         only("example_params", nil),
		"example_pools":          only("example_pools", nil),
		"example_python":         only("example_python", nil),
		"example_retries":        only("example_retries", map[string]run.State{"no_more_tries": failed}),
		"example_sensors":        only("example_sensors", nil),
		"example_setup_teardown": only("example_setup_teardown", nil),
		"example_sql":            only("example_sql", map[string]run.State{"million": skipped}),
		"example_templates":      only("example_templates", nil),
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
	err  error
}

// TestSamples runs all files at once, because most of the time they wait.
func TestSamples(t *testing.T) {
	t.Parallel()
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
	got := make([]outcome, len(files))
	var all sync.WaitGroup
	for i, file := range files {
		home := newHome(t)
		all.Go(func() { got[i] = runFile(t.Context(), home, api.URL, file) })
	}
	all.Wait()
	want := samples()
	for i, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		t.Run(name, func(t *testing.T) { check(t, want[name], got[i]) })
		delete(want, name)
	}
	for name := range want {
		t.Errorf("there is no %s.yaml", name)
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
	out.runs, out.err = i.RunOnce(ctx, o)
	for _, r := range out.runs {
		d, err := i.Store.Run(ctx, r.ID)
		out.data, out.err = append(out.data, d), errors.Join(out.err, err)
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
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Self: self, Release: "test",
	})
}

// check compares what became of a file's runs with what should have.
func check(t *testing.T, want sample, got outcome) {
	t.Helper()
	if got.err != nil {
		t.Fatal(got.err)
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
	for dag := range want.dags {
		if want.dags[dag] == nil {
			want.dags[dag] = map[string]run.State{}
		}
	}
	if diff := gocmp.Diff(want.dags, states); diff != "" {
		t.Errorf("task instances that are no success (-want +got):\n%s", diff)
	}
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
