//go:build emulator

package pgqueue_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/pgqueue"
	"github.com/updraft-dev/updraft/queue/queuetest"
)

// TestMain is also the worker process that TestProcesses starts.
func TestMain(m *testing.M) {
	queuetest.Main(m, func(ctx context.Context, url string) (*queue.Queue, error) {
		s, err := pgqueue.Connect(ctx, url, nil)
		if err != nil {
			return nil, err
		}
		return s.Open(ctx, pgqueue.Config{})
	})
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	url := emulatortest.Postgres(t)
	queuetest.Processes(t, open(t, url, pgqueue.Config{}), url, 200)
}

// TestServerGone: of a message whose answer was lost nobody knows, so it may come twice; a
// receiver that waits does not hear of a lost connection, and goes on with what comes after.
func TestServerGone(t *testing.T) {
	t.Parallel()
	p := emulatortest.NewPostgresProxy(t, emulatortest.Postgres(t))
	q := open(t, p.URL, pgqueue.Config{})
	if err := q.Send(t.Context(), queuetest.Message("first"))[0]; err != nil {
		t.Fatal(err)
	}
	p.CutAnswers(1)
	if err := q.Send(t.Context(), queuetest.Message("lost"))[0]; err == nil {
		t.Error("an answer that was lost is none")
	}
	got, err := q.Receive(t.Context(), 10, time.Hour, 0)
	if err != nil || len(got) != 2 {
		t.Fatalf("received %v, %v; want both", got, err)
	}
	p.CutAnswers(1)
	if err := errors.Join(q.Delete(t.Context(), got...)...); err == nil {
		t.Error("an answer that was lost is none")
	}
	if err := errors.Join(q.Delete(t.Context(), got...)...); err != nil {
		t.Errorf("what is deleted is deleted again: %v", err)
	}
	if got, err := q.Receive(t.Context(), 1, time.Hour, 10*time.Millisecond); err != nil || len(got) > 0 {
		t.Errorf("received %v, %v", got, err)
	}
	p.Down()
	if _, err := q.Receive(t.Context(), 1, time.Hour, 0); err == nil || strings.Contains(err.Error(), "not-a-secret") {
		t.Errorf("without a server: %v", err)
	}
	p.Up()
	if err := q.Send(t.Context(), queuetest.Message("after"))[0]; err != nil {
		t.Error(err)
	}
	if got, err := q.Receive(t.Context(), 1, time.Hour, queue.MaxWait); err != nil || len(got) != 1 {
		t.Errorf("with the server again: %v, %v", got, err)
	}
}

// TestRoundTrips: a delivery costs one round trip, and sending one more for the word of it.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	p := emulatortest.NewPostgresProxy(t, emulatortest.Postgres(t))
	q := open(t, p.URL, pgqueue.Config{})
	var got []queue.Delivery
	for _, tt := range []struct {
		name string
		want int64
		call func() error
	}{
		{"send", 2, func() error {
			return errors.Join(q.Send(t.Context(), queuetest.Message("a"), queuetest.Message("b"))...)
		}},
		{"receive", 1, func() (err error) { got, err = q.Receive(t.Context(), 1, time.Hour, 0); return err }},
		{"extend", 1, func() error { return q.Extend(t.Context(), got[0], time.Hour) }},
		{"delete", 1, func() error { return errors.Join(q.Delete(t.Context(), got...)...) }},
	} {
		// The first one makes the server know the statement; and the pool asks a connection
		// that was idle for a second whether it lives, which any may be on a busy machine.
		n := int64(math.MaxInt64)
		for range 4 {
			before := p.Trips()
			if err := tt.call(); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			n = min(n, p.Trips()-before)
		}
		if n != tt.want {
			t.Errorf("%s: %d round trips, want %d", tt.name, n, tt.want)
		}
	}
}

func TestNamesAreQueues(t *testing.T) {
	t.Parallel()
	url := emulatortest.Postgres(t)
	m := queuetest.Message("t")
	m.Dedup = "same"
	for _, name := range []string{"", "gpu", strings.Repeat("任", 1000)} {
		q := open(t, url, pgqueue.Config{Name: name})
		if err := q.Send(t.Context(), m)[0]; err != nil {
			t.Fatal(err)
		}
		got, err := q.Receive(t.Context(), 10, time.Minute, 0)
		if err != nil || len(got) != 1 {
			t.Errorf("queue %.10q: received %v, %v", name, got, err)
		}
	}
}

func TestOldMessagesGo(t *testing.T) {
	t.Parallel()
	url := emulatortest.Postgres(t)
	if err := open(t, url, pgqueue.Config{}).Send(t.Context(), queuetest.Message("old"))[0]; err != nil {
		t.Fatal(err)
	}
	pass(t, url, 15*24*time.Hour)
	if s, err := open(t, url, pgqueue.Config{}).Stats(t.Context()); err != nil || s != (queue.Stats{}) {
		t.Errorf("after fifteen days there are %+v, %v", s, err)
	}
}

func TestOpenByManyAtOnce(t *testing.T) {
	t.Parallel()
	url := emulatortest.Postgres(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := pgqueue.Connect(t.Context(), url, nil)
			if err == nil {
				_, err = s.Open(t.Context(), pgqueue.Config{})
				err = errors.Join(err, s.Close())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, to := range []int{0, -1} {
		if _, _, err := pgqueue.Migrate(t.Context(), url, to); err != nil {
			t.Errorf("to version %d: %v", to, err)
		}
	}
}

func TestConnectRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"sqs://x":                           "it is no URL of PostgreSQL",
		"postgres:x":                        "lacks the slashes",
		"postgres://u:hidden@[::1":          "it is no URL of PostgreSQL",
		"postgres://u:hidden@127.0.0.1:1/x": "check host and port",
	} {
		if _, err := pgqueue.Connect(t.Context(), url, nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got error %v, want one with %q", url, err, want)
		}
	}
}
