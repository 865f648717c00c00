package timetable

import (
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// zone turns instants into naive local time and back, as Airflow does.
type zone struct{ loc *time.Location }

func loadZone(name string) (zone, error) {
	if strings.EqualFold(name, "UTC") {
		return zone{time.UTC}, nil
	}
	loc, err := dag.LoadLocation(name)
	return zone{loc}, err
}

func (z zone) offset(unix int64) int64 {
	if z.loc == time.UTC {
		return 0
	}
	_, offset := time.Unix(unix, 0).In(z.loc).Zone()
	return int64(offset)
}

// naive is the local time at t as seconds, and the fraction of a second in
// nanoseconds.
func (z zone) naive(t time.Time) (seconds int64, nanos int) {
	u := t.Unix()
	return u + z.offset(u), t.Nanosecond()
}

// instant is Python's fold=1: a local time that exists twice means the second one, and
// one that does not exist is moved forward by the gap.
func (z zone) instant(naive int64) time.Time {
	if z.loc == time.UTC {
		return time.Unix(naive, 0).UTC()
	}
	after := z.offset(naive + 86400)
	if u := naive - after; z.offset(u) == after {
		return time.Unix(u, 0).UTC()
	}
	// A change is near; before it, and in the gap, the earlier offset counts.
	return time.Unix(naive-z.offset(naive-86400), 0).UTC()
}

// tick is a cron expression in a time zone.
type tick struct {
	cron *cron
	zone zone
}

// next is the first tick after t. Hourly schedules (hour field *) add the naive
// difference to t, so that they run through both passes of a repeated hour.
func (k tick) next(t time.Time) (time.Time, error) {
	from, nanos := k.zone.naive(t)
	to, err := k.cron.next(from)
	if err != nil {
		return time.Time{}, err
	}
	if !k.cron.everyHour {
		return k.zone.instant(to), nil
	}
	return t.UTC().Add(time.Duration(to-from)*time.Second - time.Duration(nanos)), nil
}

// prev is the last tick before t.
func (k tick) prev(t time.Time) (time.Time, error) {
	from, nanos := k.zone.naive(t)
	until := from
	if nanos > 0 {
		until++
	}
	to, err := k.cron.prev(until)
	if err != nil {
		return time.Time{}, err
	}
	if !k.cron.everyHour {
		return k.zone.instant(to), nil
	}
	return t.UTC().Add(time.Duration(to-from)*time.Second - time.Duration(nanos)), nil
}

// alignNext is t if that is a tick, or else the next one.
func (k tick) alignNext(t time.Time) (time.Time, error) {
	next, err := k.next(t)
	if err != nil {
		return time.Time{}, err
	}
	before, err := k.prev(next)
	if err != nil {
		return time.Time{}, err
	}
	if before.Equal(t) {
		return t, nil
	}
	return next, nil
}

// alignPrev is t if that is a tick, or else the one before it.
func (k tick) alignPrev(t time.Time) (time.Time, error) {
	prev, err := k.prev(t)
	if err != nil {
		return time.Time{}, err
	}
	after, err := k.next(prev)
	if err != nil {
		return time.Time{}, err
	}
	if after.Equal(t) {
		return t, nil
	}
	return prev, nil
}
