package pytime

import (
	"math"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// AsPendulum is pendulum.instance: the same moment as a pendulum DateTime; a naive one is taken to be UTC.
func (d *DateTime) AsPendulum() *DateTime {
	z := d.zone
	if z == nil || z == stdUTC {
		z = UTC
	}
	return &DateTime{t: d.t, zone: z, kind: pendulumType, clock: d.clock}
}

func fn(name string, native bool, do func(th *py.Thread, a []py.Value) (py.Value, error), params ...string) *py.Func {
	return &py.Func{Name: name, Native: native, Fn: func(th *py.Thread, a py.Args) (py.Value, error) {
		args, err := py.Bind(name, a, params...)
		if err != nil {
			return nil, err
		}
		return do(th, args)
	}}
}

// TimeModule are the functions of the module time that a template may call. Local time is UTC.
func (c *Clock) TimeModule() map[string]py.Value {
	return map[string]py.Value{
		"time": fn("time", true, func(*py.Thread, []py.Value) (py.Value, error) {
			now, err := c.now()
			return float64(now.UnixMicro()) / 1e6, err
		}),
		"time_ns": fn("time_ns", true, func(*py.Thread, []py.Value) (py.Value, error) {
			now, err := c.now()
			return int(now.UnixNano()), err
		}),
		"gmtime":    fn("gmtime", true, c.structTime, "seconds?"),
		"localtime": fn("localtime", true, c.structTime, "seconds?"),
		"strftime": fn("strftime", true, func(th *py.Thread, a []py.Value) (py.Value, error) {
			format, ok := py.IsString(a[0])
			if !ok {
				return nil, py.TypeError("strftime() argument 1 must be str, not %s", py.TypeOf(a[0]).Name)
			}
			t := py.Or(a[1], nil)
			if t == nil {
				now, err := c.structTime(th, []py.Value{nil})
				if err != nil {
					return nil, err
				}
				t = now
			}
			s, ok := t.(*StructTime)
			if !ok {
				return nil, py.TypeError("Tuple or struct_time argument required")
			}
			return (&DateTime{t: s.t, zone: stdUTC, kind: datetimeType, clock: c}).strftime(format)
		}, "format", "t?"),
		"strptime": fn("strptime", true, func(_ *py.Thread, a []py.Value) (py.Value, error) {
			s, ok1 := py.IsString(a[0])
			format, ok2 := py.IsString(py.Or(a[1], "%a %b %d %H:%M:%S %Y"))
			if !ok1 || !ok2 {
				return nil, py.TypeError("strptime() arguments must be str")
			}
			d, err := c.Strptime(s, format)
			if err != nil {
				return nil, err
			}
			return &StructTime{t: d.t, dst: -1}, nil
		}, "data_string", "format?"),
	}
}

func (c *Clock) structTime(_ *py.Thread, a []py.Value) (py.Value, error) {
	v := py.Or(a[0], nil)
	if v == nil {
		now, err := c.now()
		return &StructTime{t: now.UTC()}, err
	}
	f, ok := py.AsFloat(v)
	if !ok {
		return nil, py.TypeError("'%s' object cannot be interpreted as an integer", py.TypeOf(v).Name)
	}
	if math.IsNaN(f) || f > 253402300799 || f < -62135596800 {
		return nil, py.ValueError("year is out of range")
	}
	return &StructTime{t: time.Unix(int64(math.Floor(f)), 0).UTC()}, nil
}

// DateutilZones are the names of dateutil.tz that a template may use.
func (c *Clock) DateutilZones() map[string]py.Value {
	utc := &Zone{loc: time.UTC, name: "UTC", kind: dateutilUTC}
	return map[string]py.Value{
		"UTC": utc,
		"tzutc": &py.Type{Module: dateutilUTC.Module, Name: dateutilUTC.Name, New: func(_ *py.Thread, a py.Args) (py.Value, error) {
			_, err := py.Bind("tzutc", a)
			return utc, err
		}},
		"tzoffset": &py.Type{Module: dateutilOff.Module, Name: dateutilOff.Name, New: func(_ *py.Thread, a py.Args) (py.Value, error) {
			args, err := py.Bind("tzoffset", a, "name", "offset")
			if err != nil {
				return nil, err
			}
			seconds, ok := py.AsInt(args[1])
			if d, isDelta := args[1].(*Delta); isDelta {
				seconds, ok = int(d.Std()/time.Second), true
			}
			if !ok || seconds <= -86400 || seconds >= 86400 {
				return nil, py.ValueError("offset must be a timedelta or a number of seconds, less than a day")
			}
			z := offsetZone(seconds, dateutilOff)
			z.given, _ = py.IsString(args[0])
			return z, nil
		}},
		"gettz": fn("gettz", false, func(_ *py.Thread, a []py.Value) (py.Value, error) {
			name, ok := py.IsString(a[0])
			if !ok {
				return nil, py.TypeError("gettz() needs a name, not %s", py.TypeOf(a[0]).Name)
			}
			if name == "UTC" {
				return utc, nil
			}
			z, err := c.LoadZone(name)
			if err != nil {
				return nil, nil // as dateutil: an unknown zone is None
			}
			return &Zone{loc: z.loc, name: z.name, kind: dateutilFile}, nil
		}, "name"),
	}
}
