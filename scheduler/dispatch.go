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

// Expired returns the runs in which a lease has run out by now, as far as the snapshot
// knows. Where workers renew their leases in the store, such a run has to be loaded
// again before the next plan, which would take its workers for lost.
func (s *Snapshot) Expired(now time.Time) []run.ID {
	var out []run.ID
	seen := map[*View]bool{}
	for i := range s.alarms {
		a := &s.alarms[i]
		if a.at.After(now) || a.v == nil || a.v.snap != s || a.r.pos < 0 || seen[a.v] || a.r.pos >= len(a.v.tasks[a.r.task].cells) {
			continue
		}
		c := a.v.cell(a.r)
		if (c.State == run.Running || c.State == run.Restarting) && !c.Lease.IsZero() && !c.Lease.After(now) {
			seen[a.v] = true
			out = append(out, a.v.Run.ID)
		}
	}
	return out
}
