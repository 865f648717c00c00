package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// Check looks for damage: in the file's structure, in rows that cannot be read, and in
// rows whose run is gone. It returns one sentence per problem, none if all is well. It
// reads the whole file.
func (s *Store) Check(ctx context.Context) ([]string, error) {
	var problems []string
	err := s.read(ctx, func(r *session) error {
		err := r.rows(ctx, "PRAGMA integrity_check", nil, func(rows *sql.Rows) error {
			var line string
			err := rows.Scan(&line)
			if line != "ok" {
				problems = append(problems, line)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, check := range []func(context.Context, *session, func(error) error) error{
			checkDAGs, checkRuns, checkInstances, checkOrphans,
		} {
			if err := check(ctx, r, func(err error) error {
				if errors.Is(err, store.ErrCorrupt) {
					problems = append(problems, err.Error())
					return nil
				}
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if code(err) == codeCorrupt { // worse than what integrity_check can describe
		return append(problems, remedy(s.path, err).Error()), nil
	}
	if err != nil {
		return nil, s.explain("checking the database", err)
	}
	return problems, nil
}

func checkDAGs(ctx context.Context, r *session, report func(error) error) error {
	return r.rows(ctx, selectDAG+"NULL FROM dag d LEFT JOIN dag_version v ON v.dag = d.id AND v.version = d.version", nil,
		func(rows *sql.Rows) error {
			_, err := rowcodec.ScanDAG(rows.Scan)
			return report(err)
		})
}

func checkRuns(ctx context.Context, r *session, report func(error) error) error {
	return r.rows(ctx, "SELECT "+runColumns+" FROM run", nil, func(rows *sql.Rows) error {
		_, err := scanRun(rows.Scan)
		return report(err)
	})
}

const (
	allInstances = "SELECT r.dag, r.run, t.task, t.map, t.state, t.try, t.token, t.body FROM ti t " +
		"JOIN run r ON r.id = t.run ORDER BY r.dag, r.run, t.task, t.map"
	allHistory = "SELECT r.dag, r.run, t.task, t.map, t.state, t.try, t.token, t.body FROM history t " +
		"JOIN run r ON r.id = t.run ORDER BY r.dag, r.run, t.task, t.map, t.seq"
)

// scanKeyed reads a row of allInstances or allHistory.
func (l *instances) scanKeyed(rows *sql.Rows) (i run.Instance, err error) {
	if err := rows.Scan(&l.id.DAG, &l.id.Run, &i.Task, &i.Map, &i.State, &i.Try, &i.Token, &l.body); err != nil {
		return i, err
	}
	return i, l.decode(&i, l.body)
}

func checkInstances(ctx context.Context, r *session, report func(error) error) error {
	var l instances
	for _, q := range [...]string{allInstances, allHistory} {
		if err := r.rows(ctx, q, nil, func(rows *sql.Rows) error {
			_, err := l.scanKeyed(rows)
			return report(err)
		}); err != nil {
			return err
		}
	}
	return nil
}

func checkOrphans(ctx context.Context, r *session, report func(error) error) error {
	for _, table := range [...]string{"ti", "history", "xcom"} {
		var n int64
		_, err := r.row(ctx, "SELECT count(*) FROM "+table+" WHERE run NOT IN (SELECT id FROM run)", nil, &n)
		if err == nil && n > 0 {
			err = report(fmt.Errorf("%d rows of table %s belong to no run: %w", n, table, store.ErrCorrupt))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cleanChunk is the number of runs removed in one transaction: others wait for a
// chunk at most.
const cleanChunk = 50

// Clean removes the runs that ended before a date, with all that belongs to them,
// asset events before it, and versions of DAGs that were stored before it and that
// nobody names any more. The last run of each DAG stays, whatever its age: schedules
// and depends_on_past look at it.
func (s *Store) Clean(ctx context.Context, before time.Time) (store.Cleaned, error) {
	var total store.Cleaned
	rows, err := s.ended(ctx, before)
	for len(rows) > 0 && err == nil {
		chunk := rows[:min(cleanChunk, len(rows))]
		rows = rows[len(chunk):]
		var n int64
		err = s.c.write(ctx, func(ctx context.Context, w *session) error {
			n = 0
			for _, row := range chunk {
				// Cleared since? Then it is a run under way.
				found, err := w.row(ctx, "SELECT 1 FROM run WHERE id = ? AND state IN ('success', 'failed')",
					[]any{row}, new(int64))
				if err != nil {
					return err
				}
				if !found {
					continue
				}
				if err := deleteRow(ctx, w, row); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		total.Runs += n
	}
	if err == nil {
		err = s.c.write(ctx, func(ctx context.Context, w *session) (err error) {
			total.Events, err = w.exec(ctx, "DELETE FROM asset_event WHERE at < ?", store.Nanos(before))
			return err
		})
	}
	if err == nil {
		total.Versions, err = s.cleanVersions(ctx, before)
	}
	return total, s.explain("cleaning the database", err)
}

// Cleanable counts the runs that Clean would remove.
func (s *Store) Cleanable(ctx context.Context, before time.Time) (int, error) {
	ids, err := s.ended(ctx, before)
	return len(ids), err
}

// ended returns the rows of runs that ended before a date and are not their DAG's last.
func (s *Store) ended(ctx context.Context, before time.Time) (ids []int64, err error) {
	const query = "SELECT " + runColumns + ", id FROM run r WHERE state IN ('success', 'failed') AND run_after < ? " +
		"AND EXISTS (SELECT 1 FROM run l WHERE l.dag = r.dag AND l.run_after > r.run_after)"
	err = s.read(ctx, func(r *session) error {
		return r.rows(ctx, query, []any{store.Nanos(before)}, func(rows *sql.Rows) error {
			var id int64
			got, err := scanRun(rows.Scan, &id)
			if err == nil && got.End.Before(before) {
				ids = append(ids, id)
			}
			return err
		})
	})
	return ids, err
}

func (s *Store) cleanVersions(ctx context.Context, before time.Time) (n int64, err error) {
	type version struct{ dag, hash string }
	var old []version
	err = s.read(ctx, func(r *session) error {
		used := map[version]bool{}
		err := r.rows(ctx, "SELECT "+runColumns+" FROM run", nil, func(rows *sql.Rows) error {
			got, err := scanRun(rows.Scan)
			used[version{got.DAG, got.Version}] = true
			return err
		})
		if err != nil {
			return err
		}
		return r.rows(ctx, "SELECT dag, version, at FROM dag_version v WHERE NOT EXISTS "+
			"(SELECT 1 FROM dag d WHERE d.id = v.dag AND d.version = v.version)", nil, func(rows *sql.Rows) error {
			var (
				v  version
				at []byte
			)
			if err := rows.Scan(&v.dag, &v.hash, &at); err != nil {
				return err
			}
			t, err := rowcodec.DecodeTime("time of DAG "+v.dag, at)
			if err == nil && t.Before(before) && !used[v] {
				old = append(old, v)
			}
			return err
		})
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = s.c.write(ctx, func(ctx context.Context, w *session) error {
		n = 0
		for _, v := range old {
			k, err := w.exec(ctx, "DELETE FROM dag_version WHERE dag = ? AND version = ? AND NOT EXISTS "+
				"(SELECT 1 FROM dag WHERE id = dag_version.dag AND version = dag_version.version)", v.dag, v.hash)
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	return n, err
}

// Vacuum rewrites the file without the space of what was removed. Writers wait for it,
// and it needs room for a second copy.
func (s *Store) Vacuum(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.c.lock.Lock()
	defer s.c.lock.Unlock()
	select {
	case <-s.closing:
		return fmt.Errorf("shrinking the database: %w", store.ErrClosed)
	default:
	}
	for _, q := range [...]string{"VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := s.c.w.conn.ExecContext(ctx, q); err != nil {
			return s.explain("shrinking the database", err)
		}
	}
	return nil
}
