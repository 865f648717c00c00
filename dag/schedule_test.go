package dag

import (
	"encoding/json"
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
