package sql_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/operators/sql"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

const (
	common  = "airflow.providers.common.sql.operators.sql."
	execute = common + "SQLExecuteQueryOperator"
	sensing = "airflow.providers.common.sql.sensors.sql.SqlSensor"
)

// harness has connection "db" to a new SQLite file with a table of three rows.
func harness(t *testing.T) *operatortest.Harness {
	t.Helper()
	h := operatortest.New(t)
	h.Task.DoXComPush = true
	h.Settings.Connections = map[string]settings.Connection{"db": {Type: "sqlite", Host: filepath.Join(h.Dir, "x y?.db")}}
	must(t, h, `CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, price REAL, day DATE, at TIMESTAMP, raw BLOB);
		INSERT INTO t VALUES (1, 'a', 1.5, '2024-05-01', '2024-05-01 10:00:00', NULL), (2, 'b', 2, '2024-05-01', '2024-05-01T10:00:00Z', NULL);
		INSERT INTO t (id, name) VALUES (3, 'c;''')`)
	return h
}

func must(t *testing.T, h *operatortest.Harness, statements string) {
	t.Helper()
	if _, err := do(t, h, execute, map[string]any{"conn_id": "db", "sql": statements, "split_statements": true}); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, h *operatortest.Harness, class string, args map[string]any) (task.Result, error) {
	t.Helper()
	return h.Run(t.Context(), operatortest.Find(t, sql.Operators(), class), args)
}

// answers executes statements and compares what comes out: a value, or how it failed.
func answers(t *testing.T, h *operatortest.Harness, args map[string]any, value any, fault string) {
	t.Helper()
	res, err := do(t, h, execute, args)
	if fault == "" {
		fault = "success"
	} else {
		value = nil
	}
	if got := operatortest.Outcome(err); got != fault {
		t.Errorf("got  %s\nwant %s", got, fault)
	}
	if d := cmp.Diff(value, res.Value); d != "" {
		t.Errorf("value (-want +got):\n%s", d)
	}
}

func rows(r ...any) []any { return r }

