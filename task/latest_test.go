package task

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

func TestLatestUntil(t *testing.T) {
	t.Parallel()
	day := func(d int) *time.Time {
		at := time.Date(2024, 5, d, 0, 0, 0, 0, time.UTC)
		return &at
	}
	daily := dag.Schedule{Kind: dag.ScheduleCronInterval, Cron: []string{"@daily"}, Timezone: "UTC"}
	trigger := dag.Schedule{Kind: dag.ScheduleCronTrigger, Cron: []string{"@daily"}, Timezone: "UTC"}
	never := dag.Schedule{Kind: dag.ScheduleCronTrigger, Cron: []string{"0 0 30 2 *"}, Timezone: "UTC"}
	for _, tt := range []struct {
		name     string
		schedule dag.Schedule
		run      run.Run
		want     *time.Time
	}{
		{"interval", daily, run.Run{LogicalDate: day(1), IntervalStart: day(1), IntervalEnd: day(2), RunAfter: *day(2)}, day(3)},
		{"trigger", trigger, run.Run{LogicalDate: day(1), IntervalStart: day(1), IntervalEnd: day(1), RunAfter: *day(1)}, day(2)},
		{"no interval", trigger, run.Run{LogicalDate: day(1), RunAfter: *day(1)}, day(2)},
		{"no dates", trigger, run.Run{RunAfter: *day(1)}, day(2)},
		{"no schedule", dag.Schedule{Kind: dag.ScheduleNone}, run.Run{RunAfter: *day(1)}, &time.Time{}},
		{"never again", never, run.Run{RunAfter: *day(1)}, &time.Time{}},
	} {
		got, err := LatestUntil(&dag.DAG{ID: "d", Schedule: tt.schedule}, &tt.run, *day(9))
		if err != nil || !got.Equal(*tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	_, err := LatestUntil(&dag.DAG{ID: "d", Schedule: dag.Schedule{Kind: dag.ScheduleCronTrigger, Cron: []string{"x"}, Timezone: "UTC"}}, &run.Run{}, *day(9))
	if err == nil {
		t.Error("a bad expression is no error")
	}
}
