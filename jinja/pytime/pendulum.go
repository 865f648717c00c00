package pytime

import (
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// formatterObject is what _formatter shows: pendulum's formatter has no use of its own here.
type formatterObject struct{}

func (formatterObject) Type() *py.Type {
	return &py.Type{Module: "pendulum.formatting.formatter", Name: "Formatter"}
}

func (d *DateTime) pendulumAttr(name string) (py.Value, bool, error) {
	if v, ok, err := d.pendulumProperty(name); ok || err != nil {
		return v, ok, err
	}
	if v, ok, err := d.pendulumText(name); ok || err != nil {
		return v, ok, err
	}
	return d.pendulumMethod(name)
}

func (d *DateTime) pendulumProperty(name string) (py.Value, bool, error) {
	t := d.t
	switch name {
	case "day_of_week":
		return WeekDay(d.weekday()), true, nil
	case "day_of_year":
		return t.YearDay(), true, nil
	case "week_of_year":
		_, w := t.ISOWeek()
		return w, true, nil
	case "week_of_month":
		first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
		return (t.Day()+(int(first.Weekday())+6)%7-1)/7 + 1, true, nil
	case "quarter":
		return (int(t.Month())-1)/3 + 1, true, nil
	case "days_in_month":
		return daysIn(t.Year(), t.Month()), true, nil
	case "int_timestamp":
		return int(t.Unix()), true, nil
	case "float_timestamp":
		return float64(t.UnixMicro()) / 1e6, true, nil
	case "timezone", "tz":
		return zoneValue(d.zone), true, nil
	case "timezone_name":
		if d.zone == nil {
			return nil, true, nil
		}
		return d.zone.name, true, nil
	case "offset":
		return d.offset(), true, nil
	case "offset_hours":
		return float64(d.offset()) / 3600, true, nil
	case "age":
		now, err := d.clock.now()
		if err != nil {
			return nil, false, err
		}
		return int(preciseDiff(d, &DateTime{t: now.In(t.Location()), zone: d.zone}).years), true, nil
	case "_formatter":
		return formatterObject{}, true, nil
	case "EPOCH":
		return d.clock.Pendulum(time.Unix(0, 0)), true, nil
	}
	return nil, false, nil
}

// pendulumText are the to_..._string methods.
func (d *DateTime) pendulumText(name string) (py.Value, bool, error) {
	layout := ""
	switch name {
	case "to_date_string":
		layout = "YYYY-MM-DD"
	case "to_time_string":
		layout = "HH:mm:ss"
	case "to_datetime_string":
		layout = "YYYY-MM-DD HH:mm:ss"
	case "to_formatted_date_string":
		layout = "MMM DD, YYYY"
	case "to_day_datetime_string":
		layout = "ddd, MMM D, YYYY h:mm A"
	case "to_atom_string", "to_w3c_string":
		layout = "YYYY-MM-DD[T]HH:mm:ssZ"
	case "to_cookie_string":
		layout = "dddd, DD-MMM-YYYY HH:mm:ss zz"
	case "to_rfc822_string", "to_rfc1036_string":
		layout = "ddd, DD MMM YY HH:mm:ss ZZ"
	case "to_rfc850_string":
		layout = "dddd, DD-MMM-YY HH:mm:ss zz"
	case "to_rfc1123_string", "to_rfc2822_string", "to_rss_string":
		layout = "ddd, DD MMM YYYY HH:mm:ss ZZ"
	case "to_rfc3339_string":
		return d.give(name, func() py.Value { return d.iso("T", "auto") })
	case "for_json":
		return d.give(name, func() py.Value { return d.iso("T", "auto") })
	case "to_iso8601_string":
		return d.give(name, func() py.Value {
			s := d.iso("T", "auto")
			if d.zone != nil && d.zone.name == "UTC" {
				s = strings.TrimSuffix(s, "+00:00") + "Z"
			}
			return s
		})
	default:
		return nil, false, nil
	}
	return d.give(name, func() py.Value { return d.tokens(layout) })
}

var shiftParams = []string{"years?", "months?", "weeks?", "days?", "hours?", "minutes?", "seconds?", "microseconds?"}

func (d *DateTime) pendulumMethod(name string) (py.Value, bool, error) {
	switch name {
	case "add":
		return d.fn("DateTime.add", d.shifter(1), shiftParams...)
	case "subtract":
		return d.fn("DateTime.subtract", d.shifter(-1), shiftParams...)
	case "in_timezone", "in_tz":
		return d.fn("DateTime."+name, d.inTimezone, "tz")
	case "start_of", "end_of":
		return d.fn("DateTime."+name, func(_ *py.Thread, a []py.Value) (py.Value, error) { return d.edge(name, a[0]) }, "unit")
	case "first_of", "last_of":
		return d.fn("DateTime."+name, func(_ *py.Thread, a []py.Value) (py.Value, error) { return d.firstOrLast(name, a) }, "unit", "day_of_week?")
	case "nth_of":
		return d.fn("DateTime.nth_of", d.nthOf, "unit", "nth", "day_of_week")
	case "next", "previous":
		return d.fn("DateTime."+name, func(th *py.Thread, a []py.Value) (py.Value, error) { return d.nextDay(th, name, a) }, "day_of_week?", "keep_time?")
	case "diff":
		return d.fn("DateTime.diff", d.diff, "dt?", "abs?")
	case "diff_for_humans":
		return d.fn("DateTime.diff_for_humans", d.diffForHumans, "other?", "absolute?", "locale?")
	case "format":
		return d.fn("DateTime.format", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			s, ok := py.IsString(a[0])
			if !ok {
				return nil, py.TypeError("expected string or bytes-like object, got '%s'", py.TypeOf(a[0]).Name)
			}
			return d.tokens(s), onlyEnglish(py.Or(a[1], nil))
		}, "fmt", "locale?")
	case "set":
		return d.fn("DateTime.set", d.set, "year?", "month?", "day?", "hour?", "minute?", "second?", "microsecond?", "tz?")
	case "on":
		return d.fn("DateTime.on", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			w, err := fields(append(a, py.Missing, py.Missing, py.Missing, py.Missing), partsOf(d.t))
			return d.with(d.in(w)), err
		}, "year", "month", "day")
	case "at":
		return d.fn("DateTime.at", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			def := partsOf(d.t)
			def[4], def[5], def[6] = 0, 0, 0
			w, err := fields(append([]py.Value{py.Missing, py.Missing, py.Missing}, a...), def)
			return d.with(d.in(w)), err
		}, "hour", "minute?", "second?", "microsecond?")
	case "naive":
		return d.give(name, func() py.Value {
			n := d.with(wall(d.t))
			n.zone = nil
			return n
		})
	}
	return d.pendulumQuestion(name)
}

