package sqlitestore

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// Export writes all there is as rowcodec.Exporter does, as it was at one moment.
func (s *Store) Export(ctx context.Context, to io.Writer) error {
	buf := bufio.NewWriter(to)
	out := rowcodec.NewExporter(buf)
	err := s.read(ctx, func(r *session) error {
		for _, part := range []func(context.Context, *session, *rowcodec.Exporter) error{
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

func exportDAGs(ctx context.Context, r *session, out *rowcodec.Exporter) error {
	return r.rows(ctx, selectDAG+"NULL FROM dag d JOIN dag_version v ON v.dag = d.id AND v.version = d.version ORDER BY d.id",
		nil, func(rows *sql.Rows) error {
			d, err := rowcodec.ScanDAG(rows.Scan)
			if err != nil {
				return err
			}
			return out.DAG(&d)
		})
}

func exportVersions(ctx context.Context, r *session, out *rowcodec.Exporter) error {
	return r.rows(ctx, "SELECT dag, version, at, body FROM dag_version ORDER BY dag, version", nil, func(rows *sql.Rows) error {
		var (
			v  store.Definition
			at []byte
		)
		err := rows.Scan(&v.ID, &v.Version, &at, &v.Body)
		if err != nil {
			return err
		}
		if v.At, err = rowcodec.DecodeTime("time of DAG "+v.ID, at); err != nil {
			return err
		}
		return out.Version(&v)
	})
}

func exportRuns(ctx context.Context, r *session, out *rowcodec.Exporter) error {
	return r.rows(ctx, "SELECT "+runColumns+" FROM run ORDER BY dag, run", nil, func(rows *sql.Rows) error {
		got, err := scanRun(rows.Scan)
		if err != nil {
			return err
		}
		return out.Run(got)
	})
}

func exportInstances(ctx context.Context, r *session, out *rowcodec.Exporter) error {
	for _, part := range [...]struct {
		query string
		write func(run.ID, run.Instance) error
	}{{allInstances, out.Instance}, {allHistory, out.History}} {
		var l instances
		err := r.rows(ctx, part.query, nil, func(rows *sql.Rows) error {
			i, err := l.scanKeyed(rows)
			if err != nil {
				return err
			}
			return part.write(l.id, i)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func exportXComs(ctx context.Context, r *session, out *rowcodec.Exporter) error {
	return r.rows(ctx, "SELECT r.dag, r.run, x.task, x.map, x.name, x.at, x.value FROM xcom x JOIN run r ON r.id = x.run "+
		"ORDER BY r.dag, r.run, x.task, x.map, x.name", nil, func(rows *sql.Rows) error {
		var (
			x  store.XComItem
			at []byte
		)
		err := rows.Scan(&x.Key.DAG, &x.Key.Run, &x.Key.Task, &x.Key.Map, &x.Name, &at, (*[]byte)(&x.Value))
		if err != nil {
			return err
		}
		if x.At, err = rowcodec.DecodeTime(fmt.Sprintf("xcom %q of %s", x.Name, x.Key), at); err != nil {
			return err
		}
		return out.XCom(&x)
	})
}

func exportEvents(ctx context.Context, r *session, out *rowcodec.Exporter) error {
	return r.rows(ctx, "SELECT id, body FROM asset_event ORDER BY id", nil, func(rows *sql.Rows) error {
		var (
			id   int64
			body sql.RawBytes
		)
		if err := rows.Scan(&id, &body); err != nil {
			return err
		}
		e, err := rowcodec.DecodeEvent(id, body)
		if err != nil {
			return err
		}
		return out.Event(e)
	})
}

func exportSettings(ctx context.Context, r *session, out *rowcodec.Exporter) error {
	return r.rows(ctx, "SELECT kind, id, value, revision, at FROM setting ORDER BY kind, id", nil, func(rows *sql.Rows) error {
		var (
			k  store.Kind
			v  store.Setting
			at []byte
		)
		err := rows.Scan(&k, &v.ID, &v.Value, &v.Revision, &at)
		if err != nil {
			return err
		}
		if v.At, err = rowcodec.DecodeTime(fmt.Sprintf("%s %q", k, v.ID), at); err != nil {
			return err
		}
		return out.Setting(k, v)
	})
}
