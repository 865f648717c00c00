package tick_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

// daily is a DAG whose last three days can be backfilled; its end date is over, so that
// nothing but the backfill makes runs.
func daily(t *testing.T, b *bench) (d *dag.DAG, from, to time.Time) {
	t.Helper()
	d = chain(2)
	d.ID = "daily"
	d.Schedule = dag.ScheduleFromText("@daily", "UTC", dag.ScheduleCompat{})
	to = time.Now().UTC().Truncate(24 * time.Hour)
	end := to.AddDate(0, 0, -3)
	d.EndDate = &end
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	def := store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now()}
	if err := b.store.PutDAG(t.Context(), def); err != nil {
		t.Fatal(err)
	}
	return d, to.AddDate(0, 0, -2), to
}

func TestBackfillEndsAndIsRecorded(t *testing.T) {
	t.Parallel()
	b := newBench(t, "normal", 8)
	defer b.stop()
	d, from, to := daily(t, b)
	bf := &scheduler.Backfill{DAG: d.ID, From: from, To: to, MaxActiveRuns: 1}
	start := func(bf *scheduler.Backfill) error {
		return b.engine.Do(t.Context(), func(ctx context.Context, e *tick.Edit) error { return e.StartBackfill(ctx, bf) })
	}
	if err := start(bf); err != nil {
		t.Fatal(err)
	}
	if bf.ID != "daily#1" || len(bf.Runs) != 3 {
		t.Fatalf("backfill %+v", bf)
	}
	for range 3 {
		if r := <-b.ended; r.State != run.RunSuccess || r.Backfill != bf.ID {
			t.Errorf("run ended %+v", r)
		}
	}
	// The edit comes after the turn that ended the last run.
	if err := b.engine.Do(t.Context(), func(context.Context, *tick.Edit) error { return nil }); err != nil {
		t.Fatal(err)
	}
	all, err := tick.Backfills(t.Context(), b.store)
	if err != nil || len(all) != 1 || all[0].CompletedAt.IsZero() {
		t.Fatalf("stored backfills %+v, %v", all, err)
	}
	again := &scheduler.Backfill{DAG: d.ID, From: from, To: to, Reprocess: scheduler.ReprocessCompleted, Conf: []byte(`[]`)}
	if err := start(again); err == nil || !strings.Contains(err.Error(), "conf has to be a JSON object") {
		t.Errorf("bad conf: %v", err)
	}
	again.Conf = nil
	if err := start(again); err != nil || again.ID != "daily#2" {
		t.Fatalf("second backfill %+v: %v", again, err)
	}
	for range 3 {
		if r := <-b.ended; r.State != run.RunSuccess || r.Backfill != again.ID || r.Clears != 1 {
			t.Errorf("cleared run ended %+v", r)
		}
	}
}

func TestBackfillByAnotherProcess(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	st, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(t.TempDir(), "updraft.db"), Durability: "normal"})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	b := &bench{store: st}
	d, from, to := daily(t, b)
	l := tick.NewLoader(b.store)
	edit := func(f func(context.Context, *tick.Edit) error) error { return tick.ApplyEdit(ctx, l, time.Now, f) }
	bf := &scheduler.Backfill{DAG: d.ID, From: from, To: to}
	if err := edit(func(ctx context.Context, e *tick.Edit) error { return e.StartBackfill(ctx, bf) }); err != nil {
		t.Fatal(err)
	}
	other := &scheduler.Backfill{DAG: d.ID, From: from, To: to}
	if err := edit(func(ctx context.Context, e *tick.Edit) error { return e.StartBackfill(ctx, other) }); !errors.Is(err, scheduler.ErrBackfillActive) {
		t.Errorf("a second backfill: %v", err)
	}
	if err := edit(func(ctx context.Context, e *tick.Edit) error { return e.SetBackfillPaused(ctx, bf.ID, true) }); err != nil {
		t.Fatal(err)
	}
	var cancelled []run.ID
	err = edit(func(ctx context.Context, e *tick.Edit) (err error) {
		cancelled, err = e.CancelBackfill(ctx, bf.ID)
		return err
	})
	if err != nil || len(cancelled) != 3 {
		t.Fatalf("CancelBackfill: %v, %v", cancelled, err)
	}
	list, err := b.store.ListRuns(ctx, store.RunFilter{Backfill: bf.ID}, store.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list.Items {
		if r.State != run.RunFailed || r.Reason == "" {
			t.Errorf("cancelled run %+v", r)
		}
	}
	if err := edit(func(ctx context.Context, e *tick.Edit) error { return e.SetBackfillPaused(ctx, bf.ID, false) }); err == nil {
		t.Error("a completed backfill was unpaused")
	}
	if err := edit(func(ctx context.Context, e *tick.Edit) error { return e.SetBackfillPaused(ctx, "no#1", true) }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown backfill: %v", err)
	}
}
