package queuetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/queue"
)

// processQueue tells the program of a test that it is a worker, and where its queue is.
const processQueue = "UPDRAFT_TEST_QUEUE"

// Main is what a TestMain calls whose package has a test that calls Processes. The program is
// then a worker, too, on the queue that open opens; otherwise it runs the tests, and fails if
// they leave goroutines. It does not return.
func Main(m *testing.M, open func(ctx context.Context, where string) (*queue.Queue, error)) {
	where := os.Getenv(processQueue)
	if where == "" {
		goleak.VerifyTestMain(m)
		return
	}
	fmt.Fprintln(os.Stderr, work(where, open, os.Stdout))
	os.Exit(1)
}

// work receives messages until something fails, and prints their tasks before it deletes them.
func work(where string, open func(context.Context, string) (*queue.Queue, error), out io.Writer) error {
	ctx := context.Background()
	q, err := open(ctx, where)
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

// Processes has four processes work on a queue, which is where Main opens it, kills two of
// them, and wants n messages to arrive.
func Processes(t *testing.T, q *queue.Queue, where string, n int) {
	t.Helper()
	lines := make(chan string, 4*n)
	var workers []*exec.Cmd
	for range 4 {
		workers = append(workers, worker(t, where, lines))
	}
	for i := range n {
		if err := q.Send(t.Context(), Message(fmt.Sprint("task", i)))[0]; err != nil {
			t.Fatal(err)
		}
		if i == n/3 || i == n/2 {
			if err := workers[i*2/n].Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen := map[string]bool{}
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

// worker starts a process that sends the tasks it has received.
func worker(t *testing.T, where string, lines chan<- string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), processQueue+"="+where)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	sc := bufio.NewScanner(out)
	if !sc.Scan() || sc.Text() != "ready" {
		t.Fatalf("a worker said %q, %v", sc.Text(), sc.Err())
	}
	go func() {
		for sc.Scan() {
			lines <- sc.Text()
		}
	}()
	return cmd
}
