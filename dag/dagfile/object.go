package dagfile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// Keys with which dag-factory's files build Python objects.
const (
	typeKey = "__type__"
	argsKey = "__args__"
	andKey  = "__and__"
	orKey   = "__or__"
	joinKey = "__join__"
)

// Classes of objects that the loader understands, by a name that does not depend on
// which of its modules an author imports it from.
const (
	classTimedelta     = "timedelta"
	classRelativedelta = "relativedelta"
	classDatetime      = "datetime"
	classDate          = "date"
	classTime          = "time"
	classZone          = "zone"
	classAsset         = "Asset"
	classAssetAlias    = "AssetAlias"
	classAssetAll      = "AssetAll"
	classAssetAny      = "AssetAny"
	classParam         = "Param"
)

// exactClasses lists, by module, everything that may be built from it.
func exactClasses(module string) map[string]string {
	switch module {
	case "datetime":
		return map[string]string{"timedelta": classTimedelta, "datetime": classDatetime, "date": classDate, "time": classTime, "timezone": classZone}
	case "dateutil.relativedelta":
		return map[string]string{
			"relativedelta": classRelativedelta,
			"MO":            "weekday", "TU": "weekday", "WE": "weekday", "TH": "weekday", "FR": "weekday", "SA": "weekday", "SU": "weekday",
		}
	case "builtins":
		out := map[string]string{}
		for _, b := range builtins() {
			out[b] = "builtin"
		}
		return out
	}
	return nil
}

// classOf returns the class a path names; unknown ones have the last part of their path.
func classOf(path string) string {
	module, name := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		module, name = path[:i], path[i+1:]
	}
	if exact := exactClasses(module); exact != nil {
		return exact[name]
	}
	switch path {
	case "pendulum.duration", "pendulum.Duration":
		return classTimedelta
	case "pendulum.datetime", "pendulum.DateTime":
		return classDatetime
	case "pendulum.date", "pendulum.Date":
		return classDate
	case "pendulum.timezone", "pendulum.Timezone", "pendulum.tz.timezone", "zoneinfo.ZoneInfo":
		return classZone
	}
	if !strings.HasPrefix(path, "airflow.") {
		return path
	}
	switch name {
	case "Dataset":
		return classAsset
	case "DatasetAlias":
		return classAssetAlias
	case "DatasetAll":
		return classAssetAll
	case "DatasetAny":
		return classAssetAny
	}
	return name
}

// object turns a mapping with one of the keys above into what it means; other mappings
// are returned as they are.
func (y *yamlReader) object(n *node) *node {
	for _, e := range n.dict.entries {
		switch e.name() {
		case typeKey:
			return y.construct(n, e.val)
		case andKey, orKey, joinKey:
			if len(n.dict.entries) == 1 {
				return y.fold(n, e)
			}
		}
	}
	return n
}

func (y *yamlReader) construct(n, class *node) *node {
	if class.kind != kindText || !strings.Contains(class.text, ".") {
		y.report(class.at, fmt.Sprintf("`__type__` is %s", class.describe()), "give the import path of a class, such as datetime.timedelta")
		return &node{at: n.at, size: 1}
	}
	module, name := class.text[:strings.LastIndexByte(class.text, '.')], last(class.text)
	if exact := exactClasses(module); exact != nil && exact[name] == "" {
		names := make([]string, 0, len(exact))
		for k := range exact {
			names = append(names, k)
		}
		slices.Sort(names)
		hint := didYouMean(name, names)
		if hint == "" {
			hint = fmt.Sprintf("of `%s`, these are known: %s", module, strings.Join(names, ", "))
		}
		y.report(class.at, fmt.Sprintf("`%s` has no `%s`", module, name), hint)
		return &node{at: n.at, size: 1}
	}
	out := &node{at: n.at, kind: kindObject, text: class.text, raw: n.dict, dict: &dict{}, size: n.size}
	for _, e := range n.dict.entries {
		switch e.name() {
		case typeKey:
		case argsKey:
			if e.val.kind != kindList {
				y.report(e.val.at, fmt.Sprintf("`__args__` must be a list, not %s", e.val.describe()), "write [value, …]")
				continue
			}
			out.list = e.val.list
		default:
			out.dict.set(e.key, e.val)
		}
	}
	return y.evaluate(out)
}

