package branch_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/branch"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

func TestChoice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value any
		want  []string
		err   string
	}{
		{value: nil},
		{value: "a", want: []string{"a"}},
		{value: []any{"a", "b"}, want: []string{"a", "b"}},
		{value: []any{}, want: []string{}},
		{value: task.Tuple{"a"}, want: []string{"a"}},
		{value: map[string]any{"__classname__": "builtins.set", "__data__": []any{"a"}}, want: []string{"a"}},
		{value: map[string]any{"a": "b"}, err: "it chose a mapping: return null, a task id or a list of task ids"},
		{value: int64(1), err: "it chose 1: return null, a task id or a list of task ids"},
		{value: []any{"a", int64(2)}, err: "it chose 2: task ids are texts"},
	} {
		got, err := branch.Choice(tt.value)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.value, diff)
		}
		if tt.err != "" && (err == nil || err.Error() != tt.err) || tt.err == "" && err != nil {
			t.Errorf("%v: error %v, want %q", tt.value, err, tt.err)
		}
	}
}

// harness has a branch t before a, b, group g (with g.x before g.y) and join; join is
// also below a.
func harness(t *testing.T) *operatortest.Harness {
	h := operatortest.New(t)
	h.DAG.Groups = []*dag.Group{{ID: "g"}}
	for _, n := range []struct {
		id, group string
		up        []string
	}{{"a", "", []string{"t"}}, {"b", "", []string{"t"}}, {"g.x", "g", []string{"t"}}, {"g.y", "g", []string{"g.x"}}, {"join", "", []string{"a", "t"}}} {
		task := dag.NewTask(n.id, "")
		task.Group, task.Upstream = n.group, n.up
		h.DAG.Tasks = append(h.DAG.Tasks, task)
	}
	return h
}

func TestFollow(t *testing.T) {
	t.Parallel()
	const value = "value"
	for _, tt := range []struct {
		name   string
		follow []string
		group  string
		index  int
		want   []string
		pushed bool
		err    string
	}{
		{name: "one", follow: []string{"a"}, index: -1, want: []string{"a"}},
		{name: "none", index: -1, want: []string{}},
		{name: "all", follow: []string{"a", "b", "g"}, index: -1, want: []string{"a", "b", "g"}, pushed: true},
		{name: "all but join, which a leads to", follow: []string{"a", "b", "g.x"}, index: -1, want: []string{"a", "b", "g.x"}, pushed: true},
		{name: "further down", follow: []string{"g.y"}, index: -1, want: []string{"g.y"}},
		{name: "mapped", follow: []string{"a"}, index: 0, want: []string{"a"}, pushed: true},
		{name: "unknown", follow: []string{"a", "z", "x"}, index: -1, err: "it chose z, x, which DAG d does not have"},
		{name: "in its own group", follow: []string{"x"}, group: "g", index: -1, want: []string{"g.x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			h.Task.Group, h.Instance.Map = tt.group, tt.index
			got, err := branch.Follow(h.Attempt(nil), tt.follow, value)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := task.Result{Branch: &run.Branch{Kind: run.BranchFollow, Follow: tt.want}}
			if tt.pushed {
				want.Value = value
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	h := harness(t)
	if diff := cmp.Diff(task.Result{Branch: &run.Branch{Kind: run.BranchSkipAll}}, branch.Stop(h.Attempt(nil), true, "x")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(task.Result{Branch: &run.Branch{Kind: run.BranchSkipDirect}}, branch.Stop(h.Attempt(nil), false, "x")); diff != "" {
		t.Error(diff)
	}
	h.DAG.Tasks = h.DAG.Tasks[:1]
	if diff := cmp.Diff(task.Result{Value: "x", Branch: &run.Branch{Kind: run.BranchSkipAll}}, branch.Stop(h.Attempt(nil), true, "x")); diff != "" {
		t.Error(diff)
	}
}
