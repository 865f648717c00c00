package executortest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

func testEnds(t *testing.T, h Harness) {
	e, d := opened(t, h, 4)
	if e.Name() == "" {
		t.Error("the executor has no name")
	}
	for _, tt := range []struct {
		act    Act
		want   run.Report
		reason string
	}{
		{Succeed, run.Report{Outcome: run.OutcomeSuccess}, ""},
		{Fail, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, ExitCode: FailCode}, Complaint},
		{Killed, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask, ExitCode: -1}, "SIGKILL"},
		{Hungry, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseOOM, ExitCode: -1}, "out of memory"},
		{Panic, run.Report{Outcome: run.OutcomeFailed, Cause: run.CauseTask}, "panicked"},
	} {
		w := h.Work(t, string(tt.act), tt.act)
		start(t, e, w)
		r := d.of(w)
		got := run.Report{Outcome: r.Outcome, Cause: r.Cause, ExitCode: r.ExitCode}
		equal(t, string(tt.act), tt.want, got)
		if !strings.Contains(r.Reason, tt.reason) || r.At.IsZero() {
			t.Errorf("%s: the report says %+v, want a reason with %q, and a time", tt.act, r, tt.reason)
		}
		if tt.act == Fail && !strings.Contains(r.Tail, Complaint) {
			t.Errorf("the end of the log is %q, want %q in it", r.Tail, Complaint)
		}
		once(t, h, string(tt.act))
	}
	closed(t, e)
	d.none("after all were told")
}

func testPayload(t *testing.T, h Harness) {
	e, d := opened(t, h, 1)
	for i, conf := range []string{`{}`, `{"a":[1,2.50,"<ü 任务 🚀>"],"b":{"\u0000":" \\ \" "}}`, `{"large":"` + strings.Repeat("x", 50_000) + `"}`} {
		w := h.Work(t, name(i), Echo)
		w.Run.Conf = json.RawMessage(conf)
		start(t, e, w)
		r := d.of(w)
		if len(r.XComs) != 1 || string(r.XComs[0].Value) != conf {
			t.Errorf("%.60s came back as %.200v", conf, r.XComs)
		}
	}
	closed(t, e)
}

func testStartTwice(t *testing.T, h Harness) {
	e, d := opened(t, h, 4)
	w := h.Work(t, "task", Wait)
	start(t, e, w, w)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := errors.Join(e.Start(t.Context(), w)...); err != nil {
				t.Errorf("Start again: %v", err)
			}
		})
	}
	wg.Wait()
	begun(t, h, "task")
	start(t, e, w)
	h.Release(t, "task")
	if r := d.of(w); r.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", r)
	}
	closed(t, e)
	once(t, h, "task")
	d.none("after it was told")
}

func testBusy(t *testing.T, h Harness) {
	e, d := opened(t, h, 2)
	if n := e.Capacity(); n != 0 && n != 2 {
		t.Errorf("the capacity is %d, want 2", n)
	}
	if e.Capacity() == 0 {
		closed(t, e)
		return // it takes all it gets
	}
	work := []executors.Work{h.Work(t, "a", Wait), h.Work(t, "b", Wait), h.Work(t, "c", Succeed)}
	errs := e.Start(t.Context(), work...)
	ok(t, "Start", errs[0], errs[1])
	is(t, "Start of the third", errs[2], executors.ErrBusy)
	start(t, e, work[0]) // which is under way
	is(t, "Start of the third", e.Start(t.Context(), work[2])[0], executors.ErrBusy)
	h.Release(t, "b")
	d.of(work[1])
	start(t, e, work[2])
	d.of(work[2])
	h.Release(t, "a")
	d.of(work[0])
	closed(t, e)
	d.none("after all were told")
}

// testRoom: whoever hears of an end can start something else at once.
func testRoom(t *testing.T, h Harness) {
	const n = 20
	var e executors.Executor
	ready := make(chan struct{})
	var work []executors.Work
	for i := range n {
		work = append(work, h.Work(t, name(i), Succeed))
	}
	done := make(chan error, n)
	next := 1
	e = h.Open(t, 1, func(run.Report) {
		<-ready
		if next == n {
			done <- nil
			return
		}
		next++
		done <- e.Start(t.Context(), work[next-1])[0]
	})
	start(t, e, work[0])
	close(ready)
	for range n {
		select {
		case err := <-done:
			ok(t, "Start after a report", err)
		case <-time.After(patience):
			t.Fatal("a report did not come")
		}
	}
	closed(t, e)
}

func testStartContext(t *testing.T, h Harness) {
	e, d := opened(t, h, 1)
	ctx, cancel := context.WithCancel(t.Context())
	w := h.Work(t, "task", Wait)
	ok(t, "Start", e.Start(ctx, w)...)
	cancel()
	begun(t, h, "task")
	h.Release(t, "task")
	if r := d.of(w); r.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", r)
	}
	closed(t, e)
}

func testMany(t *testing.T, h Harness) {
	const n, capacity = 60, 8
	e, d := opened(t, h, capacity)
	var wg sync.WaitGroup
	all := map[string]bool{}
	free := make(chan struct{}, capacity)
	for i := range n {
		w := h.Work(t, name(i), Succeed)
		all[w.Instance.Token] = true
		wg.Go(func() {
			free <- struct{}{}
			if err := e.Start(t.Context(), w)[0]; err != nil {
				t.Errorf("Start: %v", err)
			}
		})
	}
	for range n {
		r := d.next()
		if !all[r.Token] || r.Outcome != run.OutcomeSuccess {
			t.Errorf("got %+v, once more or wrong", r)
		}
		delete(all, r.Token)
		<-free
	}
	wg.Wait()
	closed(t, e)
	d.none("after all were told")
	for i := range n {
		once(t, h, name(i))
	}
}
