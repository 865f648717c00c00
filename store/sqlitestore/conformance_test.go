package sqlitestore_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
	"github.com/updraft-dev/updraft/store/storetest"
)

const maxItem = 1 << 20

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		cfg := sqlitestore.Config{Path: filepath.Join(t.TempDir(), "updraft.db"), MaxItem: maxItem,
			Durability: sqlitestore.Normal}
		reopen := func(t testing.TB) store.Store {
			s, err := sqlitestore.Open(t.Context(), cfg)
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
		return storetest.Harness{Store: reopen(t), TooLarge: maxItem + 1, Reopen: reopen,
			Damage: func(t testing.TB, item storetest.Item) { damage(t, cfg.Path, item) }}
	})
}

// damage writes what no version of the codec could have written.
func damage(t testing.TB, path string, item storetest.Item) {
	t.Helper()
	const row = "(SELECT id FROM run WHERE dag = ? AND run = ?)"
	switch k := item.Key; item.Kind {
	case storetest.ItemInstance:
		execute(t, path, "UPDATE ti SET body = x'02ff01' WHERE run = "+row+" AND task = ? AND map = ?", k.DAG, k.Run, k.Task, k.Map)
	case storetest.ItemRun:
		execute(t, path, "UPDATE run SET body = x'c8' WHERE id = "+row, k.DAG, k.Run)
	case storetest.ItemDAGState:
		execute(t, path, "UPDATE dag SET state = '{' WHERE id = ?", k.DAG)
	default:
		t.Fatalf("unknown item %q", item.Kind)
	}
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
