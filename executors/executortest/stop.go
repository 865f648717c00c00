package executortest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

// stopped checks the report of an attempt that was cancelled.
func stopped(t testing.TB, r run.Report) {
	t.Helper()
	if r.Outcome != run.OutcomeFatal || r.Cause != run.CauseUser || !strings.Contains(r.Reason, "cancelled") {
		t.Errorf("got %+v, want a fatal end by a user, cancelled", r)
	}
}

func testCancel(t *testing.T, h Harness) {
	e, d := opened(t, h, 2)
	w, other := h.Work(t, "task", Wait), h.Work(t, "other", Wait)
	start(t, e, w, other)
	begun(t, h, "task", "other")
	for range 3 {
		ok(t, "Cancel", e.Cancel(t.Context(), w.Attempt(), w.Instance.Token, "cleared"))
	}
	stopped(t, d.of(w))
	ok(t, "Cancel after the end", e.Cancel(t.Context(), w.Attempt(), w.Instance.Token, "cleared"))
	h.Release(t, "other")
	if r := d.of(other); r.Outcome != run.OutcomeSuccess {
		t.Errorf("the other one ended with %+v", r)
	}
	closed(t, e)
	d.none("after all were told")
}

func testCancelStubborn(t *testing.T, h Harness) {
	e, d := opened(t, h, 1)
	w := h.Work(t, "task", Stubborn)
	start(t, e, w)
	begun(t, h, "task")
	begin := time.Now()
	ok(t, "Cancel", e.Cancel(t.Context(), w.Attempt(), w.Instance.Token, "cleared"))
	stopped(t, d.of(w))
	if took := time.Since(begin); took < h.Grace {
		t.Errorf("it was killed after %s, before its grace of %s was over", took, h.Grace)
	}
	closed(t, e)
	d.none("after it was told")
}

func testCancelUnknown(t *testing.T, h Harness) {
	e, d := opened(t, h, 1)
	w := h.Work(t, "task", Succeed)
	ok(t, "Cancel", e.Cancel(t.Context(), w.Attempt(), w.Instance.Token, "cleared"))
	start(t, e, w)
	if r := d.of(w); r.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v after a cancel that came too early", r)
	}
	closed(t, e)
	ok(t, "Cancel after Close", e.Cancel(t.Context(), w.Attempt(), w.Instance.Token, "cleared"))
}

// testCancelOther: a late cancel of an earlier claim does not end the present one.
func testCancelOther(t *testing.T, h Harness) {
	e, d := opened(t, h, 1)
	w := h.Work(t, "task", Wait)
	start(t, e, w)
	begun(t, h, "task")
	ok(t, "Cancel", e.Cancel(t.Context(), w.Attempt(), "an earlier token", "cleared"))
	h.Release(t, "task")
	if r := d.of(w); r.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v after a cancel for another token", r)
	}
	closed(t, e)
}

func testCloseDrains(t *testing.T, h Harness) {
	e, d := opened(t, h, 2)
	a, b := h.Work(t, "a", Wait), h.Work(t, "b", Wait)
	start(t, e, a, b)
	begun(t, h, "a", "b")
	done := make(chan error, 1)
	go func() { done <- e.Close(t.Context()) }()
	h.Release(t, "a")
	if r := d.of(a); r.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", r)
	}
	select {
	case err := <-done:
		t.Errorf("Close did not wait for the second attempt: %v", err)
	default:
	}
	h.Release(t, "b")
	ok(t, "Close", <-done)
	// All that ended was told before Close returned.
	select {
	case r := <-d.came:
		if r.Attempt != b.Attempt() || r.Outcome != run.OutcomeSuccess {
			t.Errorf("got %+v", r)
		}
	default:
		t.Error("Close returned before the second attempt was told")
	}
}

func testCloseStops(t *testing.T, h Harness) {
	e, d := opened(t, h, 2)
	a, b := h.Work(t, "a", Wait), h.Work(t, "b", Stubborn)
	start(t, e, a, b)
	begun(t, h, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ok(t, "Close", e.Close(ctx))
	for range 2 {
		if r := d.next(); r.Outcome != run.OutcomeFailed || r.Cause != run.CauseInfra || !strings.Contains(r.Reason, "shutting down") {
			t.Errorf("got %+v, want a failure of the infrastructure that may be tried again", r)
		}
	}
	d.none("after both were told")
}

func testClosed(t *testing.T, h Harness) {
	e, d := opened(t, h, 2)
	closed(t, e)
	closed(t, e)
	w := h.Work(t, "task", Succeed)
	for _, err := range e.Start(t.Context(), w, w) {
		is(t, "Start", err, executors.ErrClosed)
	}
	if n := h.Started(t, "task"); n != 0 {
		t.Errorf("work began %d times after Close", n)
	}
	d.none("after Close")
}

// testStorm starts, cancels and closes at once: whatever wins, each attempt that was
// taken is told once, and with its own token.
func testStorm(t *testing.T, h Harness) {
	const n = 40
	e, d := opened(t, h, n)
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := map[string]bool{}
	for i := range n {
		w := h.Work(t, name(i), []Act{Succeed, Wait, Fail}[i%3])
		wg.Go(func() {
			if err := e.Start(t.Context(), w)[0]; err == nil {
				mu.Lock()
				taken[w.Instance.Token] = true
				mu.Unlock()
			} else if !errors.Is(err, executors.ErrClosed) {
				t.Errorf("Start: %v", err)
			}
			if i%3 == 1 || i%4 == 0 {
				if err := e.Cancel(t.Context(), w.Attempt(), w.Instance.Token, fmt.Sprint("reason ", i)); err != nil {
					t.Errorf("Cancel: %v", err)
				}
			}
		})
	}
	wg.Wait()
	closed(t, e)
	for range taken {
		r := d.next()
		if !taken[r.Token] {
			t.Errorf("told twice, or never taken: %+v", r)
		}
		taken[r.Token] = false
	}
	d.none("after all were told")
}
