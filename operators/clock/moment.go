package clock

import (
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/task"
)

// moment is a point in time, or a time of day put on some day.
type moment struct {
	at    time.Time
	daily bool
}

// momentOf reads an argument that is a datetime, a date or a time of day, which is put on
// the given day in the DAG's time zone. It is nil for null.
func momentOf(a *task.Attempt, name string, day time.Time) (*moment, error) {
	zone := a.DAG.Location()
	v := a.Args[name]
	switch v := v.(type) {
	case nil:
		return nil, nil
	case time.Time:
		return &moment{at: v}, nil
	case string:
		if at, ok := parse(v, zone); ok {
			return &moment{at: at}, nil
		}
	case dag.Object:
		if d, ok := dateObject(v); ok {
			return &moment{at: time.Date(d[0], time.Month(d[1]), d[2], 0, 0, 0, 0, zone)}, nil
		}
	}
	if t, ok := timeOfDay(v); ok {
		y, m, d := day.Date()
		return &moment{at: time.Date(y, m, d, 0, 0, 0, int(t), zone), daily: true}, nil
	}
	return nil, task.Misconfigured(fmt.Errorf("argument %s: %v is neither a datetime nor a time", name, v))
}

// dateObject reads datetime.date.
func dateObject(o dag.Object) (d [3]int, ok bool) {
	if o.Class != "datetime.date" || len(o.Args) != 3 {
		return d, false
	}
	for i, v := range o.Args {
		n, isInt := v.(int64)
		if !isInt {
			return d, false
		}
		d[i] = int(n)
	}
	return d, true
}

// timeOfDay reads datetime.time, a text such as 06:30, or the number of seconds that
// YAML makes of 6:30:00.
func timeOfDay(v any) (time.Duration, bool) {
	switch v := v.(type) {
	case int64:
		return time.Duration(v) * time.Second, v >= 0 && v < 24*3600
	case string:
		for _, layout := range []string{"15:04:05", "15:04"} {
			if t, err := time.Parse(layout, strings.TrimSpace(v)); err == nil {
				return t.Sub(t.Truncate(24 * time.Hour)), true
			}
		}
	case dag.Object:
		if v.Class == "datetime.time" {
			return timeObject(v)
		}
	}
	return 0, false
}

func timeObject(o dag.Object) (time.Duration, bool) {
	parts := []struct {
		name  string
		unit  time.Duration
		limit int64
	}{{"hour", time.Hour, 24}, {"minute", time.Minute, 60}, {"second", time.Second, 60}, {"microsecond", time.Microsecond, 1e6}}
	if len(o.Args) > len(parts) {
		return 0, false
	}
	known := 0
	var out time.Duration
	for i, p := range parts {
		v, given := o.Kwargs[p.name]
		if given {
			known++
		}
		if i < len(o.Args) {
			v, given = o.Args[i], true
		}
		n, ok := v.(int64)
		if given && (!ok || n < 0 || n >= p.limit) {
			return 0, false
		}
		out += time.Duration(n) * p.unit
	}
	return out, known == len(o.Kwargs) // a zone of its own is not understood
}

// parse reads a moment as ISO 8601 or as Python writes it; without an offset it is in
// the zone given.
func parse(s string, zone *time.Location) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if len(s) > 10 && s[10] == ' ' {
		s = s[:10] + "T" + s[11:]
	}
	s = strings.Replace(s, " +", "+", 1)
	for _, date := range []string{"2006-01-02", "20060102"} {
		for _, clock := range []string{"T15:04:05", "T15:04", "T150405", ""} {
			for _, offset := range []string{"", "Z07:00", "Z0700", "Z07"} {
				if clock == "" && offset != "" {
					continue
				}
				if t, err := time.ParseInLocation(date+clock+offset, s, zone); err == nil {
					return t, true
				}
			}
		}
	}
	return time.Time{}, false
}
