package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// testDifferential gives the driver and the model the same random operations. The
// names and values are few, so that operations meet.
func testDifferential(t *testing.T, open func(t testing.TB) Harness) {
	rapid.Check(t, func(rt *rapid.T) {
		h := open(t)
		p := pair{t: rt, tb: t, s: h.Store, m: NewModel(), every: 1}
		if h.Remote {
			p.every = 8
		}
		defer func() { _ = h.Store.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"apply":    p.apply,
			"xcom":     p.xcom,
			"dag":      p.dag,
			"setting":  p.setting,
			"delete":   p.remove,
			"list":     p.list,
			"":         p.check,
			"advance":  p.advance,
			"advance2": p.advance,
		})
		p.compare(rt)
	})
}

// pair is a driver and the model.
type pair struct {
	t  *rapid.T
	tb testing.TB
	s  store.Store
	m  *Model
	// every says after how many of the steps all there is is compared.
	every, steps int
}

var (
	genID    = rapid.Map(rapid.IntRange(0, 5), func(n int) run.ID { return run.ID{DAG: fmt.Sprint("d", n%2), Run: fmt.Sprint("r", n/2)} })
	genTask  = rapid.SampledFrom([]string{"a", "b", "c/ü"})
	genMap   = rapid.IntRange(-1, 1)
	genTime  = rapid.Map(rapid.IntRange(-3, 6), func(n int) time.Time { return timeNo(n) })
	genState = rapid.Map(rapid.IntRange(0, int(run.NumStates)-1), func(n int) run.State { return run.State(n) })
	genToken = rapid.SampledFrom([]string{"", "t1", "t2"})
	genRun   = rapid.Custom(drawRun)
	genInst  = rapid.Custom(drawInstance)
	states   = []run.RunState{run.RunQueued, run.RunRunning, run.RunSuccess, run.RunFailed}
)

// timeNo returns the zero time for 0 and below.
func timeNo(n int) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return day.Add(time.Duration(n) * time.Second)
}

func drawRun(t *rapid.T) run.Run {
	r := run.Run{
		Type:  rapid.SampledFrom([]run.Type{run.TypeManual, run.TypeScheduled}).Draw(t, "type"),
		State: rapid.SampledFrom(states).Draw(t, "state"), RunAfter: day.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "after")) * time.Hour),
		Clears: rapid.IntRange(0, 1).Draw(t, "clears"), Note: rapid.SampledFrom([]string{"", "n"}).Draw(t, "note"),
		Backfill: rapid.SampledFrom([]string{"", "b"}).Draw(t, "backfill"), End: genTime.Draw(t, "end"),
	}
	if at := genTime.Draw(t, "logical"); !at.IsZero() {
		r.LogicalDate = &at
	}
	if rapid.Bool().Draw(t, "owes") {
		r.Owed = []run.Call{{Kind: run.CallSuccess, At: day}}
	}
	return r
}

func drawInstance(t *rapid.T) run.Instance {
	return run.Instance{
		Task: genTask.Draw(t, "task"), Map: genMap.Draw(t, "map"), State: genState.Draw(t, "state"),
		Try: rapid.IntRange(0, 2).Draw(t, "try"), Token: genToken.Draw(t, "token"), Due: genTime.Draw(t, "due"),
		Lease: genTime.Draw(t, "lease"), Note: rapid.SampledFrom([]string{"", "note"}).Draw(t, "note"),
	}
}

// same fails unless driver and model gave the same answer and the same kind of error.
func (p *pair) same(t *rapid.T, what string, got any, err error, want any, wantErr error) {
	t.Helper()
	for _, kind := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrInvalid, store.ErrBadToken} {
		if errors.Is(err, kind) != errors.Is(wantErr, kind) {
			t.Fatalf("%s: error %v, the model says %v", what, err, wantErr)
		}
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: error %v, the model says %v", what, err, wantErr)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateErrors(),
		cmpopts.IgnoreFields(run.AssetEvent{}, "ID")); diff != "" {
		t.Fatalf("%s (-model +driver):\n%s", what, diff)
	}
}

