package dagfiletest

import (
	"strings"

	"github.com/updraft-dev/updraft/dag"
)

// presets are what Airflow stores for its words.
func preset(cron string) string {
	full, ok := map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
		"@quarterly": "0 0 1 */3 *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
	}[cron]
	if ok {
		return full
	}
	return cron
}

func (c *comparison) timetable(name string, w map[string]any, s dag.Schedule) {
	class, _ := w["__type"].(string)
	class = class[strings.LastIndexByte(class, '.')+1:]
	v := object(w["__var"])
	kinds := map[string]dag.ScheduleKind{
		"NullTimetable": dag.ScheduleNone, "OnceTimetable": dag.ScheduleOnce, "ContinuousTimetable": dag.ScheduleContinuous,
		"CronDataIntervalTimetable": dag.ScheduleCronInterval, "CronTriggerTimetable": dag.ScheduleCronTrigger,
		"MultipleCronTriggerTimetable": dag.ScheduleMultipleCron, "CronPartitionTimetable": dag.ScheduleCronPartition,
		"DeltaDataIntervalTimetable": dag.ScheduleDeltaInterval, "DeltaTriggerTimetable": dag.ScheduleDeltaTrigger,
		"EventsTimetable": dag.ScheduleEvents, "AssetTriggeredTimetable": dag.ScheduleAssets, "AssetOrTimeSchedule": dag.ScheduleAssetOrTime,
		"PartitionedAtRuntime": dag.SchedulePartitionedAtRuntime,
	}
	c.field(name, kinds[class], s.Kind)
	if kinds[class] != s.Kind {
		return
	}
	var crons []string
	for _, cron := range s.Cron {
		crons = append(crons, preset(cron))
	}
	if e, ok := v["expression"]; ok {
		c.field(name+".expression", []any{e}, crons)
	}
	if e, ok := v["expressions"]; ok {
		c.field(name+".expressions", e, crons)
	}
	if z, ok := v["timezone"]; ok {
		c.field(name+".timezone", offset(z), zone(s.Timezone))
	}
	if d, ok := v["delta"]; ok {
		c.field(name+".delta", plain(d), length(s.Delta))
	}
	if d, ok := v["interval"]; ok {
		c.field(name+".interval", plain(d), length(s.Interval))
	}
	if r, ok := v["run_immediately"].(bool); ok {
		c.field(name+".run_immediately", r, s.RunImmediately == dag.ScheduleImmediateAlways)
	}
	if a, ok := v["asset_condition"]; ok {
		c.field(name+".asset_condition", a, referred(a, condition(s.Assets)))
	}
	if inner, ok := v["timetable"]; ok && s.Time != nil {
		c.timetable(name+".timetable", object(inner), *s.Time)
	}
}

// length is a delta as it is serialised: seconds, or relativedelta's fields.
func length(d *dag.Delta) any {
	switch {
	case d == nil:
		return 0.0
	case d.Relative == nil:
		return d.Fixed.Seconds()
	}
	out := map[string]any{}
	for name, n := range map[string]int{
		"years": d.Relative.Years, "months": d.Relative.Months, "days": d.Relative.Days, "hours": d.Relative.Hours,
		"minutes": d.Relative.Minutes, "seconds": d.Relative.Seconds,
	} {
		if n != 0 {
			out[name] = n
		}
	}
	return out
}

// referred is an asset, or a condition of assets, with references where they are recorded:
// Updraft finds the asset when the file is read, Airflow when it is asked for.
func referred(recorded, own any) any {
	r, o := object(recorded), object(own)
	if r["__type"] == "asset_ref" && o["__type"] == "asset" {
		out := map[string]any{"__type": "asset_ref"}
		for _, by := range []string{"name", "uri"} {
			if r[by] != nil {
				out[by] = o[by]
			}
		}
		return out
	}
	theirs, _ := r["objects"].([]any)
	if ours, ok := o["objects"].([]any); ok && len(ours) == len(theirs) {
		for i := range ours {
			ours[i] = referred(theirs[i], ours[i])
		}
	}
	return own
}

func condition(a *dag.AssetCondition) any {
	if a == nil {
		return nil
	}
	if a.Asset != nil {
		return asset(*a.Asset)
	}
	kind, list := "asset_all", a.All
	if len(a.Any) > 0 {
		kind, list = "asset_any", a.Any
	}
	objects := []any{}
	for i := range list {
		objects = append(objects, condition(&list[i]))
	}
	return map[string]any{"__type": kind, "objects": objects}
}

func asset(a dag.AssetRef) map[string]any {
	if a.Alias != "" {
		return map[string]any{"__type": "asset_alias", "name": a.Alias, "group": "asset"}
	}
	extra := map[string]any{}
	for k, v := range a.Extra {
		extra[k] = v
	}
	return map[string]any{"__type": "asset", "name": a.Name, "uri": a.URI, "group": a.Group, "extra": extra}
}

// assets compares inlets or outlets.
func (c *comparison) assets(name string, want any, got []dag.AssetRef) {
	list, _ := want.([]any)
	recorded, own := []any{}, []any{}
	for _, e := range list {
		m := object(e)
		flat := map[string]any{"__type": m["__type"]}
		for k, v := range object(m["__var"]) {
			flat[k] = v
		}
		recorded = append(recorded, flat)
	}
	for i, a := range got {
		if i < len(recorded) {
			own = append(own, referred(recorded[i], asset(a)))
		} else {
			own = append(own, asset(a))
		}
	}
	c.field(name, recorded, own)
}
