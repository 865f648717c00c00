package localqueue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
	"github.com/updraft-dev/updraft/run"
)

const childPath = "UPDRAFT_TEST_QUEUE"

// TestMain is also the worker process that TestProcesses starts, and looks for
// goroutines that are left.
func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		if err := worker(path, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// worker receives messages for ever, and prints their tasks before it deletes them.
func worker(path string, out io.Writer) error {
	ctx := context.Background()
	q, err := localqueue.Open(ctx, localqueue.Config{Path: path, Now: time.Now})
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

// TestProcesses: four processes work on one queue, two of them are killed, and all
// messages arrive.
func TestProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	q := open(t, localqueue.Config{Path: path, Now: time.Now})
	lines := make(chan string, 1000)
	var children []*exec.Cmd
	for range 4 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childPath+"="+path)
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
	const n = 300
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

func TestNamesAreQueues(t *testing.T) {
	t.Parallel()
	cfg := localqueue.Config{Path: filepath.Join(t.TempDir(), "queue.db"), Now: time.Now}
	def := open(t, cfg)
	cfg.Name = "gpu"
	gpu := open(t, cfg)
	m := message("t")
	m.Dedup = "same"
	for _, q := range []*queue.Queue{def, gpu} {
		if err := q.Send(t.Context(), m)[0]; err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []*queue.Queue{def, gpu} {
		got, err := q.Receive(t.Context(), 10, time.Minute, 0)
		if err != nil || len(got) != 1 {
			t.Errorf("received %v, %v", got, err)
		}
	}
}

func TestFileMode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	q := open(t, localqueue.Config{Path: filepath.Join(dir, "queue.db"), Now: time.Now})
	if err := q.Send(t.Context(), message("t"))[0]; err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 3 {
		t.Fatalf("found %v, %v", entries, err)
	}
	for _, e := range entries {
		if st, err := e.Info(); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), st.Mode(), err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	open(t, localqueue.Config{Path: newer, Now: time.Now})
	execute(t, newer, "PRAGMA user_version = 99")
	for _, tt := range []struct {
		cfg  localqueue.Config
		want string
	}{
		{localqueue.Config{Now: time.Now}, "needs a file and a clock"},
		{localqueue.Config{Path: "x"}, "needs a file and a clock"},
		{localqueue.Config{Path: filepath.Join(dir, "no", "folder"), Now: time.Now}, "no such file or directory"},
		{localqueue.Config{Path: filepath.Join(dir, "text"), Now: time.Now}, "file is not a database"},
		{localqueue.Config{Path: newer, Now: time.Now}, "it has schema 99, this program knows 1: update it"},
	} {
		if _, err := localqueue.Open(t.Context(), tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got error %v, want one with %q", tt.cfg.Path, err, tt.want)
		}
	}
}

func TestOldMessagesGo(t *testing.T) {
	t.Parallel()
	c := newClock()
	cfg := localqueue.Config{Path: filepath.Join(t.TempDir(), "queue.db"), Now: c.now}
	q := open(t, cfg)
	if err := q.Send(t.Context(), message("old"))[0]; err != nil {
		t.Fatal(err)
	}
	c.pass(15 * 24 * time.Hour)
	if s, err := open(t, cfg).Stats(t.Context()); err != nil || s != (queue.Stats{}) {
		t.Errorf("after fifteen days there are %+v, %v", s, err)
	}
}

func TestOpenByManyAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			q, err := localqueue.Open(t.Context(), localqueue.Config{Path: path, Now: time.Now})
			if err == nil {
				err = q.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
