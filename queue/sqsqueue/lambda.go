package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/updraft-dev/updraft/queue"
)

// ReceiverConfig says how a Lambda function treats what queues push to it.
type ReceiverConfig struct {
	AWS aws.Config
	// Payloads keeps messages that go by reference, and PayloadsURL says where they are, as
	// in Config: they must be those of whoever sends.
	Payloads    Payloads
	PayloadsURL string
	// Log takes messages that cannot be read; nil takes none.
	Log *slog.Logger
}

// Receiver reads the events by which Lambda hands messages of queues to a function. Its
// event source mapping must have ReportBatchItemFailures, or one failure is one of all. It
// is safe for concurrent use.
type Receiver struct {
	cfg ReceiverConfig

	mu     sync.Mutex
	queues map[string]*source // by ARN
}

// source is a queue that pushes.
type source struct {
	d *driver
	q *queue.Queue
}

// NewReceiver returns a receiver. It makes no call: queues are looked for when one of their
// messages cannot be read.
func NewReceiver(c ReceiverConfig) *Receiver {
	return &Receiver{cfg: c, queues: map[string]*source{}}
}

// Batch is what one event holds. It is safe for concurrent use.
type Batch struct {
	// Deliveries are the messages to work on.
	Deliveries []queue.Delivery

	mu     sync.Mutex
	failed map[string]bool
	order  []string
}

// The checksum of an event's bodies (md5OfBody) is not looked at: it is of what was sent, and
// local services write JSON bodies anew. What damage breaks, the decoder refuses.

// Receive reads an event as Queue.Receive reads messages: what nobody can read becomes a
// dead letter, what is of a newer version is left to others. The error says that the event
// is none of SQS; then nothing was done, and Lambda gives the batch again.
func (r *Receiver) Receive(ctx context.Context, e events.SQSEvent) (*Batch, error) {
	b := &Batch{failed: map[string]bool{}}
	for _, m := range e.Records {
		if m.EventSource != "aws:sqs" || m.MessageId == "" {
			return nil, fmt.Errorf("event of %q is none of a queue: the function must be called by SQS only", m.EventSource)
		}
		if _, err := arn.Parse(m.EventSourceARN); err != nil {
			return nil, fmt.Errorf("event of queue %q: %w", m.EventSourceARN, err)
		}
	}
	byQueue := map[string][]queue.Incoming{}
	var arns []string
	for _, m := range e.Records {
		if byQueue[m.EventSourceARN] == nil {
			arns = append(arns, m.EventSourceARN)
		}
		byQueue[m.EventSourceARN] = append(byQueue[m.EventSourceARN], incoming(&m.MessageId, &m.ReceiptHandle, &m.Body, m.Attributes))
	}
	for _, name := range arns {
		s := r.source(name)
		in, left := s.d.unpack(ctx, byQueue[name])
		out, more := s.q.Accept(ctx, in)
		b.Deliveries = append(b.Deliveries, out...)
		for _, m := range append(left, more...) {
			b.fail(m.ID)
		}
	}
	return b, nil
}

// source returns the queue with an ARN.
func (r *Receiver) source(name string) *source {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.queues[name]
	if s == nil {
		d := newDriver(Config{AWS: r.cfg.AWS, Name: name, Payloads: r.cfg.Payloads, PayloadsURL: r.cfg.PayloadsURL, Log: r.cfg.Log})
		s = &source{d: d, q: d.queue()}
		r.queues[name] = s
	}
	return s
}

// Close releases the queues.
func (r *Receiver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, s := range r.queues {
		errs = append(errs, s.q.Close())
	}
	return errors.Join(errs...)
}

// Fail says that a delivery was not done: it is delivered again when its visibility has
// run out.
func (b *Batch) Fail(d queue.Delivery) { b.fail(d.ID) }

func (b *Batch) fail(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.failed[id] {
		b.failed[id] = true
		b.order = append(b.order, id)
	}
}

// Response is what the function answers: Lambda deletes what it does not name.
func (b *Batch) Response() events.SQSEventResponse {
	b.mu.Lock()
	defer b.mu.Unlock()
	// Never nil: some services take null for a failure of all.
	out := events.SQSEventResponse{BatchItemFailures: make([]events.SQSBatchItemFailure, 0, len(b.order))}
	for _, id := range b.order {
		out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return out
}
