package localqueue_test

import (
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
	"github.com/updraft-dev/updraft/queue/queuetest"
)

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func open(t testing.TB, c localqueue.Config) *queue.Queue {
	t.Helper()
	q, err := localqueue.Open(t.Context(), c)
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

func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t testing.TB) queuetest.Harness {
		c := newClock()
		cfg := localqueue.Config{Path: filepath.Join(t.TempDir(), "queue.db"), Now: c.now, Receives: 3}
		return queuetest.Harness{
			Open: func(t testing.TB) *queue.Queue { return open(t, cfg) },
			Pass: func(_ testing.TB, d time.Duration) { c.pass(d) },
			Unit: time.Second, Size: 1 << 20, Receives: cfg.Receives, Exact: true,
			Inject: func(t testing.TB, body []byte) { inject(t, cfg.Path, c.now(), body) },
		}
	})
}

func execute(t testing.TB, path, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// inject puts a body into the file that Send would refuse.
func inject(t testing.TB, path string, at time.Time, body []byte) {
	t.Helper()
	execute(t, path, "INSERT INTO message (queue, body, sent, visible) VALUES ('default', ?, ?, ?)", body, at.UnixMicro(), at.UnixMicro())
}
