package tick_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/storetest"
)

var errDown = errors.New("the store is down")

// flaky is a store and an executor that fail as a test wants it.
type flaky struct {
	*storetest.Model
	// next, if there is one, comes instead of the next Apply.
	next chan func(context.Context, ...run.Batch) (store.Result, error)
	// unreadable is how many lists of runs fail, busy how many attempts find no room.
	unreadable, busy atomic.Int32
	started          atomic.Int32
	// down fails every Apply; faults and well are how often the log says that the store has
	// failed, and that it works again; told is what OnStore was told last.
	down         atomic.Bool
	faults, well atomic.Int32
	told         atomic.Value
	report       executors.Report
	ended        chan run.Run
}

// Write takes the lines of the log.
func (f *flaky) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("the store failed")) {
		f.faults.Add(1)
	}
	if bytes.Contains(line, []byte("the store works again")) {
		f.well.Add(1)
	}
	return len(line), nil
}

func (f *flaky) Apply(ctx context.Context, b ...run.Batch) (store.Result, error) {
	if f.down.Load() {
		return store.Result{}, errDown
	}
	select {
	case apply := <-f.next:
		return apply(ctx, b...)
	default:
		return f.Model.Apply(ctx, b...)
	}
}

func (f *flaky) ListRuns(ctx context.Context, filter store.RunFilter, p store.Page) (store.RunList, error) {
	if f.unreadable.Add(-1) >= 0 {
		return store.RunList{}, errDown
	}
	return f.Model.ListRuns(ctx, filter, p)
}

func (f *flaky) Name() string  { return "flaky" }
func (f *flaky) Capacity() int { return 4 }

func (f *flaky) Start(_ context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	for i, w := range work {
		if f.busy.Add(-1) >= 0 {
			errs[i] = executors.ErrBusy
			continue
		}
		f.started.Add(1)
		rep := run.Report{Attempt: w.Attempt(), Token: w.Instance.Token, Outcome: run.OutcomeSuccess, At: time.Now()}
		time.AfterFunc(time.Second, func() { f.report(rep) })
	}
	return errs
}

func (f *flaky) Cancel(context.Context, run.Attempt, string, string) error { return nil }

// closing is the executor's half of flaky, whose Close is not the store's.
type closing struct{ *flaky }

func (closing) Close(context.Context) error { return nil }

// inBubble starts an engine in virtual time, with a chain of three tasks.
func inBubble(t *testing.T, test func(t *testing.T, f *flaky, e *tick.Engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &flaky{Model: storetest.NewModel(), ended: make(chan run.Run, 1)}
		f.next = make(chan func(context.Context, ...run.Batch) (store.Result, error), 1)
		var tokens atomic.Int64
		e, err := tick.New(tick.Config{
			Store: f, Now: time.Now, Worker: "test", Log: slog.New(slog.NewTextHandler(f, nil)), Schedule: true,
			OnStore: func(err error) { f.told.Store(err != nil) },
			Token:   func() string { return strconv.FormatInt(tokens.Add(1), 10) },
			Open:    func(r executors.Report) (executors.Executor, error) { f.report = r; return closing{f}, nil },
			OnChange: func(batches []run.Batch) {
				for _, b := range batches {
					if b.Update != nil && b.Update.Want.State.Finished() {
						f.ended <- b.Update.Want
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		d := chain(3)
		body, version, err := dag.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.PutDAG(t.Context(), store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		test(t, f, e)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func create(t *testing.T, e *tick.Engine) error {
	return e.Do(t.Context(), func(_ context.Context, ed *tick.Edit) error {
		ed.Snapshot.Create(run.Run{ID: run.ID{DAG: "chain3", Run: "r"}, Type: run.TypeManual, RunAfter: ed.Now}, ed.Now)
		return nil
	})
}

// ends waits for the end of the run; each of its tasks has to be executed once.
func (f *flaky) ends(t *testing.T) {
	t.Helper()
	select {
	case r := <-f.ended:
		if r.State != run.RunSuccess {
			t.Errorf("run ended %s: %s", r.State, r.Reason)
		}
	case <-time.After(time.Hour):
		t.Fatal("the run is stuck")
	}
	data, err := f.Run(t.Context(), run.ID{DAG: "chain3", Run: "r"})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range data.Instances {
		if in.Try != 1 || in.InfraFailures != 0 {
			t.Errorf("%s needed %d tries, %d workers were lost", in.Name(), in.Try, in.InfraFailures)
		}
	}
	if n := f.started.Load(); n != 3 {
		t.Errorf("%d attempts were started, want 3", n)
	}
}

func TestCommitThatFailedAfterWriting(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *flaky, e *tick.Engine) {
		<-e.Ready()
		f.next <- func(ctx context.Context, b ...run.Batch) (store.Result, error) {
			if _, err := f.Model.Apply(ctx, b...); err != nil {
				t.Error(err)
			}
			return store.Result{}, errDown
		}
		if err := create(t, e); !errors.Is(err, errDown) {
			t.Errorf("the edit of a failed commit: %v", err)
		}
		f.ends(t)
	})
}

// TestStoreOutage: a store that is down for long is told of once a minute, and the run
// goes on when it is back.
func TestStoreOutage(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *flaky, e *tick.Engine) {
		if err := create(t, e); err != nil {
			t.Fatal(err)
		}
		f.down.Store(true)
		<-time.After(150 * time.Second)
		if n := f.faults.Load(); n != 3 {
			t.Errorf("an outage of 150 s was logged %d times, want once a minute", n)
		}
		if f.told.Load() != true || f.well.Load() != 0 {
			t.Error("OnStore was not told of the outage, or the log of its end too early")
		}
		f.down.Store(false)
		f.ends(t)
		if n := f.well.Load(); n != 1 || f.told.Load() != false {
			t.Errorf("the end of the outage was logged %d times, OnStore was told of a fault: %v", n, f.told.Load())
		}
	})
}

func TestBusyAfterACommitThatFailedAfterWriting(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *flaky, e *tick.Engine) {
		if err := create(t, e); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(500*time.Millisecond, func() {
			f.next <- func(ctx context.Context, b ...run.Batch) (store.Result, error) {
				f.busy.Store(1)
				if _, err := f.Model.Apply(ctx, b...); err != nil {
					t.Error(err)
				}
				return store.Result{}, errDown
			}
		})
		f.ends(t)
	})
}

func TestLoadThatFails(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *flaky, e *tick.Engine) {
		if err := create(t, e); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(500*time.Millisecond, func() {
			f.next <- func(context.Context, ...run.Batch) (store.Result, error) {
				f.unreadable.Store(3)
				return store.Result{}, errDown
			}
		})
		f.ends(t)
	})
}

func TestBusyExecutorCostsNoRetry(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *flaky, e *tick.Engine) {
		f.busy.Store(2 * run.InfraRetries)
		if err := create(t, e); err != nil {
			t.Fatal(err)
		}
		f.ends(t)
	})
}

func TestRefusedEditIsMadeAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, f *flaky, e *tick.Engine) {
		<-e.Ready()
		f.next <- func(_ context.Context, b ...run.Batch) (store.Result, error) {
			return store.Result{Refused: map[int]error{0: store.ErrExists}}, nil
		}
		if err := create(t, e); err != nil {
			t.Fatal(err)
		}
		f.ends(t)
	})
}
