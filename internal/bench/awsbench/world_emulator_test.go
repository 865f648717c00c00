//go:build emulator

package awsbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/cloudtest"
	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/internal/prices"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/dynamostore"
	"github.com/updraft-dev/updraft/task"
)

// world is an account under way, in virtual time, with the units its tables have consumed.
type world struct {
	account *cloudtest.Account
	cli     *embedded.Function
	config  dynamostore.Config
	tried   sync.Map // attempts that have failed once, by key

	mu          sync.Mutex
	triggers    bool
	read, write float64
	requests    map[string]int
}

const clientRole = "cli"

var tables atomic.Int64

// inWorld calls body in an account with an empty table, in a bubble of virtual time.
func inWorld(t *testing.T, body func(*testing.T, *world)) {
	t.Helper()
	home, err := os.MkdirTemp("", "bench") // paths of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	endpoint := aws.ToString(emulatortest.DynamoDBLocal(t).BaseEndpoint)
	synctest.Test(t, func(t *testing.T) {
		// Nothing may wait for the network between two requests, or time would stand still.
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		settled(time.Until(time.Date(2026, 11, 30, 4, 0, 30, 0, time.UTC)))
		w := &world{config: dynamostore.Config{
			Table: fmt.Sprintf("bench-%d-%d", os.Getpid(), tables.Add(1)), Endpoint: endpoint, Retention: 90 * 24 * time.Hour,
		}}
		w.account = cloudtest.New(cloudtest.Config{
			Seed: 1, Home: home, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})), Network: client, Operators: w.operators(),
			Store: func(ctx context.Context, p *cloudtest.Process) (store.Store, error) {
				c := w.config
				c.Consumed = func(op string, read, write float64) { w.consumed(p, op, read, write) }
				return dynamostore.Open(ctx, p.AWS(), c)
			},
		})
		var err error
		if w.cli, err = w.account.Client(clientRole); err != nil {
			t.Fatal(err)
		}
		if err := w.cli.Store.(*dynamostore.Store).CreateTable(t.Context(), dynamostore.TableOptions{}); err != nil {
			t.Fatal(err)
		}
		w.pool(t)
		ctx, stop := context.WithCancel(context.Background())
		var ended sync.WaitGroup
		ended.Go(func() { w.account.Run(ctx) })
		defer ended.Wait() // also when body has given up
		defer stop()
		body(t, w)
		stop()
		ended.Wait()
		for _, p := range w.account.Problems() {
			t.Error(p)
		}
		if err := w.cli.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// consumed counts what functions consume, and those who trigger; not who looks on.
func (w *world) consumed(p *cloudtest.Process, op string, read, write float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.Role == clientRole && !w.triggers {
		return
	}
	w.read, w.write = w.read+read, w.write+write
	if w.requests == nil {
		w.requests = map[string]int{}
	}
	w.requests[p.Role+" "+op]++
	w.requests[p.Role+" "+op+" units"] += int(read)
}

// operators are those that the measured DAGs are made of. They do nothing, and quietly: what
// is counted is the price of scheduling. "talk" writes a line to its log.
func (w *world) operators() *embedded.Operators {
	quiet := dag.OperatorSpec{Quiet: true}
	table := map[string]*task.Operator{
		"noop": {Spec: quiet, Run: func(context.Context, *task.Attempt) (task.Result, error) { return task.Result{}, nil }},
		"talk": {Run: func(_ context.Context, a *task.Attempt) (task.Result, error) {
			a.Log.Info("nothing to do")
			return task.Result{}, nil
		}},
		// It is told to come again ten times, after 90 seconds each.
		"sensor": {Spec: quiet, Run: func(_ context.Context, a *task.Attempt) (task.Result, error) {
			n, _ := w.tried.LoadOrStore(a.Key, new(atomic.Int32))
			if n.(*atomic.Int32).Add(1) <= 10 {
				return task.Result{}, task.Reschedule(a.Now().Add(90 * time.Second))
			}
			return task.Result{}, nil
		}},
		"flaky": {Spec: quiet, Run: func(_ context.Context, a *task.Attempt) (task.Result, error) {
			if a.Key.Try == 1 {
				return task.Result{}, errors.New("the first try fails")
			}
			return task.Result{}, nil
		}},
	}
	return &embedded.Operators{
		Catalog: func() *dag.Catalog { return dag.NewCatalog() },
		Lookup:  func(path string) *task.Operator { return table[path] },
	}
}

// put stores a DAG.
func (w *world) put(t *testing.T, d *dag.DAG) {
	t.Helper()
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cli.Store.PutDAG(t.Context(), store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
}

// spent is what was consumed since the last call of it.
type spent struct {
	prices.Counts
	invocations map[string]int
	cold        int
	requests    map[string]int
	calls       string
}

func (w *world) spent() spent {
	u := w.account.Usage()
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := u.Calls.Prices()
	s := spent{
		Counts: prices.Counts{
			ReadUnits: w.read, WriteUnits: w.write, QueueRequests: float64(calls.QueueRequests + u.Received + u.Deleted),
			Puts: float64(u.Objects["Put"] + u.Objects["List"]), Gets: float64(u.Objects["Get"] + u.Objects["Head"]),
		},
		invocations: map[string]int{}, requests: w.requests, calls: u.Calls.String(),
	}
	for name, f := range u.Functions {
		s.Invocations += float64(f.Invocations)
		s.GBSeconds += f.GBSeconds()
		s.invocations[strings.TrimPrefix(name, "updraft-")] = f.Invocations
		s.cold += f.Cold
	}
	w.read, w.write, w.requests = 0, 0, nil
	return s
}

// once runs a DAG to its end, from when the tick finds its run, and returns what that took
// and the run with its instances.
func (w *world) once(t *testing.T, d *dag.DAG, name string) (spent, store.RunData) {
	t.Helper()
	at := time.Now().UTC()
	settled(30 * time.Second) // between two ticks
	w.spent()
	id := w.trigger(t, task.Trigger{DAG: d.ID, Run: name, LogicalDate: &at})
	for range 24 * 60 {
		settled(30 * time.Second)
		data, err := w.cli.Store.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if data.Run.State.Finished() {
			if data.Run.State != run.RunSuccess {
				t.Fatalf("run %s ended %s: %s", id, data.Run.State, data.Run.Reason)
			}
			return w.spent(), data
		}
	}
	t.Fatalf("run %s has not ended within a virtual day: %v", id, w.account.Problems())
	return spent{}, store.RunData{}
}

// settled lets virtual time pass.
func settled(d time.Duration) { <-time.After(d) }

// trigger makes a run and leaves it to the next tick, as the schedule does.
func (w *world) trigger(t *testing.T, tr task.Trigger) run.ID {
	t.Helper()
	triggers := func(on bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.triggers = on
	}
	triggers(true)
	defer triggers(false)
	err := tick.ApplyEdit(t.Context(), w.cli.Loader, time.Now, func(ctx context.Context, e *tick.Edit) error {
		_, err := e.Trigger(ctx, tr, "bench", func() string { return "x" })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return run.ID{DAG: tr.DAG, Run: tr.Run}
}

// pool makes the pool of all tasks as large as the widest fan.
func (w *world) pool(t *testing.T) {
	t.Helper()
	body, err := json.Marshal(settings.Pool{Name: dag.DefaultPool, Slots: 10_000})
	if err == nil {
		err = w.cli.Store.PutSetting(t.Context(), store.KindPool, store.Setting{ID: dag.DefaultPool, Value: body, At: time.Now()})
	}
	if err != nil {
		t.Fatal(err)
	}
}
