package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// PutDAG implements store.Definitions.
func (s *Store) PutDAG(ctx context.Context, d store.Definition) error {
	doing := "storing DAG " + d.ID
	if err := store.CheckNames("dag id", d.ID, "dag version", d.Version); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if len(d.Body) > s.maxItem {
		return fmt.Errorf("%s: it has %d bytes, at most %d fit: %w", doing, len(d.Body), s.maxItem, store.ErrTooLarge)
	}
	state, err := store.EncodeState(d.State)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	body := append([]byte{}, d.Body...)
	err = s.c.write(ctx, func(ctx context.Context, w *session) error {
		_, err := w.exec(ctx, "INSERT INTO dag_version (dag, version, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			d.ID, d.Version, rowcodec.AppendTime(nil, d.At), body)
		if err != nil {
			return err
		}
		_, err = w.exec(ctx, "INSERT INTO dag (id, version, file, stale, revision, state) VALUES (?, ?, ?, ?, 1, ?) "+
			"ON CONFLICT DO UPDATE SET version = excluded.version, file = excluded.file "+
			"WHERE version <> excluded.version OR file <> excluded.file", d.ID, d.Version, d.File, d.State.Stale, state)
		return err
	})
	return s.explain(doing, err)
}

const selectDAG = "SELECT d.id, d.version, d.file, d.stale, d.revision, d.state, v.at, "

// DAG implements store.Definitions.
func (s *Store) DAG(ctx context.Context, id string) (store.Definition, error) {
	var d store.Definition
	found := false
	err := s.read(ctx, func(r *session) error {
		return r.rows(ctx, selectDAG+"v.body FROM dag d JOIN dag_version v ON v.dag = d.id AND v.version = d.version "+
			"WHERE d.id = ?", []any{id}, func(rows *sql.Rows) (err error) {
			found = true
			d, err = rowcodec.ScanDAG(rows.Scan)
			return err
		})
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Definition{}, s.explain("reading DAG "+id, err)
	}
	return d, nil
}

// Version implements store.Definitions.
func (s *Store) Version(ctx context.Context, id, version string) ([]byte, error) {
	var body []byte
	err := s.read(ctx, func(r *session) error {
		found, err := r.row(ctx, "SELECT body FROM dag_version WHERE dag = ? AND version = ?", []any{id, version}, &body)
		if err == nil && !found {
			return store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return nil, s.explain(fmt.Sprintf("reading version %s of DAG %s", version, id), err)
	}
	return body, nil
}

// ListDAGs implements store.Definitions.
func (s *Store) ListDAGs(ctx context.Context, f store.DAGFilter, p store.Page) (store.DAGList, error) {
	var list store.DAGList
	name, after := fmt.Sprintf("dags %v", f), ""
	if p.Token != "" {
		parts, err := store.DecodeToken(name, p.Token, 1)
		if err != nil {
			return list, fmt.Errorf("listing DAGs: %w", err)
		}
		after = parts[0]
	}
	query := selectDAG + "v.body"
	if f.Bare {
		query = selectDAG + "NULL"
	}
	query += " FROM dag d JOIN dag_version v ON v.dag = d.id AND v.version = d.version WHERE d.id > ?"
	if !f.IncludeStale {
		query += " AND NOT d.stale"
	}
	limit := p.Size()
	err := s.read(ctx, func(r *session) error {
		return r.rows(ctx, query+" ORDER BY d.id LIMIT ?", []any{after, limit + 1}, func(rows *sql.Rows) error {
			d, err := rowcodec.ScanDAG(rows.Scan)
			list.Items = append(list.Items, d)
			return err
		})
	})
	if err != nil {
		return store.DAGList{}, s.explain("listing DAGs", err)
	}
	if len(list.Items) > limit {
		list.Items = list.Items[:limit]
		list.Next = store.EncodeToken(name, list.Items[limit-1].ID)
	}
	return list, nil
}

// SetDAG implements store.Definitions.
func (s *Store) SetDAG(ctx context.Context, id string, st store.DAGState) (store.DAGState, error) {
	doing := "changing the state of DAG " + id
	state, err := store.EncodeState(st)
	if err != nil {
		return store.DAGState{}, fmt.Errorf("%s: %w", doing, err)
	}
	var refused error
	err = s.c.write(ctx, func(ctx context.Context, w *session) error {
		refused = nil
		k, err := w.exec(ctx, "UPDATE dag SET stale = ?, state = ?, revision = revision + 1 WHERE id = ? AND revision = ?",
			st.Stale, state, id, st.Revision)
		if err != nil || k == 1 {
			return err
		}
		var revision int64
		found, err := w.row(ctx, "SELECT revision FROM dag WHERE id = ?", []any{id}, &revision)
		refused = store.ErrNotFound
		if found {
			refused = fmt.Errorf("it has revision %d, not %d: %w", revision, st.Revision, store.ErrConflict)
		}
		return err
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return store.DAGState{}, s.explain(doing, err)
	}
	st.Revision++
	return st, nil
}

// DeleteDAG implements store.Definitions.
func (s *Store) DeleteDAG(ctx context.Context, id string) error {
	var found bool
	err := s.c.write(ctx, func(ctx context.Context, w *session) error {
		k, err := w.exec(ctx, "DELETE FROM dag WHERE id = ?", id)
		if found = k > 0; err != nil || !found {
			return err
		}
		for _, q := range [...]string{
			"DELETE FROM ti WHERE run IN (SELECT id FROM run WHERE dag = ?)",
			"DELETE FROM history WHERE run IN (SELECT id FROM run WHERE dag = ?)",
			"DELETE FROM xcom WHERE run IN (SELECT id FROM run WHERE dag = ?)",
			"DELETE FROM run WHERE dag = ?",
			"DELETE FROM dag_version WHERE dag = ?",
		} {
			if _, err := w.exec(ctx, q, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	return s.explain("deleting DAG "+id, err)
}
