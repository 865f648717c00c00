package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

const (
	runColumns = "dag, run, state, clears, type, logical, backfill, body"
	tiColumns  = "task, map, state, try, token, body"
)

func scanRun(scan func(...any) error, more ...any) (run.Run, error) {
	var (
		r       run.Run
		logical sql.NullInt64
		body    []byte
	)
	err := scan(append([]any{&r.DAG, &r.Run, &r.State, &r.Clears, &r.Type, &logical, &r.Backfill, &body}, more...)...)
	if err != nil {
		return r, err
	}
	if logical.Valid {
		t := rowcodec.FromNanos(logical.Int64)
		r.LogicalDate = &t
	}
	if err := rowcodec.DecodeRun(body, &r); err != nil {
		return r, rowcodec.Damaged("run "+r.ID.String(), err)
	}
	return r, nil
}

// instances reads rows of tiColumns. It keeps one copy of what many have in common.
type instances struct {
	id   run.ID
	seen map[string]string
	body sql.RawBytes
}

func (l *instances) scan(rows *sql.Rows) (i run.Instance, err error) {
	if err := rows.Scan(&i.Task, &i.Map, &i.State, &i.Try, &i.Token, &l.body); err != nil {
		return i, err
	}
	return i, l.decode(&i, l.body)
}

func (l *instances) decode(i *run.Instance, body []byte) error {
	if err := rowcodec.DecodeInstance(body, l.seen, i); err != nil {
		return rowcodec.Damaged("task instance "+i.Key(l.id).String(), err)
	}
	return nil
}

func readInstance(ctx context.Context, s *session, row int64, key run.Key) (*run.Instance, error) {
	var i *run.Instance
	l := instances{id: key.ID}
	err := s.rows(ctx, "SELECT "+tiColumns+" FROM ti WHERE run = ? AND task = ? AND map = ?",
		[]any{row, key.Task, key.Map}, func(r *sql.Rows) error {
			got, err := l.scan(r)
			i = &got
			return err
		})
	return i, err
}

// Run implements store.Runs.
func (s *Store) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	var data store.RunData
	err := s.read(ctx, func(r *session) error {
		var row int64
		found := false
		err := r.rows(ctx, "SELECT "+runColumns+", id FROM run WHERE dag = ? AND run = ?", []any{id.DAG, id.Run},
			func(rows *sql.Rows) (err error) {
				found = true
				data.Run, err = scanRun(rows.Scan, &row)
				return err
			})
		if err != nil {
			return err
		}
		if !found {
			return store.ErrNotFound
		}
		query, args := "SELECT "+tiColumns+" FROM ti WHERE run = ?", []any{row}
		if len(tasks) == 0 {
			// Counting costs a tenth of what growing the slice does.
			var n int
			if _, err := r.row(ctx, "SELECT count(*) FROM ti WHERE run = ?", args, &n); err != nil {
				return err
			}
			data.Instances = make([]run.Instance, 0, n)
		} else {
			query, args = query+" AND task IN (SELECT value FROM json_each(?))", append(args, jsonList(tasks))
		}
		l := instances{id: id, seen: map[string]string{}}
		return r.rows(ctx, query+" ORDER BY task, map", args, func(rows *sql.Rows) error {
			i, err := l.scan(rows)
			data.Instances = append(data.Instances, i)
			return err
		})
	})
	if err != nil {
		return store.RunData{}, s.explain("reading run "+id.String(), err)
	}
	return data, nil
}

// jsonList makes a parameter for json_each; strings and ints always encode.
func jsonList[T string | int](l []T) string {
	b, _ := json.Marshal(l)
	return string(b)
}

// ListRuns implements store.Runs.
func (s *Store) ListRuns(ctx context.Context, f store.RunFilter, p store.Page) (store.RunList, error) {
	var list store.RunList
	q := selectRuns(f)
	name, err := json.Marshal(f)
	if err != nil {
		return list, fmt.Errorf("listing runs: %w", err)
	}
	if p.Token != "" {
		if err := q.after(string(name), p.Token, f.Order); err != nil {
			return list, fmt.Errorf("listing runs: %w", err)
		}
	}
	limit := p.Size()
	err = s.read(ctx, func(r *session) error {
		return r.rows(ctx, q.text(f.Order), append(q.args, limit+1), func(rows *sql.Rows) error {
			got, err := scanRun(rows.Scan)
			list.Items = append(list.Items, got)
			return err
		})
	})
	if err != nil {
		return store.RunList{}, s.explain("listing runs", err)
	}
	if len(list.Items) > limit {
		list.Items = list.Items[:limit]
		last := &list.Items[limit-1]
		at := strconv.FormatInt(store.Nanos(last.RunAfter), 10)
		list.Next = store.EncodeToken(string(name), at, last.DAG, last.Run)
	}
	return list, nil
}

type runQuery struct {
	where []string
	args  []any
}

func (q *runQuery) and(cond string, args ...any) {
	q.where = append(q.where, cond)
	q.args = append(q.args, args...)
}

