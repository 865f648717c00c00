package sqlitestore_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

func openAt(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestFileIsPrivateAndReopens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd name?#%.db")
	s := openAt(t, path)
	id := run.ID{DAG: "d", Run: "r"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	want := run.Instance{Task: "a", Map: run.Unmapped, State: run.Queued, Try: 1, Lease: at}
	res, err := s.Apply(t.Context(), store.Batch{Run: id,
		Create:  &run.Run{ID: id, State: run.RunRunning, Type: run.TypeManual, RunAfter: at},
		Changes: []run.Change{{Want: want, If: run.Condition{Absent: true}}}})
	if err != nil || !res.OK() {
		t.Fatalf("Apply: %+v, %v", res, err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode of %q: %v, %v; want 0600", suffix, info.Mode(), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), id); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Run of a closed store: %v, want ErrClosed", err)
	}
	got, err := openAt(t, path).Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]run.Instance{want}, got.Instances); diff != "" {
		t.Error(diff)
	}
}
