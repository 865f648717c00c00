package scheduler_test

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

// TestFencing: only the worker whose claim is the current one may report, renew or be
// declared lost; everybody else changes nothing.
func TestFencing(t *testing.T) {
	t.Parallel()
	now := day(1)
	report := func(a run.Attempt, token string) run.Report {
		return run.Report{Attempt: a, Token: token, Outcome: run.OutcomeSuccess, At: now}
	}
	s, a := runningOne(t, now)
	other := a
	other.Try = 2
	unknown := a
	unknown.Task = "other"
	for name, accepted := range map[string]bool{
		"another token":           s.Report(report(a, "y"), now),
		"no token":                s.Report(report(a, ""), now),
		"another try":             s.Report(report(other, "x"), now),
		"an unknown task":         s.Report(report(unknown, "x"), now),
		"a lease of another":      s.Renew(a, "y", now.Add(time.Hour)),
		"a lease of another try":  s.Renew(other, "x", now.Add(time.Hour)),
		"the loss of another":     s.Lost(a, "y", "gone", now),
		"a claim of what is held": s.Claim(a, scheduler.Claim{Token: "y"}, now),
	} {
		if accepted {
			t.Errorf("%s is accepted", name)
		}
	}
	if b := s.Flush(); len(b) > 0 {
		t.Errorf("what is refused changes %+v", b)
	}
	if !s.Report(report(a, "x"), now) {
		t.Error("the report of the worker that has the claim is refused")
	}
	if s.Report(report(a, "x"), now) {
		t.Error("the same report is accepted twice")
	}
}
