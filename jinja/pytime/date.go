package pytime

import (
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// Date is a datetime.date or a pendulum Date.
type Date struct {
	t     time.Time // midnight in UTC
	kind  *py.Type
	clock *Clock
}

var (
	dateType     = &py.Type{Module: "datetime", Name: "date", Static: true}
	pendulumDate = &py.Type{Module: "pendulum.date", Name: "Date"}
	timeType     = &py.Type{Module: "datetime", Name: "time", Static: true}
	pendulumTime = &py.Type{Module: "pendulum.time", Name: "Time"}
	structType   = &py.Type{Module: "time", Name: "struct_time"}
	isoCalType   = &py.Type{Module: "datetime", Name: "IsoCalendarDate", Static: true}
)

// NewDate makes a datetime.date.
func (c *Clock) NewDate(t time.Time) *Date { return &Date{t: midnight(t), kind: dateType, clock: c} }

// Type is the class of the date.
func (d *Date) Type() *py.Type { return d.kind }

// Str is 2024-02-29.
func (d *Date) Str(*py.Thread) (string, error) { return d.t.Format("2006-01-02"), nil }

// Repr is datetime.date(2024, 2, 29).
func (d *Date) Repr(*py.Thread) (string, error) {
	name := "datetime.date"
	if d.kind == pendulumDate {
		name = "Date"
	}
	return name + "(" + itoa(d.t.Year()) + ", " + itoa(int(d.t.Month())) + ", " + itoa(d.t.Day()) + ")", nil
}

// Hash is equal for equal dates.
func (d *Date) Hash() (any, error) { return dayHash(d.t.Unix()), nil }

type dayHash int64

// Compare orders dates.
func (d *Date) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	switch o := other.(type) {
	case *Date:
		return py.Ordered(op, d.t.Compare(o.t)), true, nil
	case *DateTime:
		if op != "==" && op != "!=" {
			return nil, true, py.TypeError("can't compare datetime.datetime to datetime.date")
		}
	}
	return nil, false, nil
}

// moment is the date as a DateTime, to share its methods.
func (d *Date) moment() *DateTime {
	kind := datetimeType
	if d.kind == pendulumDate {
		kind = pendulumType
	}
	return &DateTime{t: d.t, kind: kind, clock: d.clock}
}

func (d *Date) with(t time.Time) *Date { return &Date{t: midnight(t), kind: d.kind, clock: d.clock} }

// Binary adds and subtracts days, and subtracts dates.
func (d *Date) Binary(_ *py.Thread, op string, other py.Value, reflected bool) (py.Value, bool, error) {
	switch o := other.(type) {
	case *Delta:
		days, _ := floorDiv(o.us, day)
		switch {
		case op == "+":
			return d.with(d.t.AddDate(0, 0, int(days))), true, nil
		case op == "-" && !reflected:
			return d.with(d.t.AddDate(0, 0, -int(days))), true, nil
		}
	case *Date:
		if op == "-" && !reflected {
			if d.kind == pendulumDate || o.kind == pendulumDate {
				i := interval(o.moment(), d.moment())
				i.dates = true
				return i, true, nil
			}
			return timedelta(d.t.Sub(o.t).Microseconds()), true, nil
		}
	}
	return nil, false, nil
}

// Format is strftime, or str() without a specification.
func (d *Date) Format(th *py.Thread, spec string) (string, error) {
	if spec == "" {
		return d.Str(th)
	}
	return d.moment().Format(th, spec)
}

// Attr answers what a datetime has of a date; times in the answers become dates.
func (d *Date) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "hour", "minute", "second", "microsecond", "tzinfo", "fold", "date", "time", "timetz", "timestamp", "astimezone",
		"utcoffset", "tzname", "dst", "in_timezone", "in_tz", "timezone", "timezone_name", "tz", "offset", "offset_hours", "int_timestamp", "float_timestamp",
		"utctimetuple", "strptime", "utcfromtimestamp", "now", "utcnow", "combine", "min", "max", "at", "on", "naive", "is_utc", "is_dst",
		"get_offset", "is_local", "to_time_string", "to_datetime_string", "to_day_datetime_string", "to_atom_string", "to_cookie_string", "to_iso8601_string", "to_rfc822_string",
		"to_rfc850_string", "to_rfc1036_string", "to_rfc1123_string", "to_rfc2822_string", "to_rfc3339_string", "to_rss_string", "to_w3c_string":
		return nil, false, nil
	case "isoformat":
		v, err := d.Str(th)
		return &py.Func{Name: name, Owner: d, Fn: func(*py.Thread, py.Args) (py.Value, error) { return v, err }}, true, nil
	case "replace":
		return &py.Func{Name: name, Owner: d, Fn: func(_ *py.Thread, a py.Args) (py.Value, error) {
			args, err := py.Bind("replace", a, "year?", "month?", "day?")
			if err != nil {
				return nil, err
			}
			w, err := fields(append(args, py.Missing, py.Missing, py.Missing, py.Missing), partsOf(d.t))
			return d.with(w), err
		}}, true, nil
	}
	if name == "add" || name == "subtract" {
		return d.shift(name)
	}
	v, ok, err := d.moment().Attr(th, name)
	f, isFunc := v.(*py.Func)
	if !isFunc {
		return v, ok, err
	}
	return &py.Func{Name: name, Owner: d, Native: f.Native, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
		for i, x := range a.Pos {
			switch o := x.(type) {
			case *Date:
				a.Pos[i] = o.moment()
			case *DateTime: // a date is compared with the date
				a.Pos[i] = o.date().moment()
			}
		}
		v, err := f.Fn(th, a)
		switch x := v.(type) {
		case *DateTime:
			return d.with(x.t), err
		case *Delta:
			x.dates = x.kind == intervalType
		}
		return v, err
	}}, ok, err
}

