package dag

import "time"

// DeadlineReference says from when a deadline counts.
type DeadlineReference string

// The references of Airflow's DeadlineAlert.
const (
	// DeadlineQueued is when the run was queued.
	DeadlineQueued DeadlineReference = "queued_at"
	// DeadlineLogicalDate is the run's logical date; runs without one have no deadline.
	DeadlineLogicalDate DeadlineReference = "logical_date"
	// DeadlineFixed is Deadline.At.
	DeadlineFixed DeadlineReference = "fixed_datetime"
	// DeadlineAverage is the run's creation and the average runtime of earlier runs.
	DeadlineAverage DeadlineReference = "average_runtime"
)

// DefaultDeadlineRuns is of how many runs Airflow takes the average.
const DefaultDeadlineRuns = 10

// Deadline has its callbacks called when a run has not succeeded by a certain time.
type Deadline struct {
	Name      string            `json:"name,omitempty"`
	Reference DeadlineReference `json:"reference"`
	// At is set for DeadlineFixed.
	At *time.Time `json:"at,omitempty"`
	// Interval is how long after the reference the deadline is; it may be negative.
	Interval time.Duration `json:"interval"`
	// Limit is of how many runs, the latest, DeadlineAverage takes the average, and
	// MinRuns how many there have to be. 0 means DefaultDeadlineRuns, and Limit.
	Limit     int        `json:"limit,omitempty"`
	MinRuns   int        `json:"min_runs,omitempty"`
	Callbacks []Callback `json:"callback"`
}

// Runs returns of how many runs the average is taken, and how many there have to be.
func (d *Deadline) Runs() (limit, least int) {
	limit, least = d.Limit, d.MinRuns
	if limit == 0 {
		limit = DefaultDeadlineRuns
	}
	if least == 0 {
		least = limit
	}
	return limit, least
}

// AverageRuns is how many of the runs that have ended one has to know for the deadlines
// of the DAG.
func (d *DAG) AverageRuns() (n int) {
	for i := range d.Deadlines {
		if d.Deadlines[i].Reference == DeadlineAverage {
			limit, _ := d.Deadlines[i].Runs()
			n = max(n, limit)
		}
	}
	return n
}

// maxDeadlineRuns bounds what has to be known of the past.
const maxDeadlineRuns = 1000

func validateDeadlines(d *DAG, add func(task, field, format string, args ...any)) {
	for i := range d.Deadlines {
		l := &d.Deadlines[i]
		limit, least := l.Runs()
		switch l.Reference {
		case DeadlineQueued, DeadlineLogicalDate, DeadlineAverage:
		case DeadlineFixed:
			if l.At == nil {
				add("", "deadline", "has a fixed reference without a date")
			}
		default:
			add("", "deadline", "counts from %q: use queued_at, logical_date, average_runtime or a date", l.Reference)
		}
		if limit < 1 || limit > maxDeadlineRuns || least < 1 || least > limit {
			add("", "deadline", "takes the average of at most %d and at least %d runs: use 1 to %d, and no more at least than at most", limit, least, maxDeadlineRuns)
		}
		if len(l.Callbacks) == 0 {
			add("", "deadline", "has no callback")
		}
	}
}
