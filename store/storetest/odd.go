package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

var oddNames = []string{
	"naïve", "任务", "a/b//c", "..", "a b", " ", "it's", `say "hi"`, "a\nb\tc", "%_*?", "x;DROP TABLE run;--", "#1", "null", "🚀",
	"\u00e9", "e\u0301", "A", "a", "\U0010ffff", strings.Repeat("x", 1000), strings.Repeat("任", 1000),
}

func testOddNames(t *testing.T, h Harness) {
	ctx := t.Context()
	for _, name := range oddNames {
		id := run.ID{DAG: name, Run: name}
		i := inst(name, run.Queued, 1, name)
		ok(t, "PutDAG", h.Store.PutDAG(ctx, store.Definition{ID: name, Version: name, File: name, At: day}))
		newRun(t, h.Store, id, i)
		ok(t, "PutXCom", h.Store.PutXCom(ctx, i.Key(id), name, run.XCom{Name: name, Value: []byte(`1`), At: day}))
		ok(t, "PutSetting", h.Store.PutSetting(ctx, store.KindVariable, store.Setting{ID: name, At: day, Revision: -1}))
		ok(t, "Apply", applyOne(h.Store, ctx, store.Batch{Events: []run.AssetEvent{{Asset: name, At: day}}}))
	}
	for _, name := range oddNames {
		id := run.ID{DAG: name, Run: name}
		equal(t, "run", id, load(t, h.Store, id).Run.ID)
		equal(t, "instances", []run.Instance{inst(name, run.Queued, 1, name)}, load(t, h.Store, id, name).Instances)
		x, err := h.Store.XComs(ctx, store.XComQuery{Run: id, Tasks: []string{name}, Name: name})
		if err != nil || len(x) != 1 || x[0].Name != name {
			t.Errorf("xcoms of %.40q: %v, %v", name, x, err)
		}
		if s, err := h.Store.Setting(ctx, store.KindVariable, name); err != nil || s.ID != name {
			t.Errorf("setting %.40q: %v, %v", name, s, err)
		}
		e, err := h.Store.AssetEvents(ctx, name, time.Time{}, time.Time{}, 0)
		if err != nil || len(e) != 1 || e[0].Asset != name {
			t.Errorf("events of %.40q: %v, %v", name, e, err)
		}
	}
	seen := map[string]bool{}
	for p := (store.Page{Limit: 2}); ; {
		l, err := h.Store.ListRuns(ctx, store.RunFilter{}, p)
		ok(t, "ListRuns", err)
		for _, r := range l.Items {
			seen[r.DAG] = true
		}
		if p.Token = l.Next; p.Token == "" {
			break
		}
	}
	if len(seen) != len(oddNames) {
		t.Errorf("%d runs were listed, want %d", len(seen), len(oddNames))
	}
	for _, name := range oddNames {
		ok(t, "DeleteDAG", h.Store.DeleteDAG(ctx, name))
		ok(t, "DeleteSetting", h.Store.DeleteSetting(ctx, store.KindVariable, name))
	}
}

func applyOne(s store.Runs, ctx context.Context, b store.Batch) error { //nolint:revive // a test's helper
	_, err := s.Apply(ctx, b)
	return err
}

func testBadNames(t *testing.T, h Harness) {
	ctx, good := t.Context(), run.ID{DAG: "d", Run: "r"}
	newRun(t, h.Store, good, inst("a", run.Running, 1, "t"))
	for _, name := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 1001), strings.Repeat("ü", 1001)} {
		create := func(dag, name string) error {
			id := run.ID{DAG: dag, Run: name}
			return applyOne(h.Store, ctx, store.Batch{Run: id, Create: &run.Run{ID: id, RunAfter: day}})
		}
		x := run.XCom{Name: name, Value: []byte(`1`)}
		key := run.Key{ID: good, Task: "a", Map: run.Unmapped}
		for what, err := range map[string]error{
			"dag":        create(name, "r2"),
			"run":        create("d", name),
			"task":       applyOne(h.Store, ctx, store.Batch{Run: good, Changes: creations(inst(name, run.Queued, 0, ""))}),
			"xcom":       h.Store.PutXCom(ctx, key, "t", x),
			"definition": h.Store.PutDAG(ctx, store.Definition{ID: name, Version: "v"}),
			"version":    h.Store.PutDAG(ctx, store.Definition{ID: "e", Version: name}),
			"setting":    h.Store.PutSetting(ctx, store.KindVariable, store.Setting{ID: name}),
			"asset":      applyOne(h.Store, ctx, store.Batch{Events: []run.AssetEvent{{Asset: name, At: day}}}),
			"xcom of change": applyOne(h.Store, ctx, store.Batch{Run: good, Changes: []run.Change{
				{Want: inst("b", run.Queued, 0, ""), If: run.Condition{Absent: true}, XComs: []run.XCom{x}}}}),
		} {
			is(t, fmt.Sprintf("%s %.20q", what, name), err, store.ErrInvalid)
		}
	}
	other := run.ID{DAG: "d", Run: "other"}
	is(t, "create of another run", applyOne(h.Store, ctx, store.Batch{Run: good, Create: &run.Run{ID: other}}), store.ErrInvalid)
	is(t, "update of another run", applyOne(h.Store, ctx, store.Batch{Run: good,
		Update: &run.RunChange{Want: run.Run{ID: other}}}), store.ErrInvalid)
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	is(t, "far logical date", applyOne(h.Store, ctx, store.Batch{Run: other,
		Create: &run.Run{ID: other, LogicalDate: &far}}), store.ErrInvalid)
	l, err := h.Store.ListRuns(ctx, store.RunFilter{}, store.Page{})
	ok(t, "ListRuns", err)
	if len(l.Items) != 1 {
		t.Errorf("there are runs %v, want only %s", l.Items, good)
	}
}

