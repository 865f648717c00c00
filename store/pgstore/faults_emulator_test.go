//go:build emulator

package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/pgstore"
)

var day = time.Date(2026, 11, 30, 4, 0, 0, 123456000, time.UTC)

// newRun creates a run with one instance that runs.
func newRun(t testing.TB, s store.Store, id run.ID) run.Instance {
	t.Helper()
	i := run.Instance{Task: "a", Map: run.Unmapped, State: run.Running, Try: 1, Token: "t1"}
	res, err := s.Apply(t.Context(), store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunRunning, RunAfter: day},
		Changes: []run.Change{{Want: i, If: run.Condition{Absent: true}}}})
	if err != nil || !res.OK() {
		t.Fatalf("Apply: %+v, %v", res, err)
	}
	return i
}

// handOff is what ends an instance and starts the next one.
func handOff(id run.ID, from run.Instance, n int) store.Batch {
	done := from
	done.State, done.Token, done.End = run.Success, "", day
	next := run.Instance{Task: fmt.Sprint("b", n), Map: run.Unmapped, State: run.Running, Try: 1, Token: fmt.Sprint("t", n)}
	return store.Batch{Run: id, Changes: []run.Change{
		{Want: done, If: run.Is(&from), XComs: []run.XCom{{Name: "return_value", Value: []byte("1"), At: day}}},
		{Want: next, If: run.Condition{Absent: true}},
	}}
}

// TestRoundTrips: each call is one round trip, and what writes one commit.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	p := emulatortest.NewPostgresProxy(t, emulatortest.Postgres(t))
	s := openAt(t, pgstore.Config{URL: p.URL})
	id := run.ID{DAG: "d", Run: "r"}
	from := newRun(t, s, id)
	if err := s.PutDAG(t.Context(), store.Definition{ID: "d", Version: "v", At: day}); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, p.URL)
	commits := func() (n int) {
		if err := conn.QueryRow(t.Context(), "SELECT coalesce(sum(n), 0) FROM writer").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	commits() // its statement is known from here on
	n := 0
	key := run.Key{ID: id, Task: "z", Map: run.Unmapped}
	for _, tt := range []struct {
		name    string
		commits int
		call    func() error
	}{
		{"a hand-off", 1, func() error {
			n++
			b := handOff(id, from, n)
			from = b.Changes[1].Want
			res, err := s.Apply(t.Context(), b)
			if !res.OK() {
				return fmt.Errorf("refused: %+v", res)
			}
			return err
		}},
		{"a look at a run", 0, func() error { _, err := s.Run(t.Context(), id); return err }},
		{"what is due", 0, func() error { _, _, err := s.Due(t.Context(), day); return err }},
		{"a list", 0, func() error { _, err := s.ListRuns(t.Context(), store.RunFilter{DAG: "d"}, store.Page{}); return err }},
		{"a setting", 1, func() error {
			return s.PutSetting(t.Context(), store.KindPool, store.Setting{ID: "p", Value: []byte("1"), At: day})
		}},
		{"an xcom", 1, func() error {
			return s.PutXCom(t.Context(), from.Key(id), from.Token, run.XCom{Name: "k", Value: []byte("1"), At: day})
		}},
		{"an xcom of nobody", 0, func() error {
			if err := s.PutXCom(t.Context(), key, "t", run.XCom{Name: "k", Value: []byte("1"), At: day}); !errors.Is(err, store.ErrConflict) {
				return fmt.Errorf("error %w, want a conflict", err)
			}
			return nil
		}},
		{"a DAG that is there", 0, func() error { return s.PutDAG(t.Context(), store.Definition{ID: "d", Version: "v", At: day}) }},
		{"a look for changes", 0, func() error { _, err := s.Changed(t.Context()); return err }},
	} {
		if err := tt.call(); err != nil { // the first one makes the server know the statement
			t.Fatalf("%s: %v", tt.name, err)
		}
		written, trips := commits(), p.Trips()
		if err := tt.call(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if trips = p.Trips() - trips; trips != 1 {
			t.Errorf("%s: %d round trips, want 1", tt.name, trips)
		}
		if written = commits() - written; written != tt.commits {
			t.Errorf("%s: %d commits, want %d", tt.name, written, tt.commits)
		}
	}
}

// TestAnswerLost: what was committed is there although nobody heard of it, and the same
// change is then refused and shows what is stored.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	p := emulatortest.NewPostgresProxy(t, emulatortest.Postgres(t))
	s := openAt(t, pgstore.Config{URL: p.URL})
	id := run.ID{DAG: "d", Run: "r"}
	b := handOff(id, newRun(t, s, id), 1)
	p.CutAnswers(1)
	if _, err := s.Apply(t.Context(), b); err == nil {
		t.Fatal("an answer that was lost is none")
	}
	res, err := s.Apply(t.Context(), b)
	if err != nil || len(res.Lost) != 2 {
		t.Fatalf("Apply: %+v, %v; want both changes to be lost", res, err)
	}
	for _, l := range res.Lost {
		if want := b.Changes[l.Change].Want; l.Stored == nil || l.Stored.State != want.State || l.Stored.Token != want.Token {
			t.Errorf("change %d: stored is %+v, want %+v", l.Change, l.Stored, want)
		}
	}
	if x, err := s.XComs(t.Context(), store.XComQuery{Run: id}); err != nil || len(x) != 1 {
		t.Errorf("xcoms %v, %v", x, err)
	}
}

