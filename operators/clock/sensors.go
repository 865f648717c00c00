package clock

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// waiter makes a sensor that waits for a known moment. Those with Async in their names
// are deferrable by default, which is all that tells them apart.
func waiter(s dag.OperatorSpec, async bool, when func(a *task.Attempt) (time.Time, error)) task.Operator {
	deferrable := sensor.Deferrable()
	if async {
		s.Class += "Async"
		for i := range s.Aliases {
			s.Aliases[i] += "Async"
		}
		s.Doc = s.Doc[:len(s.Doc)-1] + ", without a slot."
		deferrable.Default = true
	}
	s.Kind = dag.OperatorSensor
	s.Args = slices.Concat(s.Args, []dag.ArgSpec{
		deferrable,
		{Name: "start_from_trigger", Type: dag.ArgBool, Default: false, Doc: "Without effect: there is no triggerer."},
		{Name: "end_from_trigger", Type: dag.ArgBool, Default: false, Doc: "Without effect: there is no triggerer."},
		{Name: "trigger_kwargs", Type: dag.ArgDict, Doc: "Without effect: there is no triggerer."},
	}, sensor.Args())
	return task.Operator{Spec: s, Resumable: true, Run: func(ctx context.Context, a *task.Attempt) (task.Result, error) {
		at, err := when(a)
		if err != nil {
			return task.Result{}, err
		}
		if _, given := a.Args["deferrable"]; async && !given {
			return sensor.RescheduleUntil(ctx, a, at)
		}
		return sensor.RunUntil(ctx, a, at)
	}}
}

func dateTimeSensor(async bool) task.Operator {
	return waiter(dag.OperatorSpec{
		Class:   standard + "sensors.date_time.DateTimeSensor",
		Aliases: []string{"airflow.sensors.date_time.DateTimeSensor", "airflow.sensors.date_time_sensor.DateTimeSensor"},
		Doc:     "Waits until a moment.",
		Args:    []dag.ArgSpec{{Name: "target_time", Type: dag.ArgTime, Required: true, Templated: true, Doc: "The moment; in UTC if it has no offset."}},
	}, async, func(a *task.Attempt) (time.Time, error) {
		switch v := a.Args["target_time"].(type) {
		case time.Time:
			return v, nil
		case string:
			if at, ok := parse(v, time.UTC); ok {
				return at, nil
			}
		}
		return time.Time{}, task.Misconfigured(fmt.Errorf("argument target_time: %v is no datetime", a.Args["target_time"]))
	})
}

func timeSensor(async bool) task.Operator {
	s := dag.OperatorSpec{
		Class:   standard + "sensors.time.TimeSensor",
		Aliases: []string{"airflow.sensors.time_sensor.TimeSensor"},
		Doc:     "Waits until a time of the day on which it began to wait.",
		Args:    []dag.ArgSpec{{Name: "target_time", Type: dag.ArgAny, Required: true, Doc: "The time, in the DAG's time zone."}},
	}
	return waiter(s, async, func(a *task.Attempt) (time.Time, error) {
		m, err := momentOf(a, "target_time", began(a).In(a.DAG.Location()))
		switch {
		case err != nil:
			return time.Time{}, err
		case m == nil || !m.daily:
			return time.Time{}, task.Misconfigured(fmt.Errorf("argument target_time: %v is no time of day", a.Args["target_time"]))
		}
		return m.at, nil
	})
}

func timeDeltaSensor(async bool) task.Operator {
	s := dag.OperatorSpec{
		Class:   standard + "sensors.time_delta.TimeDeltaSensor",
		Aliases: []string{"airflow.sensors.time_delta.TimeDeltaSensor", "airflow.sensors.time_delta_sensor.TimeDeltaSensor"},
		Doc:     "Waits for a time after the end of the run's data interval, or after run_after if it has none.",
		Args:    []dag.ArgSpec{{Name: "delta", Type: dag.ArgDuration, Required: true, Templated: true, Doc: "The time to wait."}},
	}
	return waiter(s, async, func(a *task.Attempt) (time.Time, error) {
		delta, err := task.Get(a, "delta", time.Duration(0))
		if a.Run.IntervalEnd != nil {
			return a.Run.IntervalEnd.Add(delta), err
		}
		return a.Run.RunAfter.Add(delta), err
	})
}

func waitSensor() task.Operator {
	return waiter(dag.OperatorSpec{
		Class:   standard + "sensors.time_delta.WaitSensor",
		Aliases: []string{"airflow.sensors.time_delta.WaitSensor"},
		Doc:     "Waits for a time from its own start.",
		Args:    []dag.ArgSpec{{Name: "time_to_wait", Type: dag.ArgDuration, Required: true, Doc: "The time to wait: a timedelta, or a number of minutes."}},
	}, false, func(a *task.Attempt) (time.Time, error) {
		if n, ok := a.Args["time_to_wait"].(int64); ok {
			return began(a).Add(time.Duration(n) * time.Minute), nil
		}
		d, err := task.Get(a, "time_to_wait", time.Duration(0))
		return began(a).Add(d), err
	})
}

// began is when this try began.
func began(a *task.Attempt) time.Time {
	if !a.Instance.FirstStart.IsZero() {
		return a.Instance.FirstStart
	}
	return a.Now()
}
