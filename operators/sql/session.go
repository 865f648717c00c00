package sql

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// MaxResult bounds what one statement may give, in bytes of its values: beyond it the
// attempt fails. What is larger belongs into a table or a file, not into XComs.
const MaxResult = 64 << 20

// fetch says which rows of a result are wanted.
type fetch uint8

const (
	fetchNone fetch = iota
	fetchFirst
	fetchAll
)

// result is what a statement gave.
type result struct {
	// described says that it has rows, perhaps none of them.
	described bool
	rows      []any // of task.Tuple
	// affected is the number of rows changed, -1 if that is not known.
	affected int64
	size     int
}

// add keeps a row if it is wanted.
func (r *result) add(row task.Tuple, want fetch) error {
	if want == fetchNone || want == fetchFirst && len(r.rows) > 0 {
		return nil
	}
	for _, v := range row {
		switch v := v.(type) {
		case string:
			r.size += len(v)
		case []byte:
			r.size += len(v)
		}
		r.size += 16
	}
	if r.size > MaxResult {
		return task.Fatal(fmt.Errorf("the result is larger than %d MiB: select less, keep it in a table, or set do_xcom_push: false", MaxResult>>20))
	}
	r.rows = append(r.rows, row)
	return nil
}

// session is one connection to a database. Statements are in a transaction, unless it
// was opened with autocommit; close without commit undoes it.
type session interface {
	run(ctx context.Context, statement string, parameters any, want fetch) (result, error)
	commit(ctx context.Context) error
	close(ctx context.Context)
}

// target is what a session is opened to.
type target struct {
	conn settings.Connection
	// database overrides the connection's, if not empty.
	database   string
	extra      map[string]any // of the connection, under hook_params
	autocommit bool
}

// open connects to the database of the attempt's connection.
func open(ctx context.Context, a *task.Attempt, connArg, defaultConn string, autocommit bool) (session, dialect, error) {
	t, err := newTarget(ctx, a, connArg, defaultConn)
	if err != nil {
		return nil, dialect{}, err
	}
	t.autocommit = autocommit
	var s session
	var d dialect
	switch t.conn.Type {
	case "sqlite":
		d = sqliteDialect()
		s, err = openSQLite(ctx, a, t)
	case "postgres":
		d = postgresDialect()
		s, err = openPostgres(ctx, a, t)
	case "mysql":
		d = mysqlDialect()
		s, err = openMySQL(ctx, a, t)
	default:
		err = task.Misconfigured(fmt.Errorf("connection %s is of type %q: SQL tasks know sqlite, postgres and mysql", t.conn.ID, t.conn.Type))
	}
	return s, d, err
}

func newTarget(ctx context.Context, a *task.Attempt, connArg, defaultConn string) (target, error) {
	var t target
	id, err := task.Get(a, connArg, defaultConn)
	if err != nil {
		return t, err
	}
	if id == "" {
		return t, task.Misconfigured(fmt.Errorf("argument %s is missing: name a connection", connArg))
	}
	if t.database, err = task.Get(a, "database", ""); err != nil {
		return t, err
	}
	params, err := task.Get(a, "hook_params", map[string]any(nil))
	if err != nil {
		return t, err
	}
	if t.conn, err = a.Settings.Connection(ctx, id); err != nil {
		return t, fmt.Errorf("%s: %w", connArg, err)
	}
	t.extra = t.conn.ExtraMap()
	maps.Copy(t.extra, params)
	for _, name := range []string{"database", "schema"} {
		if v, ok := t.extra[name].(string); ok && t.database == "" {
			t.database = v
		}
		delete(t.extra, name)
	}
	if t.database == "" {
		t.database = t.conn.Schema
	}
	return t, nil
}

// option takes a text out of the extra; numbers and booleans are fine as well.
func (t *target) option(name string) string {
	v, ok := t.extra[name]
	if !ok {
		return ""
	}
	delete(t.extra, name)
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool, int, int64, float64, json.Number:
		return fmt.Sprint(v)
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(raw)
	}
}
