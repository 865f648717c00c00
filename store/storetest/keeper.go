package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Keeper is a store that has to be looked after: no service does it.
type Keeper interface {
	store.Store
	Check(ctx context.Context) ([]string, error)
	Clean(ctx context.Context, before time.Time) (store.Cleaned, error)
	Cleanable(ctx context.Context, before time.Time) (int, error)
	Export(ctx context.Context, to io.Writer) error
}

// RunKeeper runs the suite of what those promise besides. open returns a fresh, empty store;
// it cleans up.
func RunKeeper(t *testing.T, open func(t testing.TB) Keeper) {
	for promise, test := range map[string]func(t *testing.T, s Keeper){
		"what is old is removed": testClean, "the last run of a DAG stays": testCleanKeepsTheLastRun,
		"all there is can be exported": testExport, "what is whole is said to be": testCheck,
	} {
		t.Run(promise, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// Old is when the runs of Fill begin.
var Old = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Fill makes n runs of DAG d, a day apart, with all that can belong to a run; the last two
// are open.
func Fill(t testing.TB, s store.Store, n int) {
	t.Helper()
	for _, v := range []string{"v0", "v1", "v2"} {
		ok(t, "PutDAG", s.PutDAG(t.Context(), store.Definition{ID: "d", Version: v, Body: []byte(`{"a":1}`), At: Old}))
	}
	for k := range n {
		id, at := run.ID{DAG: "d", Run: fmt.Sprintf("r%03d", k)}, Old.AddDate(0, 0, k)
		r := run.Run{ID: id, State: run.RunSuccess, Version: "v1", RunAfter: at, End: at.Add(time.Hour)}
		if k >= n-2 {
			r.State, r.End = run.RunRunning, time.Time{}
		}
		i := run.Instance{Task: "a", Map: run.Unmapped, State: run.Running, Try: 1, Tail: strings.Repeat("x", 2000)}
		j := i
		j.Try = 2
		apply(t, s, store.Batch{Run: id, Create: &r, Changes: []run.Change{
			{Want: i, If: run.Condition{Absent: true}, XComs: []run.XCom{{Name: "k", Value: []byte(`{"<": 1}`), At: at}}},
			{Want: j, If: run.Is(&i), Archive: true}},
			Events: []run.AssetEvent{{Asset: "x", At: at}}})
	}
}

func testClean(t *testing.T, s Keeper) {
	Fill(t, s, 130)
	would, err := s.Cleanable(t.Context(), Old.AddDate(0, 0, 120))
	ok(t, "Cleanable", err)
	got, err := s.Clean(t.Context(), Old.AddDate(0, 0, 120))
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
	got, err = s.Clean(t.Context(), Old.AddDate(10, 0, 0))
	if err != nil || got.Runs != 8 {
		t.Errorf("Clean of all: %+v, %v; want 8 runs", got, err)
	}
	if problems, err := s.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("Check: %v, %v", problems, err)
	}
	if d, err := s.Run(t.Context(), run.ID{DAG: "d", Run: "r129"}); err != nil || len(d.Instances) != 1 {
		t.Errorf("what stays is %v, %v", d, err)
	}
}

func testCleanKeepsTheLastRun(t *testing.T, s Keeper) {
	for k := range 3 {
		id, at := run.ID{DAG: "d", Run: fmt.Sprint(k)}, Old.AddDate(0, 0, k)
		apply(t, s, store.Batch{Run: id, Create: &run.Run{ID: id, State: run.RunFailed, RunAfter: at, End: at}})
	}
	got, err := s.Clean(t.Context(), Old.AddDate(10, 0, 0))
	if err != nil || got.Runs != 2 {
		t.Errorf("Clean: %+v, %v; want 2 runs", got, err)
	}
	if _, err := s.Run(t.Context(), run.ID{DAG: "d", Run: "2"}); err != nil {
		t.Errorf("the last run: %v", err)
	}
}

func testCheck(t *testing.T, s Keeper) {
	Fill(t, s, 3)
	if problems, err := s.Check(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("Check: %v, %v", problems, err)
	}
}

func testExport(t *testing.T, s Keeper) {
	Fill(t, s, 3)
	ok(t, "PutSetting", s.PutSetting(t.Context(), store.KindVariable, store.Setting{ID: "v", Value: []byte("secret"), At: Old}))
	var buf bytes.Buffer
	ok(t, "Export", s.Export(t.Context(), &buf))
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
