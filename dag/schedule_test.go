package dag

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func scheduleInt(n int) *int { return &n }

func TestScheduleFromText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text   string
		compat ScheduleCompat
		want   Schedule
	}{
		{"@once", ScheduleCompat{}, Schedule{Kind: ScheduleOnce}},
		{"@continuous", ScheduleCompatAirflow2(), Schedule{Kind: ScheduleContinuous}},
		{"@daily", ScheduleCompat{}, Schedule{Kind: ScheduleCronTrigger, Cron: []string{"@daily"}, Timezone: "Europe/Zurich"}},
		{"@daily", ScheduleCompatAirflow2(), Schedule{Kind: ScheduleCronInterval, Cron: []string{"@daily"}, Timezone: "Europe/Zurich"}},
		{"5 4 * * *", ScheduleCompat{CronDataIntervals: true}, Schedule{Kind: ScheduleCronInterval, Cron: []string{"5 4 * * *"}, Timezone: "Europe/Zurich"}},
		{"None", ScheduleCompat{}, Schedule{Kind: ScheduleCronTrigger, Cron: []string{"None"}, Timezone: "Europe/Zurich"}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, ScheduleFromText(test.text, "Europe/Zurich", test.compat)); diff != "" {
			t.Errorf("%q %+v: -want +got\n%s", test.text, test.compat, diff)
		}
	}
	if got := ScheduleFromText("@daily", "", ScheduleCompat{}).Timezone; got != "UTC" {
		t.Errorf("without a time zone: %q", got)
	}
	hour := Delta{Fixed: time.Hour}
	if got := ScheduleFromDelta(hour, ScheduleCompat{}).Kind; got != ScheduleDeltaTrigger {
		t.Errorf("delta in Airflow 3 is %s", got)
	}
	if got := ScheduleFromDelta(hour, ScheduleCompatAirflow2()).Kind; got != ScheduleDeltaInterval {
		t.Errorf("delta in Airflow 2 is %s", got)
	}
}

func TestScheduleJSONRoundTrip(t *testing.T) {
	t.Parallel()
	tests := []struct {
		schedule Schedule
		want     string
	}{
		{Schedule{Kind: ScheduleNone}, `{"kind":"none"}`},
		{ScheduleFromText("@daily", "UTC", ScheduleCompat{}), `{"kind":"cron_trigger","cron":["@daily"],"timezone":"UTC"}`},
		{
			Schedule{Kind: ScheduleDeltaTrigger, Delta: &Delta{Relative: &DeltaRelative{Months: 1, Day: scheduleInt(0), Weekday: &DeltaWeekday{Day: 0, Nth: 1}}}, Interval: &Delta{Fixed: time.Second}},
			`{"kind":"delta_trigger","delta":{"relative":{"months":1,"day":0,"weekday":{"day":0,"nth":1}}},"interval":{"fixed":1000000000}}`,
		},
		{
			Schedule{Kind: ScheduleCronTrigger, Cron: []string{"* * * * *"}, RunImmediately: ScheduleImmediateWithin, ImmediateWithin: time.Microsecond},
			`{"kind":"cron_trigger","cron":["* * * * *"],"run_immediately":"within","run_immediately_within":1000}`,
		},
		{
			Schedule{Kind: ScheduleEvents, EventDates: []time.Time{time.Date(2024, 1, 2, 3, 4, 5, 6000, time.UTC)}, RestrictToEvents: true, Description: "d"},
			`{"kind":"events","event_dates":["2024-01-02T03:04:05.000006Z"],"restrict_to_events":true,"description":"d"}`,
		},
		{
			Schedule{Kind: ScheduleAssetOrTime, Time: &Schedule{Kind: ScheduleOnce}, Assets: &AssetCondition{Any: []AssetCondition{
				{Asset: &AssetRef{Name: "a", URI: "s3://a", Group: "g", Extra: map[string]any{"z": "1", "b": "2"}}}, {All: []AssetCondition{{Asset: &AssetRef{Alias: "x"}}}},
			}}},
			`{"kind":"asset_or_time","assets":{"any":[{"asset":{"name":"a","uri":"s3://a","group":"g","extra":{"b":"2","z":"1"}}},{"all":[{"asset":{"alias":"x"}}]}]},"time":{"kind":"once"}}`,
		},
	}
	for _, test := range tests {
		text, err := json.Marshal(test.schedule)
		if err != nil || string(text) != test.want {
			t.Errorf("got  %s %v\nwant %s", text, err, test.want)
		}
		var back Schedule
		if err := json.Unmarshal(text, &back); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(test.schedule, back); diff != "" {
			t.Errorf("round trip: -want +got\n%s", diff)
		}
	}
}

