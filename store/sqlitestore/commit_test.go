package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

func openInside(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// queued waits until n operations wait for the commit under way.
func (c *committer) queued(n int) {
	for {
		c.mu.Lock()
		ready := c.busy && len(c.queue) == n
		c.mu.Unlock()
		if ready {
			return
		}
		runtime.Gosched()
	}
}

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	before := s.Stats()
	errs := make(chan error)
	put := func(n int) {
		errs <- s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: fmt.Sprint(n), Revision: -1})
	}
	s.c.lock.Lock() // a commit that takes its time
	go put(0)
	s.c.queued(0)
	for n := range 50 {
		go put(n + 1)
	}
	s.c.queued(50)
	s.c.lock.Unlock()
	for range 51 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	after := s.Stats()
	if commits, writes := after.Commits-before.Commits, after.Writes-before.Writes; commits != 2 || writes != 51 {
		t.Errorf("%d writes took %d commits, want 51 in 2", writes, commits)
	}
	if l, err := s.Settings(t.Context(), store.KindPool); err != nil || len(l) != 51 {
		t.Errorf("%d settings, %v; want 51", len(l), err)
	}
}

func TestOneFailureIsNotEverybodys(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	bad := errors.New("bad")
	failing := func(ctx context.Context, w *session) error {
		if _, err := w.exec(ctx, "DELETE FROM setting"); err != nil {
			return err
		}
		return bad
	}
	good := make(chan error)
	s.c.lock.Lock()
	failed := make(chan error)
	go func() { good <- s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "0"}) }()
	s.c.queued(0)
	go func() { good <- s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "1"}) }()
	s.c.queued(1)
	go func() { failed <- s.c.write(t.Context(), failing) }()
	s.c.queued(2)
	go func() { good <- s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "2"}) }()
	s.c.queued(3)
	s.c.lock.Unlock()
	if err := <-failed; !errors.Is(err, bad) {
		t.Errorf("the failing one: %v", err)
	}
	for range 3 {
		if err := <-good; err != nil {
			t.Errorf("a good one: %v", err)
		}
	}
	if l, err := s.Settings(t.Context(), store.KindPool); err != nil || len(l) != 3 {
		t.Errorf("%d settings, %v; want 3", len(l), err)
	}
}

func TestCancelWhileOthersCommit(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	id := run.ID{DAG: "d", Run: "r"}
	b := store.Batch{Run: id, Create: &run.Run{ID: id, Conf: []byte(`{}`)},
		Changes: []run.Change{{Want: run.Instance{Task: "a", Trigger: []byte(`{}`)}, If: run.Condition{Absent: true}}}}
	ctx, cancel := context.WithCancel(t.Context())
	s.c.lock.Lock()
	errs := make(chan error)
	go func() {
		_, err := s.Apply(ctx, b)
		errs <- err
	}()
	s.c.queued(0)
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the context's", err)
	}
	// It returned, so its slices are the caller's again; the race detector looks.
	b.Create.Conf[0], b.Changes[0].Want.Trigger[0] = 'X', 'X'
	s.c.lock.Unlock()
	// The write behind it sees it done: written, and whole.
	if err := s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	d, err := s.Run(t.Context(), id)
	if err != nil || string(d.Run.Conf) != `{}` || len(d.Instances) != 1 || string(d.Instances[0].Trigger) != `{}` {
		t.Errorf("run %+v, %v", d, err)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	limit := func(pages int) {
		if _, err := s.c.w.conn.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	id := run.ID{DAG: "d", Run: "r"}
	big := strings.Repeat("x", 1<<20)
	b := store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunRunning}, Changes: []run.Change{
		{Want: run.Instance{Task: "a"}, If: run.Condition{Absent: true}},
		{Want: run.Instance{Task: "b", Tail: big}, If: run.Condition{Absent: true}}}}
	limit(50)
	_, err := s.Apply(t.Context(), b)
	if err == nil || !strings.Contains(err.Error(), "disk of database") || !strings.Contains(err.Error(), "is full") {
		t.Errorf("error %v, want one that says that the disk is full", err)
	}
	if _, err := s.Run(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("something was kept: %v", err)
	}
	limit(100_000)
	if res, err := s.Apply(t.Context(), b); err != nil || !res.OK() {
		t.Errorf("after making room: %+v, %v", res, err)
	}
}

// TestCommits holds the number of commits, each an fsync: one per call that writes,
// none for what is refused or only reads.
func TestCommits(t *testing.T) {
	t.Parallel()
	s := openInside(t)
	id := run.ID{DAG: "d", Run: "r"}
	i := run.Instance{Task: "a", Map: run.Unmapped, State: run.Queued}
	create := store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunRunning},
		Changes: []run.Change{{Want: i, If: run.Condition{Absent: true}}}}
	next := i
	next.State = run.Running
	claim := store.Batch{Run: id, Changes: []run.Change{{Want: next, If: run.Is(&i)}}}
	apply := func(b ...store.Batch) error { _, err := s.Apply(t.Context(), b...); return err }
	for _, tt := range []struct {
		name string
		do   func() error
		want int64
	}{
		{"create", func() error { return apply(create) }, 1},
		{"claim", func() error { return apply(claim) }, 1},
		{"lost claim", func() error { return apply(claim) }, 0},
		{"refused create", func() error { return apply(create) }, 0},
		{"several batches", func() error {
			return apply(store.Batch{Run: id, Update: &run.RunChange{Want: *create.Create,
				State: run.RunRunning}}, claim, create)
		}, 1},
		{"load", func() error { _, err := s.Run(t.Context(), id); return err }, 0},
		{"look for changes", func() error { _, err := s.Changed(t.Context()); return err }, 0},
	} {
		before := s.Stats().Commits
		if err := tt.do(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := s.Stats().Commits - before; got != tt.want {
			t.Errorf("%s took %d commits, want %d", tt.name, got, tt.want)
		}
	}
}
