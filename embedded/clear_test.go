package embedded_test

import (
	"errors"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// chain is a DAG whose middle task fails; nothing of it needs a process.
const chain = `chain:
  schedule: "@daily"
  start_date: "2026-01-01"
  catchup: false
  tasks:
    first:
      operator: airflow.providers.standard.operators.empty.EmptyOperator
    middle:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: "{{ undefined_name }}"
      dependencies: [first]
    last:
      operator: airflow.providers.standard.operators.empty.EmptyOperator
      dependencies: [middle]
`

// ranChain is an installation in which the chain has run for some days of January.
func ranChain(t *testing.T, days ...int) *embedded.Installation {
	t.Helper()
	home := newHome(t, map[string]string{"chain.yaml": chain})
	i := open(t, home, nil)
	for _, d := range days {
		at := time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC)
		_, err := i.RunOnce(t.Context(), embedded.RunOptions{
			Targets: []string{filepath.Join(home, "dags", "chain.yaml")}, LogicalDate: &at, RunID: at.Format(time.DateOnly),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return i
}

func names(list []embedded.Touched) []string {
	out := []string{}
	for _, t := range list {
		out = append(out, t.ID.Run+" "+t.Name()+" "+t.State.String())
	}
	return out
}

func TestClear(t *testing.T) {
	t.Parallel()
	i := ranChain(t, 1, 2)
	day := func(d int) *time.Time {
		at := time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC)
		return &at
	}
	for _, tc := range []struct {
		name string
		c    embedded.Clear
		want []string
	}{
		{"one task", embedded.Clear{Run: "2026-01-01", Tasks: regexp.MustCompile("^middle$")}, []string{"2026-01-01 middle failed"}},
		{"upstream", embedded.Clear{Run: "2026-01-01", Tasks: regexp.MustCompile("middle"), Upstream: true}, []string{"2026-01-01 first success", "2026-01-01 middle failed"}},
		{"failed, downstream and future", embedded.Clear{Run: "2026-01-01", Tasks: regexp.MustCompile("first"), OnlyFailed: true, Downstream: true, Future: true}, []string{
			"2026-01-01 middle failed", "2026-01-01 last upstream_failed", "2026-01-02 middle failed", "2026-01-02 last upstream_failed",
		}},
		{"past", embedded.Clear{Run: "2026-01-02", Tasks: regexp.MustCompile("last"), Past: true}, []string{"2026-01-01 last upstream_failed", "2026-01-02 last upstream_failed"}},
		{"from", embedded.Clear{From: day(2), Tasks: regexp.MustCompile("first")}, []string{"2026-01-02 first success"}},
		{"to, each once", embedded.Clear{To: day(1), Tasks: regexp.MustCompile("first"), Past: true}, []string{"2026-01-01 first success"}},
		{"all runs", embedded.Clear{Tasks: regexp.MustCompile("first"), Past: true, Future: true}, []string{"2026-01-01 first success", "2026-01-02 first success"}},
		{"nothing runs", embedded.Clear{OnlyRunning: true}, []string{}},
		{"no runs", embedded.Clear{From: day(5)}, []string{}},
	} {
		tc.c.DAG, tc.c.DryRun = "chain", true
		got, err := i.Clear(t.Context(), tc.c)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if d := cmp.Diff(tc.want, names(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
	if data, err := i.FindRun(t.Context(), run.ID{DAG: "chain", Run: "2026-01-01"}); err != nil || data.Run.State != run.RunFailed {
		t.Errorf("after dry runs the run is %s, %v", data.Run.State, err)
	}
	if _, err := i.Clear(t.Context(), embedded.Clear{DAG: "chain", Run: "2026-01-01"}); err != nil {
		t.Fatal(err)
	}
	if data, err := i.FindRun(t.Context(), run.ID{DAG: "chain", Run: "2026-01-01"}); err != nil || data.Run.State != run.RunQueued || data.Run.Clears != 1 {
		t.Errorf("after a clear the run is %s, cleared %d times, %v", data.Run.State, data.Run.Clears, err)
	}
	for want, c := range map[string]embedded.Clear{
		`DAG chain has no task whose id contains "nope": see ` + "`updraft tasks list chain`": {DAG: "chain", Tasks: regexp.MustCompile("nope")},
		"run nope of DAG chain is not found: its latest are 2026-01-02, 2026-01-01":           {DAG: "chain", Run: "nope"},
		"DAG nope is not found: see `updraft dags list`":                                      {DAG: "nope"},
	} {
		if _, err := i.Clear(t.Context(), c); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

func TestMark(t *testing.T) {
	t.Parallel()
	i := ranChain(t, 1, 2)
	m := embedded.Mark{Run: run.ID{DAG: "chain", Run: "2026-01-01"}, Tasks: []string{"middle"}, State: run.Success, Future: true, DryRun: true}
	for _, dry := range []bool{true, false} {
		m.DryRun = dry
		marked, cleared, err := i.Mark(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		want := [][]string{{"2026-01-01 middle failed", "2026-01-02 middle failed"}, {"2026-01-01 last upstream_failed", "2026-01-02 last upstream_failed"}}
		if d := cmp.Diff(want, [][]string{names(marked), names(cleared)}); d != "" {
			t.Errorf("dry run %v (-want +got):\n%s", dry, d)
		}
	}
	for want, change := range map[string]func(*embedded.Mark){
		`run chain/2026-01-01 has no task "nope": it has first, middle, last`: func(m *embedded.Mark) { m.Tasks = []string{"nope"} },
		"task first of run chain/2026-01-01 has no map index 1: see `updraft tasks states-for-dag-run chain 2026-01-01`": func(m *embedded.Mark) {
			m.Tasks, m.Maps = []string{"first"}, []int{1}
		},
		"cannot mark a task instance queued: use success, failed or skipped": func(m *embedded.Mark) { m.State = run.Queued },
	} {
		wrong := m
		change(&wrong)
		if _, _, err := i.Mark(t.Context(), wrong); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}

func TestMarkRun(t *testing.T) {
	t.Parallel()
	i := ranChain(t, 1)
	id := run.ID{DAG: "chain", Run: "2026-01-01"}
	state := func(want run.RunState) {
		t.Helper()
		if data, err := i.FindRun(t.Context(), id); err != nil || data.Run.State != want {
			t.Errorf("the run is %s, %v, want %s", data.Run.State, err, want)
		}
	}
	if _, err := i.MarkRun(t.Context(), embedded.RunMark{Run: id, State: run.RunQueued}); err != nil {
		t.Fatal(err)
	}
	state(run.RunQueued)
	dry, err := i.MarkRun(t.Context(), embedded.RunMark{Run: id, State: run.RunSuccess, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	state(run.RunQueued)
	got, err := i.MarkRun(t.Context(), embedded.RunMark{Run: id, State: run.RunSuccess})
	if err != nil {
		t.Fatal(err)
	}
	state(run.RunSuccess)
	if d := cmp.Diff(names(dry), names(got)); d != "" || len(got) != 3 {
		t.Errorf("%d instances were changed; dry and real differ:\n%s", len(got), d)
	}
	if _, err := i.MarkRun(t.Context(), embedded.RunMark{Run: id, State: run.RunRunning}); err == nil {
		t.Error("a run can be marked running")
	}
}

func TestBackfills(t *testing.T) {
	t.Parallel()
	i := ranChain(t, 2)
	ctx := t.Context()
	b := scheduler.Backfill{
		DAG: "chain", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC),
		Reprocess: scheduler.ReprocessFailed,
	}
	planned, err := i.PlanBackfill(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := i.Backfills(ctx, ""); err != nil || len(all) != 0 {
		t.Errorf("a plan stored %d backfills, %v", len(all), err)
	}
	started, err := i.StartBackfill(ctx, b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(planned, started.Runs); d != "" {
		t.Errorf("planned and started differ:\n%s", d)
	}
	if _, err := i.StartBackfill(ctx, b); !errors.Is(err, scheduler.ErrBackfillActive) {
		t.Errorf("a second one: %v", err)
	}
	progress := func(want map[run.RunState]int, paused, completed bool) {
		t.Helper()
		all, err := i.Backfills(ctx, "chain")
		if err != nil || len(all) != 1 {
			t.Fatalf("%d backfills, %v", len(all), err)
		}
		if d := cmp.Diff(want, all[0].States); d != "" || all[0].Paused != paused || all[0].CompletedAt.IsZero() == completed {
			t.Errorf("paused %v, completed %s; runs (-want +got):\n%s", all[0].Paused, all[0].CompletedAt, d)
		}
	}
	progress(map[run.RunState]int{run.RunQueued: 3}, false, false)
	if err := i.PauseBackfill(ctx, started.ID, true); err != nil {
		t.Fatal(err)
	}
	progress(map[run.RunState]int{run.RunQueued: 3}, true, false)
	text, list, err := i.ExplainRun(ctx, run.ID{DAG: "chain", Run: "2026-01-02"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "run chain/2026-01-02 is queued: its backfill chain#1 is paused; unpause it with `updraft backfill unpause chain#1`"; text != want || len(list) != 3 || !list[0].OfRun {
		t.Errorf("explanation is %q with %d instances, want %q", text, len(list), want)
	}
	ended, err := i.CancelBackfill(ctx, started.ID)
	if err != nil || len(ended) != 3 {
		t.Fatalf("%d runs were ended, %v", len(ended), err)
	}
	progress(map[run.RunState]int{run.RunFailed: 3}, true, true)
	for _, err := range []error{i.PauseBackfill(ctx, "no#1", true), func() error { _, err := i.CancelBackfill(ctx, "no#1"); return err }()} {
		if !errors.Is(err, store.ErrNotFound) || err.Error() != "backfill no#1 is not found: see `updraft backfill list`" {
			t.Errorf("error is %v", err)
		}
	}
}