// evaluate computes the objects whose value can be known now.
func (y *yamlReader) evaluate(n *node) *node {
	fail := func(err error) *node {
		y.report(n.at, err.Error(), "")
		return &node{at: n.at, size: 1}
	}
	switch classOf(n.text) {
	case "builtin":
		return y.builtin(n)
	case classTimedelta:
		d, err := timedelta(n)
		if err != nil {
			return fail(err)
		}
		n.val = d
	case classRelativedelta:
		d, err := relativedelta(n)
		if err != nil {
			return fail(err)
		}
		n.val = d
	case classDatetime, classDate:
		m, err := datetime(n)
		if err != nil {
			return fail(err)
		}
		return &node{at: n.at, kind: kindTime, text: m.python(), val: m, raw: n.raw, size: 1}
	}
	return n
}

// arguments gives the positional arguments of an object their names.
func arguments(n *node, names ...string) (map[string]*node, error) {
	if len(n.list) > len(names) {
		return nil, fmt.Errorf("%s takes at most %d arguments, not %d", last(n.text), len(names), len(n.list))
	}
	out := make(map[string]*node, len(n.list)+len(n.dict.all()))
	for i, v := range n.list {
		out[names[i]] = v
	}
	for _, e := range n.dict.all() {
		if out[e.name()] != nil {
			return nil, fmt.Errorf("%s has its argument %q twice", last(n.text), e.name())
		}
		out[e.name()] = e.val
	}
	return out, nil
}

func numbers(args map[string]*node) (map[string]any, error) {
	out := make(map[string]any, len(args))
	for name, v := range args {
		if v.kind != kindInt && v.kind != kindFloat {
			return nil, fmt.Errorf("%s must be a number, not %s", name, v.describe())
		}
		out[name] = v.val
	}
	return out, nil
}

func timedelta(n *node) (time.Duration, error) {
	args, err := arguments(n, "days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks")
	if err != nil {
		return 0, err
	}
	values, err := numbers(args)
	if err != nil {
		return 0, fmt.Errorf("timedelta: %w", err)
	}
	d, err := dag.DeltaTimedelta(values)
	return d.Fixed, err
}

func relativedelta(n *node) (dag.Delta, error) {
	args, err := arguments(n, "dt1", "dt2", "years", "months", "days", "leapdays", "weeks", "hours", "minutes", "seconds", "microseconds")
	if err != nil {
		return dag.Delta{}, err
	}
	weekday := args["weekday"]
	delete(args, "weekday")
	for _, dt := range []string{"dt1", "dt2"} {
		if args[dt].isNull() {
			delete(args, dt)
		}
	}
	values, err := numbers(args)
	if err != nil {
		return dag.Delta{}, fmt.Errorf("relativedelta: %w", err)
	}
	if weekday != nil {
		values["weekday"] = weekdayOf(weekday)
	}
	return dag.DeltaRelativedelta(values)
}

func weekdayOf(n *node) any {
	switch {
	case n.kind == kindObject && classOf(n.text) == "weekday" && len(n.list) == 1 && n.list[0].kind == kindInt:
		return fmt.Sprintf("%s(%d)", last(n.text), n.list[0].val)
	case n.kind == kindObject:
		return last(n.text)
	case n.kind == kindList:
		out := make([]any, len(n.list))
		for i, v := range n.list {
			out[i] = v.val
		}
		return out
	case n.kind == kindText:
		return n.text
	default:
		return n.val
	}
}

