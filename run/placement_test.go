package run_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
)

func TestShareOfRuns(t *testing.T) {
	t.Parallel()
	const n = 10_000
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	names := map[string]func(i int) string{
		"by the hour": func(i int) string {
			return "scheduled__" + day.Add(time.Duration(i)*time.Hour).Format("2006-01-02T15:04:05-07:00")
		},
		"numbered": func(i int) string { return fmt.Sprintf("r%d", i) },
	}
	for what, name := range names {
		for _, share := range []run.Share{0, 1_00, 10_00, 50_00, 99_00, run.Whole} {
			in := 0
			for i := range n {
				if share.Has(run.ID{DAG: "etl", Run: name(i)}) {
					in++
				}
			}
			p := float64(share) / float64(run.Whole)
			want, deviation := p*n, math.Sqrt(n*p*(1-p))
			if math.Abs(float64(in)-want) > 3*deviation {
				t.Errorf("%s: %s of %d runs are %d, want %.0f give or take %.0f", what, share, n, in, want, 3*deviation)
			}
		}
	}
}

func TestShareOnlyGains(t *testing.T) {
	t.Parallel()
	sides := map[bool]int{}
	for i := range 200 {
		id := run.ID{DAG: "etl", Run: fmt.Sprintf("r%d", i)}
		was := false
		for s := run.Share(0); s <= run.Whole; s += 25 {
			is := s.Has(id)
			if was && !is {
				t.Fatalf("run %s is in a smaller share and not in %s", id, s)
			}
			was = is
		}
		if !was {
			t.Errorf("run %s is not in the share of all", id)
		}
		sides[run.Share(50_00).Has(id) == run.Share(50_00).Has(run.ID{DAG: "other", Run: id.Run})]++
	}
	if sides[false] < 60 {
		t.Errorf("runs of two DAGs with the same names are on different sides %d times of 200: a share of one DAG says too much about the other", sides[false])
	}
}

func TestShareKeepsSides(t *testing.T) {
	t.Parallel()
	// Other sides than these would move runs that are under way at an upgrade.
	for name, want := range map[string]bool{"r0": true, "r1": false, "r2": true, "scheduled__2026-01-01T00:00:00+00:00": false} {
		if got := run.Share(50_00).Has(run.ID{DAG: "etl", Run: name}); got != want {
			t.Errorf("run %s is in half of the runs: %t, want %t", name, got, want)
		}
	}
}

func TestParseShare(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in    string
		want  run.Share
		fault string
	}{
		{in: "10%", want: 10_00},
		{in: " 0.5 %", want: 50},
		{in: "0%"},
		{in: "100%", want: run.Whole},
		{in: "12.345%", want: 12_35},
		{in: "10", fault: `share is "10": write a percentage, such as 10%`},
		{in: "half", fault: `share is "half": write a percentage, such as 10%`},
		{in: "-1%", fault: `share is "-1%": it is from 0% (none) to 100% (all runs)`},
		{in: "101%", fault: `share is "101%": it is from 0% (none) to 100% (all runs)`},
		{in: "NaN%", fault: `share is "NaN%": it is from 0% (none) to 100% (all runs)`},
		{in: "0.001%", fault: `share is "0.001%": the smallest is 0.01%`},
	} {
		got, err := run.ParseShare(tt.in)
		if fault := fmt.Sprint(err); tt.fault != "" && fault != tt.fault || tt.fault == "" && (err != nil || got != tt.want) {
			t.Errorf("ParseShare(%q) = %d, %v; want %d, %s", tt.in, got, err, tt.want, tt.fault)
		}
	}
	for share, want := range map[run.Share]string{0: "0%", 50: "0.5%", 12_35: "12.35%", run.Whole: "100%"} {
		if got := share.String(); got != want {
			t.Errorf("share %d is written %s, want %s", int(share), got, want)
		}
	}
}

func TestPlacementSelects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tasks []string
		yes   []string
		no    []string
	}{
		{yes: []string{"a", "group.b"}},
		{tasks: []string{"a", "b"}, yes: []string{"a", "b"}, no: []string{"c", "ab", ""}},
		{tasks: []string{"group.b"}, yes: []string{"group.b"}, no: []string{"groupxb"}},
		{tasks: []string{"load_.*|x"}, yes: []string{"load_a", "load_", "x"}, no: []string{"preload_a", "xy", "load"}},
		{tasks: []string{`group\..*`}, yes: []string{"group.b"}, no: []string{"groupxb"}},
		{tasks: []string{"(damaged"}, no: []string{"a", "damaged"}},
	} {
		p := run.Placement{Tasks: tt.tasks}
		for _, task := range tt.yes {
			if !p.Selects(task) {
				t.Errorf("%q does not select %s", tt.tasks, task)
			}
		}
		for _, task := range tt.no {
			if p.Selects(task) {
				t.Errorf("%q selects %s", tt.tasks, task)
			}
		}
	}
	if _, err := run.CompilePattern("(x"); err == nil {
		t.Error("a regular expression without its end was compiled")
	}
}
