package timetable

import (
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// micro is t in UTC with the resolution that Airflow has.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// exact is the interval of a run that is about one instant.
func exact(t time.Time) Interval { return Interval{Start: micro(t), End: micro(t)} }

// trivial never runs by itself.
type trivial struct {
	summary, description string
	schedulable          bool
}

func (trivial) Next(*Interval, Restriction, time.Time) (*Due, error) { return nil, nil }
func (trivial) Manual(runAfter time.Time) (Interval, error)          { return exact(runAfter), nil }
func (t trivial) Summary() string                                    { return t.summary }
func (t trivial) Description() string                                { return t.description }
func (t trivial) Traits() Traits                                     { return Traits{CanBeScheduled: t.schedulable} }

// once runs a single time, at the start date or at once.
type once struct{}

func (once) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	if last != nil {
		return nil, nil
	}
	at := r.Earliest
	if r.Earliest.IsZero() {
		at = now
	}
	if !r.Latest.IsZero() && at.After(r.Latest) {
		return nil, nil
	}
	return intervalDue(micro(at), micro(at)), nil
}

func (once) Manual(runAfter time.Time) (Interval, error) { return exact(runAfter), nil }
func (once) Summary() string                             { return "@once" }
func (once) Description() string                         { return "Once, as soon as possible" }
func (once) Traits() Traits                              { return Traits{CanBeScheduled: true} }

// continuous runs again as soon as the last run is over.
type continuous struct{}

func (continuous) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	start := r.Earliest
	if start.IsZero() {
		start = now
	}
	end := start
	switch {
	case last == nil && now.After(start):
		end = now
	case last != nil && last.End.After(now):
		end = start.Add(last.End.Sub(last.Start))
	case last != nil:
		start, end = last.End, now
	}
	if !r.Latest.IsZero() && end.After(r.Latest) {
		return nil, nil
	}
	return intervalDue(micro(start), micro(end)), nil
}

func (continuous) Manual(runAfter time.Time) (Interval, error) { return exact(runAfter), nil }
func (continuous) Summary() string                             { return "@continuous" }
func (continuous) Description() string {
	return "As frequently as possible, but only one run at a time."
}
func (continuous) Traits() Traits { return Traits{CanBeScheduled: true, ActiveRunsLimit: 1} }

// events runs at given times.
type events struct {
	dates       []time.Time
	restrict    bool
	description string
}

func newEvents(s dag.Schedule) events {
	e := events{dates: slices.Clone(s.EventDates), restrict: s.RestrictToEvents, description: s.Description}
	for i := range e.dates {
		e.dates[i] = e.dates[i].UTC()
	}
	if !s.Presorted {
		slices.SortStableFunc(e.dates, time.Time.Compare)
	}
	return e
}

func (e events) Next(last *Interval, r Restriction, now time.Time) (*Due, error) {
	earliest := r.Earliest
	if !r.Catchup && now.After(earliest) {
		earliest = now
	}
	for _, at := range e.dates {
		if last != nil && !at.After(last.End) || at.Before(earliest) {
			continue
		}
		if !r.Latest.IsZero() && at.After(r.Latest) {
			return nil, nil
		}
		return intervalDue(at, at), nil
	}
	return nil, nil
}

// Manual runs are about the latest event that has passed, when restricted to events.
func (e events) Manual(runAfter time.Time) (Interval, error) {
	if !e.restrict || len(e.dates) == 0 {
		return exact(runAfter), nil
	}
	if runAfter.Before(e.dates[0]) {
		return exact(e.dates[0]), nil
	}
	for _, at := range slices.Backward(e.dates) {
		if !at.After(runAfter) {
			return exact(at), nil
		}
	}
	return exact(e.dates[0]), nil
}

func (e events) Summary() string {
	if e.description != "" {
		return e.description
	}
	return fmt.Sprintf("%d events", len(e.dates))
}

func (e events) Description() string {
	switch {
	case e.description != "":
		return e.description
	case len(e.dates) == 0:
		return "No events"
	}
	return fmt.Sprintf("%d events between %s and %s", len(e.dates), isoformat(e.dates[0]), isoformat(e.dates[len(e.dates)-1]))
}

func (events) Traits() Traits { return Traits{Periodic: true, CanBeScheduled: true} }

// assetOrTime leaves the assets to the scheduler and tells the time.
type assetOrTime struct{ Timetable }

func (a assetOrTime) Summary() string { return "Asset or " + a.Timetable.Summary() }
func (a assetOrTime) Description() string {
	return "Triggered by assets or " + a.Timetable.Description()
}
func (a assetOrTime) Traits() Traits {
	t := a.Timetable.Traits()
	t.CanBeScheduled = true
	return t
}
