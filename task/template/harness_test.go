package template

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

var (
	day  = time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	next = day.AddDate(0, 0, 1)
)

// attempt is an attempt of task t of the DAG shop, of the run of 2024-02-29, without services.
func attempt() *task.Attempt {
	t := dag.NewTask("t", "airflow.providers.standard.operators.bash.BashOperator")
	d := &dag.DAG{ID: "shop", File: "shop.yaml", Tasks: []*dag.Task{t}, MaxActiveRuns: 16}
	r := &run.Run{
		ID: run.ID{DAG: "shop", Run: "scheduled__2024-03-01T00:00:00+00:00"}, Type: run.TypeScheduled, State: run.RunRunning,
		LogicalDate: &day, IntervalStart: &day, IntervalEnd: &next, RunAfter: next,
	}
	return &task.Attempt{
		DAG: d, Task: t, Run: r, Instance: &run.Instance{Task: "t", Map: run.Unmapped, Try: 1, State: run.Running},
		Services: task.Services{Now: func() time.Time { return next }},
	}
}

// world is an installation as far as templates see it.
type world struct {
	xcoms  map[string]string // by task, or task.key
	pushed map[string]any
	runs   []run.Run
	events []run.AssetEvent
	fail   error
	asked  int
}

func (w *world) Push(_ context.Context, name string, value any) error {
	w.pushed[name] = value
	return w.fail
}

func (w *world) Pull(_ context.Context, q task.Pull) ([]task.PulledXCom, error) {
	w.asked++
	var out []task.PulledXCom
	for _, id := range q.Tasks {
		name := id
		if q.Name != dag.ReturnValue {
			name += "." + q.Name
		}
		if v, ok := w.xcoms[name]; ok {
			out = append(out, task.PulledXCom{Key: run.Key{Task: id, Map: run.Unmapped}, Value: json.RawMessage(v)})
		}
	}
	return out, w.fail
}

func (w *world) Connection(_ context.Context, id string) (settings.Connection, error) {
	if id != "db" {
		return settings.Connection{}, cmp.Or(w.fail, store.ErrNotFound)
	}
	return settings.Connection{ID: id, Type: "postgres", Host: "h", Port: 5433, Extra: json.RawMessage(`{"a":[1,2]}`)}, nil
}

func (w *world) Variable(_ context.Context, key string) (string, error) {
	v, ok := map[string]string{"city": "seoul", "nums": `{"b": 1, "a": 2}`, "bad": "{"}[key]
	if !ok {
		return "", cmp.Or(w.fail, store.ErrNotFound)
	}
	return v, nil
}

func (*world) SetVariable(context.Context, settings.Variable) error { return nil }

func (*world) DeleteVariable(context.Context, string) error { return nil }

func (w *world) ListRuns(_ context.Context, f store.RunFilter, _ store.Page) (store.RunList, error) {
	w.asked++
	var l store.RunList
	for _, r := range w.runs {
		if slices.Contains(f.States, r.State) && r.LogicalDate.Before(f.LogicalBefore) {
			l.Items = append(l.Items, r)
		}
	}
	return l, w.fail
}

func (w *world) AssetEvents(_ context.Context, asset string, _, _ time.Time, _ int) ([]run.AssetEvent, error) {
	return slices.DeleteFunc(slices.Clone(w.events), func(e run.AssetEvent) bool { return asset != "" && e.Asset != asset }), w.fail
}

// Call has one function, twice, and one that fails.
func (*world) Call(_ context.Context, _ *task.Attempt, c task.PythonCall) (json.RawMessage, error) {
	if c.Callable.Path != "helpers.twice" {
		return nil, errors.New("ValueError: no")
	}
	return json.Marshal([]any{c.Args, c.Kwargs})
}

func (*world) Check(context.Context, *task.Attempt, task.PythonCall) (bool, json.RawMessage, error) {
	return false, nil, errors.New("not here")
}

// full is an attempt with all services.
func full(w *world) (Config, *task.Attempt) {
	a := attempt()
	a.XComs, a.Settings, a.Python = w, w, w
	return Config{Runs: w, Events: w, Hostname: "host", BaseURL: "https://up/", Random: func(n int) int { return n - 1 }}, a
}

// compare renders with a new renderer each; a text that begins with "!! " is an error's part.
func compare(t *testing.T, c Config, a *task.Attempt, cases [][2]string) {
	t.Helper()
	for _, tt := range cases {
		got, err := NewRenderer(c, a).Render(t.Context(), tt[0])
		if want, fails := strings.CutPrefix(tt[1], "!! "); fails {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\n got %v, %v\nwant the error %s", tt[0], got, err, want)
			}
			continue
		}
		if err != nil || got != tt[1] {
			t.Errorf("%s\n got %v, %v\nwant %s", tt[0], got, err, tt[1])
		}
	}
}
