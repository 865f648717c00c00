package scheduler_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/randdag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// shape says what random DAGs have, and what becomes of them.
type shape struct {
	randdag.Shape
	// skips, waits and losses are outcomes of tasks beside success and failure.
	skips, waits, losses bool
	runs                 int
}

// everything is a shape with all features but those that can leave a run waiting.
func everything() shape {
	return shape{
		Shape: randdag.Shape{
			Rules: randdag.EveryRule(), Tasks: 8, Mapping: true, Setups: true, Branches: true, Limits: true, Retries: true,
			Timeouts: true, FailFast: true,
		},
		skips: true, waits: true, losses: true, runs: 3,
	}
}

// world is a DAG with its runs, a store and workers.
type world struct {
	t     *rapid.T
	shape shape
	g     *dag.Graph
	snap  *scheduler.Snapshot
	store memoryStore
	pools map[string]scheduler.Pool
	now   time.Time
	// decide draws what an attempt does; nil draws it from t.
	decide  func(a run.Attempt) string
	cleared bool
}

func (s shape) newWorld(t *rapid.T, g *dag.Graph) *world {
	w := &world{
		t: t, shape: s, g: g, store: memoryStore{}, now: day(1),
		pools: map[string]scheduler.Pool{dag.DefaultPool: {Slots: 128}, "p": {Slots: 2}, "q": {Slots: 3, IncludeDeferred: true}},
	}
	call := []dag.Callback{{Kind: dag.CallbackCommand}}
	g.DAG.OnSuccess, g.DAG.OnFailure = call, call
	g.DAG.Deadlines = []dag.Deadline{{Reference: dag.DeadlineQueued, Interval: 10 * time.Minute, Callbacks: call}}
	w.snap = scheduler.NewSnapshot()
	w.setUp(w.snap)
	for i := range s.runs {
		at := day(1).AddDate(0, 0, i-10)
		r := run.Run{ID: run.ID{DAG: "d", Run: fmt.Sprintf("r%d", i)}, Type: run.TypeManual, RunAfter: at}
		if i != 2 {
			r.LogicalDate, r.IntervalStart, r.IntervalEnd, r.Type = &at, &at, &at, run.TypeScheduled
		}
		w.snap.Create(r, w.now)
	}
	w.commit()
	return w
}

func (w *world) setUp(s *scheduler.Snapshot) {
	s.SetPools(w.pools)
	if w.shape.Limits {
		s.Parallelism = 5
	}
	if err := s.SetDAG(scheduler.DAGInfo{Graph: w.g, Version: "v1"}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) commit() {
	for _, b := range w.snap.Flush() {
		if err := w.store.apply(b); err != nil {
			w.t.Fatalf("commit: %v", err)
		}
	}
}

// load makes a snapshot of what is stored.
func (w *world) load() *scheduler.Snapshot {
	s := scheduler.NewSnapshot()
	for _, id := range w.store.ids() {
		v, err := w.store.view(id, w.g)
		if err != nil {
			w.t.Fatal(err)
		}
		s.Add(v)
	}
	w.setUp(s)
	return s
}

// keys are the instances of unfinished runs in some states, in order.
func (w *world) keys(in ...run.State) (out []run.Attempt) {
	for _, v := range w.snap.Unfinished() {
		for _, i := range v.Instances() {
			if slices.Contains(in, i.State) {
				out = append(out, i.Attempt(v.Run.ID))
			}
		}
	}
	return out
}

// finish ends an attempt that is queued, running or deferred.
func (w *world) finish(a run.Attempt) {
	v := w.snap.Run(a.ID)
	in := v.Instance(a.Task, a.Map)
	if in == nil || in.Try != a.Try {
		return // another completion of this step took it away
	}
	switch in.State {
	case run.Deferred:
		w.snap.Resume(a.Key)
		return
	case run.Queued:
		if !w.snap.Claim(a, scheduler.Claim{Token: "t", Lease: w.now.Add(5 * time.Minute)}, w.now) {
			w.t.Fatalf("%s cannot be claimed", a)
		}
	case run.Running, run.Restarting:
	default:
		return
	}
	rep := w.report(a)
	if !w.snap.Report(rep, w.now) {
		w.t.Fatalf("the report of %s is refused", a)
	}
}

// report is what a worker says of an attempt.
func (w *world) report(a run.Attempt) run.Report {
	rep := run.Report{Attempt: a, Token: "t", At: w.now, Outcome: run.OutcomeSuccess}
	t, _ := w.g.Index(a.Task)
	outcome := w.outcome(a)
	switch outcome {
	case "failed":
		rep.Outcome, rep.Cause, rep.Reason = run.OutcomeFailed, run.CauseTask, "exit code 1"
	case "infra":
		rep.Outcome, rep.Cause, rep.Reason = run.OutcomeFailed, run.CauseInfra, "node lost"
	case "skipped":
		rep.Outcome = run.OutcomeSkipped
	case "reschedule":
		rep.Outcome, rep.Due = run.OutcomeReschedule, w.now.Add(time.Minute)
	case "deferred":
		rep.Outcome = run.OutcomeDeferred
	default:
		n := len(outcome) - len("success") // success, success+, success++: the length of what it returns
		rep.Length = &n
		rep.XComs = []run.XCom{{Name: dag.ReturnValue, Value: json.RawMessage("[]"), At: w.now}}
		switch w.g.Tasks[t].Operator {
		case "branch":
			rep.Branch = &run.Branch{Kind: run.BranchFollow}
			for i, d := range w.g.Down[t] {
				if (n+i)%2 == 0 && !w.g.Tasks[d].Teardown {
					rep.Branch.Follow = append(rep.Branch.Follow, w.g.Tasks[d].ID)
				}
			}
		case "short":
			if n > 0 {
				rep.Branch = &run.Branch{Kind: []run.BranchKind{run.BranchSkipAll, run.BranchSkipDirect}[n%2]}
			}
		}
	}
	return rep
}

func (w *world) outcome(a run.Attempt) string {
	if w.decide != nil {
		return w.decide(a)
	}
	choices := []string{"success", "success+", "success++", "success+", "failed"}
	if w.shape.skips {
		choices = append(choices, "skipped")
	}
	if w.shape.waits {
		choices = append(choices, "reschedule", "deferred")
	}
	if w.shape.losses {
		choices = append(choices, "infra")
	}
	return rapid.SampledFrom(choices).Draw(w.t, a.String())
}

// states shows everything, for comparing.
func (w *world) states(s *scheduler.Snapshot) string {
	var b strings.Builder
	for _, v := range s.Runs("d") {
		fmt.Fprintf(&b, "%s=%s", v.Run.Run, v.Run.State)
		for _, in := range v.Instances() {
			fmt.Fprintf(&b, " %s=%s", in.Name(), in.State)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
