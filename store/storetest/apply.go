package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// full is an instance with every field set.
func full(task string) run.Instance {
	n := 0
	return run.Instance{
		Task: task, Map: 3, State: run.UpForRetry, Try: 2, MaxTries: 5, Token: "tök/en", Worker: "host-1", Handle: "pod-1",
		Executor: "local", Pool: "default_pool", QueuedAt: day, Start: day.Add(1e3), End: day.Add(2e3),
		Due: day.Add(time.Hour), Lease: day.Add(2 * time.Hour), FirstStart: day.Add(-time.Hour), Reschedules: 4,
		InfraFailures: 1, OOMFailures: 2, Cause: run.CauseOOM, ExitCode: -9, PeakMemory: 5 << 30, Reason: "it was \"too\" large",
		Tail: "line 1\nline 2 \x00\xff", Note: "naïve", Length: &n, Unmappable: true, Pushed: true,
		Choice: &run.Choice{Skipped: []string{"b", "c"}}, Label: "label", Trigger: []byte(`{ "a" : "<1>" }`),
	}
}

func fullRun(id run.ID) run.Run {
	a, b, c := day, day.Add(time.Hour), day.Add(2*time.Hour)
	return run.Run{
		ID: id, Type: run.TypeAssetTriggered, State: run.RunQueued, Version: "abc", LogicalDate: &a, IntervalStart: &b,
		IntervalEnd: &c, RunAfter: day.Add(1e6), QueuedAt: day.Add(2e6), Start: day.Add(3e6), End: day.Add(4e6),
		Conf: []byte(`{"a": [1, 2.50, "<ü>"]}`), Note: "n", TriggeredBy: "cli", Clears: 7, Backfill: "b1", Reason: "why",
		Events: []run.AssetEvent{{ID: 9, Asset: "s3://x", Name: "x", At: day, Extra: map[string]any{"k": 1.5},
			Source: run.Key{ID: id, Task: "t", Map: -1}}},
		Owed:      []run.Call{{Kind: run.CallFailure, Reason: run.ReasonTimedOut, Deadline: 1, At: day, Clears: 2, Task: "t", Map: 3, Try: 4}},
		Deadlines: []run.Deadline{{Index: 2, At: day.Add(5e6)}},
	}
}

func testRoundTrip(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	r, i := fullRun(id), full("full")
	choices := []*run.Choice{nil, {}, {Followed: []string{"x"}}, {Skipped: []string{}}, {Followed: []string{}}}
	want := []run.Instance{i}
	for n, c := range choices {
		want = append(want, run.Instance{Task: "pick", Map: n, State: run.Success, Choice: c})
	}
	apply(t, h.Store, store.Batch{Run: id, Create: &r, Changes: creations(want...)})
	got := load(t, h.Store, id)
	equal(t, "run", r, got.Run)
	equal(t, "instances", want, got.Instances)
	for n, c := range choices {
		// An empty list of skipped tasks is not the same as none.
		if stored := got.Instances[n+1].Choice; stored.Skips("x") != c.Skips("x") || stored.Skips("y") != c.Skips("y") {
			t.Errorf("choice %+v came back as %+v", c, stored)
		}
	}
	list, err := h.Store.ListRuns(t.Context(), store.RunFilter{}, store.Page{})
	ok(t, "ListRuns", err)
	equal(t, "listed run", []run.Run{r}, list.Items)
}

func testCreateTwice(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	r := newRun(t, h.Store, id, inst("a", run.Queued, 1, ""))
	again := r
	again.Note = "second"
	res, err := h.Store.Apply(t.Context(), store.Batch{Run: id, Create: &again,
		Changes: creations(inst("b", run.Queued, 1, "")), Events: []run.AssetEvent{{Asset: "x", At: day}}})
	ok(t, "Apply", err)
	is(t, "second create", res.Refused[0], store.ErrExists)
	got := load(t, h.Store, id)
	equal(t, "run", r, got.Run)
	equal(t, "instances", []run.Instance{inst("a", run.Queued, 1, "")}, got.Instances)
	events, err := h.Store.AssetEvents(t.Context(), "", time.Time{}, time.Time{}, 0)
	ok(t, "AssetEvents", err)
	equal(t, "events", []run.AssetEvent{}, events)
}

