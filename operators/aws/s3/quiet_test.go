package s3

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/operators/operatortest"
)

// The period begins again with each change, and too few objects never end it.
func TestQuiet(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)
	o := operatortest.New(t)
	o.Now = func() time.Time { return now }
	a := o.Attempt(nil)
	set := func(keys string) map[string]bool {
		out := map[string]bool{}
		for _, k := range keys {
			out[string(k)] = true
		}
		return out
	}
	q := &quiet{bucket: "b", prefix: "p", period: time.Minute, fewest: 2, allowDelete: true, seen: set("")}
	for i, step := range []struct {
		after time.Duration
		keys  string
		want  bool
	}{
		{0, "", false}, {2 * time.Minute, "", false}, // quiet, but nothing is there
		{0, "a", false}, {2 * time.Minute, "a", false}, // one is too few
		{0, "ab", false}, {59 * time.Second, "ab", false}, {0, "bc", false}, {59 * time.Second, "bc", false}, {time.Second, "bc", true},
	} {
		now = now.Add(step.after)
		if got, err := q.look(t.Context(), a, set(step.keys)); err != nil || got != step.want {
			t.Errorf("step %d: got %v, %v", i, got, err)
		}
	}
	q.allowDelete = false
	const want = "1 objects were deleted in s3://b/p between two looks, and allow_delete is not set"
	if _, err := q.look(t.Context(), a, set("c")); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
