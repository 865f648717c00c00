package dag

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

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

// AssetCondition is a tree of assets joined by "and" and "or". Exactly one of its
// fields is set; Validate checks that.
type AssetCondition struct {
	// All is satisfied when each of its members is.
	All []AssetCondition `json:"all,omitempty"`
	// Any is satisfied when one of its members is.
	Any []AssetCondition `json:"any,omitempty"`
	// Asset is a leaf: an asset or an alias.
	Asset *AssetRef `json:"asset,omitempty"`
}

// Satisfied evaluates the tree: updated says whether an asset (or alias) has an event
// that is not consumed yet.
func (c *AssetCondition) Satisfied(updated func(AssetRef) bool) bool {
	if c.Asset != nil {
		return updated(*c.Asset)
	}
	for i := range c.Any {
		if c.Any[i].Satisfied(updated) {
			return true
		}
	}
	for i := range c.All {
		if !c.All[i].Satisfied(updated) {
			return false
		}
	}
	return len(c.All) > 0
}

// Refs returns the leaves from left to right, repetitions included.
func (c *AssetCondition) Refs() []AssetRef {
	if c == nil {
		return nil
	}
	if c.Asset != nil {
		return []AssetRef{*c.Asset}
	}
	var out []AssetRef
	for _, list := range [][]AssetCondition{c.All, c.Any} {
		for i := range list {
			out = append(out, list[i].Refs()...)
		}
	}
	return out
}

