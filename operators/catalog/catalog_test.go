package catalog_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/operators/catalog"
)

// TestRead: what is read is what the operators say.
func TestRead(t *testing.T) {
	t.Parallel()
	c, err := catalog.Read()
	if err != nil {
		t.Fatal(err)
	}
	want := builtin.Catalog()
	sameDefault := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Default" }, cmp.Comparer(func(a, b any) bool {
		x, err1 := json.Marshal(a)
		y, err2 := json.Marshal(b)
		return err1 == nil && err2 == nil && string(x) == string(y)
	}))
	if diff := cmp.Diff(want.Specs(), c.Specs(), sameDefault); diff != "" {
		t.Fatalf("run `make docs` (-operators +table):\n%s", diff)
	}
	for _, path := range want.Paths() {
		if c.Lookup(path) == nil {
			t.Errorf("%s is not found", path)
		}
	}
	if a, b := len(want.Paths()), len(c.Paths()); a != b {
		t.Errorf("%d paths, want %d", b, a)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	got, err := catalog.Write(dag.NewCatalog(dag.OperatorSpec{Class: "a.B"}, dag.OperatorSpec{Class: "c.D", Args: []dag.ArgSpec{{Name: "x", Default: int64(1)}}}))
	if err != nil || slices.Contains(got, 0) || !json.Valid(got) {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := catalog.Write(dag.NewCatalog(dag.OperatorSpec{Class: "a.B", Args: []dag.ArgSpec{{Default: func() {}}}})); err == nil {
		t.Error("a default without a JSON form is written")
	}
}
