package pytime

import (
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// Relative is dateutil's relativedelta.
type Relative struct {
	by  [8]int // years months days hours minutes seconds microseconds leapdays
	set [7]int // absolute values of year month day hour minute second microsecond; -1 when not given
	// weekday is 0 for Monday, -1 when not given; nth counts from the date.
	weekday, nth int
}

var relativeType = &py.Type{Module: "dateutil.relativedelta", Name: "relativedelta"}

var relativeNames = []string{"years", "months", "days", "hours", "minutes", "seconds", "microseconds", "leapdays"}
var absoluteNames = []string{"year", "month", "day", "hour", "minute", "second", "microsecond"}

// RelativeClass is the class relativedelta, which can be called.
func RelativeClass() *py.Type {
	return &py.Type{Module: "dateutil.relativedelta", Name: "relativedelta", New: newRelative}
}

func newRelative(_ *py.Thread, a py.Args) (py.Value, error) {
	args, err := py.Bind("relativedelta.__init__", a, "dt1?", "dt2?", "years?", "months?", "days?", "leapdays?", "weeks?", "hours?", "minutes?", "seconds?",
		"microseconds?", "year?", "month?", "day?", "weekday?", "yearday?", "nlyearday?", "hour?", "minute?", "second?", "microsecond?")
	if err != nil {
		return nil, err
	}
	r := &Relative{set: [7]int{-1, -1, -1, -1, -1, -1, -1}, weekday: -1, nth: 1}
	if a, ok := py.Or(args[0], nil).(*DateTime); ok {
		b, ok := py.Or(args[1], nil).(*DateTime)
		if !ok {
			return nil, py.TypeError("relativedelta only diffs datetime/date")
		}
		p := between(b, a)
		r.by = [8]int{int(p.years), int(p.months), int(p.weeks*7 + p.days), int(p.hours), int(p.minutes), int(p.seconds), int(p.us)}
		return r, nil
	}
	to := []*int{&r.by[0], &r.by[1], &r.by[2], &r.by[7], nil, &r.by[3], &r.by[4], &r.by[5], &r.by[6], &r.set[0], &r.set[1], &r.set[2], nil, nil, nil, &r.set[3], &r.set[4], &r.set[5], &r.set[6]}
	for i, p := range to {
		v := py.Or(args[i+2], nil)
		if v == nil {
			continue
		}
		switch i {
		case 4:
			n, err := py.AsIndex(v)
			if err != nil {
				return nil, err
			}
			r.by[2] += 7 * n
		case 12:
			w, ok := v.(*relativeDay)
			if !ok {
				n, err := py.AsIndex(v)
				if err != nil {
					return nil, err
				}
				w = &relativeDay{n, 1}
			}
			r.weekday, r.nth = w.day, w.nth
		case 13, 14:
			return nil, py.ValueError("relativedelta's yearday is not supported here")
		default:
			n, err := py.AsIndex(v)
			if err != nil {
				f, ok := v.(float64)
				if !ok || f != float64(int(f)) {
					return nil, py.ValueError("Non-integer years and months are ambiguous and not currently supported.")
				}
				n = int(f)
			}
			*p = n
			if i == 2 {
				r.by[2] = n
			}
		}
	}
	r.normalize()
	return r, nil
}

// normalize carries over: 90 minutes are one hour and 30 minutes.
func (r *Relative) normalize() {
	carry := func(from, to, base int) {
		if n := r.by[from]; n > base-1 || n < -(base-1) {
			r.by[to] += n / base
			r.by[from] = n % base
		}
	}
	carry(6, 5, 1000000)
	carry(5, 4, 60)
	carry(4, 3, 60)
	carry(3, 2, 24)
	carry(1, 0, 12)
}

// Type is dateutil.relativedelta.relativedelta.
func (r *Relative) Type() *py.Type { return relativeType }

// Repr is relativedelta(months=+1).
func (r *Relative) Repr(*py.Thread) (string, error) {
	var out []string
	for i, n := range relativeNames {
		if v := r.by[i]; v != 0 {
			sign := ""
			if v > 0 {
				sign = "+"
			}
			out = append(out, n+"="+sign+itoa(v))
		}
	}
	for i, n := range absoluteNames {
		if r.set[i] >= 0 {
			out = append(out, n+"="+itoa(r.set[i]))
		}
	}
	if r.weekday >= 0 {
		out = append(out, "weekday="+(&relativeDay{r.weekday, r.nth}).text())
	}
	return "relativedelta(" + strings.Join(out, ", ") + ")", nil
}

// Truth is false when it changes nothing.
func (r *Relative) Truth(*py.Thread) (bool, error) {
	return *r != Relative{set: [7]int{-1, -1, -1, -1, -1, -1, -1}, weekday: -1, nth: 1}, nil
}

// Attr answers years, months and so on.
func (r *Relative) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	for i, n := range relativeNames {
		if n == name {
			return r.by[i], true, nil
		}
	}
	for i, n := range absoluteNames {
		if n == name {
			if r.set[i] < 0 {
				return nil, true, nil
			}
			return r.set[i], true, nil
		}
	}
	if name == "weeks" {
		return r.by[2] / 7, true, nil
	}
	return nil, false, nil
}

