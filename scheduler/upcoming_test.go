package scheduler_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/scheduler"
)

// TestUpcoming: what is said to come is what Plan then creates.
func TestUpcoming(t *testing.T) {
	t.Parallel()
	start := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	end := time.Date(2024, 6, 8, 0, 0, 0, 0, time.UTC)
	now := time.Date(2024, 6, 3, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		catchup bool
		want    []int
	}{
		"catch-up":    {true, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		"no catch-up": {false, []int{3, 4, 5, 6, 7, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &dag.DAG{ID: "d", Schedule: dag.ScheduleFromText("@daily", "UTC", dag.ScheduleCompat{}), StartDate: &start, EndDate: &end, Catchup: tt.catchup}
			d.Tasks = []*dag.Task{dag.NewTask("a", "x")}
			d.Tasks[0].Inert = true
			g, err := dag.NewGraph(d)
			if err != nil {
				t.Fatal(err)
			}
			s := scheduler.NewSnapshot()
			if err := s.SetDAG(scheduler.DAGInfo{Graph: g, Version: "v"}); err != nil {
				t.Fatal(err)
			}
			dues, err := s.Upcoming("d", now, 20)
			if err != nil {
				t.Fatal(err)
			}
			var said []int
			for _, due := range dues {
				said = append(said, due.LogicalDate().Day())
			}
			if diff := cmp.Diff(tt.want, said); diff != "" {
				t.Errorf("upcoming (-want +got):\n%s", diff)
			}
			for at := now; at.Before(end.AddDate(0, 0, 3)); at = at.Add(time.Hour) {
				scheduler.Plan(s, at)
			}
			var made []int
			for _, v := range s.Runs("d") {
				made = append(made, v.Run.LogicalDate.Day())
			}
			if diff := cmp.Diff(said, made); diff != "" {
				t.Errorf("created (-said +made):\n%s", diff)
			}
		})
	}
	if _, err := scheduler.NewSnapshot().Upcoming("x", now, 1); err == nil {
		t.Error("a DAG that is not known has runs to come")
	}
}
