package sqlitestore_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

// What a scheduler holds of an instance while it runs, and what it writes of it.
func benchInstance(n int, s run.State) run.Instance {
	at := time.Date(2026, 1, 2, 3, 4, 5, n*1000, time.UTC)
	return run.Instance{Task: fmt.Sprintf("group.task_%05d", n), Map: run.Unmapped, State: s, Try: 1, MaxTries: 2,
		Token: "0123456789abcdef", Worker: "host-1/4711", Executor: "inprocess", Pool: "default_pool",
		QueuedAt: at, Start: at.Add(1e6), End: at.Add(2e6)}
}

func benchStore(b *testing.B, d sqlitestore.Durability, size int) (*sqlitestore.Store, run.ID) {
	b.Helper()
	s, err := sqlitestore.Open(b.Context(), sqlitestore.Config{Path: filepath.Join(b.TempDir(), "b.db"), Durability: d})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	id := run.ID{DAG: "bench", Run: "scheduled__2026-01-02T03:04:05+00:00"}
	batch := store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunRunning, RunAfter: time.Unix(1, 0)}}
	for n := range size {
		batch.Changes = append(batch.Changes, run.Change{Want: benchInstance(n, run.Queued), If: run.Condition{Absent: true}})
	}
	if res, err := s.Apply(b.Context(), batch); err != nil || !res.OK() {
		b.Fatal(res, err)
	}
	return s, id
}

// changes of all instances in turn, from one state to the other and back.
type flipper struct{ n, size int }

func (f *flipper) next() run.Change {
	states := [2]run.State{run.Queued, run.Running}
	round := f.n / f.size
	was, want := benchInstance(f.n%f.size, states[round%2]), benchInstance(f.n%f.size, states[(round+1)%2])
	f.n++
	return run.Change{Want: want, If: run.Is(&was)}
}

func benchApply(b *testing.B, d sqlitestore.Durability, size, per int, lease bool) {
	s, id := benchStore(b, d, size)
	f := flipper{size: size}
	changes := make([]run.Change, per)
	before := s.Stats()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for k := range changes {
			changes[k] = f.next()
			if lease && changes[k].Want.State == run.Running {
				changes[k].Want.Lease = changes[k].Want.Start.Add(time.Minute)
			}
		}
		b.StartTimer()
		res, err := s.Apply(b.Context(), store.Batch{Run: id, Changes: changes})
		if err != nil || !res.OK() {
			b.Fatal(res, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*per), "ns/change")
	b.ReportMetric(float64(s.Stats().Commits-before.Commits)/float64(b.N), "commits/op")
}

func BenchmarkApply(b *testing.B) {
	for _, d := range []sqlitestore.Durability{sqlitestore.Normal, sqlitestore.Full} {
		for _, per := range []int{1, 1000} {
			for _, lease := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/changes=%d/lease=%v", d, per, lease), func(b *testing.B) { benchApply(b, d, 10_000, per, lease) })
			}
		}
	}
}

// BenchmarkFloor is what SQLite itself takes: one UPDATE by key per change, no more.
func BenchmarkFloor(b *testing.B) {
	for _, d := range []sqlitestore.Durability{sqlitestore.Normal, sqlitestore.Full} {
		for _, per := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/changes=%d", d, per), func(b *testing.B) { benchFloor(b, d, per) })
		}
	}
}

func benchFloor(b *testing.B, d sqlitestore.Durability, per int) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "f.db")+
		"?_pragma=journal_mode(wal)&_pragma=synchronous("+string(d)+")&_pragma=wal_autocheckpoint(2000)&_pragma=cache_size(1000)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(query string, args ...any) {
		if _, err := db.ExecContext(b.Context(), query, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec("CREATE TABLE t (id INTEGER PRIMARY KEY, state INTEGER, body BLOB)")
	exec("INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < 9999) SELECT n, 0, zeroblob(100) FROM c")
	update, err := db.PrepareContext(b.Context(), "UPDATE t SET state = ?, body = ? WHERE id = ?")
	if err != nil {
		b.Fatal(err)
	}
	body, n := make([]byte, 100), 0
	b.ReportAllocs()
	for b.Loop() {
		tx, err := db.BeginTx(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		st := tx.StmtContext(b.Context(), update)
		for range per {
			n++
			if _, err := st.ExecContext(b.Context(), n%7, body, n%10_000); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*per), "ns/change")
}

func BenchmarkLoad(b *testing.B) {
	s, id := benchStore(b, sqlitestore.Normal, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if d, err := s.Run(b.Context(), id); err != nil || len(d.Instances) != 10_000 {
			b.Fatal(len(d.Instances), err)
		}
	}
}

// BenchmarkConcurrent has many callers with one change each: what group commit saves.
func BenchmarkConcurrent(b *testing.B) {
	s, id := benchStore(b, sqlitestore.Full, 0)
	before := s.Stats()
	b.SetParallelism(32)
	b.ReportAllocs()
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c := run.Change{Want: benchInstance(int(n.Add(1)), run.Queued), If: run.Condition{Absent: true}}
			if res, err := s.Apply(b.Context(), store.Batch{Run: id, Changes: []run.Change{c}}); err != nil || !res.OK() {
				b.Error(res, err)
			}
		}
	})
	b.ReportMetric(float64(s.Stats().Commits-before.Commits)/float64(b.N), "commits/op")
}
