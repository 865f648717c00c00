package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// readSize is how much is read from a driver at once.
const readSize = 128 << 10

// Stat describes an attempt's log, or ErrNotFound.
func (l *Logs) Stat(ctx context.Context, a run.Attempt) (Info, error) {
	info, err := l.d.Stat(ctx, a)
	if err != nil {
		return Info{}, fmt.Errorf("look for the log of %s: %w", a, err)
	}
	return info, nil
}

// Tries returns the logs of all tries of a task instance that have written one, in
// their order; Closed is not told.
func (l *Logs) Tries(ctx context.Context, k run.Key) ([]Info, error) {
	out, err := l.List(ctx, ScopeOf(k))
	slices.SortFunc(out, func(a, b Info) int { return a.Attempt.Try - b.Attempt.Try })
	return out, err
}

// List returns the logs of a scope in the order of their keys and tries; Closed is not
// told. With an error come those that could be listed.
func (l *Logs) List(ctx context.Context, s Scope) ([]Info, error) {
	var out []Info
	var errs []error
	for info, err := range l.d.List(ctx, s) {
		if err != nil {
			errs = append(errs, fmt.Errorf("list logs: %w", err))
			continue
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b Info) int {
		if c := a.Attempt.Compare(b.Attempt.Key); c != 0 {
			return c
		}
		return a.Attempt.Try - b.Attempt.Try
	})
	return out, errors.Join(errs...)
}

// Read writes to w what is there of an attempt's log from an offset on, and returns the
// offset to go on from. A negative offset counts from the end. Where the log was
// bounded, one line says what is missing. A log that nothing was written to is
// ErrNotFound.
func (l *Logs) Read(ctx context.Context, a run.Attempt, offset int64, w io.Writer) (next int64, err error) {
	info, err := l.Stat(ctx, a)
	if err != nil {
		return offset, err
	}
	r := reader{d: l.d, a: a, w: w, next: place(&info, offset)}
	return r.next, r.copy(ctx, &info)
}

// Follow is Read that goes on with what is written from then on, until the log is
// closed or ctx ends, which is no error. The writer's death closes the log where the
// driver can tell; else the caller, who knows when the attempt has ended, ends ctx. A
// caller who knows that the attempt goes on (it was taken over) follows again from next.
func (l *Logs) Follow(ctx context.Context, a run.Attempt, offset int64, w io.Writer) (next int64, err error) {
	changed, stop := l.watch(ctx, a)
	defer stop()
	timer := time.NewTimer(l.c.Poll)
	defer timer.Stop()
	r := reader{d: l.d, a: a, w: w, next: offset}
	for first := true; ; first = false {
		info, err := l.Stat(ctx, a)
		if err == nil {
			if first {
				r.next = place(&info, offset)
			}
			err = r.copy(ctx, &info)
		}
		switch {
		case ctx.Err() != nil:
			return r.next, nil
		case err != nil:
			return r.next, err
		case info.Closed && r.next >= info.End():
			return r.next, nil
		}
		timer.Reset(l.c.Poll)
		select {
		case <-ctx.Done():
			return r.next, nil
		case <-changed:
		case <-timer.C:
		}
	}
}

// watch returns the driver's watch, or a channel on which nothing ever comes.
func (l *Logs) watch(ctx context.Context, a run.Attempt) (<-chan struct{}, func()) {
	if w, ok := l.d.(Watcher); ok {
		if changed, stop, err := w.Watch(ctx, a); err == nil {
			return changed, stop
		}
	}
	return nil, func() {}
}

func place(info *Info, offset int64) int64 {
	if offset < 0 {
		return max(0, info.End()+offset)
	}
	return offset
}

// reader copies a log piece by piece.
type reader struct {
	d    Driver
	a    run.Attempt
	w    io.Writer
	next int64
	buf  []byte
}

// copy copies what a look at the log has found, from next on.
func (r *reader) copy(ctx context.Context, info *Info) error {
	for i := 0; i < len(info.Segments); {
		s := info.Segments[i]
		if r.next >= s.Offset+s.Size {
			i++
			continue
		}
		if r.next < s.Offset {
			if _, err := fmt.Fprintf(r.w, "*** %d bytes are missing here: the log grew too large ***\n", s.Offset-r.next); err != nil {
				return err
			}
			r.next = s.Offset
		}
		err := r.segment(ctx, s)
		if errors.Is(err, ErrNotFound) {
			// The writer dropped it in the meantime: what is left begins further on.
			fresh, serr := r.d.Stat(ctx, r.a)
			if serr != nil {
				return fmt.Errorf("read the log of %s: %w", r.a, serr)
			}
			fresh.Segments = slices.DeleteFunc(fresh.Segments, func(f Segment) bool { return f.Offset <= s.Offset })
			info.Segments, i = fresh.Segments, 0
			continue
		}
		if err != nil {
			return fmt.Errorf("read the log of %s: %w", r.a, err)
		}
		i++
	}
	return nil
}

// segment copies the rest of one segment.
func (r *reader) segment(ctx context.Context, s Segment) error {
	if r.buf == nil {
		r.buf = make([]byte, readSize)
	}
	for end := s.Offset + s.Size; r.next < end; {
		p := r.buf[:min(int64(len(r.buf)), end-r.next)]
		n, err := r.d.ReadAt(ctx, r.a, s.Offset, p, r.next-s.Offset)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil // shorter than it was said to be
		}
		if _, err := r.w.Write(p[:n]); err != nil {
			return err
		}
		r.next += int64(n)
	}
	return nil
}
