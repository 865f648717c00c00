package logs

import (
	"context"
	"iter"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// Driver keeps the segments of logs. A segment is named by its attempt and by the
// offset of its first byte in the log, so that a store of objects can name objects by
// it, and list them in order. Masking, bounding, buffering and following are done
// above. All methods may be called concurrently.
type Driver interface {
	// Open prepares to write to the end of a log. It may be called for a log that
	// exists, closed or not.
	Open(ctx context.Context, a run.Attempt) (Appender, error)
	// Stat describes a log, or ErrNotFound. If it says Closed, then Segments are those
	// found after that was so: nothing is missing.
	Stat(ctx context.Context, a run.Attempt) (Info, error)
	// ReadAt reads from the segment that begins at an offset of the log, from a place in
	// the segment on. Less than len(p) without an error is the end of what is there;
	// ErrNotFound says that the segment is gone.
	ReadAt(ctx context.Context, a run.Attempt, segment int64, p []byte, from int64) (int, error)
	// Remove removes these segments, or the whole log if none are named. What is not
	// there is no error.
	Remove(ctx context.Context, a run.Attempt, segments ...int64) error
	// List gives the logs of a scope, in no order. After an error it ends, or goes on
	// where the error concerns one log only.
	List(ctx context.Context, s Scope) iter.Seq2[Info, error]
}

// Appender writes to the end of one log. Its methods are not called concurrently.
type Appender interface {
	// Segments are those that were there when the log was opened.
	Segments() []Segment
	// Append adds p to the segment that begins at this offset of the log. The segment is
	// made if it is not there; then the one before it is complete. It says how much of p
	// was written, and keeps nothing of p. A driver with a Buffer in its Config gets one
	// call per segment, and calling it again for the same segment replaces it.
	//
	// ErrTaken says that somebody else has written there since the log was opened (a
	// zombie, or the successor of one): nothing was written, and the log is to be opened
	// again. Only a driver with a Buffer needs to tell.
	Append(ctx context.Context, segment int64, p []byte) (int, error)
	// Close marks the log as closed, and before that adds p as Append does, where segment
	// is that of p, or the end of the log if p is empty. A driver with a Buffer does both
	// in one step, so that a short log costs one write.
	Close(ctx context.Context, segment int64, p []byte) error
}

// Packer is a Driver that can keep several short logs in one object.
type Packer interface {
	// WritePack keeps whole logs of one run in one step; they count as closed. Those of
	// which something was kept before are left out and returned: they are to be written
	// one by one. What it has kept already (a Whole with the same Token) is kept once.
	// After an error it may be called again with the same logs.
	WritePack(ctx context.Context, id run.ID, whole []Whole) (left []Whole, err error)
}

// Whole is a log that has ended and of which nothing was written yet.
type Whole struct {
	Attempt run.Attempt
	// Text is what is to be kept.
	Text []byte
	// Written is when the end of it was written.
	Written time.Time
	// Token is different for each Whole.
	Token string
}

// Watcher is a Driver that notices when a log changes.
type Watcher interface {
	// Watch returns a channel that gets a value some time after a log was written to
	// or closed (several changes may be told as one) until stop is called. An error
	// means that the log can only be followed by polling.
	Watch(ctx context.Context, a run.Attempt) (changed <-chan struct{}, stop func(), err error)
}