func TestDeltaTimedelta(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kwargs map[string]any
		want   time.Duration
		fault  string
	}{
		{map[string]any{}, 0, ""},
		{map[string]any{"days": 1, "seconds": int64(-1)}, 24*time.Hour - time.Second, ""},
		{map[string]any{"days": 0.1}, 8640 * time.Second, ""},
		{map[string]any{"hours": json.Number("1.5")}, 90 * time.Minute, ""},
		{map[string]any{"weeks": 2, "milliseconds": 250}, 14*24*time.Hour + 250*time.Millisecond, ""},
		{map[string]any{"microseconds": 0.5}, 0, ""},
		{map[string]any{"microseconds": 1.5}, 2 * time.Microsecond, ""},
		{map[string]any{"microseconds": -0.5}, 0, ""},
		{map[string]any{"microseconds": -1.5}, -2 * time.Microsecond, ""},
		{map[string]any{"days": "1"}, 0, `timedelta: days is string 1, must be a number`},
		{map[string]any{"day": 1}, 0, `timedelta has no argument "day"`},
		{map[string]any{"days": 200_000}, 0, "too long"},
		{map[string]any{"days": 1e300}, 0, "out of range"},
	}
	for _, test := range tests {
		got, err := DeltaTimedelta(test.kwargs)
		checkScheduleFault(t, test.kwargs, err, test.fault)
		if diff := cmp.Diff(Delta{Fixed: test.want}, got); diff != "" {
			t.Errorf("%v: -want +got\n%s", test.kwargs, diff)
		}
	}
}

func TestDeltaRelativedelta(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kwargs map[string]any
		want   *DeltaRelative
		fault  string
	}{
		{map[string]any{"weeks": 1, "days": 1}, &DeltaRelative{Days: 8}, ""},
		{map[string]any{"months": 13, "minutes": -90}, &DeltaRelative{Years: 1, Months: 1, Hours: -1, Minutes: -30}, ""},
		{map[string]any{"hours": 1.5}, &DeltaRelative{Hours: 1, Minutes: 30}, ""},
		{map[string]any{"day": 31, "leapdays": -1}, &DeltaRelative{Day: scheduleInt(31), LeapDays: -1}, ""},
		{map[string]any{"weekday": []any{json.Number("0"), 1}}, &DeltaRelative{Weekday: &DeltaWeekday{0, 1}}, ""},
		{map[string]any{"weekday": "fr(-2)"}, &DeltaRelative{Weekday: &DeltaWeekday{4, -2}}, ""},
		{map[string]any{"weekday": 6}, &DeltaRelative{Weekday: &DeltaWeekday{6, 0}}, ""},
		{map[string]any{"weekday": nil}, &DeltaRelative{}, ""},
		{map[string]any{"weekday": 7}, nil, "weekday is 7: use a number from 0"},
		{map[string]any{"weekday": "FR(0)"}, nil, "weekday is FR(0)"},
		{map[string]any{"months": 0.5}, nil, "months must be a whole number"},
		{map[string]any{"month": 13}, nil, "month is 13, must be in 1-12"},
		{map[string]any{"fortnights": 1}, nil, `relativedelta has no argument "fortnights"`},
	}
	for _, test := range tests {
		got, err := DeltaRelativedelta(test.kwargs)
		checkScheduleFault(t, test.kwargs, err, test.fault)
		if diff := cmp.Diff(Delta{Relative: test.want}, got); diff != "" {
			t.Errorf("%v: -want +got\n%s", test.kwargs, diff)
		}
	}
}

func checkScheduleFault(t *testing.T, input any, err error, want string) {
	t.Helper()
	if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("%v: error %v, want %q", input, err, want)
	}
}

func TestAssetCondition(t *testing.T) {
	t.Parallel()
	leaf := func(name string) AssetCondition { return AssetCondition{Asset: &AssetRef{Name: name}} }
	tree := AssetCondition{Any: []AssetCondition{{All: []AssetCondition{leaf("a"), leaf("b")}}, leaf("c")}}
	if got := tree.String(); got != "(a & b) | c" {
		t.Errorf("String is %q", got)
	}
	if got := len(tree.Refs()); got != 3 {
		t.Errorf("%d leaves", got)
	}
	for updated, want := range map[string]bool{"": false, "a": false, "b": false, "ab": true, "c": true, "abc": true} {
		got := tree.Satisfied(func(r AssetRef) bool { return strings.Contains(updated, r.Name) })
		if got != want {
			t.Errorf("with %q updated: %v", updated, got)
		}
	}
	if err := tree.Validate(); err != nil {
		t.Error(err)
	}
	empty := AssetCondition{All: []AssetCondition{leaf("a"), {}}}
	checkScheduleFault(t, "empty node", empty.Validate(), "0 of asset, all, any")
	if empty.Satisfied(func(AssetRef) bool { return true }) {
		t.Error("an empty node is satisfied")
	}
	nameless := leaf("")
	checkScheduleFault(t, "nameless", nameless.Validate(), "without name")
	list := ScheduleFromAssets(AssetRef{URI: "s3://a"}, AssetRef{Alias: "b"})
	if got := list.Assets.String(); got != "s3://a & b" {
		t.Errorf("list is %q", got)
	}
}
