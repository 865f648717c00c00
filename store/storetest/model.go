package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// MaxItem is the size of the largest value that a Model holds.
const MaxItem = 1 << 20

// Model is a store of plain maps: the reference for drivers, and a quick store for
// tests of those who use one. Nothing of it is durable.
type Model struct {
	mu       sync.Mutex
	closed   bool
	dags     map[string]*store.Definition
	versions map[[2]string]store.Definition
	runs     map[run.ID]*modelRun
	settings map[store.Kind]map[string]store.Setting
	events   []run.AssetEvent
}

type modelRun struct {
	run       run.Run
	instances map[instanceID]run.Instance
	history   map[instanceID][]run.Instance
	xcoms     map[instanceID]map[string]run.XCom
}

type instanceID struct {
	task  string
	index int
}

func (a instanceID) compare(b instanceID) int {
	return cmp.Or(strings.Compare(a.task, b.task), cmp.Compare(a.index, b.index))
}

var _ store.Store = (*Model)(nil)

// NewModel returns an empty model.
func NewModel() *Model {
	return &Model{dags: map[string]*store.Definition{}, versions: map[[2]string]store.Definition{},
		runs: map[run.ID]*modelRun{}, settings: map[store.Kind]map[string]store.Setting{}}
}

// enter locks the model for one call.
func (m *Model) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, store.ErrClosed
	}
	return m.mu.Unlock, nil
}

// Close implements store.Store.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// Apply implements store.Runs.
func (m *Model) Apply(ctx context.Context, batches ...store.Batch) (store.Result, error) {
	res := store.Result{}
	leave, err := m.enter(ctx)
	if err != nil {
		return res, err
	}
	defer leave()
	for i := range batches {
		if err := errors.Join(store.CheckBatch(&batches[i]), checkSizes(&batches[i])); err != nil {
			return res, err
		}
	}
	for i, b := range batches {
		lost, err := m.apply(b)
		res.Beside = append(res.Beside, m.beside(i, &b)...)
		for _, l := range lost {
			l.Batch = i
			res.Lost = append(res.Lost, l)
		}
		if err != nil {
			if res.Refused == nil {
				res.Refused = map[int]error{}
			}
			res.Refused[i] = err
		}
	}
	return res, nil
}

// besides is the number of indexes that lie beside each other.
const besides = 4

// beside returns how the instances of a batch stand, and those that lie beside them: of tasks
// whose names are as long, a few indexes each. It is enough for callers to meet instances
// that they have not written, and not all of them.
func (m *Model) beside(n int, b *run.Batch) (l []store.Neighbor) {
	r := m.runs[b.Run]
	if r == nil {
		return nil
	}
	place := func(id instanceID) [2]int { return [2]int{len(id.task), id.index / besides} }
	written := map[[2]int]bool{}
	for i := range b.Changes {
		written[place(instanceID{b.Changes[i].Want.Task, b.Changes[i].Want.Map})] = true
	}
	for id, in := range r.instances {
		if written[place(id)] {
			l = append(l, store.Neighbor{Batch: n, Task: id.task, Map: id.index, State: in.State})
		}
	}
	slices.SortFunc(l, func(a, b store.Neighbor) int {
		return instanceID{a.Task, a.Map}.compare(instanceID{b.Task, b.Map})
	})
	return l
}

func checkSizes(b *run.Batch) error {
	for i := range b.Changes {
		size := len(b.Changes[i].Want.Tail)
		for _, x := range b.Changes[i].XComs {
			size = max(size, len(x.Value))
		}
		if size > MaxItem {
			return store.ErrTooLarge
		}
	}
	if b.Create != nil && len(b.Create.Conf) > MaxItem {
		return store.ErrTooLarge
	}
	return nil
}

func (m *Model) apply(b run.Batch) (lost []store.Lost, refused error) {
	if store.EventsOnly(&b) {
		m.addEvents(b.Events)
		return nil, nil
	}
	r := m.runs[b.Run]
	switch {
	case b.Create != nil && (r != nil || m.hasLogical(b.Run.DAG, b.Create.LogicalDate)):
		return nil, store.ErrExists
	case b.Create != nil:
		r = &modelRun{run: cloneRun(*b.Create), instances: map[instanceID]run.Instance{},
			history: map[instanceID][]run.Instance{}, xcoms: map[instanceID]map[string]run.XCom{}}
		m.runs[b.Run] = r
	case r == nil:
		return nil, store.ErrNotFound
	}
	if u := b.Update; u != nil {
		if r.run.State == u.State && r.run.Clears == u.Clears {
			logical := r.run.LogicalDate
			r.run = cloneRun(u.Want)
			r.run.LogicalDate = logical
		} else {
			lost = append(lost, store.Lost{Change: -1})
		}
	}
	for i := range b.Changes {
		if stored, ok := r.change(&b.Changes[i]); !ok {
			lost = append(lost, store.Lost{Change: i, Stored: stored})
		}
	}
	if len(lost) == 0 {
		m.addEvents(b.Events)
	}
	return lost, nil
}

func (m *Model) hasLogical(dag string, at *time.Time) bool {
	for id, r := range m.runs {
		if at != nil && id.DAG == dag && r.run.LogicalDate != nil && r.run.LogicalDate.Equal(*at) {
			return true
		}
	}
	return false
}

