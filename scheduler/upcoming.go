package scheduler

import (
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// Upcoming returns the next n runs that a DAG's schedule brings, from its last scheduled
// run on, by the rules that Plan creates them by: start and end date, catch-up, and what
// is due already. It does not ask whether the DAG is paused. A DAG without a schedule by
// the clock has none.
func (s *Snapshot) Upcoming(id string, now time.Time, n int) ([]timetable.Due, error) {
	dv := s.dags[id]
	if dv == nil || dv.Graph == nil {
		return nil, fmt.Errorf("DAG %s is not known", id)
	}
	return timetable.Upcoming(dv.table, dv.Last, dv.restriction(), now, n)
}
