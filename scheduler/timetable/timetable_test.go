package timetable

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/updraft-dev/updraft/dag"
	"pgregory.net/rapid"
)

func utc(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

func mustNew(t interface{ Fatalf(string, ...any) }, s dag.Schedule) Timetable {
	tt, err := New(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return tt
}

func cronSchedule(kind dag.ScheduleKind, zone string, texts ...string) dag.Schedule {
	return dag.Schedule{Kind: kind, Cron: texts, Timezone: zone}
}

// TestHourlyGoesThroughHalfHourChanges: where Airflow gets stuck for ever, each
// interval begins where the one before ended.
func TestHourlyGoesThroughHalfHourChanges(t *testing.T) {
	t.Parallel()
	tt := mustNew(t, cronSchedule(dag.ScheduleCronInterval, "Australia/Lord_Howe", "0 * * * *"))
	for _, from := range []string{"2021-04-03T12:00:00Z", "2021-10-02T12:30:00Z"} {
		start := utc(t, from)
		due, err := Upcoming(tt, nil, Restriction{Earliest: start, Catchup: true}, start, 12)
		if err != nil {
			t.Fatal(err)
		}
		halves := 0
		for i, d := range due {
			if i > 0 && !d.Interval.Start.Equal(due[i-1].Interval.End) {
				t.Errorf("from %s: run %d starts at %s, the one before ended at %s", from, i, d.Interval.Start, due[i-1].Interval.End)
			}
			if d.Interval.End.Sub(d.Interval.Start) == 30*time.Minute {
				halves++
			}
		}
		if halves != 1 {
			t.Errorf("from %s: %d half hours, want 1", from, halves)
		}
	}
}

// TestSpecificationTicks holds the table of the semantics' section on DST.
func TestSpecificationTicks(t *testing.T) {
	t.Parallel()
	tests := []struct{ cron, zone, from, want string }{
		{"30 2 * * *", "Europe/Zurich", "2023-10-28T00:00:00Z", "10-28T00:30 10-29T01:30 10-30T01:30"},
		{"30 2 * * *", "Europe/Zurich", "2023-03-25T00:00:00Z", "03-25T01:30 03-26T01:30 03-27T00:30"},
		{"30 * * * *", "Europe/Zurich", "2023-10-28T23:00:00Z", "10-28T23:30 10-29T00:30 10-29T01:30 10-29T02:30"},
		{"0 */2 * * *", "Europe/Zurich", "2023-10-28T21:59:00Z", "10-28T22:00 10-29T01:00 10-29T03:00"},
		{"0 */2 * * *", "Europe/Zurich", "2023-03-25T22:59:00Z", "03-25T23:00 03-26T01:00 03-26T02:00 03-26T04:00"},
		{"0 2,3 * * *", "Europe/Zurich", "2023-03-25T23:00:00Z", "03-26T01:00 03-27T00:00"},
		{"30 1 * * *", "America/New_York", "2024-11-02T00:00:00Z", "11-02T05:30 11-03T06:30 11-04T06:30"},
	}
	for _, test := range tests {
		start := utc(t, test.from)
		tt := mustNew(t, cronSchedule(dag.ScheduleCronTrigger, test.zone, test.cron))
		due, err := Upcoming(tt, nil, Restriction{Earliest: start, Catchup: true}, start, len(strings.Fields(test.want)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range due {
			got = append(got, d.RunAfter.Format("01-02T15:04"))
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s %s: -want +got\n%s", test.cron, test.zone, diff)
		}
	}
}

// TestRunsAlwaysAdvance: whatever the expression, zone and restriction, no timetable
// gives the same or an earlier run again, and nothing but a missing tick fails.
func TestRunsAlwaysAdvance(t *testing.T) {
	t.Parallel()
	zones := []string{"UTC", "Europe/Zurich", "Australia/Lord_Howe", "Africa/Casablanca", "America/New_York", "Pacific/Apia", "Antarctica/Troll", "+05:30"}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]dag.ScheduleKind{dag.ScheduleCronInterval, dag.ScheduleCronTrigger, dag.ScheduleCronPartition}).Draw(t, "kind")
		text := genExpression(t, 5)
		if rapid.Bool().Draw(t, "hourly") {
			parts := strings.Fields(text)
			parts[1] = "*"
			text = strings.Join(parts, " ")
		}
		tt := mustNew(t, cronSchedule(kind, rapid.SampledFrom(zones).Draw(t, "zone"), text))
		now := time.Unix(rapid.Int64Range(1_500_000_000, 1_800_000_000).Draw(t, "now"), 0)
		r := Restriction{Catchup: rapid.Bool().Draw(t, "catchup")}
		if rapid.Bool().Draw(t, "start date") {
			r.Earliest = now.Add(-time.Duration(rapid.Int64Range(-1e6, 1e7).Draw(t, "back")) * time.Second)
		}
		var before Due
		n := 0
		for due, err := range Runs(tt, nil, r, now) {
			if err != nil {
				var none *NoMatchError
				if !errors.As(err, &none) {
					t.Fatalf("run %d: %v", n, err)
				}
				return
			}
			if n > 0 && (!due.RunAfter.After(before.RunAfter) || !due.Last().Start.After(before.Last().Start)) {
				t.Fatalf("run %d %s is not after %s", n, dueString(&due), dueString(&before))
			}
			if due.Interval != nil && due.Interval.Start.After(due.RunAfter) {
				t.Fatalf("run %d %s is due before its interval begins", n, dueString(&due))
			}
			if before, n = due, n+1; n == 40 {
				return
			}
		}
	})
}

