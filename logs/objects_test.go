package logs_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/logstest"
	"github.com/updraft-dev/updraft/run"
)

// objects is a driver as one over a store of objects would be: an object is written
// whole, and cannot be appended to.
type objects struct {
	mu   sync.Mutex
	logs map[run.Attempt]*object
	// failures is how many of the next writes fail.
	failures int
	puts     int
}

type object struct {
	segs     map[int64][]byte
	modified time.Time
	closed   bool
}

var errUnavailable = errors.New("the store is not available")

func (o *objects) Open(ctx context.Context, a run.Attempt) (logs.Appender, error) {
	info, err := o.Stat(ctx, a)
	if errors.Is(err, logs.ErrNotFound) {
		err = nil
	}
	return &appender{o: o, a: a, segs: info.Segments, own: map[int64]bool{}}, err
}

type appender struct {
	o    *objects
	a    run.Attempt
	segs []logs.Segment
	own  map[int64]bool
}

func (p *appender) Segments() []logs.Segment { return p.segs }

func (p *appender) Append(_ context.Context, segment int64, b []byte) (int, error) {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if p.o.failures > 0 {
		p.o.failures--
		return 0, errUnavailable
	}
	p.o.puts++
	l := p.o.logs[p.a]
	if l == nil {
		l = &object{segs: map[int64][]byte{}}
		p.o.logs[p.a] = l
	}
	if l.segs[segment] != nil && !p.own[segment] {
		return 0, logs.ErrTaken
	}
	p.own[segment] = true
	l.segs[segment], l.modified, l.closed = bytes.Clone(b), time.Now(), false
	return len(b), nil
}

func (p *appender) Close(ctx context.Context, segment int64, b []byte) error {
	if len(b) > 0 {
		if _, err := p.Append(ctx, segment, b); err != nil {
			return err
		}
	}
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if l := p.o.logs[p.a]; l != nil {
		l.closed = true
	}
	return nil
}

func (o *objects) Stat(_ context.Context, a run.Attempt) (logs.Info, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.logs[a]
	if l == nil {
		return logs.Info{}, logs.ErrNotFound
	}
	info := logs.Info{Attempt: a, Modified: l.modified, Closed: l.closed}
	for at, b := range l.segs {
		info.Segments = append(info.Segments, logs.Segment{Offset: at, Size: int64(len(b))})
	}
	slices.SortFunc(info.Segments, func(a, b logs.Segment) int { return int(a.Offset - b.Offset) })
	return info, nil
}

func (o *objects) ReadAt(_ context.Context, a run.Attempt, segment int64, p []byte, from int64) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.logs[a] == nil || o.logs[a].segs[segment] == nil {
		return 0, logs.ErrNotFound
	}
	return copy(p, o.logs[a].segs[segment][from:]), nil
}

func (o *objects) Remove(_ context.Context, a run.Attempt, segments ...int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(segments) == 0 {
		delete(o.logs, a)
		return nil
	}
	for _, s := range segments {
		delete(o.logs[a].segs, s)
	}
	return nil
}

func (o *objects) List(ctx context.Context, s logs.Scope) iter.Seq2[logs.Info, error] {
	return func(yield func(logs.Info, error) bool) {
		o.mu.Lock()
		var found []run.Attempt
		for a := range o.logs {
			if (s.DAG == "" || s.DAG == a.DAG) && (s.Run == "" || s.Run == a.Run) && (s.Task == "" || s.Task == a.Task) && (s.Map == nil || *s.Map == a.Map) {
				found = append(found, a)
			}
		}
		o.mu.Unlock()
		slices.SortFunc(found, func(a, b run.Attempt) int { return a.Try - b.Try })
		for _, a := range found {
			if info, err := o.Stat(ctx, a); err == nil && !yield(info, nil) {
				return
			}
		}
	}
}

// TestObjects shows that a store of objects can be a driver.
func TestObjects(t *testing.T) {
	t.Parallel()
	const buffer = 500
	logstest.Run(t, func(testing.TB) logstest.Harness {
		o := &objects{logs: map[run.Attempt]*object{}}
		return logstest.Harness{Slack: 2 * buffer, Open: func(_ testing.TB, maxSize int64) *logs.Logs {
			return logs.New(o, logs.Config{MaxSize: maxSize, Buffer: buffer, BufferTime: time.Millisecond, Poll: time.Millisecond})
		}}
	})
}

var someAttempt = run.Attempt{Key: run.Key{ID: run.ID{DAG: "d", Run: "r"}, Task: "t", Map: run.Unmapped}, Try: 1}

// TestBufferSurvivesFailures: what a store did not take is given to it again.
func TestBufferSurvivesFailures(t *testing.T) {
	t.Parallel()
	o := &objects{logs: map[run.Attempt]*object{}, failures: 3}
	l := logs.New(o, logs.Config{Buffer: 10, BufferTime: time.Hour})
	w, err := l.Open(t.Context(), someAttempt)
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if _, err := w.Write([]byte("1234567")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := l.Read(t.Context(), someAttempt, 0, &b); err != nil || b.String() != strings.Repeat("1234567", 6) {
		t.Errorf("got %q, %v", b.String(), err)
	}
	if o.puts != 2 {
		t.Errorf("%d objects were written, want 2: what waits goes into one", o.puts)
	}
}

// TestBufferIsBounded: a store that is gone does not take our memory, and is told of.
func TestBufferIsBounded(t *testing.T) {
	t.Parallel()
	o := &objects{logs: map[run.Attempt]*object{}, failures: 1 << 30}
	w, err := logs.New(o, logs.Config{Buffer: 10, BufferTime: time.Hour}).Open(t.Context(), someAttempt)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		_, err = w.Write([]byte("1234567"))
	}
	if !errors.Is(err, errUnavailable) || !strings.Contains(err.Error(), "write to the log of d/r/t#1: 84 bytes wait to be written") {
		t.Errorf("got error %v", err)
	}
	if err := w.Close(); !errors.Is(err, errUnavailable) {
		t.Errorf("closed with %v", err)
	}
}