func TestExecute(t *testing.T) {
	t.Parallel()
	names := "SELECT name FROM t WHERE id < 3 ORDER BY id"
	tests := []struct {
		name string
		args map[string]any
		// silent is do_xcom_push: false.
		silent bool
		want   any
		fault  string
	}{
		{name: "rows", args: map[string]any{"sql": "SELECT id, name, price, day, at FROM t ORDER BY id;"}, want: rows(
			task.Tuple{int64(1), "a", 1.5, "2024-05-01", "2024-05-01 10:00:00"},
			task.Tuple{int64(2), "b", 2.0, "2024-05-01", "2024-05-01T10:00:00Z"},
			task.Tuple{int64(3), "c;'", nil, nil, nil},
		)},
		{name: "dates keep their form with parameters and a comment", args: map[string]any{
			"sql": "SELECT day, day, at FROM t WHERE id = ? -- the end", "parameters": []any{int64(1)},
		}, want: rows(task.Tuple{"2024-05-01", "2024-05-01", "2024-05-01 10:00:00"})},
		{name: "no rows", args: map[string]any{"sql": "SELECT 1 WHERE 0"}, want: []any{}},
		{name: "no result", args: map[string]any{"sql": "DELETE FROM t WHERE id = 3"}},
		{name: "names", args: map[string]any{"sql": "SELECT :a, :b, :a", "parameters": map[string]any{"a": true, "b": nil, "more": "x"}},
			want: rows(task.Tuple{int64(1), nil, int64(1)})},
		{name: "parameters as JSON", args: map[string]any{"sql": "SELECT ?, ?", "parameters": `[1, "x"]`}, want: rows(task.Tuple{int64(1), "x"})},
		{name: "a time", args: map[string]any{"sql": "SELECT ?", "parameters": task.Tuple{operatortest.Logical}}, want: rows(task.Tuple{"2024-05-01 00:00:00+00:00"})},
		{name: "list", args: map[string]any{"sql": []any{"SELECT 1", "DELETE FROM t", "SELECT count(*) FROM t"}},
			want: rows(rows(task.Tuple{int64(1)}), nil, rows(task.Tuple{int64(0)}))},
		{name: "split, last", args: map[string]any{"sql": "SELECT 1; SELECT 2;", "split_statements": true}, want: rows(task.Tuple{int64(2)})},
		{name: "split, all", args: map[string]any{"sql": "SELECT 1; SELECT 2;", "split_statements": true, "return_last": false},
			want: rows(rows(task.Tuple{int64(1)}), rows(task.Tuple{int64(2)}))},
		{name: "one, all", args: map[string]any{"sql": "SELECT 1", "return_last": false}, want: rows(rows(task.Tuple{int64(1)}))},
		{name: "not split, all", args: map[string]any{"sql": "SELECT 1", "split_statements": false, "return_last": false}, want: rows(task.Tuple{int64(1)})},
		{name: "fetch one", args: map[string]any{"sql": names, "handler": dag.Callable{Path: "airflow.providers.common.sql.hooks.handlers.fetch_one_handler"}}, want: task.Tuple{"a"}},
		{name: "fetch one of none", args: map[string]any{"sql": names + " LIMIT 0", "handler": dag.Callable{Path: "airflow.providers.common.sql.hooks.sql.fetch_one_handler"}}},
		{name: "no handler", args: map[string]any{"sql": names, "handler": nil}},
		{name: "no push", args: map[string]any{"sql": names}, silent: true},
		{name: "no push but fetched", args: map[string]any{"sql": names, "requires_result_fetch": true}, silent: true},
		{name: "returning", args: map[string]any{"sql": "INSERT INTO t (name) VALUES ('d') RETURNING id, name"}, want: rows(task.Tuple{int64(4), "d"})},
		{name: "with", args: map[string]any{"sql": "WITH x AS (SELECT max(day) AS d, day FROM t) SELECT d, day FROM x"}, want: rows(task.Tuple{"2024-05-01", "2024-05-01"})},
		{name: "with insert", args: map[string]any{"sql": "WITH x AS (SELECT 9 AS i) INSERT INTO t (id) SELECT i FROM x"}},
		{name: "pragma", args: map[string]any{"sql": "PRAGMA user_version"}, want: rows(task.Tuple{int64(0)})},
		{name: "bytes", args: map[string]any{"sql": "SELECT x'00ff'"}, want: rows(task.Tuple{[]byte{0, 255}})},

		{name: "two statements", args: map[string]any{"sql": "SELECT 1; SELECT 2"}, fault: "fatal (config): sql has 2 statements, and SQLite executes one at a time: set split_statements: true, or write a list"},
		{name: "nothing", args: map[string]any{"sql": " "}, fault: "fatal (config): argument sql has no statement"},
		{name: "only a comment", args: map[string]any{"sql": "-- x", "split_statements": true}, fault: "fatal (config): argument sql has no statement"},
		{name: "type", args: map[string]any{"sql": int64(1)}, fault: "fatal (config): argument sql is a number, not a text or a list of texts"},
		{name: "too few", args: map[string]any{"sql": "SELECT ?, ?", "parameters": []any{int64(1)}}, fault: "fatal (config): the statement has 2 ? for 1 parameters"},
		{name: "too many", args: map[string]any{"sql": "SELECT '?'", "parameters": []any{int64(1)}}, fault: "fatal (config): the statement has 0 ? for 1 parameters"},
		{name: "unknown name", args: map[string]any{"sql": "SELECT :x", "parameters": map[string]any{"y": int64(1)}}, fault: `failed: missing named argument "x"`},
		{name: "bad parameters", args: map[string]any{"sql": "SELECT 1", "parameters": "x"}, fault: "fatal (config): argument parameters is 'x', not a list or a dict"},
		{name: "bad parameter", args: map[string]any{"sql": "SELECT ?", "parameters": []any{[]any{int64(1)}}}, fault: "fatal (config): argument parameters: [1] cannot be a parameter of SQLite"},
		{name: "syntax", args: map[string]any{"sql": "SELEC 1"}, fault: `failed: SQL logic error: near "SELEC": syntax error (1)`},
		{name: "handler", args: map[string]any{"sql": "SELECT 1", "handler": dag.Callable{Path: "m.f"}},
			fault: "fatal (config): argument handler is m.f: only airflow.providers.common.sql.hooks.handlers.fetch_all_handler and fetch_one_handler are known; process the rows in a Python task"},
		{name: "connection", args: map[string]any{"sql": "SELECT 1", "conn_id": "nix"}, fault: "failed: conn_id: connection `nix` not found"},
		{name: "no connection", args: map[string]any{"sql": "SELECT 1", "conn_id": nil}, fault: "fatal (config): argument conn_id is missing: name a connection"},
		{name: "type of connection", args: map[string]any{"sql": "SELECT 1", "conn_id": "web"}, fault: `fatal (config): connection web is of type "http": SQL tasks know sqlite, postgres and mysql`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			h.Settings.Connections["web"] = settings.Connection{Type: "http"}
			h.Task.DoXComPush = !tt.silent
			if _, ok := tt.args["conn_id"]; !ok {
				tt.args["conn_id"] = "db"
			}
			answers(t, h, tt.args, tt.want, tt.fault)
		})
	}
}

