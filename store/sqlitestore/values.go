package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// PutXCom implements store.XComs.
func (s *Store) PutXCom(ctx context.Context, key run.Key, token string, x run.XCom) error {
	doing := fmt.Sprintf("writing xcom %q of %s", x.Name, key)
	if err := store.CheckNames("dag id", key.DAG, "run id", key.Run, "task id", key.Task, "xcom key", x.Name); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	row, err := rowcodec.Encoder{MaxItem: s.maxItem}.XCom(key, &x)
	if err != nil {
		return err
	}
	var k int64
	err = s.c.write(ctx, func(ctx context.Context, w *session) (err error) {
		k, err = w.exec(ctx, "INSERT INTO xcom (run, task, map, name, at, value) "+
			"SELECT run, task, map, ?, ?, ? FROM ti WHERE run = (SELECT id FROM run WHERE dag = ? AND run = ?) "+
			"AND task = ? AND map = ? AND token = ? "+
			"ON CONFLICT DO UPDATE SET at = excluded.at, value = excluded.value",
			row.Name, row.At, row.Value, key.DAG, key.Run, key.Task, key.Map, token)
		return err
	})
	if err == nil && k == 0 {
		err = fmt.Errorf("the attempt is not the current one: %w", store.ErrConflict)
	}
	return s.explain(doing, err)
}

// XComs implements store.XComs.
func (s *Store) XComs(ctx context.Context, q store.XComQuery) ([]store.XComItem, error) {
	query := "SELECT task, map, name, at, value FROM xcom WHERE run = (SELECT id FROM run WHERE dag = ? AND run = ?)"
	args := []any{q.Run.DAG, q.Run.Run}
	if len(q.Tasks) > 0 {
		query, args = query+" AND task IN (SELECT value FROM json_each(?))", append(args, jsonList(q.Tasks))
	}
	if q.Maps != nil {
		query, args = query+" AND map IN (SELECT value FROM json_each(?))", append(args, jsonList(q.Maps))
	}
	if q.Name != "" {
		query, args = query+" AND name = ?", append(args, q.Name)
	}
	var list []store.XComItem
	err := s.read(ctx, func(r *session) error {
		return r.rows(ctx, query+" ORDER BY task, map, name", args, func(rows *sql.Rows) error {
			var at []byte
			x := store.XComItem{Key: run.Key{ID: q.Run}}
			err := rows.Scan(&x.Key.Task, &x.Key.Map, &x.Name, &at, (*[]byte)(&x.Value))
			if err != nil {
				return err
			}
			x.At, err = rowcodec.DecodeTime(fmt.Sprintf("xcom %q of %s", x.Name, x.Key), at)
			list = append(list, x)
			return err
		})
	})
	if err != nil {
		return nil, s.explain("reading xcoms of run "+q.Run.String(), err)
	}
	return list, nil
}

// DeleteXCom implements store.XComs.
func (s *Store) DeleteXCom(ctx context.Context, key run.Key, name string) error {
	err := s.c.write(ctx, func(ctx context.Context, w *session) error {
		_, err := w.exec(ctx, "DELETE FROM xcom WHERE run = (SELECT id FROM run WHERE dag = ? AND run = ?) "+
			"AND task = ? AND map = ? AND name = ?", key.DAG, key.Run, key.Task, key.Map, name)
		return err
	})
	return s.explain(fmt.Sprintf("deleting xcom %q of %s", name, key), err)
}

// Setting implements store.Settings.
func (s *Store) Setting(ctx context.Context, k store.Kind, id string) (store.Setting, error) {
	list, err := s.settings(ctx, k, " AND id = ?", id)
	if err == nil && len(list) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Setting{}, s.explain(fmt.Sprintf("reading %s %q", k, id), err)
	}
	return list[0], nil
}

// Settings implements store.Settings.
func (s *Store) Settings(ctx context.Context, k store.Kind) ([]store.Setting, error) {
	list, err := s.settings(ctx, k, " ORDER BY id")
	if err != nil {
		return nil, s.explain(fmt.Sprintf("reading every %s", k), err)
	}
	return list, nil
}

