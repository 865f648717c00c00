package logstest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
)

func testOrder(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	w := open(t, l, try(1))
	var want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("line %d\n", i)
		write(t, w, line)
		want.WriteString(line)
	}
	finish(t, l, w)
	equal(t, "log", want.String(), read(t, l, try(1)))
	equal(t, "log for another process", want.String(), read(t, h.Open(t, 0), try(1)))
	info, err := l.Stat(t.Context(), try(1))
	ok(t, "Stat", err)
	if !info.Closed || info.Size() != int64(want.Len()) || info.Modified.IsZero() || info.Attempt != try(1) {
		t.Errorf("got %+v, want a closed log of %d bytes", info, want.Len())
	}
}

func testAttempts(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	attempts := []run.Attempt{
		try(1), try(2), try(11), attempt("dag", "run", "task", 0, 1), attempt("dag", "run", "task", 1, 1), attempt("dag", "run", "task", 10, 1),
		attempt("dag", "run", "task2", -1, 1), attempt("dag", "run2", "task", -1, 1), attempt("dag2", "run", "task", -1, 1),
	}
	var open []logs.Log
	for _, a := range attempts {
		w, err := l.Open(t.Context(), a)
		ok(t, "Open", err)
		open = append(open, w)
	}
	for range 3 {
		for i, w := range open {
			write(t, w, attempts[i].String()+"\n")
		}
	}
	for _, w := range open {
		finish(t, l, w)
	}
	for _, a := range attempts {
		equal(t, a.String(), strings.Repeat(a.String()+"\n", 3), read(t, l, a))
	}
}

func testOddNames(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	names := []string{
		"naïve", "任务", "a/b//c", "..", ".", "../..", "a b", " ", "it's", `say "hi"`, "a\nb\tc", "%_*?", "%2F", "%", "%zz", "%~", "#1", "🚀",
		"a\\b", "-rf", "~", "nul\x00", "\x7f\u0085", "\u00e9", "e\u0301", "\xff\xfe", "attempt=1.log", "map_index=0", ".id",
		strings.Repeat("x", 1000), strings.Repeat("x", 1001), strings.Repeat("任", 1000), strings.Repeat("/", 1000),
	}
	for _, n := range names {
		put(t, l, n, attempt(n, n, n, run.Unmapped, 1), attempt(n, n, n, 3, 1))
	}
	for _, n := range names {
		equal(t, "log", n, read(t, l, attempt(n, n, n, run.Unmapped, 1)))
		infos, err := l.List(t.Context(), logs.Scope{DAG: n, Run: n, Task: n})
		ok(t, "List", err)
		if len(infos) != 2 || infos[1].Attempt != attempt(n, n, n, 3, 1) {
			t.Errorf("%.40q: listed %v", n, infos)
		}
	}
	infos, err := l.List(t.Context(), logs.Scope{})
	ok(t, "List", err)
	var got, want []string
	for _, i := range infos {
		got = append(got, i.Attempt.String())
	}
	for _, n := range names {
		want = append(want, attempt(n, n, n, run.Unmapped, 1).String(), attempt(n, n, n, 3, 1).String())
	}
	slices.Sort(got)
	slices.Sort(want)
	equal(t, "names", want, got)
}

func testBytes(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	long := bytes.Repeat([]byte("a very long line "), 200_000) // 3.4 MB
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for i, text := range []string{
		string(long), string(all), "\xff\xfe not UTF-8 \xc3", "\x1b[31mred\x1b[0m\r\n", "no end of line", "\n\n\n", "任务\r",
	} {
		w := open(t, l, try(i+1))
		w.Redact("something that is not there")
		write(t, w, text)
		write(t, w, "")
		finish(t, l, w)
		if got := read(t, l, try(i+1)); got != text {
			t.Errorf("got %d bytes %.40q, want %d bytes %.40q", len(got), got, len(text), text)
		}
	}
}

func testMissing(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	missing := func(what string, a run.Attempt) {
		t.Helper()
		_, err := l.Stat(t.Context(), a)
		is(t, what+": Stat", err, logs.ErrNotFound)
		_, err = l.Read(t.Context(), a, 0, new(bytes.Buffer))
		is(t, what+": Read", err, logs.ErrNotFound)
		_, err = l.Follow(t.Context(), a, 0, new(bytes.Buffer))
		is(t, what+": Follow", err, logs.ErrNotFound)
	}
	missing("in an empty store", try(1))
	w := open(t, l, try(1))
	w.Redact("a secret")
	missing("opened only", try(1))
	finish(t, l, w)
	missing("never written to", try(1))
	put(t, l, "", try(1))
	missing("written nothing to", try(1))
	put(t, l, "x", try(1))
	missing("another try", try(2))
	missing("another index", attempt("dag", "run", "task", 0, 1))
	infos, err := l.Tries(t.Context(), attempt("dag", "run", "task", 0, 1).Key)
	ok(t, "Tries", err)
	equal(t, "tries", 0, len(infos))
}

func testConcurrentWrites(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	w := open(t, l, try(1))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				write(t, w, fmt.Sprintf("%s\n", strings.Repeat(string(rune('a'+i)), 100)))
			}
		})
	}
	wg.Wait()
	finish(t, l, w)
	count := map[string]int{}
	for line := range strings.Lines(read(t, l, try(1))) {
		count[line]++
	}
	for i := range 8 {
		if n := count[strings.Repeat(string(rune('a'+i)), 100)+"\n"]; n != 200 {
			t.Errorf("writer %d wrote 200 lines, %d are there whole", i, n)
		}
	}
}

func testClose(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	w := open(t, l, try(1))
	write(t, w, "text")
	finish(t, l, w)
	ok(t, "Close again", w.Close())
	_, err := w.Write([]byte("more"))
	is(t, "Write after Close", err, logs.ErrClosed)
	w.Redact("a secret")
	equal(t, "log", "text", read(t, l, try(1)))
}

func testReopen(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	for range 3 {
		put(t, l, "once more\n", try(1))
		l = h.Open(t, 0)
	}
	equal(t, "log", strings.Repeat("once more\n", 3), read(t, l, try(1)))
}

func testRedact(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	w := open(t, l, try(1))
	write(t, w, "before: hunter2\n")
	w.Redact("hunter2", "hunter2-and-more", "four", "")
	for _, c := range "across all borders: hunter2, hunter2-and-more, hunter2-and\n" {
		write(t, w, string(c))
	}
	write(t, w, "four hunt")
	write(t, w, "er2")
	w.Redact("tower 7")
	write(t, w, "\ntower 7\nhunter2")
	finish(t, l, w)
	equal(t, "log", "before: hunter2\nacross all borders: ***, ***, ***-and\nfour ***\n***\n***", read(t, l, try(1)))

	w = open(t, l, try(2))
	w.Redact("hunter2")
	write(t, w, "the end is only hunt")
	finish(t, l, w)
	equal(t, "log", "the end is only hunt", read(t, l, try(2)))
}

func testRedactConcurrently(t *testing.T, h Harness) {
	l := h.Open(t, 0)
	w := open(t, l, try(1))
	secret := func(i int) string { return fmt.Sprintf("<secret %d>", i) }
	for i := range 20 {
		w.Redact(secret(i))
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 50 {
				write(t, w, "x"+secret(i)+"y\n")
				w.Redact(secret(100 + i))
			}
		})
	}
	wg.Wait()
	finish(t, l, w)
	equal(t, "log", strings.Repeat("x***y\n", 1000), read(t, l, try(1)))
}
