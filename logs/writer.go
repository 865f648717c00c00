package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// writer is one attempt's log, open for writing.
type writer struct {
	ctx context.Context // of Open, without its cancellation: logs outlive it
	d   Driver
	c   Config
	a   run.Attempt
	// packer takes the log if it is short; nil if it is to be written by itself.
	packer *packer

	mu   sync.Mutex
	mask Masker
	out  Appender // nil until the first write
	segs segments

	// buf is what a driver that cannot append is to get as one segment.
	buf    []byte
	since  time.Time // when the first text came
	timer  *time.Timer
	err    error // of the last flush by timer
	closed bool
}

// maxBacklog is how many buffers full are kept while a driver fails.
const maxBacklog = 8

// Write implements Log.
func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, fmt.Errorf("write to the log of %s: %w", w.a, ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if err := w.emit(w.mask.Next(p)); err != nil {
		return 0, fmt.Errorf("write to the log of %s: %w", w.a, err)
	}
	return len(p), nil
}

// Redact implements Log.
func (w *writer) Redact(secrets ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mask.Add(secrets...)
}

// Close implements Log.
func (w *writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	if err := w.finish(); err != nil {
		return fmt.Errorf("close the log of %s: %w", w.a, err)
	}
	return nil
}

// finish writes what is held back, and closes the log; w.mu is held.
func (w *writer) finish() error {
	err := w.emit(w.mask.Rest())
	switch {
	case w.out == nil && len(w.buf) == 0:
		return err
	case w.out == nil && w.packer != nil && w.packer.take(w.ctx, w.a, w.since, w.buf):
		return err
	case w.c.Buffer <= 0:
		return errors.Join(err, w.out.Close(w.ctx, w.segs.end(), nil))
	}
	cerr := w.end()
	if cerr != nil {
		// It may have been done, and only the answer was lost.
		cerr = w.end()
	}
	return errors.Join(err, cerr)
}

// end closes the log with the last of what is held back; w.mu is held. A log that lacks its
// end is not closed.
func (w *writer) end() error {
	if err := w.open(); err != nil {
		return err
	}
	if len(w.buf) == 0 {
		return w.out.Close(w.ctx, w.segs.end(), nil)
	}
	n, err := w.append(w.buf, true)
	w.buf = w.buf[n:]
	return err
}

// open opens the log in the driver, at its end; w.mu is held.
func (w *writer) open() error {
	if w.out != nil {
		return nil
	}
	if w.packer != nil {
		if err := w.packer.settle(w.ctx, w.a); err != nil {
			return err
		}
	}
	out, err := w.d.Open(w.ctx, w.a)
	if err != nil {
		return err
	}
	w.out, w.segs = out, newSegments(w.c.MaxSize, out.Segments())
	return nil
}

// emit hands on text that is safe to be seen; w.mu is held. Its error means that text
// is lost: what a buffer holds is tried again.
func (w *writer) emit(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if w.c.Buffer <= 0 {
		if err := w.open(); err != nil {
			return err
		}
		_, err := w.append(p, false)
		return err
	}
	if len(w.buf) > maxBacklog*w.c.Buffer {
		return fmt.Errorf("%d bytes wait to be written: %w", len(w.buf), w.err)
	}
	if w.since.IsZero() {
		w.since = time.Now()
	}
	w.buf = append(w.buf, p...)
	if len(w.buf) >= w.c.Buffer {
		w.err = w.flush()
	}
	if w.timer == nil && len(w.buf) > 0 {
		w.timer = time.AfterFunc(w.c.BufferTime, w.tick)
	}
	return nil
}

// tick writes what has waited for long enough.
func (w *writer) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer = nil; w.closed {
		return
	}
	if w.err = w.flush(); w.err != nil {
		w.timer = time.AfterFunc(w.c.BufferTime, w.tick)
	}
}

// flush writes the buffer as segments of its own; w.mu is held.
func (w *writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	n, err := w.append(w.buf, false)
	w.buf = append(w.buf[:0], w.buf[n:]...)
	return err
}

// maxTaken is how often a log is opened again because somebody else writes to it.
const maxTaken = 5

