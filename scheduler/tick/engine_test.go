package tick_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/localexec"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

// bench is an engine on a real store, whose attempts do nothing.
type bench struct {
	store  *sqlitestore.Store
	engine *tick.Engine
	ended  chan run.Run
	stop   func()
	// onSettled belongs to the engine's loop: it is set by an edit.
	onSettled func([]run.Attempt)
}

func newBench(tb testing.TB, durability string, parallelism int) *bench {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	st, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(tb.TempDir(), "updraft.db"), Durability: sqlitestore.Durability(durability)})
	if err != nil {
		tb.Fatal(err)
	}
	b := &bench{store: st, ended: make(chan run.Run, 1000)}
	var tokens atomic.Int64
	b.engine, err = tick.New(tick.Config{
		Store: st, Now: time.Now, Worker: "test", Log: slog.New(slog.DiscardHandler), Schedule: true,
		Token: func() string { return strconv.FormatInt(tokens.Add(1), 10) },
		Open: func(report executors.Report) (executors.Executor, error) {
			return localexec.Open(ctx, localexec.Config{Report: report, Parallelism: parallelism, Execute: func(_ context.Context, w executors.Work) run.Report {
				return run.Report{Attempt: w.Attempt(), Token: w.Instance.Token, Outcome: run.OutcomeSuccess, At: time.Now()}
			}})
		},
		OnChange: func(batches []run.Batch) {
			for _, c := range batches {
				if c.Update != nil && c.Update.Want.State.Finished() {
					b.ended <- c.Update.Want
				}
			}
		},
		OnSettled: func(a []run.Attempt) {
			if b.onSettled != nil {
				b.onSettled(a)
			}
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- b.engine.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	}
	return b
}

func (b *bench) put(tb testing.TB, d *dag.DAG) {
	tb.Helper()
	body, version, err := dag.Encode(d)
	if err != nil {
		tb.Fatal(err)
	}
	if err := b.store.PutDAG(context.Background(), store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now()}); err != nil {
		tb.Fatal(err)
	}
	if err := b.engine.DAGsChanged(context.Background(), d.ID); err != nil {
		tb.Fatal(err)
	}
}

func (b *bench) run(tb testing.TB, d *dag.DAG, id string) run.Run {
	tb.Helper()
	err := b.engine.Do(context.Background(), func(_ context.Context, e *tick.Edit) error {
		e.Snapshot.Create(run.Run{ID: run.ID{DAG: d.ID, Run: id}, Type: run.TypeManual, RunAfter: e.Now}, e.Now)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return <-b.ended
}

func chain(n int) *dag.DAG {
	d := &dag.DAG{ID: fmt.Sprintf("chain%d", n), MaxActiveRuns: 16}
	for i := range n {
		t := dag.NewTask(fmt.Sprintf("t%05d", i), "updraft.noop")
		if i > 0 {
			t.Upstream = []string{d.Tasks[i-1].ID}
		}
		d.Tasks = append(d.Tasks, t)
	}
	return d
}

func fan(n int) *dag.DAG {
	d := &dag.DAG{ID: fmt.Sprintf("fan%d", n), MaxActiveRuns: 16}
	first, last := dag.NewTask("first", "updraft.noop"), dag.NewTask("last", "updraft.noop")
	d.Tasks = []*dag.Task{first}
	for i := range n {
		t := dag.NewTask(fmt.Sprintf("t%05d", i), "updraft.noop")
		t.Upstream = []string{"first"}
		last.Upstream = append(last.Upstream, t.ID)
		d.Tasks = append(d.Tasks, t)
	}
	d.Tasks = append(d.Tasks, last)
	return d
}

func TestEngineRunsAChainWithOneCommitATask(t *testing.T) {
	t.Parallel()
	b := newBench(t, "full", 32)
	defer b.stop()
	d := chain(100)
	b.put(t, d)
	before := b.store.Stats().Commits
	if r := b.run(t, d, "r1"); r.State != run.RunSuccess {
		t.Fatalf("run ended %s: %s", r.State, r.Reason)
	}
	if got := b.store.Stats().Commits - before; got > 110 {
		t.Errorf("a chain of 100 took %d commits, want at most 110", got)
	}
}

// TestOnSettledComesOnceTheReportIsDurable: whoever forgets an attempt at that moment can
// be killed right after.
func TestOnSettledComesOnceTheReportIsDurable(t *testing.T) {
	t.Parallel()
	b := newBench(t, "full", 32)
	defer b.stop()
	d := chain(20)
	b.put(t, d)
	told := map[run.Attempt]int{}
	err := b.engine.Do(t.Context(), func(context.Context, *tick.Edit) error {
		b.onSettled = func(attempts []run.Attempt) {
			for _, a := range attempts {
				told[a]++
				data, err := b.store.Run(context.Background(), a.ID)
				if err != nil {
					t.Error(err)
				}
				for _, in := range data.Instances {
					if in.Task == a.Task && in.State != run.Success {
						t.Errorf("OnSettled was told of %s, which is %s in the store", a, in.State)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.run(t, d, "r1")
	err = b.engine.Do(t.Context(), func(context.Context, *tick.Edit) error {
		if len(told) != len(d.Tasks) {
			t.Errorf("OnSettled was told of %d attempts, want %d", len(told), len(d.Tasks))
		}
		for a, n := range told {
			if n != 1 {
				t.Errorf("OnSettled was told of %s %d times", a, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkEngine(b *testing.B) {
	for _, d := range []*dag.DAG{chain(100), chain(1000), fan(1000), fan(10000)} {
		for _, durability := range []string{"full", "normal"} {
			b.Run(d.ID+"/"+durability, func(b *testing.B) {
				x := newBench(b, durability, 128)
				defer x.stop()
				x.put(b, d)
				start := x.store.Stats().Commits
				b.ResetTimer()
				for i := range b.N {
					x.run(b, d, strconv.Itoa(i))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(d.Tasks)), "ns/task")
				b.ReportMetric(float64(x.store.Stats().Commits-start)/float64(b.N*len(d.Tasks)), "commits/task")
			})
		}
	}
}
