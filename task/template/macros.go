package template

import (
	"fmt"

	"github.com/updraft-dev/updraft/jinja/py"
	"github.com/updraft-dev/updraft/jinja/pytime"
)

// macros is the variable macros.
func (r *Renderer) macros() py.Value {
	o := &object{class: class(contextModule, "MacrosAccessor"), repr: "<MacrosAccessor (dynamic access to macros)>"}
	o.attr = func(_ *py.Thread, name string) (py.Value, bool, error) {
		v := r.macro(name)
		return v, v != nil, nil
	}
	return o
}

// macro answers one macro; nil if there is none.
func (r *Renderer) macro(name string) py.Value {
	switch name {
	case "datetime":
		return r.clock.DatetimeClass()
	case "timedelta":
		return pytime.TimedeltaClass()
	case "dateutil":
		return r.dateutil()
	case "time":
		return library("time", r.clock.TimeModule(), "sleep", "mktime", "ctime", "asctime", "monotonic", "perf_counter", "process_time", "timezone", "tzname", "altzone", "daylight")
	case "json":
		return library("json", jsonModule(), "load", "dump", "JSONEncoder", "JSONDecoder")
	case "uuid":
		return library("uuid", r.uuidModule(), "uuid1", "getnode")
	case "yaml":
		return library("yaml", yamlModule(), "load", "load_all", "full_load", "unsafe_load", "safe_load_all", "dump_all", "safe_dump_all")
	case "random":
		return function("random", func(*py.Thread, []py.Value) (py.Value, error) {
			if r.cfg.Random == nil {
				return nil, fmt.Errorf("macros.random is not available here")
			}
			return float64(r.cfg.Random(1<<53)) / (1 << 53), nil
		})
	case "ds_add":
		return function("ds_add", r.dsAdd, "ds", "days")
	case "ds_format":
		return function("ds_format", func(th *py.Thread, a []py.Value) (py.Value, error) {
			d, err := r.strptime(th, a[0], a[1])
			if err != nil {
				return nil, err
			}
			return ask(th, d, "strftime", a[2])
		}, "ds", "input_format", "output_format")
	case "ds_format_locale":
		return function("ds_format_locale", r.dsFormatLocale, "ds", "input_format", "output_format", "locale?")
	case "datetime_diff_for_humans":
		return function("datetime_diff_for_humans", r.diffForHumans, "dt", "since?")
	}
	return nil
}

// library is a module of which only a part is here: the rest is an error that says so.
func library(name string, names map[string]py.Value, absent ...string) py.Value {
	gone := make(map[string]bool, len(absent))
	for _, n := range absent {
		gone[n] = true
	}
	o := module(name, nil)
	o.attr = func(_ *py.Thread, n string) (py.Value, bool, error) {
		v, ok := names[n]
		if !ok && gone[n] {
			return nil, false, fmt.Errorf("macros.%s.%s is not supported in templates", name, n)
		}
		return v, ok, nil
	}
	return o
}

func (r *Renderer) dateutil() py.Value {
	relative := pytime.RelativeDays()
	relative["relativedelta"] = pytime.RelativeClass()
	parser := map[string]py.Value{
		"parse": function("parse", r.parse, "timestr", "parserinfo?", "*", "dayfirst?", "yearfirst?", "default?", "ignoretz?", "fuzzy?"),
		"isoparse": function("isoparse", func(_ *py.Thread, a []py.Value) (py.Value, error) {
			s, ok := py.IsString(a[0])
			if !ok {
				return nil, py.TypeError("isoparse() needs a str, not %s", py.TypeOf(a[0]).Name)
			}
			return r.clock.ParseAny(s, false, false)
		}, "dt_str"),
	}
	return library("dateutil", map[string]py.Value{
		"parser":        library("dateutil.parser", parser, "parserinfo", "isoparser"),
		"relativedelta": library("dateutil.relativedelta", relative),
		"tz":            library("dateutil.tz", r.clock.DateutilZones(), "tzlocal", "tzfile", "tzrange", "tzstr", "resolve_imaginary"),
	}, "rrule", "easter", "utils")
}

