package executortest

import (
	"testing"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// orphan starts work on an executor that dies, and returns the work as it is offered
// to its successor: claimed anew.
func orphan(t testing.TB, h Harness, act Act) executors.Work {
	t.Helper()
	e, d := opened(t, h, 1)
	w := h.Work(t, "task", act)
	start(t, e, w)
	begun(t, h, "task")
	h.Die(t, e)
	d.none("from the dead")
	w.Instance.Token += ", taken over"
	w.Resume = true
	return w
}

func testAdopt(t *testing.T, h Harness) {
	if h.Die == nil {
		return // there are no orphans
	}
	w := orphan(t, h, Wait)
	e, d := opened(t, h, 1)
	start(t, e, w)
	d.none("while it waits")
	h.Release(t, "task")
	if r := d.of(w); r.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", r)
	}
	closed(t, e)
	once(t, h, "task")
}

func testAdoptEnded(t *testing.T, h Harness) {
	if h.Die == nil {
		return
	}
	w := orphan(t, h, WaitAndFail)
	h.Release(t, "task")
	e, d := opened(t, h, 1)
	start(t, e, w)
	if r := d.of(w); r.Outcome != run.OutcomeFailed || r.ExitCode != FailCode || r.Cause != run.CauseTask {
		t.Errorf("got %+v, want exit code %d", r, FailCode)
	}
	closed(t, e)
	once(t, h, "task")
}

func testAdoptCancel(t *testing.T, h Harness) {
	if h.Die == nil {
		return
	}
	w := orphan(t, h, Stubborn)
	e, d := opened(t, h, 1)
	start(t, e, w)
	ok(t, "Cancel", e.Cancel(t.Context(), w.Attempt(), w.Instance.Token, "cleared"))
	stopped(t, d.of(w))
	closed(t, e)
	once(t, h, "task")
}
