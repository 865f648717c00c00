package dynamostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// loaded is what was read of a run's partition.
type loaded struct {
	*header
	place   *place
	shards  []item
	details map[key]item
}

// smallRun is the number of tasks up to which a run is read whole although only some of it
// was asked for: a range is cheaper than the same items one by one.
const smallRun = 64

// pick selects instances of a task: those of the given indexes, or all.
type pick struct {
	task string
	// maps is nil for all.
	maps []int
}

func (p pick) has(index int) bool { return p.maps == nil || slices.Contains(p.maps, index) }

// firstLook is the number of items that are read of a run of which nothing is known: its
// header and some shards, as many as one read unit buys.
const firstLook = 4

// load reads a run: what is picked, or all.
func (s *Store) load(ctx context.Context, id run.ID, picks []pick) (*loaded, error) {
	p := s.knownPlace(id)
	if p != nil && p.wide() && len(picks) > 0 {
		l, err := s.loadTasks(ctx, p, nil, picks)
		if !errors.Is(err, errMoved) {
			return l, err
		}
		s.forget(id)
		p = nil
	}
	r := span{pk: runKey(id), from: sortMeta, to: sortEnd}
	if p == nil && len(picks) > 0 {
		r.limit = firstLook
	}
	items, err := s.first(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 || strOf(items[0], attrSK) != sortMeta {
		return nil, store.ErrNotFound
	}
	h, err := s.decodeHeader(ctx, id, items[0])
	if err != nil {
		return nil, err
	}
	if p, err = s.placeOf(ctx, h); err != nil {
		return nil, err
	}
	if r.limit > 0 && len(items) >= r.limit {
		if p.wide() {
			return s.loadTasks(ctx, p, h, picks)
		}
		r.past, r.limit = strOf(items[len(items)-1], attrSK), 0
		rest, err := s.all(ctx, r)
		if err != nil {
			return nil, err
		}
		items = append(items, rest...)
	}
	l := &loaded{header: h, place: p, details: map[key]item{}}
	return l, l.take(ctx, s, items[1:])
}

// wide says that it is cheaper to read some tasks of a run one by one than all in one range.
func (p *place) wide() bool {
	return p.layout != nil && (len(p.layout.tasks) > smallRun || p.layout.mapped)
}

// take sorts items. Stagings come before the shards that were made by them.
func (l *loaded) take(ctx context.Context, s *Store, items []item) error {
	var shards []item
	for _, it := range items {
		k := key{strOf(it, attrPK), strOf(it, attrSK)}
		switch {
		case strings.HasPrefix(k.sk, sortShard+l.epoch+"#"):
			shards = append(shards, it)
		case strings.HasPrefix(k.sk, sortDetail+l.epoch+"#"):
			l.details[k] = it
		}
	}
	seen, err := s.seeAll(ctx, l.place, shards)
	for _, sh := range seen {
		if sh.item != nil {
			l.shards = append(l.shards, sh.item)
			s.addShard(l.place, strOf(sh.item, attrSK), sh.staging)
		}
	}
	return err
}

// fewIndexes is the number of indexes of a mapped task whose shards are read one by one.
const fewIndexes = 32

// loadTasks reads the shards of what is picked, and the header, unless that was read already.
func (s *Store) loadTasks(ctx context.Context, p *place, h *header, picks []pick) (*loaded, error) {
	keys, ranges := p.whereabouts(picks)
	if h == nil {
		keys = append(keys, metaKey(p.id))
	}
	found, err := s.getAll(ctx, distinct(keys))
	if err != nil {
		return nil, err
	}
	if h == nil {
		if found[metaKey(p.id)] == nil {
			return nil, store.ErrNotFound
		}
		if h, err = s.decodeHeader(ctx, p.id, found[metaKey(p.id)]); err != nil {
			return nil, err
		}
		if h.epoch != p.epoch {
			return nil, errMoved
		}
	}
	mapped, err := collect(ctx, len(ranges), func(ctx context.Context, i int) ([]item, error) { return s.all(ctx, ranges[i]) })
	if err != nil {
		return nil, err
	}
	l := &loaded{header: h, place: p}
	return l, l.take(ctx, s, slices.Concat(slices.Collect(maps.Values(found)), slices.Concat(mapped...)))
}

// whereabouts are the shards of what is picked: one by one, and ranges of them.
func (p *place) whereabouts(picks []pick) (keys []key, ranges []span) {
	for _, one := range picks {
		at, known := p.layout.tasks[one.task]
		indexes := []int{run.Unmapped}
		switch {
		case one.maps != nil && len(one.maps) <= fewIndexes:
			indexes = one.maps
		case !known || at.mapped:
			prefix := p.layout.indexedShards(p.epoch, one.task)
			ranges = append(ranges, span{pk: runKey(p.id), from: prefix, to: prefix + "~"})
		}
		for _, i := range indexes {
			keys = append(keys, key{runKey(p.id), p.layout.shardOf(p.epoch, one.task, i)})
		}
	}
	return keys, ranges
}

// Run implements store.Runs.
func (s *Store) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	data, err := s.run(ctx, id, picksOf(tasks, nil))
	return data, s.explain("reading run "+id.String(), err)
}

// Pick implements store.Picker: each instance costs the unit of its shard.
func (s *Store) Pick(ctx context.Context, id run.ID, keys ...run.Key) (store.RunData, error) {
	var picks []pick
	for _, k := range keys {
		at := slices.IndexFunc(picks, func(p pick) bool { return p.task == k.Task })
		if at < 0 {
			at, picks = len(picks), append(picks, pick{task: k.Task, maps: []int{}})
		}
		if k.Map == run.Unmapped {
			picks[at].maps = nil
		} else if picks[at].maps != nil {
			picks[at].maps = append(picks[at].maps, k.Map)
		}
	}
	data, err := s.run(ctx, id, picks)
	return data, s.explain("reading task instances of run "+id.String(), err)
}

