package sqlitestore

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
)

// latest is the schema that this program needs. Each schema n has two files,
// migrations/000n_name.up.sql and .down.sql.
const latest = 2

// applicationID marks the file as ours, for us and for file(1).
const applicationID = 0x55706472 // "Updr"

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of the database file to a version, up or down, and returns
// the one it had. Version 0 is an empty database: everything is lost. Negative means
// the latest. Nobody may have the file open meanwhile.
func Migrate(ctx context.Context, cfg Config, version int) (from, to int, err error) {
	if err := cfg.validate(); err != nil {
		return 0, 0, err
	}
	if version < 0 {
		version = latest
	}
	if version > latest {
		return 0, 0, fmt.Errorf("schema %d is not known: the latest is %d", version, latest)
	}
	s, err := open(ctx, cfg.withDefaults())
	if err != nil {
		return 0, 0, fmt.Errorf("migrating: %w", remedy(cfg.Path, err))
	}
	from, err = migrate(ctx, s.c.w, version)
	if e := s.Close(); err == nil {
		err = e
	}
	if err != nil {
		return from, from, fmt.Errorf("migrating: %w", remedy(cfg.Path, err))
	}
	return from, version, nil
}

// migrate goes from the stored version to another in one transaction. Several
// processes may do so at once: the later ones find it done.
func migrate(ctx context.Context, w *session, to int) (from int, err error) {
	if from, err = schema(ctx, w); err != nil || from == to {
		return from, err
	}
	if _, err = w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return from, err
	}
	defer func() {
		if err != nil {
			_, _ = w.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	if from, err = schema(ctx, w); err != nil {
		return from, err
	}
	for v := from; v < to; v++ {
		if err = step(ctx, w, v+1, "up"); err != nil {
			return from, err
		}
	}
	for v := from; v > to; v-- {
		if err = step(ctx, w, v, "down"); err != nil {
			return from, err
		}
	}
	mark := fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", to, applicationID)
	if _, err = w.conn.ExecContext(ctx, mark); err != nil {
		return from, err
	}
	_, err = w.conn.ExecContext(ctx, "COMMIT")
	return from, err
}

// schema returns the version of the file, and an error if it is not ours to touch.
func schema(ctx context.Context, w *session) (version int, err error) {
	var app, tables int64
	q := "SELECT u.user_version, a.application_id, (SELECT count(*) FROM sqlite_schema) " +
		"FROM pragma_user_version u, pragma_application_id a"
	if err := w.conn.QueryRowContext(ctx, q).Scan(&version, &app, &tables); err != nil {
		return 0, err
	}
	switch {
	case app != applicationID && (tables > 0 || version != 0 || app != 0):
		return 0, fmt.Errorf("the file is a SQLite database of another program: name another file")
	case version > latest:
		return 0, fmt.Errorf("the database has schema %d, this program knows %d at most: "+
			"use the newer updraft that wrote it, or restore the backup from before the upgrade", version, latest)
	}
	return version, nil
}

func step(ctx context.Context, w *session, version int, direction string) error {
	names, err := fs.Glob(migrations, fmt.Sprintf("migrations/%04d_*.%s.sql", version, direction))
	if err != nil || len(names) != 1 {
		return fmt.Errorf("schema %d has %d %s migrations (%w)", version, len(names), direction, err)
	}
	text, err := migrations.ReadFile(names[0])
	if err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(ctx, string(text)); err != nil {
		return fmt.Errorf("%s: %w", path.Base(names[0]), err)
	}
	return nil
}
