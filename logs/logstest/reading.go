package logstest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/logs"
)

func testOffset(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	put(t, l, "0123456789", try(1))
	for _, tt := range []struct {
		offset, next int64
		want         string
	}{
		{0, 10, "0123456789"}, {3, 10, "3456789"}, {10, 10, ""}, {-3, 10, "789"}, {-100, 10, "0123456789"}, {100, 100, ""},
	} {
		var b bytes.Buffer
		next, err := l.Read(t.Context(), try(1), tt.offset, &b)
		if err != nil || next != tt.next || b.String() != tt.want {
			t.Errorf("from %d: got %q up to %d, %v, want %q up to %d", tt.offset, b.String(), next, err, tt.want, tt.next)
		}
		if tt.offset > tt.next-1 {
			continue
		}
		f := follow(t, l, try(1), tt.offset)
		if got := f.end(); got != tt.want || f.next != tt.next {
			t.Errorf("followed from %d: got %q up to %d, want %q up to %d", tt.offset, got, f.next, tt.want, tt.next)
		}
	}
	// What one read leaves, the next one gets.
	w := open(t, l, try(1))
	write(t, w, "abc")
	finish(t, l, w)
	var b bytes.Buffer
	if next, err := l.Read(t.Context(), try(1), 10, &b); err != nil || next != 13 || b.String() != "abc" {
		t.Errorf("got %q up to %d, %v", b.String(), next, err)
	}
}

// started opens a log, and returns when something that was written to it can be read:
// what may take a moment where a driver buffers.
func started(t testing.TB, l *logs.Logs, text string) logs.Log {
	t.Helper()
	w := open(t, l, try(1))
	write(t, w, text)
	until(t, func() bool { return exists(t, l, try(1)) })
	return w
}

func testUnclosed(t *testing.T, h Harness) {
	l, other := h.Open(t, 0), h.Open(t, 0)
	w := started(t, l, "line\nhalf a li")
	follow(t, other, try(1), 0).await("half a li")
	if info, err := other.Stat(t.Context(), try(1)); err != nil || info.Closed {
		t.Errorf("got %+v, %v, want an open log", info, err)
	}
	finish(t, l, w)
}

func testKilled(t *testing.T, h Harness) {
	if h.Crash == nil {
		return
	}
	l, other := h.Open(t, 0), h.Open(t, 0)
	w := started(t, l, "line\nhalf a li")
	f := follow(t, other, try(1), 0)
	f.await("half a li")
	h.Crash(t, l)
	if h.Blind {
		_, _ = w.Write([]byte("text that nobody sees"))
		_ = w.Close()
		if info, err := other.Stat(t.Context(), try(1)); err != nil || info.Closed {
			t.Errorf("got %+v, %v, want a log that nobody has closed", info, err)
		}
		f.cancel()
	}
	equal(t, "log of the dead", "line\nhalf a li", f.end())
	put(t, other, "ne\nand on", try(1)) // its successor
	equal(t, "log", "line\nhalf a line\nand on", read(t, other, try(1)))
}

func testListed(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	for i := range 10 {
		put(t, l, "text", try(i+1))
		infos, err := h.Open(t, 0).Tries(t.Context(), try(1).Key)
		if err != nil || len(infos) != i+1 {
			t.Fatalf("listed %v, %v after %d tries", attemptsOf(infos), err, i+1)
		}
	}
}

// testTwoWriters: a zombie and its successor write to the same log.
func testTwoWriters(t *testing.T, h Harness) {
	l, other := h.Open(t, 0), h.Open(t, 0)
	w := started(t, l, "zombie 0\n")
	o := open(t, other, try(1))
	count := map[string]int{"zombie 0\n": 1}
	for i := 1; i <= 5; i++ {
		for name, w := range map[string]logs.Log{"zombie": w, "successor": o} {
			line := fmt.Sprintf("%s %d\n", name, i)
			write(t, w, line)
			count[line] = 1
			until(t, func() bool {
				var b strings.Builder
				_, err := l.Read(t.Context(), try(1), 0, &b)
				return err == nil && strings.Contains(b.String(), line)
			})
		}
	}
	finish(t, other, o)
	write(t, w, "last words\n")
	count["last words\n"] = 1
	finish(t, l, w)
	got := map[string]int{}
	for line := range strings.Lines(read(t, l, try(1))) {
		got[line]++
	}
	equal(t, "lines", count, got)
}

func testFollow(t *testing.T, h Harness) {
	l, other := h.Open(t, 0), h.Open(t, 0)
	w := started(t, l, "begin\n")
	var want strings.Builder
	want.WriteString("begin\n")
	followers := []*follower{follow(t, l, try(1), 0), follow(t, other, try(1), 0), follow(t, other, try(1), 0)}
	for i := range 50 {
		line := fmt.Sprintf("line %d\n", i)
		want.WriteString(line)
		write(t, w, line)
		for _, f := range followers {
			f.await(line) // before the next one is written
		}
	}
	followers = append(followers, follow(t, other, try(1), 0))
	write(t, w, "last")
	want.WriteString("last")
	finish(t, l, w)
	for _, f := range followers {
		equal(t, "followed", want.String(), f.end())
		equal(t, "next", int64(want.Len()), f.next)
	}
}

func testFollowCancelled(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	w := started(t, l, "text")
	f := follow(t, l, try(1), 0)
	f.await("text")
	f.cancel()
	equal(t, "followed", "text", f.end())
	equal(t, "next", int64(4), f.next)
	finish(t, l, w)
}

// failing is a writer that fails.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func testFailingReader(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	put(t, l, "text", try(1))
	gone := errors.New("gone")
	next, err := l.Read(t.Context(), try(1), 1, failing{gone})
	is(t, "Read", err, gone)
	equal(t, "next", int64(1), next)
	_, err = l.Follow(t.Context(), try(1), 0, failing{gone})
	is(t, "Follow", err, gone)
}
