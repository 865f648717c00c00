package pytime

import "github.com/updraft-dev/updraft/jinja/py"

// fn makes a method.
func (d *DateTime) fn(name string, do func(th *py.Thread, a []py.Value) (py.Value, error), params ...string) (py.Value, bool, error) {
	return &py.Func{Name: name, Owner: d, Native: !d.isPendulum(), Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
		args, err := py.Bind(name, a, params...)
		if err != nil {
			return nil, err
		}
		return do(th, args)
	}}, true, nil
}

// give makes a method without arguments.
func (d *DateTime) give(name string, v func() py.Value) (py.Value, bool, error) {
	return d.fn(name, func(*py.Thread, []py.Value) (py.Value, error) { return v(), nil })
}

// Attr answers the attributes and methods of datetime, then those of pendulum.
func (d *DateTime) Attr(th *py.Thread, name string) (py.Value, bool, error) {
	t := d.t
	switch name {
	case "year":
		return t.Year(), true, nil
	case "month":
		return int(t.Month()), true, nil
	case "day":
		return t.Day(), true, nil
	case "hour":
		return t.Hour(), true, nil
	case "minute":
		return t.Minute(), true, nil
	case "second":
		return t.Second(), true, nil
	case "microsecond":
		return t.Nanosecond() / 1000, true, nil
	case "fold":
		return 0, true, nil
	case "tzinfo":
		return zoneValue(d.zone), true, nil
	}
	if v, ok, err := d.datetimeMethod(name); ok || err != nil {
		return v, ok, err
	}
	if d.isPendulum() {
		return d.pendulumAttr(name)
	}
	return nil, false, nil
}

func (d *DateTime) datetimeMethod(name string) (py.Value, bool, error) { //nolint:funlen // a case a name
	t := d.t
	switch name {
	case "date":
		return d.give(name, func() py.Value { return d.date() })
	case "time", "timetz":
		return d.give(name, func() py.Value { return &Time{t: t, pendulum: d.isPendulum()} })
	case "timestamp":
		return d.give(name, func() py.Value { return float64(t.UnixMicro()) / 1e6 })
	case "weekday":
		return d.give(name, func() py.Value { return (int(t.Weekday()) + 6) % 7 })
	case "isoweekday":
		return d.give(name, func() py.Value { return (int(t.Weekday())+6)%7 + 1 })
	case "isocalendar":
		return d.give(name, func() py.Value { return isoCalendar(t) })
	case "toordinal":
		return d.give(name, func() py.Value { return ordinal(t) })
	case "ctime":
		return d.give(name, func() py.Value { return t.Format("Mon Jan _2 15:04:05 2006") })
	case "timetuple":
		return d.give(name, func() py.Value { return &StructTime{t: t, dst: d.dstFlag()} })
	case "utctimetuple":
		return d.give(name, func() py.Value { return &StructTime{t: t.UTC()} })
	case "utcoffset":
		return d.give(name, func() py.Value {
			if d.zone == nil {
				return nil
			}
			return timedelta(int64(d.offset()) * second)
		})
	case "tzname":
		return d.give(name, d.zoneName)
	case "dst":
		return d.give(name, d.dst)
	case "isoformat":
		return d.fn(name, func(_ *py.Thread, a []py.Value) (py.Value, error) {
			sep, _ := py.IsString(py.Or(a[0], "T"))
			spec, _ := py.IsString(py.Or(a[1], "auto"))
			return d.iso(sep, spec), nil
		}, "sep?", "timespec?")
	case "strftime":
		return d.fn(name, func(_ *py.Thread, a []py.Value) (py.Value, error) {
			f, ok := py.IsString(a[0])
			if !ok {
				return nil, py.TypeError("strftime() argument 1 must be str, not %s", py.TypeOf(a[0]).Name)
			}
			return firstString(d.strftime(f))
		}, "format")
	case "replace":
		return d.fn(name, d.replace, "year?", "month?", "day?", "hour?", "minute?", "second?", "microsecond?", "tzinfo?", "*", "fold?")
	case "astimezone":
		return d.fn(name, d.astimezone, "tz?")
	case "strptime", "fromisoformat", "fromtimestamp", "utcfromtimestamp", "combine", "now", "utcnow", "today", "min", "max":
		v, ok := d.clock.DatetimeClass().Attrs[name]
		if d.isPendulum() {
			v = pendulumOf(v)
		}
		return v, ok, nil
	case "resolution":
		return timedelta(1), true, nil
	}
	return nil, false, nil
}

// pendulumOf makes pendulum's of what a class attribute is or answers.
func pendulumOf(v py.Value) py.Value {
	switch v := v.(type) {
	case *DateTime:
		return v.AsPendulum()
	case *py.Func:
		if v.Name == "fromisoformat" {
			return &py.Func{Name: v.Name, Native: true, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
				r, err := v.Fn(th, a)
				if d, ok := r.(*DateTime); ok && err == nil {
					d.kind = pendulumType
				}
				return r, err
			}}
		}
		return &py.Func{Name: v.Name, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
			r, err := v.Fn(th, a)
			if err != nil {
				return nil, err
			}
			return pendulumOf(r), nil
		}}
	}
	return v
}

func (d *DateTime) replace(_ *py.Thread, a []py.Value) (py.Value, error) {
	w, err := fields(a, partsOf(d.t))
	if err != nil {
		return nil, err
	}
	out := d.with(d.t)
	if z := a[7]; z != py.Missing {
		switch z := z.(type) {
		case nil:
			out.zone = nil
		case *Zone:
			out.zone = z
			if d.isPendulum() && z == stdUTC {
				out.zone = UTC
			}
		default:
			return nil, py.TypeError("tzinfo argument must be None or of a tzinfo subclass, not type '%s'", py.TypeOf(z).Name)
		}
	}
	out.t = out.in(w)
	return out, nil
}

func (d *DateTime) astimezone(_ *py.Thread, a []py.Value) (py.Value, error) {
	z, ok := py.Or(a[0], UTC).(*Zone)
	if !ok {
		return nil, py.TypeError("tz argument must be an instance of tzinfo")
	}
	out := d.with(d.t.In(z.loc))
	out.zone = z
	return out, nil
}
