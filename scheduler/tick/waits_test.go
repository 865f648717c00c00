package tick_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

func TestWaits(t *testing.T) {
	t.Parallel()
	st := newPlant(t, nil).store
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	attempt := func(n int) run.Attempt {
		return run.Attempt{Key: run.Key{ID: run.ID{DAG: "d", Run: strings.Repeat("r", 250)}, Task: "t", Map: n}, Try: 1}
	}
	var list []tick.Wait
	for n := range 6000 {
		list = append(list, tick.Wait{Attempt: attempt(n), Reason: fmt.Sprintf("reason %d", n%3)})
	}
	if err := tick.PutWaits(t.Context(), st, "kubernetes", list, now); err != nil {
		t.Fatal(err)
	}
	if err := tick.PutWaits(t.Context(), st, "elsewhere", nil, now); err != nil {
		t.Fatal(err)
	}
	row, err := st.Setting(t.Context(), "waits", "kubernetes")
	if err != nil || len(row.Value) > 100_000 {
		t.Errorf("it is written as %d bytes, %v", len(row.Value), err)
	}
	for _, tt := range []struct {
		name    string
		attempt run.Attempt
		at      time.Time
		want    string
	}{
		{"the first", attempt(0), now, "kubernetes: reason 0"},
		{"another", attempt(4), now.Add(time.Minute), "kubernetes: reason 1"},
		{"beyond the bound", attempt(5999), now, ""},
		{"another try", run.Attempt{Key: attempt(0).Key, Try: 2}, now, ""},
		{"long ago", attempt(0), now.Add(time.Hour), ""},
	} {
		w, err := tick.ReadWaits(t.Context(), st, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Of(tt.attempt); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if err := tick.PutWaits(t.Context(), st, "kubernetes", nil, now); err != nil {
		t.Fatal(err)
	}
	if w, err := tick.ReadWaits(t.Context(), st, now); err != nil || w.Of(attempt(0)) != "" {
		t.Errorf("what does not wait any more waits: %q, %v", w.Of(attempt(0)), err)
	}
}

// TestWorkerLeavesAReport: whoever sees the worker end knows better why.
func TestWorkerLeavesAReport(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	begun := make(chan run.Attempt, 1)
	p.acts["t00000"] = func(ctx context.Context, w executors.Work) run.Report {
		if w.Instance.Try == 1 {
			return hangs(begun)(ctx, w)
		}
		return succeed(ctx, w)
	}
	stop := p.worker("evicted", func(c *tick.WorkerConfig) {
		c.Withhold = func(rep run.Report, stopped bool) bool { return stopped && rep.Outcome == run.OutcomeFailed }
	})
	d := chain(1)
	p.put(d)
	id := p.trigger(d, "r1")
	a := <-begun
	stop()
	if in := p.instance(id, "t00000"); in.State != run.Running || in.Try != 1 {
		t.Fatalf("it is %s in try %d, though its report was to be left to others", in.State, in.Try)
	}
	if _, err := tick.ReportDeath(t.Context(), tick.NewLoader(p.store), time.Now, rand.Text, tick.Death{
		Worker: "evicted", Attempts: []run.Attempt{a}, Cause: run.CauseInfra, Reason: "the pod was evicted", Called: true,
	}); err != nil {
		t.Fatal(err)
	}
	p.engine.NoticeRun(id)
	p.worker("goes on", nil)
	if r := p.wait(); r.State != run.RunSuccess {
		t.Errorf("run ended %s: %s", r.State, r.Reason)
	}
	if in := p.instance(id, "t00000"); in.InfraFailures != 1 || in.Try != 2 {
		t.Errorf("it ended in try %d with %d failures of the infrastructure, want 2 and 1", in.Try, in.InfraFailures)
	}
}