func (s *Store) settings(ctx context.Context, k store.Kind, more string, args ...any) ([]store.Setting, error) {
	var list []store.Setting
	err := s.read(ctx, func(r *session) error {
		return r.rows(ctx, "SELECT id, value, revision, at FROM setting WHERE kind = ?"+more,
			append([]any{string(k)}, args...), func(rows *sql.Rows) error {
				var (
					v  store.Setting
					at []byte
				)
				err := rows.Scan(&v.ID, &v.Value, &v.Revision, &at)
				if err != nil {
					return err
				}
				v.At, err = rowcodec.DecodeTime(fmt.Sprintf("%s %q", k, v.ID), at)
				list = append(list, v)
				return err
			})
	})
	return list, err
}

const (
	createSetting = "INSERT INTO setting (value, at, kind, id, revision) VALUES (?, ?, ?, ?, 1) ON CONFLICT DO NOTHING"
	upsertSetting = "INSERT INTO setting (value, at, kind, id, revision) VALUES (?, ?, ?, ?, 1) " +
		"ON CONFLICT DO UPDATE SET revision = revision + 1, at = excluded.at, value = excluded.value"
	updateSetting = "UPDATE setting SET revision = revision + 1, value = ?, at = ? WHERE kind = ? AND id = ? AND revision = ?"
)

// PutSetting implements store.Settings.
func (s *Store) PutSetting(ctx context.Context, k store.Kind, v store.Setting) error {
	doing := fmt.Sprintf("writing %s %q", k, v.ID)
	if err := store.CheckNames("kind", string(k), "id", v.ID); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if len(v.Value) > s.maxItem {
		return fmt.Errorf("%s: it has %d bytes, at most %d fit: %w", doing, len(v.Value), s.maxItem, store.ErrTooLarge)
	}
	args := []any{append([]byte{}, v.Value...), rowcodec.AppendTime(nil, v.At), string(k), v.ID}
	query, refused := updateSetting, store.ErrConflict
	switch {
	case v.Revision == 0:
		query = upsertSetting
	case v.Revision < 0:
		query, refused = createSetting, store.ErrExists
	default:
		args = append(args, v.Revision)
	}
	var n int64
	err := s.c.write(ctx, func(ctx context.Context, w *session) (err error) {
		n, err = w.exec(ctx, query, args...)
		return err
	})
	if err == nil && n == 0 {
		err = refused
	}
	return s.explain(doing, err)
}

// DeleteSetting implements store.Settings.
func (s *Store) DeleteSetting(ctx context.Context, k store.Kind, id string) error {
	var n int64
	err := s.c.write(ctx, func(ctx context.Context, w *session) (err error) {
		n, err = w.exec(ctx, "DELETE FROM setting WHERE kind = ? AND id = ?", string(k), id)
		return err
	})
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return s.explain(fmt.Sprintf("deleting %s %q", k, id), err)
}

// AssetEvents implements store.Settings.
func (s *Store) AssetEvents(
	ctx context.Context, uri string, after, until time.Time, limit int,
) ([]run.AssetEvent, error) {
	query, last := "SELECT id, body FROM asset_event WHERE at > ? AND at <= ?", int64(math.MaxInt64)
	if !until.IsZero() {
		last = store.Nanos(until)
	}
	args := []any{store.Nanos(after), last}
	if uri != "" {
		query, args = query+" AND asset = ?", append(args, uri)
	}
	if limit <= 0 {
		limit = 1000
	}
	var list []run.AssetEvent
	err := s.read(ctx, func(r *session) error {
		return r.rows(ctx, query+" ORDER BY at, id LIMIT ?", append(args, limit), func(rows *sql.Rows) error {
			var (
				id   int64
				body sql.RawBytes
			)
			if err := rows.Scan(&id, &body); err != nil {
				return err
			}
			e, err := rowcodec.DecodeEvent(id, body)
			list = append(list, e)
			return err
		})
	})
	if err != nil {
		return nil, s.explain("reading asset events", err)
	}
	return list, nil
}