var _ store.Picker = (*Store)(nil)

// picksOf picks the same indexes of several tasks.
func picksOf(tasks []string, indexes []int) []pick {
	picks := make([]pick, len(tasks))
	for i, t := range tasks {
		picks[i] = pick{t, indexes}
	}
	return picks
}

func (s *Store) run(ctx context.Context, id run.ID, picks []pick) (store.RunData, error) {
	if err := s.enter(ctx); err != nil {
		return store.RunData{}, err
	}
	l, err := s.load(ctx, id, picks)
	if err != nil {
		return store.RunData{}, err
	}
	picked := func(task string, index int) bool {
		return len(picks) == 0 || slices.ContainsFunc(picks, func(p pick) bool { return p.task == task && p.has(index) })
	}
	list := instances{s: s, id: id, epoch: l.epoch, details: l.details}
	for _, sh := range l.shards {
		for attr, v := range sh {
			task, index, ok := l.place.layout.entryOf(attr)
			if !ok || !picked(task, index) {
				continue
			}
			b, _ := v.(*types.AttributeValueMemberB)
			if b == nil {
				return store.RunData{}, damaged("task instance "+run.Key{ID: id, Task: task, Map: index}.String(),
					fmt.Errorf("it is no binary"))
			}
			if err := list.add(task, index, b.Value); err != nil {
				return store.RunData{}, err
			}
		}
	}
	if err := list.finish(ctx); err != nil {
		return store.RunData{}, err
	}
	slices.SortFunc(list.list, func(a, b run.Instance) int {
		return cmp.Or(strings.Compare(a.Task, b.Task), cmp.Compare(a.Map, b.Map))
	})
	return store.RunData{Run: l.run, Instances: list.list}, nil
}

// Due implements store.Runs. It reads the active runs whole: an index of what is due would
// cost a write for every claim, as each has a lease.
func (s *Store) Due(ctx context.Context, until time.Time) ([]run.ID, time.Time, error) {
	ids, next, err := s.due(ctx, until)
	return ids, next, s.explain("looking for what is due", err)
}

func (s *Store) due(ctx context.Context, until time.Time) (ids []run.ID, next time.Time, err error) {
	if err := s.enter(ctx); err != nil {
		return nil, next, err
	}
	items, err := s.all(ctx, whole(listActive))
	if err != nil {
		return nil, next, err
	}
	var active []run.ID
	for _, it := range items {
		e, err := decodeEntry(it)
		if err != nil {
			return nil, next, err
		}
		if !slices.Contains(active, e.id) {
			active = append(active, e.id)
		}
	}
	all, err := collect(ctx, len(active), func(ctx context.Context, i int) (store.RunData, error) {
		d, err := s.run(ctx, active[i], nil)
		if errors.Is(err, store.ErrNotFound) {
			return store.RunData{}, nil
		}
		return d, err
	})
	if err != nil {
		return nil, next, err
	}
	for n, d := range all {
		if d.Run.ID != active[n] || d.Run.State.Finished() {
			continue
		}
		due := false
		for i := range d.Instances {
			for _, t := range [...]time.Time{d.Instances[i].Due, d.Instances[i].Lease} {
				switch {
				case t.IsZero():
				case !t.After(until):
					due = true
				case next.IsZero() || t.Before(next):
					next = t
				}
			}
		}
		if due {
			ids = append(ids, d.Run.ID)
		}
	}
	return ids, next, nil
}

// History implements store.Runs.
func (s *Store) History(ctx context.Context, k run.Key) ([]run.Instance, error) {
	list, err := s.history(ctx, k)
	return list, s.explain("reading the history of "+k.String(), err)
}

func (s *Store) history(ctx context.Context, k run.Key) ([]run.Instance, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	h, err := s.readHeader(ctx, k.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	prefix := historyPrefix(h.epoch, k)
	items, err := s.all(ctx, span{pk: runKey(k.ID), from: prefix, to: prefix + "~"})
	if err != nil {
		return nil, err
	}
	list := instances{s: s, id: k.ID, epoch: h.epoch}
	for _, it := range items {
		if err := list.add(k.Task, k.Map, blobOf(it, attrBody)); err != nil {
			return nil, err
		}
	}
	return list.list, list.finish(ctx)
}

// DeleteRun implements store.Runs. If it fails on the way, the run is gone all the same,
// and what is left of it is seen by nobody.
func (s *Store) DeleteRun(ctx context.Context, id run.ID) error {
	err := s.enter(ctx)
	if err == nil {
		err = s.deleteRun(ctx, id)
	}
	return s.explain("deleting run "+id.String(), err)
}

func (s *Store) deleteRun(ctx context.Context, id run.ID) error {
	h, err := s.deleteHeader(ctx, id)
	if err != nil {
		return err
	}
	s.forget(id)
	if err := s.unlist(ctx, lists(&h.run), h.revision); err != nil {
		return err
	}
	var gone []key
	for _, prefix := range []string{sortShard, sortStaging, sortDetail, sortXCom, sortHistory} {
		from := prefix + h.epoch + "#"
		items, err := s.all(ctx, span{pk: runKey(id), from: from, to: from + "~", keysOnly: true})
		if err != nil {
			return err
		}
		for _, it := range items {
			gone = append(gone, key{strOf(it, attrPK), strOf(it, attrSK)})
		}
	}
	return s.writeBatch(ctx, nil, gone)
}
