package sqlitestore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

var old = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// fill makes runs of one DAG, a day apart; the last two are open.
func fill(t *testing.T, s store.Store, n int) {
	t.Helper()
	for _, v := range []string{"v0", "v1", "v2"} {
		if err := s.PutDAG(t.Context(), store.Definition{ID: "d", Version: v, Body: []byte(`{"a":1}`), At: old}); err != nil {
			t.Fatal(err)
		}
	}
	for k := range n {
		id, at := run.ID{DAG: "d", Run: fmt.Sprintf("r%03d", k)}, old.AddDate(0, 0, k)
		r := run.Run{ID: id, State: run.RunSuccess, Version: "v1", RunAfter: at, End: at.Add(time.Hour)}
		if k >= n-2 {
			r.State, r.End = run.RunRunning, time.Time{}
		}
		i := run.Instance{Task: "a", Map: run.Unmapped, State: run.Running, Try: 1, Tail: strings.Repeat("x", 2000)}
		j := i
		j.Try = 2
		res, err := s.Apply(t.Context(), store.Batch{Run: id, Create: &r, Changes: []run.Change{
			{Want: i, If: run.Condition{Absent: true}, XComs: []run.XCom{{Name: "k", Value: []byte(`{"<": 1}`), At: at}}},
			{Want: j, If: run.Is(&i), Archive: true}},
			Events: []run.AssetEvent{{Asset: "x", At: at}}})
		if err != nil || !res.OK() {
			t.Fatal(res, err)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path)
	fill(t, s, 130)
	would, err := s.Cleanable(t.Context(), old.AddDate(0, 0, 120))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Clean(t.Context(), old.AddDate(0, 0, 120))
	if int64(would) != got.Runs {
		t.Errorf("Cleanable says %d runs, Clean removed %d", would, got.Runs)
	}
	if err != nil || got.Runs != 120 || got.Events != 120 || got.Versions != 1 {
		t.Errorf("Clean: %+v, %v; want 120 runs and events, 1 version", got, err)
	}
	l, err := s.ListRuns(t.Context(), store.RunFilter{}, store.Page{})
	if err != nil || len(l.Items) != 10 {
		t.Errorf("%d runs are left, want 10 (%v)", len(l.Items), err)
	}
	// Open runs stay, whatever their age.
	got, err = s.Clean(t.Context(), old.AddDate(10, 0, 0))
	if err != nil || got.Runs != 8 {
		t.Errorf("Clean of all: %+v, %v; want 8 runs", got, err)
	}
	if problems, err := s.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("Check: %v, %v", problems, err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Vacuum(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || after.Size() >= 200_000 {
		t.Errorf("the file has %d bytes after Vacuum, %d before (%v)", after.Size(), before.Size(), err)
	}
	if d, err := s.Run(t.Context(), run.ID{DAG: "d", Run: "r129"}); err != nil || len(d.Instances) != 1 {
		t.Errorf("after Vacuum: %v, %v", d, err)
	}
}

func TestCleanKeepsTheLastRun(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	for k := range 3 {
		id, at := run.ID{DAG: "d", Run: fmt.Sprint(k)}, old.AddDate(0, 0, k)
		if _, err := s.Apply(t.Context(), store.Batch{Run: id,
			Create: &run.Run{ID: id, State: run.RunFailed, RunAfter: at, End: at}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Clean(t.Context(), old.AddDate(10, 0, 0))
	if err != nil || got.Runs != 2 {
		t.Errorf("Clean: %+v, %v; want 2 runs", got, err)
	}
	if _, err := s.Run(t.Context(), run.ID{DAG: "d", Run: "2"}); err != nil {
		t.Errorf("the last run: %v", err)
	}
}

func TestCheckNamesProblems(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	s := openAt(t, path)
	fill(t, s, 4)
	execute(t, path, "UPDATE ti SET body = x'ff' WHERE run = (SELECT id FROM run WHERE run = 'r001')")
	execute(t, path, "UPDATE run SET body = x'ff' WHERE run = 'r002'")
	execute(t, path, "UPDATE ti SET state = 77 WHERE run = (SELECT id FROM run WHERE run = 'r003')")
	execute(t, path, "INSERT INTO ti VALUES (999, 'a', -1, 0, 0, '', NULL, x'')")
	got, err := s.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"run d/r002: stored item is damaged: it has an unknown field 255",
		"task instance d/r001/a: stored item is damaged: it has an unknown field 255",
		"task instance d/r003/a: stored item is damaged: it has an unknown state 77",
		"1 rows of table ti belong to no run: stored item is damaged",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	s := openAt(t, filepath.Join(t.TempDir(), "x.db"))
	fill(t, s, 3)
	if err := s.PutSetting(t.Context(), store.KindVariable, store.Setting{ID: "v", Value: []byte("secret"), At: old}); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := s.Export(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(buf.String()) {
		var v struct{ Kind string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		count[v.Kind]++
	}
	want := map[string]int{"dag": 1, "version": 3, "run": 3, "instance": 3, "history": 3, "xcom": 3, "asset_event": 3, "setting": 1}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{
		`{"kind":"dag","dag":"d","version":"v2","file":"","revision":1,"paused":false,"stale":false}`,
		`{"kind":"version","dag":"d","version":"v0","at":"2020-01-01T00:00:00Z","body":{"a":1}}`,
		`{"kind":"xcom","dag":"d","run":"r000","task":"a","map":-1,"key":"k","timestamp":"2020-01-01T00:00:00Z","value":{"<":1}}`,
		`{"kind":"setting","setting":"variable","id":"v","revision":1,"at":"2020-01-01T00:00:00Z","value":"c2VjcmV0"}`,
	} {
		if !strings.Contains(buf.String(), line+"\n") {
			t.Errorf("no line %s in\n%s", line, buf.String())
		}
	}
	if !strings.Contains(buf.String(), `{"kind":"instance","dag":"d","run":"r000","task":"a","map":-1,"state":"running","try":2`) {
		t.Errorf("no instance in\n%s", buf.String())
	}
	full := errors.New("disk full")
	if err := s.Export(t.Context(), brokenWriter{full}); !errors.Is(err, full) {
		t.Errorf("Export to a broken writer: %v", err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }
