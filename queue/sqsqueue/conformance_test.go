package sqsqueue_test

import (
	"testing"
	"time"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/queuetest"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
)

func open(t testing.TB, c sqsqueue.Config) *queue.Queue {
	t.Helper()
	q, err := sqsqueue.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

// TestConformance is against a stand-in with a clock of its own, which gives messages in
// any order; with the tag emulator there is another one, against LocalStack.
func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t testing.TB) queuetest.Harness {
		s, cfg := newService(t, 3)
		return queuetest.Harness{
			Open: func(t testing.TB) *queue.Queue { return open(t, sqsqueue.Config{AWS: cfg, Name: "q", Fair: true}) },
			Pass: func(_ testing.TB, d time.Duration) { s.pass(d) },
			Unit: time.Second, Size: 1 << 20, Receives: 3, Text: true,
			Inject: func(_ testing.TB, body []byte) {
				s.change(func() { s.send(s.queues["q"], entry{MessageBody: string(body)}) })
			},
			Fail: func(_ testing.TB, _ *queue.Queue, n int) { s.change(func() { s.fail = n }) },
		}
	})
}
