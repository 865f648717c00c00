package timetable

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// delta is a length of time that can be added to and taken from instants in UTC. The
// zero value is no time at all.
type delta struct{ d dag.Delta }

func compileInterval(d *dag.Delta) (delta, error) {
	if d == nil {
		return delta{}, nil
	}
	out := delta{*d}
	return out, out.check()
}

// check refuses absolute fields that no date has.
func (d delta) check() error {
	r := d.d.Relative
	if r == nil {
		return nil
	}
	for _, f := range []struct {
		name     string
		value    *int
		min, max int
	}{
		{"year", r.Year, 1, 9999}, {"month", r.Month, 1, 12}, {"day", r.Day, 1, 31}, {"hour", r.Hour, 0, 23},
		{"minute", r.Minute, 0, 59}, {"second", r.Second, 0, 59}, {"microsecond", r.Microsecond, 0, 999_999},
	} {
		if f.value != nil && (*f.value < f.min || *f.value > f.max) {
			return fmt.Errorf("relativedelta: %s is %d, must be in %d-%d", f.name, *f.value, f.min, f.max)
		}
	}
	if w := r.Weekday; w != nil && (w.Day < 0 || w.Day > 6) {
		return fmt.Errorf("relativedelta: weekday is %d, must be in 0-6", w.Day)
	}
	return nil
}

func (d delta) after(t time.Time) (time.Time, error)  { return d.add(t, 1) }
func (d delta) before(t time.Time) (time.Time, error) { return d.add(t, -1) }

var errOutOfCalendar = errors.New("date is out of range: it must be in the years 1 to 9999")

// add adds the delta (sign 1) or its negative (-1): absolute fields and leap days
// keep their meaning in a negative one.
func (d delta) add(t time.Time, sign int) (time.Time, error) {
	t = micro(t)
	r := d.d.Relative
	if r == nil {
		return inCalendar(t.Add(time.Duration(sign) * d.d.Fixed.Truncate(time.Microsecond)))
	}
	pick := func(v *int, otherwise int) int {
		if v != nil {
			return *v
		}
		return otherwise
	}
	months := pick(r.Month, int(t.Month())) - 1 + sign*r.Months
	year := pick(r.Year, t.Year()) + sign*r.Years + int(floorDiv(int64(months), 12))
	month := (months%12+12)%12 + 1
	if year < 1 || year > 9999 {
		return time.Time{}, errOutOfCalendar
	}
	day := min(daysIn(year, month), pick(r.Day, t.Day()))
	at := time.Date(year, time.Month(month), day, pick(r.Hour, t.Hour()), pick(r.Minute, t.Minute()),
		pick(r.Second, t.Second()), pick(r.Microsecond, t.Nanosecond()/1000)*1000, time.UTC)
	days := sign * r.Days
	if r.LeapDays != 0 && month > 2 && isLeap(year) {
		days += r.LeapDays
	}
	if max(days, -days) > 4_000_000 {
		return time.Time{}, errOutOfCalendar
	}
	at = at.AddDate(0, 0, days)
	us := float64(r.Hours)*3600e6 + float64(r.Minutes)*60e6 + float64(r.Seconds)*1e6 + float64(r.Microseconds)
	if math.Abs(us) > 9e15 {
		return time.Time{}, errOutOfCalendar
	}
	at = at.Add(time.Duration(sign) * time.Duration(us) * time.Microsecond)
	return inCalendar(toWeekday(at, r.Weekday))
}

func inCalendar(t time.Time) (time.Time, error) {
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}, errOutOfCalendar
	}
	return t, nil
}

// toWeekday moves t to the nth such weekday from t on, or backwards for a negative n.
func toWeekday(t time.Time, w *dag.DeltaWeekday) time.Time {
	if w == nil {
		return t
	}
	have, nth := (int(t.Weekday())+6)%7, w.Nth
	if nth == 0 {
		nth = 1
	}
	if nth > 0 {
		return t.AddDate(0, 0, (nth-1)*7+(7-have+w.Day)%7)
	}
	return t.AddDate(0, 0, -((-nth-1)*7 + (have-w.Day+7)%7))
}

// String writes the delta as Python does: str() of a timedelta, or a relativedelta.
func (d delta) String() string {
	if d.d.Relative != nil {
		return relativeString(d.d.Relative)
	}
	us := d.d.Fixed.Microseconds()
	days := floorDiv(us, 86400e6)
	us -= days * 86400e6
	seconds := us / 1e6
	var b strings.Builder
	if days != 0 {
		plural := "s"
		if days == 1 || days == -1 {
			plural = ""
		}
		fmt.Fprintf(&b, "%d day%s, ", days, plural)
	}
	fmt.Fprintf(&b, "%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if us %= 1e6; us != 0 {
		fmt.Fprintf(&b, ".%06d", us)
	}
	return b.String()
}

