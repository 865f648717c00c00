package pytime

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

const (
	day    = int64(86400) * 1e6 // in microseconds, like every length here
	hour   = int64(3600) * 1e6
	minute = int64(60) * 1e6
	second = int64(1e6)
	// maxDelta is beyond the largest length that is kept here, 146,000 years.
	maxDelta = math.MaxInt64 / 2
)

// Delta is a timedelta, a pendulum Duration or a pendulum Interval.
type Delta struct {
	us   int64
	kind *py.Type
	// years and months are those of a Duration; start and end those of an Interval.
	years, months int
	start, end    *DateTime
	dates         bool // the ends of the interval are dates
}

var (
	deltaType    = &py.Type{Module: "datetime", Name: "timedelta", Static: true}
	durationType = &py.Type{Module: "pendulum.duration", Name: "Duration"}
	intervalType = &py.Type{Module: "pendulum.interval", Name: "Interval"}
)

// NewDelta makes a timedelta.
func NewDelta(d time.Duration) *Delta { return &Delta{us: d.Microseconds(), kind: deltaType} }

func timedelta(us int64) *Delta { return &Delta{us: us, kind: deltaType} }

// TimedeltaClass is the class timedelta, which can be called.
func TimedeltaClass() *py.Type {
	return &py.Type{Module: "datetime", Name: "timedelta", Static: true, New: newTimedelta, Attrs: map[string]py.Value{
		"resolution": timedelta(1),
	}}
}

func newTimedelta(_ *py.Thread, a py.Args) (py.Value, error) {
	names := []string{"days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"}
	units := []int64{day, second, 1, 1000, minute, hour, 7 * day}
	args, err := py.Bind("timedelta", a, "days?", "seconds?", "microseconds?", "milliseconds?", "minutes?", "hours?", "weeks?")
	if err != nil {
		return nil, err
	}
	total := 0.0
	exact := int64(0)
	for i, v := range args {
		if v == py.Missing {
			continue
		}
		if n, ok := py.AsInt(v); ok {
			if n != 0 && math.Abs(float64(n))*float64(units[i]) > math.MaxInt64/4 {
				return nil, py.Errorf("OverflowError", "days=%d; must have magnitude <= 999999999", n)
			}
			exact += int64(n) * units[i]
			continue
		}
		f, ok := py.AsFloat(v)
		if !ok {
			return nil, py.TypeError("unsupported type for timedelta %s component: %s", names[i], py.TypeOf(v).Name)
		}
		total += f * float64(units[i])
	}
	if math.IsNaN(total) || math.Abs(total) > math.MaxInt64/4 {
		return nil, py.Errorf("OverflowError", "cannot convert float infinity to integer")
	}
	return timedelta(exact + int64(math.RoundToEven(total))), nil
}

// Type is the class of the length.
func (d *Delta) Type() *py.Type { return d.kind }

// Std answers the length as a Go duration.
func (d *Delta) Std() time.Duration { return time.Duration(d.us) * time.Microsecond }

// Str is "1 day, 12:00:00", or a Duration in words.
func (d *Delta) Str(th *py.Thread) (string, error) {
	if d.kind == durationType {
		return d.inWords(" "), nil
	}
	if d.kind == intervalType {
		return d.Repr(th)
	}
	return deltaText(d.us), nil
}

func deltaText(us int64) string {
	days, rest := floorDiv(us, day)
	s := fmt.Sprintf("%d:%02d:%02d", rest/hour, rest/minute%60, rest/second%60)
	if f := rest % second; f != 0 {
		s += fmt.Sprintf(".%06d", f)
	}
	if days != 0 {
		s = fmt.Sprintf("%d day%s, %s", days, pluralS(days), s)
	}
	return s
}

func pluralS(n int64) string {
	if n == 1 || n == -1 {
		return ""
	}
	return "s"
}

func floorDiv(a, b int64) (q, m int64) {
	q, m = a/b, a%b
	if m < 0 {
		q, m = q-1, m+b
	}
	return q, m
}

func reprDelta(us int64) string {
	days, rest := floorDiv(us, day)
	var parts []string
	for _, p := range []struct {
		name string
		n    int64
	}{{"days", days}, {"seconds", rest / second}, {"microseconds", rest % second}} {
		if p.n != 0 {
			parts = append(parts, p.name+"="+strconv.FormatInt(p.n, 10))
		}
	}
	if len(parts) == 0 {
		parts = []string{"0"}
	}
	return "datetime.timedelta(" + strings.Join(parts, ", ") + ")"
}

// Repr is datetime.timedelta(days=1), Duration(days=1) or <Interval [a -> b]>.
func (d *Delta) Repr(th *py.Thread) (string, error) {
	switch d.kind {
	case intervalType:
		a, err := d.start.endText(th, d.dates)
		if err != nil {
			return "", err
		}
		b, err := d.end.endText(th, d.dates)
		return "<Interval [" + a + " -> " + b + "]>", err
	case durationType:
		p := d.parts()
		var parts []string
		for _, x := range []struct {
			name string
			n    int64
		}{
			{"years", p.years}, {"months", p.months}, {"weeks", p.weeks}, {"days", p.days},
			{"hours", p.hours}, {"minutes", p.minutes}, {"seconds", p.seconds}, {"microseconds", p.us},
		} {
			if x.n != 0 {
				parts = append(parts, x.name+"="+strconv.FormatInt(x.n, 10))
			}
		}
		return "Duration(" + strings.Join(parts, ", ") + ")", nil
	}
	return reprDelta(d.us), nil
}

