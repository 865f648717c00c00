package scheduler_test

import (
	"slices"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// TestAssetEventsAreNewer: an event whose report comes late, or when the clock was set
// back, is dated after the last run that assets have triggered: a process that starts
// anew finds it by its date.
func TestAssetEventsAreNewer(t *testing.T) {
	t.Parallel()
	graph := func(d *dag.DAG) *dag.Graph {
		g, err := dag.NewGraph(d)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	ref := dag.AssetRef{URI: "x://a"}
	last := day(2)
	consumer := scheduler.DAGInfo{Version: "v1", AssetsSince: last, Graph: graph(&dag.DAG{
		ID: "consumer", MaxActiveRuns: 1, Schedule: dag.ScheduleFromAssets(ref), Tasks: []*dag.Task{dag.NewTask("c", "plain")},
	})}
	producer := scheduler.DAGInfo{Version: "v1", Graph: graph(&dag.DAG{ID: "d", Tasks: []*dag.Task{dag.NewTask("t", "plain")}})}
	for name, now := range map[string]time.Time{"late": last.Add(time.Hour), "clock set back": last.Add(-time.Hour)} {
		s := scheduler.NewSnapshot()
		for _, info := range []scheduler.DAGInfo{consumer, producer} {
			if err := s.SetDAG(info); err != nil {
				t.Fatal(err)
			}
		}
		id := run.ID{DAG: "d", Run: "r"}
		s.Create(run.Run{ID: id, Type: run.TypeManual, RunAfter: now}, now)
		a := run.Attempt{Key: run.Key{ID: id, Task: "t", Map: run.Unmapped}, Try: 1}
		if d := scheduler.Plan(s, now); !slices.Contains(d.Start, a) || !s.Claim(a, scheduler.Claim{Token: "x"}, now) {
			t.Fatalf("%s: %+v is not started", name, d)
		}
		s.Report(run.Report{
			Attempt: a, Token: "x", Outcome: run.OutcomeSuccess, At: last, Events: []run.AssetEvent{{Asset: ref.URI, At: last.Add(-time.Minute)}},
		}, now)
		if d := scheduler.Plan(s, now); !slices.Contains(d.DAGs, "consumer") {
			t.Errorf("%s: the event has triggered no run: %+v", name, d)
		}
		i := slices.IndexFunc(s.Flush(), func(b run.Batch) bool { return len(b.Events) == 1 && b.Events[0].At.After(last) })
		if i < 0 {
			t.Errorf("%s: the event is not dated after %s", name, last)
		}
	}
}
