package task

import (
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// LatestUntil says until when a run is the latest of its DAG by the clock: the end of the
// data interval that follows its own. It is zero when no run follows by the clock.
func LatestUntil(d *dag.DAG, r *run.Run, now time.Time) (time.Time, error) {
	t, err := timetable.New(d.Schedule)
	if err != nil {
		return time.Time{}, fmt.Errorf("schedule of DAG %s: %w", d.ID, err)
	}
	date := r.RunAfter
	if r.LogicalDate != nil {
		date = *r.LogicalDate
	}
	own := timetable.Interval{Start: date, End: date}
	if r.IntervalStart != nil {
		own.Start = *r.IntervalStart
	}
	if r.IntervalEnd != nil {
		own.End = *r.IntervalEnd
	}
	due, err := t.Next(&own, timetable.Restriction{Earliest: own.End, Catchup: true}, now)
	var none *timetable.NoMatchError
	switch {
	case errors.As(err, &none) || err == nil && (due == nil || due.Interval == nil):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, fmt.Errorf("schedule of DAG %s: %w", d.ID, err)
	}
	return due.Interval.End, nil
}