func selectRuns(f store.RunFilter) *runQuery {
	q := &runQuery{}
	if f.DAG != "" {
		q.and("dag = ?", f.DAG)
	}
	if len(f.States) > 0 {
		open := true
		for _, st := range f.States {
			open = open && (st == run.RunQueued || st == run.RunRunning)
		}
		if open { // says so in the index' own words, else SQLite does not use it
			q.and("state IN ('queued', 'running')")
		}
		q.in("state", len(f.States), func(i int) any { return string(f.States[i]) })
	}
	if len(f.Types) > 0 {
		q.in("type", len(f.Types), func(i int) any { return string(f.Types[i]) })
	}
	if !f.After.IsZero() {
		q.and("run_after >= ?", store.Nanos(f.After))
	}
	if !f.Before.IsZero() {
		q.and("run_after < ?", store.Nanos(f.Before))
	}
	if !f.LogicalBefore.IsZero() {
		q.and("logical < ?", store.Nanos(f.LogicalBefore))
	}
	if f.Backfill != "" {
		q.and("backfill = ? AND backfill <> ''", f.Backfill)
	}
	if f.Owing {
		q.and("owes = 1")
	}
	return q
}

func (q *runQuery) in(column string, n int, value func(int) any) {
	q.where = append(q.where, column+" IN (?"+strings.Repeat(", ?", n-1)+")")
	for i := range n {
		q.args = append(q.args, value(i))
	}
}

func (q *runQuery) after(list, token string, o store.Order) error {
	parts, err := store.DecodeToken(list, token, 3)
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return fmt.Errorf("page token %.60q: %w", token, store.ErrBadToken)
	}
	sign := "<"
	if o == store.OldestFirst {
		sign = ">"
	}
	q.and("(run_after, dag, run) "+sign+" (?, ?, ?)", at, parts[1], parts[2])
	return nil
}

func (q *runQuery) text(o store.Order) string {
	t := "SELECT " + runColumns + " FROM run"
	if len(q.where) > 0 {
		t += " WHERE " + strings.Join(q.where, " AND ")
	}
	if o == store.OldestFirst {
		return t + " ORDER BY run_after, dag, run LIMIT ?"
	}
	return t + " ORDER BY run_after DESC, dag DESC, run DESC LIMIT ?"
}

// CROSS JOIN is how SQLite is told to begin with the left table: few instances are
// due, many runs may be open.
const (
	dueNow = "SELECT r.dag, r.run, t.task, t.map, t.body FROM ti t CROSS JOIN run r ON r.id = t.run " +
		"WHERE t.due <= ? AND r.state IN ('queued', 'running') ORDER BY t.due"
	dueNext = "SELECT t.due FROM ti t CROSS JOIN run r ON r.id = t.run " +
		"WHERE t.due > ? AND r.state IN ('queued', 'running') ORDER BY t.due LIMIT 1"
)

// Due implements store.Runs. The runs come in the order in which they fell due.
func (s *Store) Due(ctx context.Context, until time.Time) ([]run.ID, time.Time, error) {
	var (
		ids  []run.ID
		next time.Time
	)
	err := s.read(ctx, func(r *session) error {
		seen := map[run.ID]bool{}
		err := r.rows(ctx, dueNow, []any{store.Nanos(until)}, func(rows *sql.Rows) error {
			var (
				l    instances
				i    run.Instance
				body sql.RawBytes
			)
			if err := rows.Scan(&l.id.DAG, &l.id.Run, &i.Task, &i.Map, &body); err != nil {
				return err
			}
			if err := l.decode(&i, body); err != nil {
				return err
			}
			if !seen[l.id] {
				seen[l.id] = true
				ids = append(ids, l.id)
			}
			next = rowcodec.Earliest(next, i.Due, until)
			next = rowcodec.Earliest(next, i.Lease, until)
			return nil
		})
		if err != nil {
			return err
		}
		var at int64
		found, err := r.row(ctx, dueNext, []any{store.Nanos(until)}, &at)
		if found {
			next = rowcodec.Earliest(next, rowcodec.FromNanos(at), until)
		}
		return err
	})
	if err != nil {
		return nil, time.Time{}, s.explain("looking for what is due", err)
	}
	return ids, next, nil
}

// History implements store.Runs.
func (s *Store) History(ctx context.Context, key run.Key) ([]run.Instance, error) {
	var list []run.Instance
	l := instances{id: key.ID}
	err := s.read(ctx, func(r *session) error {
		return r.rows(ctx, "SELECT "+tiColumns+" FROM history WHERE run = (SELECT id FROM run WHERE dag = ? AND run = ?) "+
			"AND task = ? AND map = ? ORDER BY seq", []any{key.DAG, key.Run, key.Task, key.Map},
			func(rows *sql.Rows) error {
				i, err := l.scan(rows)
				list = append(list, i)
				return err
			})
	})
	if err != nil {
		return nil, s.explain("reading the history of "+key.String(), err)
	}
	return list, nil
}

// DeleteRun implements store.Runs.
func (s *Store) DeleteRun(ctx context.Context, id run.ID) error {
	found := false
	err := s.c.write(ctx, func(ctx context.Context, w *session) (err error) {
		var row int64
		if found, err = w.row(ctx, findRun, []any{id.DAG, id.Run}, &row); err != nil || !found {
			return err
		}
		return deleteRow(ctx, w, row)
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return s.explain("deleting run "+id.String(), err)
}

func deleteRow(ctx context.Context, w *session, row int64) error {
	for _, q := range [...]string{"DELETE FROM ti WHERE run = ?", "DELETE FROM history WHERE run = ?",
		"DELETE FROM xcom WHERE run = ?", "DELETE FROM run WHERE id = ?"} {
		if _, err := w.exec(ctx, q, row); err != nil {
			return err
		}
	}
	return nil
}
