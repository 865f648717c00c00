package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// PutDAG implements store.Definitions.
func (m *Model) PutDAG(ctx context.Context, d store.Definition) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := cmp.Or(store.CheckName("dag id", d.ID), store.CheckName("dag version", d.Version)); err != nil {
		return err
	}
	if len(d.Body) > MaxItem {
		return store.ErrTooLarge
	}
	d.Body, d.At = slices.Clone(d.Body), d.At.UTC()
	v := [2]string{d.ID, d.Version}
	if _, there := m.versions[v]; !there {
		m.versions[v] = d
	}
	if old := m.dags[d.ID]; old != nil {
		d.State = old.State
	} else {
		d.State = cloneState(d.State)
		d.State.Revision = 1
	}
	d.At, d.Body = m.versions[v].At, m.versions[v].Body
	m.dags[d.ID] = &d
	return nil
}

// DAG implements store.Definitions.
func (m *Model) DAG(ctx context.Context, id string) (store.Definition, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return store.Definition{}, err
	}
	defer leave()
	if d := m.dags[id]; d != nil {
		return cloneDefinition(*d), nil
	}
	return store.Definition{}, store.ErrNotFound
}

// Version implements store.Definitions.
func (m *Model) Version(ctx context.Context, id, version string) ([]byte, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	d, there := m.versions[[2]string{id, version}]
	if !there {
		return nil, store.ErrNotFound
	}
	return slices.Clone(d.Body), nil
}

// ListDAGs implements store.Definitions.
func (m *Model) ListDAGs(ctx context.Context, f store.DAGFilter, p store.Page) (store.DAGList, error) {
	var list store.DAGList
	leave, err := m.enter(ctx)
	if err != nil {
		return list, err
	}
	defer leave()
	for _, d := range m.dags {
		if d.State.Stale && !f.IncludeStale {
			continue
		}
		c := cloneDefinition(*d)
		if f.Bare {
			c.Body = nil
		}
		list.Items = append(list.Items, c)
	}
	order := func(a, b store.Definition) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(list.Items, order)
	name := "dags"
	if f.IncludeStale {
		name = "dags and stale ones"
	}
	list.Items, list.Next, err = page(list.Items, p, name, order)
	return list, err
}

// SetDAG implements store.Definitions.
func (m *Model) SetDAG(ctx context.Context, id string, s store.DAGState) (store.DAGState, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return store.DAGState{}, err
	}
	defer leave()
	d := m.dags[id]
	if d == nil {
		return store.DAGState{}, store.ErrNotFound
	}
	if d.State.Revision != s.Revision {
		return store.DAGState{}, store.ErrConflict
	}
	d.State = cloneState(s)
	d.State.Revision++
	return cloneState(d.State), nil
}

// DeleteDAG implements store.Definitions.
func (m *Model) DeleteDAG(ctx context.Context, id string) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if m.dags[id] == nil {
		return store.ErrNotFound
	}
	delete(m.dags, id)
	maps.DeleteFunc(m.versions, func(k [2]string, _ store.Definition) bool { return k[0] == id })
	maps.DeleteFunc(m.runs, func(k run.ID, _ *modelRun) bool { return k.DAG == id })
	return nil
}

// PutXCom implements store.XComs.
func (m *Model) PutXCom(ctx context.Context, key run.Key, token string, x run.XCom) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := store.CheckName("xcom key", x.Name); err != nil {
		return err
	}
	if len(x.Value) > MaxItem {
		return store.ErrTooLarge
	}
	id := instanceID{key.Task, key.Map}
	r := m.runs[key.ID]
	if r == nil {
		return store.ErrConflict
	}
	if i, there := r.instances[id]; !there || i.Token != token {
		return store.ErrConflict
	}
	r.putXCom(id, x)
	return nil
}

// XComs implements store.XComs.
func (m *Model) XComs(ctx context.Context, q store.XComQuery) ([]store.XComItem, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	r := m.runs[q.Run]
	if r == nil {
		return nil, nil
	}
	var list []store.XComItem
	for _, id := range slices.SortedFunc(maps.Keys(r.xcoms), instanceID.compare) {
		if len(q.Tasks) > 0 && !slices.Contains(q.Tasks, id.task) || q.Maps != nil && !slices.Contains(q.Maps, id.index) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(r.xcoms[id])) {
			if q.Name == "" || q.Name == name {
				key := run.Key{ID: q.Run, Task: id.task, Map: id.index}
				list = append(list, store.XComItem{Key: key, XCom: cloneXCom(r.xcoms[id][name])})
			}
		}
	}
	return list, nil
}

// DeleteXCom implements store.XComs.
func (m *Model) DeleteXCom(ctx context.Context, key run.Key, name string) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if r := m.runs[key.ID]; r != nil {
		delete(r.xcoms[instanceID{key.Task, key.Map}], name)
	}
	return nil
}

// Setting implements store.Settings.
func (m *Model) Setting(ctx context.Context, k store.Kind, id string) (store.Setting, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return store.Setting{}, err
	}
	defer leave()
	s, there := m.settings[k][id]
	if !there {
		return store.Setting{}, store.ErrNotFound
	}
	s.Value = slices.Clone(s.Value)
	return s, nil
}

