package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

func testVersions(t *testing.T, h Harness) {
	ctx := t.Context()
	a := store.Definition{ID: "d", Version: "a", Body: []byte(`{"a": 1}`), File: "f.yaml", At: day,
		State: store.DAGState{Paused: true}}
	b := store.Definition{ID: "d", Version: "b", Body: []byte(`{"b": 1}`), File: "g.yaml", At: day.Add(time.Hour)}
	check := func(want store.Definition) {
		t.Helper()
		got, err := h.Store.DAG(ctx, "d")
		ok(t, "DAG", err)
		want.State = store.DAGState{Paused: true, Revision: 1}
		equal(t, "current", want, got)
	}
	ok(t, "PutDAG", h.Store.PutDAG(ctx, a))
	check(a)
	moved := a
	moved.At, moved.File = day.Add(time.Minute), "moved.yaml"
	ok(t, "PutDAG of the same", h.Store.PutDAG(ctx, moved))
	moved.At = day
	check(moved)
	ok(t, "PutDAG of another", h.Store.PutDAG(ctx, b))
	check(b)
	ok(t, "PutDAG of the first", h.Store.PutDAG(ctx, moved))
	check(moved)
	for _, d := range []store.Definition{a, b} {
		body, err := h.Store.Version(ctx, "d", d.Version)
		ok(t, "Version", err)
		equal(t, "body", string(d.Body), string(body))
	}
}

func testListDAGs(t *testing.T, h Harness) {
	ctx := t.Context()
	for n := range 25 {
		i := n * 7 % 25
		d := store.Definition{ID: fmt.Sprintf("dag%02d", i), Version: "v", Body: []byte(`{}`), At: day,
			State: store.DAGState{Stale: i%5 == 0}}
		ok(t, "PutDAG", h.Store.PutDAG(ctx, d))
	}
	for _, f := range []store.DAGFilter{{}, {Bare: true}, {IncludeStale: true}, {Bare: true, IncludeStale: true}} {
		var got []string
		for p := (store.Page{Limit: 4}); ; {
			l, err := h.Store.ListDAGs(ctx, f, p)
			ok(t, "ListDAGs", err)
			for _, d := range l.Items {
				got = append(got, d.ID)
				if (len(d.Body) == 0) != f.Bare {
					t.Errorf("%+v: DAG %s has body %q", f, d.ID, d.Body)
				}
			}
			if p.Token = l.Next; p.Token == "" {
				break
			}
		}
		var want []string
		for i := range 25 {
			if f.IncludeStale || i%5 != 0 {
				want = append(want, fmt.Sprintf("dag%02d", i))
			}
		}
		equal(t, fmt.Sprintf("%+v", f), want, got)
	}
}

func testDAGState(t *testing.T, h Harness) {
	ctx := t.Context()
	ok(t, "PutDAG", h.Store.PutDAG(ctx, store.Definition{ID: "d", Version: "v", At: day, State: store.DAGState{Revision: 77}}))
	d, err := h.Store.DAG(ctx, "d")
	ok(t, "DAG", err)
	want := store.DAGState{Revision: d.State.Revision, Paused: true, Stale: true,
		Last:   &store.Interval{Start: day, End: day.Add(time.Hour)},
		Assets: map[string]time.Time{"s3://a/ü": day, "b": day.Add(1e3)}, AssetsAfter: day.Add(2e3),
		Placements: []run.Placement{
			{Executor: "fargate", Share: 50, Tasks: []string{"a", "ü.*"}, By: "ada", At: day, Reason: "a trial", Ended: day.Add(time.Hour), EndedBy: "bob", EndedReason: "done"},
			{Executor: "kubernetes", Share: run.Whole, At: day.Add(time.Hour)},
		},
		Memory: map[string]run.Memory{"a": {Asked: 3 << 30, Doubled: 1, At: day}, "ü.b": {Doubled: 2}}}
	got, err := h.Store.SetDAG(ctx, "d", want)
	ok(t, "SetDAG", err)
	if got.Revision == want.Revision {
		t.Errorf("the revision is still %d after a write", got.Revision)
	}
	_, err = h.Store.SetDAG(ctx, "d", store.DAGState{Revision: want.Revision})
	is(t, "second write of the same revision", err, store.ErrConflict)
	want.Revision = got.Revision
	equal(t, "returned state", want, got)
	d, err = h.Store.DAG(ctx, "d")
	ok(t, "DAG", err)
	equal(t, "stored state", want, d.State)
	ok(t, "PutDAG of a new version", h.Store.PutDAG(ctx, store.Definition{ID: "d", Version: "w", At: day}))
	d, err = h.Store.DAG(ctx, "d")
	ok(t, "DAG", err)
	equal(t, "state kept by a new version", want, d.State)
	list, err := h.Store.ListDAGs(ctx, store.DAGFilter{Bare: true, IncludeStale: true}, store.Page{})
	ok(t, "ListDAGs", err)
	if len(list.Items) != 1 {
		t.Fatalf("%d DAGs are listed, want 1", len(list.Items))
	}
	equal(t, "listed state", want, list.Items[0].State)
	_, err = h.Store.SetDAG(ctx, "d", store.DAGState{Revision: got.Revision})
	ok(t, "SetDAG back", err)
	_, err = h.Store.SetDAG(ctx, "no", store.DAGState{})
	is(t, "state of no DAG", err, store.ErrNotFound)
	wins := race(func(int) bool {
		_, err := h.Store.SetDAG(ctx, "d", store.DAGState{Revision: got.Revision + 1, Paused: true})
		return err == nil
	})
	if wins != 1 {
		t.Errorf("%d writes of one revision won, want 1", wins)
	}
}

