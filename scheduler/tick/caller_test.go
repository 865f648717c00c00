package tick_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/storetest"
	"github.com/updraft-dev/updraft/task"
)

// owing is a store with a DAG that has callbacks and deadlines, and its run r1.
func owing(t *testing.T, change func(r *run.Run)) *storetest.Model {
	t.Helper()
	st := storetest.NewModel()
	d := &dag.DAG{
		ID: "d", MaxActiveRuns: 16, MaxActiveTasks: 16, Tasks: []*dag.Task{dag.NewTask("a", "op")},
		OnFailure: []dag.Callback{{Kind: dag.CallbackCommand}},
		Deadlines: []dag.Deadline{{Reference: dag.DeadlineAverage, Limit: 2, MinRuns: 1, Interval: time.Minute, Callbacks: []dag.Callback{{Kind: dag.CallbackCommand}}}},
	}
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.PutDAG(t.Context(), store.Definition{ID: "d", Version: version, Body: body, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	r := run.Run{ID: run.ID{DAG: "d", Run: "r1"}, Type: run.TypeManual, State: run.RunFailed, Version: version, RunAfter: now, Start: now.Add(-10 * time.Second), End: now}
	change(&r)
	if res, err := st.Apply(t.Context(), run.Batch{Run: r.ID, Create: &r}); err != nil || !res.OK() {
		t.Fatal(res, err)
	}
	return st
}

func newCaller(st store.Store, call func(context.Context, task.RunCall) error) *tick.Caller {
	l := tick.NewLoader(st)
	return tick.NewCaller(tick.CallerConfig{
		Store: st, Loader: l, Call: call, Poll: time.Minute, Log: slog.New(slog.DiscardHandler),
		Do: func(ctx context.Context, edit func(context.Context, *tick.Edit) error) error {
			return tick.ApplyEdit(ctx, l, time.Now, edit)
		},
	})
}

func failure(clears int) run.Call {
	return run.Call{Kind: run.CallFailure, Reason: run.ReasonFailure, At: time.Unix(int64(clears), 0), Clears: clears}
}

// TestCaller: a call that fails is made again, one that was made is not, and what is owed
// of one run is called in order.
func TestCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := owing(t, func(r *run.Run) { r.Clears, r.Owed = 1, []run.Call{failure(0), failure(1)} })
		var made []int
		c := newCaller(st, func(_ context.Context, c task.RunCall) error {
			made = append(made, c.Call.Clears)
			if len(made) == 2 {
				return errors.New("not to its end")
			}
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.Run(ctx); close(done) }()
		if err := c.Idle(ctx); err != nil {
			t.Fatal(err)
		}
		<-time.After(3 * time.Minute)                                                                                               // by the clock of the bubble
		c.See([]run.Batch{{Run: run.ID{DAG: "d", Run: "r1"}, Update: &run.RunChange{Want: run.Run{Owed: []run.Call{failure(1)}}}}}) // old news
		if err := c.Idle(ctx); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{0, 1, 1}, made); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		cancel()
		<-done
		data, err := st.Run(t.Context(), run.ID{DAG: "d", Run: "r1"})
		if err != nil || data.Run.Owes() {
			t.Errorf("the run owes %+v, %v", data.Run.Owed, err)
		}
	})
}

// TestCallerOfDeletedRun: a run may be deleted while its callbacks are called.
func TestCallerOfDeletedRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := owing(t, func(r *run.Run) { r.Owed = []run.Call{failure(0)} })
		calls := 0
		c := newCaller(st, func(ctx context.Context, c task.RunCall) error {
			calls++
			return st.DeleteRun(ctx, c.Run.ID)
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.Run(ctx); close(done) }()
		<-time.After(3 * time.Minute) // by the clock of the bubble
		c.See([]run.Batch{{Run: run.ID{DAG: "d", Run: "r1"}, Update: &run.RunChange{Want: run.Run{Owed: []run.Call{failure(0)}}}}})
		if err := c.Idle(ctx); err != nil || calls != 1 {
			t.Errorf("%d calls, %v", calls, err)
		}
		cancel()
		<-done
	})
}

// TestDeadlineSurvivesRestart: an engine that starts finds the deadlines of runs that have
// failed, and what deadlines of new runs count from.
func TestDeadlineSurvivesRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := owing(t, func(r *run.Run) { r.Deadlines = []run.Deadline{{At: time.Now().Add(time.Hour)}} })
		owed := make(chan run.Run, 10)
		e, err := tick.New(tick.Config{
			Store: st, Now: time.Now, Token: func() string { return "t" }, Log: slog.New(slog.DiscardHandler), Schedule: true,
			OnChange: func(batches []run.Batch) {
				for _, b := range batches {
					if b.Create != nil {
						owed <- *b.Create
					}
					if b.Update != nil && len(b.Update.Want.Owed) > 0 {
						owed <- b.Update.Want
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		err = e.Do(ctx, func(ctx context.Context, ed *tick.Edit) error {
			_, err := ed.Trigger(ctx, task.Trigger{DAG: "d", Run: "r2"}, "test", func() string { return "x" })
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := <-owed; len(r.Deadlines) != 1 || !r.Deadlines[0].At.Equal(begin.Add(70*time.Second)) {
			t.Errorf("the deadlines of %s are %+v, want one in 70 s: r1 took 10", r.Run, r.Deadlines)
		}
		for _, want := range []struct {
			run   string
			after time.Duration
		}{{"r2", 70 * time.Second}, {"r1", time.Hour}} {
			r := <-owed
			if took := time.Since(begin); r.Run != want.run || took != want.after || r.Owed[0].Kind != run.CallDeadline {
				t.Errorf("%s owes %+v after %s, want %s after %s", r.Run, r.Owed, took, want.run, want.after)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
