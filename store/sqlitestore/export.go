package sqlitestore

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Export writes all there is as JSON, one object per line, as it was at one moment.
// Each has a field "kind": dag, version, run, instance, history, xcom, asset_event, or
// setting. Values of settings come as they are stored, sealed ones sealed, in base64.
func (s *Store) Export(ctx context.Context, to io.Writer) error {
	buf := bufio.NewWriter(to)
	out := json.NewEncoder(buf)
	out.SetEscapeHTML(false)
	err := s.read(ctx, func(r *session) error {
		for _, part := range []func(context.Context, *session, *json.Encoder) error{
			exportDAGs, exportVersions, exportRuns, exportInstances, exportXComs, exportEvents, exportSettings,
		} {
			if err := part(ctx, r, out); err != nil {
				return err
			}
		}
		return buf.Flush()
	})
	return s.explain("exporting the database", err)
}

func exportDAGs(ctx context.Context, r *session, out *json.Encoder) error {
	return r.rows(ctx, selectDAG+"NULL FROM dag d JOIN dag_version v ON v.dag = d.id AND v.version = d.version ORDER BY d.id",
		nil, func(rows *sql.Rows) error {
			d, err := scanDAG(rows)
			if err != nil {
				return err
			}
			return out.Encode(struct {
				Kind     string               `json:"kind"`
				DAG      string               `json:"dag"`
				Version  string               `json:"version"`
				File     string               `json:"file"`
				Revision int64                `json:"revision"`
				Paused   bool                 `json:"paused"`
				Stale    bool                 `json:"stale"`
				Last     *store.Interval      `json:"last,omitempty"`
				Assets   map[string]time.Time `json:"assets,omitempty"`
			}{"dag", d.ID, d.Version, d.File, d.State.Revision, d.State.Paused, d.State.Stale, d.State.Last, d.State.Assets})
		})
}

func exportVersions(ctx context.Context, r *session, out *json.Encoder) error {
	return r.rows(ctx, "SELECT dag, version, at, body FROM dag_version ORDER BY dag, version", nil, func(rows *sql.Rows) error {
		v := struct {
			Kind    string    `json:"kind"`
			DAG     string    `json:"dag"`
			Version string    `json:"version"`
			At      time.Time `json:"at"`
			Body    any       `json:"body"`
		}{Kind: "version"}
		var at, body []byte
		err := rows.Scan(&v.DAG, &v.Version, &at, &body)
		if err != nil {
			return err
		}
		v.At, err = decodeTime("time of DAG "+v.DAG, at)
		if err != nil {
			return err
		}
		v.Body = jsonOrText(body)
		return out.Encode(v)
	})
}

// jsonOrText keeps what is JSON as it is; the store takes other bytes too.
func jsonOrText(b []byte) any {
	if json.Valid(b) {
		return json.RawMessage(b)
	}
	return string(b)
}

func exportRuns(ctx context.Context, r *session, out *json.Encoder) error {
	return r.rows(ctx, "SELECT "+runColumns+" FROM run ORDER BY dag, run", nil, func(rows *sql.Rows) error {
		got, err := scanRun(rows.Scan)
		if err != nil {
			return err
		}
		if len(got.Conf) > 0 && !json.Valid(got.Conf) {
			got.Conf, _ = json.Marshal(string(got.Conf))
		}
		return out.Encode(struct {
			Kind string `json:"kind"`
			run.Run
		}{"run", got})
	})
}

func exportInstances(ctx context.Context, r *session, out *json.Encoder) error {
	for _, part := range [...]struct{ kind, query string }{{"instance", allInstances}, {"history", allHistory}} {
		var l instances
		err := r.rows(ctx, part.query, nil, func(rows *sql.Rows) error {
			i, err := l.scanKeyed(rows)
			if err != nil {
				return err
			}
			if len(i.Trigger) > 0 && !json.Valid(i.Trigger) {
				i.Trigger, _ = json.Marshal(string(i.Trigger))
			}
			return out.Encode(struct {
				Kind string `json:"kind"`
				run.ID
				run.Instance
			}{part.kind, l.id, i})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func exportXComs(ctx context.Context, r *session, out *json.Encoder) error {
	return r.rows(ctx, "SELECT r.dag, r.run, x.task, x.map, x.name, x.at, x.value FROM xcom x JOIN run r ON r.id = x.run "+
		"ORDER BY r.dag, r.run, x.task, x.map, x.name", nil, func(rows *sql.Rows) error {
		v := struct {
			Kind string `json:"kind"`
			run.Key
			Name  string    `json:"key"`
			At    time.Time `json:"timestamp"`
			Value any       `json:"value"`
		}{Kind: "xcom"}
		var at, value []byte
		err := rows.Scan(&v.DAG, &v.Run, &v.Task, &v.Map, &v.Name, &at, &value)
		if err != nil {
			return err
		}
		v.At, err = decodeTime(fmt.Sprintf("xcom %q of %s", v.Name, v.Key), at)
		if err != nil {
			return err
		}
		v.Value = jsonOrText(value)
		return out.Encode(v)
	})
}

func exportEvents(ctx context.Context, r *session, out *json.Encoder) error {
	return r.rows(ctx, "SELECT id, body FROM asset_event ORDER BY id", nil, func(rows *sql.Rows) error {
		e := struct {
			Kind string `json:"kind"`
			run.AssetEvent
		}{Kind: "asset_event"}
		var (
			id   int64
			body sql.RawBytes
		)
		if err := rows.Scan(&id, &body); err != nil {
			return err
		}
		if err := json.Unmarshal(body, &e.AssetEvent); err != nil {
			return damaged(fmt.Sprintf("asset event %d", id), err)
		}
		e.ID = id
		return out.Encode(e)
	})
}

func exportSettings(ctx context.Context, r *session, out *json.Encoder) error {
	return r.rows(ctx, "SELECT kind, id, value, revision, at FROM setting ORDER BY kind, id", nil, func(rows *sql.Rows) error {
		v := struct {
			Kind     string    `json:"kind"`
			Of       string    `json:"setting"`
			ID       string    `json:"id"`
			Revision int64     `json:"revision"`
			At       time.Time `json:"at"`
			Value    []byte    `json:"value"`
		}{Kind: "setting"}
		var at []byte
		err := rows.Scan(&v.Of, &v.ID, &v.Value, &v.Revision, &at)
		if err != nil {
			return err
		}
		v.At, err = decodeTime(fmt.Sprintf("%s %q", v.Of, v.ID), at)
		if err != nil {
			return err
		}
		return out.Encode(v)
	})
}
