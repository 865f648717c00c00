package queue

import (
	"context"
	"time"
)

// Driver is a service of queues. Encoding, limits and batching are done above: what a
// driver gets is within its Config. All methods may be called concurrently, and end
// soon when ctx ends.
type Driver interface {
	// Send sends a batch and returns an error, or nil, for each message.
	Send(ctx context.Context, batch []Outgoing) []error
	// Receive receives between one and n messages, or none after wait. A message that was
	// received as often as the queue allows, and is visible again, is not delivered but
	// becomes a dead letter.
	Receive(ctx context.Context, n int, visibility, wait time.Duration) ([]Incoming, error)
	// Extend hides a message from now on for so long, or makes it visible if that is 0.
	Extend(ctx context.Context, receipt string, visibility time.Duration) error
	// Delete deletes messages and returns an error, or nil, for each.
	Delete(ctx context.Context, receipts []string) []error
	// Stats counts.
	Stats(ctx context.Context) (Stats, error)
	// Purge deletes all messages of a part, and returns how many; a service that counts
	// approximately returns that.
	Purge(ctx context.Context, p Part) (int, error)
	// Close ends the calls of Receive with ErrClosed and releases everything.
	Close() error
	DeadLetters
}

// DeadLetters is the part of a driver that keeps what nobody could work on.
type DeadLetters interface {
	// Bury makes a message that was received a dead letter.
	Bury(ctx context.Context, m Incoming, reason string) error
	// Dead returns dead letters, at most n.
	Dead(ctx context.Context, n int) ([]DeadLetter, error)
	// Revive sends dead letters again; no ids means all.
	Revive(ctx context.Context, ids []string) (int, error)
}

// Outgoing is a message as a driver gets it; see Message.
type Outgoing struct {
	Body  []byte
	Delay time.Duration
	Dedup string
	// Group is what shares the queue with others, the DAG: a service that can keeps one
	// group with many messages from holding up the others.
	Group string
}

// Incoming is a message as a driver gives it; see Delivery.
type Incoming struct {
	Body        []byte
	ID, Receipt string
	Receives    int
	Sent        time.Time
}
