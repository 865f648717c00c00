package pytime_test

import (
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/jinja"
	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/jinja/pytime"
)

// eval renders an expression, without a sandbox that would hide anything.
func eval(t *testing.T, src string) string {
	t.Helper()
	clock := &pytime.Clock{Now: func() time.Time { return time.Date(2024, 6, 15, 10, 20, 30, 0, time.UTC) }}
	zone, err := clock.LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	parse := &py.Func{Name: "parse", Fn: func(_ *py.Thread, a py.Args) (py.Value, error) {
		args, err := py.Bind("parse", a, "timestr", "dayfirst?")
		if err != nil {
			return nil, err
		}
		return clock.ParseAny(args[0].(string), py.Or(args[1], false).(bool), false)
	}}
	vars := jinja.MapVars{
		"datetime": clock.DatetimeClass(), "timedelta": pytime.TimedeltaClass(), "relativedelta": pytime.RelativeClass(),
		"parse": parse, "d": clock.Pendulum(time.Date(2024, 2, 29, 13, 4, 5, 678000, time.UTC)),
		"ny":   clock.PendulumIn(time.Date(2024, 3, 10, 6, 30, 0, 0, time.UTC), zone),
		"lazy": clock.Pendulum(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)).AsProxy(),
	}
	for name, v := range pytime.RelativeDays() {
		vars[name] = v
	}
	tmpl, err := jinja.NewEnvironment(jinja.Config{}).Parse("{{ " + src + " }}")
	if err == nil {
		var s string
		if s, err = tmpl.RenderText(t.Context(), vars); err == nil {
			return s
		}
	}
	class, msg, ok := jinja.Exception(err)
	if !ok {
		return "error " + err.Error()
	}
	return "!! " + class[strings.LastIndexByte(class, '.')+1:] + ": " + msg
}

