package tick_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// functions are schedulers and workers that exist only while there is something to do, as
// on Lambda: each call is a goroutine with a store of its own.
type functions struct {
	*plant
	calls sync.WaitGroup
	// passes counts the passes of schedulers, inside those that are at work.
	passes, inside atomic.Int64
	names          atomic.Int64
}

// Name, Capacity, Dispatches, Start, Cancel and Close implement executors.Dispatcher: Start
// invokes a worker for each attempt.
func (f *functions) Name() string  { return "function" }
func (f *functions) Capacity() int { return 0 }
func (f *functions) Dispatches()   {}

func (f *functions) Start(_ context.Context, work ...executors.Work) []error {
	for _, w := range work {
		f.calls.Go(func() { f.work(w.Attempt()) })
	}
	return make([]error, len(work))
}

func (f *functions) Cancel(context.Context, run.Attempt, string, string) error { return nil }
func (f *functions) Close(context.Context) error                               { return nil }

func (f *functions) work(a run.Attempt) {
	st := f.store
	w, err := tick.NewWorker(tick.WorkerConfig{
		Store: st, Loader: tick.NewLoader(st), Executor: f, Execute: f.execute, Accepts: func(*dag.Task) bool { return true },
		Notify: func(run.ID, bool) { f.calls.Go(f.schedule) },
		Now:    time.Now, Token: rand.Text, Name: fmt.Sprint("worker", f.names.Add(1)), Parallelism: 1, Lease: time.Minute,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.t.Error(err)
		return
	}
	for _, err := range w.Handle(context.Background(), a) {
		if err != nil {
			f.t.Errorf("worker: %v", err)
		}
	}
}

// schedule is one call of a scheduler.
func (f *functions) schedule() {
	ctx := context.Background()
	g := &tick.Guard{Store: f.store, Now: time.Now, Name: fmt.Sprint("scheduler", f.names.Add(1)), Lease: time.Minute}
	inside, err := g.Enter(ctx)
	for left := !inside; err == nil && !left; left, err = g.Leave(ctx) {
		if f.inside.Add(1) != 1 {
			f.t.Error("two schedulers are at work")
		}
		f.pass(ctx)
		f.inside.Add(-1)
	}
	if err != nil {
		f.t.Error(err)
	}
}

func (f *functions) pass(ctx context.Context) {
	e, err := tick.New(tick.Config{
		Store: f.store, Now: time.Now, Worker: "scheduler", Token: rand.Text, Log: slog.New(slog.DiscardHandler), Schedule: true,
		QueueTimeout: time.Minute, Open: func(executors.Report) (executors.Executor, error) { return f, nil },
		OnChange: func(batches []run.Batch) {
			for _, b := range batches {
				if b.Update != nil && b.Update.Want.State.Finished() {
					f.ended <- b.Update.Want
				}
			}
		},
	})
	if err != nil {
		f.t.Error(err)
		return
	}
	f.passes.Add(1)
	wake, err := e.Pass(ctx)
	if err != nil {
		f.t.Errorf("pass: %v", err)
	}
	if until := time.Until(wake); !wake.IsZero() && until < time.Second {
		time.AfterFunc(until, func() { f.calls.Go(f.schedule) })
	}
}

// TestNothingRunsBetweenCalls: a run is worked off by calls alone, each attempt once, and
// limits hold.
func TestNothingRunsBetweenCalls(t *testing.T) {
	t.Parallel()
	p := &plant{
		t: t, dir: t.TempDir(), ended: make(chan run.Run, 100), acts: map[string]act{"flaky": failsOnce, "list": yields(5)},
		begun: map[string]int{}, done: map[string]int{},
	}
	p.store = p.openStore()
	f := &functions{plant: p}
	d := mixed(20)
	d.MaxActiveTasks = 6
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.store.PutDAG(t.Context(), store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	created := run.Run{ID: run.ID{DAG: d.ID, Run: "r1"}, Type: run.TypeManual, State: run.RunQueued, Version: version, RunAfter: time.Now(), QueuedAt: time.Now()}
	if _, err := p.store.Apply(t.Context(), store.Batch{Run: created.ID, Create: &created}); err != nil {
		t.Fatal(err)
	}
	f.calls.Go(f.schedule)
	if r := p.wait(); r.State != run.RunSuccess {
		t.Fatalf("the run ended %s: %s", r.State, r.Reason)
	}
	f.calls.Wait()
	want := map[string]int{"first#1": 1, "second#1": 1, "flaky#1": 1, "flaky#2": 1, "join#1": 1, "list#1": 1, "last#1": 1}
	for i := range 20 {
		want[fmt.Sprintf("fan%02d#1", i)] = 1
	}
	for i := range 5 {
		want[fmt.Sprintf("each[%d]#1", i)] = 1
	}
	if diff := cmp.Diff(want, p.counts()); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
	t.Logf("%d passes for %d attempts", f.passes.Load(), len(want))
}

// TestGuardIsLeftByTheDead: a scheduler that dies inside keeps others out for its lease only.
func TestGuardIsLeftByTheDead(t *testing.T) {
	t.Parallel()
	p := &plant{t: t, dir: t.TempDir()}
	st := p.openStore()
	now := time.Now()
	guard := func(name string) *tick.Guard {
		return &tick.Guard{Store: st, Now: func() time.Time { return now }, Name: name, Lease: time.Minute}
	}
	enter := func(name string, want bool) {
		t.Helper()
		if got, err := guard(name).Enter(t.Context()); err != nil || got != want {
			t.Fatalf("%s enters: %t, %v; want %t", name, got, err, want)
		}
	}
	leave := func(name string, want bool) {
		t.Helper()
		if got, err := guard(name).Leave(t.Context()); err != nil || got != want {
			t.Fatalf("%s leaves: %t, %v; want %t", name, got, err, want)
		}
	}
	enter("dead", true)
	enter("next", false)
	now = now.Add(time.Minute)
	enter("next", true)
	leave("dead", true) // it lives after all, and must not open the door of another
	enter("third", false)
	leave("next", false) // the third was turned away
	leave("next", true)
	enter("third", true)
}