// append writes to the last segment, or to new ones where it is full or cannot be
// appended to, and says how much it wrote. The last write closes the log if that is
// said. w.mu is held.
func (w *writer) append(p []byte, last bool) (done int, err error) {
	for taken := 0; done < len(p); {
		if w.c.Buffer > 0 || w.segs.room() == 0 {
			w.segs.begin()
		}
		n := w.segs.fit(p[done:])
		if n == 0 {
			w.segs.begin()
			continue
		}
		n, err := w.write(p[done:done+n], last && done+n == len(p))
		if errors.Is(err, ErrTaken) && taken < maxTaken {
			taken, w.out = taken+1, nil
			if err := w.open(); err != nil {
				return done, err
			}
			continue
		}
		if w.c.Buffer > 0 && err != nil {
			return done, err // the segment will be written again, whole
		}
		w.segs.grow(n)
		if done += n; err != nil {
			return done, err
		}
		if err := w.drop(); err != nil {
			return done, err
		}
	}
	return done, nil
}

// write adds p to the last segment, and closes the log if that is said; w.mu is held.
func (w *writer) write(p []byte, last bool) (int, error) {
	at := w.segs.last().Offset
	if !last {
		return w.out.Append(w.ctx, at, p)
	}
	if err := w.out.Close(w.ctx, at, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// drop removes what is too much; w.mu is held.
func (w *writer) drop() error {
	old := w.segs.excess()
	if len(old) == 0 {
		return nil
	}
	if err := w.d.Remove(w.ctx, w.a, old...); err != nil {
		return fmt.Errorf("drop the middle of the log: %w", err)
	}
	return nil
}

// segments is what a writer knows of the segments of its log.
type segments struct {
	list []Segment
	// head is how much of the beginning is kept, tail how much of the end; negative is
	// everything. max is how large a segment may grow: a quarter of the bound, so that
	// the tail is never less than that when the oldest of it is dropped.
	head, tail, max int64
}

// segmentSize is how large a segment grows in a log without bound.
const segmentSize = 1 << 40

func newSegments(maxSize int64, list []Segment) segments {
	s := segments{list: append([]Segment{}, list...), head: -1, tail: -1, max: segmentSize}
	if maxSize > 0 {
		s.head, s.tail, s.max = maxSize/2, maxSize-maxSize/2, max(1, maxSize/4)
	}
	if len(s.list) == 0 {
		s.list = append(s.list, Segment{})
	}
	return s
}

func (s *segments) last() *Segment { return &s.list[len(s.list)-1] }

// room is how much the last segment may still grow. The first one is the whole head,
// so that the log is one file until it grows too large.
func (s *segments) room() int64 {
	last := s.last()
	if last.Offset == 0 && s.head > 0 {
		return max(0, s.head-last.Size)
	}
	return max(0, s.max-last.Size)
}

// end is the offset of the next byte.
func (s *segments) end() int64 { return s.last().Offset + s.last().Size }

func (s *segments) grow(n int) { s.last().Size += int64(n) }

// begin begins a new segment, unless the last one is still empty.
func (s *segments) begin() {
	if last := s.last(); last.Size > 0 {
		s.list = append(s.list, Segment{Offset: last.Offset + last.Size})
	}
}

// fit is how much of p goes into the last segment: up to the end of a line, if p has to
// be split; 0 if p goes into the next one.
func (s *segments) fit(p []byte) int {
	room := s.room()
	if int64(len(p)) <= room {
		return len(p)
	}
	n := bytes.LastIndexByte(p[:room], '\n') + 1
	if n == 0 && (s.last().Size == 0 || int64(len(p)) > s.max) {
		n = int(room)
	}
	return n
}

// excess takes out of the list what is too much, and returns its offsets: the oldest
// segments that are not in the head, until the tail fits.
func (s *segments) excess() (offsets []int64) {
	if s.tail < 0 {
		return nil
	}
	first := 0 // of the tail
	for first < len(s.list) && (first == 0 || s.list[first].Offset+s.list[first].Size <= s.head) {
		first++
	}
	var size int64
	for _, e := range s.list[first:] {
		size += e.Size
	}
	for size > s.tail && first < len(s.list)-1 {
		size -= s.list[first].Size
		offsets = append(offsets, s.list[first].Offset)
		s.list = append(s.list[:first], s.list[first+1:]...)
	}
	return offsets
}
