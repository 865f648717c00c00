package timetable

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	_ "time/tzdata"
)

// The vectors are recorded answers of a real Airflow 3.3.2. UPDRAFT_TIMETABLE_VECTORS
// names a folder of further ones in the same form.

// TestMain makes the time zones those of testdata (tz 2025b or later, which the vectors
// ask for), whatever the host has.
func TestMain(m *testing.M) {
	if err := os.Setenv("ZONEINFO", filepath.Join("testdata", "zoneinfo.zip")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

type vector struct {
	ID           string
	Timetable    vectorTable
	DescribeOnly bool `json:"describe_only"`
	Earliest     *time.Time
	Latest       *time.Time
	Catchup      bool
	Last         *vectorInterval
	Nows         []time.Time
	ManualAt     []time.Time `json:"manual_at"`
	Expect       vectorExpect
}

type vectorTable struct {
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

type vectorInterval struct{ Start, End time.Time }

type vectorExpect struct {
	Construct       *vectorError
	Type            string
	Summary         string
	Description     string
	Periodic        bool
	CanBeScheduled  bool `json:"can_be_scheduled"`
	ActiveRunsLimit int  `json:"active_runs_limit"`
	Validate        any
	Runs            []*vectorRun
	Manual          []vectorRun
}

type vectorError struct{ Type, Message string }

type vectorRun struct {
	Error         bool
	Type          string
	Message       string
	RunAfter      time.Time  `json:"run_after"`
	Start         *time.Time `json:"data_interval_start"`
	End           *time.Time `json:"data_interval_end"`
	PartitionDate *time.Time `json:"partition_date"`
	PartitionKey  string     `json:"partition_key"`
}

func (r *vectorRun) String() string {
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

func dueString(d *Due) string {
	if d == nil {
		return "none"
	}
	r := vectorRun{RunAfter: d.RunAfter, PartitionKey: d.PartitionKey}
	if d.Interval != nil {
		r.Start, r.End = &d.Interval.Start, &d.Interval.End
	}
	if !d.PartitionDate.IsZero() {
		r.PartitionDate = &d.PartitionDate
	}
	return r.String()
}

func (v vectorTable) toSchedule() (dag.Schedule, error) {
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

func (v vectorTable) rawSchedule() (dag.Schedule, error) {
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

func readLines(t *testing.T, file string, each func(line []byte)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines *bufio.Scanner
	if strings.HasSuffix(file, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		lines = bufio.NewScanner(z)
	} else {
		lines = bufio.NewScanner(f)
	}
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		each(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func readVectors(t *testing.T, file string) (out []vector) {
	t.Helper()
	readLines(t, file, func(line []byte) {
		v := vector{Timetable: vectorTable{RunImmediately: absent{}}}
		var keys struct{ Timetable map[string]json.RawMessage }
		if err := json.Unmarshal(line, &keys); err != nil {
			t.Fatal(err)
		}
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, there := keys.Timetable["run_immediately"]; !there {
			v.Timetable.RunImmediately = absent{}
		}
		out = append(out, v)
	})
	return out
}

// tally counts what agreed. better counts, by Airflow's exception, the answers where
// Airflow fails and updraft does not (FORMAT.md allows that).
type tally struct {
	mu     sync.Mutex
	agreed map[string]int
	better map[string]int
}

func TestVectors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/vectors/*.jsonl.gz")
	if err != nil || len(files) != 16 {
		t.Fatalf("vector files: %d %v", len(files), err)
	}
	sum := replay(t, files)
	floors := map[string]int{
		"catchup": 298, "cron_dst": 607, "cron_dst_matrix": 392, "cron_partition": 70, "cron_plain": 315, "cron_random": 620, "delta": 315, "describe": 520,
		"end_date": 120, "events": 60, "invalid": 185, "multiple_cron": 110, "presets": 106, "schedule_change": 160, "simple": 92, "run_ids": 240,
	}
	for name, floor := range floors {
		if got := sum.agreed[name]; got < floor {
			t.Errorf("%s: %d vectors agree, were %d", name, got, floor)
		}
	}
	for exception, n := range map[string]int{"builtins.ValueError": 7, "builtins.AssertionError": 1} {
		if got := sum.better[exception]; got != n {
			t.Errorf("%d answers instead of %s, want %d", got, exception, n)
		}
	}
}

func TestFurtherVectors(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("UPDRAFT_TIMETABLE_VECTORS")
	if folder == "" {
		return // nothing more to compare with
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl*"))
	if err != nil {
		t.Fatal(err)
	}
	sum := replay(t, files)
	t.Log("agreed", sum.agreed, "better", sum.better)
}

func replay(t *testing.T, files []string) *tally {
	t.Helper()
	sum := &tally{agreed: map[string]int{}, better: map[string]int{}}
	t.Run("files", func(t *testing.T) {
		for _, file := range files {
			name, _, _ := strings.Cut(filepath.Base(file), ".")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				if name == "run_ids" {
					sum.runIDs(t, name, file)
					return
				}
				for _, v := range readVectors(t, file) {
					if faults := sum.check(v); len(faults) > 0 {
						t.Errorf("%s %+v: %s", v.ID, v.Timetable, strings.Join(faults, "\n  "))
						continue
					}
					sum.count(name)
				}
			})
		}
	})
	return sum
}

func (s *tally) count(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agreed[name]++
}

func (s *tally) runIDs(t *testing.T, name, file string) {
	readLines(t, file, func(line []byte) {
		var v struct {
			RunType  string    `json:"run_type"`
			RunAfter time.Time `json:"run_after"`
			RunID    string    `json:"run_id"`
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		if got := RunID(v.RunType, v.RunAfter, ""); got != v.RunID {
			t.Errorf("got %s, want %s", got, v.RunID)
			return
		}
		s.count(name)
	})
}

var airflowTypes = map[dag.ScheduleKind]string{
	dag.ScheduleNone: "NullTimetable", dag.ScheduleOnce: "OnceTimetable", dag.ScheduleContinuous: "ContinuousTimetable",
	dag.ScheduleCronInterval: "CronDataIntervalTimetable", dag.ScheduleCronTrigger: "CronTriggerTimetable",
	dag.ScheduleMultipleCron: "MultipleCronTriggerTimetable", dag.ScheduleCronPartition: "CronPartitionTimetable",
	dag.ScheduleDeltaInterval: "DeltaDataIntervalTimetable", dag.ScheduleDeltaTrigger: "DeltaTriggerTimetable",
	dag.SchedulePartitionedAtRuntime: "PartitionedAtRuntime", dag.ScheduleEvents: "EventsTimetable",
}

func (s *tally) check(v vector) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	e := v.Expect
	schedule, err := v.Timetable.toSchedule()
	if err != nil {
		return []string{err.Error()}
	}
	if want := airflowTypes[schedule.Kind]; e.Construct == nil && e.Type != want {
		fault("type %s, want %s", want, e.Type)
	}
	tt, err := New(schedule)
	if refused := e.Construct != nil || e.Validate != "ok"; refused || err != nil {
		if refused != (err != nil) {
			fault("New: %v; want %+v %v", err, e.Construct, e.Validate)
		}
		if err != nil && !wellSaid(err.Error()) {
			fault("message %q", err)
		}
		return faults
	}
	if got := tt.Summary(); got != e.Summary {
		fault("summary %q, want %q", got, e.Summary)
	}
	if got := tt.Description(); got != e.Description {
		fault("description\n    got  %q\n    want %q", got, e.Description)
	}
	if got, want := tt.Traits(), (Traits{e.Periodic, e.CanBeScheduled, e.ActiveRunsLimit}); got != want {
		fault("traits %+v, want %+v", got, want)
	}
	if v.DescribeOnly {
		return faults
	}
	s.checkRuns(tt, v, fault)
	for i, want := range e.Manual {
		got, err := tt.Manual(v.ManualAt[i])
		if want.Error {
			if !sameError(err, want.Type) {
				fault("manual %s: error %v, want %s", v.ManualAt[i], err, want.Type)
			}
			continue
		}
		if err != nil || !got.Start.Equal(*want.Start) || !got.End.Equal(*want.End) {
			fault("manual %s: got %v %v, want %v", v.ManualAt[i], got, err, &want)
		}
	}
	return faults
}

func (s *tally) checkRuns(tt Timetable, v vector, fault func(string, ...any)) {
	r := Restriction{Catchup: v.Catchup}
	if v.Earliest != nil {
		r.Earliest = *v.Earliest
	}
	if v.Latest != nil {
		r.Latest = *v.Latest
	}
	var last *Interval
	if v.Last != nil {
		last = &Interval{v.Last.Start, v.Last.End}
	}
	for i, want := range v.Expect.Runs {
		due, err := tt.Next(last, r, v.Nows[i])
		switch {
		case want != nil && want.Error && strings.HasPrefix(want.Type, "builtins."):
			if err != nil || due == nil || last != nil && !due.Interval.Start.After(last.Start) {
				fault("run %d: %s %v instead of %s", i, dueString(due), err, want.Message)
				return
			}
			s.mu.Lock()
			s.better[want.Type]++
			s.mu.Unlock()
			return
		case want != nil && want.Error:
			if !sameError(err, want.Type) {
				fault("run %d: error %v, want %s", i, err, want.Type)
			}
			return
		case err != nil || dueString(due) != want.String():
			fault("run %d (last %v, now %s): %v\n    got  %s\n    want %s", i, last, v.Nows[i].Format(time.RFC3339Nano), err, dueString(due), want)
			return
		case due == nil:
			return
		}
		last = due.Last()
	}
}

// sameError compares the kinds of errors that a valid timetable can give.
func sameError(err error, airflow string) bool {
	var none *NoMatchError
	var bad *CronError
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
