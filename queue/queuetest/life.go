package queuetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/queue"
)

func testPoison(t *testing.T, h Harness) {
	q := h.Open(t)
	send(t, q, Message("poison"))
	for i := range h.Receives {
		if d := one(t, q, h.Unit); h.Exact && d.Receives != i+1 {
			t.Errorf("receive %d says %d", i+1, d.Receives)
		}
		h.Pass(t, 2*h.Unit)
	}
	nothing(t, q, "after it was received too often")
	send(t, q, Message("good"))
	equal(t, "received", "good", tasks(drain(t, q, 1)))
	dead, err := q.Dead(t.Context(), 10)
	ok(t, "Dead", err)
	if len(dead) != 1 {
		t.Fatalf("there are %d dead letters, want 1", len(dead))
	}
	e, err := queue.Decode(dead[0].Body)
	ok(t, "Decode", err)
	equal(t, "envelope", Message("poison").Envelope, e)
	if dead[0].ID == "" || dead[0].Sent.IsZero() || dead[0].Reason == "" {
		t.Errorf("dead letter is %+v", dead[0])
	}
}

func testJunk(t *testing.T, h Harness) {
	q := h.Open(t)
	junk := []string{"junk", `{"v":1,"kind":"explode","dag":"d","run":"r"}`, "\ufeff{}", "null"}
	if !h.Text {
		junk = append(junk, "\xff\xfe")
	}
	for _, j := range junk {
		h.Inject(t, []byte(j))
	}
	send(t, q, Message("good"))
	equal(t, "received", "good", tasks(drain(t, q, 1)))
	nothing(t, q, "beside junk")
	dead, err := q.Dead(t.Context(), 10)
	ok(t, "Dead", err)
	var got []string
	for _, d := range dead {
		got = append(got, string(d.Body))
		if !strings.Contains(d.Reason, "decode a message") {
			t.Errorf("%q is dead because %q", d.Body, d.Reason)
		}
	}
	slices.Sort(got)
	slices.Sort(junk)
	equal(t, "dead letters", junk, got)
}

func testNewer(t *testing.T, h Harness) {
	q := h.Open(t)
	h.Inject(t, []byte(`{"v":99,"what":"ever"}`))
	if got := receive(t, q, 1, h.Unit); len(got) > 0 {
		t.Errorf("received %+v", got)
	}
	dead, err := q.Dead(t.Context(), 10)
	ok(t, "Dead", err)
	if len(dead) > 0 {
		t.Errorf("a message of a newer version is dead at once: %+v", dead)
	}
	if !h.Exact {
		return
	}
	for range h.Receives {
		h.Pass(t, 2*h.Unit)
		receive(t, q, 1, h.Unit)
	}
	if dead, err = q.Dead(t.Context(), 10); err != nil || len(dead) != 1 {
		t.Errorf("nobody could read it, and the dead letters are %+v, %v", dead, err)
	}
}

// kill sends messages, and receives them until they are dead letters.
func kill(t *testing.T, h Harness, q *queue.Queue, names ...string) {
	t.Helper()
	for _, n := range names {
		send(t, q, Message(n))
	}
	for range h.Receives {
		for range names {
			one(t, q, h.Unit)
		}
		h.Pass(t, 2*h.Unit)
	}
	nothing(t, q, "after all were received too often")
}

func testRevive(t *testing.T, h Harness) {
	q := h.Open(t)
	kill(t, h, q, "a", "b", "c")
	dead, err := q.Dead(t.Context(), 2)
	ok(t, "Dead", err)
	if len(dead) != 2 {
		t.Fatalf("got %d dead letters, asked for 2", len(dead))
	}
	n, err := q.Revive(t.Context(), dead[0].ID)
	ok(t, "Revive", err)
	equal(t, "revived", 1, n)
	e, err := queue.Decode(dead[0].Body)
	ok(t, "Decode", err)
	if d := one(t, q, long); d.Attempt != e.Attempt || h.Exact && d.Receives != 1 {
		t.Errorf("received %+v, want %s as if it were new", d, e.Attempt)
	} else {
		ok(t, "Delete", q.Delete(t.Context(), d)...)
	}
	n, err = q.Revive(t.Context(), dead[0].ID)
	ok(t, "Revive what is revived", err)
	equal(t, "revived", 0, n)
	n, err = q.Revive(t.Context())
	ok(t, "Revive all", err)
	equal(t, "revived", 2, n)
	drain(t, q, 2)
	if dead, err := q.Dead(t.Context(), 10); err != nil || len(dead) > 0 {
		t.Errorf("dead letters that are left: %+v, %v", dead, err)
	}
}

