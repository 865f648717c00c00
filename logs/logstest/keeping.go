package logstest

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
)

// until waits for a condition that another process would bring about.
func until(t testing.TB, cond func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for !cond() {
		select {
		case <-timeout:
			t.Fatal("waited in vain")
		case <-time.After(time.Millisecond):
		}
	}
}

// bound is the size of the logs in tests of bounds. Their lines have lineSize bytes.
const (
	bound    = 4000
	lineSize = 10
)

func line(i int) string { return fmt.Sprintf("line%05d\n", i) }

var missing = regexp.MustCompile(`(?m)^\*\*\* (\d+) bytes are missing here: the log grew too large \*\*\*\n`)

// checkBounded checks what was read of a log of n lines.
func checkBounded(t testing.TB, what, text string, n int) {
	t.Helper()
	gap := missing.FindAllStringSubmatchIndex(text, -1)
	if len(gap) != 1 {
		t.Fatalf("%s: %d places say that something is missing, want one: %.100q", what, len(gap), text)
	}
	dropped, err := strconv.Atoi(text[gap[0][2]:gap[0][3]])
	ok(t, "read the marker", err)
	head, tail := text[:gap[0][0]], text[gap[0][1]:]
	var want strings.Builder
	for i := range n {
		want.WriteString(line(i))
	}
	if !strings.HasPrefix(want.String(), head) || !strings.HasSuffix(want.String(), tail) || len(head)+dropped+len(tail) != want.Len() {
		t.Errorf("%s: of %d bytes, the first %d are kept, %d dropped, the last %d kept:\n%.60q…%.60q", what, want.Len(), len(head), dropped, len(tail), head, tail)
	}
	if len(head) < bound/4 || len(tail) < bound/5 || len(head)%lineSize != 0 || len(tail)%lineSize != 0 {
		t.Errorf("%s: %d bytes of the beginning and %d of the end are too few, or half lines", what, len(head), len(tail))
	}
}

func testBound(t *testing.T, h Harness) {
	l := h.Open(t, bound)
	w := open(t, l, try(1))
	const lines = 3000
	for i := range lines {
		write(t, w, line(i))
	}
	finish(t, l, w)
	info, err := l.Stat(t.Context(), try(1))
	ok(t, "Stat", err)
	if info.Size() > bound+h.Slack || info.End() != lines*lineSize {
		t.Errorf("the log has %d bytes and ends at %d, want at most %d, and an end at %d", info.Size(), info.End(), bound, lines*lineSize)
	}
	checkBounded(t, "read", read(t, h.Open(t, 0), try(1)), lines)
	var b bytes.Buffer
	if _, err := l.Read(t.Context(), try(1), -25, &b); err != nil || b.String() != "02997\n"[1:]+line(2998)+line(2999) {
		t.Errorf("the last 25 bytes are %q, %v", b.String(), err)
	}
	// A write larger than the bound, and lines without an end.
	w = open(t, l, try(2))
	write(t, w, strings.Repeat("x", 3*bound))
	write(t, w, strings.Repeat("y", bound/10))
	finish(t, l, w)
	text := missing.ReplaceAllString(read(t, l, try(2)), "…")
	if int64(len(text)) > bound+h.Slack+10 || !strings.HasSuffix(text, "xy"+strings.Repeat("y", bound/10-1)) {
		t.Errorf("got %d bytes that end in %.40q", len(text), text[max(0, len(text)-40):])
	}
}

func testBoundReopened(t *testing.T, h Harness) {
	const lines = 3000
	for i := 0; i < lines; i += 250 {
		l := h.Open(t, bound)
		w := open(t, l, try(1))
		for j := range 250 {
			write(t, w, line(i+j))
		}
		finish(t, l, w)
	}
	l := h.Open(t, bound)
	info, err := l.Stat(t.Context(), try(1))
	ok(t, "Stat", err)
	if info.Size() > bound+h.Slack {
		t.Errorf("the log has %d bytes, want at most %d", info.Size(), bound)
	}
	checkBounded(t, "read", read(t, l, try(1)), lines)
}

func testBoundFollowed(t *testing.T, h Harness) {
	l := h.Open(t, bound)
	w := started(t, l, line(0))
	f := follow(t, l, try(1), 0)
	const lines = 2000
	for i := 1; i < lines; i++ {
		write(t, w, line(i))
		if i%20 == 0 {
			f.await(line(i))
		}
	}
	finish(t, l, w)
	// It is never behind by more than is kept, so nothing is missing.
	var want strings.Builder
	for i := range lines {
		want.WriteString(line(i))
	}
	equal(t, "followed", want.String(), f.end())
}

func attemptsOf(infos []logs.Info) (out []string) {
	for _, i := range infos {
		out = append(out, i.Attempt.String())
	}
	return out
}

