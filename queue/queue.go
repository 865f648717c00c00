// Package queue hands messages from schedulers to the workers that pull them, and to
// themselves for later. What a message means is the receiver's matter; that one that
// is lost is sent again is the planner's.
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Errors of queues and of every driver; compare with errors.Is.
var (
	// ErrTooLarge says that a message is larger than the service takes.
	ErrTooLarge = errors.New("message is too large")
	// ErrDelay says that a delay is longer than MaxDelay.
	ErrDelay = errors.New("delay is too long")
	// ErrLost says that a delivery is somebody else's by now: its visibility ran out, and
	// it was delivered again. A driver that cannot tell does not say so.
	ErrLost = errors.New("delivery was lost to another receiver")
	// ErrClosed says that the queue was closed.
	ErrClosed = errors.New("queue is closed")
)

const (
	// MaxDelay is the longest delay of a message, that of SQS.
	MaxDelay = 15 * time.Minute
	// MaxVisibility is the longest time that a delivery is hidden from others, that of SQS.
	MaxVisibility = 12 * time.Hour
	// MaxWait is how long Receive waits at most, that of SQS.
	MaxWait = 20 * time.Second
	// DedupWindow is for how long a message with the same Dedup is dropped.
	DedupWindow = 5 * time.Minute
	// DefaultVisibility is that of Receive if none is given.
	DefaultVisibility = 30 * time.Second
	// DefaultReceives is after how many receives a message is a dead letter if nothing
	// else is said.
	DefaultReceives = 5
)

// Message is a message to send.
type Message struct {
	Envelope
	// Delay hides it for so long at first, at most MaxDelay.
	Delay time.Duration
	// Dedup, if not empty, drops the message if one with the same text was sent within
	// DedupWindow. A driver that cannot do so sends it: receivers must bear both.
	Dedup string
}

// Delivery is a message as it was received.
type Delivery struct {
	Envelope
	// ID names the message, the same at each receive.
	ID string
	// Receipt names this receive of it.
	Receipt string
	// Receives is how often it was received, this one counted; a service may miscount.
	Receives int
	// Sent is when it was sent.
	Sent time.Time
}

// Stats is how much is in a queue; services say it approximately.
type Stats struct {
	// Ready can be received now, Delayed later, InFlight was received and is neither
	// deleted nor visible again. Dead are the dead letters.
	Ready, Delayed, InFlight, Dead int
	// Oldest is when the oldest message that is not dead was sent; zero if there is none,
	// or where the service does not say.
	Oldest time.Time
}

// DeadLetter is a message that was received too often, or that nobody can read.
type DeadLetter struct {
	ID string
	// Body is what was sent; Decode may refuse it.
	Body []byte
	Sent time.Time
	// Died is when it became one; zero where the service does not say.
	Died   time.Time
	Reason string
}

// Part is a part of a queue.
type Part string

// The parts of a queue.
const (
	// Living are the messages that are ready, delayed or in flight.
	Living Part = "living"
	// DeadLetterPart are the dead letters.
	DeadLetterPart Part = "dead letters"
)

// Config says what a service takes. Drivers fill it in.
type Config struct {
	// Batch is how many messages go into one call of the driver, Size how many bytes one
	// message may have.
	Batch, Size int
	// BatchSize is how many bytes a batch may have, unless it is of one message; 0 is Size.
	BatchSize int
	// Log takes messages that cannot be read; nil takes none.
	Log *slog.Logger
}

// Queue sends and receives messages through a driver. It delivers everything at least
// once, in no promised order. It is safe for concurrent use.
type Queue struct {
	d Driver
	c Config
}

// New returns the queue that a driver keeps. It is for the Open functions of drivers.
func New(d Driver, c Config) *Queue {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.BatchSize == 0 {
		c.BatchSize = c.Size
	}
	return &Queue{d: d, c: c}
}

// Send sends messages and returns an error for each that was not sent, nil for the
// others. What it says was not sent may have been sent nevertheless (the answer was
// lost). Order is not kept.
func (q *Queue) Send(ctx context.Context, messages ...Message) []error {
	errs := make([]error, len(messages))
	var batch []Outgoing
	var index []int // of batch in messages
	size := 0
	flush := func() {
		if len(batch) == 0 {
			return
		}
		for i, err := range q.d.Send(ctx, batch) {
			if err != nil {
				errs[index[i]] = fmt.Errorf("send a message about %s: %w", messages[index[i]].Attempt, err)
			}
		}
		batch, index, size = batch[:0], index[:0], 0
	}
	for i, m := range messages {
		out, err := q.outgoing(m)
		if err != nil {
			errs[i] = err
			continue
		}
		if len(batch) == q.c.Batch || size+len(out.Body) > q.c.BatchSize {
			flush()
		}
		batch, index, size = append(batch, out), append(index, i), size+len(out.Body)
	}
	flush()
	return errs
}

