package builtin_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/builtin"
)

// Every operator can be found by each of its paths, is documented, and no path or
// argument is there twice.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, o := range builtin.Operators() {
		s := o.Spec
		if o.Run == nil {
			t.Errorf("%s cannot run", s.Class)
		}
		for _, p := range append([]string{s.Class}, s.Aliases...) {
			if other, ok := seen[p]; ok {
				t.Errorf("%s is a path of %s and of %s", p, other, s.Class)
			}
			seen[p] = s.Class
			if got := builtin.Lookup(p); got == nil || got.Spec.Class != s.Class {
				t.Errorf("Lookup(%q) = %v", p, got)
			}
			if got := builtin.Catalog().Lookup(p); got == nil || got.Class != s.Class {
				t.Errorf("Catalog().Lookup(%q) = %v", p, got)
			}
		}
		sentence(t, s.Class, s.Doc)
		var args []string
		for _, a := range s.Args {
			sentence(t, s.Class+"."+a.Name, a.Doc)
			if slices.Contains(args, a.Name) {
				t.Errorf("%s has two arguments %s", s.Class, a.Name)
			}
			args = append(args, a.Name)
			if a.Required && a.Default != nil {
				t.Errorf("%s.%s is required and has a default", s.Class, a.Name)
			}
			checkDefault(t, s.Class, a)
		}
	}
	if got := builtin.Lookup("airflow.operators.bash.Bsh"); got != nil {
		t.Errorf("an unknown path gives %s", got.Spec.Class)
	}
}

func sentence(t *testing.T, what, doc string) {
	t.Helper()
	if doc == "" || !strings.HasSuffix(doc, ".") || strings.ContainsAny(doc, "\n\t") {
		t.Errorf("%s: documentation %q is no sentence", what, doc)
	}
}

// checkDefault checks that a default can be written into a DAG file.
func checkDefault(t *testing.T, class string, a dag.ArgSpec) {
	t.Helper()
	if _, err := dag.EncodeValue(a.Default); err != nil {
		t.Errorf("%s.%s: default: %v", class, a.Name, err)
	}
}
