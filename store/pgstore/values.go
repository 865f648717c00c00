package pgstore

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// The instance cannot change, or be cleared of XComs, between the look at its token and the
// commit.
const putXCom = "WITH held AS (SELECT t.run, t.key, t.task, t.map FROM ti t JOIN run r ON r.id = t.run " +
	"WHERE r.key = $5 AND t.key = $6 AND t.map = $7 AND t.token = $8 FOR SHARE OF t) " +
	"INSERT INTO xcom (run, key, task, map, name_key, name, at, value) SELECT run, key, task, map, $2, $9, $3, $4 FROM held " +
	"ON CONFLICT (run, key, map, name_key) DO UPDATE SET at = excluded.at, value = excluded.value RETURNING 1"

// PutXCom implements store.XComs.
func (s *Store) PutXCom(ctx context.Context, of run.Key, token string, x run.XCom) error {
	doing := fmt.Sprintf("writing xcom %q of %s", x.Name, of)
	if err := store.CheckNames("dag id", of.DAG, "run id", of.Run, "task id", of.Task, "xcom key", x.Name); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	row, err := s.enc.XCom(of, &x)
	if err != nil {
		return err
	}
	return s.do(ctx, doing, func(ctx context.Context) error {
		ok, err := s.write(ctx, []any{nil}, putXCom, keyOf(x.Name), row.At, row.Value, runKey(of.ID), keyOf(of.Task), of.Map, token, x.Name)
		if err == nil && !ok {
			return fmt.Errorf("the attempt is not the current one: %w", store.ErrConflict)
		}
		return err
	})
}

