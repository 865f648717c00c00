//go:build emulator

package pgstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/pgstore"
	"github.com/updraft-dev/updraft/store/storetest"
)

const maxItem = 1 << 20

// openAt opens a store that the test closes.
func openAt(t testing.TB, c pgstore.Config) *pgstore.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), c)
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

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t testing.TB) storetest.Harness {
		c := pgstore.Config{URL: emulatortest.Postgres(t), MaxItem: maxItem}
		reopen := func(t testing.TB) store.Store { return openAt(t, c) }
		return storetest.Harness{Store: reopen(t), TooLarge: maxItem + 1, Remote: true, Reopen: reopen,
			Damage: func(t testing.TB, item storetest.Item) { damage(t, c.URL, item) }}
	})
}

// damage writes what no version of the codec could have written.
func damage(t testing.TB, url string, item storetest.Item) {
	t.Helper()
	const row = "(SELECT id FROM run WHERE dag = $1 AND run = $2)"
	switch k := item.Key; item.Kind {
	case storetest.ItemInstance:
		execute(t, url, `UPDATE ti SET body = '\x02ff01' WHERE run = `+row+" AND task = $3 AND map = $4", k.DAG, k.Run, k.Task, k.Map)
	case storetest.ItemRun:
		execute(t, url, `UPDATE run SET body = '\xc8' WHERE id = `+row, k.DAG, k.Run)
	case storetest.ItemDAGState:
		execute(t, url, "UPDATE dag SET state = '{' WHERE id = $1", k.DAG)
	default:
		t.Fatalf("unknown item %q", item.Kind)
	}
}

// execute makes a statement behind the store's back.
func execute(t testing.TB, url, query string, args ...any) {
	t.Helper()
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

// connect opens a connection that sees the tables.
func connect(t testing.TB, url string) *pgx.Conn {
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
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}