func testTimes(t *testing.T, h Harness) {
	zone := time.FixedZone("+05:45", 20700)
	times := []time.Time{
		day.In(zone), time.Date(1969, 12, 31, 23, 59, 59, 999999000, zone), time.Date(1700, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(2038, 1, 19, 3, 14, 8, 0, zone), time.Date(2261, 1, 1, 0, 0, 0, 0, time.UTC), {},
		// Monotonic readings and local zones must not come back.
		time.Date(2026, 10, 25, 2, 30, 0, 1000, time.Local),
	}
	for n, at := range times {
		id := run.ID{DAG: "d", Run: fmt.Sprint(n)}
		r := run.Run{ID: id, State: run.RunRunning, RunAfter: at, Start: at, IntervalEnd: &at}
		i := inst("a", run.Queued, 1, "t")
		i.Start, i.Due = at, at
		apply(t, h.Store, store.Batch{Run: id, Create: &r, Changes: creations(i)})
		ok(t, "PutXCom", h.Store.PutXCom(t.Context(), i.Key(id), "t", run.XCom{Name: "k", Value: []byte(`1`), At: at}))
		d := load(t, h.Store, id)
		x, err := h.Store.XComs(t.Context(), store.XComQuery{Run: id})
		if err != nil || len(x) != 1 || len(d.Instances) != 1 || d.Run.IntervalEnd == nil {
			t.Fatalf("time %s: %+v, xcoms %v, %v", at, d, x, err)
		}
		for what, got := range map[string]time.Time{"run after": d.Run.RunAfter, "start": d.Run.Start,
			"interval": *d.Run.IntervalEnd, "instance": d.Instances[0].Start, "due": d.Instances[0].Due, "xcom": x[0].At} {
			if want := at.UTC(); got != want {
				t.Errorf("%s: %#v came back as %#v", what, want, got)
			}
		}
	}
}

func testTooLarge(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	i := inst("a", run.Running, 1, "t")
	newRun(t, h.Store, id, i)
	big := make([]byte, h.TooLarge)
	for n := range big {
		big[n] = '7'
	}
	wordy := i
	wordy.Tail = string(big)
	other := run.ID{DAG: "d", Run: "r2"}
	for what, err := range map[string]error{
		"xcom": h.Store.PutXCom(t.Context(), i.Key(id), "t", run.XCom{Name: "k", Value: big}),
		"xcom of change": applyOne(h.Store, t.Context(), store.Batch{Run: id, Changes: []run.Change{
			{Want: inst("b", run.Queued, 1, ""), If: run.Condition{Absent: true}},
			{Want: inst("a", run.Success, 1, ""), If: run.Is(&i), XComs: []run.XCom{{Name: "k", Value: big}}}}}),
		"instance": applyOne(h.Store, t.Context(), store.Batch{Run: id, Changes: []run.Change{{Want: wordy, If: run.Is(&i)}}}),
		"run":      applyOne(h.Store, t.Context(), store.Batch{Run: other, Create: &run.Run{ID: other, RunAfter: day, Conf: big}}),
		"setting":  h.Store.PutSetting(t.Context(), store.KindVariable, store.Setting{ID: "a", Value: big}),
		"DAG":      h.Store.PutDAG(t.Context(), store.Definition{ID: "d", Version: "v", Body: big}),
	} {
		is(t, what, err, store.ErrTooLarge)
	}
	equal(t, "instances", []run.Instance{i}, load(t, h.Store, id).Instances)
	_, err := h.Store.DAG(t.Context(), "d")
	is(t, "DAG", err, store.ErrNotFound)
}

func testLarge(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	i := inst("a", run.Running, 1, "t")
	newRun(t, h.Store, id, i)
	// What Airflow users put into XComs at worst, and above DynamoDB's item.
	big := []byte(`"` + strings.Repeat("x", 700_000) + `"`)
	ok(t, "PutXCom", h.Store.PutXCom(t.Context(), i.Key(id), "t", run.XCom{Name: "k", Value: big, At: day}))
	done := inst("a", run.Success, 1, "")
	apply(t, h.Store, store.Batch{Run: id, Changes: []run.Change{{Want: done, If: run.Is(&i),
		XComs: []run.XCom{{Name: "l", Value: big, At: day}}}}})
	x, err := h.Store.XComs(t.Context(), store.XComQuery{Run: id})
	if err != nil || len(x) != 2 || string(x[0].Value) != string(big) || string(x[1].Value) != string(big) {
		t.Errorf("large xcoms did not come back: %d, %v", len(x), err)
	}
	// A run with more instances than fit one request of any service.
	wide := run.ID{DAG: "d", Run: "wide"}
	r := run.Run{ID: wide, State: run.RunRunning, RunAfter: day}
	var want []run.Instance
	for n := range 3000 {
		want = append(want, run.Instance{Task: "m", Map: n, State: run.Success, Try: 1, Start: day, End: day.Add(time.Second)})
	}
	apply(t, h.Store, store.Batch{Run: wide, Create: &r, Changes: creations(want...)})
	equal(t, "instances", want, load(t, h.Store, wide).Instances)
}

func testCancelled(t *testing.T, h Harness) {
	ctx, id := cancelled(t), run.ID{DAG: "d", Run: "r"}
	newRun(t, h.Store, id, inst("a", run.Running, 1, "t"))
	key := run.Key{ID: id, Task: "a", Map: run.Unmapped}
	_, runErr := h.Store.Run(ctx, id)
	_, listErr := h.Store.ListRuns(ctx, store.RunFilter{}, store.Page{})
	_, _, dueErr := h.Store.Due(ctx, day)
	_, historyErr := h.Store.History(ctx, key)
	_, dagErr := h.Store.DAG(ctx, "d")
	_, setErr := h.Store.SetDAG(ctx, "d", store.DAGState{})
	_, xcomsErr := h.Store.XComs(ctx, store.XComQuery{Run: id})
	_, settingsErr := h.Store.Settings(ctx, store.KindPool)
	_, eventsErr := h.Store.AssetEvents(ctx, "", day, day, 0)
	for what, err := range map[string]error{"Run": runErr, "ListRuns": listErr, "Due": dueErr, "History": historyErr,
		"DAG": dagErr, "SetDAG": setErr, "XComs": xcomsErr, "Settings": settingsErr, "AssetEvents": eventsErr,
		"Apply":      applyOne(h.Store, ctx, store.Batch{Run: id, Changes: creations(inst("b", run.Queued, 1, ""))}),
		"DeleteRun":  h.Store.DeleteRun(ctx, id),
		"PutXCom":    h.Store.PutXCom(ctx, key, "t", run.XCom{Name: "k", Value: []byte(`1`)}),
		"PutDAG":     h.Store.PutDAG(ctx, store.Definition{ID: "d", Version: "v"}),
		"PutSetting": h.Store.PutSetting(ctx, store.KindPool, store.Setting{ID: "p"}),
	} {
		is(t, what, err, context.Canceled)
	}
	equal(t, "the store still works", 1, len(load(t, h.Store, id).Instances))
}

func testOwnership(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	r, i, value := fullRun(id), full("a"), []byte(`"before"`)
	want := cloneRun(r)
	wantInstance := cloneInstance(i)
	apply(t, h.Store, store.Batch{Run: id, Create: &r, Changes: []run.Change{{Want: i, If: run.Condition{Absent: true},
		XComs: []run.XCom{{Name: "k", Value: value}}}}})
	spoil := func(r *run.Run, i *run.Instance) {
		r.Conf[0], r.Events[0].Asset, *r.LogicalDate = 'X', "spoiled", day.Add(1e12)
		i.Trigger[0], i.Choice.Skipped[0], *i.Length = 'X', "spoiled", 99
	}
	spoil(&r, &i)
	copy(value, "XXXXXXXX")
	for range 2 {
		got := load(t, h.Store, id)
		equal(t, "run", want, got.Run)
		equal(t, "instances", []run.Instance{wantInstance}, got.Instances)
		x, err := h.Store.XComs(t.Context(), store.XComQuery{Run: id})
		if err != nil || len(x) != 1 || string(x[0].Value) != `"before"` {
			t.Fatalf("xcoms: %v, %v", x, err)
		}
		spoil(&got.Run, &got.Instances[0])
		copy(x[0].Value, "XXXXXXXX")
	}
}

func testNotFound(t *testing.T, h Harness) {
	ctx, id := t.Context(), run.ID{DAG: "d", Run: "no"}
	newRun(t, h.Store, run.ID{DAG: "d", Run: "r"})
	_, runErr := h.Store.Run(ctx, id)
	_, dagErr := h.Store.DAG(ctx, "d")
	_, versionErr := h.Store.Version(ctx, "d", "v")
	_, settingErr := h.Store.Setting(ctx, store.KindPool, "no")
	for what, err := range map[string]error{"Run": runErr, "DAG": dagErr, "Version": versionErr, "Setting": settingErr,
		"DeleteRun": h.Store.DeleteRun(ctx, id), "DeleteDAG": h.Store.DeleteDAG(ctx, "no"),
		"DeleteSetting": h.Store.DeleteSetting(ctx, store.KindPool, "no")} {
		is(t, what, err, store.ErrNotFound)
	}
	history, err := h.Store.History(ctx, run.Key{ID: id, Task: "a"})
	if err != nil || len(history) != 0 {
		t.Errorf("history of no run: %v, %v", history, err)
	}
	ok(t, "DeleteXCom", h.Store.DeleteXCom(ctx, run.Key{ID: id, Task: "a"}, "k"))
}

func testClosed(t *testing.T, h Harness) {
	ok(t, "Close", h.Store.Close())
	ok(t, "Close again", h.Store.Close())
	_, err := h.Store.Run(t.Context(), run.ID{DAG: "d", Run: "r"})
	is(t, "Run", err, store.ErrClosed)
	is(t, "Apply", applyOne(h.Store, t.Context(), store.Batch{Events: []run.AssetEvent{{Asset: "x", At: day}}}), store.ErrClosed)
}

func testReopen(t *testing.T, h Harness) {
	if h.Reopen == nil {
		return
	}
	id := run.ID{DAG: "d", Run: "r"}
	newRun(t, h.Store, id, full("a"))
	ok(t, "PutSetting", h.Store.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "p", Value: []byte("1"), At: day}))
	want := load(t, h.Store, id)
	ok(t, "Close", h.Store.Close())
	s := h.Reopen(t)
	equal(t, "run", want, load(t, s, id))
	got, err := s.Setting(t.Context(), store.KindPool, "p")
	ok(t, "Setting", err)
	equal(t, "setting", store.Setting{ID: "p", Value: []byte("1"), Revision: 1, At: day}, got)
}

