//go:build mysql

// These tests need a server: go test -tags mysql ./operators/sql, with
// UPDRAFT_TEST_MYSQL=mysql://user:password@host:port/database.

package sql_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/sql"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

func mysql(t *testing.T) *operatortest.Harness {
	t.Helper()
	c, err := settings.ParseURI("db", os.Getenv("UPDRAFT_TEST_MYSQL"))
	if err != nil {
		t.Fatalf("UPDRAFT_TEST_MYSQL: %v", err)
	}
	h := operatortest.New(t)
	h.Task.DoXComPush = true
	h.Settings.Connections = map[string]settings.Connection{"db": c}
	return h
}

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
			res, err := do(t, h, execute, tt.args)
			want := tt.fault
			if want == "" {
				want = "success"
			}
			if got := operatortest.Outcome(err); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if d := cmp.Diff(tt.want, res.Value); d != "" {
				t.Errorf("value (-want +got):\n%s", d)
			}
		})
	}
}

// What a failed task has changed is undone, unless each statement is committed.
func TestMySQLTransaction(t *testing.T) {
	for _, autocommit := range []bool{false, true} {
		h := mysql(t)
		must(t, h, "DROP TABLE IF EXISTS updraft_test")
		must(t, h, "CREATE TABLE updraft_test (a int PRIMARY KEY) ENGINE=InnoDB")
		must(t, h, "INSERT INTO updraft_test VALUES (1)")
		_, err := do(t, h, execute, map[string]any{"conn_id": "db", "sql": []any{"INSERT INTO updraft_test VALUES (2)", "INSERT INTO updraft_test VALUES (1)"}, "autocommit": autocommit})
		if err == nil {
			t.Fatal("the second statement did not fail")
		}
		res, err := do(t, h, execute, map[string]any{"conn_id": "db", "sql": "SELECT count(*) FROM updraft_test"})
		want := rows(task.Tuple{int64(1)})
		if autocommit {
			want = rows(task.Tuple{int64(2)})
		}
		if d := cmp.Diff(want, res.Value); d != "" || err != nil {
			t.Errorf("autocommit %v: %v (-want +got):\n%s", autocommit, err, d)
		}
		must(t, h, "DROP TABLE updraft_test")
	}
}

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
