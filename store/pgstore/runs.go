package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// runRow is what a run is scanned into.
type runRow struct {
	run     run.Run
	logical *int64
	body    pgtype.DriverBytes
}

const runFields = "dag, run, state, clears, type, logical, backfill, body"

func (r *runRow) dest(more ...any) []any {
	return append([]any{&r.run.DAG, &r.run.Run, &r.run.State, &r.run.Clears, &r.run.Type, &r.logical, &r.run.Backfill, &r.body}, more...)
}

func (r *runRow) decode() (run.Run, error) {
	if r.logical != nil {
		r.run.LogicalDate = new(rowcodec.FromNanos(*r.logical))
	}
	if err := rowcodec.DecodeRun(r.body, &r.run); err != nil {
		return r.run, rowcodec.Damaged("run "+r.run.ID.String(), err)
	}
	return r.run, nil
}

func scanRun(rows pgx.Rows, more ...any) (run.Run, error) {
	var r runRow
	if err := rows.Scan(r.dest(more...)...); err != nil {
		return r.run, err
	}
	return r.decode()
}

// instances scans task instances. It keeps one copy of what many have in common.
type instances struct {
	id   run.ID
	seen map[string]string
}

const tiFields = "task, map, state, try, token, body"

func (l *instances) scan(rows pgx.Rows, before ...any) (i run.Instance, err error) {
	var (
		state int16
		body  pgtype.DriverBytes
	)
	if err := rows.Scan(append(before, &i.Task, &i.Map, &state, &i.Try, &i.Token, &body)...); err != nil {
		return i, err
	}
	i.State = run.State(state)
	return i, l.decode(&i, body)
}

func (l *instances) decode(i *run.Instance, body []byte) error {
	if err := rowcodec.DecodeInstance(body, l.seen, i); err != nil {
		return rowcodec.Damaged("task instance "+i.Key(l.id).String(), err)
	}
	return nil
}

// One statement sees one moment: first the run, then its instances.
const (
	selectRun = "WITH r AS (SELECT * FROM run WHERE key = $1) " +
		"SELECT state, clears, type, logical, backfill, body, NULL task, NULL map, NULL, NULL, NULL FROM r " +
		"UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, t.body, t.task, t.map, t.state, t.try, t.token FROM r JOIN ti t ON t.run = r.id"
	orderInstances = " ORDER BY task NULLS FIRST, map"
)