// XComs implements store.XComs.
func (s *Store) XComs(ctx context.Context, q store.XComQuery) ([]store.XComItem, error) {
	query := "SELECT task, map, name, at, value FROM xcom WHERE run = (SELECT id FROM run WHERE key = $1)"
	args := []any{runKey(q.Run)}
	and := func(cond string, v any) {
		args = append(args, v)
		query += fmt.Sprintf(" AND "+cond, len(args))
	}
	if len(q.Tasks) > 0 {
		and("key = ANY($%d)", keysOf(q.Tasks))
	}
	if q.Maps != nil {
		and("map = ANY($%d)", q.Maps)
	}
	if q.Name != "" {
		and("name_key = $%d", keyOf(q.Name))
	}
	var list []store.XComItem
	err := s.do(ctx, "reading xcoms of run "+q.Run.String(), func(ctx context.Context) error {
		list = nil
		return s.query(ctx, query+" ORDER BY task, map, name", args, func(rows pgx.Rows) error {
			x := store.XComItem{Key: run.Key{ID: q.Run}}
			err := scanXCom(rows, &x, &x.Key.Task, &x.Key.Map)
			list = append(list, x)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// scanXCom scans name, time and value behind what of takes.
func scanXCom(rows pgx.Rows, x *store.XComItem, of ...any) error {
	var at []byte
	err := rows.Scan(append(of, &x.Name, &at, (*[]byte)(&x.Value))...)
	if err == nil {
		x.At, err = rowcodec.DecodeTime(fmt.Sprintf("xcom %q of %s", x.Name, x.Key), at)
	}
	return err
}

// DeleteXCom implements store.XComs.
func (s *Store) DeleteXCom(ctx context.Context, of run.Key, name string) error {
	return s.do(ctx, fmt.Sprintf("deleting xcom %q of %s", name, of), func(ctx context.Context) error {
		_, err := s.write(ctx, []any{nil}, "DELETE FROM xcom WHERE run = (SELECT id FROM run WHERE key = $2) AND key = $3 AND map = $4 AND name_key = $5 RETURNING 1",
			runKey(of.ID), keyOf(of.Task), of.Map, keyOf(name))
		return err
	})
}

// Setting implements store.Settings.
func (s *Store) Setting(ctx context.Context, k store.Kind, id string) (store.Setting, error) {
	list, err := s.settings(ctx, fmt.Sprintf("reading %s %q", k, id), k, " AND key = $2", settingKey(k, id))
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("reading %s %q: %w", k, id, store.ErrNotFound)
	}
	if err != nil {
		return store.Setting{}, err
	}
	return list[0], nil
}

// Settings implements store.Settings.
func (s *Store) Settings(ctx context.Context, k store.Kind) ([]store.Setting, error) {
	return s.settings(ctx, fmt.Sprintf("reading every %s", k), k, " ORDER BY id")
}

func (s *Store) settings(ctx context.Context, doing string, k store.Kind, more string, args ...any) ([]store.Setting, error) {
	var list []store.Setting
	err := s.do(ctx, doing, func(ctx context.Context) error {
		list = nil
		return s.query(ctx, "SELECT id, value, revision, at FROM setting WHERE kind = $1"+more, append([]any{string(k)}, args...), func(rows pgx.Rows) error {
			v, err := scanSetting(rows, k)
			list = append(list, v)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func scanSetting(rows pgx.Rows, k store.Kind) (v store.Setting, err error) {
	var at []byte
	if err := rows.Scan(&v.ID, &v.Value, &v.Revision, &at); err != nil {
		return v, err
	}
	v.At, err = rowcodec.DecodeTime(fmt.Sprintf("%s %q", k, v.ID), at)
	return v, err
}

const (
	createSetting = "INSERT INTO setting (value, at, kind, id, key, revision) VALUES ($2, $3, $4, $5, $6, 1) ON CONFLICT DO NOTHING RETURNING 1"
	upsertSetting = "INSERT INTO setting (value, at, kind, id, key, revision) VALUES ($2, $3, $4, $5, $6, 1) " +
		"ON CONFLICT (key) DO UPDATE SET revision = setting.revision + 1, at = excluded.at, value = excluded.value RETURNING 1"
	updateSetting = "UPDATE setting SET revision = revision + 1, value = $2, at = $3 WHERE key = $4 AND revision = $5 RETURNING 1"
)

// PutSetting implements store.Settings.
func (s *Store) PutSetting(ctx context.Context, k store.Kind, v store.Setting) error {
	doing := fmt.Sprintf("writing %s %q", k, v.ID)
	if err := store.CheckNames("kind", string(k), "id", v.ID); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if len(v.Value) > s.enc.MaxItem {
		return fmt.Errorf("%s: it has %d bytes, at most %d fit: %w", doing, len(v.Value), s.enc.MaxItem, store.ErrTooLarge)
	}
	value, at, of := append([]byte{}, v.Value...), rowcodec.AppendTime(nil, v.At), settingKey(k, v.ID)
	query, refused, args := upsertSetting, store.ErrConflict, []any{value, at, string(k), v.ID, of}
	switch {
	case v.Revision < 0:
		query, refused = createSetting, store.ErrExists
	case v.Revision > 0:
		query, args = updateSetting, []any{value, at, of, v.Revision}
	}
	return s.do(ctx, doing, func(ctx context.Context) error {
		ok, err := s.write(ctx, []any{nil}, query, args...)
		if err == nil && !ok {
			return refused
		}
		return err
	})
}

// DeleteSetting implements store.Settings.
func (s *Store) DeleteSetting(ctx context.Context, k store.Kind, id string) error {
	return s.do(ctx, fmt.Sprintf("deleting %s %q", k, id), func(ctx context.Context) error {
		ok, err := s.write(ctx, []any{nil}, "DELETE FROM setting WHERE key = $2 RETURNING 1", settingKey(k, id))
		if err == nil && !ok {
			return store.ErrNotFound
		}
		return err
	})
}

// AssetEvents implements store.Settings.
func (s *Store) AssetEvents(ctx context.Context, uri string, after, until time.Time, limit int) ([]run.AssetEvent, error) {
	query, last := "SELECT id, body FROM asset_event WHERE at > $1 AND at <= $2", int64(math.MaxInt64)
	if !until.IsZero() {
		last = store.Nanos(until)
	}
	if limit <= 0 {
		limit = 1000
	}
	args := []any{store.Nanos(after), last, limit}
	if uri != "" {
		query, args = query+" AND key = $4", append(args, keyOf(uri))
	}
	var list []run.AssetEvent
	err := s.do(ctx, "reading asset events", func(ctx context.Context) error {
		list = nil
		return s.query(ctx, query+" ORDER BY at, id LIMIT $3", args, func(rows pgx.Rows) error {
			e, err := scanEvent(rows)
			list = append(list, e)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func scanEvent(rows pgx.Rows) (run.AssetEvent, error) {
	var (
		id   int64
		body []byte
	)
	if err := rows.Scan(&id, &body); err != nil {
		return run.AssetEvent{}, err
	}
	return rowcodec.DecodeEvent(id, body)
}