// pendulumQuestion are the is_... methods and those that compare with other moments.
func (d *DateTime) pendulumQuestion(name string) (py.Value, bool, error) {
	switch name {
	case "get_offset":
		return d.give(name, func() py.Value { return d.offset() })
	case "is_local": // local time is UTC
		return d.give(name, func() py.Value { return d.offset() == 0 })
	case "is_utc":
		return d.give(name, func() py.Value { return d.zone != nil && d.zone.name == "UTC" })
	case "is_dst":
		return d.give(name, func() py.Value { return d.t.IsDST() })
	case "is_leap_year":
		return d.give(name, func() py.Value { return daysIn(d.t.Year(), 2) == 29 })
	case "is_long_year":
		return d.give(name, func() py.Value {
			_, w := time.Date(d.t.Year(), 12, 28, 0, 0, 0, 0, time.UTC).ISOWeek()
			return w == 53
		})
	case "is_past", "is_future":
		return d.fn(name, func(*py.Thread, []py.Value) (py.Value, error) {
			now, err := d.clock.now()
			return d.t.Before(now) == (name == "is_past"), err
		})
	case "is_same_day", "is_anniversary", "is_birthday":
		return d.fn(name, func(_ *py.Thread, a []py.Value) (py.Value, error) {
			o, err := d.otherOrNow(a[0])
			if err != nil {
				return nil, err
			}
			same := d.t.Month() == o.t.Month() && d.t.Day() == o.t.Day()
			return same && (name != "is_same_day" || d.t.Year() == o.t.Year()), nil
		}, "dt?")
	case "average":
		return d.fn(name, func(_ *py.Thread, a []py.Value) (py.Value, error) {
			o, err := d.otherOrNow(a[0])
			if err != nil {
				return nil, err
			}
			return d.with(d.t.Add(o.t.Sub(d.t) / 2)), nil
		}, "dt?")
	case "closest", "farthest":
		return &py.Func{Name: name, Owner: d, Fn: func(_ *py.Thread, a py.Args) (py.Value, error) {
			var best *DateTime
			for _, v := range a.Pos {
				o, ok := v.(*DateTime)
				if !ok {
					return nil, py.TypeError("%s() needs datetimes, not %s", name, py.TypeOf(v).Name)
				}
				if best == nil || (o.t.Sub(d.t).Abs() < best.t.Sub(d.t).Abs()) == (name == "closest") {
					best = o
				}
			}
			return best, nil
		}}, true, nil
	}
	return nil, false, nil
}

func (d *DateTime) otherOrNow(v py.Value) (*DateTime, error) {
	switch o := py.Or(v, nil).(type) {
	case *DateTime:
		return o, nil
	case nil:
		now, err := d.clock.now()
		if err != nil {
			return nil, err
		}
		return d.with(now.In(d.t.Location())), nil
	default:
		return nil, py.TypeError("a datetime is needed, not %s", py.TypeOf(o).Name)
	}
}

