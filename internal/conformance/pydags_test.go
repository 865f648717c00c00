package conformance

import (
	"testing"

	"github.com/updraft-dev/updraft/python"
)

func TestCompareWarnings(t *testing.T) {
	t.Parallel()
	c := pyCase{Warnings: []string{"<dags>/d.py:7: UserWarning: two", "<dags>/d.py:5: UserWarning: one"}}
	said := []python.ParseWarning{{Category: "UserWarning", Message: "one", Line: 5}, {Category: "UserWarning", Message: "two", Line: 7}}
	if m := c.compareWarnings(said, "d"); m != nil {
		t.Errorf("the same: %+v", m)
	}
	said[1].Line = 8
	m := c.compareWarnings(said, "d")
	if m == nil || m.Ours != "2 warnings; of its own: <dags>/d.py:8: UserWarning: two" || m.Theirs != "2 warnings; of its own: <dags>/d.py:7: UserWarning: two" {
		t.Errorf("another line: %+v", m)
	}
	if m = c.compareWarnings(said[:1], "d"); m == nil || m.Part != "warnings" {
		t.Errorf("one is missing: %+v", m)
	}
}
