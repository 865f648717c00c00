// Package queuetest is the suite of what every driver of package queue promises. A
// driver's test gives Run a function that makes a harness; the suite knows no driver.
package queuetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// Harness is an empty queue. The harness' maker cleans up.
type Harness struct {
	// Open returns the queue as one more process would find it.
	Open func(t testing.TB) *queue.Queue
	// Pass lets time pass for the queue.
	Pass func(t testing.TB, d time.Duration)
	// Unit is the shortest time that the queue can measure: visibilities and delays are
	// some units. Between two calls the suite needs less than one.
	Unit time.Duration
	// Size is the size of the largest body, Receives after how many receives a message
	// is a dead letter.
	Size, Receives int
	// Inject puts a body into the queue that Send would refuse.
	Inject func(t testing.TB, body []byte)
	// Text says that a body has to be text: what is not UTF-8 cannot be injected.
	Text bool
	// Exact says that the queue tells a lost delivery (ErrLost), drops duplicates, and
	// counts exactly.
	Exact bool
	// Fail makes the next calls of the queue's service fail, if that can be done.
	Fail func(t testing.TB, q *queue.Queue, n int)
}

// Run runs the whole suite. open is called for each test.
func Run(t *testing.T, open func(t testing.TB) Harness) {
	tests := []struct {
		promise string
		test    func(t *testing.T, h Harness)
	}{
		{"what was sent is received as it was", testRoundTrip},
		{"everything arrives, in batches of any size", testBatches},
		{"a delivery is hidden, and comes back if it is not deleted", testRedelivery},
		{"what was deleted does not come back", testDelete},
		{"a delivery can be given back at once", testGiveBack},
		{"a delivery can be extended", testExtend},
		{"a late receiver hears that it lost its delivery", testLost},
		{"a message can be delayed", testDelay},
		{"too long a delay is refused", testDelayTooLong},
		{"the same message is not sent twice", testDedup},
		{"too large a message is refused before it is sent", testTooLarge},
		{"one bad message of a batch is told, and the others are sent", testPartial},
		{"what is received too often becomes a dead letter", testPoison},
		{"junk becomes a dead letter", testJunk},
		{"a newer version is left to newer receivers", testNewer},
		{"looking at dead letters changes nothing", testLook},
		{"dead letters can be sent again", testRevive},
		{"a queue and its dead letters can be emptied", testPurge},
		{"a receiver waits for what comes", testWait},
		{"a receiver waits no longer than asked", testWaitInVain},
		{"a cancelled receiver returns", testCancel},
		{"concurrent receivers share the work", testConcurrent},
		{"what a dead receiver had goes to another", testAbandoned},
		{"messages outlive the processes", testReopen},
		{"a closed queue says so", testClose},
		{"the queue can be counted", testStats},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
}

// patience is how long the suite waits for what must come.
const patience = 30 * time.Second

// long is a visibility that does not run out in a test.
const long = time.Hour

func ok(t testing.TB, what string, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// Message is one that tests tell by its task.
func Message(task string) queue.Message {
	return queue.Message{Envelope: queue.Envelope{
		Kind: queue.KindAttempt, Attempt: run.Attempt{Key: run.Key{ID: run.ID{DAG: "dag", Run: "run"}, Task: task, Map: run.Unmapped}, Try: 1},
		Token: "token of " + task,
	}}
}

func messages(n int) (out []queue.Message) {
	for i := range n {
		out = append(out, Message(fmt.Sprintf("task%04d", i)))
	}
	return out
}

func send(t testing.TB, q *queue.Queue, ms ...queue.Message) {
	t.Helper()
	errs := q.Send(t.Context(), ms...)
	if len(errs) != len(ms) {
		t.Fatalf("Send gave %d answers for %d messages", len(errs), len(ms))
	}
	ok(t, "Send", errs...)
}

// receive receives what is there now.
func receive(t testing.TB, q *queue.Queue, n int, visibility time.Duration) []queue.Delivery {
	t.Helper()
	got, err := q.Receive(t.Context(), n, visibility, 0)
	ok(t, "Receive", err)
	if len(got) > n {
		t.Errorf("received %d messages, asked for %d", len(got), n)
	}
	return got
}

// one receives a message that must come soon.
func one(t testing.TB, q *queue.Queue, visibility time.Duration) queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := q.Receive(ctx, 1, visibility, queue.MaxWait)
	ok(t, "Receive", err)
	if len(got) != 1 {
		t.Fatalf("received %d messages, want 1", len(got))
	}
	return got[0]
}

// nothing checks that nothing can be received now.
func nothing(t testing.TB, q *queue.Queue, when string) {
	t.Helper()
	if got := receive(t, q, 10, long); len(got) > 0 {
		t.Errorf("%s: received %s", when, tasks(got))
	}
}

// drain receives until n messages came, and deletes them.
func drain(t testing.TB, q *queue.Queue, n int) []queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []queue.Delivery
	for len(all) < n {
		got, err := q.Receive(ctx, 10, long, queue.MaxWait)
		ok(t, "Receive", err)
		if len(got) == 0 {
			t.Fatalf("received %d messages of %d", len(all), n)
		}
		ok(t, "Delete", q.Delete(ctx, got...)...)
		all = append(all, got...)
	}
	return all
}

// tasks are the names of what was received, in order.
func tasks(ds []queue.Delivery) string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Attempt.Task)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func names(ms []queue.Message) string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Attempt.Task)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// sized returns a message whose body has this size.
func sized(t testing.TB, size int) queue.Message {
	t.Helper()
	m := Message("large")
	m.Data = json.RawMessage(`""`)
	b, err := queue.Encode(m.Envelope)
	ok(t, "Encode", err)
	m.Data = json.RawMessage(`"` + strings.Repeat("x", size-len(b)) + `"`)
	return m
}