func testSettings(t *testing.T, h Harness) {
	ctx := t.Context()
	put := func(id, value string, revision int64) error {
		return h.Store.PutSetting(ctx, store.KindVariable,
			store.Setting{ID: id, Value: []byte(value), Revision: revision, At: day})
	}
	is(t, "revision of nothing", put("a", "x", 1), store.ErrConflict)
	is(t, "new", put("a", "1", -1), nil)
	is(t, "new again", put("a", "2", -1), store.ErrExists)
	first, err := h.Store.Setting(ctx, store.KindVariable, "a")
	ok(t, "Setting", err)
	equal(t, "first", store.Setting{ID: "a", Value: []byte("1"), Revision: 1, At: day}, first)
	is(t, "with revision", put("a", "2", first.Revision), nil)
	is(t, "with old revision", put("a", "3", first.Revision), store.ErrConflict)
	is(t, "overwriting", put("a", "4", 0), nil)
	is(t, "overwriting nothing", put("ä/1", "\x00\xff", 0), nil)
	is(t, "of another kind", h.Store.PutSetting(ctx, store.KindPool, store.Setting{ID: "a", Value: []byte("p"), At: day}), nil)
	got, err := h.Store.Settings(ctx, store.KindVariable)
	ok(t, "Settings", err)
	equal(t, "all", []store.Setting{{ID: "a", Value: []byte("4"), Revision: 3, At: day},
		{ID: "ä/1", Value: []byte("\x00\xff"), Revision: 1, At: day}}, got)
	ok(t, "DeleteSetting", h.Store.DeleteSetting(ctx, store.KindVariable, "a"))
	is(t, "deleting again", h.Store.DeleteSetting(ctx, store.KindVariable, "a"), store.ErrNotFound)
	_, err = h.Store.Setting(ctx, store.KindVariable, "a")
	is(t, "deleted", err, store.ErrNotFound)
	_, err = h.Store.Setting(ctx, store.KindPool, "a")
	ok(t, "Setting of another kind", err)
	wins := race(func(int) bool { return put("race", "x", -1) == nil })
	if wins != 1 {
		t.Errorf("%d creations of one setting won, want 1", wins)
	}
	wins = race(func(int) bool { return put("race", "x", 1) == nil })
	if wins != 1 {
		t.Errorf("%d writes of one revision won, want 1", wins)
	}
}

func testAssetEvents(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	i := inst("a", run.Running, 1, "t")
	newRun(t, h.Store, id, i)
	event := func(asset string, s int) run.AssetEvent {
		return run.AssetEvent{Asset: asset, Name: "n", At: day.Add(time.Duration(s) * time.Second),
			Extra: map[string]any{"s": float64(s), "l": []any{"ü", nil}}, Source: i.Key(id)}
	}
	e := []run.AssetEvent{event("x", 1), event("y", 2), event("x", 3), event("x", 3), event("z/ü", 4)}
	apply(t, h.Store, store.Batch{Run: id, Changes: []run.Change{{Want: i, If: run.Is(&i)}}, Events: e[2:]},
		store.Batch{Run: id, Events: e[1:2]})
	outside := e[0]
	outside.Source = run.Key{}
	e[0] = outside
	apply(t, h.Store, store.Batch{Events: []run.AssetEvent{outside}})
	tests := []struct {
		asset        string
		after, until int
		limit        int
		want         []run.AssetEvent
	}{
		{"", 0, 9, 0, e},
		{"x", 0, 9, 0, []run.AssetEvent{e[0], e[2], e[3]}},
		{"x", 1, 3, 0, e[2:4]},
		{"", 1, 2, 0, e[1:2]},
		{"", 0, 9, 2, e[:2]},
		{"no", 0, 9, 0, nil},
	}
	for _, tt := range tests {
		got, err := h.Store.AssetEvents(t.Context(), tt.asset, day.Add(time.Duration(tt.after)*time.Second),
			day.Add(time.Duration(tt.until)*time.Second), tt.limit)
		ok(t, "AssetEvents", err)
		ids := map[int64]bool{}
		for i := range got {
			if ids[got[i].ID] || got[i].ID == 0 {
				t.Errorf("event %d has id %d, which is zero or another's", i, got[i].ID)
			}
			ids[got[i].ID] = true
			got[i].ID = 0
		}
		equal(t, fmt.Sprintf("%+v", tt), tt.want, got)
	}
}