// What a failed task has changed is undone, unless each statement is committed.
func TestTransaction(t *testing.T) {
	t.Parallel()
	for _, autocommit := range []bool{false, true} {
		h := harness(t)
		_, err := do(t, h, execute, map[string]any{"conn_id": "db", "sql": []any{"DELETE FROM t WHERE id = 1", "UPDATE t SET id = 3 WHERE id = 2"}, "autocommit": autocommit})
		if err == nil {
			t.Fatal("the second statement did not fail")
		}
		res, err := do(t, h, execute, map[string]any{"conn_id": "db", "sql": "SELECT count(*) FROM t"})
		want := rows(task.Tuple{int64(3)})
		if autocommit {
			want = rows(task.Tuple{int64(2)})
		}
		if d := cmp.Diff(want, res.Value); d != "" || err != nil {
			t.Errorf("autocommit %v: %v (-want +got):\n%s", autocommit, err, d)
		}
	}
	h := harness(t)
	for _, s := range []string{"BEGIN; DELETE FROM t WHERE id = 1; COMMIT", "BEGIN; DELETE FROM t WHERE id = 2", "DELETE FROM t WHERE id = 3"} {
		must(t, h, s)
	}
	res, err := do(t, h, execute, map[string]any{"conn_id": "db", "sql": "SELECT count(*) FROM t"})
	if d := cmp.Diff(rows(task.Tuple{int64(0)}), res.Value); d != "" || err != nil {
		t.Errorf("own transactions: %v (-want +got):\n%s", err, d)
	}
	if !strings.Contains(h.Log(), `"rows affected" rows=1`) {
		t.Errorf("the log does not tell the number of rows: %s", h.Log())
	}
}

// The old classes have connections of their own; sqlite files may be relative.
func TestSqliteOperator(t *testing.T) {
	t.Parallel()
	h := harness(t)
	h.Settings.Connections["sqlite_default"] = settings.Connection{Type: "sqlite", Host: "x y?.db", Extra: json.RawMessage(`{"mode": "ro", "odd": 1}`)}
	old := operatortest.Find(t, sql.Operators(), "airflow.providers.sqlite.operators.sqlite.SqliteOperator")
	res, err := h.Run(t.Context(), old, map[string]any{"sql": "SELECT count(*) FROM t"})
	if d := cmp.Diff(rows(task.Tuple{int64(3)}), res.Value); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	_, err = h.Run(t.Context(), old, map[string]any{"sql": "DELETE FROM t"})
	if err == nil || !strings.Contains(err.Error(), "readonly database") {
		t.Errorf("mode=ro: %v", err)
	}
	if !strings.Contains(h.Log(), "connection sqlite_default: extra has odd, which SQLite does not know") {
		t.Errorf("no warning: %s", h.Log())
	}
	h.Settings.Connections["sqlite_default"] = settings.Connection{Type: "sqlite", Host: "none/x.db"}
	_, err = h.Run(t.Context(), old, map[string]any{"sql": "SELECT 1"})
	if err == nil || !strings.Contains(err.Error(), "none/x.db") {
		t.Errorf("a folder that is not there: %v", err)
	}
	h.Settings.Connections["sqlite_default"] = settings.Connection{Type: "sqlite"}
	res, err = h.Run(t.Context(), old, map[string]any{"sql": []any{"CREATE TABLE m (a)", "INSERT INTO m VALUES (1)", "SELECT a FROM m"}})
	if d := cmp.Diff(rows(nil, nil, rows(task.Tuple{int64(1)})), res.Value); d != "" || err != nil {
		t.Errorf("in memory: %v (-want +got):\n%s", err, d)
	}
}

