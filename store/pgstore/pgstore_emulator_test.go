//go:build emulator

package pgstore_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/pgstore"
	"github.com/updraft-dev/updraft/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKeeper(t *testing.T) {
	t.Parallel()
	storetest.RunKeeper(t, func(t testing.TB) storetest.Keeper { return openAt(t, pgstore.Config{URL: emulatortest.Postgres(t)}) })
}

func TestCheckNamesProblems(t *testing.T) {
	t.Parallel()
	base := emulatortest.Postgres(t)
	s := openAt(t, pgstore.Config{URL: base})
	storetest.Fill(t, s, 4)
	execute(t, base, `UPDATE ti SET body = '\xff' WHERE run = (SELECT id FROM run WHERE run = 'r001')`)
	execute(t, base, `UPDATE run SET body = '\xff' WHERE run = 'r002'`)
	execute(t, base, "UPDATE ti SET state = 77 WHERE run = (SELECT id FROM run WHERE run = 'r003')")
	execute(t, base, `INSERT INTO ti VALUES (999, gen_random_uuid(), 'a', -1, 0, 0, '', NULL, '')`)
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

// longName is as long as a name may be, in bytes too, and cannot be compressed: an index
// would refuse it.
func longName(r *rand.Rand) string {
	var b strings.Builder
	for range store.MaxName {
		b.WriteRune(0x20000 + r.Int32N(0xa000))
	}
	return b.String()
}

func TestLongNames(t *testing.T) {
	t.Parallel()
	s := openAt(t, pgstore.Config{URL: emulatortest.Postgres(t)})
	name := longName(rand.New(rand.NewPCG(1, 2)))
	id := run.ID{DAG: name, Run: name}
	if err := s.PutDAG(t.Context(), store.Definition{ID: name, Version: name, File: name, At: day}); err != nil {
		t.Fatal(err)
	}
	i := run.Instance{Task: name, Map: run.Unmapped, State: run.Queued, Try: 1, Token: name, Lease: day}
	r := run.Run{ID: id, State: run.RunRunning, RunAfter: day, Backfill: name}
	res, err := s.Apply(t.Context(), store.Batch{Run: id, Create: &r, Events: []run.AssetEvent{{Asset: name, At: day}},
		Changes: []run.Change{{Want: i, If: run.Condition{Absent: true}, XComs: []run.XCom{{Name: name, Value: []byte("1"), At: day}}}}})
	if err != nil || !res.OK() {
		t.Fatalf("Apply: %+v, %v", res, err)
	}
	if err := s.PutSetting(t.Context(), store.KindVariable, store.Setting{ID: name, At: day}); err != nil {
		t.Fatal(err)
	}
	d, err := s.Run(t.Context(), id, name)
	if err != nil || len(d.Instances) != 1 || d.Instances[0].Task != name {
		t.Errorf("Run: %d instances, %v", len(d.Instances), err)
	}
	l, err := s.ListRuns(t.Context(), store.RunFilter{DAG: name, Backfill: name}, store.Page{})
	if err != nil || len(l.Items) != 1 {
		t.Errorf("ListRuns: %d runs, %v", len(l.Items), err)
	}
	if e, err := s.AssetEvents(t.Context(), name, day.Add(-1), day, 0); err != nil || len(e) != 1 {
		t.Errorf("AssetEvents: %d, %v", len(e), err)
	}
	if err := s.DeleteDAG(t.Context(), name); err != nil {
		t.Error(err)
	}
}

// TestChanged: a store sees what others have written, and only that, whatever connections
// they use.
func TestChanged(t *testing.T) {
	t.Parallel()
	base := emulatortest.Postgres(t)
	s, other := openAt(t, pgstore.Config{URL: base}), openAt(t, pgstore.Config{URL: base})
	last := int64(0)
	changed := func(what string, want bool) {
		t.Helper()
		got, err := s.Changed(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if (got != last) != want {
			t.Errorf("%s: from %d to %d, want a change: %t", what, last, got, want)
		}
		last = got
	}
	put := func(by store.Store, revision int64) error {
		return by.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "p", At: day, Revision: revision})
	}
	changed("at first", false)
	if err := put(s, 0); err != nil {
		t.Fatal(err)
	}
	changed("after a write of its own", false)
	for range 3 {
		if err := put(other, 0); err != nil {
			t.Fatal(err)
		}
		changed("after another's", true)
	}
	if err := put(other, 99); err == nil {
		t.Error("a write with a revision that is none has succeeded")
	}
	changed("after one that was refused", false)
	id := run.ID{DAG: "d", Run: "r"}
	from := newRun(t, other, id)
	changed("after another's run", true)
	if _, err := s.Apply(t.Context(), handOff(id, from, 1)); err != nil {
		t.Fatal(err)
	}
	changed("after changes of its own", false)
	if err := other.DeleteRun(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	changed("after another's deletion", true)
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	c := pgstore.Config{URL: emulatortest.Postgres(t)}
	for _, to := range []int{-1, 0, 1, 0} {
		if _, _, err := pgstore.Migrate(t.Context(), c, to); err != nil {
			t.Fatalf("to version %d: %v", to, err)
		}
	}
	conn := connect(t, c.URL)
	var left []string
	if err := conn.QueryRow(t.Context(), "SELECT array_agg(relname ORDER BY relname)::text[] FROM pg_class WHERE relnamespace = current_schema()::regnamespace").Scan(&left); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"updraft_schema", "updraft_schema_pkey"}, left); diff != "" {
		t.Errorf("version 0 leaves something (-want +got):\n%s", diff)
	}
	if _, _, err := pgstore.Migrate(t.Context(), c, 99); err == nil || !strings.Contains(err.Error(), "the latest is") {
		t.Errorf("to an unknown version: %v", err)
	}
	openAt(t, c)
	execute(t, c.URL, "UPDATE updraft_schema SET version = 99")
	if _, err := pgstore.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "use the newer updraft that wrote it") {
		t.Errorf("with a newer schema: %v", err)
	}
}

// TestManyStarters: whoever comes first makes the tables, and the others wait.
func TestManyStarters(t *testing.T) {
	t.Parallel()
	c := pgstore.Config{URL: emulatortest.Postgres(t)}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			s, err := pgstore.Open(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: fmt.Sprint(n), At: day}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestTablesOfAnother(t *testing.T) {
	t.Parallel()
	base := emulatortest.Postgres(t)
	_, schema, _ := strings.Cut(base, "schema=")
	execute(t, base, "CREATE SCHEMA "+schema)
	execute(t, base, "CREATE TABLE "+schema+".run (id int)")
	if _, err := pgstore.Open(t.Context(), pgstore.Config{URL: base}); err == nil || !strings.Contains(err.Error(), "a table of another program: name another one") {
		t.Errorf("with a table of another program: %v", err)
	}
}