func testDamage(t *testing.T, h Harness) {
	if h.Damage == nil {
		return
	}
	ctx := t.Context()
	reported := func(what string, err error, name string) {
		t.Helper()
		if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v, want ErrCorrupt that names %s", what, err, name)
		}
	}
	id := run.ID{DAG: "dag1", Run: "run1"}
	a, b := inst("task1", run.Queued, 1, ""), inst("task2", run.Queued, 1, "")
	newRun(t, h.Store, id, a, b)
	h.Damage(t, Item{Kind: ItemInstance, Key: a.Key(id)})
	_, err := h.Store.Run(ctx, id)
	reported("damaged instance", err, "dag1/run1/task1")
	equal(t, "others", []run.Instance{b}, load(t, h.Store, id, "task2").Instances)

	second := run.ID{DAG: "dag1", Run: "run2"}
	newRun(t, h.Store, second)
	h.Damage(t, Item{Kind: ItemRun, Key: run.Key{ID: second}})
	_, err = h.Store.Run(ctx, second)
	reported("damaged run", err, "dag1/run2")
	_, err = h.Store.ListRuns(ctx, store.RunFilter{}, store.Page{})
	reported("list with a damaged run", err, "dag1/run2")

	ok(t, "PutDAG", h.Store.PutDAG(ctx, store.Definition{ID: "dag1", Version: "v", At: day}))
	h.Damage(t, Item{Kind: ItemDAGState, Key: run.Key{ID: run.ID{DAG: "dag1"}}})
	_, err = h.Store.DAG(ctx, "dag1")
	reported("damaged DAG", err, "dag1")
}