// Run implements store.Runs.
func (s *Store) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	query, args := selectRun, []any{runKey(id)}
	if len(tasks) > 0 {
		query, args = query+" AND t.key = ANY($2)", append(args, keysOf(tasks))
	}
	var data store.RunData
	err := s.do(ctx, "reading run "+id.String(), func(ctx context.Context) error {
		data = store.RunData{}
		found := false
		l := instances{id: id, seen: map[string]string{}}
		err := s.query(ctx, query+orderInstances, args, func(rows pgx.Rows) (err error) {
			if !found {
				found = true
				data.Run, err = scanOnlyRun(rows, id)
				return err
			}
			i, err := l.scanAfterRun(rows)
			data.Instances = append(data.Instances, i)
			return err
		})
		if err == nil && !found {
			return store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return store.RunData{}, err
	}
	return data, nil
}

// scanOnlyRun scans the first row of selectRun.
func scanOnlyRun(rows pgx.Rows, id run.ID) (run.Run, error) {
	r := runRow{run: run.Run{ID: id}}
	if err := rows.Scan(&r.run.State, &r.run.Clears, &r.run.Type, &r.logical, &r.run.Backfill, &r.body, nil, nil, nil, nil, nil); err != nil {
		return r.run, err
	}
	return r.decode()
}

// scanAfterRun scans the others.
func (l *instances) scanAfterRun(rows pgx.Rows) (i run.Instance, err error) {
	var (
		state int16
		body  pgtype.DriverBytes
	)
	if err := rows.Scan(nil, nil, nil, nil, nil, &body, &i.Task, &i.Map, &state, &i.Try, &i.Token); err != nil {
		return i, err
	}
	i.State = run.State(state)
	return i, l.decode(&i, body)
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
	text := q.text(f.Order, limit+1)
	err = s.do(ctx, "listing runs", func(ctx context.Context) error {
		list = store.RunList{}
		return s.query(ctx, text, q.args, func(rows pgx.Rows) error {
			got, err := scanRun(rows)
			list.Items = append(list.Items, got)
			return err
		})
	})
	if err != nil {
		return store.RunList{}, err
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

// and adds a condition, whose %d are the numbers of its parameters.
func (q *runQuery) and(cond string, args ...any) {
	numbers := make([]any, len(args))
	for i := range args {
		numbers[i] = len(q.args) + i + 1
	}
	q.where = append(q.where, fmt.Sprintf(cond, numbers...))
	q.args = append(q.args, args...)
}

func selectRuns(f store.RunFilter) *runQuery {
	q := &runQuery{}
	if f.DAG != "" {
		q.and("dag_key = $%d", keyOf(f.DAG))
	}
	if len(f.States) > 0 {
		open := true
		for _, st := range f.States {
			open = open && (st == run.RunQueued || st == run.RunRunning)
		}
		if open { // says so in the index' own words, else it is not used
			q.and("state IN ('queued', 'running')")
		}
		q.and("state = ANY($%d)", texts(f.States))
	}
	if len(f.Types) > 0 {
		q.and("type = ANY($%d)", texts(f.Types))
	}
	if !f.After.IsZero() {
		q.and("run_after >= $%d", store.Nanos(f.After))
	}
	if !f.Before.IsZero() {
		q.and("run_after < $%d", store.Nanos(f.Before))
	}
	if !f.LogicalBefore.IsZero() {
		q.and("logical < $%d", store.Nanos(f.LogicalBefore))
	}
	if f.Backfill != "" {
		q.and("backfill = $%d AND backfill <> ''", f.Backfill)
	}
	if f.Owing {
		q.and("owes")
	}
	return q
}

func texts[T ~string](l []T) []string {
	out := make([]string, len(l))
	for i, v := range l {
		out[i] = string(v)
	}
	return out
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
	// The first condition is what the index knows of.
	q.and("run_after "+sign+"= $%d AND (run_after, dag, run) "+sign+" ($%d, $%d, $%d)", at, at, parts[1], parts[2])
	return nil
}

func (q *runQuery) text(o store.Order, limit int) string {
	t := "SELECT " + runFields + " FROM run"
	if len(q.where) > 0 {
		t += " WHERE " + strings.Join(q.where, " AND ")
	}
	order := " DESC"
	if o == store.OldestFirst {
		order = ""
	}
	return t + fmt.Sprintf(" ORDER BY run_after%s, dag%s, run%s LIMIT %d", order, order, order, limit)
}

// One statement sees one moment: what is due, and then the next that will be.
const selectDue = "(SELECT r.dag, r.run, t.task, t.map, t.body, t.due FROM ti t JOIN run r ON r.id = t.run " +
	"WHERE t.due <= $1 AND r.state IN ('queued', 'running')) UNION ALL " +
	"(SELECT NULL, NULL, NULL, NULL, NULL, t.due FROM ti t JOIN run r ON r.id = t.run " +
	"WHERE t.due > $1 AND r.state IN ('queued', 'running') ORDER BY t.due LIMIT 1) ORDER BY due"

// Due implements store.Runs. The runs come in the order in which they fell due.
func (s *Store) Due(ctx context.Context, until time.Time) ([]run.ID, time.Time, error) {
	var (
		ids  []run.ID
		next time.Time
	)
	err := s.do(ctx, "looking for what is due", func(ctx context.Context) error {
		ids, next = nil, time.Time{}
		seen := map[run.ID]bool{}
		return s.query(ctx, selectDue, []any{store.Nanos(until)}, func(rows pgx.Rows) error {
			var (
				dag, id, task *string
				index         *int
				body          pgtype.DriverBytes
				at            int64
			)
			if err := rows.Scan(&dag, &id, &task, &index, &body, &at); err != nil {
				return err
			}
			if dag == nil {
				next = rowcodec.Earliest(next, rowcodec.FromNanos(at), until)
				return nil
			}
			l := instances{id: run.ID{DAG: *dag, Run: *id}}
			i := run.Instance{Task: *task, Map: *index}
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
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return ids, next, nil
}

// History implements store.Runs.
func (s *Store) History(ctx context.Context, of run.Key) ([]run.Instance, error) {
	var list []run.Instance
	l := instances{id: of.ID}
	err := s.do(ctx, "reading the history of "+of.String(), func(ctx context.Context) error {
		list = nil
		return s.query(ctx, "SELECT "+tiFields+" FROM history WHERE run = (SELECT id FROM run WHERE key = $1) "+
			"AND key = $2 AND map = $3 ORDER BY seq", []any{runKey(of.ID), keyOf(of.Task), of.Map},
			func(rows pgx.Rows) error {
				i, err := l.scan(rows)
				list = append(list, i)
				return err
			})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// DeleteRun implements store.Runs.
func (s *Store) DeleteRun(ctx context.Context, id run.ID) error {
	return s.do(ctx, "deleting run "+id.String(), func(ctx context.Context) error {
		var n int
		err := s.db.Pool.QueryRow(ctx, "SELECT delete_run($1, $2)", s.id, runKey(id)).Scan(&n)
		if err == nil && n == 0 {
			return store.ErrNotFound
		}
		return err
	})
}

// found makes ErrNotFound of an answer without rows.
func found(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}
