package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// mixed are the instances of a run of several tasks, two of which are mapped.
func mixed() []run.Instance {
	l := []run.Instance{inst("a", run.Queued, 1, ""), inst("b", run.Success, 1, ""), inst("c", run.Failed, 2, "")}
	for i := range 40 {
		l = append(l, run.Instance{Task: "m", Map: i, State: run.Queued}, run.Instance{Task: "n", Map: i, State: run.Scheduled})
	}
	return l
}

// testPick: Pick returns what is asked for, from a store that knows the run and, if the
// harness has one, from one that does not.
func testPick(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	r := newRun(t, h.Store, id, mixed()...)
	stores := []store.Store{h.Store}
	if h.Reopen != nil {
		ok(t, "Close", h.Store.Close())
		stores = []store.Store{h.Reopen(t)}
		t.Cleanup(func() { _ = stores[0].Close() })
	}
	at := func(task string, index int) run.Key { return run.Key{Task: task, Map: index} }
	many := make([]run.Key, 40)
	var all []string
	for i := range many {
		many[i] = at("m", i)
		all = append(all, fmt.Sprintf("m[%d]", i))
	}
	for _, c := range []struct {
		name string
		keys []run.Key
		want []string
	}{
		{"one", []run.Key{at("m", 17)}, []string{"m[17]"}},
		{"some", []run.Key{at("n", 3), at("a", run.Unmapped), at("m", 30), at("m", 2), at("m", 30)}, []string{"a", "m[2]", "m[30]", "n[3]"}},
		{"one by one", many, all},
		{"all of a task", []run.Key{at("m", 2), at("m", run.Unmapped)}, all},
		{"no such index", []run.Key{at("m", 40), at("a", 0)}, nil},
		{"no such task", []run.Key{at("x", 0), at("y", run.Unmapped)}, nil},
	} {
		for _, s := range stores {
			d, err := store.Pick(t.Context(), s, id, c.keys...)
			ok(t, c.name, err)
			equal(t, c.name+": run", r, d.Run)
			var got []string
			for _, i := range d.Instances {
				got = append(got, i.Name())
			}
			equal(t, c.name, c.want, got)
		}
	}
	d, err := store.Pick(t.Context(), stores[0], id)
	ok(t, "Pick without keys", err)
	equal(t, "without keys", load(t, stores[0], id), d)
	_, err = store.Pick(t.Context(), stores[0], run.ID{DAG: "d", Run: "missing"}, at("a", 0))
	is(t, "no such run", err, store.ErrNotFound)
}

// testBeside: after each change the neighbors stand as they are read.
func testBeside(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	instances := mixed()
	newRun(t, h.Store, id, instances...)
	for _, i := range []int{0, 4, 5, 40, 82} {
		next := instances[i]
		next.State, next.Token = run.Running, "t"
		batch := store.Batch{Run: id, Changes: []run.Change{{Want: next, If: run.Is(&instances[i])}}}
		res, err := h.Store.Apply(t.Context(), batch)
		ok(t, "Apply", err)
		data := load(t, h.Store, id)
		for _, n := range res.Beside {
			at := slices.IndexFunc(data.Instances, func(in run.Instance) bool { return in.Task == n.Task && in.Map == n.Map })
			if at < 0 || data.Instances[at].State != n.State || n.Batch != 0 {
				t.Errorf("beside %s: %+v, which is not what is stored", next.Name(), n)
			}
		}
	}
}

// testBesideAtOnce: whoever writes last sees what all others have written.
func testBesideAtOnce(t *testing.T, h Harness) {
	id := run.ID{DAG: "d", Run: "r"}
	var instances []run.Instance
	for i := range 12 {
		instances = append(instances, run.Instance{Task: "m", Map: i, State: run.Running, Token: "t"})
	}
	newRun(t, h.Store, id, instances...)
	saw := make([]map[int]run.State, len(instances))
	var all sync.WaitGroup
	for i := range instances {
		all.Go(func() {
			next := instances[i]
			next.State, next.Token = run.Success, ""
			res, err := h.Store.Apply(t.Context(), store.Batch{Run: id, Changes: []run.Change{{Want: next, If: run.Is(&instances[i])}}})
			// A store whose answers are lost may say that the change was, too, once others have written.
			if err != nil || !res.OK() && (res.Lost[0].Stored == nil || res.Lost[0].Stored.State != run.Success) {
				t.Errorf("Apply: %+v, %v", res, err)
			}
			saw[i] = map[int]run.State{}
			for _, n := range res.Beside {
				saw[i][n.Map] = n.State
			}
		})
	}
	all.Wait()
	for i := range saw {
		for k := range i {
			if saw[i][k] == run.Running && saw[k][i] == run.Running {
				t.Errorf("%d and %d have found each other running", i, k)
			}
		}
	}
}