func datetime(n *node) (moment, error) {
	class := last(n.text)
	args, err := arguments(n, "year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo")
	if err != nil {
		return moment{}, err
	}
	out := moment{naive: true, date: classOf(n.text) == classDate}
	loc := time.UTC
	for _, key := range []string{"tzinfo", "tz"} {
		if z := args[key]; !z.isNull() {
			name, err := zoneName(z)
			if err == nil {
				loc, err = dag.LoadLocation(name)
			}
			if err != nil {
				return moment{}, fmt.Errorf("%s: %s: %w", class, key, err)
			}
			out.naive = false
		}
		delete(args, key)
	}
	if strings.HasPrefix(n.text, "pendulum.") && !out.date {
		out.naive = false
	}
	delete(args, "fold")
	values, err := numbers(args)
	if err != nil {
		return moment{}, fmt.Errorf("%s: %w", class, err)
	}
	var f [7]int
	for i, name := range []string{"year", "month", "day", "hour", "minute", "second", "microsecond"} {
		v, given := values[name]
		n, whole := v.(int64)
		switch {
		case !given && i < 3 && !strings.HasPrefix(class, "pendulum"):
			return moment{}, fmt.Errorf("%s needs year, month and day", class)
		case given && !whole:
			return moment{}, fmt.Errorf("%s: %s must be a whole number", class, name)
		}
		f[i] = int(n)
		delete(values, name)
	}
	for name := range values {
		return moment{}, fmt.Errorf("%s has no argument %q: use year, month, day, hour, minute, second, microsecond or tzinfo", class, name)
	}
	if !validDate(f[0], f[1], f[2]) || f[0] > 9999 || outside(f[3], 23) || outside(f[4], 59) || outside(f[5], 59) || outside(f[6], 999999) {
		return moment{}, fmt.Errorf("%s: there is no %04d-%02d-%02d %02d:%02d:%02d.%06d", class, f[0], f[1], f[2], f[3], f[4], f[5], f[6])
	}
	out.t = wallTime(f, loc)
	return out, nil
}

func outside(n, most int) bool { return n < 0 || n > most }

// zoneName reads a time zone: a text, or an object of pendulum, zoneinfo or datetime.
func zoneName(n *node) (string, error) {
	if n.kind == kindText {
		return n.text, nil
	}
	if n.kind != kindObject || classOf(n.text) != classZone {
		return "", fmt.Errorf("a time zone must be a text such as Europe/Zurich, not %s", n.describe())
	}
	args, err := arguments(n, "name", "extended")
	if err != nil {
		return "", err
	}
	for _, key := range []string{"name", "key", "offset"} {
		v := args[key]
		switch {
		case v == nil:
		case v.kind == kindText:
			return v.text, nil
		case v.kind == kindObject && classOf(v.text) == classTimedelta:
			return time.Unix(0, 0).In(time.FixedZone("", int(v.val.(time.Duration).Seconds()))).Format("-07:00"), nil
		}
	}
	return "", fmt.Errorf("%s needs the name of a time zone", n.text)
}

// fold computes __join__, and __and__ and __or__ of texts; of assets, these become an
// AssetAll or AssetAny.
func (y *yamlReader) fold(n *node, e entry) *node {
	at, op := e.key.at, e.name()
	if e.val.kind != kindList || len(e.val.list) == 0 {
		what := e.val.describe()
		if e.val.kind == kindList {
			what = "an empty one"
		}
		y.report(e.val.at, fmt.Sprintf("`%s` needs a list of values, not %s", op, what), "")
		return &node{at: at, size: 1}
	}
	texts := make([]string, len(e.val.list))
	allTexts := true
	for i, v := range e.val.list {
		allTexts = allTexts && v.kind != kindObject
		texts[i] = pythonText(v)
	}
	switch {
	case op == joinKey && allTexts:
		return newText(at, strings.Join(texts, ""))
	case op == joinKey:
		y.report(e.val.at, "`__join__` joins texts", "")
		return &node{at: at, size: 1}
	case allTexts:
		sep := map[string]string{andKey: " & ", orKey: " | "}[op]
		return newText(at, "("+strings.Join(texts, sep)+")")
	}
	class := map[string]string{andKey: "airflow.sdk.AssetAll", orKey: "airflow.sdk.AssetAny"}[op]
	return &node{at: at, kind: kindObject, text: class, list: e.val.list, dict: &dict{}, raw: n.dict, size: n.size}
}

// wallTime is the moment at which a wall clock in loc shows these fields: the first
// one if there are two, and with the offset before the change if there is none. That
// is Python's fold=0.
func wallTime(f [7]int, loc *time.Location) time.Time {
	wall := time.Date(f[0], time.Month(f[1]), f[2], f[3], f[4], f[5], f[6]*1000, time.UTC)
	offset := func(t time.Time) time.Duration {
		_, s := t.In(loc).Zone()
		return time.Duration(s) * time.Second
	}
	before, after := offset(wall.AddDate(0, 0, -1)), offset(wall.AddDate(0, 0, 1))
	first, second := wall.Add(-before), wall.Add(-after)
	if offset(first) != before && offset(second) == after {
		return second.In(loc)
	}
	return first.In(loc)
}
