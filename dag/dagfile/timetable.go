package dagfile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// timetableArgs are the arguments of Airflow's timetables that the loader builds; those
// before the "*" may be given by position.
func timetableArgs(class string) []string {
	return map[string][]string{
		"NullTimetable":                {"*"},
		"OnceTimetable":                {"*"},
		"ContinuousTimetable":          {"*"},
		"PartitionedAtRuntime":         {"*"},
		"CronDataIntervalTimetable":    {"cron", "timezone", "*"},
		"CronTriggerTimetable":         {"cron", "*", "timezone", "interval", "run_immediately"},
		"MultipleCronTriggerTimetable": {"*", "timezone", "interval", "run_immediately"},
		"CronPartitionTimetable":       {"cron", "*", "timezone", "run_offset", "run_immediately", "key_format"},
		"DeltaDataIntervalTimetable":   {"delta", "*"},
		"DeltaTriggerTimetable":        {"delta", "*", "interval"},
		"EventsTimetable":              {"event_dates", "restrict_to_events", "presorted", "description", "*"},
		"AssetOrTimeSchedule":          {"*", "timetable", "assets"},
	}[class]
}

func timetables() []string {
	return []string{
		"AssetOrTimeSchedule", "ContinuousTimetable", "CronDataIntervalTimetable", "CronPartitionTimetable", "CronTriggerTimetable",
		"DeltaDataIntervalTimetable", "DeltaTriggerTimetable", "EventsTimetable", "MultipleCronTriggerTimetable", "NullTimetable",
		"OnceTimetable", "PartitionedAtRuntime",
	}
}

func (b *dagBuilder) timetable(n *node) (dag.Schedule, bool) {
	class := strings.TrimPrefix(last(n.text), "_")
	if class == "DatasetOrTimeSchedule" {
		class = "AssetOrTimeSchedule"
	}
	names := timetableArgs(class)
	if names == nil || !strings.HasPrefix(n.text, "airflow.") {
		hint := didYouMean(class, timetables())
		if hint == "" {
			hint = "these are known: " + strings.Join(timetables(), ", ")
		}
		b.problem(n.at, "", fmt.Sprintf("`schedule`: the timetable `%s` is not known", n.text), hint)
		return dag.Schedule{}, false
	}
	args, ok := b.timetableArguments(n, class, names)
	if !ok {
		return dag.Schedule{}, false
	}
	t := timetableReader{b: b, n: n, args: args, ok: true}
	s := t.read(class)
	return s, t.ok
}

func (b *dagBuilder) timetableArguments(n *node, class string, names []string) (map[string]*node, bool) {
	var positional, all []string
	for i, name := range names {
		if name == "*" {
			positional, all = names[:i], append(append(all, names[:i]...), names[i+1:]...)
		}
	}
	inner := *n
	if class == "MultipleCronTriggerTimetable" {
		inner.list = nil
	}
	args, err := arguments(&inner, positional...)
	if err != nil {
		b.problem(n.at, "", err.Error(), "")
		return nil, false
	}
	for _, e := range n.dict.all() {
		if !slices.Contains(all, e.name()) {
			b.problem(e.key.at, "", fmt.Sprintf("%s has no argument `%s`", class, e.name()), didYouMean(e.name(), all))
			return nil, false
		}
	}
	return args, true
}

// timetableReader turns the arguments of a timetable into a schedule.
type timetableReader struct {
	b    *dagBuilder
	n    *node
	args map[string]*node
	ok   bool
}

func (t *timetableReader) fail(n *node, message, hint string) {
	t.ok = false
	t.b.problem(n.at, "", "`schedule`: "+message, hint)
}

func (t *timetableReader) read(class string) dag.Schedule {
	switch class {
	case "NullTimetable":
		return dag.Schedule{Kind: dag.ScheduleNone}
	case "OnceTimetable":
		return dag.Schedule{Kind: dag.ScheduleOnce}
	case "ContinuousTimetable":
		return dag.Schedule{Kind: dag.ScheduleContinuous}
	case "PartitionedAtRuntime":
		return dag.Schedule{Kind: dag.SchedulePartitionedAtRuntime}
	case "CronDataIntervalTimetable":
		return dag.Schedule{Kind: dag.ScheduleCronInterval, Cron: []string{t.text("cron")}, Timezone: t.zone()}
	case "CronTriggerTimetable":
		return t.immediately(dag.Schedule{Kind: dag.ScheduleCronTrigger, Cron: []string{t.text("cron")}, Timezone: t.zone(), Interval: t.interval()})
	case "MultipleCronTriggerTimetable":
		return t.immediately(dag.Schedule{Kind: dag.ScheduleMultipleCron, Cron: t.crons(), Timezone: t.zone(), Interval: t.interval()})
	case "CronPartitionTimetable":
		s := t.immediately(dag.Schedule{Kind: dag.ScheduleCronPartition, Cron: []string{t.text("cron")}, Timezone: t.zone()})
		if v := t.args["run_offset"]; !v.isNull() {
			n, ok := v.val.(int64)
			if !ok {
				t.fail(v, "run_offset must be a whole number", "")
			}
			s.RunOffset = int(n)
		}
		if v := t.args["key_format"]; !v.isNull() {
			s.KeyFormat = t.text("key_format")
		}
		return s
	case "DeltaDataIntervalTimetable":
		d := t.delta("delta")
		return dag.Schedule{Kind: dag.ScheduleDeltaInterval, Delta: d}
	case "DeltaTriggerTimetable":
		return dag.Schedule{Kind: dag.ScheduleDeltaTrigger, Delta: t.delta("delta"), Interval: t.interval()}
	case "EventsTimetable":
		return t.events()
	default:
		return t.assetOrTime()
	}
}