func testLook(t *testing.T, h Harness) {
	q := h.Open(t)
	kill(t, h, q, "a", "b", "c")
	var first map[string]string
	for range 3 {
		dead, err := q.Dead(t.Context(), 10)
		ok(t, "Dead", err)
		seen := map[string]string{}
		for _, d := range dead {
			seen[d.ID] = string(d.Body)
		}
		if first == nil {
			first = seen
		}
		equal(t, "dead letters", first, seen)
	}
	equal(t, "number of dead letters", 3, len(first))
	nothing(t, q, "after looking")
}

func testPurge(t *testing.T, h Harness) {
	q := h.Open(t)
	kill(t, h, q, "dead")
	later := Message("later")
	later.Delay = queue.MaxDelay
	send(t, q, append(messages(3), later)...)
	one(t, q, long)
	n, err := q.Purge(t.Context(), queue.Living)
	ok(t, "Purge", err)
	if h.Exact {
		equal(t, "deleted", 4, n)
	}
	nothing(t, q, "after it was purged")
	dead, err := q.Dead(t.Context(), 10)
	ok(t, "Dead", err)
	equal(t, "dead letters that are left", 1, len(dead))
	n, err = q.Purge(t.Context(), queue.DeadLetterPart)
	ok(t, "Purge", err)
	if h.Exact {
		equal(t, "deleted dead letters", 1, n)
	}
	dead, err = q.Dead(t.Context(), 10)
	ok(t, "Dead", err)
	equal(t, "dead letters that are left", 0, len(dead))
}

// waiting starts a receiver that waits.
func waiting(ctx context.Context, q *queue.Queue) <-chan answer {
	out := make(chan answer, 1)
	go func() {
		got, err := q.Receive(ctx, 1, long, queue.MaxWait)
		out <- answer{got, err}
	}()
	return out
}

type answer struct {
	got []queue.Delivery
	err error
}

// soon returns an answer that must come soon.
func soon(t testing.TB, from <-chan answer) answer {
	t.Helper()
	select {
	case a := <-from:
		return a
	case <-time.After(patience):
		t.Fatal("a receiver did not return")
		return answer{}
	}
}

func testWait(t *testing.T, h Harness) {
	q, other := h.Open(t), h.Open(t)
	for _, from := range []*queue.Queue{q, other} {
		got := waiting(t.Context(), q)
		send(t, from, Message("a"))
		if a := soon(t, got); a.err != nil || tasks(a.got) != "a" {
			t.Errorf("received %v, %v", a.got, a.err)
		}
	}
	// What becomes visible is received, too.
	m := Message("later")
	m.Delay = 2 * h.Unit
	send(t, q, m)
	got := waiting(t.Context(), q)
	h.Pass(t, 3*h.Unit)
	if a := soon(t, got); a.err != nil || tasks(a.got) != "later" {
		t.Errorf("received %v, %v", a.got, a.err)
	}
}

func testWaitInVain(t *testing.T, h Harness) {
	q := h.Open(t)
	begin := time.Now()
	got, err := q.Receive(t.Context(), 10, long, time.Second)
	ok(t, "Receive", err)
	if d := time.Since(begin); len(got) > 0 || d < 900*time.Millisecond || d > patience {
		t.Errorf("received %v after %s, want nothing after a second", got, d)
	}
}

func testCancel(t *testing.T, h Harness) {
	q := h.Open(t)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	got := waiting(ctx, q)
	cancel(why)
	if a := soon(t, got); len(a.got) > 0 || !errors.Is(a.err, why) {
		t.Errorf("got %v, %v", a.got, a.err)
	}
	_, err := q.Receive(ctx, 1, long, 0)
	is(t, "Receive", err, why)
	if q.Send(ctx, Message("a"))[0] == nil {
		t.Error("a message was sent after its context had ended")
	}
	nothing(t, q, "after the contexts ended")
}

