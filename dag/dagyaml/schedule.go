package dagyaml

import (
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/updraft-dev/updraft/dag"
)

const (
	trigger  = "airflow.timetables.trigger."
	interval = "airflow.timetables.interval."
)

// schedule is what a file says of when a DAG runs; nil for never.
func (w *writer) schedule(s *dag.Schedule) any {
	timetable := func(class string, fill func(*mapping)) any {
		m := &mapping{}
		m.add(typeKey, class)
		fill(m)
		return m.MapSlice
	}
	switch s.Kind {
	case dag.ScheduleNone, "":
		return nil
	case dag.ScheduleOnce:
		return "@once"
	case dag.ScheduleContinuous:
		return "@continuous"
	case dag.ScheduleCronTrigger:
		if plain := *s; isPlainCron(&plain, w.d.Timezone) {
			return s.Cron[0]
		}
		return timetable(trigger+"CronTriggerTimetable", func(m *mapping) { m.add(argsKey, s.Cron); w.triggerArgs(m, s) })
	case dag.ScheduleMultipleCron:
		return timetable(trigger+"MultipleCronTriggerTimetable", func(m *mapping) { m.add(argsKey, s.Cron); w.triggerArgs(m, s) })
	case dag.ScheduleCronInterval:
		return timetable(interval+"CronDataIntervalTimetable", func(m *mapping) { m.add(argsKey, []string{s.Cron[0], s.Timezone}) })
	case dag.ScheduleCronPartition:
		return timetable(trigger+"CronPartitionTimetable", func(m *mapping) {
			m.add(argsKey, s.Cron)
			put(m, "run_offset", s.RunOffset)
			put(m, "key_format", s.KeyFormat)
			w.triggerArgs(m, s)
		})
	case dag.ScheduleDeltaInterval:
		return timetable(interval+"DeltaDataIntervalTimetable", func(m *mapping) { m.add(argsKey, []any{w.delta(s.Delta)}) })
	case dag.ScheduleDeltaTrigger:
		if s.Interval == nil {
			return w.delta(s.Delta)
		}
		return timetable(trigger+"DeltaTriggerTimetable", func(m *mapping) { m.add(argsKey, []any{w.delta(s.Delta)}); m.add("interval", w.delta(s.Interval)) })
	case dag.ScheduleEvents:
		return timetable("airflow.timetables.events.EventsTimetable", func(m *mapping) { w.events(m, s) })
	case dag.ScheduleAssets:
		return w.condition(s.Assets)
	case dag.ScheduleAssetOrTime:
		return timetable("airflow.timetables.assets.AssetOrTimeSchedule", func(m *mapping) {
			m.add("timetable", w.asTimetable(s.Time))
			m.add("assets", w.condition(s.Assets))
		})
	case dag.SchedulePartitionedAtRuntime:
		return timetable("airflow.timetables.simple.PartitionedAtRuntime", func(*mapping) {})
	}
	w.lose("", "schedule", "%s has no form in YAML", s.Kind)
	return nil
}

// isPlainCron says that a text gives the same schedule.
func isPlainCron(s *dag.Schedule, zone string) bool {
	return len(s.Cron) == 1 && s.Interval == nil && s.RunImmediately == "" && zoneOr(s.Timezone) == zoneOr(zone)
}

func zoneOr(zone string) string {
	if zone == "" {
		return "UTC"
	}
	return zone
}

// asTimetable is a cron schedule as an object, where a text is not possible.
func (w *writer) asTimetable(s *dag.Schedule) any {
	if s != nil && s.Kind == dag.ScheduleCronTrigger {
		m := &mapping{}
		m.add(typeKey, trigger+"CronTriggerTimetable")
		m.add(argsKey, s.Cron)
		w.triggerArgs(m, s)
		return m.MapSlice
	}
	if s == nil {
		return nil
	}
	return w.schedule(s)
}

func (w *writer) triggerArgs(m *mapping, s *dag.Schedule) {
	m.add("timezone", zoneOr(s.Timezone))
	if s.Interval != nil {
		m.add("interval", w.delta(s.Interval))
	}
	switch s.RunImmediately {
	case dag.ScheduleImmediateAlways:
		m.add("run_immediately", true)
	case dag.ScheduleImmediateAuto:
		m.add("run_immediately", nil)
	case dag.ScheduleImmediateWithin:
		m.add("run_immediately", timedelta(s.ImmediateWithin))
	}
}

func (w *writer) events(m *mapping, s *dag.Schedule) {
	dates := make([]any, len(s.EventDates))
	for i, t := range s.EventDates {
		dates[i] = datetime(t)
	}
	m.add("event_dates", dates)
	put(m, "restrict_to_events", s.RestrictToEvents)
	put(m, "presorted", s.Presorted)
	put(m, "description", s.Description)
}

func (w *writer) delta(d *dag.Delta) any {
	switch {
	case d == nil:
		return nil
	case d.Relative == nil:
		return timedelta(d.Fixed)
	}
	r := d.Relative
	m := &mapping{}
	m.add(typeKey, "dateutil.relativedelta.relativedelta")
	for _, f := range []struct {
		name string
		n    int64
	}{
		{"years", int64(r.Years)}, {"months", int64(r.Months)}, {"days", int64(r.Days)}, {"leapdays", int64(r.LeapDays)}, {"hours", int64(r.Hours)},
		{"minutes", int64(r.Minutes)}, {"seconds", int64(r.Seconds)}, {"microseconds", r.Microseconds},
	} {
		put(m, f.name, f.n)
	}
	for _, f := range []struct {
		name string
		n    *int
	}{
		{"year", r.Year}, {"month", r.Month}, {"day", r.Day}, {"hour", r.Hour}, {"minute", r.Minute}, {"second", r.Second}, {"microsecond", r.Microsecond},
	} {
		if f.n != nil {
			m.add(f.name, *f.n)
		}
	}
	if r.Weekday != nil {
		w.lose("", "schedule", "a relativedelta with a weekday: write it by hand")
	}
	return m.MapSlice
}

func (w *writer) condition(c *dag.AssetCondition) any {
	if c == nil {
		return nil
	}
	if c.Asset != nil {
		return asset(*c.Asset)
	}
	key, list := "AssetAll", c.All
	if len(c.Any) > 0 {
		key, list = "AssetAny", c.Any
	}
	args := make([]any, len(list))
	for i := range list {
		args[i] = w.condition(&list[i])
	}
	return yaml.MapSlice{{Key: typeKey, Value: fmt.Sprintf("airflow.sdk.%s", key)}, {Key: argsKey, Value: args}}
}

func asset(a dag.AssetRef) any {
	m := &mapping{}
	if a.Alias != "" {
		m.add(typeKey, "airflow.sdk.AssetAlias")
		m.add("name", a.Alias)
		return m.MapSlice
	}
	m.add(typeKey, "airflow.sdk.Asset")
	put(m, "name", a.Name)
	put(m, "uri", a.URI)
	put(m, "group", a.Group, "", "asset")
	if len(a.Extra) > 0 {
		m.add("extra", map[string]any(a.Extra))
	}
	return m.MapSlice
}

func (w *writer) assets(m *mapping, field string, list []dag.AssetRef) {
	var out []any
	for _, a := range list {
		out = append(out, asset(a))
	}
	if len(out) > 0 {
		m.add(field, out)
	}
}
