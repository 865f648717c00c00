//go:build postgres

// These tests need a server: go test -tags postgres ./operators/sql, with
// UPDRAFT_TEST_POSTGRES=postgres://user:password@host:port/database.

package sql_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/sql"
	"github.com/updraft-dev/updraft/task"
)

func postgres(t *testing.T) *operatortest.Harness { return server(t, "UPDRAFT_TEST_POSTGRES") }

func TestPostgresServer(t *testing.T) {
	type m = map[string]any
	decimal := func(v any) any { return m{"__classname__": "decimal.Decimal", "__version__": 1, "__data__": v} }
	tests := []struct {
		name  string
		args  m
		want  any
		fault string
	}{
		{name: "types", args: m{"sql": `SELECT 1, 1.5, 1.50::float, 'x', true, NULL, DATE '2024-05-01', TIMESTAMP '2024-05-01 00:00',
			TIMESTAMPTZ '2024-05-01 02:00+02', INTERVAL '1 day 1 second', '{"a": 1}'::jsonb, ARRAY['a', NULL], '\x00ff'::bytea, 7::numeric, '::1'::inet, 5::smallint`}, want: rows(task.Tuple{
			int64(1), decimal("1.5"), 1.5, "x", true, nil, m{"__classname__": "datetime.date", "__version__": 2, "__data__": "2024-05-01"},
			m{"__classname__": "datetime.datetime", "__version__": 2, "__data__": m{"timestamp": 1714521600.0, "tz": nil}},
			operatortest.Logical, 24*time.Hour + time.Second, m{"a": int64(1)}, []any{"a", nil}, []byte{0, 255}, decimal(json.Number("7")), "::1", int64(5),
		})},
		{name: "parameters", args: m{"sql": "SELECT %(s)s::text, %(n)s + 1, %(t)s::timestamptz = '2024-05-01 00:00+00', 5 = ANY(%(l)s), 'x' IN %(i)s, %(d)s::interval = '90 s', -%(n)s",
			"parameters": m{"s": `it's \ "x" %s ;`, "n": int64(-1), "t": operatortest.Logical, "l": []any{int64(5)}, "i": task.Tuple{"x", "y"}, "d": 90 * time.Second}},
			want: rows(task.Tuple{`it's \ "x" %s ;`, int64(0), true, true, true, true, int64(1)})},
		{name: "several statements, the last counts", args: m{"sql": "SELECT 1; SELECT 2, 'a;b'"}, want: rows(task.Tuple{int64(2), "a;b"})},
		{name: "split", args: m{"sql": "DO $$ BEGIN PERFORM 1; END $$; SELECT 2;", "split_statements": true, "return_last": false}, want: rows(nil, rows(task.Tuple{int64(2)}))},
		{name: "no rows", args: m{"sql": "SELECT 1 WHERE false"}, want: []any{}},
		{name: "changes", args: m{"sql": []any{"CREATE TEMP TABLE x (a int)", "INSERT INTO x VALUES (%s), (%s)", "SELECT sum(a) FROM x WHERE a IN (%s, %s)"}, "parameters": []any{int64(1), int64(2)}},
			fault: "fatal (config): the statement has 0 %s for 2 parameters"},
		{name: "vacuum needs autocommit", args: m{"sql": "VACUUM"}, fault: "failed: ERROR: VACUUM cannot run inside a transaction block (SQLSTATE 25001)"},
		{name: "vacuum", args: m{"sql": "VACUUM pg_catalog.pg_description", "autocommit": true}},
		{name: "error with detail", args: m{"sql": "CREATE TEMP TABLE y (a int PRIMARY KEY); INSERT INTO y VALUES (1), (1)"},
			fault: `failed: ERROR: duplicate key value violates unique constraint "y_pkey" (SQLSTATE 23505); DETAIL: Key (a)=(1) already exists.`},
		{name: "error with hint", args: m{"sql": "SELECT nix()"}, fault: "failed: ERROR: function nix() does not exist (SQLSTATE 42883); HINT: No function matches the given name and argument types. You might need to add explicit type casts."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := postgres(t)
			tt.args["conn_id"] = "db"
			answers(t, h, tt.args, tt.want, tt.fault)
		})
	}
}

func TestPostgresTransaction(t *testing.T) { transaction(t, postgres, "") }

func TestPostgresFaults(t *testing.T) {
	h := postgres(t)
	c := h.Settings.Connections["db"]
	c.Password = "wrong"
	h.Settings.Connections["bad"] = c
	_, err := do(t, h, execute, map[string]any{"conn_id": "bad", "sql": "SELECT 1"})
	if err == nil || !strings.Contains(err.Error(), "password authentication failed") || strings.Contains(err.Error(), c.Password+"@") {
		t.Errorf("a wrong password: %v", err)
	}
	_, err = do(t, h, execute, map[string]any{"conn_id": "db", "sql": "SELECT 1", "database": "nix"})
	if err == nil || !strings.Contains(err.Error(), `database "nix" does not exist`) {
		t.Errorf("a wrong database: %v", err)
	}
	c = h.Settings.Connections["db"]
	c.Extra = json.RawMessage(`{"sslmode": "maybe"}`)
	h.Settings.Connections["bad"] = c
	_, err = do(t, h, execute, map[string]any{"conn_id": "bad", "sql": "SELECT 1"})
	if got := operatortest.Outcome(err); !strings.HasPrefix(got, "fatal (config): connection bad: ") || c.Password != "" && strings.Contains(got, c.Password) {
		t.Errorf("a wrong mode: %s", got)
	}
}

// When nobody waits any more the server stops the statement.
func TestPostgresCancel(t *testing.T) {
	h := postgres(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := h.Run(ctx, operatortest.Find(t, sql.Operators(), execute), map[string]any{"conn_id": "db", "sql": "SELECT pg_sleep(60) /* cancelled */"})
	if err == nil {
		t.Fatal("it was not cancelled")
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		res, err := do(t, h, execute, map[string]any{"conn_id": "db", "sql": "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* cancelled */' AND state = 'active'"})
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(rows(task.Tuple{int64(0)}), res.Value) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the statement still runs")
		}
	}
}

func TestPostgresChecks(t *testing.T) {
	h := postgres(t)
	for class, args := range map[string]map[string]any{
		"SQLCheckOperator":       {"sql": "SELECT true, 1.5, DATE '2024-05-01'"},
		"SQLValueCheckOperator":  {"sql": "SELECT 1.50::numeric", "pass_value": 1.5},
		"SQLTableCheckOperator":  {"table": "(SELECT 1 AS a) AS t", "checks": map[string]any{"a": map[string]any{"check_statement": "SUM(a) = 1"}}},
		"SQLColumnCheckOperator": {"table": "(SELECT 1.5 AS a) AS t", "column_mapping": map[string]any{"a": map[string]any{"max": map[string]any{"equal_to": 1.5}}}},
	} {
		args["conn_id"] = "db"
		if _, err := do(t, h, common+class, args); err != nil {
			t.Errorf("%s: %v", class, err)
		}
	}
}
