package scheduler_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// TestConsumedEvents: a run is told of all events of its assets since the last run that
// assets have triggered, those that came while the DAG was paused included, each once.
func TestConsumedEvents(t *testing.T) {
	t.Parallel()
	s := scheduler.NewSnapshot()
	set := func(d *dag.DAG, paused bool) {
		g, err := dag.NewGraph(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetDAG(scheduler.DAGInfo{Graph: g, Version: "v1", Paused: paused}); err != nil {
			t.Fatal(err)
		}
	}
	producer := &dag.DAG{ID: "p", MaxActiveTasks: 16, Tasks: []*dag.Task{dag.NewTask("t", "plain")}}
	consumer := &dag.DAG{
		ID: "c", MaxActiveRuns: 16, MaxActiveTasks: 16, Tasks: []*dag.Task{dag.NewTask("t", "plain")},
		Schedule: dag.ScheduleFromAssets(dag.AssetRef{URI: "x://a"}, dag.AssetRef{URI: "x://b"}),
	}
	set(producer, false)
	set(consumer, false)
	now := day(1)
	emit := func(asset string) {
		now = now.Add(time.Minute)
		id := run.ID{DAG: "p", Run: now.String()}
		s.Create(run.Run{ID: id, Type: run.TypeManual, RunAfter: now}, now)
		scheduler.Plan(s, now)
		a := run.Attempt{Key: run.Key{ID: id, Task: "t", Map: run.Unmapped}, Try: 1}
		events := []run.AssetEvent{{Asset: "x://" + asset, Source: a.Key}}
		if !s.Claim(a, scheduler.Claim{Token: "x"}, now) || !s.Report(run.Report{Attempt: a, Token: "x", Outcome: run.OutcomeSuccess, At: now, Events: events}, now) {
			t.Fatalf("%s cannot be emitted", asset)
		}
		scheduler.Plan(s, now)
	}
	consumed := func() (out []string) {
		for _, v := range s.Runs("c") {
			text := ""
			for _, ev := range v.Run.Events {
				text += ev.Asset[len("x://"):]
			}
			out = append(out, text)
		}
		return out
	}
	emit("a")
	emit("other")
	emit("a")
	set(consumer, true)
	emit("b")
	set(consumer, false)
	if got := consumed(); len(got) > 0 {
		t.Fatalf("an update that came while the DAG was paused has brought the runs %v", got)
	}
	emit("b")
	emit("b")
	emit("a")
	if diff := cmp.Diff([]string{"aabb", "ba"}, consumed()); diff != "" {
		t.Errorf("events of the runs (-want +got):\n%s", diff)
	}
}
