package dag

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