// String writes the tree as Airflow users do: (a & b) | c.
func (c *AssetCondition) String() string {
	if c.Asset != nil {
		return c.Asset.assetLabel()
	}
	list, sep := c.All, " & "
	if len(c.Any) > 0 {
		list, sep = c.Any, " | "
	}
	parts := make([]string, len(list))
	for i := range list {
		parts[i] = list[i].String()
		if len(list[i].All)+len(list[i].Any) > 1 {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, sep)
}

func (a AssetRef) assetLabel() string {
	switch {
	case a.Alias != "":
		return a.Alias
	case a.URI != "":
		return a.URI
	default:
		return a.Name
	}
}

// Validate reports a node that is empty, or more than one thing at once.
func (c *AssetCondition) Validate() error {
	set := 0
	for _, is := range []bool{len(c.All) > 0, len(c.Any) > 0, c.Asset != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("asset condition has %d of asset, all, any: give exactly one of them", set)
	}
	if c.Asset != nil && c.Asset.assetLabel() == "" {
		return errors.New("asset without name, uri or alias: give it one")
	}
	for _, list := range [][]AssetCondition{c.All, c.Any} {
		for i := range list {
			if err := list[i].Validate(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Delta is a length of time: a fixed one (Python's timedelta) or a calendar one
// (dateutil's relativedelta).
type Delta struct {
	// Fixed counts when Relative is nil. Fractions of a microsecond are ignored, as
	// Python has none.
	Fixed    time.Duration  `json:"fixed,omitempty"`
	Relative *DeltaRelative `json:"relative,omitempty"`
}

// DeltaRelative is a relativedelta: plural fields are added, singular ones (nil when
// absent) replace, and Weekday moves the result to such a day.
type DeltaRelative struct {
	Years        int   `json:"years,omitempty"`
	Months       int   `json:"months,omitempty"`
	Days         int   `json:"days,omitempty"`
	Hours        int   `json:"hours,omitempty"`
	Minutes      int   `json:"minutes,omitempty"`
	Seconds      int   `json:"seconds,omitempty"`
	Microseconds int64 `json:"microseconds,omitempty"`
	// LeapDays are added after February of a leap year.
	LeapDays int `json:"leapdays,omitempty"`

	Year        *int          `json:"year,omitempty"`
	Month       *int          `json:"month,omitempty"`
	Day         *int          `json:"day,omitempty"`
	Hour        *int          `json:"hour,omitempty"`
	Minute      *int          `json:"minute,omitempty"`
	Second      *int          `json:"second,omitempty"`
	Microsecond *int          `json:"microsecond,omitempty"`
	Weekday     *DeltaWeekday `json:"weekday,omitempty"`
}

// DeltaWeekday is relativedelta's weekday: MO is {0, 0}, FR(-1) is {4, -1}.
type DeltaWeekday struct {
	// Day counts from Monday, 0.
	Day int `json:"day"`
	// Nth is 0 when not said, which means 1: the first such day, counted from the
	// date itself; negative ones count backwards.
	Nth int `json:"nth,omitempty"`
}

// DeltaTimedelta builds a fixed Delta from the keyword arguments of datetime.timedelta:
// integers, floats or json.Number. Errors name the argument.
func DeltaTimedelta(kwargs map[string]any) (Delta, error) {
	units := map[string]int64{
		"weeks": 7 * 86400e6, "days": 86400e6, "hours": 3600e6, "minutes": 60e6,
		"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1,
	}
	total := new(big.Rat)
	for name, v := range kwargs {
		unit, ok := units[name]
		if !ok {
			return Delta{}, fmt.Errorf("timedelta has no argument %q: use weeks, days, hours, minutes, seconds, milliseconds or microseconds", name)
		}
		r, err := deltaNumber("timedelta", name, v)
		if err != nil {
			return Delta{}, err
		}
		total.Add(total, r.Mul(r, new(big.Rat).SetInt64(unit)))
	}
	us := deltaRound(total)
	if !us.IsInt64() || us.Int64() > math.MaxInt64/1000 || us.Int64() < math.MinInt64/1000 {
		return Delta{}, errors.New("timedelta is too long: at most 292 years")
	}
	return Delta{Fixed: time.Duration(us.Int64()) * time.Microsecond}, nil
}

// DeltaRelativedelta builds a calendar Delta from the keyword arguments of dateutil's
// relativedelta. weekday is a number (0 is Monday), a name ("FR", "MO(+1)"), or a list
// of number and nth. Errors name the argument.
func DeltaRelativedelta(kwargs map[string]any) (Delta, error) {
	var r DeltaRelative
	fraction := new(big.Rat) // microseconds, of fractional days to seconds
	for name, v := range kwargs {
		if name == "weekday" {
			w, err := deltaWeekday(v)
			if err != nil {
				return Delta{}, err
			}
			r.Weekday = w
			continue
		}
		x, err := deltaNumber("relativedelta", name, v)
		if err != nil {
			return Delta{}, err
		}
		if err := r.set(name, x, fraction); err != nil {
			return Delta{}, err
		}
	}
	us := deltaRound(fraction)
	if !us.IsInt64() {
		return Delta{}, errors.New("relativedelta is too long")
	}
	r.Microseconds += us.Int64()
	r.normalize()
	return Delta{Relative: &r}, nil
}

// deltaMax bounds every argument: beyond it, no date could hold the result.
const deltaMax = 400_000_000_000

func (r *DeltaRelative) set(name string, x, fraction *big.Rat) error {
	day := int64(86400e6)
	plural := map[string]struct {
		to   *int
		unit int64
	}{
		"years": {&r.Years, 0}, "months": {&r.Months, 0}, "leapdays": {&r.LeapDays, 0}, "weeks": {nil, 7 * day}, "days": {&r.Days, day},
		"hours": {&r.Hours, 3600e6}, "minutes": {&r.Minutes, 60e6}, "seconds": {&r.Seconds, 1e6}, "microseconds": {nil, 1},
	}
	singular := map[string]**int{
		"year": &r.Year, "month": &r.Month, "day": &r.Day, "hour": &r.Hour, "minute": &r.Minute, "second": &r.Second, "microsecond": &r.Microsecond,
	}
	whole := new(big.Int).Quo(x.Num(), x.Denom()).Int64()
	if p, ok := plural[name]; ok {
		rest := new(big.Rat).Sub(x, new(big.Rat).SetInt64(whole))
		if rest.Sign() != 0 && p.unit == 0 {
			return fmt.Errorf("relativedelta: %s must be a whole number", name)
		}
		fraction.Add(fraction, rest.Mul(rest, new(big.Rat).SetInt64(p.unit)))
		switch name {
		case "weeks":
			r.Days += 7 * int(whole)
		case "microseconds":
			r.Microseconds += whole
		default:
			*p.to += int(whole)
		}
		return nil
	}
	p, ok := singular[name]
	if !ok {
		return fmt.Errorf("relativedelta has no argument %q: use years, months, weeks, days, leapdays, hours, minutes, seconds, microseconds, their singulars, or weekday", name)
	}
	if !x.IsInt() {
		return fmt.Errorf("relativedelta: %s must be a whole number", name)
	}
	n := int(whole)
	if name == "month" && (n < 1 || n > 12) {
		return fmt.Errorf("relativedelta: month is %d, must be in 1-12", n)
	}
	*p = &n
	return nil
}

// normalize carries 90 minutes to 1 hour 30, as relativedelta does; days are never
// carried to months.
func (r *DeltaRelative) normalize() {
	carry := func(low int64, base int64, high *int) int64 {
		*high += int(low / base)
		return low % base
	}
	r.Microseconds = carry(r.Microseconds, 1e6, &r.Seconds)
	r.Seconds = int(carry(int64(r.Seconds), 60, &r.Minutes))
	r.Minutes = int(carry(int64(r.Minutes), 60, &r.Hours))
	r.Hours = int(carry(int64(r.Hours), 24, &r.Days))
	r.Months = int(carry(int64(r.Months), 12, &r.Years))
}

func deltaNumber(class, name string, v any) (*big.Rat, error) {
	r := new(big.Rat)
	switch v := v.(type) {
	case int:
		r.SetInt64(int64(v))
	case int64:
		r.SetInt64(v)
	case uint64:
		r.SetUint64(v)
	case float64:
		if r.SetFloat64(v) == nil {
			return nil, fmt.Errorf("%s: %s is not a finite number", class, name)
		}
	case json.Number:
		// Python reads a number with a point or an exponent as a binary float first.
		if n, err := v.Int64(); err == nil {
			r.SetInt64(n)
			break
		}
		f, err := v.Float64()
		if err != nil || r.SetFloat64(f) == nil {
			return nil, fmt.Errorf("%s: %s is %s, not a number", class, name, v)
		}
	default:
		return nil, fmt.Errorf("%s: %s is %T %v, must be a number", class, name, v, v)
	}
	limit := int64(deltaMax)
	if name == "microseconds" || name == "milliseconds" {
		limit = math.MaxInt64
	}
	if new(big.Rat).Abs(r).Cmp(new(big.Rat).SetInt64(limit)) > 0 {
		return nil, fmt.Errorf("%s: %s is out of range", class, name)
	}
	return r, nil
}

// deltaRound rounds half to even, as timedelta does.
func deltaRound(r *big.Rat) *big.Int {
	twice := new(big.Int).Lsh(r.Num(), 1)
	twice.Add(twice, r.Denom())
	div := new(big.Int).Lsh(r.Denom(), 1)
	q, rest := new(big.Int).DivMod(twice, div, new(big.Int))
	if rest.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

var deltaWeekdayText = regexp.MustCompile(`^(MO|TU|WE|TH|FR|SA|SU)(?:\(([+-]?\d{1,4})\))?$`)

func deltaWeekday(v any) (*DeltaWeekday, error) {
	fault := fmt.Errorf("relativedelta: weekday is %v: use a number from 0 (Monday) to 6, or a name such as FR or MO(+1)", v)
	var w DeltaWeekday
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		m := deltaWeekdayText.FindStringSubmatch(strings.ToUpper(v))
		if m == nil {
			return nil, fault
		}
		w.Day = slices.Index([]string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}, m[1])
		if m[2] != "" {
			w.Nth, _ = strconv.Atoi(m[2])
			if w.Nth == 0 {
				return nil, fault
			}
		}
		return &w, nil
	case []any:
		if len(v) < 1 || len(v) > 2 {
			return nil, fault
		}
		parts := [2]int{}
		for i, e := range v {
			n, err := deltaNumber("relativedelta", "weekday", e)
			if err != nil || !n.IsInt() {
				return nil, fault
			}
			parts[i] = int(n.Num().Int64())
		}
		w.Day, w.Nth = parts[0], parts[1]
		if len(v) == 2 && w.Nth == 0 {
			return nil, fault
		}
	default:
		n, err := deltaNumber("relativedelta", "weekday", v)
		if err != nil || !n.IsInt() {
			return nil, fault
		}
		w.Day = int(n.Num().Int64())
	}
	if w.Day < 0 || w.Day > 6 || w.Nth > 9999 || w.Nth < -9999 {
		return nil, fault
	}
	return &w, nil
}
