package scheduler_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// TestRetryAtOnceKeepsHistory: when a try fails and the next one is queued by the same
// plan, how it ended is written before it is archived.
func TestRetryAtOnceKeepsHistory(t *testing.T) {
	t.Parallel()
	now := day(1)
	s, a := runningOne(t, now)
	now = now.Add(time.Minute)
	s.Report(run.Report{Attempt: a, Token: "x", Outcome: run.OutcomeFailed, Cause: run.CauseTask, Reason: "exit code 1", At: now}, now)
	scheduler.Plan(s, now)
	var steps []run.Condition // from each to the next
	var archived run.Instance
	for _, b := range s.Flush() {
		for i, c := range b.Changes {
			steps = append(steps, c.If)
			if c.Archive && i > 0 {
				archived = b.Changes[i-1].Want
			}
		}
	}
	want := []run.Condition{{State: run.Running, Try: 1, Token: "x"}, {State: run.UpForRetry, Try: 1}}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if archived.Reason != "exit code 1" || !archived.End.Equal(now) {
		t.Errorf("archived is %+v", archived)
	}
}

// runningOne is a snapshot of a run whose only task is running with token x.
func runningOne(t *testing.T, now time.Time) (*scheduler.Snapshot, run.Attempt) {
	t.Helper()
	task := dag.NewTask("t", "plain")
	task.Retries, task.RetryDelay = 1, 0
	g, err := dag.NewGraph(&dag.DAG{ID: "d", Tasks: []*dag.Task{task}})
	if err != nil {
		t.Fatal(err)
	}
	s := scheduler.NewSnapshot()
	if err := s.SetDAG(scheduler.DAGInfo{Graph: g, Version: "v1"}); err != nil {
		t.Fatal(err)
	}
	id := run.ID{DAG: "d", Run: "r"}
	s.Create(run.Run{ID: id, Type: run.TypeManual, RunAfter: now}, now)
	a := run.Attempt{Key: run.Key{ID: id, Task: "t", Map: run.Unmapped}, Try: 1}
	scheduler.Plan(s, now)
	s.Claim(a, scheduler.Claim{Token: "x"}, now)
	s.Flush()
	return s, a
}

// TestClearedAndWorkerAhead: what was cleared while it ran is tried again although the
// clock of its worker is ahead.
func TestClearedAndWorkerAhead(t *testing.T) {
	t.Parallel()
	now := day(1)
	s, a := runningOne(t, now)
	s.ClearRun(a.ID, false, now)
	s.Report(run.Report{Attempt: a, Token: "x", Outcome: run.OutcomeFailed, Cause: run.CauseUser, At: now.Add(time.Minute)}, now)
	d := scheduler.Plan(s, now)
	if want := now.Add(time.Minute); len(d.Start) > 0 || !d.Wake.Equal(want) {
		t.Fatalf("the plan starts %v and wakes at %s, want nothing and %s", d.Start, d.Wake, want)
	}
	if d = scheduler.Plan(s, d.Wake); len(d.Start) != 1 || d.Start[0].Try != 2 {
		t.Errorf("then it starts %v, want try 2", d.Start)
	}
}

// TestSkipRest: an instance that was on its way when its run ended is skipped.
func TestSkipRest(t *testing.T) {
	t.Parallel()
	now := day(1)
	s, a := runningOne(t, now)
	s.SkipRest(a.ID, now)
	if b := s.Flush(); len(b) > 0 {
		t.Fatalf("in a run that goes on it changes %+v", b)
	}
	v := s.Run(a.ID)
	ended := v.Run
	ended.State, ended.Reason = run.RunFailed, "dagrun_timeout"
	v, err := scheduler.NewView(ended, v.Graph, v.Instances())
	if err != nil {
		t.Fatal(err)
	}
	s.Add(v)
	s.SkipRest(a.ID, now)
	in := v.Instance("t", run.Unmapped)
	if in.State != run.Skipped || in.Token != "" || in.Reason != "its run has ended: dagrun_timeout" {
		t.Errorf("it is %+v", in)
	}
	if b := s.Flush(); len(b) != 1 || b[0].Changes[0].If.Token != "x" {
		t.Errorf("flushed is %+v", b)
	}
}