// result makes results comparable: of an error only the kind counts, and what lies beside
// each other differs.
func result(r store.Result) store.Result {
	r.Beside = nil
	for i, err := range r.Refused {
		for _, kind := range []error{store.ErrNotFound, store.ErrExists} {
			if errors.Is(err, kind) {
				r.Refused[i] = kind
			}
		}
	}
	return r
}

func (p *pair) applyBoth(t *rapid.T, batches ...store.Batch) {
	got, err := p.s.Apply(p.tb.Context(), batches...)
	want, wantErr := p.m.Apply(p.tb.Context(), batches...)
	p.same(t, fmt.Sprintf("Apply(%+v)", batches), result(got), err, result(want), wantErr)
	for _, n := range got.Beside {
		id := batches[n.Batch].Run
		if slices.ContainsFunc(batches[n.Batch+1:], func(b store.Batch) bool { return b.Run == id }) {
			continue // a later batch may have changed it
		}
		d, err := p.m.Run(p.tb.Context(), id, n.Task)
		at := slices.IndexFunc(d.Instances, func(i run.Instance) bool { return i.Map == n.Map })
		if err != nil || at < 0 || d.Instances[at].State != n.State {
			t.Fatalf("Apply(%+v): %+v lies beside, the model has %+v (%v)", batches, n, d.Instances, err)
		}
	}
}

func (p *pair) apply(t *rapid.T) {
	p.applyBoth(t, rapid.SliceOfN(rapid.Custom(drawBatch), 0, 3).Draw(t, "batches")...)
}

func drawBatch(t *rapid.T) store.Batch {
	b := store.Batch{Run: genID.Draw(t, "id")}
	if rapid.IntRange(0, 2).Draw(t, "create") == 0 {
		r := genRun.Draw(t, "run")
		r.ID, b.Create = b.Run, &r
	}
	if rapid.IntRange(0, 3).Draw(t, "update") == 0 {
		r := genRun.Draw(t, "run")
		r.ID = b.Run
		b.Update = &run.RunChange{Want: r, State: rapid.SampledFrom(states).Draw(t, "state"), Clears: rapid.IntRange(0, 1).Draw(t, "clears")}
	}
	b.Changes = rapid.SliceOfN(rapid.Custom(drawChange), 0, 3).Draw(t, "changes")
	if rapid.IntRange(0, 4).Draw(t, "event") == 0 {
		b.Events = []run.AssetEvent{{Asset: genTask.Draw(t, "asset"), At: day.Add(1e9 * time.Duration(rapid.IntRange(0, 5).Draw(t, "at")))}}
	}
	return b
}

func drawChange(t *rapid.T) run.Change {
	c := run.Change{Want: genInst.Draw(t, "want"), Gone: rapid.IntRange(0, 4).Draw(t, "gone") == 0,
		Archive: rapid.Bool().Draw(t, "archive"), ClearXComs: rapid.IntRange(0, 2).Draw(t, "clear") == 0,
		If: run.Condition{Absent: rapid.Bool().Draw(t, "absent")}}
	if !c.If.Absent {
		c.If = run.Condition{State: genState.Draw(t, "if"), Token: genToken.Draw(t, "token"), Try: rapid.IntRange(0, 2).Draw(t, "try")}
	}
	c.XComs = rapid.SliceOfN(rapid.Custom(drawXCom), 0, 2).Draw(t, "xcoms")
	return c
}

func drawXCom(t *rapid.T) run.XCom {
	return run.XCom{Name: genTask.Draw(t, "name"), Value: []byte(rapid.SampledFrom([]string{`1`, `"x"`, `{"a":[]}`}).Draw(t, "value")), At: day}
}

