package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// long runs f on one connection for as long as it takes, in a transaction that sees one
// moment.
func (s *Store) long(ctx context.Context, doing string, f func(context.Context, pgx.Tx) error) error {
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", doing, store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	err := pgx.BeginTxFunc(ctx, s.db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return f(ctx, tx)
	})
	return s.db.Explain(doing, err)
}

const (
	allInstances = "SELECT r.dag, r.run, t.task, t.map, t.state, t.try, t.token, t.body FROM ti t " +
		"JOIN run r ON r.id = t.run ORDER BY r.dag, r.run, t.task, t.map"
	allHistory = "SELECT r.dag, r.run, t.task, t.map, t.state, t.try, t.token, t.body FROM history t " +
		"JOIN run r ON r.id = t.run ORDER BY r.dag, r.run, t.task, t.map, t.seq"
)

// Check looks for damage: in rows that cannot be read, and in rows whose run is gone. It
// returns one sentence per problem, none if all is well. It reads all there is. What is
// damaged below that, the server tells (pg_amcheck).
func (s *Store) Check(ctx context.Context) ([]string, error) {
	var problems []string
	report := func(err error) error {
		if errors.Is(err, store.ErrCorrupt) {
			problems = append(problems, err.Error())
			return nil
		}
		return err
	}
	err := s.long(ctx, "checking the database", func(ctx context.Context, tx pgx.Tx) error {
		for _, check := range []func(context.Context, pgx.Tx, func(error) error) error{checkDAGs, checkRuns, checkInstances, checkOrphans} {
			if err := check(ctx, tx, report); err != nil {
				return err
			}
		}
		return nil
	})
	return problems, err
}

func checkDAGs(ctx context.Context, tx pgx.Tx, report func(error) error) error {
	return each(ctx, tx, "SELECT "+dagFields+"NULL::bytea FROM dag d LEFT JOIN dag_version v ON v.dag = d.key AND v.key = d.version_key ORDER BY d.id", nil,
		func(rows pgx.Rows) error {
			_, err := rowcodec.ScanDAG(rows.Scan)
			return report(err)
		})
}

func checkRuns(ctx context.Context, tx pgx.Tx, report func(error) error) error {
	return each(ctx, tx, "SELECT "+runFields+" FROM run ORDER BY dag, run", nil, func(rows pgx.Rows) error {
		_, err := scanRun(rows)
		return report(err)
	})
}

func checkInstances(ctx context.Context, tx pgx.Tx, report func(error) error) error {
	var l instances
	for _, q := range [...]string{allInstances, allHistory} {
		if err := each(ctx, tx, q, nil, func(rows pgx.Rows) error {
			_, err := l.scan(rows, &l.id.DAG, &l.id.Run)
			return report(err)
		}); err != nil {
			return err
		}
	}
	return nil
}

func checkOrphans(ctx context.Context, tx pgx.Tx, report func(error) error) error {
	for _, table := range [...]string{"ti", "history", "xcom"} {
		var n int64
		err := tx.QueryRow(ctx, "SELECT count(*) FROM "+table+" t WHERE NOT EXISTS (SELECT FROM run r WHERE r.id = t.run)").Scan(&n)
		if err == nil && n > 0 {
			err = report(fmt.Errorf("%d rows of table %s belong to no run: %w", n, table, store.ErrCorrupt))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cleanChunk is the number of runs removed in one transaction: who writes to one of them
// waits for a chunk at most.
const cleanChunk = 50

// Clean removes the runs that ended before a date, with all that belongs to them,
// asset events before it, and versions of DAGs that were stored before it and that
// nobody names any more. The last run of each DAG stays, whatever its age: schedules
// and depends_on_past look at it. Several processes may clean at once.
func (s *Store) Clean(ctx context.Context, before time.Time) (store.Cleaned, error) {
	const doing = "cleaning the database"
	var total store.Cleaned
	ids, err := s.ended(ctx, before)
	for len(ids) > 0 && err == nil {
		chunk := ids[:min(cleanChunk, len(ids))]
		ids = ids[len(chunk):]
		err = s.do(ctx, doing, func(ctx context.Context) error {
			var n int64
			// Cleared since? Then it is a run under way, and stays.
			err := s.db.Pool.QueryRow(ctx, "SELECT delete_runs($1, $2, true)", s.id, chunk).Scan(&n)
			total.Runs += n
			return err
		})
	}
	if err != nil {
		return total, err
	}
	err = s.do(ctx, doing, func(ctx context.Context) error {
		_, err := s.writeWith(ctx, "e AS (DELETE FROM asset_event WHERE at < $2 RETURNING 1)", []any{&total.Events},
			"SELECT count(*) FROM e HAVING count(*) > 0", store.Nanos(before))
		return err
	})
	if err == nil {
		total.Versions, err = s.cleanVersions(ctx, before)
	}
	return total, err
}

// Cleanable counts the runs that Clean would remove.
func (s *Store) Cleanable(ctx context.Context, before time.Time) (int, error) {
	ids, err := s.ended(ctx, before)
	return len(ids), err
}

// ended returns the rows of runs that ended before a date and are not their DAG's last.
func (s *Store) ended(ctx context.Context, before time.Time) (ids []int64, err error) {
	const query = "SELECT " + runFields + ", id FROM run r WHERE state IN ('success', 'failed') AND run_after < $1 " +
		"AND EXISTS (SELECT FROM run l WHERE l.dag_key = r.dag_key AND l.run_after > r.run_after)"
	err = s.long(ctx, "looking for old runs", func(ctx context.Context, tx pgx.Tx) error {
		ids = nil
		return each(ctx, tx, query, []any{store.Nanos(before)}, func(rows pgx.Rows) error {
			var id int64
			got, err := scanRun(rows, &id)
			if err == nil && got.End.Before(before) {
				ids = append(ids, id)
			}
			return err
		})
	})
	return ids, err
}

// cleanVersions removes old versions that are no DAG's current one and no run's.
func (s *Store) cleanVersions(ctx context.Context, before time.Time) (n int64, err error) {
	var dags, versions []key
	err = s.long(ctx, "looking for old versions", func(ctx context.Context, tx pgx.Tx) error {
		used := map[run.ID]bool{}
		err := each(ctx, tx, "SELECT "+runFields+" FROM run", nil, func(rows pgx.Rows) error {
			got, err := scanRun(rows)
			used[run.ID{DAG: got.DAG, Run: got.Version}] = true
			return err
		})
		if err != nil {
			return err
		}
		return each(ctx, tx, "SELECT d.id, v.version, v.at FROM dag_version v JOIN dag d ON d.key = v.dag AND d.version_key <> v.key", nil, func(rows pgx.Rows) error {
			var (
				dag, version string
				at           []byte
			)
			if err := rows.Scan(&dag, &version, &at); err != nil {
				return err
			}
			t, err := rowcodec.DecodeTime("time of DAG "+dag, at)
			if err == nil && t.Before(before) && !used[run.ID{DAG: dag, Run: version}] {
				dags, versions = append(dags, keyOf(dag)), append(versions, keyOf(version))
			}
			return err
		})
	})
	if err != nil || len(dags) == 0 {
		return 0, err
	}
	err = s.do(ctx, "removing old versions", func(ctx context.Context) error {
		tag, err := s.db.Pool.Exec(ctx, "DELETE FROM dag_version v USING unnest($1::uuid[], $2::uuid[]) o(dag, key) WHERE v.dag = o.dag AND v.key = o.key "+
			"AND NOT EXISTS (SELECT FROM dag d WHERE d.key = v.dag AND d.version_key = v.key)", dags, versions)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}
