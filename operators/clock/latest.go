package clock

import (
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// isLatest says whether no later run is due by the clock. A run made by hand always
// counts as the latest.
func isLatest(a *task.Attempt) (bool, error) {
	if a.Run.Type == run.TypeManual {
		return true, nil
	}
	now := a.Now()
	until, err := task.LatestUntil(a.DAG, a.Run, now)
	if err != nil || until.IsZero() {
		return until.IsZero(), err
	}
	start := a.Run.RunAfter
	switch {
	case a.Run.IntervalStart != nil:
		start = *a.Run.IntervalStart
	case a.Run.LogicalDate != nil:
		start = *a.Run.LogicalDate
	}
	return start.Before(now) && !now.After(until), nil
}