// advance changes an instance that is there, under its true condition.
func (p *pair) advance(t *rapid.T) {
	id := genID.Draw(t, "id")
	d, err := p.m.Run(p.tb.Context(), id)
	if err != nil || len(d.Instances) == 0 {
		return
	}
	i := rapid.SampledFrom(d.Instances).Draw(t, "instance")
	c := drawChange(t)
	c.If = run.Is(&i)
	c.Want.Task, c.Want.Map = i.Task, i.Map
	p.applyBoth(t, store.Batch{Run: id, Changes: []run.Change{c}})
}

func (p *pair) xcom(t *rapid.T) {
	ctx, key := p.tb.Context(), run.Key{ID: genID.Draw(t, "id"), Task: genTask.Draw(t, "task"), Map: genMap.Draw(t, "map")}
	x, token := drawXCom(t), genToken.Draw(t, "token")
	if rapid.Bool().Draw(t, "delete") {
		p.same(t, "DeleteXCom", nil, p.s.DeleteXCom(ctx, key, x.Name), nil, p.m.DeleteXCom(ctx, key, x.Name))
		return
	}
	p.same(t, "PutXCom", nil, p.s.PutXCom(ctx, key, token, x), nil, p.m.PutXCom(ctx, key, token, x))
}

func (p *pair) dag(t *rapid.T) {
	ctx, id := p.tb.Context(), genID.Draw(t, "id").DAG
	if rapid.Bool().Draw(t, "state") {
		s := store.DAGState{Revision: rapid.Int64Range(1, 3).Draw(t, "revision"), Paused: rapid.Bool().Draw(t, "paused"),
			Stale: rapid.Bool().Draw(t, "stale")}
		if rapid.Bool().Draw(t, "placed") {
			s.Placements = []run.Placement{{Executor: genTask.Draw(t, "executor"), Share: run.Share(rapid.IntRange(0, 10_000).Draw(t, "share")), At: day}}
		}
		if rapid.Bool().Draw(t, "learned") {
			s.Memory = map[string]run.Memory{genTask.Draw(t, "hungry"): {Asked: rapid.Int64Range(0, 1<<40).Draw(t, "asked"), Doubled: rapid.IntRange(1, 10).Draw(t, "doubled")}}
		}
		got, err := p.s.SetDAG(ctx, id, s)
		want, wantErr := p.m.SetDAG(ctx, id, s)
		p.same(t, "SetDAG", got, err, want, wantErr)
		return
	}
	v := genTask.Draw(t, "version")
	d := store.Definition{ID: id, Version: v, Body: []byte(v), File: genTask.Draw(t, "file"), At: day}
	p.same(t, "PutDAG", nil, p.s.PutDAG(ctx, d), nil, p.m.PutDAG(ctx, d))
}

func (p *pair) setting(t *rapid.T) {
	ctx := p.tb.Context()
	k := rapid.SampledFrom([]store.Kind{store.KindPool, store.KindVariable}).Draw(t, "kind")
	s := store.Setting{ID: genTask.Draw(t, "id"), Value: []byte(genToken.Draw(t, "value")), At: day,
		Revision: rapid.Int64Range(-1, 3).Draw(t, "revision")}
	if rapid.IntRange(0, 4).Draw(t, "delete") == 0 {
		p.same(t, "DeleteSetting", nil, p.s.DeleteSetting(ctx, k, s.ID), nil, p.m.DeleteSetting(ctx, k, s.ID))
		return
	}
	p.same(t, "PutSetting", nil, p.s.PutSetting(ctx, k, s), nil, p.m.PutSetting(ctx, k, s))
}

func (p *pair) remove(t *rapid.T) {
	ctx, id := p.tb.Context(), genID.Draw(t, "id")
	if rapid.IntRange(0, 3).Draw(t, "dag") == 0 {
		p.same(t, "DeleteDAG", nil, p.s.DeleteDAG(ctx, id.DAG), nil, p.m.DeleteDAG(ctx, id.DAG))
		return
	}
	p.same(t, "DeleteRun", nil, p.s.DeleteRun(ctx, id), nil, p.m.DeleteRun(ctx, id))
}

