package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

func testXComsWithChange(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	i, other := inst("a", run.Running, 1, "t"), inst("b", run.Running, 1, "t")
	newRun(t, h.Store, id, i, other)
	x := func(name, value string) run.XCom { return run.XCom{Name: name, Value: []byte(value), At: day} }
	ok(t, "PutXCom", h.Store.PutXCom(t.Context(), i.Key(id), "t", x("early", `1`)))
	ok(t, "PutXCom", h.Store.PutXCom(t.Context(), other.Key(id), "t", x("other", `1`)))
	list := func() (names []string) {
		l, err := h.Store.XComs(t.Context(), store.XComQuery{Run: id})
		ok(t, "XComs", err)
		for _, x := range l {
			names = append(names, x.Key.Task+" "+x.Name+" "+string(x.Value))
		}
		return names
	}
	done := inst("a", run.Success, 1, "")
	apply(t, h.Store, store.Batch{Run: id, Changes: []run.Change{{Want: done, If: run.Is(&i),
		XComs: []run.XCom{x("return_value", `{"a": null}`), x("early", ` 2`)}}}})
	equal(t, "after success", []string{"a early  2", `a return_value {"a": null}`, "b other 1"}, list())
	again := inst("a", run.Running, 2, "t2")
	apply(t, h.Store, store.Batch{Run: id, Changes: []run.Change{{Want: again, If: run.Is(&done), ClearXComs: true,
		XComs: []run.XCom{x("new", `3`)}}}})
	equal(t, "after clear", []string{"a new 3", "b other 1"}, list())
	ok(t, "DeleteXCom", h.Store.DeleteXCom(t.Context(), i.Key(id), "new"))
	ok(t, "DeleteXCom of nothing", h.Store.DeleteXCom(t.Context(), i.Key(id), "new"))
	equal(t, "after deletion", []string{"b other 1"}, list())
}

func testXComFencing(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	i := inst("a", run.Running, 1, "new")
	newRun(t, h.Store, id, i)
	x := run.XCom{Name: "k", Value: []byte(`1`), At: day}
	put := func(task string, index int, token string) error {
		return h.Store.PutXCom(t.Context(), run.Key{ID: id, Task: task, Map: index}, token, x)
	}
	is(t, "old token", put("a", run.Unmapped, "old"), store.ErrConflict)
	is(t, "no token", put("a", run.Unmapped, ""), store.ErrConflict)
	is(t, "no instance", put("b", run.Unmapped, "new"), store.ErrConflict)
	is(t, "other index", put("a", 0, "new"), store.ErrConflict)
	is(t, "no run", h.Store.PutXCom(t.Context(), run.Key{ID: run.ID{DAG: "d", Run: "no"}, Task: "a"}, "", x), store.ErrConflict)
	l, err := h.Store.XComs(t.Context(), store.XComQuery{Run: id})
	ok(t, "XComs", err)
	equal(t, "xcoms", []store.XComItem{}, l)
	is(t, "current token", put("a", run.Unmapped, "new"), nil)
	x.Value = []byte(`2`)
	is(t, "again", put("a", run.Unmapped, "new"), nil)
	l, err = h.Store.XComs(t.Context(), store.XComQuery{Run: id})
	ok(t, "XComs", err)
	equal(t, "xcoms", []store.XComItem{{Key: i.Key(id), XCom: x}}, l)
}

func testXComQuery(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	var changes []run.Change
	for _, task := range []string{"b", "a"} {
		for _, m := range []int{10, 2, 0} {
			changes = append(changes, run.Change{Want: run.Instance{Task: task, Map: m}, If: run.Condition{Absent: true},
				XComs: []run.XCom{{Name: "z", Value: []byte(`1`)}, {Name: "k", Value: []byte(`1`)}}})
		}
	}
	r := run.Run{ID: id, RunAfter: day, State: run.RunRunning}
	apply(t, h.Store, store.Batch{Run: id, Create: &r, Changes: changes})
	tests := []struct {
		q    store.XComQuery
		want []string
	}{
		{store.XComQuery{}, []string{"a[0] k", "a[0] z", "a[2] k", "a[2] z", "a[10] k", "a[10] z",
			"b[0] k", "b[0] z", "b[2] k", "b[2] z", "b[10] k", "b[10] z"}},
		{store.XComQuery{Tasks: []string{"b", "a"}, Name: "k"}, []string{"a[0] k", "a[2] k", "a[10] k", "b[0] k", "b[2] k", "b[10] k"}},
		{store.XComQuery{Tasks: []string{"b"}, Maps: []int{10, 0, 7}}, []string{"b[0] k", "b[0] z", "b[10] k", "b[10] z"}},
		{store.XComQuery{Maps: []int{2}, Name: "z"}, []string{"a[2] z", "b[2] z"}},
		{store.XComQuery{Maps: []int{}}, nil},
		{store.XComQuery{Tasks: []string{"no"}}, nil},
		{store.XComQuery{Run: run.ID{DAG: "no", Run: "r"}}, nil},
	}
	for _, tt := range tests {
		if tt.q.Run == (run.ID{}) {
			tt.q.Run = id
		}
		l, err := h.Store.XComs(t.Context(), tt.q)
		ok(t, "XComs", err)
		var got []string
		for _, x := range l {
			got = append(got, x.Key.Name()+" "+x.Name)
		}
		equal(t, fmt.Sprintf("%+v", tt.q), tt.want, got)
	}
}

