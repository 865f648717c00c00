package sqlitestore_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// make prepares what is at path before it is opened.
		make func(t *testing.T, path string)
		cfg  sqlitestore.Config
		want []string
	}{
		{"no path", nil, sqlitestore.Config{Path: ":memory:"}, []string{":memory:", "name a file"}},
		{"bad durability", nil, sqlitestore.Config{Durability: "most"}, []string{`"most"`, "use full or normal"}},
		{"folder is missing", nil, sqlitestore.Config{Path: "/no/such/folder/x.db"}, []string{"/no/such/folder/x.db", "folder exists"}},
		{"path is a folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, sqlitestore.Config{}, []string{"is a directory"}},
		{"not a database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("hello ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, sqlitestore.Config{}, []string{"x.db is not a SQLite database", "name another file"}},
		{"another program's", func(t *testing.T, path string) {
			execute(t, path, "CREATE TABLE people (name TEXT)")
		}, sqlitestore.Config{}, []string{"another program", "name another file"}},
		{"newer schema", func(t *testing.T, path string) {
			if err := openAt(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			execute(t, path, "PRAGMA user_version = 99")
		}, sqlitestore.Config{}, []string{"schema 99", "knows 2 at most", "newer updraft", "backup"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.cfg.Path == "" {
				tt.cfg.Path = filepath.Join(t.TempDir(), "x.db")
			}
			if tt.make != nil {
				tt.make(t, tt.cfg.Path)
			}
			_, err := sqlitestore.Open(t.Context(), tt.cfg)
			if err == nil {
				t.Fatal("Open succeeded")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url  string
		want sqlitestore.Config
		err  string
	}{
		{"sqlite:///var/lib/u.db", sqlitestore.Config{Path: "/var/lib/u.db"}, ""},
		{"sqlite://u.db?durability=normal", sqlitestore.Config{Path: "u.db", Durability: sqlitestore.Normal}, ""},
		{"sqlite:///a%20b%3f.db", sqlitestore.Config{Path: "/a b?.db"}, ""},
		{"/plain/path?.db", sqlitestore.Config{Path: "/plain/path?.db"}, ""},
		{"sqlite://", sqlitestore.Config{}, "has no valid path"},
		{"sqlite:///%zz", sqlitestore.Config{}, "has no valid path"},
		{"sqlite:///a?sync=1", sqlitestore.Config{}, `unknown parameter "sync"`},
		{"sqlite:///a?durability=1", sqlitestore.Config{}, "use full or normal"},
		{"postgres://a", sqlitestore.Config{}, "want sqlite:///PATH"},
	}
	for _, tt := range tests {
		got, err := sqlitestore.ParseURL(tt.url)
		if tt.err == "" && (err != nil || got != tt.want) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("ParseURL(%q) = %+v, %v; want %+v, %q", tt.url, got, err, tt.want, tt.err)
		}
	}
}

func TestLockedByAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path, BusyTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	exec := func(q string) {
		if _, err := other.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	put := func() error {
		return s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "a", Revision: -1})
	}
	exec("BEGIN IMMEDIATE")
	err = put()
	if err == nil || !strings.Contains(err.Error(), "locked by another process") || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that says who locks what", err)
	}
	if _, err := s.Settings(t.Context(), store.KindPool); err != nil {
		t.Errorf("reading while another writes: %v", err)
	}
	exec("COMMIT")
	if err := put(); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	a, b := openAt(t, path), openAt(t, path)
	changed := func() int64 {
		v, err := a.Changed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	put := func(s store.Store) {
		if err := s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	first := changed()
	put(a)
	if v := changed(); v != first {
		t.Errorf("its own write changed the number from %d to %d", first, v)
	}
	put(b)
	second := changed()
	if second == first {
		t.Errorf("another's write left the number at %d", first)
	}
	put(a)
	if v := changed(); v != second {
		t.Errorf("its own write changed the number from %d to %d", second, v)
	}
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path)
	id := run.ID{DAG: "d", Run: "r"}
	b := store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunRunning, RunAfter: time.Unix(1, 0)}}
	for n := range 3000 {
		b.Changes = append(b.Changes, run.Change{Want: run.Instance{Task: "m", Map: n, Note: strings.Repeat("x", 50)},
			If: run.Condition{Absent: true}})
	}
	if res, err := s.Apply(t.Context(), b); err != nil || !res.OK() {
		t.Fatal(res, err)
	}
	if problems, err := s.Check(t.Context()); err != nil || len(problems) != 0 {
		t.Fatalf("Check of a sound file: %v, %v", problems, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for page := info.Size() / 4096 / 2; page < info.Size()/4096; page++ {
		if _, err := f.WriteAt([]byte(strings.Repeat("damage", 100)), page*4096); err != nil {
			t.Fatal(err)
		}
	}
	s = openAt(t, path)
	_, err = s.Run(t.Context(), id)
	if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "restore a backup") {
		t.Errorf("Run: error %v, want ErrCorrupt that says what to do", err)
	}
	problems, err := s.Check(t.Context())
	if err != nil || len(problems) == 0 {
		t.Errorf("Check of a damaged file: %v, %v", problems, err)
	}
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "x.db")
	cfg := sqlitestore.Config{Path: path}
	schema := func() (names []string) {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		rows, err := db.QueryContext(ctx, "SELECT coalesce(sql, name) FROM sqlite_schema WHERE name <> 'sqlite_sequence' ORDER BY name")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var n string
			if err := rows.Scan(&n); err != nil {
				t.Fatal(err)
			}
			names = append(names, n)
		}
		return names
	}
	_, latest, err := sqlitestore.Migrate(ctx, cfg, -1)
	if err != nil || latest < 1 {
		t.Fatalf("Migrate to the latest: %d, %v", latest, err)
	}
	// Each schema on the way down, and up again, must be the one of the way up.
	shapes := map[int][]string{}
	walk := func(to int) {
		if _, _, err := sqlitestore.Migrate(ctx, cfg, to); err != nil {
			t.Fatalf("Migrate to %d: %v", to, err)
		}
		got := schema()
		if want, seen := shapes[to]; seen {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("schema %d (-first +now):\n%s", to, diff)
			}
		}
		shapes[to] = got
	}
	for range 2 {
		for v := latest; v >= 0; v-- {
			walk(v)
		}
		if len(shapes[0]) != 0 {
			t.Errorf("schema 0 still has %v", shapes[0])
		}
		for v := 1; v <= latest; v++ {
			walk(v)
		}
	}
	if _, _, err := sqlitestore.Migrate(ctx, cfg, latest+1); err == nil {
		t.Error("Migrate to an unknown schema succeeded")
	}
	if err := openAt(t, path).PutSetting(ctx, store.KindPool, store.Setting{ID: "a"}); err != nil {
		t.Error(err)
	}
}

func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	errs := make(chan error)
	for range 8 {
		go func() {
			s, err := sqlitestore.Open(context.WithoutCancel(t.Context()), sqlitestore.Config{Path: path})
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Errorf("opening a new file from several sides: %v", err)
		}
	}
}
