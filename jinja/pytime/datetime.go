package pytime

import (
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// DateTime is a datetime.datetime or a pendulum DateTime.
type DateTime struct {
	t     time.Time // in its zone; naive ones are kept in UTC
	zone  *Zone     // nil when naive
	kind  *py.Type
	clock *Clock
}

var (
	datetimeType = &py.Type{Module: "datetime", Name: "datetime", Static: true}
	pendulumType = &py.Type{Module: "pendulum.datetime", Name: "DateTime"}
	proxyType    = &py.Type{Module: "builtins", Name: "Proxy"}
)

// Pendulum makes a pendulum DateTime in UTC.
func (c *Clock) Pendulum(t time.Time) *DateTime { return c.PendulumIn(t, UTC) }

// PendulumIn makes a pendulum DateTime in a zone.
func (c *Clock) PendulumIn(t time.Time, z *Zone) *DateTime {
	return &DateTime{t: micro(t.In(z.loc)), zone: z, kind: pendulumType, clock: c}
}

// Datetime makes a datetime.datetime in UTC.
func (c *Clock) Datetime(t time.Time) *DateTime { return c.DatetimeIn(t, UTC) }

// DatetimeIn makes a datetime.datetime in a zone.
func (c *Clock) DatetimeIn(t time.Time, z *Zone) *DateTime {
	if z == UTC {
		z = stdUTC
	}
	return &DateTime{t: micro(t.In(z.loc)), zone: z, kind: datetimeType, clock: c}
}

// Naive makes a datetime.datetime without a zone, with the date and time that t shows in its own.
func (c *Clock) Naive(t time.Time) *DateTime {
	_, offset := t.Zone()
	return &DateTime{t: micro(t.UTC().Add(time.Duration(offset) * time.Second)), kind: datetimeType, clock: c}
}

// AsProxy answers a copy that acts as the same DateTime but whose class is Proxy, as Airflow's lazy values do.
func (d *DateTime) AsProxy() *DateTime {
	c := *d
	c.kind = proxyType
	return &c
}

// Time is the moment; a naive datetime counts as UTC.
func (d *DateTime) Time() time.Time { return d.t }

func micro(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func (d *DateTime) isPendulum() bool { return d.kind != datetimeType }

// with is d at another time in the same zone.
func (d *DateTime) with(t time.Time) *DateTime {
	kind := d.kind
	if kind == proxyType {
		kind = pendulumType
	}
	return &DateTime{t: micro(t), zone: d.zone, kind: kind, clock: d.clock}
}

// Type is datetime.datetime or pendulum.datetime.DateTime.
func (d *DateTime) Type() *py.Type { return d.kind }

// Str is "2024-02-29 00:00:00+00:00".
func (d *DateTime) Str(*py.Thread) (string, error) { return d.iso(" ", "auto"), nil }

// Repr is the expression that makes it.
func (d *DateTime) Repr(th *py.Thread) (string, error) {
	t := d.t
	args := []string{itoa(t.Year()), itoa(int(t.Month())), itoa(t.Day()), itoa(t.Hour()), itoa(t.Minute())}
	us := t.Nanosecond() / 1000
	if t.Second() != 0 || us != 0 || d.isPendulum() {
		args = append(args, itoa(t.Second()))
	}
	if us != 0 {
		args = append(args, itoa(us))
	}
	if d.zone != nil {
		z, err := d.zone.Repr(th)
		if err != nil {
			return "", err
		}
		args = append(args, "tzinfo="+z)
	}
	name := "datetime.datetime"
	if d.isPendulum() {
		name = "DateTime"
	}
	return name + "(" + strings.Join(args, ", ") + ")", nil
}

// offset is the distance from UTC in seconds.
func (d *DateTime) offset() int {
	_, off := d.t.Zone()
	return off
}

func (d *DateTime) zoneName() py.Value {
	if d.zone == nil {
		return nil
	}
	if d.zone.kind == fixedZone || d.zone.kind == pendulumZone && strings.HasPrefix(d.zone.name, "+") {
		return d.zone.name
	}
	name, _ := d.t.Zone()
	return name
}

func (d *DateTime) dst() py.Value {
	if d.zone == nil || d.zone.kind == fixedZone {
		return nil
	}
	if !d.t.IsDST() {
		return timedelta(0)
	}
	// The standard offset is the smaller of those in January and July.
	_, a := time.Date(d.t.Year(), 1, 1, 0, 0, 0, 0, d.t.Location()).Zone()
	_, b := time.Date(d.t.Year(), 7, 1, 0, 0, 0, 0, d.t.Location()).Zone()
	return timedelta(int64(d.offset()-min(a, b)) * second)
}

// iso is isoformat(sep, timespec).
func (d *DateTime) iso(sep, spec string) string {
	s := fmt.Sprintf("%04d-%02d-%02d", d.t.Year(), d.t.Month(), d.t.Day()) + sep + clockText(d.t, spec)
	if d.zone != nil {
		s += offsetText(d.offset(), ":")
	}
	return s
}

func clockText(t time.Time, spec string) string {
	us := t.Nanosecond() / 1000
	switch spec {
	case "hours":
		return two(t.Hour())
	case "minutes":
		return two(t.Hour()) + ":" + two(t.Minute())
	}
	s := two(t.Hour()) + ":" + two(t.Minute()) + ":" + two(t.Second())
	switch {
	case spec == "milliseconds":
		s += "." + padInt(us/1000, 3)
	case spec == "microseconds" || spec == "auto" && us != 0:
		s += "." + padInt(us, 6)
	}
	return s
}

// Hash is equal for the same moment.
func (d *DateTime) Hash() (any, error) {
	return dateHash{d.t.UnixMicro(), d.zone == nil}, nil
}

type dateHash struct {
	us    int64
	naive bool
}

// Compare orders moments; naive and aware ones cannot be ordered.
func (d *DateTime) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	o, ok := other.(*DateTime)
	if !ok {
		return nil, false, nil
	}
	if (d.zone == nil) != (o.zone == nil) {
		if op == "==" || op == "!=" {
			return op == "!=", true, nil
		}
		return nil, true, py.TypeError("can't compare offset-naive and offset-aware datetimes")
	}
	return py.Ordered(op, d.t.Compare(o.t)), true, nil
}

// Binary adds and subtracts lengths, and subtracts moments.
func (d *DateTime) Binary(th *py.Thread, op string, other py.Value, reflected bool) (py.Value, bool, error) {
	switch o := other.(type) {
	case *Delta:
		if op == "+" {
			v, err := d.plus(o, 1)
			return v, true, err
		}
		if op == "-" && !reflected {
			v, err := d.plus(o, -1)
			return v, true, err
		}
	case *DateTime:
		if op != "-" {
			return nil, false, nil
		}
		a, b := d, o
		if reflected {
			a, b = o, d
		}
		if (a.zone == nil) != (b.zone == nil) {
			return nil, true, py.TypeError("can't subtract offset-naive and offset-aware datetimes")
		}
		if a.isPendulum() || b.isPendulum() {
			return interval(b, a), true, nil
		}
		return timedelta(a.t.Sub(b.t).Microseconds()), true, nil
	}
	return nil, false, nil
}

func interval(a, b *DateTime) *Delta {
	return &Delta{us: b.t.Sub(a.t).Microseconds(), kind: intervalType, start: a, end: b}
}

// plus adds a length: for datetime on the clock of its zone, for pendulum in real time.
func (d *DateTime) plus(x *Delta, sign int64) (py.Value, error) {
	us := sign * x.us
	if !d.isPendulum() {
		days, rest := floorDiv(us, day)
		t := d.t
		return d.checked(time.Date(t.Year(), t.Month(), t.Day()+int(days), t.Hour(), t.Minute(), t.Second()+int(rest/second), t.Nanosecond()+int(rest%second)*1000, t.Location()))
	}
	if x.kind == deltaType {
		return d.checked(d.t.Add(time.Duration(us) * time.Microsecond))
	}
	p := x.parts()
	return d.shift(p, int(sign))
}

func (d *DateTime) checked(t time.Time) (py.Value, error) {
	if t.Year() < 1 || t.Year() > 9999 {
		return nil, py.Errorf("OverflowError", "date value out of range")
	}
	return d.with(t), nil
}

// shift moves by calendar units: months and days on the calendar, the rest in real time.
func (d *DateTime) shift(p parts, sign int) (py.Value, error) {
	s := int64(sign)
	if p.years > 20000 || p.years < -20000 || p.months > 240000 || p.months < -240000 || p.days+7*p.weeks > 1e7 || p.days+7*p.weeks < -1e7 {
		return nil, py.Errorf("OverflowError", "date value out of range")
	}
	t := addMonths(d.t, int(s*(p.years*12+p.months)))
	if n := int(s * (p.weeks*7 + p.days)); n != 0 {
		t = time.Date(t.Year(), t.Month(), t.Day()+n, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	}
	us := s * (p.hours*hour + p.minutes*minute + p.seconds*second + p.us)
	return d.checked(t.Add(time.Duration(us) * time.Microsecond))
}

// Format is strftime, or str() without a specification.
func (d *DateTime) Format(th *py.Thread, spec string) (string, error) {
	if spec == "" {
		return d.Str(th)
	}
	if d.isPendulum() && !strings.Contains(spec, "%") {
		return d.tokens(spec), nil
	}
	return d.strftime(spec)
}

func (d *DateTime) endText(th *py.Thread, date bool) (string, error) {
	if date {
		return d.t.Format("2006-01-02"), nil
	}
	return d.Str(th)
}

func (d *DateTime) asEnd(date bool) py.Value {
	if date {
		return &Date{t: d.t, kind: pendulumDate, clock: d.clock}
	}
	return d
}

func zoneValue(z *Zone) py.Value {
	if z == nil {
		return nil
	}
	return z
}

func firstString(s string, err error) (py.Value, error) { return s, err }

func (d *DateTime) dstFlag() int {
	switch {
	case d.zone == nil:
		return -1
	case d.t.IsDST():
		return 1
	}
	return 0
}

func (d *DateTime) date() *Date {
	kind := dateType
	if d.isPendulum() {
		kind = pendulumDate
	}
	return &Date{t: midnight(d.t), kind: kind, clock: d.clock}
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func ordinal(t time.Time) int { return int(midnight(t).Unix()/86400) + 719163 }

func isoCalendar(t time.Time) py.Value {
	y, w := t.ISOWeek()
	return &isoCal{py.Tuple{y, w, (int(t.Weekday())+6)%7 + 1}}
}

// fields reads year to microsecond from arguments, checked as Python checks them.
func fields(a []py.Value, def []int) (time.Time, error) {
	n := make([]int, 7)
	for i := range n {
		n[i] = def[i]
		if v := a[i]; v != py.Missing && v != nil {
			x, err := py.AsIndex(v)
			if err != nil {
				return time.Time{}, err
			}
			n[i] = x
		}
	}
	switch {
	case n[0] < 1 || n[0] > 9999:
		return time.Time{}, py.ValueError("year %d is out of range", n[0])
	case n[1] < 1 || n[1] > 12:
		return time.Time{}, py.ValueError("month must be in 1..12")
	case n[2] < 1 || n[2] > daysIn(n[0], time.Month(n[1])):
		return time.Time{}, py.ValueError("day is out of range for month")
	case n[3] < 0 || n[3] > 23:
		return time.Time{}, py.ValueError("hour must be in 0..23")
	case n[4] < 0 || n[4] > 59:
		return time.Time{}, py.ValueError("minute must be in 0..59")
	case n[5] < 0 || n[5] > 59:
		return time.Time{}, py.ValueError("second must be in 0..59")
	case n[6] < 0 || n[6] > 999999:
		return time.Time{}, py.ValueError("microsecond must be in 0..999999")
	}
	return time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*1000, time.UTC), nil
}

func partsOf(t time.Time) []int {
	return []int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond() / 1000}
}

// in puts a wall clock time into the zone of d.
func (d *DateTime) in(w time.Time) time.Time {
	loc := time.UTC
	if d.zone != nil {
		loc = d.zone.loc
	}
	return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), loc)
}
