package pytime_test

import "testing"

// The answers of pendulum 3.3 about the time between two moments.
func TestIntervals(t *testing.T) {
	t.Parallel()
	compare(t, [][2]string{
		// Days of an interval are those of the calendar.
		{"d.diff(d.start_of('day').add(days=40)).in_days()", "40"},
		{"d.diff(d.start_of('day').add(days=40)).days", "39"},
		{"d.diff(d.add(weeks=3)).in_weeks()", "3"},
		{"d.diff(d.add(years=1, months=2, days=3, hours=4)).in_words()", "1 year 2 months 3 days 4 hours"},
		{"d.diff(d.subtract(months=2), false).in_months()", "-2"},
		{"lazy.in_timezone('Asia/Seoul').diff_for_humans(lazy.add(years=1, months=7))", "2 years before"},
		{"lazy.date().diff_for_humans(lazy.add(days=6, hours=23))", "6 days before"},
		{"(d.add(days=1) - d) / timedelta(days=1)", "!! AttributeError: 'datetime.timedelta' object has no attribute '_to_microseconds'"},
		{"timedelta(hours=36) - (d.add(days=1) - d)", "12:00:00"},
		{"d.add(days=1) in d.diff(d.add(days=2))", "True"},
		{"d.add(days=3) in d.diff(d.add(days=2))", "False"},
		{"(d.add(days=2) - d) | map('string') | map('truncate', 10, true, '') | list", "['2024-02-29', '2024-03-01', '2024-03-02']"},
		{"(d - d.add(months=2)).range('months') | map(attribute='month') | list", "[4, 3, 2]"},
		{"(d.add(days=1) - d).range('hours', 6) | list | length", "5"},
		{"(d.add(days=1) - d).range('x')", "!! ValueError: range() takes one of the units years, months, weeks, days, hours, minutes, seconds, microseconds and a whole number above 0"},
		{"timedelta(days=1) is iterable", "False"},
		{"d in timedelta(days=1)", "!! TypeError: argument of type 'datetime.timedelta' is not iterable"},
		{"timedelta(days=1) // 2.0", "!! TypeError: unsupported operand type(s) for //: 'datetime.timedelta' and 'float'"},
		{"timedelta(days=1) * 1e20", "!! OverflowError: Python int too large to convert to C int"},
	})
}

func TestClassAttributes(t *testing.T) {
	t.Parallel()
	compare(t, [][2]string{
		{"d.max", "9999-12-31 23:59:59.999999+00:00"},
		{"datetime(2024, 1, 2).max", "9999-12-31 23:59:59.999999"},
		{"d.resolution", "0:00:00.000001"},
		{"d.strptime('2024', '%Y')", "2024-01-01 00:00:00+00:00"},
		{"d.fromisoformat('2024-01-02')", "2024-01-02 00:00:00"},
		{"ny.strftime('%s')", "1710034200"},
		{"ny.get_offset()", "-18000"},
		{"d.in_timezone('+03:00')", "!! InvalidTimezone: +03:00"},
		{"d.date().to_iso8601_string()", "!! UndefinedError: 'pendulum.date.Date object' has no attribute 'to_iso8601_string'"},
		{"d.date().subtract(weeks=1)", "2024-02-22"},
		{"d.date().add(seconds=1)", "!! TypeError: Date.add() got an unexpected keyword argument 'seconds'"},
		{"relativedelta(months=1) != 5", "False"},
		{"relativedelta(months=1) + timedelta(seconds=-90)", "relativedelta(months=+1, days=-1, hours=+23, minutes=+58, seconds=+30)"},
	})
}