// parts are a length in calendar units; all have its sign.
type parts struct{ years, months, weeks, days, hours, minutes, seconds, us int64 }

func (d *Delta) parts() parts {
	if d.kind == intervalType {
		return preciseDiff(d.start, d.end).parts
	}
	sign, us := int64(1), d.us
	if us < 0 {
		sign, us = -1, -us
	}
	days := us / day
	return parts{
		int64(d.years), int64(d.months), sign * (days / 7), sign * (days % 7),
		sign * (us / hour % 24), sign * (us / minute % 60), sign * (us / second % 60), sign * (us % second),
	}
}

func (p parts) words() [][2]string {
	var out [][2]string
	for _, x := range []struct {
		n    int64
		name string
	}{{p.years, "year"}, {p.months, "month"}, {p.weeks, "week"}, {p.days, "day"}, {p.hours, "hour"}, {p.minutes, "minute"}, {p.seconds, "second"}} {
		if x.n != 0 {
			out = append(out, [2]string{strconv.FormatInt(x.n, 10), x.name + pluralS(x.n)})
		}
	}
	return out
}

func (d *Delta) inWords(sep string) string {
	p := d.parts()
	var out []string
	for _, w := range p.words() {
		out = append(out, w[0]+" "+w[1])
	}
	if len(out) == 0 {
		if p.us != 0 {
			return strconv.FormatFloat(math.Abs(float64(p.us))/1e6, 'f', 2, 64) + " seconds"
		}
		return "0 microseconds"
	}
	return strings.Join(out, sep)
}

// Truth is false for nothing.
func (d *Delta) Truth(*py.Thread) (bool, error) { return d.us != 0, nil }

// Hash is equal for equal lengths.
func (d *Delta) Hash() (any, error) { return deltaHash(d.us), nil }

type deltaHash int64

// Compare orders lengths.
func (d *Delta) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	o, ok := other.(*Delta)
	if !ok {
		return nil, false, nil
	}
	c := 0
	if d.us < o.us {
		c = -1
	} else if d.us > o.us {
		c = 1
	}
	return py.Ordered(op, c), true, nil
}

// same makes a length of the kind that arithmetic with d gives.
func (d *Delta) same(us int64) *Delta {
	if d.kind == deltaType {
		return timedelta(us)
	}
	return &Delta{us: us, kind: durationType}
}

// Binary adds, subtracts, multiplies and divides.
func (d *Delta) Binary(_ *py.Thread, op string, other py.Value, reflected bool) (py.Value, bool, error) {
	if o, ok := other.(*Delta); ok {
		a, b := d, o
		if reflected {
			a, b = o, d
		}
		if a.kind != deltaType && b.kind == deltaType && (op == "/" || op == "//") {
			return nil, true, py.Errorf("AttributeError", "'datetime.timedelta' object has no attribute '_to_microseconds'")
		}
		kind := a
		if a.kind == deltaType && op != "-" {
			kind = b
		}
		return kind.withDelta(op, a.us, b.us)
	}
	if !py.IsNumber(other) {
		return nil, false, nil
	}
	switch {
	case op == "*":
		if n, ok := py.AsInt(other); ok {
			if n != 0 && math.Abs(float64(d.us))*math.Abs(float64(n)) > math.MaxInt64/4 {
				return nil, true, py.Errorf("OverflowError", "days=%d; must have magnitude <= 999999999", d.us/day*int64(n))
			}
			return d.same(d.us * int64(n)), true, nil
		}
		f, _ := py.AsFloat(other)
		if product := float64(d.us) * f; !(math.Abs(product) < maxDelta) {
			return nil, true, py.Errorf("OverflowError", "Python int too large to convert to C int")
		}
		return d.same(int64(math.RoundToEven(float64(d.us) * f))), true, nil
	case (op == "/" || op == "//") && !reflected:
		f, _ := py.AsFloat(other)
		if f == 0 {
			return nil, true, py.Errorf("ZeroDivisionError", "integer division or modulo by zero")
		}
		if _, isFloat := other.(float64); isFloat && op == "//" {
			return nil, false, nil
		}
		if op == "//" {
			return d.same(int64(math.Floor(float64(d.us) / f))), true, nil
		}
		return d.same(int64(math.RoundToEven(float64(d.us) / f))), true, nil
	}
	return nil, false, nil
}

func (d *Delta) withDelta(op string, a, b int64) (py.Value, bool, error) {
	switch op {
	case "+":
		return d.same(a + b), true, nil
	case "-":
		return d.same(a - b), true, nil
	case "/", "//", "%":
		if b == 0 {
			return nil, true, py.Errorf("ZeroDivisionError", "integer division or modulo by zero")
		}
		q := int64(math.Floor(float64(a) / float64(b)))
		switch op {
		case "/":
			return float64(a) / float64(b), true, nil
		case "//":
			return int(q), true, nil
		}
		return d.same(a - q*b), true, nil
	}
	return nil, false, nil
}

// Unary negates.
func (d *Delta) Unary(_ *py.Thread, op string) (py.Value, bool, error) {
	switch {
	case op == "+":
		return d, true, nil
	case op == "abs" && d.us >= 0:
		return d, true, nil
	case d.kind == intervalType:
		return &Delta{us: -d.us, kind: d.kind, start: d.end, end: d.start, dates: d.dates}, true, nil
	}
	return d.same(-d.us), true, nil
}
