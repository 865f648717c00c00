package tick_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/storetest"
)

// TestUpdatesWhilePaused: what a process that starts anew knows of the updates of a DAG
// that was paused: those from before the pause wait, those during it are lost, and those
// from before the DAG was there, too.
func TestUpdatesWhilePaused(t *testing.T) {
	t.Parallel()
	st := storetest.NewModel()
	begin := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	minute := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }
	emit := func(asset string, n int) {
		if _, err := st.Apply(t.Context(), run.Batch{Events: []run.AssetEvent{{Asset: asset, At: minute(n)}}}); err != nil {
			t.Fatal(err)
		}
	}
	pause := func(paused bool) {
		if err := tick.SetPaused(t.Context(), st, "d", paused); err != nil {
			t.Fatal(err)
		}
	}
	d := &dag.DAG{ID: "d", Tasks: []*dag.Task{dag.NewTask("a", "op")}, Schedule: dag.ScheduleFromAssets(dag.AssetRef{URI: "x"}, dag.AssetRef{URI: "y"})}
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	emit("y", 1)
	def := store.Definition{ID: "d", Version: version, Body: body, At: minute(2), State: store.DAGState{AssetsAfter: minute(2)}}
	if err := st.PutDAG(t.Context(), def); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want map[string]time.Time, events int) {
		t.Helper()
		s := scheduler.NewSnapshot()
		if err := tick.NewLoader(st).DAGs(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		info, _ := s.DAG("d")
		if diff := cmp.Diff(want, info.Assets); diff != "" || len(info.Events) != events {
			t.Errorf("%s: %d events, want %d; updates (-want +got):\n%s", when, len(info.Events), events, diff)
		}
	}
	check("at first", map[string]time.Time{}, 1)
	emit("x", 3)
	check("after x", map[string]time.Time{"x": minute(3)}, 2)
	pause(true)
	emit("y", 4)
	emit("x", 5)
	check("while paused", map[string]time.Time{"x": minute(3)}, 4)
	pause(false)
	check("after the pause", map[string]time.Time{"x": minute(3)}, 4)
	emit("y", 6)
	check("after y", map[string]time.Time{"x": minute(3), "y": minute(6)}, 5)
}

// TestUpdatesByAliasAndFromOutside: an engine that starts anew finds what was updated
// under an alias, and by somebody other than a task.
func TestUpdatesByAliasAndFromOutside(t *testing.T) {
	t.Parallel()
	st := storetest.NewModel()
	now := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	d := &dag.DAG{ID: "d", Tasks: []*dag.Task{dag.NewTask("a", "op")}, Schedule: dag.ScheduleFromAssets(dag.AssetRef{URI: "x"}, dag.AssetRef{Alias: "daily"})}
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.PutDAG(t.Context(), store.Definition{ID: "d", Version: version, Body: body, At: now}); err != nil {
		t.Fatal(err)
	}
	l := tick.NewLoader(st)
	update := func(ev run.AssetEvent) error {
		now = now.Add(time.Minute)
		return tick.ApplyEdit(t.Context(), l, func() time.Time { return now }, func(_ context.Context, e *tick.Edit) error { return e.UpdateAsset(ev) })
	}
	if err := update(run.AssetEvent{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an update of an asset without a name: %v", err)
	}
	for _, ev := range []run.AssetEvent{{Asset: "x"}, {Asset: "y", Aliases: []string{"weekly"}}, {Asset: "z", Aliases: []string{"hourly", "daily"}}} {
		if err := update(ev); err != nil {
			t.Fatal(err)
		}
	}
	s := scheduler.NewSnapshot()
	if err := l.DAGs(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	info, _ := s.DAG("d")
	if diff := cmp.Diff(map[string]time.Time{"x": now.Add(-2 * time.Minute), "alias:daily": now}, info.Assets); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
}
