package pytime

import (
	"strings"
	"time"

	"github.com/updraft-dev/updraft/jinja/py"
)

// Clock gives this package the time and time zones. Values made by a Clock refer to it.
type Clock struct {
	// Now is the time; without it whatever needs it is an error.
	Now func() time.Time
	// LoadLocation finds a time zone; nil means time.LoadLocation.
	LoadLocation func(name string) (*time.Location, error)
}

func (c *Clock) now() (time.Time, error) {
	if c == nil || c.Now == nil {
		return time.Time{}, py.Errorf("RuntimeError", "the current time is not available to this template")
	}
	return c.Now(), nil
}

// Zone is a tzinfo.
type Zone struct {
	loc  *time.Location
	name string
	kind *py.Type
	// given is the name that a tzoffset was made with.
	given string
}

var (
	pendulumZone = &py.Type{Module: "pendulum.tz.timezone", Name: "Timezone"}
	fixedZone    = &py.Type{Module: "datetime", Name: "timezone", Static: true}
	dateutilUTC  = &py.Type{Module: "dateutil.tz.tz", Name: "tzutc"}
	dateutilOff  = &py.Type{Module: "dateutil.tz.tz", Name: "tzoffset"}
	dateutilFile = &py.Type{Module: "dateutil.tz.tz", Name: "tzfile"}
)

// UTC is pendulum's UTC.
var UTC = &Zone{loc: time.UTC, name: "UTC", kind: pendulumZone}

var stdUTC = &Zone{loc: time.UTC, name: "UTC", kind: fixedZone}

// LoadZone finds a time zone by its IANA name.
func (c *Clock) LoadZone(name string) (*Zone, error) {
	if strings.EqualFold(name, "UTC") {
		return UTC, nil
	}
	load := time.LoadLocation
	if c != nil && c.LoadLocation != nil {
		load = c.LoadLocation
	}
	if name == "" || name == "Local" || name == "local" {
		return nil, py.Errorf("pendulum.tz.exceptions.InvalidTimezone", "%s", name)
	}
	loc, err := load(name)
	if err != nil {
		return nil, py.Errorf("pendulum.tz.exceptions.InvalidTimezone", "%s", name)
	}
	return &Zone{loc: loc, name: name, kind: pendulumZone}, nil
}

// offsetZone is a datetime.timezone of so many seconds.
func offsetZone(seconds int, kind *py.Type) *Zone {
	if seconds == 0 && kind == fixedZone {
		return stdUTC
	}
	name := offsetText(seconds, ":")
	if kind == fixedZone {
		name = "UTC" + name
	}
	return &Zone{loc: time.FixedZone(name, seconds), name: name, kind: kind}
}

// offsetText is +09:00, with seconds when there are any.
func offsetText(seconds int, sep string) string {
	sign := "+"
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	s := sign + two(seconds/3600) + sep + two(seconds/60%60)
	if seconds%60 != 0 {
		s += sep + two(seconds%60)
	}
	return s
}

func two(n int) string { return padInt(n, 2) }

// Type is the class of the tzinfo.
func (z *Zone) Type() *py.Type { return z.kind }

// Str is the zone's name, or what dateutil prints.
func (z *Zone) Str(th *py.Thread) (string, error) {
	if z.kind.Module == dateutilUTC.Module {
		return z.Repr(th)
	}
	return z.name, nil
}

// Repr is Timezone('UTC').
func (z *Zone) Repr(*py.Thread) (string, error) {
	switch z.kind {
	case dateutilUTC:
		return "tzutc()", nil
	case dateutilFile:
		return "tzfile('/usr/share/zoneinfo/" + z.name + "')", nil
	case fixedZone, dateutilOff:
		if z == stdUTC {
			return "datetime.timezone.utc", nil
		}
		_, off := time.Unix(0, 0).In(z.loc).Zone()
		if z.kind == dateutilOff {
			name := "None"
			if z.given != "" {
				name = reprText(z.given)
			}
			return "tzoffset(" + name + ", " + itoa(off) + ")", nil
		}
		return "datetime.timezone(" + reprDelta(int64(off)*1e6) + ")", nil
	}
	return "Timezone('" + z.name + "')", nil
}

// Attr answers name, key, utcoffset, tzname.
func (z *Zone) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	at := func(fn func(d *DateTime) py.Value) (py.Value, bool, error) {
		return &py.Func{Name: name, Owner: z, Fn: func(_ *py.Thread, a py.Args) (py.Value, error) {
			args, err := py.Bind(name, a, "dt?")
			if err != nil {
				return nil, err
			}
			d, ok := args[0].(*DateTime)
			if !ok {
				d = &DateTime{t: time.Unix(0, 0)}
			}
			local := time.Date(d.t.Year(), d.t.Month(), d.t.Day(), d.t.Hour(), d.t.Minute(), d.t.Second(), d.t.Nanosecond(), z.loc)
			return fn(&DateTime{t: local, zone: z}), nil
		}}, true, nil
	}
	switch name {
	case "name", "key":
		if z.kind == pendulumZone {
			return z.name, true, nil
		}
	case "utcoffset":
		return at(func(d *DateTime) py.Value { return NewDelta(time.Duration(d.offset()) * time.Second) })
	case "tzname":
		return at(func(d *DateTime) py.Value { return d.zoneName() })
	case "dst":
		return at(func(d *DateTime) py.Value { return d.dst() })
	}
	return nil, false, nil
}

// Compare knows == and !=.
func (z *Zone) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	o, ok := other.(*Zone)
	if !ok || op != "==" && op != "!=" {
		return nil, false, nil
	}
	return (z.name == o.name) == (op == "=="), true, nil
}
