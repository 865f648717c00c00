package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// timetableVector is a timetable, a clock, and what Airflow answered.
type timetableVector struct {
	ID           string
	Timetable    timetableSpec
	DescribeOnly bool `json:"describe_only"`
	Earliest     *time.Time
	Latest       *time.Time
	Catchup      bool
	Last         *timetableInterval
	Nows         []time.Time
	ManualAt     []time.Time `json:"manual_at"`
	Expect       timetableAnswer
	// picture is what was asked, as recorded.
	picture string
}

type timetableSpec struct {
	Kind             string
	Expression       string
	Expressions      []string
	Timezone         any
	Delta            map[string]any
	Interval         map[string]any
	RunImmediately   any         `json:"run_immediately"`
	RunOffset        int         `json:"run_offset"`
	KeyFormat        string      `json:"key_format"`
	EventDates       []time.Time `json:"event_dates"`
	RestrictToEvents bool        `json:"restrict_to_events"`
	Presorted        bool
	Description      string
	Schedule         any
	CreateIntervals  bool `json:"create_cron_data_intervals"`
}

type timetableInterval struct{ Start, End time.Time }

type timetableAnswer struct {
	Construct       *timetableError
	Type            string
	Summary         string
	Description     string
	Periodic        bool
	CanBeScheduled  bool `json:"can_be_scheduled"`
	ActiveRunsLimit int  `json:"active_runs_limit"`
	Validate        any
	Runs            []*timetableRun
	Manual          []timetableRun
}

type timetableError struct{ Type, Message string }

type timetableRun struct {
	Error         bool
	Type          string
	Message       string
	RunAfter      time.Time  `json:"run_after"`
	Start         *time.Time `json:"data_interval_start"`
	End           *time.Time `json:"data_interval_end"`
	PartitionDate *time.Time `json:"partition_date"`
	PartitionKey  string     `json:"partition_key"`
}

func (r *timetableRun) String() string {
	if r == nil {
		return "none"
	}
	if r.Error {
		return "error " + r.Type
	}
	s := "at " + r.RunAfter.Format(time.RFC3339Nano)
	if r.Start != nil {
		s += " of " + r.Start.Format(time.RFC3339Nano) + " to " + r.End.Format(time.RFC3339Nano)
	}
	if r.PartitionDate != nil {
		s += " for " + r.PartitionDate.Format(time.RFC3339Nano) + " " + r.PartitionKey
	}
	return s
}

func dueString(d *timetable.Due) string {
	if d == nil {
		return "none"
	}
	r := timetableRun{RunAfter: d.RunAfter, PartitionKey: d.PartitionKey}
	if d.Interval != nil {
		r.Start, r.End = &d.Interval.Start, &d.Interval.End
	}
	if !d.PartitionDate.IsZero() {
		r.PartitionDate = &d.PartitionDate
	}
	return r.String()
}

func (v timetableSpec) toSchedule() (dag.Schedule, error) {
	if v.Kind == "schedule" {
		return v.rawSchedule()
	}
	s := dag.Schedule{
		Kind: dag.ScheduleKind(v.Kind), Cron: v.Expressions, Timezone: zoneName(v.Timezone), RunOffset: v.RunOffset, KeyFormat: v.KeyFormat,
		EventDates: v.EventDates, RestrictToEvents: v.RestrictToEvents, Presorted: v.Presorted, Description: v.Description,
	}
	if v.Kind == "null" {
		s.Kind = dag.ScheduleNone
	}
	if strings.HasPrefix(v.Kind, "cron_") {
		s.Cron = []string{v.Expression}
	}
	var err error
	if s.Delta, err = toDelta(v.Delta); err != nil {
		return s, err
	}
	if s.Interval, err = toDelta(v.Interval); err != nil {
		return s, err
	}
	switch ri := v.RunImmediately.(type) {
	case absent:
	case nil:
		s.RunImmediately = dag.ScheduleImmediateAuto
	case bool:
		if ri {
			s.RunImmediately = dag.ScheduleImmediateAlways
		}
	case map[string]any:
		within, err := toDelta(ri)
		if err != nil {
			return s, err
		}
		s.RunImmediately, s.ImmediateWithin = dag.ScheduleImmediateWithin, within.Fixed
	}
	return s, nil
}

func (v timetableSpec) rawSchedule() (dag.Schedule, error) {
	compat := dag.ScheduleCompat{CronDataIntervals: v.CreateIntervals, DeltaDataIntervals: v.CreateIntervals}
	switch raw := v.Schedule.(type) {
	case nil:
		return dag.Schedule{Kind: dag.ScheduleNone}, nil
	case string:
		if v.Timezone == "" {
			return dag.Schedule{}, errors.New("no time zone")
		}
		return dag.ScheduleFromText(raw, zoneName(v.Timezone), compat), nil
	case map[string]any:
		d, err := toDelta(raw)
		if err != nil {
			return dag.Schedule{}, err
		}
		return dag.ScheduleFromDelta(*d, compat), nil
	}
	return dag.Schedule{}, fmt.Errorf("schedule %v", v.Schedule)
}

// absent tells a missing run_immediately from null.
type absent struct{}

func zoneName(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		n, _ := v.Int64()
		sign := '+'
		if n < 0 {
			sign, n = '-', -n
		}
		return fmt.Sprintf("%c%02d:%02d:%02d", sign, n/3600, n/60%60, n%60)
	}
	return ""
}

func toDelta(m map[string]any) (*dag.Delta, error) {
	if m == nil {
		return nil, nil
	}
	kwargs := map[string]any{}
	for k, v := range m {
		if k != "delta" {
			kwargs[k] = v
		}
	}
	build := dag.DeltaTimedelta
	if m["delta"] == "relativedelta" {
		build = dag.DeltaRelativedelta
	}
	d, err := build(kwargs)
	return &d, err
}
