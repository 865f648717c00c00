// Package logs keeps the logs of attempts: it writes, reads, follows and removes them,
// masks secrets and bounds sizes, over a small Driver that only keeps segments of bytes.
// What is in a log, and who may read it, is not its matter.
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// Errors of logs and of every driver; compare with errors.Is.
var (
	// ErrNotFound says that nothing was ever written to the log, or that it was removed.
	ErrNotFound = errors.New("log not found")
	// ErrClosed says that a log was written to after Close.
	ErrClosed = errors.New("log is closed")
	// ErrTaken is what an Appender says when another one has written in its place.
	ErrTaken = errors.New("somebody else has written to the log")
)

// Log is one attempt's log, open for writing. It may be used concurrently; one Write
// stays together.
type Log interface {
	// Write adds text, secrets masked. Where the driver can append, it has left this
	// process when Write returns. It keeps nothing of p.
	io.Writer
	// Redact masks these texts in everything written from then on. Texts that are not
	// Maskable are ignored.
	Redact(secrets ...string)
	// Close writes what is still held back and ends the log for those who follow it. With
	// a PackTime in the Config, a short log may be held back longer: see Logs.Flush.
	// A log that was never written to leaves nothing behind.
	Close() error
}

// Info describes the log of one attempt.
type Info struct {
	Attempt run.Attempt
	// Segments are in the order of their offsets. Between two of them may be a gap: what
	// was there was dropped because the log grew too large.
	Segments []Segment
	// Modified is when it was last written to.
	Modified time.Time
	// Closed says that nobody writes to it now. A driver that cannot tell that a writer
	// has died says false until the log is closed properly. List leaves it false.
	Closed bool
}

// Segment is a part of a log that is stored in one piece.
type Segment struct {
	// Offset is the place of its first byte in the log.
	Offset int64
	// Size is in bytes.
	Size int64
}

// Size is how many bytes are stored.
func (i *Info) Size() int64 {
	var n int64
	for _, s := range i.Segments {
		n += s.Size
	}
	return n
}

// End is the offset of the next byte that will be written.
func (i *Info) End() int64 {
	if len(i.Segments) == 0 {
		return 0
	}
	last := i.Segments[len(i.Segments)-1]
	return last.Offset + last.Size
}

// Scope selects logs: those of one DAG, of one of its runs, of one task in it. Empty
// fields select all; a field only counts if those before it are set.
type Scope struct {
	DAG, Run, Task string
	// Map selects a map index of Task; nil selects all.
	Map *int
}

// ScopeOf selects the logs of one task instance: of all of its tries.
func ScopeOf(k run.Key) Scope {
	return Scope{DAG: k.DAG, Run: k.Run, Task: k.Task, Map: &k.Map}
}

// Config says how logs are kept. The zero value of each field is a good choice.
type Config struct {
	// MaxSize bounds one attempt's log in bytes: its first half is kept, and of the rest
	// the end. 0 means DefaultMaxSize, a negative number no bound.
	MaxSize int64
	// Buffer is for drivers that cannot append to a segment: that many bytes are
	// collected, for at most BufferTime, and then written as a new segment. 0 means
	// that every write goes through to the driver at once.
	Buffer     int
	BufferTime time.Duration
	// PackTime is for drivers that are Packers: a log that ends before anything of it was
	// written may wait, so that it is written in one object with others; at most for so
	// long since its first text. 0 means that none waits. Who sets it calls Flush before
	// the process ends.
	PackTime time.Duration
	// Poll is how often a log that is followed is looked at if the driver tells nothing
	// of it meanwhile. 0 means half a second.
	Poll time.Duration
}

const (
	// DefaultMaxSize is the bound of an attempt's log if nothing else is said.
	DefaultMaxSize = 256 << 20

	defaultPoll       = 500 * time.Millisecond
	defaultBufferTime = time.Second
)

// Logs writes and reads the logs of attempts through a driver. It is safe for
// concurrent use.
type Logs struct {
	d Driver
	c Config
	// packer is nil if logs are not packed.
	packer *packer
}

// New returns the logs that a driver keeps. It is for the Open functions of drivers.
func New(d Driver, c Config) *Logs {
	if c.MaxSize == 0 {
		c.MaxSize = DefaultMaxSize
	}
	if c.Poll <= 0 {
		c.Poll = defaultPoll
	}
	if c.BufferTime <= 0 {
		c.BufferTime = defaultBufferTime
	}
	l := &Logs{d: d, c: c}
	if p, ok := d.(Packer); ok && c.PackTime > 0 && c.Buffer > 0 {
		l.packer = newPacker(d, c, p)
	}
	return l
}

// Open opens an attempt's log for appending; nothing is made before the first Write.
// The log lives until Close, also when ctx ends: a cancelled task still has last words.
func (l *Logs) Open(ctx context.Context, a run.Attempt) (Log, error) {
	return &writer{ctx: context.WithoutCancel(ctx), d: l.d, c: l.c, packer: l.packer, a: a}, nil
}

// Flush writes the logs that have ended and wait for others to be written with. A worker
// calls it when it has nothing to do, and before it ends or is frozen. What could not be
// written is kept and tried again, as long as the process lives.
func (l *Logs) Flush(ctx context.Context) error {
	if l.packer == nil {
		return nil
	}
	if err := l.packer.flush(ctx); err != nil {
		return fmt.Errorf("write the logs that wait: %w", err)
	}
	return nil
}
