package pgstore

import (
	"bufio"
	"context"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// Export writes all there is as rowcodec.Exporter does, as it was at one moment.
func (s *Store) Export(ctx context.Context, to io.Writer) error {
	buf := bufio.NewWriter(to)
	out := rowcodec.NewExporter(buf)
	return s.long(ctx, "exporting the database", func(ctx context.Context, tx pgx.Tx) error {
		for _, part := range []func(context.Context, pgx.Tx, *rowcodec.Exporter) error{
			exportDAGs, exportVersions, exportRuns, exportInstances, exportXComs, exportEvents, exportSettings,
		} {
			if err := part(ctx, tx, out); err != nil {
				return err
			}
		}
		return buf.Flush()
	})
}

func exportDAGs(ctx context.Context, tx pgx.Tx, out *rowcodec.Exporter) error {
	return each(ctx, tx, "SELECT "+dagFields+"NULL::bytea"+fromDAG+" ORDER BY d.id", nil, func(rows pgx.Rows) error {
		d, err := rowcodec.ScanDAG(rows.Scan)
		if err != nil {
			return err
		}
		return out.DAG(&d)
	})
}

func exportVersions(ctx context.Context, tx pgx.Tx, out *rowcodec.Exporter) error {
	return each(ctx, tx, "SELECT d.id, v.version, v.at, v.body FROM dag_version v JOIN dag d ON d.key = v.dag ORDER BY d.id, v.version", nil, func(rows pgx.Rows) error {
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

func exportRuns(ctx context.Context, tx pgx.Tx, out *rowcodec.Exporter) error {
	return each(ctx, tx, "SELECT "+runFields+" FROM run ORDER BY dag, run", nil, func(rows pgx.Rows) error {
		got, err := scanRun(rows)
		if err != nil {
			return err
		}
		return out.Run(got)
	})
}

func exportInstances(ctx context.Context, tx pgx.Tx, out *rowcodec.Exporter) error {
	for _, part := range [...]struct {
		query string
		write func(run.ID, run.Instance) error
	}{{allInstances, out.Instance}, {allHistory, out.History}} {
		var l instances
		err := each(ctx, tx, part.query, nil, func(rows pgx.Rows) error {
			i, err := l.scan(rows, &l.id.DAG, &l.id.Run)
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

func exportXComs(ctx context.Context, tx pgx.Tx, out *rowcodec.Exporter) error {
	return each(ctx, tx, "SELECT r.dag, r.run, x.task, x.map, x.name, x.at, x.value FROM xcom x JOIN run r ON r.id = x.run "+
		"ORDER BY r.dag, r.run, x.task, x.map, x.name", nil, func(rows pgx.Rows) error {
		var x store.XComItem
		if err := scanXCom(rows, &x, &x.Key.DAG, &x.Key.Run, &x.Key.Task, &x.Key.Map); err != nil {
			return err
		}
		return out.XCom(&x)
	})
}

func exportEvents(ctx context.Context, tx pgx.Tx, out *rowcodec.Exporter) error {
	return each(ctx, tx, "SELECT id, body FROM asset_event ORDER BY id", nil, func(rows pgx.Rows) error {
		e, err := scanEvent(rows)
		if err != nil {
			return err
		}
		return out.Event(e)
	})
}

func exportSettings(ctx context.Context, tx pgx.Tx, out *rowcodec.Exporter) error {
	return each(ctx, tx, "SELECT kind, id, value, revision, at FROM setting ORDER BY kind, id", nil, func(rows pgx.Rows) error {
		var (
			k  store.Kind
			v  store.Setting
			at []byte
		)
		err := rows.Scan(&k, &v.ID, &v.Value, &v.Revision, &at)
		if err != nil {
			return err
		}
		if v.At, err = rowcodec.DecodeTime(string(k)+" "+v.ID, at); err != nil {
			return err
		}
		return out.Setting(k, v)
	})
}
