//go:build mysql || postgres

package sql_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

// server is a task with the connection db to the server that a variable names.
func server(t *testing.T, variable string) *operatortest.Harness {
	t.Helper()
	c, err := settings.ParseURI("db", os.Getenv(variable))
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	h := operatortest.New(t)
	h.Task.DoXComPush = true
	h.Settings.Connections = map[string]settings.Connection{"db": c}
	return h
}

// transaction checks that what a failed task has changed is undone, unless each statement
// is committed. The options are those of the table.
func transaction(t *testing.T, open func(t *testing.T) *operatortest.Harness, options string) {
	for _, autocommit := range []bool{false, true} {
		h := open(t)
		must(t, h, "DROP TABLE IF EXISTS updraft_test; CREATE TABLE updraft_test (a int PRIMARY KEY)"+options+"; INSERT INTO updraft_test VALUES (1)")
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
		if !strings.Contains(h.Log(), `"rows affected" rows=1`) {
			t.Errorf("the log does not tell the number of rows: %s", h.Log())
		}
	}
}
