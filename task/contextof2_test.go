package task_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

func TestContextOf2(t *testing.T) {
	t.Parallel()
	day := func(month time.Month, day int) time.Time { return time.Date(2024, month, day, 0, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		name              string
		compat            int
		kind              run.Type
		start, end        time.Time
		next, prev, next2 string
	}{
		{"scheduled", 2, run.TypeScheduled, day(2, 29), day(3, 1), "2024-03-01", "20240228", "2024-03-01T00:00:00Z"},
		{"month", 2, run.TypeScheduled, day(3, 1), day(4, 1), "2024-04-01", "20240201", "2024-04-01T00:00:00Z"},
		{"by hand", 2, run.TypeManual, day(2, 29), day(3, 1), "2024-02-29", "20240229", "2024-02-29T00:00:00Z"},
		{"of 3", 3, run.TypeScheduled, day(2, 29), day(3, 1), "", "", ""},
		{"in YAML", 0, run.TypeScheduled, day(2, 29), day(3, 1), "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &run.Run{Type: tt.kind, LogicalDate: &tt.start, IntervalStart: &tt.start, IntervalEnd: &tt.end}
			got := task.ContextOf2(&dag.DAG{Compat: tt.compat}, r)
			if tt.next == "" {
				if got != nil {
					t.Errorf("got %v", got)
				}
				return
			}
			next, _ := got["next_execution_date"].(time.Time)
			have := []any{got["next_ds"], got["prev_ds_nodash"], next.Format(time.RFC3339), got["execution_date"], got["tomorrow_ds"]}
			want := []any{tt.next, tt.prev, tt.next2, tt.start, tt.start.AddDate(0, 0, 1).Format(time.DateOnly)}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := task.ContextOf2(&dag.DAG{Compat: 2}, &run.Run{}); got != nil {
		t.Errorf("without a logical date: %v", got)
	}
}
