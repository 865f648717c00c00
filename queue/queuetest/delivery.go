package queuetest

import (
	"encoding/json"
	"testing"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

func testRoundTrip(t *testing.T, h Harness) {
	q := h.Open(t)
	plan := queue.Message{Envelope: queue.Envelope{Kind: queue.KindPlan, Attempt: run.Attempt{Key: run.Key{ID: run.ID{DAG: "d", Run: "r"}, Map: run.Unmapped}}}}
	odd := Message("naïve 任务 \"<&>\n\x00🚀")
	odd.Attempt.DAG, odd.Attempt.Map, odd.Attempt.Try, odd.Token = "a/b", 7, 3, " tök\ten "
	odd.Data = json.RawMessage(`{"reason":"cleared"}`)
	cancel := Message("c")
	cancel.Kind = queue.KindCancel
	for _, m := range []queue.Message{Message("a"), plan, odd, cancel, sized(t, h.Size)} {
		send(t, q, m)
		d := one(t, q, long)
		equal(t, "envelope", m.Envelope, d.Envelope)
		if d.ID == "" || d.Receipt == "" || d.Receives != 1 || d.Sent.IsZero() {
			t.Errorf("delivery is %+v", d)
		}
		ok(t, "Delete", q.Delete(t.Context(), d)...)
	}
	nothing(t, q, "when all is deleted")
}

func testBatches(t *testing.T, h Harness) {
	q := h.Open(t)
	ms := messages(137)
	send(t, q, ms...)
	equal(t, "received", names(ms), tasks(drain(t, q, len(ms))))
	// Batches are bounded by their bytes, too.
	var large []queue.Message
	for range 5 {
		large = append(large, sized(t, h.Size/2))
	}
	send(t, q, large...)
	drain(t, q, len(large))
	nothing(t, q, "when all is deleted")
	send(t, q)
	if got := q.Delete(t.Context()); len(got) != 0 {
		t.Errorf("deleting nothing gave %v", got)
	}
}

func testRedelivery(t *testing.T, h Harness) {
	q := h.Open(t)
	send(t, q, Message("a"))
	first := one(t, q, 10*h.Unit)
	nothing(t, q, "while it is hidden")
	h.Pass(t, 5*h.Unit)
	nothing(t, q, "while it is still hidden")
	h.Pass(t, 6*h.Unit)
	second := one(t, q, long)
	equal(t, "envelope", first.Envelope, second.Envelope)
	if second.ID != first.ID || second.Receives != 2 {
		t.Errorf("first %+v, then %+v: want the same message for the second time", first, second)
	}
	nothing(t, q, "while it is hidden again")
}

func testDelete(t *testing.T, h Harness) {
	q := h.Open(t)
	send(t, q, messages(25)...)
	var all []queue.Delivery
	for len(all) < 25 {
		all = append(all, receive(t, q, 10, 10*h.Unit)...)
	}
	ok(t, "Delete", q.Delete(t.Context(), all...)...)
	ok(t, "Delete again", q.Delete(t.Context(), all[0])...)
	h.Pass(t, 11*h.Unit)
	nothing(t, q, "after they were deleted")
}

func testGiveBack(t *testing.T, h Harness) {
	q := h.Open(t)
	send(t, q, Message("a"))
	d := one(t, q, long)
	ok(t, "Extend", q.Extend(t.Context(), d, 0))
	if again := one(t, q, long); again.ID != d.ID || again.Receives != 2 {
		t.Errorf("got %+v, want %+v again", again, d)
	}
}

func testExtend(t *testing.T, h Harness) {
	q := h.Open(t)
	send(t, q, Message("a"))
	d := one(t, q, 10*h.Unit)
	for range 3 {
		h.Pass(t, 6*h.Unit)
		ok(t, "Extend", q.Extend(t.Context(), d, 10*h.Unit))
		nothing(t, q, "after it was extended")
	}
	h.Pass(t, 11*h.Unit)
	if again := one(t, q, long); again.ID != d.ID {
		t.Errorf("got %+v, want %+v again", again, d)
	}
}

func testLost(t *testing.T, h Harness) {
	q := h.Open(t)
	send(t, q, Message("a"))
	first := one(t, q, h.Unit)
	h.Pass(t, 2*h.Unit)
	second := one(t, q, long)
	if !h.Exact {
		return
	}
	is(t, "Extend", q.Extend(t.Context(), first, long), queue.ErrLost)
	is(t, "Delete", q.Delete(t.Context(), first)[0], queue.ErrLost)
	ok(t, "Delete by its holder", q.Delete(t.Context(), second)...)
	is(t, "Extend what is gone", q.Extend(t.Context(), second, long), queue.ErrLost)
	h.Pass(t, 2*long)
	nothing(t, q, "after it was deleted")
}

func testDelay(t *testing.T, h Harness) {
	q := h.Open(t)
	later := Message("later")
	later.Delay = 10 * h.Unit
	now := Message("now")
	now.Delay = -1
	send(t, q, later, now)
	if d := one(t, q, long); d.Attempt.Task != "now" {
		t.Errorf("received %s first", d.Attempt.Task)
	}
	nothing(t, q, "at first")
	h.Pass(t, 5*h.Unit)
	nothing(t, q, "before it is due")
	h.Pass(t, 6*h.Unit)
	if d := one(t, q, long); d.Attempt.Task != "later" || d.Receives != 1 {
		t.Errorf("received %+v", d)
	}
}

func testDelayTooLong(t *testing.T, h Harness) {
	q := h.Open(t)
	m := Message("a")
	m.Delay = queue.MaxDelay + 1
	is(t, "Send", q.Send(t.Context(), m)[0], queue.ErrDelay)
	m.Delay = queue.MaxDelay
	send(t, q, m)
}

func testDedup(t *testing.T, h Harness) {
	q := h.Open(t)
	a, b := Message("a"), Message("b")
	a.Dedup, b.Dedup = "key", "other key"
	send(t, q, a, b, a)
	send(t, q, a)
	if !h.Exact {
		return
	}
	equal(t, "received", "a b", tasks(drain(t, q, 2)))
	send(t, q, a)
	nothing(t, q, "within the window, though the first was deleted")
	h.Pass(t, queue.DedupWindow+h.Unit)
	send(t, q, a)
	equal(t, "received", "a", tasks(drain(t, q, 1)))
}

func testTooLarge(t *testing.T, h Harness) {
	q := h.Open(t)
	is(t, "Send", q.Send(t.Context(), sized(t, h.Size+1))[0], queue.ErrTooLarge)
	nothing(t, q, "after it was refused")
}

func testPartial(t *testing.T, h Harness) {
	q := h.Open(t)
	ms := messages(23)
	ms[3] = sized(t, h.Size+1)
	ms[11].Attempt.Try = 0
	ms[12].Delay = 2 * queue.MaxDelay
	errs := q.Send(t.Context(), ms...)
	for i, err := range errs {
		if bad := i == 3 || i == 11 || i == 12; (err != nil) != bad {
			t.Errorf("message %d: %v", i, err)
		}
	}
	is(t, "message 3", errs[3], queue.ErrTooLarge)
	is(t, "message 12", errs[12], queue.ErrDelay)
	drain(t, q, 20)
	nothing(t, q, "after the good ones were received")
	if h.Fail == nil {
		return
	}
	h.Fail(t, q, 1)
	errs = q.Send(t.Context(), messages(30)...)
	for i, err := range errs {
		if (err != nil) != (i < 10) {
			t.Errorf("message %d after one failed call: %v", i, err)
		}
	}
	drain(t, q, 20)
}