func testDue(t *testing.T, h Harness) {
	at := func(s int) time.Time {
		if s == 0 {
			return time.Time{}
		}
		return day.Add(time.Duration(s) * time.Second)
	}
	one := func(task string, due, lease int) run.Instance {
		return run.Instance{Task: task, Map: run.Unmapped, State: run.Running, Due: at(due), Lease: at(lease)}
	}
	ids := []run.ID{{DAG: "d", Run: "1"}, {DAG: "d", Run: "2"}, {DAG: "e", Run: "1"}, {DAG: "e", Run: "done"}}
	newRun(t, h.Store, ids[0], one("a", 10, 0), one("b", 0, 20), one("c", 0, 0))
	newRun(t, h.Store, ids[1], one("a", 0, 15))
	newRun(t, h.Store, ids[2], one("both", 12, 40), one("both2", 90, 30))
	done := newRun(t, h.Store, ids[3], one("a", 1, 2))
	ended := done
	ended.State = run.RunFailed
	apply(t, h.Store, store.Batch{Run: ids[3], Update: &run.RunChange{Want: ended, State: done.State}})
	check := func(until int, next int, want ...run.ID) {
		t.Helper()
		got, gotNext, err := h.Store.Due(t.Context(), at(until))
		ok(t, "Due", err)
		slices.SortFunc(got, func(a, b run.ID) int { return run.Key{ID: a}.Compare(run.Key{ID: b}) })
		equal(t, fmt.Sprintf("due at %d", until), want, got)
		equal(t, fmt.Sprintf("next after %d", until), at(next), gotNext)
	}
	check(9, 10)
	check(10, 12, ids[0])
	check(12, 15, ids[0], ids[2])
	check(15, 20, ids[:3]...)
	check(25, 30, ids[:3]...)
	check(30, 40, ids[:3]...)
	check(50, 90, ids[:3]...)
	check(99, 0, ids[:3]...)
	stored := one("a", 10, 0)
	quiet := one("a", 0, 0)
	apply(t, h.Store, store.Batch{Run: ids[0], Changes: []run.Change{{Want: quiet, If: run.Is(&stored)}}})
	check(10, 12)
	ok(t, "DeleteRun", h.Store.DeleteRun(t.Context(), ids[2]))
	check(12, 15)
}

// someRuns creates runs of two DAGs in an order that is none of those asked for.
func someRuns(t testing.TB, s store.Store, n int) []run.Run {
	var all []run.Run
	states := []run.RunState{run.RunQueued, run.RunRunning, run.RunSuccess, run.RunFailed}
	types := []run.Type{run.TypeManual, run.TypeScheduled, run.TypeBackfill}
	for k := range n {
		i := k * 7 % n
		id := run.ID{DAG: fmt.Sprint("d", i%2), Run: fmt.Sprint("r", i)}
		r := run.Run{ID: id, State: states[i%4], Type: types[i%3], RunAfter: day.Add(time.Duration(i/3) * time.Hour)}
		if i%3 != 0 {
			at := day.Add(time.Duration(i) * time.Minute)
			r.LogicalDate = &at
		}
		if i%5 == 0 {
			r.Backfill = "b"
		}
		switch i % 8 {
		case 2:
			r.Owed = []run.Call{{Kind: run.CallFailure, Reason: run.ReasonFailure, At: day}}
		case 3:
			r.Deadlines = []run.Deadline{{Index: 1, At: day}}
		}
		apply(t, s, store.Batch{Run: id, Create: &r, Changes: creations(inst("a", run.Queued, 1, ""))})
		all = append(all, r)
	}
	return all
}