func (p *pair) list(t *rapid.T) {
	f := store.RunFilter{
		DAG:      rapid.SampledFrom([]string{"", "d0", "d1"}).Draw(t, "dag"),
		States:   rapid.SliceOfNDistinct(rapid.SampledFrom(states), 0, 3, rapid.ID[run.RunState]).Draw(t, "states"),
		Backfill: rapid.SampledFrom([]string{"", "b"}).Draw(t, "backfill"), LogicalBefore: genTime.Draw(t, "before"),
		Owing: rapid.Bool().Draw(t, "owing"),
		Order: rapid.SampledFrom([]store.Order{store.NewestFirst, store.OldestFirst}).Draw(t, "order"),
	}
	var got, want []run.Run
	for gp, wp := (store.Page{Limit: 2}), (store.Page{Limit: 2}); ; {
		g, err := p.s.ListRuns(p.tb.Context(), f, gp)
		w, wantErr := p.m.ListRuns(p.tb.Context(), f, wp)
		p.same(t, "ListRuns", len(g.Items), err, len(w.Items), wantErr)
		got, want = append(got, g.Items...), append(want, w.Items...)
		gp.Token, wp.Token = g.Next, w.Next
		if gp.Token == "" || wp.Token == "" {
			break
		}
	}
	p.same(t, fmt.Sprintf("ListRuns(%+v)", f), got, nil, want, nil)
}

func (p *pair) check(t *rapid.T) {
	if p.steps++; p.steps%p.every == 0 {
		p.compare(t)
	}
}

// compare compares all there is.
func (p *pair) compare(t *rapid.T) {
	ctx := p.tb.Context()
	for n := range 6 {
		id := run.ID{DAG: fmt.Sprint("d", n%2), Run: fmt.Sprint("r", n/2)}
		got, err := p.s.Run(ctx, id)
		want, wantErr := p.m.Run(ctx, id)
		p.same(t, "Run", got, err, want, wantErr)
		gx, err := p.s.XComs(ctx, store.XComQuery{Run: id})
		wx, wantErr := p.m.XComs(ctx, store.XComQuery{Run: id})
		p.same(t, "XComs", gx, err, wx, wantErr)
		for _, i := range want.Instances {
			gh, err := p.s.History(ctx, i.Key(id))
			wh, wantErr := p.m.History(ctx, i.Key(id))
			p.same(t, "History", gh, err, wh, wantErr)
		}
	}
	for n := range 7 {
		ids, next, err := p.s.Due(ctx, timeNo(n))
		wantIDs, wantNext, wantErr := p.m.Due(ctx, timeNo(n))
		order := func(a, b run.ID) int { return run.Key{ID: a}.Compare(run.Key{ID: b}) }
		slices.SortFunc(ids, order)
		slices.SortFunc(wantIDs, order)
		p.same(t, "Due", ids, err, wantIDs, wantErr)
		p.same(t, "Due, next", next, err, wantNext, wantErr)
	}
	dags, err := p.s.ListDAGs(ctx, store.DAGFilter{IncludeStale: true}, store.Page{})
	wantDAGs, wantErr := p.m.ListDAGs(ctx, store.DAGFilter{IncludeStale: true}, store.Page{})
	p.same(t, "ListDAGs", dags, err, wantDAGs, wantErr)
	for _, k := range []store.Kind{store.KindPool, store.KindVariable} {
		got, err := p.s.Settings(ctx, k)
		want, wantErr := p.m.Settings(ctx, k)
		p.same(t, "Settings", got, err, want, wantErr)
	}
	events, err := p.s.AssetEvents(ctx, "", time.Time{}, time.Time{}, 0)
	wantEvents, wantErr := p.m.AssetEvents(ctx, "", time.Time{}, time.Time{}, 0)
	p.same(t, "AssetEvents", events, err, wantEvents, wantErr)
}