func relativeString(r *dag.DeltaRelative) string {
	var parts []string
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"years", int64(r.Years)}, {"months", int64(r.Months)}, {"days", int64(r.Days)}, {"leapdays", int64(r.LeapDays)},
		{"hours", int64(r.Hours)}, {"minutes", int64(r.Minutes)}, {"seconds", int64(r.Seconds)}, {"microseconds", r.Microseconds},
	} {
		if f.value != 0 {
			parts = append(parts, fmt.Sprintf("%s=%+d", f.name, f.value))
		}
	}
	for _, f := range []struct {
		name  string
		value *int
	}{
		{"year", r.Year}, {"month", r.Month}, {"day", r.Day},
	} {
		if f.value != nil {
			parts = append(parts, fmt.Sprintf("%s=%d", f.name, *f.value))
		}
	}
	if w := r.Weekday; w != nil {
		text := [...]string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}[w.Day]
		if w.Nth != 0 {
			text += fmt.Sprintf("(%+d)", w.Nth)
		}
		parts = append(parts, "weekday="+text)
	}
	for _, f := range []struct {
		name  string
		value *int
	}{
		{"hour", r.Hour}, {"minute", r.Minute}, {"second", r.Second}, {"microsecond", r.Microsecond},
	} {
		if f.value != nil {
			parts = append(parts, fmt.Sprintf("%s=%d", f.name, *f.value))
		}
	}
	return "relativedelta(" + strings.Join(parts, ", ") + ")"
}

// deltaBase is what the two delta timetables share.
type deltaBase struct{ step delta }

func (b deltaBase) Summary() string   { return b.step.String() }
func (deltaBase) Description() string { return "" }
func (deltaBase) Traits() Traits      { return Traits{Periodic: true, CanBeScheduled: true} }

func newDelta(s dag.Schedule) (Timetable, error) {
	if s.Delta == nil {
		return nil, fmt.Errorf("schedule of kind %s has no delta: give a timedelta or relativedelta", s.Kind)
	}
	step := delta{*s.Delta}
	if err := step.check(); err != nil {
		return nil, err
	}
	// Twice, because a delta of absolute fields alone (day=31) moves only once.
	at := time.Date(2001, 1, 20, 12, 30, 30, 500_000_000, time.UTC)
	for range 2 {
		next, err := step.after(at)
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", step, err)
		}
		if !next.After(at) {
			return nil, fmt.Errorf("schedule %s does not go forward: it must be a positive length of time", step)
		}
		at = next
	}
	if s.Kind == dag.ScheduleDeltaInterval {
		return deltaInterval{deltaBase{step}}, nil
	}
	interval, err := compileInterval(s.Interval)
	if err != nil {
		return nil, err
	}
	return deltaTrigger{deltaBase{step}, interval}, nil
}

// deltaInterval runs at the end of each step. The steps are aligned to nothing but
// the run before, or else the start date.
type deltaInterval struct{ deltaBase }

func (d deltaInterval) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	start := r.Earliest
	if !r.Catchup {
		latest, err := d.lastComplete(r.Earliest, now)
		if err != nil {
			return nil, err
		}
		if latest.After(start) {
			start = latest
		}
	}
	if last == nil && start.IsZero() {
		return nil, nil
	}
	if last != nil && last.End.After(start) {
		start = last.End
	}
	if !r.Latest.IsZero() && start.After(r.Latest) {
		return nil, nil
	}
	end, err := d.step.after(start)
	if err != nil {
		return nil, err
	}
	return intervalDue(micro(start), end), nil
}

// lastComplete is the start of the latest step that ended at or before now. Steps of
// fixed length are counted from the Unix epoch; months and years from the start date.
func (d deltaInterval) lastComplete(earliest, now time.Time) (time.Time, error) {
	r := d.step.d.Relative
	if r == nil || r.Years == 0 && r.Months == 0 {
		return d.step.before(d.floor(now))
	}
	if earliest.IsZero() {
		return d.step.before(now)
	}
	start := earliest
	end, err := d.step.after(start)
	for err == nil && !end.After(now) {
		next, stepErr := d.step.after(end)
		if stepErr != nil || !next.After(end) {
			return time.Time{}, fmt.Errorf("schedule %s does not get past %s: it must be a positive length of time", d.step, isoformat(end))
		}
		if next.After(now) {
			break
		}
		start, end = end, next
	}
	return start, err
}

// floor rounds down to a multiple of the step since the epoch, in the same floating
// point arithmetic as Airflow, which loses microseconds.
func (d deltaInterval) floor(t time.Time) time.Time {
	step := d.step.d.Fixed.Seconds()
	if r := d.step.d.Relative; r != nil {
		step = float64(r.Days)*86400 + float64(r.Hours)*3600 + float64(r.Minutes)*60 + float64(r.Seconds) + float64(r.Microseconds)/1e6
	}
	if step <= 0 {
		return t
	}
	at := float64(t.UnixMicro()) / 1e6
	rest := math.Mod(at, step)
	if rest < 0 {
		rest += step
	}
	whole, fraction := math.Modf(at - rest)
	return time.Unix(int64(whole), int64(math.RoundToEven(fraction*1e6))*1000).UTC()
}

func (d deltaInterval) Manual(runAfter time.Time) (Interval, error) {
	start, err := d.step.before(runAfter)
	return Interval{Start: start, End: micro(runAfter)}, err
}

// deltaTrigger runs a step after the last run.
type deltaTrigger struct {
	deltaBase
	interval delta
}

func (d deltaTrigger) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	var at time.Time
	if last != nil {
		next, err := d.step.after(last.End)
		if err != nil {
			return nil, err
		}
		at = next
	}
	if (last == nil || !r.Catchup) && r.Earliest.After(at) {
		at = r.Earliest
	}
	if (!r.Catchup || at.IsZero()) && now.After(at) {
		at = now
	}
	if !r.Latest.IsZero() && at.After(r.Latest) {
		return nil, nil
	}
	start, err := d.interval.before(at)
	if err != nil {
		return nil, err
	}
	return intervalDue(start, micro(at)), nil
}

func (d deltaTrigger) Manual(runAfter time.Time) (Interval, error) {
	start, err := d.interval.before(runAfter)
	return Interval{Start: start, End: micro(runAfter)}, err
}