// shift is add or subtract: a date has no time of the day.
func (d *Date) shift(name string) (py.Value, bool, error) {
	if d.kind != pendulumDate {
		return nil, false, nil
	}
	sign := 1
	if name == "subtract" {
		sign = -1
	}
	do := d.moment().shifter(sign)
	return &py.Func{Name: name, Owner: d, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
		args, err := py.Bind("Date."+name, a, shiftParams[:4]...)
		if err != nil {
			return nil, err
		}
		v, err := do(th, append(args, py.Missing, py.Missing, py.Missing, py.Missing))
		if m, ok := v.(*DateTime); ok && err == nil {
			return d.with(m.t), nil
		}
		return v, err
	}}, true, nil
}

// Time is a datetime.time.
type Time struct {
	t        time.Time
	pendulum bool
}

// Type is the class of the time.
func (t *Time) Type() *py.Type {
	if t.pendulum {
		return pendulumTime
	}
	return timeType
}

// Str is 13:04:05.
func (t *Time) Str(*py.Thread) (string, error) { return clockText(t.t, "auto"), nil }

// Repr is datetime.time(13, 4, 5).
func (t *Time) Repr(*py.Thread) (string, error) {
	s := "datetime.time("
	if t.pendulum {
		s = "Time("
	}
	s += itoa(t.t.Hour()) + ", " + itoa(t.t.Minute())
	us := t.t.Nanosecond() / 1000
	if t.t.Second() != 0 || us != 0 || t.pendulum {
		s += ", " + itoa(t.t.Second())
	}
	if us != 0 {
		s += ", " + itoa(us)
	}
	return s + ")", nil
}

func (t *Time) sinceMidnight() int64 {
	return int64(t.t.Hour())*hour + int64(t.t.Minute())*minute + int64(t.t.Second())*second + int64(t.t.Nanosecond()/1000)
}

// Hash is equal for equal times.
func (t *Time) Hash() (any, error) { return deltaHash(-1 - t.sinceMidnight()), nil }

// Compare orders times of the day.
func (t *Time) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	o, ok := other.(*Time)
	if !ok {
		return nil, false, nil
	}
	a, b := t.sinceMidnight(), o.sinceMidnight()
	c := 0
	if a < b {
		c = -1
	} else if a > b {
		c = 1
	}
	return py.Ordered(op, c), true, nil
}

// Attr answers hour, minute, second, microsecond, isoformat and strftime.
func (t *Time) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	d := &DateTime{t: time.Date(1900, 1, 1, t.t.Hour(), t.t.Minute(), t.t.Second(), t.t.Nanosecond(), time.UTC), kind: datetimeType}
	switch name {
	case "hour", "minute", "second", "microsecond", "strftime":
		return d.Attr(th, name)
	case "tzinfo":
		return nil, true, nil
	case "isoformat":
		return &py.Func{Name: name, Owner: t, Fn: func(_ *py.Thread, a py.Args) (py.Value, error) {
			args, err := py.Bind(name, a, "timespec?")
			if err != nil {
				return nil, err
			}
			spec, _ := py.IsString(py.Or(args[0], "auto"))
			return clockText(t.t, spec), nil
		}}, true, nil
	}
	return nil, false, nil
}

// StructTime is a time.struct_time.
type StructTime struct {
	t   time.Time
	dst int
}

// Type is time.struct_time.
func (s *StructTime) Type() *py.Type { return structType }

func (s *StructTime) tuple() py.Tuple {
	t := s.t
	return py.Tuple{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), (int(t.Weekday()) + 6) % 7, t.YearDay(), s.dst}
}

var structFields = []string{"tm_year", "tm_mon", "tm_mday", "tm_hour", "tm_min", "tm_sec", "tm_wday", "tm_yday", "tm_isdst"}

// Repr is time.struct_time(tm_year=...).
func (s *StructTime) Repr(*py.Thread) (string, error) {
	out := "time.struct_time("
	for i, v := range s.tuple() {
		if i > 0 {
			out += ", "
		}
		out += structFields[i] + "=" + itoa(v.(int))
	}
	return out + ")", nil
}

// Attr answers tm_year and its kin.
func (s *StructTime) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	for i, f := range structFields {
		if f == name {
			return s.tuple()[i], true, nil
		}
	}
	return nil, false, nil
}

// Item is that of a tuple.
func (s *StructTime) Item(th *py.Thread, key py.Value) (py.Value, error) {
	return py.Item(th, s.tuple(), key)
}

// Iter is that of a tuple.
func (s *StructTime) Iter(*py.Thread) (py.Iterator, error) { return py.FromSlice(s.tuple()), nil }

// Len is 9.
func (s *StructTime) Len(*py.Thread) (int, error) { return len(structFields), nil }

// isoCal is what isocalendar answers.
type isoCal struct{ tuple py.Tuple }

func (c *isoCal) Type() *py.Type { return isoCalType }

func (c *isoCal) Repr(th *py.Thread) (string, error) {
	return "datetime.IsoCalendarDate(year=" + itoa(c.tuple[0].(int)) + ", week=" + itoa(c.tuple[1].(int)) + ", weekday=" + itoa(c.tuple[2].(int)) + ")", nil
}

func (c *isoCal) Iter(*py.Thread) (py.Iterator, error) { return py.FromSlice(c.tuple), nil }

func (c *isoCal) Len(*py.Thread) (int, error) { return 3, nil }

func (c *isoCal) Item(th *py.Thread, key py.Value) (py.Value, error) {
	return py.Item(th, c.tuple, key)
}

func (c *isoCal) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	for i, n := range []string{"year", "week", "weekday"} {
		if n == name {
			return c.tuple[i], true, nil
		}
	}
	return nil, false, nil
}