func testLogicalDate(t *testing.T, h Harness) {
	create := func(dag, name string, at *time.Time) error {
		id := run.ID{DAG: dag, Run: name}
		res, err := h.Store.Apply(t.Context(), store.Batch{Run: id,
			Create: &run.Run{ID: id, State: run.RunQueued, RunAfter: day, LogicalDate: at}})
		ok(t, "Apply", err)
		return res.Refused[0]
	}
	at, next := day, day.Add(time.Microsecond)
	inParis := at.In(time.FixedZone("", 3600))
	is(t, "first", create("d", "a", &at), nil)
	is(t, "same date", create("d", "b", &at), store.ErrExists)
	is(t, "same date, other zone", create("d", "b", &inParis), store.ErrExists)
	is(t, "a microsecond later", create("d", "b", &next), nil)
	is(t, "other DAG", create("e", "a", &at), nil)
	is(t, "no date", create("d", "c", nil), nil)
	is(t, "no date again", create("d", "e", nil), nil)
	ok(t, "DeleteRun", h.Store.DeleteRun(t.Context(), run.ID{DAG: "d", Run: "a"}))
	is(t, "after deletion", create("d", "f", &at), nil)
}

func testConditions(t *testing.T, h Harness) {
	stored := inst("a", run.Running, 2, "tok")
	tests := []struct {
		name string
		cond run.Condition
		held bool
	}{
		{"as it is", run.Condition{State: run.Running, Try: 2, Token: "tok"}, true},
		{"absent", run.Condition{Absent: true}, false},
		{"absent, all else right", run.Condition{Absent: true, State: run.Running, Try: 2, Token: "tok"}, false},
		{"other state", run.Condition{State: run.Queued, Try: 2, Token: "tok"}, false},
		{"other try", run.Condition{State: run.Running, Try: 1, Token: "tok"}, false},
		{"other token", run.Condition{State: run.Running, Try: 2, Token: "TOK"}, false},
		{"no token", run.Condition{State: run.Running, Try: 2}, false},
		{"nothing", run.Condition{}, false},
	}
	for n, tt := range tests {
		for _, kind := range []string{"write", "archive", "remove"} {
			id := run.ID{DAG: "d", Run: fmt.Sprintf("r%d %s", n, kind)}
			newRun(t, h.Store, id, stored)
			c := run.Change{Want: inst("a", run.Success, 2, ""), If: tt.cond, Archive: kind == "archive", Gone: kind == "remove"}
			res, err := h.Store.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{c}})
			ok(t, "Apply", err)
			var want store.Result
			if !tt.held {
				want.Lost = []store.Lost{{Stored: &stored}}
			}
			equal(t, tt.name+", "+kind, want, result(res))
		}
	}
	id := run.ID{DAG: "d", Run: "absent"}
	newRun(t, h.Store, id)
	for _, gone := range []bool{false, true} {
		c := run.Change{Want: inst("b", run.Queued, 1, ""), Gone: gone, Archive: true}
		res, err := h.Store.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{c}})
		ok(t, "Apply", err)
		equal(t, "of what is not there", store.Result{Lost: []store.Lost{{}}}, result(res))
	}
	apply(t, h.Store, store.Batch{Run: id, Changes: []run.Change{
		{Want: inst("b", run.None, 0, ""), Gone: true, If: run.Condition{Absent: true}}}})
	equal(t, "instances", []run.Instance{}, load(t, h.Store, id).Instances)
}

func testLostLeavesNothing(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	a, b := inst("a", run.Running, 1, "new"), inst("b", run.Running, 1, "t")
	newRun(t, h.Store, id, a, b)
	key := a.Key(id)
	ok(t, "PutXCom", h.Store.PutXCom(t.Context(), key, "new", run.XCom{Name: "k", Value: []byte(`1`), At: day}))
	zombie := run.Change{Want: inst("a", run.Success, 1, ""), If: run.Condition{State: run.Running, Try: 1, Token: "old"},
		Archive: true, ClearXComs: true, XComs: []run.XCom{{Name: "k", Value: []byte(`2`)}, {Name: "z", Value: []byte(`3`)}}}
	good := run.Change{Want: inst("b", run.Success, 1, ""), If: run.Is(&b)}
	res, err := h.Store.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{zombie, good},
		Events: []run.AssetEvent{{Asset: "x", At: day}}})
	ok(t, "Apply", err)
	equal(t, "result", store.Result{Lost: []store.Lost{{Change: 0, Stored: &a}}}, result(res))
	equal(t, "instances", []run.Instance{a, good.Want}, load(t, h.Store, id).Instances)
	history, err := h.Store.History(t.Context(), key)
	ok(t, "History", err)
	equal(t, "history", []run.Instance{}, history)
	xcoms, err := h.Store.XComs(t.Context(), store.XComQuery{Run: id})
	ok(t, "XComs", err)
	equal(t, "xcoms", []store.XComItem{{Key: key, XCom: run.XCom{Name: "k", Value: []byte(`1`), At: day}}}, xcoms)
	events, err := h.Store.AssetEvents(t.Context(), "", time.Time{}, time.Time{}, 0)
	ok(t, "AssetEvents", err)
	equal(t, "events", []run.AssetEvent{}, events)
}

