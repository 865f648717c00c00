// Package logstest is the suite of what every driver of package logs promises. A
// driver's test gives Run a function that makes a harness; the suite knows no driver.
package logstest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
)

// Harness is an empty store of logs. The harness' maker cleans up.
type Harness struct {
	// Open returns the logs in the store as one more process would find them, with
	// attempts' logs bounded at a size; 0 is the driver's default. Where the driver
	// buffers, it does so for milliseconds.
	Open func(t testing.TB, maxSize int64) *logs.Logs
	// Slack is how much a bounded log may be larger than its bound: what a driver that
	// buffers writes at once.
	Slack int64
	// Crash lets the process die that opened these logs, if that can be done: files and
	// locks of its open logs are released, and nothing more is written.
	Crash func(t testing.TB, l *logs.Logs)
	// Blind says that the driver cannot tell that a writer has died: who follows learns it
	// from elsewhere.
	Blind bool
}

// Run runs the whole suite. open is called for each test.
func Run(t *testing.T, open func(t testing.TB) Harness) {
	tests := []struct {
		promise string
		test    func(t *testing.T, h Harness)
	}{
		{"what was written is read, in order", testOrder},
		{"attempts do not mix", testAttempts},
		{"odd names are names", testOddNames},
		{"bytes stay as they are", testBytes},
		{"a log that was never written to is not found", testMissing},
		{"one write stays together", testConcurrentWrites},
		{"closing twice is closing once", testClose},
		{"a log goes on where it ended", testReopen},
		{"a log is read from an offset on", testOffset},
		{"what was written is there without closing", testUnclosed},
		{"a killed writer loses what it held back, and no more", testKilled},
		{"what is written is listed at once", testListed},
		{"two writers lose nothing of each other", testTwoWriters},
		{"a reader follows a writer", testFollow},
		{"following ends with the context", testFollowCancelled},
		{"a reader stops where its own writer fails", testFailingReader},
		{"secrets are masked", testRedact},
		{"secrets are masked while others write", testRedactConcurrently},
		{"a log is bounded", testBound},
		{"a bounded log goes on after a restart", testBoundReopened},
		{"a bounded log is followed", testBoundFollowed},
		{"tries are listed", testTries},
		{"logs of a scope are removed, and no others", testDelete},
		{"old logs are removed", testCleanByAge},
		{"the oldest logs are removed when there are too many", testCleanBySize},
		{"logs that are written to are kept", testCleanKeepsOpen},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
}

// patience is how long the suite waits for what must come.
const patience = 30 * time.Second

func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// try is an attempt of a task that no test has an opinion on.
func try(n int) run.Attempt { return attempt("dag", "run", "task", run.Unmapped, n) }

func attempt(dag, runID, task string, index, n int) run.Attempt {
	return run.Attempt{Key: run.Key{ID: run.ID{DAG: dag, Run: runID}, Task: task, Map: index}, Try: n}
}

func open(t testing.TB, l *logs.Logs, a run.Attempt) logs.Log {
	t.Helper()
	w, err := l.Open(t.Context(), a)
	ok(t, "Open", err)
	return w
}

func write(t testing.TB, w logs.Log, text string) {
	t.Helper()
	n, err := w.Write([]byte(text))
	ok(t, "Write", err)
	if n != len(text) {
		t.Errorf("Write took %d bytes of %d", n, len(text))
	}
}

// finish closes a log; what short logs wait for does not come.
func finish(t testing.TB, l *logs.Logs, w logs.Log) {
	t.Helper()
	ok(t, "Close", w.Close())
	ok(t, "Flush", l.Flush(t.Context()))
}

// put writes whole logs, beside each other where a driver packs short ones.
func put(t testing.TB, l *logs.Logs, text string, attempts ...run.Attempt) {
	t.Helper()
	for _, a := range attempts {
		w := open(t, l, a)
		write(t, w, text)
		ok(t, "Close", w.Close())
	}
	ok(t, "Flush", l.Flush(t.Context()))
}

// read reads a whole log.
func read(t testing.TB, l *logs.Logs, a run.Attempt) string {
	t.Helper()
	var b strings.Builder
	next, err := l.Read(t.Context(), a, 0, &b)
	ok(t, "Read", err)
	if info, err := l.Stat(t.Context(), a); err != nil || info.End() != next {
		t.Errorf("Read went up to %d of %+v, %v", next, info, err)
	}
	return b.String()
}

// exists says whether there is a log.
func exists(t testing.TB, l *logs.Logs, a run.Attempt) bool {
	t.Helper()
	_, err := l.Stat(t.Context(), a)
	if err != nil {
		is(t, "Stat", err, logs.ErrNotFound)
	}
	return err == nil
}

// follower follows a log in the background.
type follower struct {
	t      testing.TB
	cancel context.CancelFunc
	done   chan struct{}
	next   int64
	err    error

	mu   sync.Mutex
	text bytes.Buffer
	came chan struct{} // gets a value after each piece
}

func follow(t testing.TB, l *logs.Logs, a run.Attempt, offset int64) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{t: t, cancel: cancel, done: make(chan struct{}), came: make(chan struct{}, 1)}
	go func() {
		defer close(f.done)
		f.next, f.err = l.Follow(ctx, a, offset, f)
	}()
	t.Cleanup(func() {
		cancel()
		<-f.done
	})
	return f
}

// Write takes what was followed.
func (f *follower) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case f.came <- struct{}{}:
	default:
	}
	return f.text.Write(p)
}

func (f *follower) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()
}

// await waits until the text that was followed has this end.
func (f *follower) await(end string) {
	f.t.Helper()
	timeout := time.After(patience)
	for !strings.HasSuffix(f.String(), end) {
		select {
		case <-f.came:
		case <-f.done:
			if s := f.String(); !strings.HasSuffix(s, end) {
				f.t.Fatalf("following ended at %d, %v; it saw %.200q, and never %.100q", f.next, f.err, s, end)
			}
		case <-timeout:
			f.t.Fatalf("the follower saw %.200q, and never %.100q", f.String(), end)
		}
	}
}

// end waits until following has ended, and returns what was followed.
func (f *follower) end() string {
	f.t.Helper()
	select {
	case <-f.done:
	case <-time.After(patience):
		f.t.Fatalf("following did not end; it saw %.200q", f.String())
	}
	ok(f.t, "Follow", f.err)
	return f.String()
}
