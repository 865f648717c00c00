package pgstore

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

func TestKeysTellNamesApart(t *testing.T) {
	t.Parallel()
	if keyOf("ab", "c") == keyOf("a", "bc") || keyOf("abc") == keyOf("ab", "c") || runKey(run.ID{DAG: "a", Run: "b"}) != keyOf("a", "b") {
		t.Error("keys do not tell names apart")
	}
}

// TestStepsComeInOneOrder: whatever the order of batches and changes, instances are written
// in the same one, and the steps of each in theirs.
func TestStepsComeInOneOrder(t *testing.T) {
	t.Parallel()
	change := func(task string, tries ...int) (l []run.Change) {
		for _, n := range tries {
			l = append(l, run.Change{Want: run.Instance{Task: task, Map: run.Unmapped, Try: n}, If: run.Condition{Try: n - 1}})
		}
		return l
	}
	a := run.Batch{Run: run.ID{DAG: "d", Run: "a"}, Changes: slices.Concat(change("x", 1, 2), change("y", 1), change("x", 3))}
	b := run.Batch{Run: run.ID{DAG: "d", Run: "b"}, Changes: slices.Concat(change("y", 1), change("x", 1))}
	again := run.Batch{Run: a.Run, Changes: change("x", 4)}
	type row struct {
		run, task string
		try       int
	}
	order := func(batches ...run.Batch) (out []row) {
		var c call
		for i := range batches {
			rows, err := rowcodec.Encoder{MaxItem: 100}.Batch(&batches[i])
			if err != nil {
				t.Fatal(err)
			}
			c.add(i, &rows)
		}
		c.args()
		for _, s := range c.steps {
			out = append(out, row{batches[s.batch-1].Run.Run, s.Task, s.Try})
		}
		return out
	}
	one, two := order(a, b, again), order(b, a, again)
	if diff := cmp.Diff(one, two, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("the order depends on that of the batches:\n%s", diff)
	}
	tries := map[row]int{}
	for _, r := range one {
		of := row{run: r.run, task: r.task}
		if tries[of]++; r.try != tries[of] {
			t.Errorf("try %d of %s/%s comes as number %d", r.try, r.run, r.task, tries[of])
		}
	}
}

// TestLastValueCounts: a name that is written twice in one change is one row.
func TestLastValueCounts(t *testing.T) {
	t.Parallel()
	b := run.Batch{Run: run.ID{DAG: "d", Run: "r"}, Changes: []run.Change{{Want: run.Instance{Task: "a"}, If: run.Condition{Absent: true},
		XComs: []run.XCom{{Name: "k", Value: []byte("1")}, {Name: "l", Value: []byte("2")}, {Name: "k", Value: []byte("3")}}}}}
	rows, err := rowcodec.Encoder{MaxItem: 100}.Batch(&b)
	if err != nil {
		t.Fatal(err)
	}
	var c call
	c.add(0, &rows)
	got := map[string]string{}
	for _, s := range c.steps {
		if s.xcom != nil {
			got[s.xcom.Name] += string(s.xcom.Value)
		}
	}
	if diff := cmp.Diff(map[string]string{"k": "3", "l": "2"}, got); diff != "" {
		t.Error(diff)
	}
}