// TestServerGone: errors say so, and the store works again when the server does.
func TestServerGone(t *testing.T) {
	t.Parallel()
	p := emulatortest.NewPostgresProxy(t, emulatortest.Postgres(t))
	s := openAt(t, pgstore.Config{URL: p.URL})
	id := run.ID{DAG: "d", Run: "r"}
	newRun(t, s, id)
	p.Down()
	for range 2 { // the connection that was there, and a new one
		if _, err := s.Run(t.Context(), id); err == nil || !strings.Contains(err.Error(), "reading run d/r") || strings.Contains(err.Error(), "not-a-secret") {
			t.Errorf("without a server: %v", err)
		}
	}
	p.Up()
	if _, err := s.Run(t.Context(), id); err != nil {
		t.Errorf("with the server again: %v", err)
	}
	// As a server does that stops or restarts.
	execute(t, p.URL, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%FROM run WHERE key%'")
	var err error
	for range 3 {
		if _, err = s.Run(t.Context(), id); err == nil {
			break
		}
	}
	if err != nil {
		t.Errorf("after the server ended the connections: %v", err)
	}
}

// TestErrorsSayWhatToDo: each names the database, without its password, and the remedy.
func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	base := emulatortest.Postgres(t)
	role := strings.ReplaceAll(emulatortest.Name(t), "-", "_")
	execute(t, base, "CREATE ROLE "+role+" LOGIN PASSWORD 'topsecret' CONNECTION LIMIT 1")
	emulatortest.Cleanup(t, "drop role "+role, func(ctx context.Context) error {
		admin, err := pgx.Connect(ctx, strings.Split(base, "?")[0])
		if err != nil {
			return err
		}
		defer admin.Close(ctx)
		_, err = admin.Exec(ctx, "DROP ROLE "+role)
		return err
	})
	with := func(change func(u *url.URL, q url.Values)) string {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		change(u, q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	asRole := with(func(u *url.URL, _ url.Values) { u.User = url.UserPassword(role, "topsecret") })
	for _, tt := range []struct{ name, url, want string }{
		{"password", with(func(u *url.URL, _ url.Values) { u.User = url.UserPassword("updraft", "topsecret") }), "check user and password"},
		{"no password", with(func(u *url.URL, q url.Values) { u.User = url.User("updraft"); q.Set("password", "topsecret") }), "check user and password"},
		{"database", with(func(u *url.URL, _ url.Values) { u.Path = "/nowhere" }), "make it (CREATE DATABASE)"},
		{"rights", asRole, "CREATE SCHEMA ... AUTHORIZATION"},
		{"standby", with(func(_ *url.URL, q url.Values) { q.Set("default_transaction_read_only", "on") }), "name the primary"},
		{"nobody", with(func(u *url.URL, _ url.Values) { u.Host = "127.0.0.1:1" }), "check host and port"},
		{"host", with(func(u *url.URL, _ url.Values) { u.Host = "nowhere.invalid:5432" }), "check its name"},
		{"TLS", with(func(_ *url.URL, q url.Values) { q.Set("sslmode", "require") }), "set sslmode=disable"},
		{"schema", with(func(_ *url.URL, q url.Values) { q.Set("schema", "a b") }), "use a name of letters, digits and _"},
		{"parameter", with(func(_ *url.URL, q url.Values) { q.Set("sslmode", "perhaps") }), "sslmode is invalid"},
	} {
		s, err := pgstore.Open(t.Context(), pgstore.Config{URL: tt.url})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "topsecret") || strings.Contains(err.Error(), "not-a-secret") {
			t.Errorf("%s: error %v, want one with %q and no password", tt.name, err, tt.want)
		}
	}
	conn, err := pgx.Connect(t.Context(), strings.Split(asRole, "?")[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := pgstore.Open(t.Context(), pgstore.Config{URL: asRole}); err == nil || !strings.Contains(err.Error(), "lower pool_max_conns") {
		t.Errorf("too many connections: %v", err)
	}
}

// TestManyWriters: calls that write the same runs in any order all come through, and each
// claim has one winner.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	base := emulatortest.Postgres(t)
	first := openAt(t, pgstore.Config{URL: base})
	const runs, writers, rounds = 6, 8, 12
	var ids []run.ID
	for n := range runs {
		ids = append(ids, run.ID{DAG: "d", Run: fmt.Sprint("r", n)})
		newRun(t, first, ids[n])
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[string]int{}
	for w := range writers {
		s := openAt(t, pgstore.Config{URL: base})
		wg.Go(func() {
			for n := range rounds {
				var batches []store.Batch
				for k := range runs {
					id := ids[(w*(k+1)+n)%runs] // some twice
					c := run.Instance{Task: fmt.Sprint("c", n), Map: run.Unmapped, State: run.Running, Try: 1, Token: fmt.Sprint(w)}
					again := run.Instance{Task: "a", Map: run.Unmapped, State: run.Running, Try: 1, Token: "t1", Note: fmt.Sprint(w, n)}
					batches = append(batches, store.Batch{
						Run: id, Changes: []run.Change{{Want: c, If: run.Condition{Absent: true}}, {Want: again, If: run.Is(&again)}},
						Update: &run.RunChange{Want: run.Run{ID: id, State: run.RunRunning, RunAfter: day}, State: run.RunRunning},
					})
				}
				res, err := s.Apply(t.Context(), batches...)
				if err != nil {
					t.Error(err)
					return
				}
				lost := map[int]bool{}
				for _, l := range res.Lost {
					lost[l.Batch] = true
				}
				mu.Lock()
				for i := range batches {
					if !lost[i] {
						won[fmt.Sprint(batches[i].Run, n)]++
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for what, n := range won {
		if n != 1 {
			t.Errorf("%s was won %d times", what, n)
		}
	}
	if len(won) != runs*rounds {
		t.Errorf("%d claims were won, want %d", len(won), runs*rounds)
	}
}

// TestDeletedMeanwhile: what is added to a run that is being deleted is refused or goes with
// it.
func TestDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	base := emulatortest.Postgres(t)
	s, other := openAt(t, pgstore.Config{URL: base}), openAt(t, pgstore.Config{URL: base})
	for n := range 20 {
		id := run.ID{DAG: "d", Run: fmt.Sprint(n)}
		from := newRun(t, s, id)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := other.DeleteRun(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := s.Apply(t.Context(), handOff(id, from, 1)); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			err := s.PutXCom(t.Context(), from.Key(id), from.Token, run.XCom{Name: "k", Value: []byte("1"), At: day})
			if err != nil && !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		})
		wg.Wait()
	}
	if problems, err := s.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("Check: %v, %v", problems, err)
	}
}
