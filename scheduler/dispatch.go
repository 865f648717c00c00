package scheduler

import (
	"time"

	"github.com/updraft-dev/updraft/run"
)

// sendAgain dispatches an attempt again that has been queued for too long: it was
// committed, but word of it did not reach a worker. If it only waits for one, a message
// too many loses the claim.
//
// Golden: queued_too_long.
func (s *Snapshot) sendAgain(v *View, r ref, now time.Time) {
	if c := v.cell(r); c.QueuedAt.Add(s.QueueTimeout).After(now) {
		s.alarm(v, r) // queued again in the meantime
		return
	}
	c := v.journal(r)
	c.QueuedAt = now
	s.again = append(s.again, c.Attempt(v.Run.ID))
	s.alarm(v, r)
}

// Expired returns the runs that the next plan would end or take workers from because of
// the time, as far as the snapshot knows: a lease or dagrun_timeout is over. Where workers
// renew leases and report to the store, these runs have to be loaded again first.
func (s *Snapshot) Expired(now time.Time) []run.ID {
	var out []run.ID
	seen := map[*View]bool{}
	for i := range s.alarms {
		if a := &s.alarms[i]; !a.at.After(now) && a.v != nil && a.v.snap == s && !seen[a.v] && a.ends(now) {
			seen[a.v] = true
			out = append(out, a.v.Run.ID)
		}
	}
	return out
}

// ends says whether an alarm that is due may end something.
func (a *alarm) ends(now time.Time) bool {
	if a.r.pos < 0 {
		return a.v.Run.State == run.RunRunning
	}
	if a.r.pos >= len(a.v.tasks[a.r.task].cells) {
		return false
	}
	c := a.v.cell(a.r)
	return (c.State == run.Running || c.State == run.Restarting) && !c.Lease.IsZero() && !c.Lease.After(now)
}
