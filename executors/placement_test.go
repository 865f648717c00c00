package executors_test

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

func TestPlaced(t *testing.T) {
	t.Parallel()
	over := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	none := run.Placement{Executor: "none", Share: 0}
	all := func(x string) run.Placement { return run.Placement{Executor: x, Share: run.Whole} }
	of := func(x string, tasks ...string) run.Placement {
		return run.Placement{Executor: x, Share: run.Whole, Tasks: tasks}
	}
	ended := func(p run.Placement) run.Placement {
		p.Ended = over
		return p
	}
	for _, tt := range []struct {
		name string
		list []run.Placement
		want string // of task a
	}{
		{name: "no placement"},
		{name: "one", list: []run.Placement{all("x")}, want: "x"},
		{name: "the latest", list: []run.Placement{all("x"), all("y")}, want: "y"},
		{name: "taken back", list: []run.Placement{all("x"), ended(all("y"))}, want: "x"},
		{name: "all taken back", list: []run.Placement{ended(all("x"))}},
		{name: "named tasks first", list: []run.Placement{of("x", "a"), all("y")}, want: "x"},
		{name: "the latest of named tasks", list: []run.Placement{of("x", "a"), of("y", "a.*"), all("z")}, want: "y"},
		{name: "other tasks", list: []run.Placement{all("x"), of("y", "b")}, want: "x"},
		{name: "only other tasks", list: []run.Placement{of("y", "b")}},
		{name: "other runs", list: []run.Placement{all("x"), none}, want: "x"},
	} {
		got := ""
		if p := executors.Placed(tt.list, run.ID{DAG: "d", Run: "r"}, "a"); p != nil {
			got = p.Executor
		}
		if got != tt.want {
			t.Errorf("%s: it is placed at %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNeedOfPlacedWork(t *testing.T) {
	t.Parallel()
	task := dag.NewTask("t", "updraft.noop")
	task.Executor = "lambda"
	g, err := dag.NewGraph(&dag.DAG{ID: "d", Tasks: []*dag.Task{task}})
	if err != nil {
		t.Fatal(err)
	}
	w := executors.Work{Graph: g, Instance: run.Instance{Task: "t"}, Placed: "fargate"}
	if n, err := w.Need(); err != nil || n.Placed != "fargate" || n.Executor != "lambda" {
		t.Errorf("it is placed at %q, and names %q (%v); want fargate and lambda", n.Placed, n.Executor, err)
	}
}
