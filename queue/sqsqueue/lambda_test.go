package sqsqueue_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
)

const queueARN = "arn:aws:sqs:eu-west-1:1:q"

// event is what Lambda hands to a function, with these bodies.
func event(bodies ...string) events.SQSEvent {
	var e events.SQSEvent
	for i, body := range bodies {
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: string(rune('a' + i)), ReceiptHandle: "receipt", Body: body,
			EventSource: "aws:sqs", EventSourceARN: queueARN,
			Attributes: map[string]string{"ApproximateReceiveCount": "2", "SentTimestamp": "1767323045000"},
		})
	}
	return e
}

func encoded(t *testing.T, m queue.Message) string {
	t.Helper()
	b, err := queue.Encode(m.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func response(t *testing.T, b *sqsqueue.Batch) string {
	t.Helper()
	out, err := json.Marshal(b.Response())
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestLambdaBatch(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	r := sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: cfg})
	b, err := r.Receive(t.Context(), event(encoded(t, message("d", "one")), "junk", encoded(t, message("d", "two")), `{"v":9}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Deliveries) != 2 || b.Deliveries[0].Attempt.Task != "one" || b.Deliveries[1].ID != "c" {
		t.Fatalf("got %+v", b.Deliveries)
	}
	if d := b.Deliveries[0]; d.Receives != 2 || !d.Sent.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("delivery is %+v", d)
	}
	b.Fail(b.Deliveries[1])
	b.Fail(b.Deliveries[1])
	if got, want := response(t, b), `{"batchItemFailures":[{"itemIdentifier":"d"},{"itemIdentifier":"c"}]}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
	equal(t, "dead letters", []string{"junk"}, s.bodies("q-dead"))
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestLambdaBatchOfGoodMessages(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	kept := &memory{}
	send(t, open(t, sqsqueue.Config{AWS: cfg, Name: "q", Payloads: kept}), data(2<<20))
	ref := s.bodies("q")[0]
	calls := len(s.calls)
	r := sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: cfg, Payloads: kept})
	b, err := r.Receive(t.Context(), event(encoded(t, message("d", "one")), ref))
	if err != nil || len(b.Deliveries) != 2 || b.Deliveries[1].Attempt.Task != "large" {
		t.Fatalf("got %+v, %v", b, err)
	}
	if got := response(t, b); got != `{"batchItemFailures":[]}` {
		t.Errorf("answered %s", got)
	}
	if len(s.calls) != calls {
		t.Errorf("made calls %v", s.calls[calls:])
	}
}

// TestLambdaLeavesWhatItCannotBury: what is neither done nor dead must come again.
func TestLambdaLeavesWhatItCannotBury(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	s.change(func() { s.fail, s.code = 10, "AccessDeniedException" })
	b, err := sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: cfg}).Receive(t.Context(), event("[]", "junk"))
	if err != nil || len(b.Deliveries) != 0 {
		t.Fatalf("got %+v, %v", b, err)
	}
	if got, want := response(t, b), `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
}

func TestLambdaRefusesForeignEvents(t *testing.T) {
	t.Parallel()
	_, cfg := newService(t, 3)
	r := sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: cfg})
	for _, change := range []func(m *events.SQSMessage){
		func(m *events.SQSMessage) { m.EventSource = "aws:s3" },
		func(m *events.SQSMessage) { m.MessageId = "" },
		func(m *events.SQSMessage) { m.EventSourceARN = "q" },
	} {
		e := event(encoded(t, message("d", "one")))
		change(&e.Records[0])
		if b, err := r.Receive(t.Context(), e); err == nil || !strings.Contains(err.Error(), "event of") {
			t.Errorf("got %+v, %v", b, err)
		}
	}
}

// FuzzLambdaEvent: whatever JSON calls the function, it answers or refuses.
func FuzzLambdaEvent(f *testing.F) {
	f.Add([]byte(`{"Records":[{"messageId":"1","body":"{\"v\":1}","eventSource":"aws:sqs","eventSourceARN":"` + queueARN + `"}]}`))
	f.Add([]byte(`{"Records":[{}]}`))
	f.Add([]byte(`{"Records":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e events.SQSEvent
		if json.Unmarshal(raw, &e) != nil || len(e.Records) > 3 {
			return
		}
		_, cfg := newService(t, 3)
		b, err := sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: cfg}).Receive(t.Context(), e)
		if err == nil && len(b.Deliveries)+len(b.Response().BatchItemFailures) > len(e.Records) {
			t.Errorf("%d records gave %d deliveries and %v", len(e.Records), len(b.Deliveries), b.Response())
		}
	})
}
