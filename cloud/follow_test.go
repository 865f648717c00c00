package cloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/storetest"
)

// open is a store that stays open for the others.
type open struct{ store.Store }

func (open) Close() error { return nil }

// machine is a function on a machine of its own, with the store and the buckets of others.
func machine(t *testing.T, s store.Store, dags, kept *objectstest.Memory) (f *embedded.Function, folder string) {
	t.Helper()
	home := t.TempDir()
	none := func(string) (string, bool) { return "", false }
	c, err := config.Load(config.Input{Lookup: none, Flags: map[string]string{
		"home": home, "store": "dynamodb://updraft", "logs": "s3://kept/logs", "dag_source": "s3://dags/dags", "executor": "lambda", "key": "file://" + filepath.Join(home, "key"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	drivers := local.Drivers()
	drivers.Stores = map[string]func(context.Context, string, *embedded.Options) (store.Store, error){
		"dynamodb": func(context.Context, string, *embedded.Options) (store.Store, error) { return open{s}, nil },
	}
	drivers.Logs = map[string]func(context.Context, string, *embedded.Options) (embedded.Objects, error){
		"s3": func(context.Context, string, *embedded.Options) (embedded.Objects, error) {
			l, err := objects.Open(kept, objects.Config{Prefix: "logs", Logs: logs.Config{}})
			return embedded.Objects{Logs: l, XComs: BucketXComs(kept, "logs")}, err
		},
	}
	drivers.Sources = map[string]func(context.Context, string, *embedded.Options) (embedded.Source, error){
		"s3": func(_ context.Context, url string, _ *embedded.Options) (embedded.Source, error) {
			return newSource(dags, "dags", url), nil
		},
	}
	drivers.Keys = map[string]func(context.Context, string, *embedded.Options) (*settings.Keys, error){
		"file": func(context.Context, string, *embedded.Options) (*settings.Keys, error) {
			return settings.OpenKeys(filepath.Join(home, "key"))
		},
	}
	drivers.Executors = map[string]func(context.Context, *embedded.Options) (executors.Dispatcher, error){
		"lambda": func(context.Context, *embedded.Options) (executors.Dispatcher, error) {
			return executortest.Nowhere{}, nil
		},
	}
	i, err := embedded.Open(t.Context(), embedded.Options{
		Config: c, Lookup: none, Environ: os.Environ(), Now: time.Now, Log: slog.New(slog.DiscardHandler), Drivers: drivers, Self: "updraft", Release: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if f, err = i.Function(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f, c.Text("dags")
}

// TestWorkersReadPack: however many DAG files there are, a worker reads them with one request,
// and asks the bucket that they are in only if that fails.
func TestWorkersReadPack(t *testing.T) {
	t.Parallel()
	s := storetest.NewModel()
	dags, kept := &objectstest.Memory{}, &objectstest.Memory{}
	put := func(name, text string) {
		if err := dags.Put(t.Context(), objects.Put{Key: "dags/" + name, Body: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	const files = 40
	for n := range files {
		put(fmt.Sprintf("d%d.yaml", n), fmt.Sprintf("d%d:\n  schedule: null\n  tasks:\n    t: {operator: airflow.providers.standard.operators.empty.EmptyOperator}\n", n))
	}
	processor, _ := machine(t, s, dags, kept)
	worker, folder := machine(t, s, dags, kept)
	process := func() {
		t.Helper()
		if err := processor.Process(t.Context(), embedded.Invocation{Name: "p"}); err != nil {
			t.Fatal(err)
		}
		if packs, err := kept.List(t.Context(), "logs/sources/", ""); err != nil || len(packs.Objects) != 1 {
			t.Errorf("kept are %v, %v, want one pack", packs.Objects, err)
		}
		dags.Counts()
		kept.Counts()
	}
	work := func(what string, wantDags, wantKept map[string]int, wantFiles int) {
		t.Helper()
		inv := embedded.Invocation{Name: "w", Place: "lambda", Deadline: time.Now().Add(5 * time.Minute)}
		if err := errors.Join(worker.Work(t.Context(), inv, func(*dag.DAG, *dag.Task) bool { return false })...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) != wantFiles {
			t.Errorf("%s: it has %d files, %v, want %d", what, len(entries), err, wantFiles)
		}
		if diff := cmp.Diff(wantDags, dags.Counts()); diff != "" {
			t.Errorf("%s: calls of the bucket of DAG files (-want +got):\n%s", what, diff)
		}
		if diff := cmp.Diff(wantKept, kept.Counts()); diff != "" {
			t.Errorf("%s: calls of the other one (-want +got):\n%s", what, diff)
		}
	}
	process()
	one := map[string]int{"Head": 1, "Get": 1}
	work("a cold start", nil, one, files)
	work("nothing has changed", nil, nil, files)
	if err := dags.Delete(t.Context(), "dags/d7.yaml"); err != nil {
		t.Fatal(err)
	}
	put("new.sql", "SELECT 1")
	put("more.sql", "SELECT 2")
	process()
	work("a change", nil, one, files+1)
	put("last.sql", "SELECT 3")
	process()
	kept.Before = func(method, _ string) error {
		if method == "Head" {
			return errors.New("out of reach")
		}
		return nil
	}
	work("no pack", map[string]int{"List": 1, "Get": files + 2}, nil, files+2)
	kept.Before = nil
	work("nothing has changed again", nil, nil, files+2)
}
