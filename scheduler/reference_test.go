package scheduler_test

import (
	"math/rand/v2"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// The reference evaluator of the trigger rules: each rule in the words of the table,
// over the list of upstream states, without any counting or sharing between rules.

type states []run.State

func (s states) all(want ...run.State) bool {
	for _, x := range s {
		if !(states{x}).any(want...) {
			return false
		}
	}
	return true
}

func (s states) any(want ...run.State) bool {
	for _, x := range s {
		for _, w := range want {
			if x == w {
				return true
			}
		}
	}
	return false
}

// without leaves out the instances that the mapping does not have any more.
func (s states) without(gone run.State) states {
	var out states
	for _, x := range s {
		if x != gone {
			out = append(out, x)
		}
	}
	return out
}

func (s states) number(want run.State) (n int) {
	for _, x := range s {
		if x == want {
			n++
		}
	}
	return n
}

// reference says what becomes of a task: marked with a state, let run, or left waiting.
func reference(rule dag.TriggerRule, in scheduler.Upstream) (mark run.State, runs bool) {
	const (
		success, skipped, failed, upstreamFailed, removed = run.Success, run.Skipped, run.Failed, run.UpstreamFailed, run.Removed
	)
	up, setups := states(in.States), states(in.Setups)
	there := up.without(removed)
	ended := up.all(success, skipped, failed, upstreamFailed, removed)
	failure := up.any(failed, upstreamFailed)
	switch rule {
	case dag.AllSuccess:
		switch {
		case failure:
			mark = upstreamFailed
		case up.any(skipped):
			mark = skipped
		case up.any(removed) && up.any(success) && in.Index >= up.number(success):
			mark = removed
		}
		runs = there.all(success)
	case dag.AllFailed:
		if up.any(success, skipped) {
			mark = skipped
		}
		runs = there.all(failed, upstreamFailed)
	case dag.AllDone:
		runs = ended
	case dag.AllDoneMinOneSuccess:
		switch {
		case up.any(skipped):
			mark = skipped
		case ended && !up.any(success):
			mark = upstreamFailed
		}
		runs = ended && !up.any(skipped) && up.any(success)
	case dag.OneSuccess:
		switch {
		case up.all(skipped):
			mark = skipped
		case ended && !up.any(success):
			mark = upstreamFailed
		}
		runs = up.any(success)
	case dag.OneFailed:
		if ended && !failure {
			mark = skipped
		}
		runs = failure
	case dag.OneDone:
		if ended && !up.any(failed, success) {
			mark = skipped
		}
		runs = up.any(failed, success)
	case dag.NoneFailed:
		if failure {
			mark = upstreamFailed
		}
		runs = there.all(success, skipped)
	case dag.NoneFailedMinOneSuccess:
		switch {
		case failure:
			mark = upstreamFailed
		case up.all(skipped):
			mark = skipped
		}
		runs = there.all(success, skipped) && !up.all(skipped)
	case dag.NoneSkipped:
		if up.any(skipped) {
			mark = skipped
		}
		runs = ended && !up.any(skipped)
	case dag.AllSkipped:
		if up.any(success) || failure {
			mark = skipped
		}
		runs = up.all(skipped)
	case dag.Always:
		runs = true
	case dag.AllDoneSetupSuccess:
		switch {
		case !ended || len(setups) == 0:
		case setups.all(skipped):
			mark = skipped
		case !setups.any(success):
			mark = upstreamFailed
		}
		runs = ended && (len(setups) == 0 || setups.any(success))
	}
	return mark, runs
}

// TestRulesAgainstReference compares the planner's rules, which work on counts, with
// the reference on a million random states. A rule is only asked when there is an
// upstream, and whether it lets run only when it does not mark.
func TestRulesAgainstReference(t *testing.T) {
	t.Parallel()
	rules := []dag.TriggerRule{
		dag.AllSuccess, dag.AllFailed, dag.AllDone, dag.AllDoneMinOneSuccess, dag.OneSuccess, dag.OneFailed, dag.OneDone,
		dag.NoneFailed, dag.NoneFailedMinOneSuccess, dag.NoneSkipped, dag.AllSkipped, dag.Always, dag.AllDoneSetupSuccess,
	}
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int) (out []run.State) {
		// Half of the time few different states, so that "all" is no rarity.
		first, spread := r.IntN(int(run.NumStates)), int(run.NumStates)
		if r.IntN(2) == 0 {
			spread = 2
		}
		for range n {
			out = append(out, run.State((first+r.IntN(spread))%int(run.NumStates)))
		}
		return out
	}
	seen := map[dag.TriggerRule]map[string]int{}
	for range 1_000_000 {
		in := scheduler.Upstream{States: random(1 + r.IntN(6)), Index: r.IntN(5) - 1}
		for _, s := range in.States {
			if r.IntN(4) == 0 {
				in.Setups = append(in.Setups, s)
			}
		}
		rule := rules[r.IntN(len(rules))]
		mark, runs := scheduler.EvaluateRule(rule, in)
		wantMark, wantRuns := reference(rule, in)
		if mark != wantMark || mark == run.None && runs != wantRuns {
			t.Fatalf("%s over %v, setups %v, index %d: mark %s, runs %v; the reference says %s, %v",
				rule, in.States, in.Setups, in.Index, mark, runs, wantMark, wantRuns)
		}
		if seen[rule] == nil {
			seen[rule] = map[string]int{}
		}
		switch {
		case mark != run.None:
			seen[rule][mark.String()]++
		case runs:
			seen[rule]["runs"]++
		default:
			seen[rule]["waits"]++
		}
	}
	for rule, outcomes := range seen {
		if rule != dag.Always && (outcomes["runs"] < 1000 || outcomes["waits"] < 1000) {
			t.Errorf("%s was hardly tried: %v", rule, outcomes)
		}
	}
}
