package sql

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/updraft-dev/updraft/task"
)

// sqliteOptions are the parameters of SQLite's URIs that a connection's extra may have.
var sqliteOptions = []string{"mode", "cache", "immutable", "nolock", "psow", "vfs", "modeof"}

// sqliteSession is a connection to an SQLite file. Like Python's module it begins a
// transaction before the first statement that changes rows, and not before others.
type sqliteSession struct {
	a          *task.Attempt
	db         *stdsql.DB
	conn       *stdsql.Conn
	autocommit bool
	begun      bool
}

// sqliteURI is the address of a connection's file; no file is a database in memory.
// Relative paths start at the DAG's folder.
func sqliteURI(a *task.Attempt, t *target) (uri string, unknown []string) {
	path := t.conn.Host
	if s := t.conn.Schema; path == "" {
		path = s
	} else if s != "" {
		path += "/" + s
	}
	if path == "" || path == ":memory:" {
		return ":memory:", nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(a.Dir, path)
	}
	q := url.Values{"_busy_timeout": {"5000"}} // as Python's module waits
	for name := range t.extra {
		if !slices.Contains(sqliteOptions, name) {
			unknown = append(unknown, name)
			continue
		}
		q.Set(name, t.option(name))
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	slices.Sort(unknown)
	return u.String(), unknown
}

func openSQLite(ctx context.Context, a *task.Attempt, t target) (session, error) {
	uri, unknown := sqliteURI(a, &t)
	if len(unknown) > 0 {
		a.Log.WarnContext(ctx, fmt.Sprintf("connection %s: extra has %s, which SQLite does not know", t.conn.ID, strings.Join(unknown, ", ")))
	}
	db, err := stdsql.Open("sqlite", uri)
	if err != nil {
		return nil, fmt.Errorf("connection %s: %w", t.conn.ID, err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("connection %s: opening %s: %w", t.conn.ID, uri, err)
	}
	return &sqliteSession{a: a, db: db, conn: conn, autocommit: t.autocommit}, nil
}

func (s *sqliteSession) run(ctx context.Context, statement string, params any, want fetch) (result, error) {
	d := sqliteDialect()
	if n := len(d.split(statement)); n > 1 {
		return result{}, task.Misconfigured(fmt.Errorf("sql has %d statements, and SQLite executes one at a time: set split_statements: true, or write a list", n))
	}
	args, err := sqliteArgs(d, statement, params)
	if err != nil {
		return result{}, err
	}
	word := d.firstWord(statement)
	switch word {
	case "INSERT", "UPDATE", "DELETE", "REPLACE":
		if err := s.begin(ctx); err != nil {
			return result{}, err
		}
	case "SELECT", "WITH", "VALUES":
		statement = s.withoutDates(ctx, statement, args)
	}
	before, err := s.changes(ctx)
	if err != nil {
		return result{}, err
	}
	rows, err := s.conn.QueryContext(ctx, statement, args...)
	if err != nil {
		return result{}, err
	}
	r, err := readRows(rows, want, func(v any, _ string) any { return v })
	if err != nil {
		return result{}, err
	}
	r.affected = -1
	if !r.described || word == "INSERT" || word == "UPDATE" || word == "DELETE" || word == "REPLACE" {
		after, err := s.changes(ctx)
		if err != nil {
			return result{}, err
		}
		r.affected = after - before
	}
	return r, nil
}

func (s *sqliteSession) changes(ctx context.Context) (n int64, err error) {
	return n, s.conn.QueryRowContext(ctx, "SELECT total_changes()").Scan(&n)
}

func (s *sqliteSession) begin(ctx context.Context) error {
	if s.autocommit || s.begun {
		return nil
	}
	s.begun = true
	_, err := s.conn.ExecContext(ctx, "BEGIN")
	if err != nil && strings.Contains(err.Error(), "within a transaction") {
		return nil // the task has begun one itself
	}
	return err
}

// commit commits what is open; a task may have committed itself.
func (s *sqliteSession) commit(ctx context.Context) error {
	if s.autocommit {
		return nil
	}
	_, err := s.conn.ExecContext(ctx, "COMMIT")
	if err != nil && strings.Contains(err.Error(), "no transaction is active") {
		return nil
	}
	return err
}

func (s *sqliteSession) close(context.Context) {
	// Both only give back what is gone with the process anyway.
	_ = s.conn.Close()
	_ = s.db.Close()
}

// withoutDates makes plain values of columns declared as dates, which the driver would
// parse and so change: Python gives what is stored. An operator before a column takes
// its declaration away, and does nothing else.
func (s *sqliteSession) withoutDates(ctx context.Context, statement string, args []any) string {
	inner := "(" + strings.TrimRight(strings.TrimRight(statement, blanks), ";") + "\n)"
	rows, err := s.conn.QueryContext(ctx, "SELECT * FROM "+inner+" LIMIT 0", args...)
	if err != nil {
		return statement // WITH ... INSERT, or wrong: executing it will say so
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return statement
	}
	names, columns := make([]string, len(types)), make([]string, len(types))
	found := false
	for i, t := range types {
		names[i] = fmt.Sprintf("c%d", i)
		columns[i] = names[i]
		switch t.DatabaseTypeName() {
		case "DATE", "DATETIME", "TIMESTAMP":
			columns[i], found = "+"+names[i], true
		}
	}
	if !found {
		return statement
	}
	return "WITH q(" + strings.Join(names, ", ") + ") AS " + inner + " SELECT " + strings.Join(columns, ", ") + " FROM q"
}

// sqliteArgs are the driver's arguments.
func sqliteArgs(d dialect, statement string, params any) ([]any, error) {
	switch p := params.(type) {
	case []any:
		if n, ok := d.questionMarks(statement); ok && n != len(p) {
			return nil, task.Misconfigured(fmt.Errorf("the statement has %d ? for %d parameters", n, len(p)))
		}
		out := make([]any, len(p))
		for i, v := range p {
			var err error
			if out[i], err = sqliteValue(v); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		var out []any
		for name, v := range p {
			value, err := sqliteValue(v)
			if err != nil {
				return nil, err
			}
			out = append(out, stdsql.Named(name, value))
		}
		return out, nil
	}
	return nil, nil
}

func sqliteValue(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, int64, float64, []byte:
		return v, nil
	case int:
		return int64(v), nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case time.Time: // as Python's module writes a datetime
		if v.Nanosecond()/1000 != 0 {
			return v.Format("2006-01-02 15:04:05.000000-07:00"), nil
		}
		return v.Format("2006-01-02 15:04:05-07:00"), nil
	}
	if s, ok := timeText(v); ok {
		return s, nil
	}
	return nil, task.Misconfigured(fmt.Errorf("argument parameters: %s cannot be a parameter of SQLite", show(v)))
}

// readRows reads the current result of rows and closes them.
func readRows(rows *stdsql.Rows, want fetch, convert func(v any, kind string) any) (result, error) {
	defer rows.Close()
	r, err := readResult(rows, want, convert)
	return r, errors.Join(err, rows.Close())
}

// readResult reads one result of rows.
func readResult(rows *stdsql.Rows, want fetch, convert func(v any, kind string) any) (result, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return result{}, err
	}
	r := result{described: len(types) > 0, affected: -1}
	for rows.Next() {
		if want == fetchNone || want == fetchFirst && len(r.rows) > 0 {
			continue // its end has to be reached all the same: it may still fail
		}
		row, to := make(task.Tuple, len(types)), make([]any, len(types))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			return r, err
		}
		for i := range row {
			row[i] = convert(row[i], types[i].DatabaseTypeName())
		}
		if err := r.add(row, want); err != nil {
			return r, err
		}
	}
	return r, rows.Err()
}