func (q *Queue) outgoing(m Message) (Outgoing, error) {
	body, err := Encode(m.Envelope)
	if err != nil {
		return Outgoing{}, err
	}
	if len(body) > q.c.Size {
		return Outgoing{}, fmt.Errorf("send a message about %s: %w: it has %d bytes, %d are allowed", m.Attempt, ErrTooLarge, len(body), q.c.Size)
	}
	if m.Delay > MaxDelay {
		return Outgoing{}, fmt.Errorf("send a message about %s: %w: %s, %s are allowed: send it later", m.Attempt, ErrDelay, m.Delay, MaxDelay)
	}
	return Outgoing{Body: body, Delay: max(0, m.Delay), Dedup: m.Dedup, Group: m.Attempt.DAG}, nil
}

// Receive returns between one and n messages that are ready, or none after having
// waited for some; n and wait are reduced to what the service allows. Each is hidden
// from other receivers for the visibility (0 is DefaultVisibility) and then delivered
// again, unless it is extended or deleted. Messages that nobody can read become dead
// letters; those of a newer version are left to newer receivers. When ctx ends, it
// returns the context's cause soon; messages that are lost by that come again.
func (q *Queue) Receive(ctx context.Context, n int, visibility, wait time.Duration) ([]Delivery, error) {
	if visibility <= 0 {
		visibility = DefaultVisibility
	}
	got, err := q.d.Receive(ctx, min(max(1, n), q.c.Batch), min(visibility, MaxVisibility), min(max(0, wait), MaxWait))
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("receive messages: %w", err)
	}
	out, _ := q.Accept(ctx, got)
	return out, nil
}

// Accept reads messages that a service has pushed, as Receive does with those that it
// pulls. Left are those that must come again: of a newer version, or that could not be
// made dead letters; all others were delivered or are dead.
func (q *Queue) Accept(ctx context.Context, got []Incoming) (out []Delivery, left []Incoming) {
	out = make([]Delivery, 0, len(got))
	for _, in := range got {
		e, err := Decode(in.Body)
		if err == nil {
			out = append(out, Delivery{Envelope: e, ID: in.ID, Receipt: in.Receipt, Receives: in.Receives, Sent: in.Sent})
			continue
		}
		if errors.Is(err, ErrVersion) {
			q.c.Log.WarnContext(ctx, "message of a newer version is left to others", "message", in.ID, "error", err)
			left = append(left, in)
			continue
		}
		q.c.Log.ErrorContext(ctx, "message cannot be read and becomes a dead letter", "message", in.ID, "error", err)
		if err := q.d.Bury(context.WithoutCancel(ctx), in, err.Error()); err != nil {
			q.c.Log.ErrorContext(ctx, "message cannot be made a dead letter", "message", in.ID, "error", err)
			left = append(left, in)
		}
	}
	return out, left
}

// Extend hides a delivery from other receivers for so long from now on, at most
// MaxVisibility; 0 gives it back at once. ErrLost says that it is too late.
func (q *Queue) Extend(ctx context.Context, d Delivery, visibility time.Duration) error {
	if err := q.d.Extend(ctx, d.Receipt, min(max(0, visibility), MaxVisibility)); err != nil {
		return fmt.Errorf("extend message %s: %w", d.ID, err)
	}
	return nil
}

// Delete says that deliveries are done, and returns an error for each that it could not
// say it of, nil for the others: those will be delivered again. What is gone already is
// no error. ErrLost says that another receiver has the message by now.
func (q *Queue) Delete(ctx context.Context, ds ...Delivery) []error {
	errs := make([]error, 0, len(ds))
	for len(errs) < len(ds) {
		batch := ds[len(errs):min(len(ds), len(errs)+q.c.Batch)]
		receipts := make([]string, len(batch))
		for i, d := range batch {
			receipts[i] = d.Receipt
		}
		for i, err := range q.d.Delete(ctx, receipts) {
			if err != nil {
				err = fmt.Errorf("delete message %s: %w", batch[i].ID, err)
			}
			errs = append(errs, err)
		}
	}
	return errs
}

// Stats says how much is in the queue.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	s, err := q.d.Stats(ctx)
	if err != nil {
		return s, fmt.Errorf("look into the queue: %w", err)
	}
	return s, nil
}

// Dead returns dead letters, at most n.
func (q *Queue) Dead(ctx context.Context, n int) ([]DeadLetter, error) {
	out, err := q.d.Dead(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return out, nil
}

// Revive makes dead letters messages again, as if they were sent now: those named, or
// all if none are. It returns how many there were.
func (q *Queue) Revive(ctx context.Context, ids ...string) (int, error) {
	n, err := q.d.Revive(ctx, ids)
	if err != nil {
		return n, fmt.Errorf("revive dead letters: %w", err)
	}
	return n, nil
}

// Purge deletes all messages of a part and returns how many there were, approximately
// where the service counts so. What is sent meanwhile may be deleted, too. Planners send
// again what they still want done.
func (q *Queue) Purge(ctx context.Context, p Part) (int, error) {
	n, err := q.d.Purge(ctx, p)
	if err != nil {
		return n, fmt.Errorf("purge %s: %w", p, err)
	}
	return n, nil
}

// Close ends Receive in all goroutines and releases the queue.
func (q *Queue) Close() error { return q.d.Close() }
