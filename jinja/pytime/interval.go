package pytime

import (
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// span is how far b is from a in the units of the calendar, and in days as dates count them.
type span struct {
	parts
	days int64
}

// preciseDiff is pendulum's algorithm: the clock on the wall, unless the zones differ or the day is the same.
// What is missing to a month is counted in days of the month before the later date's.
func preciseDiff(a, b *DateTime) span {
	sign := int64(1)
	if b.t.Before(a.t) {
		sign, a, b = -1, b, a
	}
	x, y := wall(a.t), wall(b.t)
	total := dayNumber(y) - dayNumber(x)
	same := a.zone != nil && b.zone != nil && a.zone.name == b.zone.name
	if a.zone != nil && b.zone != nil && (!same || total == 0) {
		x, y = wall(a.t.UTC()), wall(b.t.UTC())
	}
	clock := y.Sub(midnight(y)) - x.Sub(midnight(x))
	days := int64(y.Day() - x.Day())
	if clock < 0 {
		clock += 24 * time.Hour
		days--
	}
	months := int64(y.Year()-x.Year())*12 + int64(y.Month()-x.Month())
	if days < 0 {
		last, this := int64(daysIn(y.Year(), y.Month()-1)), int64(daysIn(y.Year(), y.Month()))
		switch {
		case days < this-last && last < int64(x.Day()):
			days += int64(x.Day())
		case days == this-last:
			days = 0
			months++
		default:
			days += last
		}
		months--
	}
	us := clock.Microseconds()
	return span{parts{
		sign * (months / 12), sign * (months % 12), sign * (days / 7), sign * (days % 7),
		sign * (us / hour), sign * (us / minute % 60), sign * (us / second % 60), sign * (us % second),
	}, sign * total}
}

func dayNumber(t time.Time) int64 { return midnight(t).Unix() / 86400 }

// Iter walks the days of an interval.
func (d *Delta) Iter(*py.Thread) (py.Iterator, error) {
	if d.kind != intervalType {
		return nil, py.TypeError("'%s' object is not iterable", d.className())
	}
	return d.steps("days", 1), nil
}

// Contains says that a moment lies within an interval, ends included.
func (d *Delta) Contains(th *py.Thread, v py.Value) (bool, error) {
	if d.kind != intervalType {
		return false, py.TypeError("argument of type '%s' is not iterable", d.className())
	}
	for i, end := range []*DateTime{d.start, d.end} {
		ok, err := py.Compare(th, []string{"<=", ">="}[i], end.asEnd(d.dates), v)
		if in, isBool := ok.(bool); err != nil || isBool && !in {
			return false, err
		}
	}
	return true, nil
}

func (d *Delta) className() string {
	if d.kind.Static {
		return d.kind.QualName()
	}
	return d.kind.Name
}

// walk is interval.range: from the start to the end, by so many units.
func (d *Delta) walk(_ *py.Thread, a []py.Value) (py.Value, error) {
	unit, _ := py.IsString(a[0])
	by, ok := py.AsInt(py.Or(a[1], 1))
	if !slices.Contains(stepUnits, unit) || !ok || by < 1 {
		return nil, py.ValueError("range() takes one of the units %s and a whole number above 0", strings.Join(stepUnits, ", "))
	}
	return py.NewGenerator("Interval.range", d.steps(unit, by)), nil
}

var stepUnits = []string{"years", "months", "weeks", "days", "hours", "minutes", "seconds", "microseconds"}

func (d *Delta) steps(unit string, by int) py.Iterator {
	sign := int64(1)
	if d.us < 0 {
		sign = -1
	}
	n := int64(0)
	return func() (py.Value, bool, error) {
		var p parts
		*[]*int64{&p.years, &p.months, &p.weeks, &p.days, &p.hours, &p.minutes, &p.seconds, &p.us}[slices.Index(stepUnits, unit)] = n
		v, err := d.start.shift(p, int(sign))
		at, ok := v.(*DateTime)
		if err != nil || !ok || sign*int64(d.end.t.Compare(at.t)) < 0 {
			return nil, false, err
		}
		n += int64(by)
		return at.asEnd(d.dates), true, nil
	}
}