func TestResultIsBounded(t *testing.T) {
	t.Parallel()
	h := harness(t)
	args := map[string]any{"conn_id": "db", "sql": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 70) SELECT i, zeroblob(1000000) FROM n"}
	_, err := do(t, h, execute, args)
	const want = "fatal (task): the result is larger than 64 MiB: select less, keep it in a table, or set do_xcom_push: false"
	if got := operatortest.Outcome(err); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	h.Task.DoXComPush = false
	if _, err := do(t, h, execute, args); err != nil {
		t.Errorf("without the rows: %v", err)
	}
}

func TestBranch(t *testing.T) {
	t.Parallel()
	tests := []struct{ sql, want string }{
		{"SELECT 1", "yes"}, {"SELECT 0", "no no2"}, {"SELECT 'On'", "yes"}, {"SELECT 'f'", "no no2"}, {"SELECT count(*) FROM t", "yes"},
		{"SELECT 'maybe'", "failed: the query gave 'maybe', which is neither true nor false: use one of y, yes, t, true, on, 1, n, no, f, false, off, 0"},
		{"SELECT 1.5", "failed: the query gave 1.5: it has to give true or false, a whole number or a text such as yes and no"},
		{"SELECT NULL", "failed: the query gave None: it has to give true or false, a whole number or a text such as yes and no"},
		{"SELECT 1 WHERE 0", "failed: the query gave no rows: it has to give true or false"},
	}
	h := harness(t)
	for _, tt := range tests {
		res, err := do(t, h, common+"BranchSQLOperator", map[string]any{
			"conn_id": "db", "sql": tt.sql, "follow_task_ids_if_true": "yes", "follow_task_ids_if_false": []any{"no", "no2"},
		})
		got := operatortest.Outcome(err)
		if err == nil && res.Branch.Kind == run.BranchFollow {
			got = strings.Join(res.Branch.Follow, " ")
		}
		if got != tt.want {
			t.Errorf("%s: got %s\nwant %s", tt.sql, got, tt.want)
		}
	}
}

func TestSensor(t *testing.T) {
	t.Parallel()
	const again = "reschedule: 2024-05-02T00:01:00Z"
	hook := dag.Callable{Path: "m.f"}
	tests := []struct {
		name   string
		sql    string
		args   map[string]any
		python *operatortest.Python
		want   string
		called int
	}{
		{name: "there", sql: "SELECT count(*) FROM t", want: "success"},
		{name: "zero", sql: "SELECT 0", want: again},
		{name: "text of zero", sql: "SELECT '0'", want: "success"}, // as in Airflow, whatever its documentation says
		{name: "empty text", sql: "SELECT ''", want: again},
		{name: "null", sql: "SELECT NULL", want: again},
		{name: "nothing", sql: "SELECT 1 WHERE 0", want: again},
		{name: "nothing is wrong", sql: "SELECT 1 WHERE 0", args: map[string]any{"fail_on_empty": true}, want: "failed: the query gave no rows, and fail_on_empty is set"},
		{name: "parameters", sql: "SELECT ?", args: map[string]any{"parameters": []any{int64(0)}}, want: again},
		{name: "success", sql: "SELECT 0", args: map[string]any{"success": hook}, python: &operatortest.Python{Done: true}, want: "success", called: 1},
		{name: "no success", sql: "SELECT 1", args: map[string]any{"success": hook}, python: &operatortest.Python{}, want: again, called: 1},
		{name: "failure", sql: "SELECT 1", args: map[string]any{"failure": hook, "success": hook}, python: &operatortest.Python{Done: true},
			want: "failed: the failure criterion is met: failure(1) is true", called: 1},
		{name: "no failure", sql: "SELECT 1", args: map[string]any{"failure": hook}, python: &operatortest.Python{}, want: "success", called: 1},
		{name: "selector", sql: "SELECT 1", args: map[string]any{"selector": hook}, python: &operatortest.Python{Value: json.RawMessage("0")}, want: again, called: 1},
		{name: "wrong", sql: "SELECT x", want: "failed: SQL logic error: no such column: x (1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			h.Now = func() time.Time { return time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC) }
			args := map[string]any{"conn_id": "db", "sql": tt.sql, "mode": "reschedule"}
			for k, v := range tt.args {
				args[k] = v
			}
			if tt.python != nil {
				h.Python = tt.python
			}
			_, err := do(t, h, sensing, args)
			if got := operatortest.Outcome(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.python != nil && (len(tt.python.Calls) != tt.called || !tt.python.Calls[0].NoContext) {
				t.Errorf("calls: %+v", tt.python.Calls)
			}
		})
	}
}
