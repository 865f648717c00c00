package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// replayTimetables replays when runs happen.
func replayTimetables(_ context.Context, path, _ string) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		files, err := recordings(path)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		for _, file := range files {
			if strings.HasPrefix(filepath.Base(file), "run_ids.") {
				continue // a family of its own
			}
			for o, err := range eachLine(file, func(_ string, line []byte) (Outcome, error) {
				v, err := readTimetable(line)
				if err != nil {
					return Outcome{}, err
				}
				return v.outcome(), nil
			}) {
				if !yield(o, err) || err != nil {
					return
				}
			}
		}
	}
}

func readTimetable(line []byte) (v timetableVector, err error) {
	var keys struct{ Timetable map[string]json.RawMessage }
	if err := json.Unmarshal(line, &keys); err != nil {
		return v, err
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return v, err
	}
	if _, there := keys.Timetable["run_immediately"]; !there {
		v.Timetable.RunImmediately = absent{}
	}
	raw, err := json.Marshal(keys.Timetable)
	v.picture = string(raw)
	return v, err
}

// replayRunIDs replays the ids of runs.
func replayRunIDs(_ context.Context, path, _ string) iter.Seq2[Outcome, error] {
	return eachLine(path, func(_ string, line []byte) (Outcome, error) {
		var v struct {
			RunType  string    `json:"run_type"`
			RunAfter time.Time `json:"run_after"`
			RunID    string    `json:"run_id"`
		}
		if err := json.Unmarshal(line, &v); err != nil {
			return Outcome{}, err
		}
		o := Outcome{ID: v.RunID}
		if got := timetable.RunID(v.RunType, v.RunAfter, ""); got != v.RunID {
			o.Diff = &Mismatch{Part: "run id", Ours: got, Theirs: v.RunID}
		}
		return o, nil
	})
}

func (v *timetableVector) outcome() Outcome {
	o := Outcome{ID: v.ID}
	if o.Diff = v.check(&o.Rule); o.Diff != nil {
		o.Diff.Picture = v.picture
	}
	return o
}

// differs returns a mismatch if two answers are not the same.
func differs(part string, ours, theirs any) *Mismatch {
	a, b := fmt.Sprint(ours), fmt.Sprint(theirs)
	if a == b {
		return nil
	}
	return &Mismatch{Part: part, Ours: a, Theirs: b}
}

// airflowType is the class that Airflow makes of a schedule.
func airflowType(k dag.ScheduleKind) string {
	return map[dag.ScheduleKind]string{
		dag.ScheduleNone: "NullTimetable", dag.ScheduleOnce: "OnceTimetable", dag.ScheduleContinuous: "ContinuousTimetable",
		dag.ScheduleCronInterval: "CronDataIntervalTimetable", dag.ScheduleCronTrigger: "CronTriggerTimetable",
		dag.ScheduleMultipleCron: "MultipleCronTriggerTimetable", dag.ScheduleCronPartition: "CronPartitionTimetable",
		dag.ScheduleDeltaInterval: "DeltaDataIntervalTimetable", dag.ScheduleDeltaTrigger: "DeltaTriggerTimetable",
		dag.SchedulePartitionedAtRuntime: "PartitionedAtRuntime", dag.ScheduleEvents: "EventsTimetable",
	}[k]
}

// check compares everything that was recorded of a timetable; the first difference
// counts.
func (v *timetableVector) check(rule *string) *Mismatch {
	e := v.Expect
	schedule, err := v.Timetable.toSchedule()
	if err != nil {
		return &Mismatch{Part: "schedule", Ours: err.Error(), Theirs: e.Type}
	}
	tt, err := timetable.New(schedule)
	if refused := e.Construct != nil || e.Validate != "ok"; refused || err != nil {
		if m := differs("refused", err != nil, refused); m != nil || err == nil || wellSaid(err.Error()) {
			return m
		}
		return &Mismatch{Part: "message", Ours: err.Error(), Theirs: "one with a remedy"}
	}
	for _, m := range []*Mismatch{
		differs("type", airflowType(schedule.Kind), e.Type),
		differs("summary", tt.Summary(), e.Summary),
		differs("description", tt.Description(), e.Description),
		differs("traits", tt.Traits(), timetable.Traits{Periodic: e.Periodic, CanBeScheduled: e.CanBeScheduled, ActiveRunsLimit: e.ActiveRunsLimit}),
	} {
		if m != nil {
			return m
		}
	}
	if v.DescribeOnly {
		return nil
	}
	if m := v.checkRuns(tt, rule); m != nil {
		return m
	}
	return v.checkManual(tt)
}

func (v *timetableVector) checkManual(tt timetable.Timetable) *Mismatch {
	for i, want := range v.Expect.Manual {
		got, err := tt.Manual(v.ManualAt[i])
		part := "manual " + v.ManualAt[i].Format(time.RFC3339)
		if want.Error {
			if !sameError(err, want.Type) {
				return &Mismatch{Part: part, Ours: fmt.Sprint(got, err), Theirs: want.String()}
			}
			continue
		}
		if err != nil || !got.Start.Equal(*want.Start) || !got.End.Equal(*want.End) {
			return &Mismatch{Part: part, Ours: fmt.Sprint(got, err), Theirs: want.String()}
		}
	}
	return nil
}

func (v *timetableVector) checkRuns(tt timetable.Timetable, rule *string) *Mismatch {
	r := timetable.Restriction{Catchup: v.Catchup}
	if v.Earliest != nil {
		r.Earliest = *v.Earliest
	}
	if v.Latest != nil {
		r.Latest = *v.Latest
	}
	var last *timetable.Interval
	if v.Last != nil {
		last = &timetable.Interval{Start: v.Last.Start, End: v.Last.End}
	}
	for i, want := range v.Expect.Runs {
		due, err := tt.Next(last, r, v.Nows[i])
		ours := dueString(due)
		if err != nil {
			ours = "error " + err.Error()
		}
		wrong := &Mismatch{Part: fmt.Sprintf("run %d, last %v, now %s", i, last, v.Nows[i].Format(time.RFC3339Nano)), Ours: ours, Theirs: want.String()}
		switch {
		case want != nil && want.Error && strings.HasPrefix(want.Type, "builtins."):
			// Airflow stops here by a fault of its own; to go on is better.
			if err != nil || due == nil || last != nil && !due.Interval.Start.After(last.Start) {
				return wrong
			}
			*rule = ruleStoppedTimetable
			return nil
		case want != nil && want.Error:
			if !sameError(err, want.Type) {
				return wrong
			}
			return nil
		case err != nil || ours != want.String():
			return wrong
		case due == nil:
			return nil
		}
		last = due.Last()
	}
	return nil
}

// sameError compares the kinds of errors that a valid timetable can give.
func sameError(err error, airflow string) bool {
	var none *timetable.NoMatchError
	var bad *timetable.CronError
	switch airflow {
	case "croniter.croniter.CroniterBadDateError":
		return errors.As(err, &none)
	case "croniter.croniter.CroniterBadCronError", "croniter.croniter.CroniterNotAlphaError", "croniter.croniter.CroniterUnsupportedSyntaxError":
		return errors.As(err, &bad)
	}
	return false
}

// wellSaid asks of a message that it says where, and what to do instead.
func wellSaid(message string) bool {
	for _, remedy := range []string{"use ", "write ", "must ", "choose ", "takes ", "not possible", "give ", "name "} {
		if strings.Contains(message, remedy) && (strings.Contains(message, `"`) || strings.HasPrefix(message, "schedule ")) {
			return true
		}
	}
	return false
}
