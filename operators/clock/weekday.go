package clock

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

func weekDayArg() dag.ArgSpec {
	return dag.ArgSpec{Name: "week_day", Type: dag.ArgStrings, Required: true, Doc: "Days of the week by their full English names, such as Monday."}
}

// isWeekday says whether it is one of the days of argument week_day: by the clock of a
// time zone, or by the logical date in UTC.
func isWeekday(a *task.Attempt, zone *time.Location) (bool, error) {
	days, err := weekdays(a.Args["week_day"])
	if err != nil {
		return false, task.Misconfigured(fmt.Errorf("argument week_day: %w", err))
	}
	logical, err := byLogicalDate(a)
	if err != nil {
		return false, err
	}
	now := a.Now().In(zone)
	if logical {
		if a.Run.LogicalDate == nil {
			return false, errors.New("use_task_logical_date is set, and this run has no logical date")
		}
		now = a.Run.LogicalDate.UTC()
	}
	return slices.Contains(days, now.Weekday()), nil
}

// weekdays reads one day or several: names, or members of Airflow's WeekDay.
func weekdays(v any) ([]time.Weekday, error) {
	var list []any
	switch v := v.(type) {
	case []any:
		list = v
	case task.Tuple:
		list = v
	default:
		list = []any{v}
	}
	if len(list) == 0 {
		return nil, errors.New("it is empty: name a day")
	}
	out := make([]time.Weekday, len(list))
	for i, e := range list {
		day, err := weekday(e)
		if err != nil {
			return nil, err
		}
		out[i] = day
	}
	return out, nil
}

func weekday(v any) (time.Weekday, error) {
	switch v := v.(type) {
	case string:
		for d := range time.Weekday(7) {
			if strings.EqualFold(v, d.String()) {
				return d, nil
			}
		}
	case dag.Object: // airflow.utils.weekday.WeekDay(1) is Monday
		if len(v.Args) == 1 && strings.HasSuffix(v.Class, ".WeekDay") {
			if n, ok := v.Args[0].(int64); ok && n >= 1 && n <= 7 {
				return time.Weekday(n % 7), nil
			}
		}
	}
	return 0, fmt.Errorf("%v is no day of the week: write its full English name, such as Monday", v)
}