func testSequence(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	q, r, s := inst("a", run.Queued, 1, ""), inst("a", run.Running, 1, "t"), inst("a", run.Success, 1, "")
	created := run.Run{ID: id, State: run.RunQueued, RunAfter: day}
	running := created
	running.State = run.RunRunning
	apply(t, h.Store, store.Batch{Run: id, Create: &created, Update: &run.RunChange{Want: running, State: run.RunQueued},
		Changes: []run.Change{{Want: q, If: run.Condition{Absent: true}}, {Want: r, If: run.Is(&q)}, {Want: s, If: run.Is(&r)}}},
		store.Batch{Run: id, Changes: []run.Change{{Want: q, If: run.Is(&s), Archive: true}}})
	got := load(t, h.Store, id)
	equal(t, "run", running, got.Run)
	equal(t, "instances", []run.Instance{q}, got.Instances)
}

func testBatches(t *testing.T, h Harness) {
	ids := []run.ID{{DAG: "d", Run: "1"}, {DAG: "d", Run: "2"}, {DAG: "e", Run: "1"}, {DAG: "e", Run: "missing"}}
	newRun(t, h.Store, ids[0])
	var batches []store.Batch
	for n, id := range ids {
		b := store.Batch{Run: id, Changes: creations(inst("a", run.Queued, 1, ""))}
		if n < 3 {
			b.Create = &run.Run{ID: id, State: run.RunRunning, RunAfter: day}
		}
		batches = append(batches, b)
	}
	res, err := h.Store.Apply(t.Context(), batches...)
	ok(t, "Apply", err)
	if len(res.Refused) != 2 || len(res.Lost) != 0 {
		t.Fatalf("result %+v, want batches 0 and 3 refused", res)
	}
	is(t, "batch 0", res.Refused[0], store.ErrExists)
	is(t, "batch 3", res.Refused[3], store.ErrNotFound)
	for n, id := range ids[:3] {
		if got := load(t, h.Store, id); len(got.Instances) != min(n, 1) {
			t.Errorf("run %s has instances %v", id, got.Instances)
		}
	}
	res, err = h.Store.Apply(t.Context())
	ok(t, "Apply of nothing", err)
	equal(t, "result of nothing", store.Result{}, res)
}

func testUpdate(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	stored := fullRun(id)
	apply(t, h.Store, store.Batch{Run: id, Create: &stored})
	want := stored
	want.State, want.Clears, want.Note, want.Type, want.Backfill = run.RunFailed, 8, "new", run.TypeManual, ""
	want.RunAfter, want.Conf = day.Add(time.Minute), nil
	for _, c := range []run.RunChange{
		{Want: want, State: run.RunRunning, Clears: 7},
		{Want: want, State: run.RunQueued, Clears: 6},
	} {
		res, err := h.Store.Apply(t.Context(), store.Batch{Run: id, Update: &c, Changes: creations(inst("a", run.Queued, 1, ""))})
		ok(t, "Apply", err)
		if len(res.Lost) == 0 {
			t.Fatalf("an update under %s, %d held", c.State, c.Clears)
		}
		equal(t, "lost", store.Lost{Change: -1}, res.Lost[0])
		equal(t, "run", stored, load(t, h.Store, id).Run)
	}
	// The logical date is part of what the run is.
	moved := day.Add(24 * time.Hour)
	want.LogicalDate = &moved
	apply(t, h.Store, store.Batch{Run: id, Update: &run.RunChange{Want: want, State: run.RunQueued, Clears: 7}})
	want.LogicalDate = stored.LogicalDate
	equal(t, "run", want, load(t, h.Store, id).Run)
}

