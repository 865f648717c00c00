package tick_test

import (
	"context"
	"crypto/rand"
	"errors"
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
	// refuse has these tasks refused, crash those that are begun end without a report.
	refuse, crash map[string]bool
	// over is closed when the run has ended: hints are of no use then.
	over chan struct{}
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
	errs := make([]error, len(work))
	for i, w := range work {
		if f.refuse[w.Instance.Task] {
			errs[i] = &executors.RefusedError{Cause: run.CauseConfig, Reason: "too large for any place"}
			continue
		}
		f.calls.Go(func() { f.work(w.Attempt()) })
	}
	return errs
}

func (f *functions) Cancel(context.Context, run.Attempt, string, string) error { return nil }
func (f *functions) Close(context.Context) error                               { return nil }

func (f *functions) work(a run.Attempt) {
	st := f.store
	name := fmt.Sprint("worker", f.names.Add(1))
	execute := func(ctx context.Context, w executors.Work) run.Report {
		if f.crash[w.Instance.Task] && w.Instance.Try == 1 {
			f.calls.Go(func() { f.bury(name, a) })
			<-ctx.Done() // a dead process does not report, and its lease is long
		}
		return f.execute(ctx, w)
	}
	w, err := tick.NewWorker(tick.WorkerConfig{
		Store: st, Loader: tick.NewLoader(st), Executor: f, Execute: execute, Accepts: func(*dag.DAG, *dag.Task) bool { return true },
		Notify: func(run.ID, bool) { f.calls.Go(f.schedule) },
		Free:   func(ctx context.Context) bool { return f.free(ctx) },
		Now:    time.Now, Token: rand.Text, Name: name, Parallelism: 1, Lease: 3 * time.Second,
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

// free leaves word of free slots.
func (f *functions) free(ctx context.Context) bool {
	g := &tick.Guard{Store: f.store, Now: time.Now, Of: "scheduler"}
	call, err := g.Free(ctx)
	if err != nil {
		f.t.Error(err)
	}
	return call
}

// bury is the call that somebody makes who has seen a worker die.
func (f *functions) bury(worker string, a run.Attempt) {
	d := tick.Death{Worker: worker, Attempts: []run.Attempt{a}, Cause: run.CauseOOM, Reason: "it was killed", ExitCode: 137}
	for range 2 { // word of a death comes twice as any other
		if _, err := tick.ReportDeath(context.Background(), tick.NewLoader(f.store), time.Now, rand.Text, d); err != nil {
			f.t.Error(err)
		}
	}
	f.schedule()
}

// schedule is one call of a scheduler.
func (f *functions) schedule() {
	ctx := context.Background()
	g := &tick.Guard{Store: f.store, Now: time.Now, Of: "scheduler", Name: fmt.Sprint("scheduler", f.names.Add(1)), Lease: time.Minute}
	inside, err := g.Enter(ctx)
	for left := !inside; err == nil && !left; {
		if f.inside.Add(1) != 1 {
			f.t.Error("two schedulers are at work")
		}
		var wake time.Time
		wake, g.Waits = f.pass(ctx)
		f.inside.Add(-1)
		var hint bool
		if left, hint, err = g.Leave(ctx, wake); hint && left {
			f.calls.Go(func() {
				select {
				case <-time.After(time.Until(wake)):
					f.schedule()
				case <-f.over:
				}
			})
		}
	}
	if err != nil {
		f.t.Error(err)
	}
}

func (f *functions) pass(ctx context.Context) (wake time.Time, waits bool) {
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
		return time.Time{}, true
	}
	f.passes.Add(1)
	if wake, err = e.Pass(ctx); err != nil {
		f.t.Errorf("pass: %v", err)
	}
	return wake, e.Waits()
}

// runs works a DAG off by calls and returns how its run ended.
func (f *functions) runs(d *dag.DAG) run.Run {
	f.t.Helper()
	ctx := f.t.Context()
	body, version, err := dag.Encode(d)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := f.store.PutDAG(ctx, store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now()}); err != nil {
		f.t.Fatal(err)
	}
	created := run.Run{ID: run.ID{DAG: d.ID, Run: "r1"}, Type: run.TypeManual, State: run.RunQueued, Version: version, RunAfter: time.Now(), QueuedAt: time.Now()}
	if _, err := f.store.Apply(ctx, store.Batch{Run: created.ID, Create: &created}); err != nil {
		f.t.Fatal(err)
	}
	f.calls.Go(f.schedule)
	r := f.wait()
	close(f.over)
	f.calls.Wait()
	return r
}

func newFunctions(t *testing.T, acts map[string]act) *functions {
	p := &plant{t: t, dir: t.TempDir(), ended: make(chan run.Run, 100), acts: acts, begun: map[string]int{}, done: map[string]int{}}
	p.store = p.openStore()
	return &functions{plant: p, refuse: map[string]bool{}, crash: map[string]bool{}, over: make(chan struct{})}
}

// TestNothingRunsBetweenCalls: a run is worked off by calls alone, each attempt once, and
// limits hold.
func TestNothingRunsBetweenCalls(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, map[string]act{"flaky": failsOnce, "list": yields(5)})
	d := mixed(20)
	d.MaxActiveTasks = 6
	if r := f.runs(d); r.State != run.RunSuccess {
		t.Fatalf("the run ended %s: %s", r.State, r.Reason)
	}
	want := map[string]int{"first#1": 1, "second#1": 1, "flaky#1": 1, "flaky#2": 1, "join#1": 1, "list#1": 1, "last#1": 1}
	for i := range 20 {
		want[fmt.Sprintf("fan%02d#1", i)] = 1
	}
	for i := range 5 {
		want[fmt.Sprintf("each[%d]#1", i)] = 1
	}
	if diff := cmp.Diff(want, f.counts()); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
	t.Logf("%d passes for %d attempts", f.passes.Load(), len(want))
}

