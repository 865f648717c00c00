package task

import (
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// ContextOf2 are the variables of the context that only Airflow 2 has, by name: times
// and texts. It is nil for DAGs that do not mean Airflow 2 (dag.DAG's Compat), and for
// runs without a logical date.
func ContextOf2(d *dag.DAG, r *run.Run) map[string]any {
	if d.Compat != 2 || r.LogicalDate == nil {
		return nil
	}
	at := r.LogicalDate.UTC()
	next, prev := at, at
	// A run by hand is between no others.
	if r.Type != run.TypeManual && r.IntervalStart != nil && r.IntervalEnd != nil {
		next, prev = r.IntervalEnd.UTC(), before(r.IntervalStart.UTC(), r.IntervalEnd.UTC())
	}
	out := map[string]any{"execution_date": at, "next_execution_date": next, "prev_execution_date": prev, "test_mode": false}
	for name, t := range map[string]time.Time{
		"next_ds": next, "prev_ds": prev, "tomorrow_ds": at.AddDate(0, 0, 1), "yesterday_ds": at.AddDate(0, 0, -1),
	} {
		out[name] = t.Format(time.DateOnly)
		out[name+"_nodash"] = t.Format("20060102")
	}
	return out
}

// before is the start of the interval before one: as long, in months where both ends
// are the same moment of a month.
func before(start, end time.Time) time.Time {
	months := (end.Year()-start.Year())*12 + int(end.Month()) - int(start.Month())
	if months > 0 && start.AddDate(0, months, 0).Equal(end) {
		return start.AddDate(0, -months, 0)
	}
	return start.Add(start.Sub(end))
}
