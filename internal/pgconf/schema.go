package pgconf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/jackc/pgx/v5"
)

// Part is a set of tables with versions of its own. Version n has two files in Files,
// 000n_name.up.sql and 000n_name.down.sql.
type Part struct {
	// Name is that of the part in the table of versions.
	Name string
	// Latest is the version that this program needs.
	Latest int
	Files  fs.FS
}

// Up brings a part up to date. Any number of processes may do so at once: one does it, the
// others wait and find it done. It costs one look if it is.
func (db *DB) Up(ctx context.Context, p Part) error {
	v, err := db.version(ctx, db.Pool, p)
	if err != nil || v == p.Latest {
		return err
	}
	_, err = db.Migrate(ctx, p, p.Latest)
	return err
}

// Migrate brings a part to a version, up or down, in one transaction, and returns the one
// that it had. At version 0 nothing is left of it. What has the tables open goes on with
// what it knows: nobody should.
func (db *DB) Migrate(ctx context.Context, p Part, to int) (from int, err error) {
	if to < 0 || to > p.Latest {
		return 0, fmt.Errorf("version %d of the schema is not known: the latest is %d", to, p.Latest)
	}
	err = db.Do(ctx, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
			from, err = db.migrate(ctx, tx, p, to)
			return err
		})
	})
	return from, err
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// version returns the version that is there, 0 if there is nothing.
func (db *DB) version(ctx context.Context, q querier, p Part) (v int, err error) {
	err = q.QueryRow(ctx, "SELECT version FROM updraft_schema WHERE part = $1", p.Name).Scan(&v)
	if errors.Is(err, pgx.ErrNoRows) || Code(err) == codeNoTable {
		return 0, nil
	}
	if err == nil && v > p.Latest {
		return 0, fmt.Errorf("schema %s has version %d of %s, this program knows %d at most: "+
			"use the newer updraft that wrote it, or restore the backup from before the upgrade", db.c.Schema, v, p.Name, p.Latest)
	}
	return v, err
}

func (db *DB) migrate(ctx context.Context, tx pgx.Tx, p Part, to int) (from int, err error) {
	// Of all parts: two that make the schema at once would meet.
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('updraft schema ' || $1, 0))", db.c.Schema); err != nil {
		return 0, err
	}
	var there bool
	name := pgx.Identifier{db.c.Schema}.Sanitize()
	if err := tx.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL", name).Scan(&there); err != nil {
		return 0, err
	}
	if !there { // not IF NOT EXISTS, which needs the right even where there is nothing to do
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+name); err != nil {
			return 0, fmt.Errorf("making schema %s: %w", db.c.Schema, err)
		}
	}
	err = tx.QueryRow(ctx, "SELECT to_regclass('updraft_schema') IS NOT NULL").Scan(&there)
	if err == nil && !there {
		_, err = tx.Exec(ctx, "CREATE TABLE updraft_schema (part text PRIMARY KEY, version int NOT NULL)")
	}
	if err != nil {
		return 0, err
	}
	if from, err = db.version(ctx, tx, p); err != nil {
		return from, err
	}
	for v := from; v < to; v++ {
		if err := step(ctx, tx, p, v+1, "up"); err != nil {
			return from, err
		}
	}
	for v := from; v > to; v-- {
		if err := step(ctx, tx, p, v, "down"); err != nil {
			return from, err
		}
	}
	_, err = tx.Exec(ctx, "INSERT INTO updraft_schema (part, version) VALUES ($1, $2) "+
		"ON CONFLICT (part) DO UPDATE SET version = excluded.version", p.Name, to)
	return from, err
}

func step(ctx context.Context, tx pgx.Tx, p Part, version int, direction string) error {
	names, err := fs.Glob(p.Files, fmt.Sprintf("*/%04d_*.%s.sql", version, direction))
	if err != nil || len(names) != 1 {
		return fmt.Errorf("version %d of the schema has %d files that lead %s: %w", version, len(names), direction, err)
	}
	text, err := fs.ReadFile(p.Files, names[0])
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, string(text), pgx.QueryExecModeSimpleProtocol); err != nil {
		if Code(err) == codeTableExists {
			return fmt.Errorf("%s: the schema has a table of another program: name another one (?schema=NAME): %w", path.Base(names[0]), err)
		}
		return fmt.Errorf("%s: %w", path.Base(names[0]), err)
	}
	return nil
}