// Compare knows == and !=.
func (r *Relative) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	o, ok := other.(*Relative)
	if op != "==" && op != "!=" {
		return nil, false, nil
	}
	if !ok { // dateutil negates "not implemented", so that both are false
		return false, true, nil
	}
	return (*r == *o) == (op == "=="), true, nil
}

// Unary negates.
func (r *Relative) Unary(_ *py.Thread, op string) (py.Value, bool, error) {
	if op != "-" {
		return r, true, nil
	}
	c := *r
	for i := range c.by {
		c.by[i] = -c.by[i]
	}
	return &c, true, nil
}

// Binary moves dates, adds and multiplies.
func (r *Relative) Binary(_ *py.Thread, op string, other py.Value, reflected bool) (py.Value, bool, error) {
	sign := 1
	if op == "-" {
		sign = -1
	}
	switch o := other.(type) {
	case *DateTime:
		if op == "+" || op == "-" && reflected {
			v, err := o.relative(r, sign)
			return v, true, err
		}
	case *Date:
		if op == "+" || op == "-" && reflected {
			v, err := o.moment().relative(r, sign)
			if d, ok := v.(*DateTime); ok && err == nil {
				return o.with(d.t), true, nil
			}
			return v, true, err
		}
	case *Delta:
		if op == "+" || op == "-" && reflected {
			c := *r
			days, rest := floorDiv(o.us, day)
			for i, n := range []int64{2: days, 5: rest / second, 6: rest % second} {
				c.by[i] = sign*c.by[i] + int(n)
			}
			c.normalize()
			return &c, true, nil
		}
	case *Relative:
		if op == "+" || op == "-" {
			c := *r
			for i := range c.by {
				c.by[i] += sign * o.by[i]
			}
			c.normalize()
			return &c, true, nil
		}
	}
	if n, ok := py.AsInt(other); ok && op == "*" {
		c := *r
		for i := range c.by {
			c.by[i] *= n
		}
		c.normalize()
		return &c, true, nil
	}
	return nil, false, nil
}

// relative moves by a relativedelta: absolute values first, then months, then the rest.
func (d *DateTime) relative(r *Relative, sign int) (py.Value, error) {
	n := partsOf(d.t)
	for i, v := range r.set {
		if v >= 0 {
			n[i] = v
		}
	}
	m := n[0]*12 + n[1] - 1 + sign*(r.by[0]*12+r.by[1])
	n[0], n[1] = m/12, m%12+1
	if n[0] < 1 || n[0] > 9999 {
		return nil, py.ValueError("year %d is out of range", n[0])
	}
	n[2] = min(n[2], daysIn(n[0], time.Month(n[1])))
	if n[2] < 1 {
		return nil, py.ValueError("day is out of range for month")
	}
	w := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*1000, time.UTC)
	us := int64(sign) * (int64(r.by[3])*hour + int64(r.by[4])*minute + int64(r.by[5])*second + int64(r.by[6]))
	if r.by[2] > 1e7 || r.by[2] < -1e7 {
		return nil, py.Errorf("OverflowError", "date value out of range")
	}
	w = w.AddDate(0, 0, sign*r.by[2]).Add(time.Duration(us) * time.Microsecond)
	if r.weekday >= 0 {
		w = toWeekday(w, r.weekday, r.nth)
	}
	return d.checked(d.in(w))
}

func toWeekday(t time.Time, wd, nth int) time.Time {
	cur := (int(t.Weekday()) + 6) % 7
	if nth > 0 {
		return t.AddDate(0, 0, (wd-cur+7)%7+7*(min(nth, 5000)-1))
	}
	return t.AddDate(0, 0, -((cur-wd+7)%7)-7*(min(-nth, 5000)-1))
}

// relativeDay is dateutil's MO to SU, which can be called with a count.
type relativeDay struct{ day, nth int }

func (w *relativeDay) Type() *py.Type {
	return &py.Type{Module: "dateutil._common", Name: "weekday"}
}

func (w *relativeDay) text() string {
	s := []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}[((w.day%7)+7)%7]
	if w.nth == 1 {
		return s
	}
	sign := ""
	if w.nth > 0 {
		sign = "+"
	}
	return s + "(" + sign + itoa(w.nth) + ")"
}

func (w *relativeDay) Repr(*py.Thread) (string, error) { return w.text(), nil }

func (w *relativeDay) Call(_ *py.Thread, a py.Args) (py.Value, error) {
	args, err := py.Bind("weekday", a, "n")
	if err != nil {
		return nil, err
	}
	n, err := py.AsIndex(args[0])
	if err == nil && n == 0 {
		err = py.ValueError("Can't create weekday with n==0")
	}
	return &relativeDay{w.day, n}, err
}

// RelativeDays are the names MO to SU of dateutil.relativedelta.
func RelativeDays() map[string]py.Value {
	out := map[string]py.Value{}
	for i, n := range []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"} {
		out[n] = &relativeDay{i, 1}
	}
	return out
}
