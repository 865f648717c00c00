package pytime

import (
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// WeekDay is pendulum's WeekDay: a whole number with a name.
type WeekDay int

var weekDayType = &py.Type{Module: "pendulum.day", Name: "WeekDay"}

// Type is pendulum.day.WeekDay.
func (WeekDay) Type() *py.Type { return weekDayType }

// Int is 0 for Monday.
func (w WeekDay) Int() int { return int(w) }

// Str is the number.
func (w WeekDay) Str(*py.Thread) (string, error) { return itoa(int(w)), nil }

// Repr is <WeekDay.MONDAY: 0>.
func (w WeekDay) Repr(*py.Thread) (string, error) {
	return "<WeekDay." + strings.ToUpper(weekdayName(int(w))) + ": " + itoa(int(w)) + ">", nil
}

// Hash is that of the number.
func (w WeekDay) Hash() (any, error) { return int(w), nil }

// Attr answers name and value.
func (w WeekDay) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "name":
		return strings.ToUpper(weekdayName(int(w))), true, nil
	case "value":
		return int(w), true, nil
	}
	return nil, false, nil
}

func weekdayName(n int) string { return time.Weekday((n + 1) % 7).String() }

func (d *DateTime) weekday() int { return (int(d.t.Weekday()) + 6) % 7 }
