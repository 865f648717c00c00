package dag

import "time"

// ScheduleKind says which of Airflow's timetables a schedule means.
type ScheduleKind string

// The kinds of schedules. The zero value means ScheduleNone.
const (
	ScheduleNone       ScheduleKind = "none"
	ScheduleOnce       ScheduleKind = "once"
	ScheduleContinuous ScheduleKind = "continuous"
	// ScheduleCronInterval runs at the end of each interval between two ticks.
	ScheduleCronInterval ScheduleKind = "cron_data_interval"
	// ScheduleCronTrigger runs at each tick.
	ScheduleCronTrigger ScheduleKind = "cron_trigger"
	// ScheduleMultipleCron runs at each tick of any of its expressions.
	ScheduleMultipleCron ScheduleKind = "multiple_cron_trigger"
	// ScheduleCronPartition runs at each tick for the partition RunOffset ticks away.
	ScheduleCronPartition ScheduleKind = "cron_partition"
	ScheduleDeltaInterval ScheduleKind = "delta_data_interval"
	ScheduleDeltaTrigger  ScheduleKind = "delta_trigger"
	// SchedulePartitionedAtRuntime has no runs by itself; they bring their partition keys.
	SchedulePartitionedAtRuntime ScheduleKind = "partitioned_at_runtime"
	// ScheduleEvents runs at each of EventDates.
	ScheduleEvents ScheduleKind = "events"
	// ScheduleAssets runs when Assets is satisfied.
	ScheduleAssets ScheduleKind = "assets"
	// ScheduleAssetOrTime runs when Assets is satisfied, and as Time says.
	ScheduleAssetOrTime ScheduleKind = "asset_or_time"
)

// Schedule says when a DAG runs, as its author wrote it. It is plain data whose JSON
// is stable; whether it makes sense is for package timetable's New to say.
type Schedule struct {
	Kind ScheduleKind `json:"kind"`
	// Cron are the expressions of the cron kinds, presets unexpanded: one, or
	// several for ScheduleMultipleCron.
	Cron []string `json:"cron,omitempty"`
	// Timezone is what LoadLocation takes; the cron kinds must have one.
	Timezone string `json:"timezone,omitempty"`
	// Delta is the step of the delta kinds.
	Delta *Delta `json:"delta,omitempty"`
	// Interval is how far the data interval of a trigger kind reaches back; nil is zero.
	Interval *Delta `json:"interval,omitempty"`
	// RunImmediately says what cron triggers do about the tick before a DAG was
	// first seen, if it has no start date.
	RunImmediately ScheduleImmediacy `json:"run_immediately,omitempty"`
	// ImmediateWithin belongs to ScheduleImmediateWithin.
	ImmediateWithin time.Duration `json:"run_immediately_within,omitempty"`

	// RunOffset and KeyFormat (of strftime; empty means "%Y-%m-%dT%H:%M:%S") belong
	// to ScheduleCronPartition.
	RunOffset int    `json:"run_offset,omitempty"`
	KeyFormat string `json:"key_format,omitempty"`

	// EventDates, RestrictToEvents (manual runs take the interval of an event, not
	// their own time) and Description belong to ScheduleEvents.
	EventDates       []time.Time `json:"event_dates,omitempty"`
	RestrictToEvents bool        `json:"restrict_to_events,omitempty"`
	Description      string      `json:"description,omitempty"`
	// Presorted says that the author sorted EventDates; they are then used as they are.
	Presorted bool `json:"presorted,omitempty"`

	Assets *AssetCondition `json:"assets,omitempty"`
	// Time is the other half of ScheduleAssetOrTime.
	Time *Schedule `json:"time,omitempty"`
}

// ScheduleImmediacy is Airflow's run_immediately.
type ScheduleImmediacy string

// What can be done about the latest tick that has passed already.
const (
	// ScheduleImmediateDefault is run_immediately=False.
	ScheduleImmediateDefault ScheduleImmediacy = ""
	// ScheduleImmediateAlways runs it (True).
	ScheduleImmediateAlways ScheduleImmediacy = "always"
	// ScheduleImmediateAuto runs it if it is recent compared to the gap between ticks (None).
	ScheduleImmediateAuto ScheduleImmediacy = "auto"
	// ScheduleImmediateWithin runs it if it is not older than ImmediateWithin (a timedelta).
	ScheduleImmediateWithin ScheduleImmediacy = "within"
)

// ScheduleCompat says what plain cron texts and deltas mean. The zero value is
// Airflow 3's default: triggers. ScheduleCompatAirflow2 gives data intervals.
type ScheduleCompat struct {
	// CronDataIntervals is [scheduler] create_cron_data_intervals.
	CronDataIntervals bool
	// DeltaDataIntervals is [scheduler] create_delta_data_intervals.
	DeltaDataIntervals bool
}

// ScheduleCompatAirflow2 is how Airflow 2 read schedules.
func ScheduleCompatAirflow2() ScheduleCompat {
	return ScheduleCompat{CronDataIntervals: true, DeltaDataIntervals: true}
}

// ScheduleFromText returns what a DAG's schedule text means: @once, @continuous, or
// else a preset or cron expression, in the given time zone (empty is UTC). A schedule of null is not a
// text: it is Schedule{Kind: ScheduleNone}; the texts "none" and "" are no valid
// schedules in Airflow. Texts are not checked here.
func ScheduleFromText(text, timezone string, compat ScheduleCompat) Schedule {
	switch text {
	case "@once":
		return Schedule{Kind: ScheduleOnce}
	case "@continuous":
		return Schedule{Kind: ScheduleContinuous}
	}
	if timezone == "" {
		timezone = "UTC"
	}
	kind := ScheduleCronTrigger
	if compat.CronDataIntervals {
		kind = ScheduleCronInterval
	}
	return Schedule{Kind: kind, Cron: []string{text}, Timezone: timezone}
}

// ScheduleFromDelta returns what a DAG's schedule means that is a timedelta or a
// relativedelta.
func ScheduleFromDelta(d Delta, compat ScheduleCompat) Schedule {
	kind := ScheduleDeltaTrigger
	if compat.DeltaDataIntervals {
		kind = ScheduleDeltaInterval
	}
	return Schedule{Kind: kind, Delta: &d}
}

// ScheduleFromAssets returns what a DAG's schedule means that is a list of assets: all
// of them must have been updated.
func ScheduleFromAssets(assets ...AssetRef) Schedule {
	c := &AssetCondition{All: make([]AssetCondition, len(assets))}
	for i := range assets {
		c.All[i] = AssetCondition{Asset: &assets[i]}
	}
	return Schedule{Kind: ScheduleAssets, Assets: c}
}
