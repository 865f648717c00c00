package pgstore

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/internal/pgconf"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// latest is the schema that this program needs. Each schema n has two files,
// migrations/000n_name.up.sql and .down.sql.
const latest = 1

//go:embed migrations/*.sql
var migrations embed.FS

func part() pgconf.Part { return pgconf.Part{Name: "store", Latest: latest, Files: migrations} }

// Config says where the database is. The zero value of every field but URL is a good choice.
type Config struct {
	// URL is postgres://USER@HOST:PORT/DATABASE; see pgconf.ParseURL.
	URL string
	// MaxItem is the size in bytes of the largest XCom, body or text of an instance:
	// 16 MiB if zero.
	MaxItem int
}

func (c Config) withDefaults() Config {
	if c.MaxItem == 0 {
		c.MaxItem = 16 << 20
	}
	return c
}

// Store is a store.Store in PostgreSQL.
type Store struct {
	db  *pgconf.DB
	enc rowcodec.Encoder
	// id names this store among those that write; see Changed.
	id     int64
	closed atomic.Bool
}

var _ store.Store = (*Store)(nil)

// Open connects, makes schema and tables if they are not there, and brings them up to date.
// Errors say what to do, and contain no password. The caller closes the store.
func Open(ctx context.Context, c Config) (*Store, error) {
	db, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if err := db.Up(ctx, part()); err != nil {
		db.Close()
		return nil, db.Explain("opening the store", err)
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return &Store{db: db, enc: rowcodec.Encoder{MaxItem: c.withDefaults().MaxItem}, id: int64(binary.BigEndian.Uint64(id[:]))}, nil
}

func open(ctx context.Context, c Config) (*pgconf.DB, error) {
	cfg, err := pgconf.ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	return pgconf.Open(ctx, cfg)
}

// Migrate brings the tables to a version, up or down, and returns the one that they had.
// Version 0 has no tables: everything is lost. Negative means the latest. Nobody may use
// the store meanwhile.
func Migrate(ctx context.Context, c Config, version int) (from, to int, err error) {
	db, err := open(ctx, c)
	if err != nil {
		return 0, 0, fmt.Errorf("migrating: %w", err)
	}
	defer db.Close()
	if version < 0 {
		version = latest
	}
	if from, err = db.Migrate(ctx, part(), version); err != nil {
		return from, from, db.Explain("migrating", err)
	}
	return from, version, nil
}

// Close waits for calls under way and closes the connections. Closing twice is no error.
func (s *Store) Close() error {
	if !s.closed.Swap(true) {
		s.db.Close()
	}
	return nil
}

// Changed returns a number that differs from the last one if another process has written in
// between, or another Store of this one.
func (s *Store) Changed(ctx context.Context) (v int64, err error) {
	err = s.do(ctx, "looking for changes", func(ctx context.Context) error {
		return s.db.Pool.QueryRow(ctx, "SELECT coalesce(sum(hashint8extended(n, slot) >> 10), 0)::bigint FROM writer WHERE store <> $1", s.id).Scan(&v)
	})
	return v, err
}

// do makes a call, see pgconf.DB.Do, and explains its error. A call may be made more than
// once: it sets its results anew each time.
func (s *Store) do(ctx context.Context, doing string, call func(context.Context) error) error {
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", doing, store.ErrClosed)
	}
	err := s.db.Do(ctx, call)
	switch {
	case err == nil:
		return nil
	case s.closed.Load():
		return fmt.Errorf("%s: %w", doing, store.ErrClosed)
	case isOurs(err):
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch pgconf.Code(err) {
	case pgconf.CodeEncoding:
		err = fmt.Errorf("a text is not UTF-8, or has a NUL: %w: %w", store.ErrInvalid, err)
	case pgconf.CodeLimit:
		err = fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	}
	return s.db.Explain(doing, err)
}

// isOurs says that the database has nothing to do with an error.
func isOurs(err error) bool {
	for _, ours := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrCorrupt} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return false
}

// write makes a statement that returns a row, which is scanned, if it has written, and marks
// that it has (see Changed): found is false if there was none. Both are one statement, and
// thus one round trip and one commit. Parameters begin with $2.
func (s *Store) write(ctx context.Context, dest []any, query string, args ...any) (found bool, err error) {
	return s.writeWith(ctx, "", dest, query, args...)
}

// writeWith is write of two statements, the first of which is written as NAME AS (...).
func (s *Store) writeWith(ctx context.Context, first string, dest []any, query string, args ...any) (found bool, err error) {
	if first != "" {
		first += ", "
	}
	query = "WITH " + first + "done AS (" + query + "), mark AS MATERIALIZED (SELECT wrote($1) FROM done LIMIT 1) " +
		"SELECT done.*, (SELECT count(*) FROM mark) FROM done"
	var marked int
	err = s.db.Pool.QueryRow(ctx, query, append([]any{s.id}, args...)...).Scan(append(dest, &marked)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// query calls f for each row, which must scan it.
func (s *Store) query(ctx context.Context, sql string, args []any, f func(pgx.Rows) error) error {
	return each(ctx, s.db.Pool, sql, args, f)
}

// querier is the pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func each(ctx context.Context, q querier, sql string, args []any, f func(pgx.Rows) error) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
