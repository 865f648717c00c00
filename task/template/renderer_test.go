package template

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// attempt is an attempt of task t of the DAG shop, of the run of 2024-02-29.
func attempt() *task.Attempt {
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	next := day.AddDate(0, 0, 1)
	t := dag.NewTask("t", "airflow.providers.standard.operators.bash.BashOperator")
	d := &dag.DAG{ID: "shop", File: "shop.yaml", Tasks: []*dag.Task{t}}
	r := &run.Run{
		ID: run.ID{DAG: "shop", Run: "scheduled__2024-03-01T00:00:00+00:00"}, Type: run.TypeScheduled, State: run.RunRunning,
		LogicalDate: &day, IntervalStart: &day, IntervalEnd: &next, RunAfter: next,
	}
	return &task.Attempt{
		DAG: d, Task: t, Run: r, Instance: &run.Instance{Task: "t", Map: run.Unmapped, Try: 1, State: run.Running},
		Services: task.Services{Now: func() time.Time { return next }},
	}
}

func TestConstants(t *testing.T) {
	t.Parallel()
	r := NewRenderer(Config{}, attempt())
	for _, tt := range []struct{ in, want string }{
		{"", ""}, {"plain", "plain"}, {"one\n", "one"}, {"two\n\n", "two\n"}, {"a\r\nb\rc", "a\nb\nc"}, {"{ a }", "{ a }"},
	} {
		got, err := r.Render(t.Context(), tt.in)
		if err != nil || got != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
	if r.env != nil {
		t.Error("texts without markup made an environment")
	}
	got, err := r.Render(t.Context(), "{{ ds }}")
	if err != nil || got != "2024-02-29" {
		t.Errorf("ds: %q, %v", got, err)
	}
}
