package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// PutDAG implements store.Definitions.
func (s *Store) PutDAG(ctx context.Context, d store.Definition) error {
	doing := "storing DAG " + d.ID
	if err := store.CheckNames("dag id", d.ID, "dag version", d.Version); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if len(d.Body) > s.enc.MaxItem {
		return fmt.Errorf("%s: it has %d bytes, at most %d fit: %w", doing, len(d.Body), s.enc.MaxItem, store.ErrTooLarge)
	}
	state, err := store.EncodeState(d.State)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	body := append([]byte{}, d.Body...)
	return s.do(ctx, doing, func(ctx context.Context) error {
		_, err := s.writeWith(ctx, "v AS (INSERT INTO dag_version (dag, key, version, at, body) VALUES ($2, $3, $4, $5, $6) ON CONFLICT DO NOTHING)", []any{nil},
			"INSERT INTO dag (key, id, version, version_key, file, stale, revision, state) VALUES ($2, $7, $4, $3, $8, $9, 1, $10) "+
				"ON CONFLICT (key) DO UPDATE SET version = excluded.version, version_key = excluded.version_key, file = excluded.file "+
				"WHERE dag.version <> excluded.version OR dag.file <> excluded.file RETURNING 1",
			keyOf(d.ID), keyOf(d.Version), d.Version, rowcodec.AppendTime(nil, d.At), body, d.ID, d.File, d.State.Stale, state)
		return err
	})
}

const (
	dagFields = "d.id, d.version, d.file, d.stale, d.revision, d.state, v.at, "
	fromDAG   = " FROM dag d JOIN dag_version v ON v.dag = d.key AND v.key = d.version_key"
)

// DAG implements store.Definitions.
func (s *Store) DAG(ctx context.Context, id string) (store.Definition, error) {
	var d store.Definition
	err := s.do(ctx, "reading DAG "+id, func(ctx context.Context) error {
		there := false
		err := s.query(ctx, "SELECT "+dagFields+"v.body"+fromDAG+" WHERE d.key = $1", []any{keyOf(id)}, func(rows pgx.Rows) (err error) {
			there = true
			d, err = rowcodec.ScanDAG(rows.Scan)
			return err
		})
		if err == nil && !there {
			return store.ErrNotFound
		}
		return err
	})
	if err != nil {
		return store.Definition{}, err
	}
	return d, nil
}

// Version implements store.Definitions.
func (s *Store) Version(ctx context.Context, id, version string) ([]byte, error) {
	var body []byte
	err := s.do(ctx, fmt.Sprintf("reading version %s of DAG %s", version, id), func(ctx context.Context) error {
		return found(s.db.Pool.QueryRow(ctx, "SELECT body FROM dag_version WHERE dag = $1 AND key = $2", keyOf(id), keyOf(version)).Scan(&body))
	})
	return body, err
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
	query := "SELECT " + dagFields + "v.body"
	if f.Bare {
		query = "SELECT " + dagFields + "NULL::bytea"
	}
	query += fromDAG + " WHERE d.id > $1"
	if !f.IncludeStale {
		query += " AND NOT d.stale"
	}
	limit := p.Size()
	err := s.do(ctx, "listing DAGs", func(ctx context.Context) error {
		list = store.DAGList{}
		return s.query(ctx, query+" ORDER BY d.id LIMIT $2", []any{after, limit + 1}, func(rows pgx.Rows) error {
			d, err := rowcodec.ScanDAG(rows.Scan)
			list.Items = append(list.Items, d)
			return err
		})
	})
	if err != nil {
		return store.DAGList{}, err
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
	err = s.do(ctx, doing, func(ctx context.Context) error {
		ok, err := s.write(ctx, []any{nil}, "UPDATE dag SET stale = $2, state = $3, revision = revision + 1 WHERE key = $4 AND revision = $5 RETURNING 1",
			st.Stale, state, keyOf(id), st.Revision)
		if err != nil || ok {
			return err
		}
		var revision int64
		if err := found(s.db.Pool.QueryRow(ctx, "SELECT revision FROM dag WHERE key = $1", keyOf(id)).Scan(&revision)); err != nil {
			return err
		}
		return fmt.Errorf("it has revision %d, not %d: %w", revision, st.Revision, store.ErrConflict)
	})
	if err != nil {
		return store.DAGState{}, err
	}
	st.Revision++
	return st, nil
}

// DeleteDAG implements store.Definitions.
func (s *Store) DeleteDAG(ctx context.Context, id string) error {
	return s.do(ctx, "deleting DAG "+id, func(ctx context.Context) error {
		var there bool
		err := s.db.Pool.QueryRow(ctx, "SELECT delete_dag($1, $2)", s.id, keyOf(id)).Scan(&there)
		if err == nil && !there {
			return store.ErrNotFound
		}
		return err
	})
}