func (t *timetableReader) text(name string) string {
	v := t.args[name]
	if v == nil || v.kind != kindText {
		at := t.n
		if v != nil {
			at = v
		}
		t.fail(at, fmt.Sprintf("%s needs `%s`, a text", last(t.n.text), name), "")
		return ""
	}
	return v.text
}

func (t *timetableReader) zone() string {
	v := t.args["timezone"]
	if v.isNull() {
		t.fail(t.n, last(t.n.text)+" needs a `timezone`", "write timezone: UTC")
		return ""
	}
	name, err := zoneName(v)
	if err == nil {
		_, err = dag.LoadLocation(name)
	}
	if err != nil {
		t.fail(v, err.Error(), "")
	}
	return name
}

func (t *timetableReader) delta(name string) *dag.Delta {
	v := t.args[name]
	if v == nil || v.kind != kindObject || classOf(v.text) != classTimedelta && classOf(v.text) != classRelativedelta {
		at := t.n
		if v != nil {
			at = v
		}
		t.fail(at, fmt.Sprintf("%s needs `%s`, a timedelta or relativedelta", last(t.n.text), name), timedeltaHint)
		return nil
	}
	d := delta(v)
	return &d
}

// interval is nil when it is absent or zero.
func (t *timetableReader) interval() *dag.Delta {
	if t.args["interval"].isNull() {
		return nil
	}
	d := t.delta("interval")
	if d != nil && d.Relative == nil && d.Fixed == 0 {
		return nil
	}
	return d
}

func (t *timetableReader) immediately(s dag.Schedule) dag.Schedule {
	v, given := t.args["run_immediately"]
	switch {
	case !given:
	case v.isNull():
		s.RunImmediately = dag.ScheduleImmediateAuto
	case v.kind == kindBool && v.val == true:
		s.RunImmediately = dag.ScheduleImmediateAlways
	case v.kind == kindBool:
	case v.kind == kindObject && classOf(v.text) == classTimedelta:
		s.RunImmediately, s.ImmediateWithin = dag.ScheduleImmediateWithin, v.val.(time.Duration)
	default:
		t.fail(v, "run_immediately must be true, false, null or a timedelta", "")
	}
	return s
}

func (t *timetableReader) crons() []string {
	var out []string
	for _, v := range t.n.list {
		if v.kind != kindText {
			t.fail(v, "cron expressions must be texts", "")
			continue
		}
		out = append(out, v.text)
	}
	if len(out) == 0 {
		t.fail(t.n, "MultipleCronTriggerTimetable needs cron expressions", "give them in __args__")
	}
	return out
}

func (t *timetableReader) events() dag.Schedule {
	s := dag.Schedule{Kind: dag.ScheduleEvents}
	list := t.args["event_dates"]
	if list == nil || list.kind != kindList {
		t.fail(t.n, "EventsTimetable needs `event_dates`, a list", "")
		return s
	}
	for _, v := range list.list {
		d, ok := t.b.date(place{name: "event_dates"}, v, time.UTC)
		if !ok || d == nil {
			t.ok = false
			continue
		}
		if m, isTime := v.val.(moment); isTime && !m.naive {
			d = &m.t
		}
		s.EventDates = append(s.EventDates, *d)
	}
	flag := func(name string) bool {
		v := t.args[name]
		if v == nil {
			return false
		}
		on, ok := v.val.(bool)
		if !ok {
			t.fail(v, name+" must be true or false", "")
		}
		return on
	}
	s.RestrictToEvents, s.Presorted = flag("restrict_to_events"), flag("presorted")
	if !t.args["description"].isNull() {
		s.Description = t.text("description")
	}
	return s
}

func (t *timetableReader) assetOrTime() dag.Schedule {
	s := dag.Schedule{Kind: dag.ScheduleAssetOrTime}
	timetable, assets := t.args["timetable"], t.args["assets"]
	if timetable == nil || timetable.kind != kindObject || assets.isNull() {
		t.fail(t.n, "AssetOrTimeSchedule needs `timetable` and `assets`", "")
		return s
	}
	inner, ok := t.b.timetable(timetable)
	s.Time, t.ok = &inner, t.ok && ok
	if assets.kind == kindList {
		s.Assets, ok = t.b.all(assets.list, false)
	} else {
		s.Assets, ok = t.b.condition(assets)
	}
	t.ok = t.ok && ok
	return s
}
