package pytime

import (
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// edge is start_of or end_of.
func (d *DateTime) edge(name string, unit py.Value) (py.Value, error) {
	u, _ := py.IsString(unit)
	y, m, dd := d.t.Date()
	h, mi, s := d.t.Clock()
	year := func(n int) (time.Time, time.Time) {
		first := y - y%n
		if n == 100 { // centuries end with the year that is a multiple of 100
			first = y - 1 - (y-1)%100 + 1
		}
		return time.Date(first, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(first+n, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	date := func(y int, m time.Month, d, h, mi, s int) time.Time { return time.Date(y, m, d, h, mi, s, 0, time.UTC) }
	var from, to time.Time
	switch u {
	case "second":
		from, to = date(y, m, dd, h, mi, s), date(y, m, dd, h, mi, s+1)
	case "minute":
		from, to = date(y, m, dd, h, mi, 0), date(y, m, dd, h, mi+1, 0)
	case "hour":
		from, to = date(y, m, dd, h, 0, 0), date(y, m, dd, h+1, 0, 0)
	case "day":
		from, to = date(y, m, dd, 0, 0, 0), date(y, m, dd+1, 0, 0, 0)
	case "week":
		monday := dd - d.weekday()
		from, to = date(y, m, monday, 0, 0, 0), date(y, m, monday+7, 0, 0, 0)
	case "month":
		from, to = date(y, m, 1, 0, 0, 0), date(y, m+1, 1, 0, 0, 0)
	case "year":
		from, to = year(1)
	case "decade":
		from, to = year(10)
	case "century":
		from, to = year(100)
	default:
		return nil, py.ValueError("Invalid unit \"%s\" for %s()", u, name)
	}
	if name == "end_of" {
		from = to.Add(-time.Microsecond)
	}
	return d.with(d.in(from)), nil
}

// dayOfWeek reads a WeekDay argument.
func dayOfWeek(v py.Value) (int, bool, error) {
	if v = py.Or(v, nil); v == nil {
		return 0, false, nil
	}
	n, ok := py.AsInt(v)
	if !ok {
		return 0, false, py.TypeError("'<' not supported between instances of '%s' and 'WeekDay'", py.TypeOf(v).Name)
	}
	if n < 0 || n > 6 {
		return 0, false, py.ValueError("Invalid day of week")
	}
	return n, true, nil
}

func (d *DateTime) span(name string, unit py.Value) (from, to time.Time, err error) {
	y, m, _ := d.t.Date()
	switch u, _ := py.IsString(unit); u {
	case "month":
	case "quarter":
		m = (m-1)/3*3 + 1
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC), time.Date(y, m+3, 0, 0, 0, 0, 0, time.UTC), nil
	case "year":
		return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(y, 12, 31, 0, 0, 0, 0, time.UTC), nil
	default:
		return from, to, py.ValueError("Invalid unit \"%s\" for %s()", u, name)
	}
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC), time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC), nil
}

func (d *DateTime) firstOrLast(name string, a []py.Value) (py.Value, error) {
	from, to, err := d.span(name, a[0])
	if err != nil {
		return nil, err
	}
	wd, given, err := dayOfWeek(a[1])
	if err != nil {
		return nil, err
	}
	t, step := from, 1
	if name == "last_of" {
		t, step = to, -1
	}
	for given && (int(t.Weekday())+6)%7 != wd {
		t = t.AddDate(0, 0, step)
	}
	return d.with(d.in(t)), nil
}

func (d *DateTime) nthOf(_ *py.Thread, a []py.Value) (py.Value, error) {
	from, to, err := d.span("nth_of", a[0])
	if err != nil {
		return nil, err
	}
	n, err := py.AsIndex(a[1])
	if err != nil {
		return nil, err
	}
	wd, _, err := dayOfWeek(a[2])
	if err != nil {
		return nil, err
	}
	t := from
	for (int(t.Weekday())+6)%7 != wd {
		t = t.AddDate(0, 0, 1)
	}
	t = t.AddDate(0, 0, 7*(min(max(n, -60), 60)-1))
	if t.After(to) || t.Before(from) {
		u, _ := py.IsString(a[0])
		return nil, py.Errorf("pendulum.exceptions.PendulumException", "Unable to find occurrence %d of %s in %s", n, weekdayName(wd), u)
	}
	return d.with(d.in(t)), nil
}

func (d *DateTime) nextDay(th *py.Thread, name string, a []py.Value) (py.Value, error) {
	wd, given, err := dayOfWeek(a[0])
	if err != nil {
		return nil, err
	}
	if !given {
		wd = d.weekday()
	}
	keep, err := py.Truth(th, py.Or(a[1], false))
	if err != nil {
		return nil, err
	}
	step := 1
	if name == "previous" {
		step = -1
	}
	t := d.t
	if !keep {
		t = d.in(midnight(t))
	}
	for t = t.AddDate(0, 0, step); (int(t.Weekday())+6)%7 != wd; {
		t = t.AddDate(0, 0, step)
	}
	return d.with(t), nil
}
