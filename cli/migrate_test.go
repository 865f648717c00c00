package cli

import (
	"fmt"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/prices"
	"github.com/updraft-dev/updraft/run"
)

// at is how attempts of a task went at a place, all of which took as long.
func at(task, executor string, placed bool, succeeded int, took time.Duration, failed ...run.Cause) embedded.AttemptsAt {
	p := embedded.AttemptsAt{Task: task, Executor: executor, Placed: placed, Count: succeeded + len(failed), Failed: len(failed), Causes: map[run.Cause]int{}}
	for range succeeded {
		p.Took = append(p.Took, took)
	}
	for _, c := range failed {
		p.Causes[c]++
	}
	p.Total = time.Duration(p.Count) * took
	return p
}

func TestMigrationSentence(t *testing.T) {
	t.Parallel()
	l, err := prices.USEast1()
	if err != nil {
		t.Fatal(err)
	}
	g, err := dag.NewGraph(&dag.DAG{ID: "etl", Tasks: []*dag.Task{dag.NewTask("a", "x"), dag.NewTask("b", "x")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		places []embedded.AttemptsAt
		want   string
	}{
		{
			name: "nothing yet", places: []embedded.AttemptsAt{at("a", "lambda", false, 3, time.Second)},
			want: "in the last 20 runs, no attempt has ended where it is placed, and none of 3 attempts failed elsewhere",
		},
		{
			name:   "nothing elsewhere",
			places: []embedded.AttemptsAt{at("a", "kubernetes", true, 1, time.Second)},
			want:   "in 5 of the last 20 runs, at kubernetes none of 1 attempt failed, and no attempt has ended elsewhere",
		},
		{
			name: "both",
			places: []embedded.AttemptsAt{
				at("a", "lambda", false, 17, 10*time.Second, run.CauseTask), at("a", "kubernetes", true, 7, 12*time.Second, run.CauseOOM, run.CauseOOM, run.CauseImage),
				at("b", "kubernetes", true, 2, time.Hour),
			},
			want: "in 5 of the last 20 runs, at kubernetes 3 of 12 attempts failed (25%: image 1, oom 2), and 1 of 18 attempts failed (5.6%: task 1) elsewhere; " +
				"by their medians, tasks take 20% longer there",
		},
		{
			name: "with prices", places: []embedded.AttemptsAt{at("a", "lambda", false, 1, 100*time.Second), at("a", "fargate", true, 1, 50*time.Second)},
			want: "in 5 of the last 20 runs, at fargate none of 1 attempt failed, and none of 1 attempt failed elsewhere; " +
				"by their medians, tasks take 50% less time there; an attempt costs 66% less",
		},
	} {
		var sum tally
		for n := range tt.places {
			p := &tt.places[n]
			dollars, known := attemptCost(l, g, p)
			sum.add(p, dollars, known)
		}
		m := &embedded.Comparison{Runs: 20, Concerned: 5}
		if got := sum.sentence(m); got != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
}

func TestAttemptCost(t *testing.T) {
	t.Parallel()
	l, err := prices.USEast1()
	if err != nil {
		t.Fatal(err)
	}
	large := dag.NewTask("large", "x")
	large.Resources.Memory = 4 << 30
	g, err := dag.NewGraph(&dag.DAG{ID: "etl", Tasks: []*dag.Task{dag.NewTask("small", "x"), large}})
	if err != nil {
		t.Fatal(err)
	}
	cost := func(task, executor string, took time.Duration) string {
		p := at(task, executor, true, 2, took)
		dollars, known := attemptCost(l, g, &p)
		if !known {
			return "unknown"
		}
		return fmt.Sprintf("%.6f", dollars)
	}
	small, large4 := cost("small", "lambda", time.Minute), cost("large", "lambda", time.Minute)
	if small == "unknown" || large4 <= small || cost("small", "lambda", 2*time.Minute) <= small || cost("small", "fargate", time.Minute) == "unknown" {
		t.Errorf("a minute costs %s small and %s large", small, large4)
	}
	for _, c := range [][2]string{{"small", "kubernetes"}, {"gone", "lambda"}, {"small", "local"}} {
		if got := cost(c[0], c[1], time.Minute); got != "unknown" {
			t.Errorf("task %s at %s costs %s, want unknown", c[0], c[1], got)
		}
	}
	if got := cost("small", "lambda", time.Hour); got != "unknown" {
		t.Errorf("an hour at lambda costs %s: no function has the time", got)
	}
	none := at("small", "lambda", true, 0, 0)
	if _, known := attemptCost(l, g, &none); known {
		t.Error("no attempt has a price")
	}
}