// PutSetting implements store.Settings.
func (m *Model) PutSetting(ctx context.Context, k store.Kind, s store.Setting) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := store.CheckName("id", s.ID); err != nil {
		return err
	}
	old, there := m.settings[k][s.ID]
	switch {
	case len(s.Value) > MaxItem:
		return store.ErrTooLarge
	case s.Revision < 0 && there:
		return store.ErrExists
	case s.Revision > 0 && old.Revision != s.Revision:
		return store.ErrConflict
	}
	if m.settings[k] == nil {
		m.settings[k] = map[string]store.Setting{}
	}
	s.Revision, s.Value, s.At = old.Revision+1, slices.Clone(s.Value), s.At.UTC()
	m.settings[k][s.ID] = s
	return nil
}

// Settings implements store.Settings.
func (m *Model) Settings(ctx context.Context, k store.Kind) ([]store.Setting, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var list []store.Setting
	for _, id := range slices.Sorted(maps.Keys(m.settings[k])) {
		s := m.settings[k][id]
		s.Value = slices.Clone(s.Value)
		list = append(list, s)
	}
	return list, nil
}

// DeleteSetting implements store.Settings.
func (m *Model) DeleteSetting(ctx context.Context, k store.Kind, id string) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if _, there := m.settings[k][id]; !there {
		return store.ErrNotFound
	}
	delete(m.settings[k], id)
	return nil
}

// AssetEvents implements store.Settings.
func (m *Model) AssetEvents(
	ctx context.Context, asset string, after, until time.Time, limit int,
) ([]run.AssetEvent, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var list []run.AssetEvent
	for _, e := range m.events {
		if (asset == "" || e.Asset == asset) && e.At.After(after) && (until.IsZero() || !e.At.After(until)) {
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b run.AssetEvent) int { return a.At.Compare(b.At) })
	if limit <= 0 {
		limit = 1000
	}
	return cloneEvents(list[:min(limit, len(list))]), nil
}

func cloneTime(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func cloneInstance(i run.Instance) run.Instance {
	for _, t := range []*time.Time{&i.QueuedAt, &i.Start, &i.End, &i.Due, &i.Lease, &i.FirstStart} {
		*t = t.UTC()
	}
	if i.Length != nil {
		n := *i.Length
		i.Length = &n
	}
	if i.Choice != nil {
		c := run.Choice{Followed: slices.Clone(i.Choice.Followed), Skipped: slices.Clone(i.Choice.Skipped)}
		i.Choice = &c
	}
	i.Trigger = slices.Clone(i.Trigger)
	return i
}

func cloneRun(r run.Run) run.Run {
	r.LogicalDate, r.IntervalStart, r.IntervalEnd =
		cloneTime(r.LogicalDate), cloneTime(r.IntervalStart), cloneTime(r.IntervalEnd)
	for _, t := range []*time.Time{&r.RunAfter, &r.QueuedAt, &r.Start, &r.End} {
		*t = t.UTC()
	}
	r.Conf, r.Events = slices.Clone(r.Conf), cloneEvents(r.Events)
	r.Owed, r.Deadlines = slices.Clone(r.Owed), slices.Clone(r.Deadlines)
	return r
}

// cloneEvents goes through JSON, as Extra does in every store.
func cloneEvents(l []run.AssetEvent) []run.AssetEvent {
	out := slices.Clone(l)
	for i := range out {
		out[i].At = out[i].At.UTC()
		if len(out[i].Extra) == 0 {
			out[i].Extra = nil
			continue
		}
		b, err := json.Marshal(out[i].Extra)
		out[i].Extra = nil
		if err == nil {
			_ = json.Unmarshal(b, &out[i].Extra)
		}
	}
	return out
}

func cloneXCom(x run.XCom) run.XCom {
	x.Value, x.At = slices.Clone(x.Value), x.At.UTC()
	return x
}

func cloneState(s store.DAGState) store.DAGState {
	if s.Last != nil {
		s.Last = &store.Interval{Start: s.Last.Start.UTC(), End: s.Last.End.UTC()}
	}
	assets := make(map[string]time.Time, len(s.Assets))
	for uri, t := range s.Assets {
		assets[uri] = t.UTC()
	}
	s.Assets, s.AssetsAfter = assets, s.AssetsAfter.UTC()
	placements := make([]run.Placement, len(s.Placements))
	for i, p := range s.Placements {
		p.Tasks, p.At, p.Ended = slices.Clone(p.Tasks), p.At.UTC(), p.Ended.UTC()
		placements[i] = p
	}
	s.Placements = placements
	memory := make(map[string]run.Memory, len(s.Memory))
	for task, m := range s.Memory {
		m.At = m.At.UTC()
		memory[task] = m
	}
	s.Memory = memory
	return s
}

func cloneDefinition(d store.Definition) store.Definition {
	d.Body, d.State = slices.Clone(d.Body), cloneState(d.State)
	return d
}
