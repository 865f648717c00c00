package clock_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/clock"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

type args = map[string]any

const standard = "airflow.providers.standard."

func at(t *testing.T, s string) time.Time {
	t.Helper()
	out, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// harness has tasks yes and no below the task; the clock stands still.
func harness(t *testing.T, now string) *operatortest.Harness {
	h := operatortest.New(t)
	h.Now = func() time.Time { return at(t, now) }
	for _, id := range []string{"yes", "no"} {
		task := dag.NewTask(id, "")
		task.Upstream = []string{"t"}
		h.DAG.Tasks = append(h.DAG.Tasks, task)
	}
	return h
}

// outcome is what a branch followed, or the operator's outcome.
func outcome(res task.Result, err error) string {
	if err != nil || res.Branch == nil {
		return operatortest.Outcome(err)
	}
	if len(res.Branch.Follow) == 1 {
		return res.Branch.Follow[0]
	}
	return "?"
}

func with(more args) args {
	more["follow_task_ids_if_true"], more["follow_task_ids_if_false"] = "yes", []any{"no"}
	return more
}

func TestWeekday(t *testing.T) {
	t.Parallel()
	// The logical date is a Wednesday; now it is Sunday in UTC and Monday in Auckland.
	const now = "2024-05-05 20:00:00"
	enum := func(n int64) dag.Object { return dag.Object{Class: "airflow.utils.weekday.WeekDay", Args: []any{n}} }
	for _, tt := range []struct {
		name   string
		args   args
		zone   string
		branch string
		sensor string
	}{
		{"today", args{"week_day": "Sunday"}, "UTC", "yes", "success"},
		{"another day", args{"week_day": "monday"}, "UTC", "no", "reschedule: 2024-05-05T20:01:00Z"},
		{"in the DAG's zone, unless it is a sensor", args{"week_day": "MONDAY"}, "Pacific/Auckland", "yes", "reschedule: 2024-05-05T20:01:00Z"},
		{"one of several", args{"week_day": []any{"Saturday", enum(7)}}, "UTC", "yes", "success"},
		{"enum", args{"week_day": enum(1)}, "UTC", "no", "reschedule: 2024-05-05T20:01:00Z"},
		{"logical date", args{"week_day": task.Tuple{"Wednesday"}, "use_task_logical_date": true}, "Pacific/Auckland", "yes", "success"},
		{"old name", args{"week_day": "Wednesday", "use_task_execution_day": true}, "UTC", "yes", "success"},
		{
			"no day", args{"week_day": "Sun"}, "UTC",
			"fatal (config): argument week_day: Sun is no day of the week: write its full English name, such as Monday",
			"fatal (config): argument week_day: Sun is no day of the week: write its full English name, such as Monday",
		},
		{"nothing", args{"week_day": []any{}}, "UTC", "fatal (config): argument week_day: it is empty: name a day", "fatal (config): argument week_day: it is empty: name a day"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t, now)
			h.DAG.Timezone = tt.zone
			tt.args["mode"] = "reschedule"
			_, err := h.Run(t.Context(), operatortest.Find(t, clock.Operators(), standard+"sensors.weekday.DayOfWeekSensor"), tt.args)
			if diff := cmp.Diff(tt.sensor, operatortest.Outcome(err)); diff != "" {
				t.Errorf("sensor: %s", diff)
			}
			delete(tt.args, "mode")
			got := outcome(h.Run(t.Context(), operatortest.Find(t, clock.Operators(), standard+"operators.weekday.BranchDayOfWeekOperator"), with(tt.args)))
			if diff := cmp.Diff(tt.branch, got); diff != "" {
				t.Errorf("branch: %s", diff)
			}
		})
	}
	h := harness(t, now)
	h.DAGRun.LogicalDate = nil
	got := outcome(h.Run(t.Context(), operatortest.Find(t, clock.Operators(), standard+"operators.weekday.BranchDayOfWeekOperator"), with(args{"week_day": "Sunday", "use_task_logical_date": true})))
	if got != "failed: use_task_logical_date is set, and this run has no logical date" {
		t.Error(got)
	}
}

