package dagfile

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
)

// TestDeadlines: the short form, and Airflow's objects.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	res, err := Load([]byte(`d:
  start_date: 2024-01-01
  timezone: Europe/Zurich
  deadline:
    - {reference: queued_at, interval: 900, callback: {webhook: "https://example.com/late"}, name: slow}
    - {reference: DeadlineReference.DAGRUN_LOGICAL_DATE, interval: {__type__: datetime.timedelta, hours: -1}, callback: m.late}
    - {reference: 2024-06-01 09:00, interval: 0, callback: [{command: [echo, late]}]}
    - {reference: average_runtime, limit: 5, min_runs: 2, interval: 60, callback: {callback: m.late, channel: ops}}
    - __type__: airflow.sdk.DeadlineAlert
      reference: DAGRUN_QUEUED_AT
      interval: {__type__: datetime.timedelta, minutes: 5}
      callback: {__type__: airflow.sdk.AsyncCallback, __args__: [m.late], kwargs: {channel: ops}}
  tasks: {a: {operator: airflow.operators.empty.EmptyOperator}}
`), Options{File: "d.yml", Catalog: testCatalog()})
	if err != nil || len(res.Warnings) > 0 {
		t.Fatal(err, res.Warnings)
	}
	python := func(args dag.Values) []dag.Callback {
		return []dag.Callback{{Kind: dag.CallbackPython, Callable: &dag.Callable{Path: "m.late"}, Args: args}}
	}
	nine := time.Date(2024, 6, 1, 7, 0, 0, 0, time.UTC)
	want := []dag.Deadline{
		{Name: "slow", Reference: dag.DeadlineQueued, Interval: 15 * time.Minute, Callbacks: []dag.Callback{{Kind: dag.CallbackWebhook, URL: "https://example.com/late"}}},
		{Reference: dag.DeadlineLogicalDate, Interval: -time.Hour, Callbacks: python(nil)},
		{Reference: dag.DeadlineFixed, At: &nine, Callbacks: []dag.Callback{{Kind: dag.CallbackCommand, Command: []string{"echo", "late"}}}},
		{Reference: dag.DeadlineAverage, Limit: 5, MinRuns: 2, Interval: time.Minute, Callbacks: python(dag.Values{"channel": "ops"})},
		{Reference: dag.DeadlineQueued, Interval: 5 * time.Minute, Callbacks: python(dag.Values{"channel": "ops"})},
	}
	if diff := cmp.Diff(want, res.DAGs[0].Deadlines); diff != "" {
		t.Errorf("deadlines (-want +got):\n%s", diff)
	}
	body, _, err := dag.Encode(res.DAGs[0])
	if err != nil {
		t.Fatal(err)
	}
	again, err := dag.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again.Deadlines); diff != "" {
		t.Errorf("after Encode and Decode (-want +got):\n%s", diff)
	}
}