// TestWideFan: the tasks of a wide fan call no scheduler, but for the last ones, and unless
// others wait for their slots; what waits for all of them starts.
func TestWideFan(t *testing.T) {
	t.Parallel()
	const n = 120
	for _, c := range []struct {
		name  string
		limit int
		// most is how many passes there may be.
		most int64
	}{{"room for all", 1000, 30}, {"room for some", 8, 10 * n}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFunctions(t, nil)
			d := fan(n)
			d.MaxActiveTasks = c.limit
			if r := f.runs(d); r.State != run.RunSuccess {
				t.Fatalf("the run ended %s: %s", r.State, r.Reason)
			}
			if got := f.counts(); len(got) != len(d.Tasks) || got["last#1"] != 1 {
				t.Errorf("executions: %v", got)
			}
			if got := f.passes.Load(); got > c.most {
				t.Errorf("%d passes for %d tasks, want %d at most", got, n, c.most)
			}
		})
	}
}

// TestDeathIsReported: what a dead worker held is failed by whoever sees it, with the cause,
// and has another try.
func TestDeathIsReported(t *testing.T) {
	t.Parallel()
	f := newFunctions(t, nil)
	f.crash["t00001"] = true
	d := chain(3)
	if r := f.runs(d); r.State != run.RunSuccess {
		t.Fatalf("the run ended %s: %s", r.State, r.Reason)
	}
	in := f.instance(run.ID{DAG: d.ID, Run: "r1"}, "t00001")
	if in.OOMFailures != 1 || in.Try != 2 {
		t.Errorf("after a death: try %d, %d OOM failures", in.Try, in.OOMFailures)
	}
}

// TestRefusedTaskFails: a task that no place will ever take fails with the reason, whether
// the scheduler sends it or a worker.
func TestRefusedTaskFails(t *testing.T) {
	t.Parallel()
	for _, task := range []string{"t00000", "t00001"} {
		f := newFunctions(t, nil)
		f.refuse[task] = true
		d := chain(3)
		d.Tasks[1].Isolated = true // its predecessor's worker does not go on with it
		if r := f.runs(d); r.State != run.RunFailed {
			t.Fatalf("%s: the run ended %s: %s", task, r.State, r.Reason)
		}
		in := f.instance(run.ID{DAG: d.ID, Run: "r1"}, task)
		if in.Cause != run.CauseConfig || in.Reason != "too large for any place" {
			t.Errorf("%s failed of %s: %q", task, in.Cause, in.Reason)
		}
	}
}