func testListRuns(t *testing.T, h Harness) {
	m := NewModel()
	someRuns(t, m, 40)
	someRuns(t, h.Store, 40)
	open := []run.RunState{run.RunRunning, run.RunQueued}
	filters := []store.RunFilter{
		{}, {Order: store.OldestFirst}, {DAG: "d1"}, {DAG: "no"}, {States: open}, {States: open[:1]},
		{States: []run.RunState{run.RunQueued, run.RunFailed}, Order: store.OldestFirst}, {DAG: "d0", States: open},
		{Types: []run.Type{run.TypeManual, run.TypeBackfill}}, {After: day.Add(3 * time.Hour)},
		{Before: day.Add(3 * time.Hour)}, {After: day.Add(3 * time.Hour), Before: day.Add(5 * time.Hour), DAG: "d1"},
		{LogicalBefore: day.Add(10 * time.Minute)}, {Backfill: "b"}, {Backfill: "c"},
		{Owing: true}, {Owing: true, States: []run.RunState{run.RunFailed}, DAG: "d1"},
		{DAG: "d1", Backfill: "b", States: open, LogicalBefore: day.Add(20 * time.Minute), Order: store.OldestFirst},
	}
	for _, f := range filters {
		want, err := m.ListRuns(t.Context(), f, store.Page{})
		ok(t, "ListRuns of the model", err)
		got, err := h.Store.ListRuns(t.Context(), f, store.Page{})
		ok(t, "ListRuns", err)
		equal(t, fmt.Sprintf("%+v", f), want.Items, got.Items)
		var paged []run.Run
		for p := (store.Page{Limit: 3}); ; {
			l, err := h.Store.ListRuns(t.Context(), f, p)
			ok(t, "ListRuns", err)
			if len(l.Items) > 3 {
				t.Fatalf("a page of %d, want 3 at most", len(l.Items))
			}
			paged = append(paged, l.Items...)
			if p.Token = l.Next; p.Token == "" {
				break
			}
		}
		equal(t, fmt.Sprintf("pages of %+v", f), want.Items, paged)
	}
}

// testFineTimes: what Apply was given and what Run gives back may differ by less than a
// microsecond, and lists must bear it.
func testFineTimes(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	r := run.Run{ID: id, State: run.RunQueued, RunAfter: day.Add(123456789), QueuedAt: day.Add(1)}
	apply(t, h.Store, store.Batch{Run: id, Create: &r})
	for _, f := range []store.RunFilter{{}, {DAG: "d"}, {States: []run.RunState{run.RunQueued}}, {After: r.RunAfter},
		{Before: r.RunAfter.Add(1)}} {
		l, err := h.Store.ListRuns(t.Context(), f, store.Page{})
		ok(t, "ListRuns", err)
		if len(l.Items) != 1 {
			t.Errorf("%+v: %d runs are listed, want 1", f, len(l.Items))
		}
	}
	// A run that follows from an event has its time: later events are those after the run.
	ok(t, "events", func() error {
		_, err := h.Store.Apply(t.Context(), store.Batch{Events: []run.AssetEvent{{Asset: "a", At: r.RunAfter}}})
		return err
	}())
	stored := load(t, h.Store, id).Run.RunAfter
	events, err := h.Store.AssetEvents(t.Context(), "a", stored, time.Time{}, 0)
	ok(t, "AssetEvents", err)
	equal(t, "events after the run", []run.AssetEvent{}, events)
	next := r
	next.State = run.RunRunning
	apply(t, h.Store, store.Batch{Run: id, Update: &run.RunChange{Want: next, State: run.RunQueued}})
	l, err := h.Store.ListRuns(t.Context(), store.RunFilter{States: []run.RunState{run.RunRunning}}, store.Page{})
	ok(t, "ListRuns", err)
	if len(l.Items) != 1 {
		t.Errorf("%d runs are running, want 1", len(l.Items))
	}
}

func testPages(t *testing.T, h Harness) {
	all := someRuns(t, h.Store, 30)
	for _, o := range []store.Order{store.NewestFirst, store.OldestFirst} {
		seen := map[run.ID]int{}
		for p := (store.Page{Limit: 4}); ; {
			l, err := h.Store.ListRuns(t.Context(), store.RunFilter{Order: o}, p)
			ok(t, "ListRuns", err)
			for _, r := range l.Items {
				seen[r.ID]++
			}
			if p.Token = l.Next; p.Token == "" {
				break
			}
			// Before, amid and after what has been read.
			for _, at := range []time.Duration{-time.Hour, 5 * time.Hour, 100 * time.Hour} {
				id := run.ID{DAG: "new", Run: fmt.Sprint(o, len(seen), at)}
				apply(t, h.Store, store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunQueued, RunAfter: day.Add(at)}})
			}
		}
		for _, r := range all {
			if seen[r.ID] != 1 {
				t.Errorf("order %q: run %s was listed %d times, want once", o, r.ID, seen[r.ID])
			}
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("order %q: run %s was listed %d times", o, id, n)
			}
		}
	}
}