func testConcurrent(t *testing.T, h Harness) {
	ms := messages(200)
	var mu sync.Mutex
	count := map[string]int{}
	left := len(ms)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var wg sync.WaitGroup
	receivers := []*queue.Queue{h.Open(t), h.Open(t)}
	for i := range 8 {
		q := receivers[i%2]
		wg.Go(func() {
			for ctx.Err() == nil {
				got, err := q.Receive(ctx, 3, long, queue.MaxWait)
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("Receive: %v", err)
					}
					return
				}
				if err := errors.Join(q.Delete(ctx, got...)...); err != nil {
					t.Errorf("Delete: %v", err)
				}
				mu.Lock()
				for _, d := range got {
					count[d.Attempt.Task]++
				}
				if left -= len(got); left <= 0 {
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	sender := h.Open(t)
	for i := range 4 {
		wg.Go(func() {
			if err := errors.Join(sender.Send(t.Context(), ms[i*50:(i+1)*50]...)...); err != nil {
				t.Errorf("Send: %v", err)
			}
		})
	}
	wg.Wait()
	for _, m := range ms {
		if n := count[m.Attempt.Task]; n == 0 || h.Exact && n != 1 {
			t.Errorf("%s was received %d times", m.Attempt.Task, n)
		}
	}
}

func testAbandoned(t *testing.T, h Harness) {
	q, other := h.Open(t), h.Open(t)
	send(t, q, Message("a"))
	d := one(t, q, 5*h.Unit)
	ok(t, "Close", q.Close())
	nothing(t, other, "while the dead receiver has it")
	h.Pass(t, 6*h.Unit)
	if again := one(t, other, long); again.ID != d.ID {
		t.Errorf("received %+v, want %+v", again, d)
	}
}

func testReopen(t *testing.T, h Harness) {
	q := h.Open(t)
	later := Message("later")
	later.Delay = 5 * h.Unit
	send(t, q, Message("now"), later)
	ok(t, "Close", q.Close())
	q = h.Open(t)
	equal(t, "received", "now", tasks(drain(t, q, 1)))
	h.Pass(t, 6*h.Unit)
	equal(t, "received", "later", tasks(drain(t, q, 1)))
}

func testClose(t *testing.T, h Harness) {
	q := h.Open(t)
	send(t, q, Message("a"))
	d := one(t, q, long)
	got := waiting(t.Context(), q)
	ok(t, "Close", q.Close())
	ok(t, "Close again", q.Close())
	is(t, "a waiting Receive", soon(t, got).err, queue.ErrClosed)
	_, err := q.Receive(t.Context(), 1, long, 0)
	is(t, "Receive", err, queue.ErrClosed)
	is(t, "Send", q.Send(t.Context(), Message("b"))[0], queue.ErrClosed)
	is(t, "Extend", q.Extend(t.Context(), d, long), queue.ErrClosed)
	is(t, "Delete", q.Delete(t.Context(), d)[0], queue.ErrClosed)
	_, err = q.Stats(t.Context())
	is(t, "Stats", err, queue.ErrClosed)
	_, err = q.Dead(t.Context(), 1)
	is(t, "Dead", err, queue.ErrClosed)
	_, err = q.Revive(t.Context())
	is(t, "Revive", err, queue.ErrClosed)
	_, err = q.Purge(t.Context(), queue.Living)
	is(t, "Purge", err, queue.ErrClosed)
}

func testStats(t *testing.T, h Harness) {
	q := h.Open(t)
	stats := func() queue.Stats {
		t.Helper()
		s, err := q.Stats(t.Context())
		ok(t, "Stats", err)
		return s
	}
	if s := stats(); s != (queue.Stats{}) {
		t.Errorf("an empty queue has %+v", s)
	}
	kill(t, h, q, "dead")
	later := Message("later")
	later.Delay = queue.MaxDelay
	send(t, q, append(messages(3), later)...)
	one(t, q, long)
	s := stats()
	if s.Oldest.IsZero() && h.Exact {
		t.Error("the oldest message has no time")
	}
	s.Oldest = time.Time{}
	if want := (queue.Stats{Ready: 2, Delayed: 1, InFlight: 1, Dead: 1}); h.Exact && s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}
