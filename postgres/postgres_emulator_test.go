//go:build emulator

package postgres

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openAt(t *testing.T, url string) embedded.Queues {
	t.Helper()
	q, err := openQueues(t.Context(), url, &embedded.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	return q
}

// TestWake: a scheduler hears, of the run or of everything, what any other process wakes it
// for.
func TestWake(t *testing.T) {
	t.Parallel()
	url := emulatortest.Postgres(t)
	scheduler, worker := openAt(t, url), openAt(t, url)
	heard := make(chan run.ID, 10)
	stop, err := scheduler.Hear(t.Context(), func(id run.ID) { heard <- id })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	next := func() run.ID {
		select {
		case id := <-heard:
			return id
		case <-time.After(30 * time.Second):
			t.Fatal("nothing was heard")
			return run.ID{}
		}
	}
	if id := next(); id != (run.ID{}) {
		t.Errorf("at first it hears of %s", id)
	}
	long := run.ID{DAG: string(make([]byte, 9000)), Run: "r"} // does not fit
	for _, id := range []run.ID{{DAG: "d ü", Run: `r"1`}, {}, long} {
		worker.Wake(id, 0)
		if id == long {
			id = run.ID{}
		}
		if got := next(); got != id {
			t.Errorf("heard of %q, want %q", got, id)
		}
	}
	worker.Wake(run.ID{DAG: "later"}, time.Hour)
	worker.Wake(run.ID{DAG: "now"}, 0)
	if got := next(); got.DAG != "now" {
		t.Errorf("heard of %q: what is due later a scheduler knows by itself", got)
	}
}

// TestNothingIsOpenedUnasked: a command that needs no queue does not connect.
func TestNothingIsOpenedUnasked(t *testing.T) {
	t.Parallel()
	q := openAt(t, "postgres://u:hidden@127.0.0.1:1/x")
	if _, err := q.Open(t.Context(), "default"); err == nil {
		t.Error("nobody is there, and it was opened")
	}
	q.Wake(run.ID{}, 0) // is only a hint
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if _, err := q.Open(t.Context(), "default"); !errors.Is(err, queue.ErrClosed) {
		t.Errorf("after it was closed: %v", err)
	}
}