func compare(t *testing.T, cases [][2]string) {
	t.Helper()
	for _, c := range cases {
		if got := eval(t, c[0]); got != c[1] {
			t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

// The answers of the standard library and of dateutil.
func TestPython(t *testing.T) {
	t.Parallel()
	compare(t, [][2]string{
		{"datetime(2024, 1, 2)", "2024-01-02 00:00:00"},
		{"datetime(2024, 1, 2, 3, 4, 5, 6).isoformat()", "2024-01-02T03:04:05.000006"},
		{"datetime(2024, 1, 2).isoformat(' ', 'milliseconds')", "2024-01-02 00:00:00.000"},
		{"datetime(2024, 2, 29, 13, 4, 5).strftime('%a %A %b %B %d %j %H %I %p %M %S %f %U %W %V %G %u %w %y %C %e %-d %% %F %T %D %q')", "Thu Thursday Feb February 29 060 13 01 PM 04 05 000000 08 09 09 2024 4 4 24 20 29 29 % 2024-02-29 13:04:05 02/29/24 %q"},
		{"datetime(2024, 2, 9, 3, 4).strftime('%-m/%-d %_d %-H %^a %#Z|%z|%Z')", "2/9  9 3 FRI ||"},
		{"datetime(2024, 1, 31) + timedelta(days=30, hours=5)", "2024-03-01 05:00:00"},
		{"datetime(2024, 3, 1) - datetime(2024, 2, 1)", "29 days, 0:00:00"},
		{"(datetime(2024, 3, 1) - datetime(2024, 2, 1, 0, 0, 1)).days", "28"},
		{"datetime(2024, 3, 1) > datetime(2024, 2, 1)", "True"},
		{"datetime(2024, 3, 1).replace(day=5, hour=2)", "2024-03-05 02:00:00"},
		{"datetime(2024, 3, 1).weekday()", "4"},
		{"datetime(2024, 3, 1).isocalendar()", "datetime.IsoCalendarDate(year=2024, week=9, weekday=5)"},
		{"datetime(2024, 3, 1).timetuple().tm_yday", "61"},
		{"datetime(2024, 3, 1).toordinal()", "738946"},
		{"datetime(2024, 3, 1).ctime()", "Fri Mar  1 00:00:00 2024"},
		{"datetime.strptime('05 Mar 2024 07:08:09', '%d %b %Y %H:%M:%S')", "2024-03-05 07:08:09"},
		{"datetime.strptime('2024-03-04T05:06:07.123+0200', '%Y-%m-%dT%H:%M:%S.%f%z')", "2024-03-04 05:06:07.123000+02:00"},
		{"datetime.fromisoformat('2024-03-04T05:06:07+00:00').utcoffset()", "0:00:00"},
		{"datetime.fromisoformat('20240304')", "2024-03-04 00:00:00"},
		{"datetime(2024, 3, 4).date()", "2024-03-04"},
		{"datetime(2024, 3, 4, 5, 6).time()", "05:06:00"},
		{"datetime(2024, 3, 4).date() + timedelta(days=1)", "2024-03-05"},
		{"timedelta(days=1.5, seconds=-1)", "1 day, 11:59:59"},
		{"timedelta(hours=-1)", "-1 day, 23:00:00"},
		{"timedelta(days=7) // timedelta(days=2)", "3"},
		{"timedelta(days=7) % timedelta(days=2)", "1 day, 0:00:00"},
		{"timedelta(days=1) * 1.5", "1 day, 12:00:00"},
		{"-timedelta(days=1)", "-1 day, 0:00:00"},
		{"timedelta(seconds=90).total_seconds()", "90.0"},
		{"timedelta(milliseconds=5).microseconds", "5000"},
		{"timedelta(days=1) == timedelta(hours=24)", "True"},
		{"[timedelta(days=1), timedelta(seconds=1, microseconds=2)]", "[datetime.timedelta(days=1), datetime.timedelta(seconds=1, microseconds=2)]"},
		{"[datetime(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5)]", "[datetime.datetime(2024, 1, 2, 0, 0), datetime.datetime(2024, 1, 2, 3, 4, 5)]"},
		{"datetime(2024, 1, 31) + relativedelta(months=1)", "2024-02-29 00:00:00"},
		{"datetime(2024, 1, 31) + relativedelta(months=+1, day=1, weekday=MO(2))", "2024-02-12 00:00:00"},
		{"datetime(2024, 1, 31) - relativedelta(years=1, hour=0)", "2023-01-31 00:00:00"},
		{"[relativedelta(months=14, days=3)]", "[relativedelta(years=+1, months=+2, days=+3)]"},
		{"[relativedelta(day=1, weekday=FR)]", "[relativedelta(day=1, weekday=FR)]"},
		{"relativedelta(datetime(2024, 3, 1), datetime(2023, 1, 15)).months", "1"},
		{"relativedelta(months=2) * 3 == relativedelta(months=6)", "True"},
		{"parse('2024-01-02T03:04:05Z')", "2024-01-02 03:04:05+00:00"},
		{"parse('Jan 5 2023 3pm')", "2023-01-05 15:00:00"},
		{"parse('5 February 2023 10:11:12.5')", "2023-02-05 10:11:12.500000"},
		{"parse('01/02/2024')", "2024-01-02 00:00:00"},
		{"parse('01/02/2024', dayfirst=True)", "2024-02-01 00:00:00"},
		{"parse('31/12/2024')", "2024-12-31 00:00:00"},
		{"parse('2024-06-07 08:09+05:30')", "2024-06-07 08:09:00+05:30"},
		{"parse('20240607T080910')", "2024-06-07 08:09:10"},
		{"datetime(2024, 13, 1)", "!! ValueError: month must be in 1..12"},
		{"datetime(2024, 2, 30)", "!! ValueError: day is out of range for month"},
		{"datetime.strptime('nope', '%Y')", "!! ValueError: time data 'nope' does not match format '%Y'"},
		{"datetime(2024, 1, 1) + 1", "!! TypeError: unsupported operand type(s) for +: 'datetime.datetime' and 'int'"},
		{"datetime(2024, 1, 1) < 5", "!! TypeError: '<' not supported between instances of 'datetime.datetime' and 'int'"},
		{"datetime(9999, 12, 31) + timedelta(days=1)", "!! OverflowError: date value out of range"},
		{"timedelta(days='1')", "!! TypeError: unsupported type for timedelta days component: str"},
		{"parse('gibberish')", "!! ParserError: Unknown string format: gibberish"},
		{"datetime.fromisoformat('nope')", "!! ValueError: Invalid isoformat string: 'nope'"},
		{"datetime.strptime('2024-01-01 x', '%Y-%m-%d')", "!! ValueError: unconverted data remains:  x"},
	})
}

func TestPendulum(t *testing.T) {
	t.Parallel()
	compare(t, [][2]string{
		{"d", "2024-02-29 13:04:05.000678+00:00"},
		{"[d]", "[DateTime(2024, 2, 29, 13, 4, 5, 678, tzinfo=Timezone('UTC'))]"},
		{"d.add(months=1, days=-1)", "2024-03-28 13:04:05.000678+00:00"},
		{"d.subtract(years=1)", "2023-02-28 13:04:05.000678+00:00"},
		{"d.start_of('week')", "2024-02-26 00:00:00+00:00"},
		{"d.end_of('month')", "2024-02-29 23:59:59.999999+00:00"},
		{"d.end_of('quarter')", "!! ValueError: Invalid unit \"quarter\" for end_of()"},
		{"d.first_of('year', 0)", "2024-01-01 00:00:00+00:00"},
		{"d.last_of('month')", "2024-02-29 00:00:00+00:00"},
		{"d.next(0)", "2024-03-04 00:00:00+00:00"},
		{"d.previous()", "2024-02-22 00:00:00+00:00"},
		{"d.in_timezone('Asia/Seoul')", "2024-02-29 22:04:05.000678+09:00"},
		{"d.in_tz('nowhere')", "!! InvalidTimezone: nowhere"},
		{"d.format('YYYY-MM-DD HH:mm:ss.SSS Z zz [at] Do')", "2024-02-29 13:04:05.000 +00:00 UTC at 29th"},
		{"d.to_day_datetime_string()", "Thu, Feb 29, 2024 1:04 PM"},
		{"d.to_iso8601_string()", "2024-02-29T13:04:05.000678Z"},
		{"(d.add(days=2, hours=3) - d).in_hours()", "51"},
		{"d.add(days=2) - d", "<Interval [2024-02-29 13:04:05.000678+00:00 -> 2024-03-02 13:04:05.000678+00:00]>"},
		{"d.diff_for_humans(d.add(weeks=1))", "1 week before"},
		{"d.diff_for_humans()", "3 months ago"},
		{"d.is_past()", "True"},
		{"d.day_of_week", "3"},
		{"[d.day_of_week]", "[<WeekDay.THURSDAY: 3>]"},
		{"d.timezone_name", "UTC"},
		{"ny", "2024-03-10 01:30:00-05:00"},
		{"ny + timedelta(hours=1)", "2024-03-10 03:30:00-04:00"},
		{"ny.add(days=1)", "2024-03-11 01:30:00-04:00"},
		{"ny.strftime('%Z %z')", "EST -0500"},
		{"ny.is_dst()", "False"},
		{"lazy", "2024-02-29 00:00:00+00:00"},
		{"lazy == d.start_of('day')", "True"},
		{"lazy.add(days=1)", "2024-03-01 00:00:00+00:00"},
		{"d.nope", "!! UndefinedError: 'pendulum.datetime.DateTime object' has no attribute 'nope'"},
	})
}
