package simtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// fate is what a task does when it is executed for the n-th time by its own fault: lost
// workers do not count, so that faults do not change what it does.
type fate struct {
	outcome run.Outcome
	// length is the length of what it returns.
	length int
	// waits is how often it gives its slot back before that, by the outcome wait.
	waits int
	wait  run.Outcome
	took  time.Duration
}

// fateOf draws what an attempt does.
func (s *scenario) fateOf(w executors.Work) fate {
	own := w.Instance.Try - w.Instance.InfraFailures
	r := random(s.seed, "fate", w.Run.ID, w.Instance.Name(), own)
	f := fate{outcome: run.OutcomeSuccess, length: 1 + r.IntN(2), took: between(r, time.Second, 5*time.Minute), wait: run.OutcomeReschedule}
	if r.IntN(6) == 0 {
		f.waits = 1 + r.IntN(2)
	}
	if r.IntN(3) == 0 {
		f.wait = run.OutcomeDeferred
	}
	n := r.IntN(12)
	switch {
	case n < 3:
		f.outcome = run.OutcomeFailed
	case s.ordered:
	case n == 3:
		f.outcome = run.OutcomeSkipped
	case n == 4:
		f.outcome = run.OutcomeFatal
	case n < 7:
		f.length = 0
	}
	return f
}

// report is what the worker says of an attempt that has done what its fate is, after
// waiting waited times already.
func (f fate) report(w executors.Work, waited int, now time.Time) run.Report {
	rep := run.Report{Attempt: w.Attempt(), Token: w.Instance.Token, At: now, Outcome: f.outcome}
	if waited < f.waits {
		rep.Outcome, rep.Due = f.wait, now.Add(7*time.Minute)
		return rep
	}
	switch f.outcome {
	case run.OutcomeFailed, run.OutcomeFatal:
		rep.Cause, rep.Reason = run.CauseTask, "exit code 1"
		return rep
	case run.OutcomeSkipped:
		return rep
	}
	rep.Length = &f.length
	value, _ := json.Marshal(w.Instance.Token)
	rep.XComs = []run.XCom{{Name: dag.ReturnValue, Value: value, At: now}}
	rep.Branch = f.branch(w)
	if w.Run.DAG != sink && slices.Contains([]string{"t0", "t1"}, w.Instance.Task) {
		uri := asset(int(w.Instance.Task[1] - '0'))
		rep.Events = []run.AssetEvent{{Asset: uri, At: now, Source: w.Attempt().Key}}
	}
	return rep
}

func (f fate) branch(w executors.Work) *run.Branch {
	t, _ := w.Graph.Index(w.Instance.Task)
	switch w.Graph.Tasks[t].Operator {
	case "branch":
		b := &run.Branch{Kind: run.BranchFollow}
		for i, d := range w.Graph.Down[t] {
			if (f.length+i)%2 == 0 && !w.Graph.Tasks[d].Teardown {
				b.Follow = append(b.Follow, w.Graph.Tasks[d].ID)
			}
		}
		return b
	case "short":
		if f.length > 0 {
			return &run.Branch{Kind: []run.BranchKind{run.BranchSkipAll, run.BranchSkipDirect}[f.length%2]}
		}
	}
	return nil
}

// claim is what became of one fencing token.
type claim struct {
	attempt run.Attempt
	// durable says that the claim was seen in a commit, ended that a commit ended it.
	durable, ended bool
	// started counts executions, reported is the outcome handed in.
	started  int
	reported run.Outcome
}

// ledger is what really happened, beside what the store says.
type ledger struct {
	claims map[string]*claim
	// effects counts the executions of each try that came to their end.
	effects map[run.Attempt]int
	// waited counts how often a try has given its slot back, by its own try.
	waited map[string]int
	// accepted is the token whose report ended a try.
	accepted map[run.Attempt]string
	counts   map[string]int
}

func newLedger() *ledger {
	return &ledger{claims: map[string]*claim{}, effects: map[run.Attempt]int{}, waited: map[string]int{},
		accepted: map[run.Attempt]string{}, counts: map[string]int{}}
}

func (l *ledger) claim(token string, a run.Attempt) *claim {
	c := l.claims[token]
	if c == nil {
		c = &claim{attempt: a}
		l.claims[token] = c
	}
	return c
}

// ownTry names a try without those that were lost.
func ownTry(w executors.Work) string {
	return fmt.Sprint(w.Run.ID, w.Instance.Name(), w.Instance.Try-w.Instance.InfraFailures)
}
