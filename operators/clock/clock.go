// Package clock holds the operators that go by the time: branches by date and weekday,
// LatestOnlyOperator, and the sensors that wait for a moment.
package clock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/branch"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

const standard = "airflow.providers.standard."

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{
		branchDayOfWeek(), branchDateTime(), latestOnly(), dayOfWeekSensor(),
		dateTimeSensor(false), dateTimeSensor(true), timeSensor(false), timeSensor(true), timeDeltaSensor(false), timeDeltaSensor(true),
		waitSensor(),
	}
}

// followArgs are the two choices of a branch.
func followArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "follow_task_ids_if_true", Type: dag.ArgStrings, Required: true, Doc: "Tasks and groups to follow if so."},
		{Name: "follow_task_ids_if_false", Type: dag.ArgStrings, Required: true, Doc: "Tasks and groups to follow if not."},
	}
}

// logicalArgs say which date counts.
func logicalArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "use_task_logical_date", Type: dag.ArgBool, Default: false, Doc: "Go by the run's logical date, not by the clock."},
		{Name: "use_task_execution_day", Type: dag.ArgBool, Default: false, Doc: "Old name of use_task_logical_date."},
	}
}

func byLogicalDate(a *task.Attempt) (bool, error) {
	logical, err := task.Get(a, "use_task_logical_date", false)
	if err != nil || logical {
		return logical, err
	}
	return task.Get(a, "use_task_execution_day", false)
}

// choose follows one of the two choices.
func choose(a *task.Attempt, is bool) (task.Result, error) {
	name := "follow_task_ids_if_false"
	if is {
		name = "follow_task_ids_if_true"
	}
	names, err := task.Get(a, name, []string(nil))
	if err != nil {
		return task.Result{}, err
	}
	return branch.Follow(a, names, a.Args[name])
}

func branchDayOfWeek() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:   standard + "operators.weekday.BranchDayOfWeekOperator",
			Aliases: []string{"airflow.operators.weekday.BranchDayOfWeekOperator"},
			Doc:     "Follows one branch on some days of the week and another one on the others.",
			Kind:    dag.OperatorBranch,
			Args:    slices.Concat(followArgs(), []dag.ArgSpec{weekDayArg()}, logicalArgs()),
		},
		Resumable: true,
		Run: func(_ context.Context, a *task.Attempt) (task.Result, error) {
			is, err := isWeekday(a, a.DAG.Location())
			if err != nil {
				return task.Result{}, err
			}
			return choose(a, is)
		},
	}
}

func dayOfWeekSensor() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:   standard + "sensors.weekday.DayOfWeekSensor",
			Aliases: []string{"airflow.sensors.weekday.DayOfWeekSensor", "airflow.sensors.weekday_sensor.DayOfWeekSensor", "airflow.contrib.sensors.weekday_sensor.DayOfWeekSensor"},
			Doc:     "Waits until it is one of some days of the week, in UTC.",
			Kind:    dag.OperatorSensor,
			Args:    slices.Concat([]dag.ArgSpec{weekDayArg()}, logicalArgs(), sensor.Args()),
		},
		Resumable: true,
		Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
			return sensor.Run(ctx, a, func(context.Context) (bool, any, error) {
				is, err := isWeekday(a, time.UTC)
				return is, nil, err
			})
		},
	}
}

func branchDateTime() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:   standard + "operators.datetime.BranchDateTimeOperator",
			Aliases: []string{"airflow.operators.datetime.BranchDateTimeOperator"},
			Doc:     "Follows one branch between two moments and another one before and after.",
			Kind:    dag.OperatorBranch,
			Args: slices.Concat(followArgs(), []dag.ArgSpec{
				{Name: "target_lower", Type: dag.ArgAny, Doc: "First moment, as a datetime or as a time of each day; null for no bound."},
				{Name: "target_upper", Type: dag.ArgAny, Doc: "Last moment, as target_lower; a time before target_lower is the next day's."},
			}, logicalArgs()),
		},
		Resumable: true,
		Run: func(_ context.Context, a *task.Attempt) (task.Result, error) {
			logical, err := byLogicalDate(a)
			if err != nil {
				return task.Result{}, err
			}
			now := a.Now()
			if logical {
				now = a.Run.RunAfter
				if a.Run.LogicalDate != nil {
					now = *a.Run.LogicalDate
				}
			}
			is, err := between(a, now)
			if err != nil {
				return task.Result{}, err
			}
			return choose(a, is)
		},
	}
}

// between says whether now is between the two targets. Times of day are those of the
// day that it is in UTC, on the clocks of the DAG's time zone, as in Airflow.
func between(a *task.Attempt, now time.Time) (bool, error) {
	lower, err := momentOf(a, "target_lower", now.UTC())
	if err != nil {
		return false, err
	}
	upper, err := momentOf(a, "target_upper", now.UTC())
	if err != nil {
		return false, err
	}
	if lower == nil && upper == nil {
		return false, task.Misconfigured(fmt.Errorf("arguments target_lower and target_upper are both null: give one of them"))
	}
	if lower != nil && upper != nil && (lower.daily || upper.daily) && upper.at.Before(lower.at) {
		upper.at = upper.at.AddDate(0, 0, 1)
	}
	return (lower == nil || !now.Before(lower.at)) && (upper == nil || !now.After(upper.at)), nil
}

func latestOnly() task.Operator {
	return task.Operator{
		Spec: dag.OperatorSpec{
			Class:   standard + "operators.latest_only.LatestOnlyOperator",
			Aliases: []string{"airflow.operators.latest_only.LatestOnlyOperator", "airflow.operators.latest_only_operator.LatestOnlyOperator"},
			Doc:     "Skips what is directly below unless the run is the latest one by the clock, or was made by hand.",
			Kind:    dag.OperatorBranch,
		},
		Resumable: true,
		Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
			latest, err := isLatest(a)
			if err != nil {
				return task.Result{}, err
			}
			if !latest {
				a.Log.InfoContext(ctx, "this is not the latest run: what is directly below is skipped")
				return branch.Follow(a, nil, []any{})
			}
			below := branch.Downstream(a)
			value := make([]any, len(below))
			for i, id := range below {
				value[i] = id
			}
			return branch.Follow(a, below, value)
		},
	}
}