func testBadTokens(t *testing.T, h Harness) {
	someRuns(t, h.Store, 10)
	for n := range 5 {
		ok(t, "PutDAG", h.Store.PutDAG(t.Context(), store.Definition{ID: fmt.Sprint("d", n), Version: "v", At: day}))
	}
	runs, err := h.Store.ListRuns(t.Context(), store.RunFilter{}, store.Page{Limit: 2})
	ok(t, "ListRuns", err)
	dags, err := h.Store.ListDAGs(t.Context(), store.DAGFilter{}, store.Page{Limit: 2})
	ok(t, "ListDAGs", err)
	if runs.Next == "" || dags.Next == "" {
		t.Fatal("the first page of several has no token")
	}
	cut := runs.Next[:len(runs.Next)-3]
	for name, token := range map[string]string{"nonsense": "x", "not base64": "%%%", "cut": cut, "long": cut + "AAAAAAAAAAAA",
		"of DAGs": dags.Next} {
		_, err := h.Store.ListRuns(t.Context(), store.RunFilter{}, store.Page{Token: token})
		is(t, "runs, token "+name, err, store.ErrBadToken)
	}
	_, err = h.Store.ListRuns(t.Context(), store.RunFilter{DAG: "d1"}, store.Page{Token: runs.Next})
	is(t, "token of another filter", err, store.ErrBadToken)
	_, err = h.Store.ListDAGs(t.Context(), store.DAGFilter{}, store.Page{Token: runs.Next})
	is(t, "DAGs, token of runs", err, store.ErrBadToken)
}

func testDelete(t *testing.T, h Harness) {
	ids := []run.ID{{DAG: "d", Run: "1"}, {DAG: "d", Run: "2"}, {DAG: "e", Run: "1"}}
	for _, id := range ids {
		ok(t, "PutDAG", h.Store.PutDAG(t.Context(), store.Definition{ID: id.DAG, Version: "v", At: day}))
		i := inst("a", run.Running, 1, "t")
		newRun(t, h.Store, id, i)
		apply(t, h.Store, store.Batch{Run: id, Changes: []run.Change{{Want: inst("a", run.Running, 2, "t"), If: run.Is(&i),
			Archive: true, XComs: []run.XCom{{Name: "k", Value: []byte(`1`)}}}}})
	}
	empty := func(id run.ID) {
		t.Helper()
		_, err := h.Store.Run(t.Context(), id)
		is(t, "deleted run", err, store.ErrNotFound)
		l, err := h.Store.XComs(t.Context(), store.XComQuery{Run: id})
		if err != nil || len(l) != 0 {
			t.Errorf("xcoms of deleted run %s: %v, %v", id, l, err)
		}
		// Nothing of the old one may show in a new one of the same name.
		newRun(t, h.Store, id)
		if d := load(t, h.Store, id); len(d.Instances) != 0 {
			t.Errorf("run %s, new after deletion, has %v", id, d.Instances)
		}
		hist, err := h.Store.History(t.Context(), run.Key{ID: id, Task: "a", Map: run.Unmapped})
		if err != nil || len(hist) != 0 {
			t.Errorf("history of run %s, new after deletion: %v, %v", id, hist, err)
		}
		l, err = h.Store.XComs(t.Context(), store.XComQuery{Run: id})
		if err != nil || len(l) != 0 {
			t.Errorf("xcoms of run %s, new after deletion: %v, %v", id, l, err)
		}
	}
	ok(t, "DeleteRun", h.Store.DeleteRun(t.Context(), ids[0]))
	if d := load(t, h.Store, ids[1]); len(d.Instances) != 1 {
		t.Error("deleting a run took another's instances")
	}
	empty(ids[0])
	ok(t, "DeleteDAG", h.Store.DeleteDAG(t.Context(), "d"))
	_, err := h.Store.DAG(t.Context(), "d")
	is(t, "deleted DAG", err, store.ErrNotFound)
	_, err = h.Store.Version(t.Context(), "d", "v")
	is(t, "version of a deleted DAG", err, store.ErrNotFound)
	empty(ids[0])
	empty(ids[1])
	if d := load(t, h.Store, ids[2]); len(d.Instances) != 1 {
		t.Error("deleting a DAG took another's instances")
	}
	is(t, "again", h.Store.DeleteDAG(t.Context(), "d"), store.ErrNotFound)
}
