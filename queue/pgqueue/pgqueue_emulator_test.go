//go:build emulator

package pgqueue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/pgqueue"
	"github.com/updraft-dev/updraft/run"
)

const childURL = "UPDRAFT_TEST_QUEUE"

// TestMain is also the worker process that TestProcesses starts, and looks for goroutines
// that are left.
func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := worker(url, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// worker receives messages for ever, and prints their tasks before it deletes them.
func worker(url string, out io.Writer) error {
	ctx := context.Background()
	s, err := pgqueue.Connect(ctx, url, nil)
	if err != nil {
		return err
	}
	q, err := s.Open(ctx, pgqueue.Config{})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	for {
		got, err := q.Receive(ctx, 3, time.Second, queue.MaxWait)
		if err != nil {
			return err
		}
		for _, d := range got {
			fmt.Fprintln(out, d.Attempt.Task)
			if err := errors.Join(q.Delete(ctx, d)...); err != nil && !errors.Is(err, queue.ErrLost) {
				return err
			}
		}
	}
}

func message(task string) queue.Message {
	return queue.Message{Envelope: queue.Envelope{
		Kind: queue.KindAttempt, Attempt: run.Attempt{Key: run.Key{ID: run.ID{DAG: "dag", Run: "run"}, Task: task, Map: run.Unmapped}, Try: 1}}}
}

// TestProcesses: four processes work on one queue, two of them are killed, and all messages
// arrive.
func TestProcesses(t *testing.T) {
	t.Parallel()
	url := emulatortest.Postgres(t)
	q := open(t, url, pgqueue.Config{})
	lines := make(chan string, 1000)
	var children []*exec.Cmd
	for range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childURL+"="+url)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		children = append(children, cmd)
		sc := bufio.NewScanner(out)
		if !sc.Scan() || sc.Text() != "ready" {
			t.Fatalf("a worker said %q, %v", sc.Text(), sc.Err())
		}
		go func() {
			for sc.Scan() {
				lines <- sc.Text()
			}
		}()
	}
	const n = 200
	seen := map[string]bool{}
	for i := range n {
		if err := q.Send(t.Context(), message(fmt.Sprint("task", i)))[0]; err != nil {
			t.Fatal(err)
		}
		if i == n/3 || i == n/2 {
			if err := children[i*2/n].Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	timeout := time.After(30 * time.Second)
	for len(seen) < n {
		select {
		case l := <-lines:
			seen[l] = true
		case <-timeout:
			t.Fatalf("%d messages of %d arrived", len(seen), n)
		}
	}
}

// TestServerGone: of a message whose answer was lost nobody knows, so it may come twice; a
// receiver that waits does not hear of a lost connection, and goes on with what comes after.
func TestServerGone(t *testing.T) {
	t.Parallel()
	p := emulatortest.NewPostgresProxy(t, emulatortest.Postgres(t))
	q := open(t, p.URL, pgqueue.Config{})
	if err := q.Send(t.Context(), message("first"))[0]; err != nil {
		t.Fatal(err)
	}
	p.CutAnswers(1)
	if err := q.Send(t.Context(), message("lost"))[0]; err == nil {
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
	if err := q.Send(t.Context(), message("after"))[0]; err != nil {
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
		{"send", 2, func() error { return errors.Join(q.Send(t.Context(), message("a"), message("b"))...) }},
		{"receive", 1, func() (err error) { got, err = q.Receive(t.Context(), 1, time.Hour, 0); return err }},
		{"extend", 1, func() error { return q.Extend(t.Context(), got[0], time.Hour) }},
		{"delete", 1, func() error { return errors.Join(q.Delete(t.Context(), got...)...) }},
	} {
		var n int64
		for range 2 { // the first one makes the server know the statement
			before := p.Trips()
			if err := tt.call(); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			n = p.Trips() - before
		}
		if n != tt.want {
			t.Errorf("%s: %d round trips, want %d", tt.name, n, tt.want)
		}
	}
}

func TestNamesAreQueues(t *testing.T) {
	t.Parallel()
	url := emulatortest.Postgres(t)
	m := message("t")
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
	if err := open(t, url, pgqueue.Config{}).Send(t.Context(), message("old"))[0]; err != nil {
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
