package scheduler_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

func day(n int) time.Time { return time.Date(2024, 6, n, 0, 0, 0, 0, time.UTC) }

// dailyGraph is a DAG of one task that runs every day.
func dailyGraph(t *testing.T, change func(*dag.DAG)) *dag.Graph {
	t.Helper()
	d := &dag.DAG{ID: "d", MaxActiveRuns: 16, Schedule: dag.ScheduleFromText("@daily", "UTC", dag.ScheduleCompat{}), Tasks: []*dag.Task{dag.NewTask("a", "x")}}
	if change != nil {
		change(d)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func dailyRun(n int, state run.RunState) run.Run {
	at := day(n)
	return run.Run{ID: run.ID{DAG: "d", Run: fmt.Sprintf("r%d", n)}, State: state, LogicalDate: &at, IntervalStart: &at, IntervalEnd: &at, RunAfter: at, Type: run.TypeScheduled}
}

func TestPlanBackfill(t *testing.T) {
	t.Parallel()
	existing := []run.Run{dailyRun(2, run.RunSuccess), dailyRun(3, run.RunFailed), dailyRun(4, run.RunRunning)}
	tests := []struct {
		name     string
		backfill scheduler.Backfill
		want     []string
	}{
		{"nothing that exists", scheduler.Backfill{From: day(1), To: day(5)}, []string{
			"create backfill__2024-06-01T00:00:00+00:00", "skip r2 (already exists)", "skip r3 (already exists)",
			"skip r4 (in flight)", "create backfill__2024-06-05T00:00:00+00:00",
		}},
		{"failed ones again, in reverse", scheduler.Backfill{From: day(2), To: day(4), Reverse: true, Reprocess: scheduler.ReprocessFailed}, []string{
			"skip r4 (in flight)", "clear r3", "skip r2 (already exists)",
		}},
		{"completed ones again", scheduler.Backfill{From: day(2), To: day(4), Reprocess: scheduler.ReprocessCompleted}, []string{
			"clear r2", "clear r3", "skip r4 (in flight)",
		}},
		{"no date that is not over", scheduler.Backfill{From: day(9), To: day(30)}, []string{
			"create backfill__2024-06-09T00:00:00+00:00",
		}},
		{"bounds between ticks", scheduler.Backfill{From: day(5).Add(time.Second), To: day(7).Add(-time.Second)}, []string{
			"create backfill__2024-06-06T00:00:00+00:00",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.backfill.DAG = "d"
			runs, err := scheduler.PlanBackfill(dailyGraph(t, nil), tt.backfill, nil, existing, day(10))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range runs {
				line := fmt.Sprintf("%s %s", r.Action, r.Run)
				if r.Reason != "" {
					line += " (" + r.Reason + ")"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("PlanBackfill (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanBackfillRefuses(t *testing.T) {
	t.Parallel()
	ok := scheduler.Backfill{ID: "b", DAG: "d", From: day(1), To: day(3)}
	past := func(d *dag.DAG) { d.Tasks[0].DependsOnPast = true }
	tests := []struct {
		name   string
		dag    func(*dag.DAG)
		change func(*scheduler.Backfill)
		others []scheduler.Backfill
		want   string
	}{
		{name: "no schedule", dag: func(d *dag.DAG) { d.Schedule = dag.Schedule{Kind: dag.ScheduleNone} }, want: "no periodic schedule"},
		{name: "assets", dag: func(d *dag.DAG) { d.Schedule = dag.ScheduleFromAssets(dag.AssetRef{URI: "x://a"}) }, want: "no periodic schedule"},
		{name: "once", dag: func(d *dag.DAG) { d.Schedule = dag.Schedule{Kind: dag.ScheduleOnce} }, want: "no periodic schedule"},
		{name: "continuous", dag: func(d *dag.DAG) {
			d.Schedule = dag.Schedule{Kind: dag.ScheduleContinuous}
			d.MaxActiveRuns = 1
		}, want: "no periodic schedule"},
		{name: "from after to", change: func(b *scheduler.Backfill) { b.From, b.To = b.To, b.From }, want: "swap them"},
		{name: "no dates", change: func(b *scheduler.Backfill) { b.From = time.Time{} }, want: "needs a from date"},
		{name: "future", change: func(b *scheduler.Backfill) { b.From, b.To = day(20), day(21) }, want: "in the future"},
		{name: "nothing due", change: func(b *scheduler.Backfill) { b.From, b.To = day(1).Add(time.Hour), day(1).Add(2*time.Hour) }, want: "no run to backfill"},
		{name: "limit", change: func(b *scheduler.Backfill) { b.MaxActiveRuns = -1 }, want: "max active runs is -1"},
		{name: "reprocess", change: func(b *scheduler.Backfill) { b.Reprocess = "all" }, want: `reprocess behavior is "all"`},
		{name: "past in reverse", dag: past, change: func(b *scheduler.Backfill) { b.Reverse, b.Reprocess = true, scheduler.ReprocessFailed }, want: "in reverse"},
		{name: "past with gaps", dag: past, want: "choose reprocess behavior"},
		{name: "another one", others: []scheduler.Backfill{{ID: "o", DAG: "d"}}, want: "another backfill of the DAG is under way: o"},
		{name: "too long", dag: func(d *dag.DAG) { d.Schedule = dag.ScheduleFromText("* * * * *", "UTC", dag.ScheduleCompat{}) },
			change: func(b *scheduler.Backfill) { b.From = day(1).AddDate(-1, 0, 0) }, want: "make the range shorter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := ok
			if tt.change != nil {
				tt.change(&b)
			}
			_, err := scheduler.PlanBackfill(dailyGraph(t, tt.dag), b, tt.others, nil, day(10))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("PlanBackfill: %v, want an error with %q", err, tt.want)
			}
			if got := errors.Is(err, scheduler.ErrBackfillActive); got != (tt.others != nil) {
				t.Errorf("errors.Is(%v, ErrBackfillActive) = %v", err, got)
			}
		})
	}
	for _, o := range []scheduler.Backfill{{ID: "o", DAG: "other"}, {ID: "o", DAG: "d", CompletedAt: day(1)}, ok} {
		if _, err := scheduler.PlanBackfill(dailyGraph(t, nil), ok, []scheduler.Backfill{o}, nil, day(10)); err != nil {
			t.Errorf("PlanBackfill beside %+v: %v", o, err)
		}
	}
}

// startBackfill plans and starts a backfill on a snapshot that knows the DAG.
func startBackfill(t *testing.T, s *scheduler.Snapshot, g *dag.Graph, b scheduler.Backfill, now time.Time) scheduler.Backfill {
	t.Helper()
	var existing []run.Run
	for _, v := range s.Runs("d") {
		existing = append(existing, v.Run)
	}
	var err error
	if b.Runs, err = scheduler.PlanBackfill(g, b, nil, existing, now); err != nil {
		t.Fatal(err)
	}
	if err := s.StartBackfill(b, now); err != nil {
		t.Fatal(err)
	}
	return b
}

// work claims and ends with success whatever a decision starts; it returns the runs.
func work(t *testing.T, s *scheduler.Snapshot, d scheduler.Decision, now time.Time) (runs []string) {
	t.Helper()
	for _, a := range d.Start {
		if !s.Claim(a, scheduler.Claim{Token: a.String()}, now) || !s.Report(run.Report{Attempt: a, Token: a.String(), Outcome: run.OutcomeSuccess, At: now}, now) {
			t.Fatalf("%s could not be worked off", a)
		}
		runs = append(runs, strings.TrimSuffix(strings.TrimPrefix(a.Run, "backfill__2024-06-"), "T00:00:00+00:00"))
	}
	return runs
}

func TestBackfillRunsInItsOrderAndLimit(t *testing.T) {
	t.Parallel()
	for _, reverse := range []bool{false, true} {
		g := dailyGraph(t, func(d *dag.DAG) { d.MaxActiveRuns, d.MaxActiveTasks = 1, 16 })
		s := scheduler.NewSnapshot()
		if err := s.SetDAG(scheduler.DAGInfo{Graph: g, Version: "v1", Stale: true}); err != nil {
			t.Fatal(err)
		}
		startBackfill(t, s, g, scheduler.Backfill{ID: "b", DAG: "d", From: day(1), To: day(5), MaxActiveRuns: 2, Reverse: reverse, CreatedAt: day(10)}, day(10))
		var got [][]string
		var ended []string
		for range 5 {
			d := scheduler.Plan(s, day(10))
			got = append(got, work(t, s, d, day(10)))
			ended = append(ended, d.Backfills...)
		}
		want := [][]string{{"01", "02"}, {"03", "04"}, {"05"}, nil, nil}
		if reverse {
			want = [][]string{{"04", "05"}, {"02", "03"}, {"01"}, nil, nil}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("reverse %v: runs by step (-want +got):\n%s", reverse, diff)
		}
		if diff := cmp.Diff([]string{"b"}, ended); diff != "" {
			t.Errorf("backfills ended (-want +got):\n%s", diff)
		}
	}
}

func TestBackfillPauseAndCancel(t *testing.T) {
	t.Parallel()
	g := dailyGraph(t, func(d *dag.DAG) { d.MaxActiveTasks = 16 })
	s := scheduler.NewSnapshot()
	if err := s.SetDAG(scheduler.DAGInfo{Graph: g, Version: "v1", Stale: true}); err != nil {
		t.Fatal(err)
	}
	b := startBackfill(t, s, g, scheduler.Backfill{ID: "b", DAG: "d", From: day(1), To: day(3), MaxActiveRuns: 1}, day(10))
	first := scheduler.Plan(s, day(10))
	b.Paused = true
	s.SetBackfill(b)
	work(t, s, first, day(10))
	if d := scheduler.Plan(s, day(10)); len(d.Start) > 0 || len(d.Backfills) > 0 {
		t.Errorf("a paused backfill went on: %+v", d)
	}
	why, err := s.Explain(run.Key{ID: run.ID{DAG: "d", Run: b.Runs[1].Run}, Task: "a", Map: run.Unmapped}, day(10))
	if err != nil || !strings.Contains(why, "its backfill b is paused") {
		t.Errorf("Explain: %q, %v", why, err)
	}
	b.Paused = false
	s.SetBackfill(b)
	second := scheduler.Plan(s, day(10))
	if len(second.Start) != 1 {
		t.Fatalf("an unpaused backfill did not go on: %+v", second)
	}
	if ids := s.CancelBackfill("b", day(10)); len(ids) != 1 || ids[0].Run != b.Runs[2].Run {
		t.Errorf("CancelBackfill ended %v, want the queued run", ids)
	}
	work(t, s, second, day(10))
	scheduler.Plan(s, day(10))
	var states []run.RunState
	for _, v := range s.Runs("d") {
		states = append(states, v.Run.State)
	}
	if diff := cmp.Diff([]run.RunState{run.RunSuccess, run.RunSuccess, run.RunFailed}, states); diff != "" {
		t.Errorf("states after the cancellation (-want +got):\n%s", diff)
	}
}

func TestBackfillReprocessesInPlace(t *testing.T) {
	t.Parallel()
	g := dailyGraph(t, func(d *dag.DAG) { d.MaxActiveTasks = 16 })
	s := scheduler.NewSnapshot()
	if err := s.SetDAG(scheduler.DAGInfo{Graph: g, Version: "v1", Stale: true}); err != nil {
		t.Fatal(err)
	}
	v, err := scheduler.NewView(dailyRun(2, run.RunFailed), g, []run.Instance{{Task: "a", Map: run.Unmapped, State: run.Failed, Try: 1}})
	if err != nil {
		t.Fatal(err)
	}
	s.Add(v)
	startBackfill(t, s, g, scheduler.Backfill{ID: "b", DAG: "d", From: day(2), To: day(2), Reprocess: scheduler.ReprocessFailed}, day(10))
	batches := s.Flush()
	if len(batches) != 1 || batches[0].Update == nil {
		t.Fatalf("a reprocessed run makes one update, not %+v", batches)
	}
	got := batches[0].Update.Want
	if got.Run != "r2" || got.State != run.RunQueued || got.Type != run.TypeBackfill || got.Backfill != "b" || got.Clears != 1 {
		t.Errorf("reprocessed run is %+v", got)
	}
}

func TestBackfillOfThePastDoesNotDependOnWhatIsBefore(t *testing.T) {
	t.Parallel()
	g := dailyGraph(t, func(d *dag.DAG) { d.MaxActiveTasks, d.Catchup, d.Tasks[0].DependsOnPast = 16, true, true })
	s := scheduler.NewSnapshot()
	if err := s.SetDAG(scheduler.DAGInfo{Graph: g, Version: "v1", Paused: false, Stale: true}); err != nil {
		t.Fatal(err)
	}
	v, err := scheduler.NewView(dailyRun(1, run.RunFailed), g, []run.Instance{{Task: "a", Map: run.Unmapped, State: run.Failed, Try: 1}})
	if err != nil {
		t.Fatal(err)
	}
	s.Add(v)
	startBackfill(t, s, g, scheduler.Backfill{ID: "b", DAG: "d", From: day(2), To: day(3), Reprocess: scheduler.ReprocessFailed}, day(10))
	if got := work(t, s, scheduler.Plan(s, day(10)), day(10)); !cmp.Equal(got, []string{"02"}) {
		t.Errorf("started %v, want the first day alone", got)
	}
	if got := work(t, s, scheduler.Plan(s, day(10)), day(10)); !cmp.Equal(got, []string{"03"}) {
		t.Errorf("then started %v, want the second day", got)
	}
}

func TestPausedDAGGoesOnWithNothingNew(t *testing.T) {
	t.Parallel()
	g := dailyGraph(t, func(d *dag.DAG) {
		d.MaxActiveTasks, d.DagrunTimeout = 16, time.Hour
		b := dag.NewTask("b", "x")
		b.Upstream = []string{"a"}
		d.Tasks = append(d.Tasks, b)
	})
	s := scheduler.NewSnapshot()
	set := func(paused bool) {
		if err := s.SetDAG(scheduler.DAGInfo{Graph: g, Version: "v1", Stale: true, Paused: paused}); err != nil {
			t.Fatal(err)
		}
	}
	set(false)
	s.Create(run.Run{ID: run.ID{DAG: "d", Run: "r"}, Type: run.TypeManual, RunAfter: day(1)}, day(1))
	first := scheduler.Plan(s, day(1))
	set(true)
	work(t, s, first, day(1))
	if d := scheduler.Plan(s, day(2)); len(d.Start)+len(d.Runs) > 0 {
		t.Errorf("a paused DAG went on: %+v", d)
	}
	why, err := s.Explain(run.Key{ID: run.ID{DAG: "d", Run: "r"}, Task: "b", Map: run.Unmapped}, day(2))
	if err != nil || !strings.Contains(why, "DAG d is paused") {
		t.Errorf("Explain: %q, %v", why, err)
	}
	set(false)
	if d := scheduler.Plan(s, day(2)); len(d.Runs) != 1 || s.Run(d.Runs[0]).Run.State != run.RunFailed {
		t.Errorf("after the pause, its dagrun_timeout does not end the run: %+v", d)
	}
}
