package sqlitestore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/store/storetest"
)

func TestKeeper(t *testing.T) {
	t.Parallel()
	storetest.RunKeeper(t, func(t testing.TB) storetest.Keeper { return openAt(t, filepath.Join(t.TempDir(), "x.db")) })
}

func TestVacuum(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path)
	storetest.Fill(t, s, 130)
	if _, err := s.Clean(t.Context(), storetest.Old.AddDate(10, 0, 0)); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || after.Size() >= 200_000 {
		t.Errorf("the file has %d bytes after Vacuum, %d before (%v)", after.Size(), before.Size(), err)
	}
}

func TestCheckNamesProblems(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path)
	storetest.Fill(t, s, 4)
	execute(t, path, "UPDATE ti SET body = x'ff' WHERE run = (SELECT id FROM run WHERE run = 'r001')")
	execute(t, path, "UPDATE run SET body = x'ff' WHERE run = 'r002'")
	execute(t, path, "UPDATE ti SET state = 77 WHERE run = (SELECT id FROM run WHERE run = 'r003')")
	execute(t, path, "INSERT INTO ti VALUES (999, 'a', -1, 0, 0, '', NULL, x'')")
	got, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"run d/r002: stored item is damaged: it has an unknown field 255",
		"task instance d/r001/a: stored item is damaged: it has an unknown field 255",
		"task instance d/r003/a: stored item is damaged: it has an unknown state 77",
		"1 rows of table ti belong to no run: stored item is damaged",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
