package tick

import (
	"fmt"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// TestJoinOf: only a success from which nothing follows but that all have ended is
// reported without a look at the run.
func TestJoinOf(t *testing.T) {
	t.Parallel()
	// Task a goes before z, and b0, b1, b2 do so too.
	base := func(change func(d *dag.DAG, a, z *dag.Task)) *dag.DAG {
		a, z := dag.NewTask("a", "op"), dag.NewTask("z", "op")
		d := &dag.DAG{ID: "d", Tasks: []*dag.Task{a}}
		z.Upstream = []string{"a"}
		for i := range 3 {
			b := dag.NewTask(fmt.Sprint("b", i), "op")
			d.Tasks, z.Upstream = append(d.Tasks, b), append(z.Upstream, b.ID)
		}
		d.Tasks = append(d.Tasks, z)
		if change != nil {
			change(d, a, z)
		}
		return d
	}
	rule := func(r dag.TriggerRule) *dag.DAG {
		return base(func(_ *dag.DAG, _, z *dag.Task) { z.TriggerRule = r })
	}
	success := func(change func(*run.Report)) run.Report {
		rep := run.Report{Attempt: run.Attempt{Key: run.Key{Task: "a", Map: run.Unmapped}}, Outcome: run.OutcomeSuccess}
		if change != nil {
			change(&rep)
		}
		return rep
	}
	literal := &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: make([]any, 50)}}}
	for _, c := range []struct {
		name string
		d    *dag.DAG
		rep  run.Report
		// want is how many instances end together, 0 if that is not what matters.
		want int
	}{
		{"four before one", base(nil), success(nil), 4},
		{"all done", rule(dag.AllDone), success(nil), 4},
		{"none failed", rule(dag.NoneFailed), success(nil), 4},
		{"one success is enough", rule(dag.OneSuccess), success(nil), 0},
		{"a success is too much", rule(dag.AllFailed), success(nil), 0},
		{"a success is too much for skipped ones", rule(dag.AllSkipped), success(nil), 0},
		{"always", rule(dag.Always), success(nil), 0},
		{"failed", base(nil), success(func(r *run.Report) { r.Outcome = run.OutcomeFailed }), 0},
		{"skipped", base(nil), success(func(r *run.Report) { r.Outcome = run.OutcomeSkipped }), 0},
		{"branch", base(nil), success(func(r *run.Report) { r.Branch = &run.Branch{} }), 0},
		{"asset", base(nil), success(func(r *run.Report) { r.Events = make([]run.AssetEvent, 1) }), 0},
		{"last of a run", base(func(d *dag.DAG, _, z *dag.Task) { z.Upstream = nil }), success(nil), 5},
		{"two behind", base(func(d *dag.DAG, _, _ *dag.Task) {
			y := dag.NewTask("y", "op")
			y.Upstream = []string{"a"}
			d.Tasks = append(d.Tasks, y)
		}), success(nil), 0},
		{"teardown behind", base(func(_ *dag.DAG, _, z *dag.Task) { z.Teardown, z.TriggerRule = true, dag.AllDoneSetupSuccess }), success(nil), 0},
		{"setup", base(func(_ *dag.DAG, a, _ *dag.Task) { a.Setup = true }), success(nil), 0},
		{"depends on past", base(func(_ *dag.DAG, _, z *dag.Task) { z.DependsOnPast = true }), success(nil), 0},
		{"mapped over it", base(func(_ *dag.DAG, _, z *dag.Task) {
			z.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", XCom: &dag.XComRef{Task: "a"}}}}
		}), success(nil), 0},
		{"mapped over a list", base(func(_ *dag.DAG, a, _ *dag.Task) { a.Expand = literal }), success(nil), 53},
		{"mapped over an output", base(func(_ *dag.DAG, a, _ *dag.Task) {
			a.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", XCom: &dag.XComRef{Task: "b0"}}}}
			a.Upstream = []string{"b0"}
		}), success(func(r *run.Report) { r.Map = 20 }), 24},
	} {
		g, err := dag.NewGraph(c.d)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := 0
		if j := joinOf(g, &c.rep); j != nil {
			got = j.instances
		}
		if got != c.want {
			t.Errorf("%s: %d instances end together, want %d", c.name, got, c.want)
		}
	}
}

// TestUnfinished: what lies beside a report says that others of the join will look, unless it
// is no evidence.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	d := &dag.DAG{ID: "d"}
	for _, id := range []string{"a", "b", "m", "other"} {
		d.Tasks = append(d.Tasks, dag.NewTask(id, "op"))
	}
	d.Tasks[2].Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: make([]any, 50)}}}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	j := &join{tasks: []string{"a", "b", "m"}, instances: 52}
	one := func(task string, index int, s run.State) store.Neighbor {
		return store.Neighbor{Task: task, Map: index, State: s}
	}
	for _, c := range []struct {
		name   string
		beside []store.Neighbor
		want   bool
	}{
		{"nothing is known", nil, false},
		{"all have ended", []store.Neighbor{one("a", run.Unmapped, run.Success), one("b", run.Unmapped, run.UpstreamFailed)}, false},
		{"one runs", []store.Neighbor{one("a", run.Unmapped, run.Success), one("b", run.Unmapped, run.Running)}, true},
		{"one will be tried again", []store.Neighbor{one("b", run.Unmapped, run.UpForRetry)}, true},
		{"an index runs", []store.Neighbor{one("m", 0, run.Success), one("m", 1, run.Running)}, true},
		{"a remnant of a mapped task", []store.Neighbor{one("m", run.Unmapped, run.Scheduled), one("m", 1, run.Success)}, false},
		{"one that is not of the join", []store.Neighbor{one("other", run.Unmapped, run.Running)}, false},
		{"one that the DAG does not have", []store.Neighbor{one("x", run.Unmapped, run.Running)}, false},
	} {
		if got := j.unfinished(g, c.beside); got != c.want {
			t.Errorf("%s: unfinished is %t, want %t", c.name, got, c.want)
		}
	}
}
