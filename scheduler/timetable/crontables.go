package timetable

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// maxCatchingUp bounds the loops that step over the ticks around a clock change; a
// second-wise expression needs 3,600 steps for an hour.
const maxCatchingUp = 20_000

func newCron(s dag.Schedule) (Timetable, error) {
	if len(s.Cron) == 0 || len(s.Cron) > 1 && s.Kind != dag.ScheduleMultipleCron {
		return nil, fmt.Errorf("schedule of kind %s has %d cron expressions: give one", s.Kind, len(s.Cron))
	}
	if s.Timezone == "" {
		return nil, fmt.Errorf("cron expression %q has no time zone: name one such as UTC or Europe/Zurich", s.Cron[0])
	}
	z, err := loadZone(s.Timezone)
	if err != nil {
		return nil, fmt.Errorf("cron expression %q: %w", s.Cron[0], err)
	}
	if s.Kind == dag.ScheduleMultipleCron {
		return newMultiple(s, z)
	}
	c, err := parseCron(s.Cron[0])
	if err != nil {
		return nil, err
	}
	base := cronBase{tick{c, z}}
	if s.Kind == dag.ScheduleCronInterval {
		return cronInterval{base}, nil
	}
	trigger, err := newTrigger(s, base)
	if err != nil {
		return nil, err
	}
	if s.Kind == dag.ScheduleCronPartition {
		return newPartition(s, trigger)
	}
	return trigger, nil
}

// cronBase is what the timetables of one expression share.
type cronBase struct{ tick tick }

func (b cronBase) Summary() string     { return b.tick.cron.text }
func (b cronBase) Description() string { return describe(b.tick.cron.text) }
func (b cronBase) Traits() Traits      { return Traits{Periodic: true, CanBeScheduled: true} }

// cronInterval runs at the end of the interval between two ticks.
type cronInterval struct{ cronBase }

func (c cronInterval) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	earliest, err := c.earliest(r, now)
	if err != nil {
		return nil, err
	}
	start := earliest
	if last == nil && start.IsZero() {
		return nil, nil
	}
	if last != nil {
		aligned, err := c.tick.alignPrev(last.End)
		if err != nil {
			return nil, err
		}
		if start.IsZero() || aligned.After(start) {
			start = aligned
		}
		if start, err = c.advance(start, last.Start); err != nil {
			return nil, err
		}
	}
	if !r.Latest.IsZero() && start.After(r.Latest) {
		return nil, nil
	}
	end, err := c.tick.next(start)
	if err != nil {
		return nil, err
	}
	return intervalDue(start, end), nil
}

func intervalDue(start, end time.Time) *Due {
	return &Due{RunAfter: end, Interval: &Interval{Start: start, End: end}}
}

// advance steps from start until it is after the start of the last run. That is
// needed when the schedule was changed; and around half-hour clock changes, where
// aligning goes back and Airflow gets stuck.
func (c cronInterval) advance(start, last time.Time) (time.Time, error) {
	for n := 0; !start.After(last); n++ {
		next, err := c.tick.next(start)
		if err != nil {
			return time.Time{}, err
		}
		if !next.After(start) || n > maxCatchingUp {
			return time.Time{}, fmt.Errorf("cron expression %q does not get past %s", c.tick.cron.text, isoformat(last))
		}
		start = next
	}
	return start, nil
}

// earliest is the start of the first interval that may run; zero for none.
func (c cronInterval) earliest(r Restriction, now time.Time) (time.Time, error) {
	if r.Earliest.IsZero() && r.Catchup {
		return time.Time{}, nil
	}
	var aligned time.Time
	var err error
	if !r.Earliest.IsZero() {
		if aligned, err = c.tick.alignNext(r.Earliest); err != nil || r.Catchup {
			return aligned, err
		}
	}
	start, err := c.lastComplete(now)
	if err != nil || start.After(aligned) {
		return start, err
	}
	return aligned, nil
}

// lastComplete is the start of the latest interval that ended at or before now.
func (c cronInterval) lastComplete(now time.Time) (time.Time, error) {
	start, err := c.tick.prev(now)
	if err != nil {
		return start, err
	}
	// The first step is enough, except where the naive difference of an hourly
	// expression with restricted days spans a clock change: Airflow fails there.
	for n := 0; n < maxCatchingUp; n++ {
		next, err := c.tick.next(start)
		switch {
		case err != nil:
			return next, err
		case next.Equal(now):
			return start, nil
		case next.After(now):
			return c.tick.prev(start)
		}
		start = next
	}
	return time.Time{}, fmt.Errorf("cron expression %q does not get to %s", c.tick.cron.text, isoformat(now))
}

func (c cronInterval) Manual(runAfter time.Time) (Interval, error) {
	end, err := c.tick.alignPrev(runAfter)
	if err != nil {
		return Interval{}, err
	}
	start, err := c.tick.prev(end)
	return Interval{Start: start, End: end}, err
}

// cronTrigger runs at each tick.
type cronTrigger struct {
	cronBase
	interval  delta
	immediacy dag.ScheduleImmediacy
	within    time.Duration
}

func newTrigger(s dag.Schedule, base cronBase) (cronTrigger, error) {
	d, err := compileInterval(s.Interval)
	return cronTrigger{cronBase: base, interval: d, immediacy: s.RunImmediately, within: s.ImmediateWithin}, err
}

func (c cronTrigger) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	at, err := c.nextTick(last, r, now)
	if err != nil || at.IsZero() {
		return nil, err
	}
	start, err := c.interval.before(at)
	if err != nil {
		return nil, err
	}
	return intervalDue(start, at), nil
}

