//go:build mysql

// These tests need a server: go test -tags mysql ./operators/sql, with
// UPDRAFT_TEST_MYSQL=mysql://user:password@host:port/database.

package sql_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/sql"
	"github.com/updraft-dev/updraft/task"
)

func mysql(t *testing.T) *operatortest.Harness { return server(t, "UPDRAFT_TEST_MYSQL") }

func TestMySQLServer(t *testing.T) {
	type m = map[string]any
	decimal := func(v any) any { return m{"__classname__": "decimal.Decimal", "__version__": 1, "__data__": v} }
	tests := []struct {
		name  string
		args  m
		want  any
		fault string
	}{
		{name: "types", args: m{"sql": `SELECT 1, 1.50, 1.5e0, 'x', NULL, DATE '2024-05-01', CAST('größer' AS CHAR)`}, want: rows(task.Tuple{
			int64(1), decimal("1.50"), 1.5, "x", nil, m{"__classname__": "datetime.date", "__version__": 2, "__data__": "2024-05-01"}, "größer",
		})},
		{name: "parameters", args: m{"sql": "SELECT %(s)s, %(n)s + 1, 5 IN %(i)s", "parameters": m{"s": `it's \ "x" %s ;`, "n": int64(-1), "i": task.Tuple{int64(5), int64(6)}}},
			want: rows(task.Tuple{`it's \ "x" %s ;`, int64(0), int64(1)})},
		{name: "several statements, the last counts", args: m{"sql": "SELECT 1; SELECT 2, 'a;b'", "split_statements": true}, want: rows(task.Tuple{int64(2), "a;b"})},
		{name: "no rows", args: m{"sql": "SELECT 1 FROM dual WHERE false"}, want: []any{}},
		{name: "error", args: m{"sql": "SELECT nix()"}, fault: "failed: Error 1305 (42000): FUNCTION updraft.nix does not exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := mysql(t)
			tt.args["conn_id"] = "db"
			answers(t, h, tt.args, tt.want, tt.fault)
		})
	}
}

func TestMySQLTransaction(t *testing.T) { transaction(t, mysql, " ENGINE=InnoDB") }

func TestMySQLFaults(t *testing.T) {
	h := mysql(t)
	c := h.Settings.Connections["db"]
	c.Password = "wrong"
	h.Settings.Connections["bad"] = c
	_, err := do(t, h, execute, map[string]any{"conn_id": "bad", "sql": "SELECT 1"})
	if err == nil || !strings.Contains(err.Error(), "Access denied for user") || strings.Contains(err.Error(), c.Password+"@") {
		t.Errorf("a wrong password: %v", err)
	}
}

// When nobody waits any more the server stops the statement, or loses its client.
func TestMySQLCancel(t *testing.T) {
	h := mysql(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	from := time.Now()
	_, err := h.Run(ctx, operatortest.Find(t, sql.Operators(), execute), map[string]any{"conn_id": "db", "sql": "SELECT sleep(60)"})
	if err == nil || time.Since(from) > 20*time.Second {
		t.Errorf("it was not cancelled: %v after %s", err, time.Since(from))
	}
}
