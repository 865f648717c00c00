package callable_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

// past is what a store has of earlier runs and events.
type past struct {
	runs   []run.Run
	events []run.AssetEvent
}

func (p past) ListRuns(context.Context, store.RunFilter, store.Page) (store.RunList, error) {
	return store.RunList{Items: p.runs}, nil
}

func (p past) AssetEvents(_ context.Context, asset string, after, _ time.Time, limit int) ([]run.AssetEvent, error) {
	var out []run.AssetEvent
	for _, e := range p.events {
		if (asset == "" || e.Asset == asset) && e.At.After(after) && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

const assetTasks = `
from airflow.sdk import Asset, AssetAlias, Metadata
orders, found = Asset("orders", uri="s3://orders"), AssetAlias("found")
def sets(outlet_events):
    outlet_events[orders].extra = {"rows": 5}
    outlet_events[found].add(Asset("s3://new"), extra={"n": 1.5})
    return "done"
def yields():
    yield Metadata(orders, {"rows": 6})
    return "done"
def fails(outlet_events):
    outlet_events[orders].extra = {"rows": 5}
    raise ValueError
def bad(outlet_events):
    outlet_events[orders].extra = {"rows": {1}}
def reads(inlet_events):
    events = inlet_events[orders]
    last = events[-1]
    return [len(events), last.extra, last.source_task_id, str(last.timestamp), [e.extra for e in inlet_events[found]], [e.extra for e in inlet_events[0].before("2024-05-01")]]
def before(prev_data_interval_start_success, prev_start_date_success, prev_end_date_success):
    return [prev_data_interval_start_success.isoformat(), str(prev_start_date_success), prev_end_date_success]
`

func TestAssetUpdates(t *testing.T) {
	t.Parallel()
	r := open(t, callable.Config{})
	h := attempt(t, assetTasks)
	orders := dag.AssetRef{Name: "orders", URI: "s3://orders"}
	for name, want := range map[string][]task.AssetUpdate{
		"sets": {
			{Asset: orders, Extra: dict{"rows": 5.0}},
			{Asset: dag.AssetRef{Name: "s3://new", URI: "s3://new"}, Alias: "found", Extra: dict{"n": 1.5}},
		},
		"yields": {{Asset: orders, Extra: dict{"rows": 6.0}}},
	} {
		got := &operatortest.Assets{}
		a := h.Attempt(nil)
		a.Assets = got
		raw, err := r.Call(t.Context(), a, function(name))
		if err != nil || string(raw) != `"done"` {
			t.Fatalf("%s: %s, %v", name, raw, err)
		}
		if diff := cmp.Diff(want, got.Updates); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for name, want := range map[string]string{
		"fails": "failed (task, 0): ValueError", "bad": "failed (task, 0): TypeError: the extra of asset 'orders' is no JSON: Object of type set is not JSON serializable",
	} {
		a := h.Attempt(nil)
		_, err := r.Call(t.Context(), a, function(name))
		if said := operatortest.Outcome(err); said != want {
			t.Errorf("%s: %s", name, said)
		}
		if len(h.Assets.Updates) != 0 {
			t.Errorf("%s: updates %v of a failure", name, h.Assets.Updates)
		}
	}
}

func TestPast(t *testing.T) {
	t.Parallel()
	early, late := operatortest.Logical.Add(-48*time.Hour), operatortest.Logical.Add(-24*time.Hour)
	source := run.Key{ID: run.ID{DAG: "other", Run: "r"}, Task: "s", Map: run.Unmapped}
	p := past{
		runs: []run.Run{{LogicalDate: &early, IntervalStart: &early, Start: early}, {LogicalDate: &late, IntervalStart: &late, Start: late}},
		events: []run.AssetEvent{
			{Asset: "s3://orders", Name: "orders", At: early, Extra: dict{"rows": 1}},
			{Asset: "s3://x", At: early.Add(1), Extra: dict{"x": 1}, Aliases: []string{"found"}},
			{Asset: "s3://orders", Name: "orders", At: operatortest.Logical, Extra: dict{"rows": 2}, Source: source},
		},
	}
	r := open(t, callable.Config{Runs: p, Events: p})
	h := attempt(t, assetTasks)
	h.Task.Inlets = []dag.AssetRef{{Name: "orders", URI: "s3://orders"}, {Alias: "found"}}
	for name, want := range map[string]any{
		"reads": []any{
			int64(2), dict{"rows": int64(2)}, "s", "2024-05-01 00:00:00+00:00", []any{dict{"x": int64(1)}}, []any{dict{"rows": int64(1)}},
		},
		"before": []any{late.Format("2006-01-02T15:04:05+00:00"), "2024-04-30 00:00:00+00:00", nil},
	} {
		raw, err := r.Call(t.Context(), h.Attempt(nil), function(name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, decode(t, raw)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	bare := open(t, callable.Config{})
	for name, want := range map[string]string{
		"reads":  "failed (task, 0): AirflowRuntimeError: asset events cannot be looked for here: inlet_events is not available",
		"before": "failed (task, 0): AirflowRuntimeError: earlier runs cannot be looked for here: prev_*_success are not available",
	} {
		_, err := bare.Call(t.Context(), h.Attempt(nil), function(name))
		if said := operatortest.Outcome(err); said != want {
			t.Errorf("%s: %s", name, said)
		}
	}
}