// TestGuardIsLeftByTheDead: a scheduler that dies inside keeps others out for its lease only.
func TestGuardIsLeftByTheDead(t *testing.T) {
	t.Parallel()
	p := &plant{t: t, dir: t.TempDir()}
	st := p.openStore()
	now := time.Now()
	guard := func(name string) *tick.Guard {
		return &tick.Guard{Store: st, Now: func() time.Time { return now }, Of: "scheduler", Name: name, Lease: time.Minute}
	}
	enter := func(name string, want bool) {
		t.Helper()
		if got, err := guard(name).Enter(t.Context()); err != nil || got != want {
			t.Fatalf("%s enters: %t, %v; want %t", name, got, err, want)
		}
	}
	leave := func(name string, want bool) {
		t.Helper()
		if got, _, err := guard(name).Leave(t.Context(), time.Time{}); err != nil || got != want {
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

// deaf is a store that fails while fails says so; what is written then is durable.
type deaf struct {
	store.Store
	fails *int
}

// PutSetting implements store.Store.
func (d deaf) PutSetting(ctx context.Context, k store.Kind, s store.Setting) error {
	err := d.Store.PutSetting(ctx, k, s)
	if err == nil && *d.fails > 0 {
		*d.fails--
		err = errors.New("the answer was lost")
	}
	return err
}

// TestGuardSurvivesLostAnswers: a write whose answer is lost keeps nobody out, and loses no
// hint.
func TestGuardSurvivesLostAnswers(t *testing.T) {
	t.Parallel()
	p := &plant{t: t, dir: t.TempDir()}
	fails, now := 0, time.Now()
	g := &tick.Guard{
		Store: deaf{p.openStore(), &fails}, Now: func() time.Time { return now }, Of: "scheduler", Name: "one", Lease: time.Minute,
	}
	fails = 1
	if inside, err := g.Enter(t.Context()); err != nil || !inside {
		t.Fatalf("it enters: %t, %v", inside, err)
	}
	fails = 1
	if left, hint, err := g.Leave(t.Context(), now.Add(time.Hour)); err != nil || !left || !hint {
		t.Fatalf("it leaves: %t, hint %t, %v", left, hint, err)
	}
	other := *g
	other.Name = "two"
	if inside, err := other.Enter(t.Context()); err != nil || !inside {
		t.Fatalf("another one enters: %t, %v", inside, err)
	}
	fails = 100
	if err := other.Quit(t.Context()); err != nil {
		t.Fatalf("who has failed quits: %v", err) // the second look sees that it is out
	}
	if inside, err := g.Enter(t.Context()); err != nil || !inside {
		t.Fatalf("it enters while answers are lost: %t, %v", inside, err)
	}
}

// TestGuardIsQuit: who fails inside keeps nobody out, whoever has left word.
func TestGuardIsQuit(t *testing.T) {
	t.Parallel()
	p := &plant{t: t, dir: t.TempDir()}
	one := &tick.Guard{Store: p.openStore(), Now: time.Now, Of: "scheduler", Name: "one", Lease: time.Minute}
	two := *one
	two.Name = "two"
	if inside, err := one.Enter(t.Context()); err != nil || !inside {
		t.Fatalf("one enters: %t, %v", inside, err)
	}
	if inside, err := two.Enter(t.Context()); err != nil || inside {
		t.Fatalf("two enters: %t, %v", inside, err)
	}
	if inside, err := one.Renew(t.Context()); err != nil || !inside {
		t.Fatalf("one renews: %t, %v", inside, err)
	}
	if left, _, err := one.Leave(t.Context(), time.Time{}); err != nil || left {
		t.Fatalf("one leaves although two has left word: %t, %v", left, err)
	}
	if _, err := two.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if again, err := one.Heard(t.Context()); err != nil || again != want {
			t.Fatalf("one hears word that two has left: %t, %v; want %t", again, err, want)
		}
	}
	if _, err := two.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := one.Quit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if inside, err := two.Enter(t.Context()); err != nil || !inside {
		t.Fatalf("two enters after one has quit: %t, %v", inside, err)
	}
	if inside, err := one.Renew(t.Context()); err != nil || inside {
		t.Fatalf("one renews what is another's: %t, %v", inside, err)
	}
}

// TestGuardIsToldOfFreeSlots: nobody is called while nothing waits, or while somebody is
// inside, who then looks again only if something waits.
func TestGuardIsToldOfFreeSlots(t *testing.T) {
	t.Parallel()
	p := &plant{t: t, dir: t.TempDir()}
	now := time.Now()
	g := &tick.Guard{Store: p.openStore(), Now: func() time.Time { return now }, Of: "scheduler", Name: "one", Lease: time.Minute}
	free := func(want bool) {
		t.Helper()
		if call, err := g.Free(t.Context()); err != nil || call != want {
			t.Errorf("free: %t, %v; want %t", call, err, want)
		}
	}
	enter := func() {
		t.Helper()
		if in, err := g.Enter(t.Context()); !in || err != nil {
			t.Fatalf("enter: %t, %v", in, err)
		}
	}
	leave := func(waits, want bool) {
		t.Helper()
		g.Waits = waits
		if left, _, err := g.Leave(t.Context(), time.Time{}); err != nil || left != want {
			t.Errorf("leave: %t, %v; want %t", left, err, want)
		}
	}
	free(false) // nobody has ever seen anything
	enter()
	free(false)
	leave(false, true)
	free(false)
	enter()
	free(false)
	free(false)
	leave(true, false)
	leave(true, true)
	free(true)
	free(true)
	enter()
	leave(true, true) // what became free before it entered, it has seen
	enter()
	now = now.Add(time.Minute)
	free(true) // whoever is inside has died
}

// TestGuardSendsEachHintOnce: passes that find the same time to look again send one hint.
func TestGuardSendsEachHintOnce(t *testing.T) {
	t.Parallel()
	p := &plant{t: t, dir: t.TempDir()}
	now := time.Now()
	g := &tick.Guard{Store: p.openStore(), Now: func() time.Time { return now }, Of: "scheduler", Name: "one", Lease: time.Minute}
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	for _, tt := range []struct {
		after int
		wake  time.Time
		hint  bool
	}{{0, time.Time{}, false}, {0, at(30), true}, {1, at(30), false}, {1, at(20), true}, {2, at(25), false}, {20, at(30), true}} {
		now = at(tt.after)
		if in, err := g.Enter(t.Context()); !in || err != nil {
			t.Fatalf("enter: %t, %v", in, err)
		}
		if _, hint, err := g.Leave(t.Context(), tt.wake); err != nil || hint != tt.hint {
			t.Errorf("hint for %s after %d s: %t, %v; want %t", tt.wake, tt.after, hint, err, tt.hint)
		}
	}
}