func (r *Renderer) parse(th *py.Thread, a []py.Value) (py.Value, error) {
	s, ok := py.IsString(a[0])
	if !ok {
		return nil, py.TypeError("Parser must be a string or character stream, not %s", py.TypeOf(a[0]).Name)
	}
	for i, name := range []string{1: "parserinfo", 4: "default", 5: "ignoretz", 6: "fuzzy"} {
		if name != "" && py.Or(a[i], nil) != nil {
			return nil, fmt.Errorf("macros.dateutil.parser.parse: %s is not supported in templates", name)
		}
	}
	day, err := py.Truth(th, py.Or(a[2], false))
	if err != nil {
		return nil, err
	}
	year, err := py.Truth(th, py.Or(a[3], false))
	if err != nil {
		return nil, err
	}
	return r.clock.ParseAny(s, day, year)
}

// strptime is datetime.strptime(str(v), format).
func (r *Renderer) strptime(th *py.Thread, v, format py.Value) (*pytime.DateTime, error) {
	s, err := py.Str(th, v)
	if err != nil {
		return nil, err
	}
	f, ok := py.IsString(format)
	if !ok {
		return nil, py.TypeError("strptime() argument 2 must be str, not %s", py.TypeOf(format).Name)
	}
	return r.clock.Strptime(s, f)
}

func (r *Renderer) dsAdd(th *py.Thread, a []py.Value) (py.Value, error) {
	some, err := py.Truth(th, a[1])
	if err != nil {
		return nil, err
	}
	if !some {
		return py.Str(th, a[0])
	}
	d, err := r.strptime(th, a[0], "%Y-%m-%d")
	if err != nil {
		return nil, err
	}
	by, err := py.Call(th, pytime.TimedeltaClass(), py.Args{Kw: []py.KwArg{{Name: "days", Value: a[1]}}})
	if err != nil {
		return nil, err
	}
	sum, err := py.Binary(th, "+", d, by)
	if err != nil {
		return nil, err
	}
	return ask(th, sum, "strftime", "%Y-%m-%d")
}

func (r *Renderer) diffForHumans(th *py.Thread, a []py.Value) (py.Value, error) {
	d, ok := a[0].(*pytime.DateTime)
	if !ok {
		return nil, py.ValueError("instance() only accepts datetime objects.")
	}
	return ask(th, d.AsPendulum(), "diff_for_humans", py.Or(a[1], nil))
}

// jsonModule is the module json.
func jsonModule() map[string]py.Value {
	return map[string]py.Value{
		"loads": function("loads", func(th *py.Thread, a []py.Value) (py.Value, error) {
			s, ok := py.IsString(a[0])
			if !ok {
				return nil, py.TypeError("the JSON object must be str, bytes or bytearray, not %s", py.TypeOf(a[0]).Name)
			}
			return py.LoadJSON(th, s)
		}, "s"),
		"dumps": function("dumps", dumps, "obj", "*", "skipkeys?", "ensure_ascii?", "allow_nan?", "indent?", "separators?", "default?", "sort_keys?"),
	}
}

func dumps(th *py.Thread, a []py.Value) (py.Value, error) {
	var o py.JSONOptions
	for i, p := range []struct {
		to  *bool
		def bool
		not bool
	}{1: {&o.SkipKeys, false, false}, 2: {&o.ASCII, true, false}, 3: {&o.NoNaN, true, true}, 7: {&o.SortKeys, false, false}} {
		if p.to == nil {
			continue
		}
		b, err := py.Truth(th, py.Or(a[i], p.def))
		if err != nil {
			return nil, err
		}
		*p.to = b != p.not
	}
	if v := py.Or(a[4], nil); v != nil {
		o.Pretty = true
		if n, ok := py.AsInt(v); ok {
			indent, err := py.Pad(th, "", n, " ", '<')
			if err != nil {
				return nil, err
			}
			o.Indent = indent
		} else if o.Indent, ok = py.IsString(v); !ok {
			return nil, py.TypeError("indent must be None, an integer or a string, not %s", py.TypeOf(v).Name)
		}
	}
	if v := py.Or(a[5], nil); v != nil {
		pair, err := py.Collect(th, v)
		if err != nil {
			return nil, err
		}
		if len(pair) != 2 {
			return nil, py.ValueError("not enough values to unpack (expected 2, got %d)", len(pair))
		}
		o.ItemSep, _ = py.IsString(pair[0])
		o.KeySep, _ = py.IsString(pair[1])
		if o.ItemSep == "" || o.KeySep == "" {
			return nil, fmt.Errorf("macros.json.dumps: separators must be two texts that are not empty")
		}
	}
	if fn := py.Or(a[6], nil); fn != nil {
		o.Default = func(th *py.Thread, v py.Value) (py.Value, error) {
			return py.Call(th, fn, py.Args{Pos: []py.Value{v}})
		}
	}
	return py.DumpJSON(th, a[0], o)
}