func TestAssets(t *testing.T) {
	t.Parallel()
	assets := dag.ScheduleFromAssets(dag.AssetRef{URI: "s3://a"})
	tt := mustNew(t, assets)
	now := utc(t, "2024-05-01T10:00:00Z")
	due, err := tt.Next(nil, Restriction{Earliest: now, Catchup: true}, now)
	if due != nil || err != nil {
		t.Errorf("a schedule by assets is due at %s, %v", dueString(due), err)
	}
	if got, want := tt.Traits(), (Traits{CanBeScheduled: true}); got != want || tt.Summary() != "Asset" {
		t.Errorf("got %+v %s", got, tt.Summary())
	}
	daily := dag.ScheduleFromText("@daily", "UTC", dag.ScheduleCompat{})
	both := mustNew(t, dag.Schedule{Kind: dag.ScheduleAssetOrTime, Assets: assets.Assets, Time: &daily})
	due, err = both.Next(nil, Restriction{Earliest: now, Catchup: true}, now)
	if err != nil || dueString(due) != "at 2024-05-02T00:00:00Z of 2024-05-02T00:00:00Z to 2024-05-02T00:00:00Z" {
		t.Errorf("assets or time: %s %v", dueString(due), err)
	}
	if both.Summary() != "Asset or 0 0 * * *" || both.Description() != "Triggered by assets or At 00:00" || !both.Traits().Periodic {
		t.Errorf("got %q, %q, %+v", both.Summary(), both.Description(), both.Traits())
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	month := &dag.Delta{Relative: &dag.DeltaRelative{Months: 1}}
	thirteen := 13
	tests := []struct {
		name     string
		schedule dag.Schedule
		want     string
	}{
		{"kind", dag.Schedule{Kind: "weekly"}, `schedule kind "weekly" is unknown`},
		{"no zone", cronSchedule(dag.ScheduleCronTrigger, "", "0 0 * * *"), `cron expression "0 0 * * *" has no time zone: name one such as UTC or Europe/Zurich`},
		{"bad zone", cronSchedule(dag.ScheduleCronTrigger, "Mars/Base", "0 0 * * *"), `cron expression "0 0 * * *": unknown time zone "Mars/Base": use an IANA name such as Europe/Zurich, or an offset such as +01:00`},
		{"two", cronSchedule(dag.ScheduleCronTrigger, "UTC", "0 0 * * *", "1 1 * * *"), `schedule of kind cron_trigger has 2 cron expressions: give one`},
		{"none", cronSchedule(dag.ScheduleMultipleCron, "UTC"), `schedule of kind multiple_cron_trigger has 0 cron expressions: give one`},
		{"key format", dag.Schedule{Kind: dag.ScheduleCronPartition, Cron: []string{"@daily"}, Timezone: "UTC", KeyFormat: "%Q"}, `key_format "%Q": has the unknown directive %Q: use those of Python's strftime, such as %Y-%m-%d`},
		{"offset", dag.Schedule{Kind: dag.ScheduleCronPartition, Cron: []string{"@daily"}, Timezone: "UTC", RunOffset: 1 << 40}, `run_offset 1099511627776 is out of range: at most 100000 ticks either way`},
		{"no delta", dag.Schedule{Kind: dag.ScheduleDeltaTrigger}, `schedule of kind delta_trigger has no delta: give a timedelta or relativedelta`},
		{"zero delta", dag.Schedule{Kind: dag.ScheduleDeltaTrigger, Delta: &dag.Delta{}}, `schedule 0:00:00 does not go forward: it must be a positive length of time`},
		{"absolute delta", dag.Schedule{Kind: dag.ScheduleDeltaInterval, Delta: &dag.Delta{Relative: &dag.DeltaRelative{Day: &thirteen}}}, `schedule relativedelta(day=13) does not go forward: it must be a positive length of time`},
		{"bad month", dag.Schedule{Kind: dag.ScheduleDeltaTrigger, Delta: month, Interval: &dag.Delta{Relative: &dag.DeltaRelative{Month: &thirteen}}}, `relativedelta: month is 13, must be in 1-12`},
		{"no assets", dag.Schedule{Kind: dag.ScheduleAssets}, `schedule by assets has no assets: give at least one`},
		{"empty assets", dag.Schedule{Kind: dag.ScheduleAssets, Assets: &dag.AssetCondition{}}, `schedule by assets: asset condition has 0 of asset, all, any: give exactly one of them`},
		{"no time", dag.Schedule{Kind: dag.ScheduleAssetOrTime, Assets: dag.ScheduleFromAssets(dag.AssetRef{URI: "a"}).Assets}, `schedule by assets or time has no time: give a schedule that goes by the clock`},
	}
	for _, test := range tests {
		_, err := New(test.schedule)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:\ngot  %v\nwant %s", test.name, err, test.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	now := utc(t, "2024-05-01T10:00:00Z")
	tests := []struct {
		schedule dag.Schedule
		want     []string
	}{
		{cronSchedule(dag.ScheduleCronTrigger, "UTC", "@daily"), nil},
		{dag.Schedule{}, nil},
		{cronSchedule(dag.ScheduleCronInterval, "UTC", "0 0 30 2 *"), []string{`cron expression "0 0 30 2 *" has no tick`}},
		{cronSchedule(dag.ScheduleMultipleCron, "UTC", "@daily", "bad", "0 0 31 2 *"), []string{`cron expression "bad": has 1 fields`, `cron expression "0 0 31 2 *" has no tick`}},
	}
	for _, test := range tests {
		got := Warnings(mustNew(t, test.schedule), now)
		same := slices.EqualFunc(got, test.want, strings.HasPrefix)
		if !same {
			t.Errorf("%v: got %q", test.schedule.Cron, got)
		}
	}
}

func TestUpcoming(t *testing.T) {
	t.Parallel()
	tt := mustNew(t, cronSchedule(dag.ScheduleCronInterval, "UTC", "@daily"))
	r := Restriction{Earliest: utc(t, "2024-05-01T00:00:00Z"), Latest: utc(t, "2024-05-02T00:00:00Z"), Catchup: true}
	got, err := Upcoming(tt, nil, r, r.Latest, 10)
	if err != nil || len(got) != 2 || got[1].LogicalDate() != r.Latest {
		t.Errorf("got %v %v", got, err)
	}
	if got, err := Upcoming(tt, nil, r, r.Latest, 0); got != nil || err != nil {
		t.Errorf("no runs asked for: %v %v", got, err)
	}
	part := mustNew(t, cronSchedule(dag.ScheduleCronPartition, "UTC", "@daily"))
	got, err = Upcoming(part, nil, r, r.Latest, 1)
	if err != nil || !got[0].LogicalDate().IsZero() || got[0].PartitionKey != "2024-05-01T00:00:00" || !got[0].Last().End.Equal(r.Earliest) {
		t.Errorf("partition: %v %v", got, err)
	}
}

func TestRunID(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 1, 2, 4, 4, 5, 6789, time.FixedZone("", 3600))
	tests := []struct{ got, want string }{
		{RunID("scheduled", at, ""), "scheduled__2024-01-02T03:04:05.000006+00:00"},
		{RunID("manual", at.Truncate(time.Second), "ab12"), "manual__2024-01-02T03:04:05+00:00_ab12"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

func TestStrftime(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 12, 30, 7, 8, 9, 123_456_000, time.FixedZone("XYZ", -9000))
	tests := []struct{ format, want string }{
		{"%Y-%m-%dT%H:%M:%S.%f%z", "2024-12-30T07:08:09.123456-0230"},
		{"%G-W%V-%u %U %W %w %j", "2025-W01-1 52 53 1 365"},
		{"%a %A %b %B %p %I %y %C %e %D %F %T %R %%", "Mon Monday Dec December AM 07 24 20 30 12/30/24 2024-12-30 07:08:09 07:08 %"},
		{"%Z %g %h%n%t%s", "XYZ 25 Dec\n\t1735551489"},
		{"no directive", "no directive"},
	}
	for _, test := range tests {
		if got, err := strftime(test.format, at); err != nil || got != test.want {
			t.Errorf("%s: got %q %v, want %q", test.format, got, err, test.want)
		}
	}
	if _, err := strftime("50%", at); err == nil || err.Error() != "ends with a single %: write %% for a per cent sign" {
		t.Errorf("got %v", err)
	}
}

// dueString shows a run in the tables of these tests.
func dueString(d *Due) string {
	if d == nil {
		return "none"
	}
	s := "at " + d.RunAfter.Format(time.RFC3339Nano)
	if d.Interval != nil {
		s += " of " + d.Interval.Start.Format(time.RFC3339Nano) + " to " + d.Interval.End.Format(time.RFC3339Nano)
	}
	if !d.PartitionDate.IsZero() {
		s += " for " + d.PartitionDate.Format(time.RFC3339Nano) + " " + d.PartitionKey
	}
	return s
}
