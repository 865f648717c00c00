package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/api"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
	"github.com/updraft-dev/updraft/task"
)

// backend triggers as an installation does.
type backend struct {
	store.Store
	loader *tick.Loader
}

func (b backend) FindDAG(ctx context.Context, id string) (store.Definition, error) {
	return b.DAG(ctx, id)
}

func (b backend) FindRun(ctx context.Context, id run.ID) (store.RunData, error) {
	return b.Run(ctx, id)
}

func (b backend) Trigger(ctx context.Context, t task.Trigger, by string) (r run.Run, err error) {
	err = tick.ApplyEdit(ctx, b.loader, time.Now, func(ctx context.Context, e *tick.Edit) (err error) {
		r, err = e.Trigger(ctx, t, by, func() string { return "suffix" })
		return err
	})
	return r, err
}

func serve(t *testing.T) http.Handler {
	t.Helper()
	st, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: filepath.Join(t.TempDir(), "a.db"), Durability: sqlitestore.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &dag.DAG{ID: "d", Tasks: []*dag.Task{dag.NewTask("only", "updraft.noop")}}
	body, version, err := dag.Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.PutDAG(t.Context(), store.Definition{ID: "d", Version: version, Body: body, File: "d.yaml", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return api.Handler(api.Config{Backend: backend{st, tick.NewLoader(st)}, Store: st, Log: slog.New(slog.DiscardHandler)})
}

func call(t *testing.T, h http.Handler, method, path, body string) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s %s answers %d with no JSON object: %q", method, path, w.Code, raw)
	}
	return w.Code, out
}

func TestTriggerAndLook(t *testing.T) {
	t.Parallel()
	h := serve(t)
	code, made := call(t, h, "POST", "/api/v2/dags/d/dagRuns", `{"logical_date": "2026-01-02T00:00:00Z", "conf": {"a": 1}, "note": "why"}`)
	if code != http.StatusOK || made["dag_run_id"] != "manual__2026-01-02T00:00:00+00:00" || made["state"] != "queued" || made["triggered_by"] != "rest_api" {
		t.Fatalf("trigger: %d %v", code, made)
	}
	code, got := call(t, h, "GET", "/api/v2/dags/d/dagRuns/manual__2026-01-02T00:00:00+00:00", "")
	if code != http.StatusOK || fmt.Sprint(got["conf"]) != "map[a:1]" || got["note"] != "why" || got["end_date"] != nil {
		t.Errorf("run: %d %v", code, got)
	}
	code, list := call(t, h, "GET", "/api/v2/dags/d/dagRuns?limit=1", "")
	if runs, ok := list["dag_runs"].([]any); code != http.StatusOK || !ok || len(runs) != 1 {
		t.Errorf("runs: %d %v", code, list)
	}
	code, d := call(t, h, "GET", "/api/v2/dags/d", "")
	if code != http.StatusOK || d["fileloc"] != "d.yaml" || d["is_paused"] != false {
		t.Errorf("DAG: %d %v", code, d)
	}
	code, tis := call(t, h, "GET", "/api/v2/dags/d/dagRuns/manual__2026-01-02T00:00:00+00:00/taskInstances", "")
	if code != http.StatusOK || tis["total_entries"] != 0.0 {
		t.Errorf("instances: %d %v", code, tis)
	}
	if code, health := call(t, h, "GET", "/api/v2/monitor/health", ""); code != http.StatusOK || fmt.Sprint(health) != "map[metadatabase:map[status:healthy]]" {
		t.Errorf("health: %d %v", code, health)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	h := serve(t)
	if code, _ := call(t, h, "POST", "/api/v2/dags/d/dagRuns", `{"dag_run_id": "r"}`); code != http.StatusOK {
		t.Fatalf("trigger: %d", code)
	}
	for _, tt := range []struct {
		method, path, body string
		code               int
		detail             string
	}{
		{"GET", "/api/v2/dags/no", "", 404, "not found"},
		{"GET", "/api/v2/dags/d/dagRuns/no", "", 404, "not found"},
		{"POST", "/api/v2/dags/no/dagRuns", "{}", 404, "DAG no: not found"},
		{"POST", "/api/v2/dags/d/dagRuns", `{"dag_run_id": "r"}`, 409, "exists already"},
		{"POST", "/api/v2/dags/d/dagRuns", `{"conf": [1]}`, 400, "conf has to be a JSON object"},
		{"POST", "/api/v2/dags/d/dagRuns", `{"dag_run_id": "a\u0000"}`, 400, "NUL"},
		{"POST", "/api/v2/dags/d/dagRuns", `{"dagRunId": "x"}`, 422, "unknown field"},
		{"POST", "/api/v2/dags/d/dagRuns", `{`, 422, "the body is no trigger"},
		{"POST", "/api/v2/dags/d/dagRuns", `{"note": "` + strings.Repeat("x", 2<<20) + `"}`, 413, "too large"},
		{"GET", "/api/v2/dags/d/dagRuns?limit=x", "", 422, "limit"},
		{"GET", "/api/v2/dags/d/dagRuns?cursor=x", "", 400, "page token"},
	} {
		code, got := call(t, h, tt.method, tt.path, tt.body)
		if text, _ := got["detail"].(string); code != tt.code || !strings.Contains(text, tt.detail) {
			t.Errorf("%s %s %.60s: %d %v, want %d %q", tt.method, tt.path, tt.body, code, got, tt.code, tt.detail)
		}
	}
}
