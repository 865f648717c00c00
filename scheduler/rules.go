package scheduler

import (
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
)

// upstream is what a trigger rule looks at: the direct upstream instances of one
// instance, counted by state.
type upstream struct {
	counts
	// n is the number of upstream instances, finished or not.
	n int
	// setups, setupSuccess and setupSkipped count the direct upstream tasks that are setups.
	setups, setupSuccess, setupSkipped int
	// index is the map index of the instance that is examined, or run.Unmapped.
	index int
}

func (u *upstream) failed() int { return u.counts[run.Failed] + u.counts[run.UpstreamFailed] }

func (u *upstream) done() int {
	return u.counts[run.Success] + u.counts[run.Failed] + u.counts[run.Skipped] +
		u.counts[run.UpstreamFailed] + u.counts[run.Removed]
}

// demanding says that a rule cannot be met by having no upstream instance at all: it
// asks for one in a certain state.
func demanding(r dag.TriggerRule) bool {
	switch r {
	case dag.OneSuccess, dag.OneFailed, dag.OneDone, dag.NoneFailedMinOneSuccess, dag.AllDoneMinOneSuccess:
		return true
	}
	return false
}

// markByRule says which final state a trigger rule gives to an instance that it will
// never let run; run.None if it gives none. It applies as soon as it holds, not only
// when all upstream tasks have finished (section "Trigger rules", the table).
func markByRule(rule dag.TriggerRule, u *upstream) run.State {
	success, skipped := u.counts[run.Success], u.counts[run.Skipped]
	allDone := u.done() >= u.n
	switch rule {
	case dag.AllSuccess: // rule_all_success, rule_all_success_skip
		switch {
		case u.failed() > 0:
			return run.UpstreamFailed
		case skipped > 0:
			return run.Skipped
		case u.counts[run.Removed] > 0 && success > 0 && u.index >= success:
			return run.Removed
		}
	case dag.AllFailed: // rule_all_failed
		return skipIf(success+skipped > 0)
	case dag.OneSuccess: // rule_one_success, rule_one_success_none
		switch {
		case allDone && u.done() == skipped:
			return run.Skipped
		case allDone && success == 0:
			return run.UpstreamFailed
		}
	case dag.OneFailed: // rule_one_failed
		return skipIf(allDone && u.failed() == 0)
	case dag.OneDone: // rule_one_done
		return skipIf(allDone && u.counts[run.Failed]+success == 0)
	case dag.NoneFailed: // rule_none_failed, rule_none_failed_runs
		if u.failed() > 0 {
			return run.UpstreamFailed
		}
	case dag.NoneFailedMinOneSuccess: // rule_none_failed_min_one_success
		switch {
		case u.failed() > 0:
			return run.UpstreamFailed
		case skipped == u.n:
			return run.Skipped
		}
	case dag.NoneSkipped: // rule_none_skipped
		return skipIf(skipped > 0)
	case dag.AllSkipped: // rule_all_skipped
		return skipIf(success+u.failed() > 0)
	case dag.AllDoneMinOneSuccess: // rule_all_done_min_one_success, rule_all_done_min_one_success_runs
		switch {
		case skipped > 0:
			return run.Skipped
		case allDone && success == 0:
			return run.UpstreamFailed
		}
	case dag.AllDoneSetupSuccess: // rule_all_done_setup_success, rule_all_done_setup_success_failed
		switch {
		case !allDone || u.setups == 0:
		case u.setupSkipped >= u.setups:
			return run.Skipped
		case u.setupSuccess == 0:
			return run.UpstreamFailed
		}
	}
	return run.None
}

func skipIf(b bool) run.State {
	if b {
		return run.Skipped
	}
	return run.None
}

// allows says whether a trigger rule lets an instance run now (section "Trigger
// rules", the table's last column).
func allows(rule dag.TriggerRule, u *upstream) bool {
	success, skipped := u.counts[run.Success], u.counts[run.Skipped]
	// Upstream indexes that are gone must not keep the remaining ones waiting.
	n := u.n - u.counts[run.Removed]
	switch rule {
	case dag.AllSuccess:
		return success >= n
	case dag.AllFailed:
		return u.failed() >= n
	case dag.AllDone: // rule_all_done
		return u.done() >= u.n
	case dag.OneSuccess:
		return success > 0
	case dag.OneFailed:
		return u.failed() > 0
	case dag.OneDone:
		return success+u.counts[run.Failed] > 0
	case dag.NoneFailed:
		return success+skipped >= n
	case dag.NoneFailedMinOneSuccess:
		return success+skipped >= n && skipped < u.n
	case dag.NoneSkipped:
		return u.done() >= u.n && skipped == 0
	case dag.AllSkipped:
		return skipped >= u.n
	case dag.AllDoneMinOneSuccess:
		return u.done() >= u.n && skipped == 0 && success > 0
	case dag.AllDoneSetupSuccess:
		return u.done() >= u.n && (u.setups == 0 || u.setupSuccess > 0)
	default: // dag.Always: rule_always
		return true
	}
}