func (d *DateTime) shifter(sign int) func(*py.Thread, []py.Value) (py.Value, error) {
	return func(th *py.Thread, a []py.Value) (py.Value, error) {
		var p parts
		to := []*int64{&p.years, &p.months, &p.weeks, &p.days, &p.hours, &p.minutes, &p.seconds, &p.us}
		units := []int64{0, 0, 7 * day, day, hour, minute, second, 1}
		extra := 0.0
		for i, v := range a {
			if v == py.Missing {
				continue
			}
			if n, ok := py.AsInt(v); ok {
				if n > 1e11 || n < -1e11 {
					return nil, py.Errorf("OverflowError", "date value out of range")
				}
				*to[i] = int64(n)
				continue
			}
			f, ok := py.AsFloat(v)
			if !ok {
				// Python adds 0 first, so that this is the message of that.
				return py.Binary(th, "+", v, 0)
			}
			if units[i] == 0 {
				return nil, py.TypeError("integer argument expected, got float")
			}
			if f > 1e9 || f < -1e9 {
				return nil, py.Errorf("OverflowError", "date value out of range")
			}
			extra += f * float64(units[i])
		}
		p.us += int64(extra)
		if p.hours > 1e8 || p.minutes > 1e10 || p.hours < -1e8 || p.minutes < -1e10 {
			return nil, py.Errorf("OverflowError", "date value out of range")
		}
		return d.shift(p, sign)
	}
}

func (d *DateTime) inTimezone(_ *py.Thread, a []py.Value) (py.Value, error) {
	z, ok := a[0].(*Zone)
	if !ok {
		name, isStr := py.IsString(a[0])
		if !isStr {
			return nil, py.TypeError("a time zone must be a name or a tzinfo, not %s", py.TypeOf(a[0]).Name)
		}
		if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") { // offsets are no names
			return nil, py.Errorf("pendulum.tz.exceptions.InvalidTimezone", "%s", name)
		}
		var err error
		if z, err = d.clock.LoadZone(name); err != nil {
			return nil, err
		}
	}
	out := d.with(d.t.In(z.loc))
	out.zone = z
	return out, nil
}

func (d *DateTime) set(th *py.Thread, a []py.Value) (py.Value, error) {
	w, err := fields(a, partsOf(d.t))
	if err != nil {
		return nil, err
	}
	out := d.with(d.t)
	if v := py.Or(a[7], nil); v != nil {
		z, err := d.inTimezone(th, []py.Value{v})
		if err != nil {
			return nil, err
		}
		out.zone = z.(*DateTime).zone
	}
	out.t = out.in(w)
	return out, nil
}

func (d *DateTime) diff(th *py.Thread, a []py.Value) (py.Value, error) {
	o, err := d.otherOrNow(a[0])
	if err != nil {
		return nil, err
	}
	absolute, err := py.Truth(th, py.Or(a[1], true))
	if absolute && o.t.Before(d.t) {
		return interval(o, d), err
	}
	return interval(d, o), err
}

func (d *DateTime) diffForHumans(th *py.Thread, a []py.Value) (py.Value, error) {
	o, err := d.otherOrNow(a[0])
	if err != nil {
		return nil, err
	}
	if err := onlyEnglish(py.Or(a[2], nil)); err != nil {
		return nil, err
	}
	absolute, err := py.Truth(th, py.Or(a[1], false))
	if err != nil {
		return nil, err
	}
	p := preciseDiff(d, o)
	if o.t.Before(d.t) {
		p = preciseDiff(o, d)
	}
	words := roughly(p.parts)
	past := !d.t.After(o.t)
	now := py.Or(a[0], nil) == nil
	switch {
	case absolute:
		return words, nil
	case now && past:
		return words + " ago", nil
	case now:
		return "in " + words, nil
	case past:
		return words + " before", nil
	}
	return words + " after", nil
}

// roughly says how long something is, in one unit.
func roughly(p parts) string {
	n, unit := int64(0), ""
	days := p.weeks*7 + p.days
	switch {
	case p.years > 0:
		n, unit = p.years, "year"
		if p.months > 6 {
			n++
		}
	case p.months == 11 && days > 15:
		n, unit = 1, "year"
	case p.months > 0:
		n, unit = p.months, "month"
		if days >= 27 {
			n++
		}
	case p.weeks > 0:
		n, unit = p.weeks, "week"
		if p.days > 3 {
			n++
		}
	case p.days > 0:
		n, unit = p.days, "day"
		if p.hours >= 22 {
			n++
		}
	case p.hours > 0:
		n, unit = p.hours, "hour"
	case p.minutes > 0:
		n, unit = p.minutes, "minute"
	case p.seconds > 10:
		n, unit = p.seconds, "second"
	default:
		return "a few seconds"
	}
	return itoa(int(n)) + " " + unit + pluralS(n)
}
