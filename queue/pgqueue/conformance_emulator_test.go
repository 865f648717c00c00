//go:build emulator

package pgqueue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/pgqueue"
	"github.com/updraft-dev/updraft/queue/queuetest"
)

// open opens a queue as one more process would.
func open(t testing.TB, url string, c pgqueue.Config) *queue.Queue {
	t.Helper()
	s, err := pgqueue.Connect(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	q, err := s.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(t testing.TB) queuetest.Harness {
		url := emulatortest.Postgres(t)
		c := pgqueue.Config{Receives: 3}
		return queuetest.Harness{
			Open: func(t testing.TB) *queue.Queue { return open(t, url, c) },
			Pass: func(t testing.TB, d time.Duration) { pass(t, url, d) },
			Unit: time.Minute, Size: 1 << 20, Receives: c.Receives, Exact: true,
			Inject: func(t testing.TB, body []byte) {
				execute(t, url, "INSERT INTO message (queue, body, visible) SELECT key, $1, now() FROM queue", body)
			},
		}
	})
}

// pass lets time pass: all that the server keeps was so much earlier.
func pass(t testing.TB, url string, d time.Duration) {
	t.Helper()
	for table, columns := range map[string][]string{"message": {"sent", "visible"}, "dead_letter": {"sent", "died"}, "dedup": {"until"}} {
		for _, c := range columns {
			execute(t, url, fmt.Sprintf("UPDATE %s SET %s = %s - $1::interval", table, c, c), d)
		}
	}
	execute(t, url, "SELECT pg_notify('queue.' || current_schema(), '')") // those who wait for a time look again
}

// execute makes a statement behind the queue's back.
func execute(t testing.TB, url, query string, args ...any) {
	t.Helper()
	c, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	c.RuntimeParams["search_path"] = c.RuntimeParams["schema"]
	delete(c.RuntimeParams, "schema")
	conn, err := pgx.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}