func (m *Model) addEvents(events []run.AssetEvent) {
	for _, e := range cloneEvents(events) {
		if e.ID == 0 {
			e.ID = int64(len(m.events) + 1)
		}
		m.events = append(m.events, e)
	}
}

func (r *modelRun) change(c *run.Change) (stored *run.Instance, ok bool) {
	id := instanceID{c.Want.Task, c.Want.Map}
	if i, there := r.instances[id]; there {
		i = cloneInstance(i)
		stored = &i
	}
	if !c.If.Met(stored) {
		return stored, false
	}
	if c.Archive && stored != nil {
		r.history[id] = append(r.history[id], *stored)
	}
	if c.Gone {
		delete(r.instances, id)
	} else {
		r.instances[id] = cloneInstance(c.Want)
	}
	if c.ClearXComs {
		delete(r.xcoms, id)
	}
	for _, x := range c.XComs {
		r.putXCom(id, x)
	}
	return nil, true
}

func (r *modelRun) putXCom(id instanceID, x run.XCom) {
	if r.xcoms[id] == nil {
		r.xcoms[id] = map[string]run.XCom{}
	}
	r.xcoms[id][x.Name] = cloneXCom(x)
}

// Run implements store.Runs.
func (m *Model) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return store.RunData{}, err
	}
	defer leave()
	r := m.runs[id]
	if r == nil {
		return store.RunData{}, fmt.Errorf("run %s: %w", id, store.ErrNotFound)
	}
	data := store.RunData{Run: cloneRun(r.run)}
	for _, k := range slices.SortedFunc(maps.Keys(r.instances), instanceID.compare) {
		if len(tasks) == 0 || slices.Contains(tasks, k.task) {
			data.Instances = append(data.Instances, cloneInstance(r.instances[k]))
		}
	}
	return data, nil
}

// ListRuns implements store.Runs.
func (m *Model) ListRuns(ctx context.Context, f store.RunFilter, p store.Page) (store.RunList, error) {
	var list store.RunList
	leave, err := m.enter(ctx)
	if err != nil {
		return list, err
	}
	defer leave()
	order := func(a, b run.Run) int {
		c := cmp.Or(a.RunAfter.Compare(b.RunAfter), strings.Compare(a.DAG, b.DAG), strings.Compare(a.Run, b.Run))
		if f.Order == store.OldestFirst {
			return c
		}
		return -c
	}
	for _, r := range m.runs {
		if selects(f, &r.run) {
			list.Items = append(list.Items, cloneRun(r.run))
		}
	}
	slices.SortFunc(list.Items, order)
	list.Items, list.Next, err = page(list.Items, p, fmt.Sprintf("runs %+v", f), order)
	return list, err
}

func selects(f store.RunFilter, r *run.Run) bool {
	return (f.DAG == "" || r.DAG == f.DAG) &&
		(len(f.States) == 0 || slices.Contains(f.States, r.State)) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, r.Type)) &&
		(f.After.IsZero() || !r.RunAfter.Before(f.After)) &&
		(f.Before.IsZero() || r.RunAfter.Before(f.Before)) &&
		(f.LogicalBefore.IsZero() || r.LogicalDate != nil && r.LogicalDate.Before(f.LogicalBefore)) &&
		(f.Backfill == "" || r.Backfill == f.Backfill) && (!f.Owing || r.Owes())
}

// page cuts the asked page from a sorted list. The token is the last item before it.
func page[T any](all []T, p store.Page, list string, order func(a, b T) int) ([]T, string, error) {
	if p.Token != "" {
		parts, err := store.DecodeToken(list, p.Token, 1)
		if err != nil {
			return nil, "", err
		}
		var last T
		if err := json.Unmarshal([]byte(parts[0]), &last); err != nil {
			return nil, "", fmt.Errorf("%w: %w", store.ErrBadToken, err)
		}
		for len(all) > 0 && order(all[0], last) <= 0 {
			all = all[1:]
		}
	}
	limit := p.Limit
	if limit <= 0 {
		limit = 100
	}
	if len(all) <= limit {
		return all, "", nil
	}
	last, err := json.Marshal(all[limit-1])
	return all[:limit], store.EncodeToken(list, string(last)), err
}

// Due implements store.Runs.
func (m *Model) Due(ctx context.Context, until time.Time) (ids []run.ID, next time.Time, err error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return nil, next, err
	}
	defer leave()
	for id, r := range m.runs {
		due := false
		for _, i := range r.instances {
			for _, t := range []time.Time{i.Due, i.Lease} {
				switch {
				case t.IsZero() || r.run.State.Finished():
				case !t.After(until):
					due = true
				case next.IsZero() || t.Before(next):
					next = t
				}
			}
		}
		if due {
			ids = append(ids, id)
		}
	}
	return ids, next, nil
}

// History implements store.Runs.
func (m *Model) History(ctx context.Context, key run.Key) ([]run.Instance, error) {
	leave, err := m.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var list []run.Instance
	if r := m.runs[key.ID]; r != nil {
		for _, i := range r.history[instanceID{key.Task, key.Map}] {
			list = append(list, cloneInstance(i))
		}
	}
	return list, nil
}

// DeleteRun implements store.Runs.
func (m *Model) DeleteRun(ctx context.Context, id run.ID) error {
	leave, err := m.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if m.runs[id] == nil {
		return store.ErrNotFound
	}
	delete(m.runs, id)
	return nil
}
