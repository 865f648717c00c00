package embedded_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/local"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// function opens an installation that works by calls on a store of its own.
func function(t *testing.T, home string) *embedded.Function {
	t.Helper()
	c, err := config.Load(config.Input{
		Lookup: func(string) (string, bool) { return "", false }, Flags: map[string]string{"home": home, "executor": "lambda"},
	})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	drivers := local.Drivers()
	drivers.Executors = map[string]func(context.Context, *embedded.Options) (executors.Dispatcher, error){
		"lambda": func(context.Context, *embedded.Options) (executors.Dispatcher, error) {
			return executortest.Nowhere{}, nil
		},
	}
	i, err := embedded.Open(t.Context(), embedded.Options{
		Config: c, Lookup: os.LookupEnv, Environ: os.Environ(), Now: time.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Self: self, Release: "test", Drivers: drivers,
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := i.Function(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return f
}

// TestCallbacksHoldNothingUp: a scheduler whose callbacks take their time goes on with other
// runs, whoever was turned away because of it.
func TestCallbacksHoldNothingUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	called, release := make(chan struct{}, 1), make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		called <- struct{}{}
		<-release
	}))
	defer hook.Close()
	const empty = "{operator: airflow.providers.standard.operators.empty.EmptyOperator}"
	f := function(t, newHome(t, map[string]string{
		"slow.yaml":  fmt.Sprintf("slow:\n  schedule: null\n  on_success_callback: {webhook: %q}\n  tasks:\n    only: %s\n", hook.URL, empty),
		"other.yaml": "other:\n  schedule: null\n  tasks:\n    only: " + empty + "\n",
	}))
	files, err := f.Folder(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.SyncDAGs(ctx, files); err != nil {
		t.Fatal(err)
	}
	begin := func(name, id string) run.ID {
		r, err := f.Trigger(ctx, task.Trigger{DAG: id}, "test")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := f.Schedule(ctx, embedded.Invocation{Name: name, Deadline: time.Now().Add(5 * time.Minute)}, false)
			if err != nil {
				t.Errorf("scheduler %s: %v", name, err)
			}
			called <- struct{}{}
		}()
		return r.ID
	}
	slow := begin("one", "slow")
	<-called
	other := begin("two", "other")
	<-called // it was turned away
	ended := func(id run.ID) store.RunData {
		for ; ; runtime.Gosched() {
			d, err := f.Store.Run(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if d.Run.State.Finished() {
				return d
			}
		}
	}
	ended(other)
	if d := ended(slow); len(d.Run.Owed) != 1 {
		t.Errorf("the callback was called before it has ended: %v", d.Run.Owed)
	}
	close(release)
	<-called
	if d := ended(slow); len(d.Run.Owed) != 0 {
		t.Errorf("the callback is still owed: %v", d.Run.Owed)
	}
}
