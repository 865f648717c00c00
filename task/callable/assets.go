package callable

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

var errNoEvents = errors.New("asset events cannot be looked for here: inlet_events is not available")

// AssetEvents implements python.AssetReader.
func (h handler) AssetEvents(ctx context.Context, q python.AssetQuery) ([]python.AssetEvent, error) {
	if h.cfg.Events == nil {
		return nil, errNoEvents
	}
	ref := dag.AssetRef{Name: q.Name, URI: q.URI, Alias: q.Alias}
	found, err := task.AssetEvents(ctx, h.cfg.Events, ref, orZero(q.After), orZero(q.Before))
	if err != nil {
		return nil, err
	}
	out := make([]python.AssetEvent, 0, len(found))
	for i := range found {
		if q.Before == nil || found[i].At.Before(*q.Before) { // Airflow's bound is none of them
			out = append(out, assetEvent(&found[i]))
		}
	}
	return out, nil
}

func assetEvent(e *run.AssetEvent) python.AssetEvent {
	out := python.AssetEvent{
		ID: e.ID, Name: cmp.Or(e.Name, e.Asset), URI: e.Asset, Timestamp: e.At.UTC(), Extra: e.Extra, Aliases: e.Aliases,
	}
	if s := e.Source; s.Task != "" {
		out.DAGID, out.RunID, out.TaskID, out.MapIndex = &s.DAG, &s.Run, &s.Task, &s.Map
	}
	return out
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// triggers are the asset events that the run consumed, by asset.
func triggers(r *run.Run) []map[string]any {
	out := []map[string]any{}
	place := map[string]int{}
	for i := range r.Events {
		e := &r.Events[i]
		at, there := place[e.Asset]
		if !there {
			at = len(out)
			place[e.Asset] = at
			out = append(out, map[string]any{
				"asset": map[string]any{"name": cmp.Or(e.Name, e.Asset), "uri": e.Asset}, "events": []python.AssetEvent{},
			})
		}
		out[at]["events"] = append(out[at]["events"].([]python.AssetEvent), assetEvent(e))
	}
	return out
}