func testTries(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	put(t, l, "text", try(10), try(2), try(1), attempt("dag", "run", "task", 2, 1), attempt("dag", "run", "task", 10, 1))
	infos, err := l.Tries(t.Context(), try(1).Key)
	ok(t, "Tries", err)
	equal(t, "tries", []string{"dag/run/task#1", "dag/run/task#2", "dag/run/task#10"}, attemptsOf(infos))
	for _, i := range infos {
		if i.Size() != 4 || i.Modified.IsZero() {
			t.Errorf("got %+v, want 4 bytes", i)
		}
	}
	infos, err = l.List(t.Context(), logs.Scope{DAG: "dag", Run: "run"})
	ok(t, "List", err)
	equal(t, "logs", []string{"dag/run/task#1", "dag/run/task#2", "dag/run/task#10", "dag/run/task[2]#1", "dag/run/task[10]#1"}, attemptsOf(infos))
}

func testDelete(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	three := 3
	attempts := []run.Attempt{
		attempt("a", "r", "t", -1, 1), attempt("a", "r", "t", -1, 2), attempt("a", "r", "t", 3, 1), attempt("a", "r", "t", 33, 1),
		attempt("a", "r", "tt", -1, 1), attempt("a", "rr", "t", -1, 1), attempt("aa", "r", "t", -1, 1), attempt("a/r", "t", "t", -1, 1),
	}
	for _, tt := range []struct {
		scope logs.Scope
		gone  int // how many of the first attempts
	}{
		{logs.Scope{DAG: "b"}, 0}, {logs.Scope{DAG: "a", Run: "r", Task: "t", Map: &three}, 1}, {logs.ScopeOf(attempts[0].Key), 2},
		{logs.Scope{DAG: "a", Run: "r", Task: "t"}, 4}, {logs.Scope{DAG: "a", Run: "r"}, 5}, {logs.Scope{DAG: "a"}, 6},
	} {
		put(t, l, "text", attempts...)
		done, err := l.Delete(t.Context(), tt.scope)
		ok(t, "Delete", err)
		if done.Logs != tt.gone || done.Bytes <= 0 && tt.gone > 0 {
			t.Errorf("%+v: removed %+v, want %d logs", tt.scope, done, tt.gone)
		}
		left := 0
		for i, a := range attempts {
			if exists(t, l, a) {
				left++
			} else if tt.scope.Map == nil && i >= tt.gone {
				t.Errorf("%+v removed %s", tt.scope, a)
			}
		}
		if left != len(attempts)-tt.gone {
			t.Errorf("%+v: %d logs are left, want %d", tt.scope, left, len(attempts)-tt.gone)
		}
	}
	if _, err := l.Delete(t.Context(), logs.Scope{}); err == nil {
		t.Error("all logs were removed by an empty scope")
	}
	put(t, l, "again", attempts[0])
	if got := read(t, l, attempts[0]); !strings.HasSuffix(got, "again") {
		t.Errorf("got %q", got)
	}
}

func testCleanByAge(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	put(t, l, "text", try(1), try(2))
	info, err := l.Stat(t.Context(), try(2))
	ok(t, "Stat", err)
	for _, tt := range []struct {
		what string
		keep logs.Retention
		want logs.Removed
	}{
		{"nothing said", logs.Retention{}, logs.Removed{}},
		{"all are younger", logs.Retention{Before: info.Modified.Add(-time.Hour)}, logs.Removed{}},
		{"all are older", logs.Retention{Before: info.Modified.Add(time.Hour)}, logs.Removed{Logs: 2, Bytes: 8}},
		{"none are left", logs.Retention{Before: info.Modified.Add(time.Hour), Size: 1}, logs.Removed{}},
	} {
		done, err := l.Clean(t.Context(), tt.keep)
		ok(t, "Clean", err)
		equal(t, tt.what, tt.want, done)
	}
}

func testCleanBySize(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	for i := range 5 {
		put(t, l, "0123456789", try(i+1))
	}
	done, err := l.Clean(t.Context(), logs.Retention{Size: 25})
	ok(t, "Clean", err)
	equal(t, "removed", logs.Removed{Logs: 3, Bytes: 30}, done)
	for i := range 5 {
		if exists(t, l, try(i+1)) != (i >= 3) {
			t.Errorf("log %d is there or not, wrongly", i+1)
		}
	}
}

func testCleanKeepsOpen(t *testing.T, h Harness) {
	l, other := h.Open(t, 0), h.Open(t, 0)
	w := started(t, l, "text")
	info, err := other.Stat(t.Context(), try(1))
	ok(t, "Stat", err)
	keep := logs.Retention{Before: info.Modified.Add(time.Hour), Size: 1}
	done, err := other.Clean(t.Context(), keep)
	ok(t, "Clean", err)
	equal(t, "removed while it is written to", logs.Removed{}, done)
	finish(t, l, w)
	done, err = other.Clean(t.Context(), keep)
	ok(t, "Clean", err)
	equal(t, "removed when it is closed", logs.Removed{Logs: 1, Bytes: 4}, done)
}
