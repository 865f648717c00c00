package pytime

import (
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

// Attr answers days, seconds and microseconds as Python splits them, and pendulum's properties.
func (d *Delta) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	if name == "total_seconds" {
		return d.method(name, func() py.Value { return float64(d.us) / 1e6 })
	}
	if d.kind == deltaType {
		days, rest := floorDiv(d.us, day)
		switch name {
		case "days":
			return int(days), true, nil
		case "seconds":
			return int(rest / second), true, nil
		case "microseconds":
			return int(rest % second), true, nil
		}
		return nil, false, nil
	}
	return d.pendulumAttr(name)
}

func (d *Delta) method(name string, fn func() py.Value) (py.Value, bool, error) {
	return &py.Func{Name: name, Owner: d, Native: d.kind == deltaType, Fn: func(_ *py.Thread, a py.Args) (py.Value, error) {
		_, err := py.Bind(name, a)
		return fn(), err
	}}, true, nil
}

func (d *Delta) pendulumAttr(name string) (py.Value, bool, error) { //nolint:funlen // a case a name
	p := d.parts()
	total := func(unit int64) func() py.Value { return func() py.Value { return float64(d.us) / float64(unit) } }
	whole := func(unit int64) func() py.Value { return func() py.Value { return int(d.us / unit) } }
	switch name {
	case "years":
		return int(p.years), true, nil
	case "months":
		return int(p.months), true, nil
	case "weeks":
		return int(p.weeks), true, nil
	case "days":
		return int(d.us / day), true, nil
	case "hours":
		return int(p.hours), true, nil
	case "minutes":
		return int(p.minutes), true, nil
	case "seconds":
		return int(d.us % day / second), true, nil
	case "microseconds":
		return int(p.us), true, nil
	case "remaining_days":
		return int(p.days), true, nil
	case "remaining_seconds":
		return int(p.seconds), true, nil
	case "invert":
		return d.us < 0, true, nil
	case "total_minutes":
		return d.method(name, total(minute))
	case "total_hours":
		return d.method(name, total(hour))
	case "total_days":
		return d.method(name, total(day))
	case "total_weeks":
		return d.method(name, total(7*day))
	case "in_seconds":
		return d.method(name, whole(second))
	case "in_minutes":
		return d.method(name, whole(minute))
	case "in_hours":
		return d.method(name, whole(hour))
	case "in_days", "in_weeks":
		if d.kind == intervalType {
			return d.intervalAttr(name, p)
		}
		if name == "in_weeks" {
			return d.method(name, whole(7*day))
		}
		return d.method(name, whole(day))
	case "as_timedelta":
		return d.method(name, func() py.Value { return timedelta(d.us) })
	case "in_words":
		return &py.Func{Name: name, Owner: d, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
			args, err := py.Bind(name, a, "locale?", "separator?")
			if err != nil {
				return nil, err
			}
			if err := onlyEnglish(py.Or(args[0], nil)); err != nil {
				return nil, err
			}
			sep, _ := py.IsString(py.Or(args[1], " "))
			return d.inWords(sep), nil
		}}, true, nil
	}
	if d.kind != intervalType {
		return nil, false, nil
	}
	return d.intervalAttr(name, p)
}

func (d *Delta) intervalAttr(name string, p parts) (py.Value, bool, error) {
	switch name {
	case "start":
		return d.start.asEnd(d.dates), true, nil
	case "end":
		return d.end.asEnd(d.dates), true, nil
	case "in_years":
		return d.method(name, func() py.Value { return int(p.years) })
	case "in_months":
		return d.method(name, func() py.Value { return int(p.years*12 + p.months) })
	case "in_days":
		return d.method(name, func() py.Value { return int(preciseDiff(d.start, d.end).days) })
	case "in_weeks":
		return d.method(name, func() py.Value { return int(preciseDiff(d.start, d.end).days / 7) })
	case "range":
		return &py.Func{Name: name, Owner: d, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
			args, err := py.Bind("Interval.range", a, "unit", "amount?")
			if err != nil {
				return nil, err
			}
			return d.walk(th, args)
		}}, true, nil
	case "as_duration":
		return d.method(name, func() py.Value { return &Delta{us: d.us, kind: durationType} })
	}
	return nil, false, nil
}

func onlyEnglish(locale py.Value) error {
	s, ok := py.IsString(locale)
	if locale == nil || ok && (s == "en" || strings.HasPrefix(s, "en_") || strings.HasPrefix(s, "en-")) {
		return nil
	}
	return py.ValueError("pendulum's locale %q is not supported here; only English is", s)
}
