package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/embedded/metrics"
	"github.com/updraft-dev/updraft/run"
)

func TestSee(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m.See([]run.Batch{{
		Update: &run.RunChange{State: run.RunRunning, Want: run.Run{State: run.RunSuccess}},
		Changes: []run.Change{
			{If: run.Condition{State: run.Running}, Want: run.Instance{State: run.Success, Start: begun, End: begun.Add(2 * time.Second)}},
			{If: run.Condition{State: run.Running}, Want: run.Instance{State: run.Running}},             // no other state
			{If: run.Condition{Absent: true}, Want: run.Instance{}},                                     // a new one
			{Gone: true, If: run.Condition{State: run.Running}, Want: run.Instance{State: run.Success}}, // no longer there
		},
	}, {Update: &run.RunChange{State: run.RunRunning, Want: run.Run{State: run.RunRunning}}}})
	res := httptest.NewRecorder()
	m.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := res.Body.String()
	for _, want := range []string{
		"updraft_commits_total 1\n", `updraft_dag_runs_total{state="success"} 1` + "\n",
		`updraft_task_instances_total{state="success"} 1` + "\n", `updraft_task_instances_total{state="none"} 1` + "\n",
		"updraft_task_duration_seconds_sum 2\n", "go_goroutines ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(text, `state="running"`) {
		t.Errorf("counts what did not change:\n%s", text)
	}
}
