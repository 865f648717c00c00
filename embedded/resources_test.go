package embedded_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

// TestResources: what was learned of a task's memory is shown, given, and forgotten.
func TestResources(t *testing.T) {
	t.Parallel()
	i := openMigrant(t)
	ctx := t.Context()
	known := run.Memory{Asked: 20 << 30, Doubled: 1, At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	learn := func() {
		t.Helper()
		err := tick.ChangeMemory(ctx, i.Store, "etl", func(all map[string]run.Memory) bool {
			all["big"], all["gone"] = known, run.Memory{Doubled: 2}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	learn()
	list, runs, err := i.Resources(ctx, "etl", 5)
	if err != nil || runs != 0 || len(list) != 4 {
		t.Fatalf("got %+v of %d runs, %v", list, runs, err)
	}
	if r := list[1]; r.Task != "big" || r.Need.Memory != 20<<30 || r.Need.Learned != known || r.Need.MemoryOr(0) != 40<<30 {
		t.Errorf("big: %+v", r)
	}
	for _, tt := range []struct {
		task string
		want []string
	}{{"extract", nil}, {"big", []string{"big"}}, {"big", nil}, {"gone", []string{"gone"}}} {
		gone, err := i.ForgetMemory(ctx, "etl", tt.task)
		var ids []string
		for id := range gone {
			ids = append(ids, id)
		}
		if diff := cmp.Diff(tt.want, ids); err != nil || diff != "" {
			t.Errorf("forget %s: %v (-want +got):\n%s", tt.task, err, diff)
		}
	}
	learn()
	if gone, err := i.ForgetMemory(ctx, "etl", ""); err != nil || len(gone) != 2 {
		t.Errorf("forget all: %v, %v", gone, err)
	}
	if _, err := i.ForgetMemory(ctx, "etl", "none"); err == nil || !strings.Contains(err.Error(), `has no task "none": it has extract, big`) {
		t.Errorf("forget of no task: %v", err)
	}
	if _, _, err := i.Resources(ctx, "none", 5); err == nil {
		t.Error("there are resources of no DAG")
	}
}
