// Package timetable says when the runs of a DAG are due, as Airflow does. It is pure:
// it knows no clock, no store and no DAG beyond its schedule. What is to be done about
// a run that is due is package scheduler's matter.
package timetable

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/updraft-dev/updraft/dag"
)

// Interval is a data interval, in UTC. Start may be End.
type Interval struct{ Start, End time.Time }

// Restriction bounds the runs of a DAG. Zero times mean no bound.
type Restriction struct {
	// Earliest and Latest are the DAG's start and end date.
	Earliest, Latest time.Time
	Catchup          bool
}

// Due says when a run is due and what for.
type Due struct {
	RunAfter time.Time
	// Interval is nil for partitioned runs.
	Interval *Interval
	// PartitionDate and PartitionKey are set for partitioned runs only.
	PartitionDate time.Time
	PartitionKey  string
}

// LogicalDate is the start of the data interval; it is zero when there is none.
func (d Due) LogicalDate() time.Time {
	if d.Interval == nil {
		return time.Time{}
	}
	return d.Interval.Start
}

// Last is what to pass to Next after this run.
func (d Due) Last() *Interval {
	if d.Interval != nil {
		return d.Interval
	}
	return &Interval{Start: d.RunAfter, End: d.RunAfter}
}

// Traits are what a scheduler has to know about a timetable.
type Traits struct {
	// Periodic says that runs come again and again by the clock: backfills are possible.
	Periodic bool
	// CanBeScheduled is false for DAGs that only run when they are told to.
	CanBeScheduled bool
	// ActiveRunsLimit bounds max_active_runs; 0 is no bound.
	ActiveRunsLimit int
}

// Timetable is a compiled schedule. It is immutable and safe for concurrent use.
type Timetable interface {
	// Next returns the run after the one whose interval is last (nil: there was none;
	// manual runs do not count), or nil when there is none. It fails with
	// *NoMatchError when an expression has no tick, and with *CronError for a bad
	// member of a schedule of several expressions, which Airflow lets pass until then.
	Next(last *Interval, r Restriction, now time.Time) (*Due, error)
	// Manual is the data interval of a run that was asked for. The errors are Next's.
	Manual(runAfter time.Time) (Interval, error)
	// Summary is the schedule in one or few words.
	Summary() string
	// Description says it in English; it is empty where Airflow has none.
	Description() string
	// Traits never change.
	Traits() Traits
}

// New compiles a schedule. It refuses what Airflow would not import; errors name what
// is wrong and what to write instead.
func New(s dag.Schedule) (Timetable, error) {
	switch s.Kind {
	case "", dag.ScheduleNone:
		return trivial{summary: "None", description: "Never, external triggers only"}, nil
	case dag.SchedulePartitionedAtRuntime:
		return trivial{summary: "PartitionedAtRuntime", description: "Never, partition key(s) set at runtime"}, nil
	case dag.ScheduleOnce:
		return once{}, nil
	case dag.ScheduleContinuous:
		return continuous{}, nil
	case dag.ScheduleEvents:
		return newEvents(s), nil
	case dag.ScheduleCronInterval, dag.ScheduleCronTrigger, dag.ScheduleCronPartition, dag.ScheduleMultipleCron:
		return newCron(s)
	case dag.ScheduleDeltaInterval, dag.ScheduleDeltaTrigger:
		return newDelta(s)
	case dag.ScheduleAssets, dag.ScheduleAssetOrTime:
		return newAssets(s)
	}
	return nil, fmt.Errorf("schedule kind %q is unknown", s.Kind)
}

func newAssets(s dag.Schedule) (Timetable, error) {
	if s.Assets == nil {
		return nil, errors.New("schedule by assets has no assets: give at least one")
	}
	if err := s.Assets.Validate(); err != nil {
		return nil, fmt.Errorf("schedule by assets: %w", err)
	}
	if s.Kind == dag.ScheduleAssets {
		return trivial{summary: "Asset", description: "Triggered by assets", schedulable: true}, nil
	}
	if s.Time == nil || s.Time.Assets != nil {
		return nil, errors.New("schedule by assets or time has no time: give a schedule that goes by the clock")
	}
	t, err := New(*s.Time)
	if err != nil {
		return nil, err
	}
	return assetOrTime{t}, nil
}

// Runs yields the runs of a timetable one after the other, as the clock would bring
// them with catch-up, until the restriction's end or an error. With now it is what
// `dags next-execution` shows; a backfill gives its range as the restriction.
func Runs(t Timetable, last *Interval, r Restriction, now time.Time) iter.Seq2[Due, error] {
	return func(yield func(Due, error) bool) {
		for {
			due, err := t.Next(last, r, now)
			if err != nil {
				yield(Due{}, err)
				return
			}
			if due == nil || !yield(*due, nil) {
				return
			}
			last = due.Last()
		}
	}
}

// Upcoming returns the first n of Runs.
func Upcoming(t Timetable, last *Interval, r Restriction, now time.Time, n int) ([]Due, error) {
	var out []Due
	if n <= 0 {
		return nil, nil
	}
	for due, err := range Runs(t, last, r, now) {
		if err != nil {
			return out, err
		}
		if out = append(out, due); len(out) == n {
			break
		}
	}
	return out, nil
}

// Warnings says what is wrong with a schedule that Airflow imports without a word, but
// that will never run: an expression without any tick, or a bad one among several.
func Warnings(t Timetable, now time.Time) []string {
	var out []string
	warn := func(k tick) {
		if _, err := k.next(now); err != nil {
			out = append(out, err.Error())
		}
	}
	switch t := t.(type) {
	case cronInterval:
		warn(t.tick)
	case cronTrigger:
		warn(t.tick)
	case partition:
		warn(t.tick)
	case assetOrTime:
		return Warnings(t.Timetable, now)
	case multiple:
		for i, member := range t.members {
			if t.errs[i] != nil {
				out = append(out, t.errs[i].Error())
				continue
			}
			warn(member.tick)
		}
	}
	return out
}

// RunID makes a run's id: its type and a time in ISO 8601 (the logical date of
// scheduled runs, run_after of others). Runs without a logical date get a suffix that
// tells them apart; it is left out when empty.
func RunID(runType string, at time.Time, suffix string) string {
	id := runType + "__" + isoformat(at)
	if suffix != "" {
		id += "_" + suffix
	}
	return id
}

// isoformat writes t in UTC as Python's datetime.isoformat does.
func isoformat(t time.Time) string {
	t = t.UTC()
	if t.Nanosecond()/1000 == 0 {
		return t.Format("2006-01-02T15:04:05+00:00")
	}
	return t.Format("2006-01-02T15:04:05.000000+00:00")
}
