package dag_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
)

func TestDerived(t *testing.T) {
	t.Parallel()
	a, b := dag.XComRef{Task: "a"}, dag.XComRef{Task: "b", Key: "k"}
	function := dag.Callable{File: "d.py", DAG: "d", Task: "t", Name: "mapping.value.x.callables.0"}
	lengths := map[string]int{"a": 2, "b": 3}
	for _, tt := range []struct {
		name    string
		derived dag.Derived
		refs    []dag.XComRef
		// length is that with lengths, -1 if it is not known.
		length int
	}{
		{"map", dag.Derived{Kind: dag.DerivedMap, Of: []any{a}, Callables: []dag.Callable{function}}, []dag.XComRef{a}, 2},
		{"zip", dag.Derived{Kind: dag.DerivedZip, Of: []any{a, b}}, []dag.XComRef{a, b}, 2},
		{"zip longest", dag.Derived{Kind: dag.DerivedZip, Of: []any{a, b}, Fill: "-", Filled: true}, []dag.XComRef{a, b}, 3},
		{"concat", dag.Derived{Kind: dag.DerivedConcat, Of: []any{a, b, []any{int64(1)}}}, []dag.XComRef{a, b}, 6},
		{
			"nested", dag.Derived{Kind: dag.DerivedConcat, Of: []any{b, dag.Derived{Kind: dag.DerivedZip, Of: []any{a, []any{int64(1)}}}}},
			[]dag.XComRef{b, a}, 4,
		},
		{"of what is not known", dag.Derived{Kind: dag.DerivedZip, Of: []any{a, dag.XComRef{Task: "c"}}}, []dag.XComRef{a, {Task: "c"}}, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.refs, dag.MappedArg{Literal: tt.derived}.Refs()); diff != "" {
				t.Error(diff)
			}
			n, ok := tt.derived.Length(func(r dag.XComRef) (int, bool) { n, ok := lengths[r.Task]; return n, ok })
			if ok != (tt.length >= 0) || ok && n != tt.length {
				t.Errorf("Length() = %d, %v; want %d", n, ok, tt.length)
			}
			raw, err := json.Marshal(dag.MappedArg{Name: "x", Literal: tt.derived})
			if err != nil {
				t.Fatal(err)
			}
			var back dag.MappedArg
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(any(tt.derived), back.Literal); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A mapping over something derived needs all its outputs, and has to make sense.
func TestDerivedMapping(t *testing.T) {
	t.Parallel()
	up := dag.NewTask("up", "o")
	check := func(d dag.Derived) error {
		mapped := dag.NewTask("t", "o")
		mapped.Upstream, mapped.Expand = []string{"up"}, &dag.Mapping{Args: []dag.MappedArg{{Name: "x", Literal: d}}}
		return dag.Validate(&dag.DAG{ID: "d", Tasks: []*dag.Task{up, mapped}})
	}
	ref := dag.XComRef{Task: "up"}
	for want, d := range map[string]dag.Derived{
		"":                                 {Kind: dag.DerivedConcat, Of: []any{ref, ref}},
		"map needs one part and a":         {Kind: dag.DerivedMap, Of: []any{ref}},
		"zip needs parts, has none":        {Kind: dag.DerivedZip},
		`"x" is none of map, zip, concat`:  {Kind: "x"},
		"concat has a part that is a int6": {Kind: dag.DerivedConcat, Of: []any{int64(1)}},
		"is mapped over the output of":     {Kind: dag.DerivedConcat, Of: []any{dag.XComRef{Task: "no"}}},
		"names the file f.py and no":       {Kind: dag.DerivedMap, Of: []any{ref}, Callables: []dag.Callable{{File: "f.py"}}},
	} {
		err := check(d)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Validate: %v, want %q", err, want)
		}
	}
}