// race runs f twenty times at once and returns how often it said true.
func race(f func(n int) bool) int64 {
	var (
		wg   sync.WaitGroup
		wins atomic.Int64
	)
	start := make(chan struct{})
	for n := range 20 {
		wg.Go(func() {
			<-start
			if f(n) {
				wins.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	return wins.Load()
}

func testClaims(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	q := inst("a", run.Queued, 1, "")
	newRun(t, h.Store, id, q)
	var winner atomic.Int64
	wins := race(func(n int) bool {
		want := inst("a", run.Running, 1, fmt.Sprint("token", n))
		res, err := h.Store.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{{Want: want, If: run.Is(&q)}}})
		if err != nil {
			t.Errorf("Apply: %v", err)
		}
		if err != nil || !res.OK() {
			return false
		}
		winner.Store(int64(n))
		return true
	})
	if wins != 1 {
		t.Errorf("%d claims won, want 1", wins)
	}
	want := inst("a", run.Running, 1, fmt.Sprint("token", winner.Load()))
	equal(t, "instances", []run.Instance{want}, load(t, h.Store, id).Instances)
}

func testCreates(t *testing.T, h Harness) {
	at := day
	wins := race(func(n int) bool {
		id := run.ID{DAG: "d", Run: fmt.Sprint("r", n/2)}
		res, err := h.Store.Apply(t.Context(), store.Batch{Run: id,
			Create: &run.Run{ID: id, State: run.RunQueued, RunAfter: day, LogicalDate: &at}})
		if err != nil {
			t.Errorf("Apply: %v", err)
		}
		return err == nil && res.OK()
	})
	if wins != 1 {
		t.Errorf("%d creates won, want 1", wins)
	}
	list, err := h.Store.ListRuns(t.Context(), store.RunFilter{}, store.Page{})
	ok(t, "ListRuns", err)
	if len(list.Items) != 1 {
		t.Errorf("%d runs, want 1", len(list.Items))
	}
}

func testHistory(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	i := full("a")
	i.Try = 1
	newRun(t, h.Store, id, i, inst("b", run.Failed, 1, ""))
	var want []run.Instance
	for try := 2; try <= 12; try++ {
		next := i
		next.Try, next.Tail = try, fmt.Sprint("try ", try)
		apply(t, h.Store, store.Batch{Run: id, Changes: []run.Change{{Want: next, If: run.Is(&i), Archive: true}}})
		want = append(want, i)
		i = next
	}
	got, err := h.Store.History(t.Context(), i.Key(id))
	ok(t, "History", err)
	equal(t, "history", want, got)
	got, err = h.Store.History(t.Context(), run.Key{ID: id, Task: "b", Map: run.Unmapped})
	ok(t, "History", err)
	equal(t, "history of another", []run.Instance{}, got)
}

func testSteps(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	running, failed, next := inst("a", run.Running, 1, "t1"), inst("a", run.UpForRetry, 1, ""), inst("a", run.Running, 2, "t2")
	failed.Reason = "exit code 1"
	newRun(t, h.Store, id, running)
	steps := []run.Change{{Want: failed, If: run.Is(&running)}, {Want: next, If: run.Is(&failed), Archive: true}}
	apply(t, h.Store, store.Batch{Run: id, Changes: steps})
	equal(t, "instances", []run.Instance{next}, load(t, h.Store, id).Instances)
	got, err := h.Store.History(t.Context(), next.Key(id))
	ok(t, "History", err)
	equal(t, "history", []run.Instance{failed}, got)
	res, err := h.Store.Apply(t.Context(), store.Batch{Run: id, Changes: steps})
	ok(t, "Apply", err)
	if len(res.Lost) != 2 {
		t.Errorf("steps that were made already: %+v, want both lost", res)
	}
}

func testGone(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	whole := inst("m", run.None, 0, "")
	newRun(t, h.Store, id, whole)
	parts := creations(run.Instance{Task: "m", Map: 0}, run.Instance{Task: "m", Map: 1}, run.Instance{Task: "m", Map: 10},
		run.Instance{Task: "m", Map: 2})
	apply(t, h.Store, store.Batch{Run: id, Changes: append([]run.Change{{Want: whole, If: run.Is(&whole), Gone: true, Archive: true}},
		parts...)})
	equal(t, "instances", []run.Instance{parts[0].Want, parts[1].Want, parts[3].Want, parts[2].Want},
		load(t, h.Store, id).Instances)
	got, err := h.Store.History(t.Context(), whole.Key(id))
	ok(t, "History", err)
	equal(t, "history", []run.Instance{whole}, got)
}

func testRunTasks(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	newRun(t, h.Store, id, inst("B", run.Queued, 1, ""), inst("a", run.Queued, 1, ""), inst("a.b", run.Queued, 1, ""),
		run.Instance{Task: "a", Map: 0}, inst("c", run.Queued, 1, ""))
	newRun(t, h.Store, run.ID{DAG: "d", Run: "r2"}, inst("a", run.Queued, 1, ""))
	names := func(d store.RunData) (l []string) {
		for _, i := range d.Instances {
			l = append(l, i.Name())
		}
		return l
	}
	equal(t, "all", []string{"B", "a", "a[0]", "a.b", "c"}, names(load(t, h.Store, id)))
	equal(t, "some", []string{"a", "a[0]", "c"}, names(load(t, h.Store, id, "c", "a", "c", "missing")))
	equal(t, "none", []string(nil), names(load(t, h.Store, id, "missing")))
}