// nextTick returns the tick of the next run; zero for none.
func (c cronTrigger) nextTick(last *Interval, r Restriction, now time.Time) (time.Time, error) {
	var at time.Time
	var err error
	consider := func(f func(time.Time) (time.Time, error), from time.Time) {
		if err != nil {
			return
		}
		var t time.Time
		if t, err = f(from); t.After(at) {
			at = t
		}
	}
	if !r.Catchup {
		consider(c.tick.alignPrev, now)
	}
	switch {
	case last != nil:
		consider(c.tick.next, last.End)
	case r.Earliest.IsZero():
		consider(c.firstRun, now)
	}
	if !r.Earliest.IsZero() && (last == nil || !r.Catchup) {
		consider(c.tick.alignNext, r.Earliest)
	}
	if err != nil || !r.Latest.IsZero() && at.After(r.Latest) {
		return time.Time{}, err
	}
	return at, nil
}

// firstRun chooses the first tick of a DAG without start date: the one before now if
// it is recent enough, or else the one after.
func (c cronTrigger) firstRun(now time.Time) (time.Time, error) {
	past, err := c.tick.alignPrev(now)
	if err != nil || c.immediacy == dag.ScheduleImmediateAlways {
		return past, err
	}
	next, err := c.tick.alignNext(now)
	if err != nil {
		return next, err
	}
	buffer := c.within
	if c.immediacy != dag.ScheduleImmediateWithin {
		buffer = max(next.Sub(past)/10, 5*time.Minute)
	}
	if now.Sub(past) <= buffer {
		return past, nil
	}
	return next, nil
}

func (c cronTrigger) Manual(runAfter time.Time) (Interval, error) {
	end := micro(runAfter)
	start, err := c.interval.before(end)
	return Interval{Start: start, End: end}, err
}

// multiple runs at each tick of each of its members. A member that did not compile
// has an error in its place: Airflow imports such a DAG, and fails at each call.
type multiple struct {
	members []cronTrigger
	errs    []error
	texts   []string
}

func newMultiple(s dag.Schedule, z zone) (Timetable, error) {
	var m multiple
	for _, text := range s.Cron {
		c, err := parseCron(text)
		if err != nil {
			c = &cron{text: expandPreset(text)}
		}
		t, intervalErr := newTrigger(s, cronBase{tick{c, z}})
		if intervalErr != nil {
			return nil, intervalErr
		}
		m.members, m.errs, m.texts = append(m.members, t), append(m.errs, err), append(m.texts, c.text)
	}
	return m, nil
}

func (m multiple) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	if err := errors.Join(m.errs...); err != nil {
		return nil, err
	}
	var best *Due
	for _, c := range m.members {
		due, err := c.Next(last, r, now)
		if err != nil {
			return nil, err
		}
		if due != nil && (best == nil || better(due, best, r.Catchup, now)) {
			best = due
		}
	}
	return best, nil
}

// better orders by the start of the interval, as Airflow does. Without catch-up the
// latest start that has passed comes first, then the next to come.
func better(a, b *Due, catchup bool, now time.Time) bool {
	x, y := a.Interval.Start, b.Interval.Start
	if catchup {
		return x.Before(y)
	}
	xPast, yPast := !x.After(now), !y.After(now)
	if xPast != yPast {
		return xPast
	}
	if xPast {
		return x.After(y)
	}
	return x.Before(y)
}

func (m multiple) Manual(runAfter time.Time) (Interval, error) {
	return m.members[0].Manual(runAfter)
}

func (m multiple) Summary() string { return strings.Join(m.texts, ", ") }

func (m multiple) Description() string {
	parts := make([]string, len(m.texts))
	for i, text := range m.texts {
		if m.errs[i] == nil {
			parts[i] = describe(text)
		}
	}
	return strings.Join(parts, ", ")
}

func (m multiple) Traits() Traits { return Traits{Periodic: true, CanBeScheduled: true} }

// partition runs at each tick for the partition that is offset ticks away.
type partition struct {
	cronTrigger
	offset int
	format string
}

// maxPartitionOffset keeps the stepping of a run's partition date bounded.
const maxPartitionOffset = 100_000

func newPartition(s dag.Schedule, t cronTrigger) (Timetable, error) {
	p := partition{cronTrigger: t, offset: s.RunOffset, format: s.KeyFormat}
	if p.format == "" {
		p.format = "%Y-%m-%dT%H:%M:%S"
	}
	if p.offset > maxPartitionOffset || p.offset < -maxPartitionOffset {
		return nil, fmt.Errorf("run_offset %d is out of range: at most %d ticks either way", p.offset, maxPartitionOffset)
	}
	if _, err := strftime(p.format, time.Unix(0, 0).UTC()); err != nil {
		return nil, fmt.Errorf("key_format %q: %w", p.format, err)
	}
	return p, nil
}

func (p partition) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	at, err := p.nextTick(last, r, now)
	if err != nil || at.IsZero() {
		return nil, err
	}
	date := at
	for n := p.offset; n != 0 && err == nil; {
		if n > 0 {
			date, err = p.tick.next(date)
			n--
		} else {
			date, err = p.tick.prev(date)
			n++
		}
	}
	if err != nil {
		return nil, err
	}
	key, err := strftime(p.format, date.In(p.tick.zone.loc))
	return &Due{RunAfter: at, PartitionDate: date, PartitionKey: key}, err
}
