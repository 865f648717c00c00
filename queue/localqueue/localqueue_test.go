package localqueue_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
	"github.com/updraft-dev/updraft/queue/queuetest"
)

// TestMain is also the worker process that TestProcesses starts.
func TestMain(m *testing.M) {
	queuetest.Main(m, func(ctx context.Context, path string) (*queue.Queue, error) {
		return localqueue.Open(ctx, localqueue.Config{Path: path, Now: time.Now})
	})
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	queuetest.Processes(t, open(t, localqueue.Config{Path: path, Now: time.Now}), path, 300)
}

func TestNamesAreQueues(t *testing.T) {
	t.Parallel()
	cfg := localqueue.Config{Path: filepath.Join(t.TempDir(), "queue.db"), Now: time.Now}
	def := open(t, cfg)
	cfg.Name = "gpu"
	gpu := open(t, cfg)
	m := queuetest.Message("t")
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
	if err := q.Send(t.Context(), queuetest.Message("t"))[0]; err != nil {
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
	if err := q.Send(t.Context(), queuetest.Message("old"))[0]; err != nil {
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