func TestBranchDateTime(t *testing.T) {
	t.Parallel()
	op := operatortest.Find(t, clock.Operators(), standard+"operators.datetime.BranchDateTimeOperator")
	hour := func(h, m int64) dag.Object {
		return dag.Object{Class: "datetime.time", Args: []any{h}, Kwargs: args{"minute": m}}
	}
	day := func(d int64) dag.Object {
		return dag.Object{Class: "datetime.date", Args: []any{int64(2024), int64(5), d}}
	}
	for _, tt := range []struct {
		name string
		now  string
		zone string
		args args
		want string
	}{
		{"between times", "2024-05-05 12:00:00", "UTC", args{"target_lower": hour(11, 0), "target_upper": hour(12, 0)}, "yes"},
		{"after", "2024-05-05 12:00:01", "UTC", args{"target_lower": hour(11, 0), "target_upper": hour(12, 0)}, "no"},
		{"at the first moment", "2024-05-05 11:30:00", "UTC", args{"target_lower": hour(11, 30), "target_upper": nil}, "yes"},
		{"before", "2024-05-05 11:29:59", "UTC", args{"target_lower": hour(11, 30), "target_upper": nil}, "no"},
		{"over midnight", "2024-05-05 23:30:00", "UTC", args{"target_lower": hour(23, 0), "target_upper": hour(1, 0)}, "yes"},
		{"over midnight counts from the evening", "2024-05-05 00:30:00", "UTC", args{"target_lower": hour(23, 0), "target_upper": hour(1, 0)}, "no"},
		{"in the DAG's zone", "2024-05-05 09:30:00", "Europe/Zurich", args{"target_lower": hour(11, 0), "target_upper": hour(12, 0)}, "yes"},
		{"logical date", "2024-05-05 12:00:00", "UTC", args{"target_lower": nil, "target_upper": hour(0, 0), "use_task_logical_date": true}, "yes"},
		{"datetimes", "2024-05-05 12:00:00", "UTC", args{"target_lower": at(t, "2024-05-01 00:00:00"), "target_upper": at(t, "2024-05-06 00:00:00")}, "yes"},
		{"datetimes the wrong way round", "2024-05-05 12:00:00", "UTC", args{"target_lower": at(t, "2024-05-06 00:00:00"), "target_upper": at(t, "2024-05-05 23:00:00")}, "no"},
		{"dates", "2024-05-05 12:00:00", "UTC", args{"target_lower": day(5), "target_upper": day(6)}, "yes"},
		{"texts", "2024-05-05 12:00:00", "UTC", args{"target_lower": "2024-05-05T10:00+00:00", "target_upper": "13:00"}, "yes"},
		{"seconds, as YAML reads 6:30:00", "2024-05-05 06:30:00", "UTC", args{"target_lower": int64(23400), "target_upper": int64(23400)}, "yes"},
		{"nothing", "2024-05-05 12:00:00", "UTC", args{"target_lower": nil, "target_upper": nil}, "fatal (config): arguments target_lower and target_upper are both null: give one of them"},
		{"no time", "2024-05-05 12:00:00", "UTC", args{"target_lower": "noon"}, "fatal (config): argument target_lower: noon is neither a datetime nor a time"},
		{"25 o'clock", "2024-05-05 12:00:00", "UTC", args{"target_upper": hour(25, 0)}, "fatal (config): argument target_upper: {datetime.time [25] map[minute:0]} is neither a datetime nor a time"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t, tt.now)
			h.DAG.Timezone = tt.zone
			if diff := cmp.Diff(tt.want, outcome(h.Run(t.Context(), op, with(tt.args)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLatestOnly(t *testing.T) {
	t.Parallel()
	op := operatortest.Find(t, clock.Operators(), standard+"operators.latest_only.LatestOnlyOperator")
	all, none := &run.Branch{Kind: run.BranchFollow, Follow: []string{"yes", "no"}}, &run.Branch{Kind: run.BranchFollow, Follow: []string{}}
	latest, late := task.Result{Branch: all, Value: []any{"yes", "no"}}, task.Result{Branch: none}
	for _, tt := range []struct {
		name string
		now  string
		kind run.Type
		want task.Result
	}{
		{"on time", "2024-05-02 00:00:01", run.TypeScheduled, latest},
		{"just before the next run", "2024-05-03 00:00:00", run.TypeScheduled, latest},
		{"late", "2024-05-03 00:00:01", run.TypeScheduled, late},
		{"late, in a backfill", "2024-05-03 00:00:01", run.TypeBackfill, late},
		{"late, by hand", "2024-05-03 00:00:01", run.TypeManual, latest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t, tt.now)
			h.DAG.Schedule = dag.Schedule{Kind: dag.ScheduleCronInterval, Cron: []string{"@daily"}, Timezone: "UTC"}
			h.DAGRun.Type = tt.kind
			got, err := h.Run(t.Context(), op, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	h := harness(t, "2030-01-01 00:00:00")
	h.DAG.Schedule = dag.Schedule{Kind: dag.ScheduleNone}
	if got, err := h.Run(t.Context(), op, nil); err != nil || cmp.Diff(latest, got) != "" {
		t.Errorf("without a schedule: %v, %v", got, err)
	}
}

func TestSensors(t *testing.T) {
	t.Parallel()
	const now = "2024-05-02 12:00:00"
	minute := time.Minute
	for _, tt := range []struct {
		name, class string
		args        args
		want        string
	}{
		{"a moment that came", "date_time.DateTimeSensor", args{"target_time": "2024-05-02 12:00:00+00:00"}, "success"},
		{"a moment to come", "date_time.DateTimeSensor", args{"target_time": "2024-05-02T13:30:00"}, "reschedule: 2024-05-02T13:30:00Z"},
		{"with an offset", "date_time.DateTimeSensor", args{"target_time": "2024-05-02T15:30:00+02:00"}, "reschedule: 2024-05-02T13:30:00Z"},
		{"a day", "date_time.DateTimeSensor", args{"target_time": "2024-05-03"}, "reschedule: 2024-05-03T00:00:00Z"},
		{"compact", "date_time.DateTimeSensor", args{"target_time": "20240503T010203"}, "reschedule: 2024-05-03T01:02:03Z"},
		{"a datetime", "date_time.DateTimeSensor", args{"target_time": operatortest.Logical.AddDate(0, 0, 3)}, "reschedule: 2024-05-04T00:00:00Z"},
		{"beyond the timeout", "date_time.DateTimeSensor", args{"target_time": "2025-01-01", "timeout": int64(60)}, "reschedule: 2024-05-02T12:01:00Z"},
		{"no moment", "date_time.DateTimeSensor", args{"target_time": "soon"}, "fatal (config): argument target_time: soon is no datetime"},
		{"a time of day", "time.TimeSensor", args{"target_time": dag.Object{Class: "datetime.time", Args: []any{int64(16)}}}, "reschedule: 2024-05-02T14:00:00Z"},
		{"a time of day that came", "time.TimeSensor", args{"target_time": "13:59"}, "success"},
		{"no time of day", "time.TimeSensor", args{"target_time": "2024-05-02"}, "fatal (config): argument target_time: 2024-05-02 is no time of day"},
		{"after the interval", "time_delta.TimeDeltaSensor", args{"delta": 13 * time.Hour}, "reschedule: 2024-05-02T13:00:00Z"},
		{"after the interval, long ago", "time_delta.TimeDeltaSensor", args{"delta": int64(60)}, "success"},
		{"for a while", "time_delta.WaitSensor", args{"time_to_wait": minute}, "reschedule: 2024-05-02T12:01:00Z"},
		{"for minutes", "time_delta.WaitSensor", args{"time_to_wait": int64(5)}, "reschedule: 2024-05-02T12:05:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, suffix := range []string{"", "Async"} {
				if tt.class == "time_delta.WaitSensor" && suffix != "" {
					continue
				}
				h := harness(t, now)
				h.DAG.Timezone = "Europe/Zurich"
				delete(tt.args, "mode")
				if suffix == "" {
					tt.args["mode"] = "reschedule"
				}
				_, err := h.Run(t.Context(), operatortest.Find(t, clock.Operators(), standard+"sensors."+tt.class+suffix), tt.args)
				if diff := cmp.Diff(tt.want, operatortest.Outcome(err)); diff != "" {
					t.Errorf("%s: %s", suffix, diff)
				}
			}
		})
	}
}

// What a sensor waits for does not move while it waits.
func TestBegan(t *testing.T) {
	t.Parallel()
	h := harness(t, "2024-05-03 00:10:00")
	h.Instance.FirstStart = at(t, "2024-05-02 23:00:00")
	for class, a := range map[string]args{
		"sensors.time.TimeSensor":       {"target_time": "23:30"},
		"sensors.time_delta.WaitSensor": {"time_to_wait": int64(60)},
	} {
		if got, err := h.Run(t.Context(), operatortest.Find(t, clock.Operators(), standard+class), a); err != nil {
			t.Errorf("%s: %v, %v", class, got, err)
		}
	}
	h.DAGRun.IntervalEnd, h.DAGRun.RunAfter = nil, at(t, "2024-05-03 00:00:00")
	_, err := h.Run(t.Context(), operatortest.Find(t, clock.Operators(), standard+"sensors.time_delta.TimeDeltaSensor"), args{"delta": time.Hour, "deferrable": true})
	if got := operatortest.Outcome(err); got != "reschedule: 2024-05-03T01:00:00Z" {
		t.Error(got)
	}
}
