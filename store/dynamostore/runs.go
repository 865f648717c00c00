package dynamostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// load reads a run: of the given tasks and indexes, or of all.
func (s *Store) load(ctx context.Context, id run.ID, tasks []string, maps []int) (*loaded, error) {
	if p := s.knownPlace(id); p != nil && len(tasks) > 0 && p.layout != nil &&
		(len(p.layout.tasks) > smallRun || p.layout.mapped) {
		l, err := s.loadTasks(ctx, p, tasks, maps)
		if !errors.Is(err, errMoved) {
			return l, err
		}
		s.forget(id)
	}
	items, err := s.all(ctx, span{pk: runKey(id), from: sortMeta, to: sortEnd})
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
	l := &loaded{header: h, details: map[key]item{}}
	if l.place, err = s.placeOf(ctx, h); err != nil {
		return nil, err
	}
	return l, l.take(ctx, s, items[1:])
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

// loadTasks reads the header and the shards of some tasks, of the given indexes or of all.
func (s *Store) loadTasks(ctx context.Context, p *place, tasks []string, maps []int) (*loaded, error) {
	keys := []key{metaKey(p.id)}
	var ranges []span
	for _, task := range tasks {
		at, known := p.layout.tasks[task]
		indexes := []int{run.Unmapped}
		switch {
		case maps != nil && len(maps) <= fewIndexes:
			indexes = maps
		case !known || at.mapped:
			prefix := p.layout.indexedShards(p.epoch, task)
			ranges = append(ranges, span{pk: runKey(p.id), from: prefix, to: prefix + "~"})
		}
		for _, i := range indexes {
			keys = append(keys, key{runKey(p.id), p.layout.shardOf(p.epoch, task, i)})
		}
	}
	keys = distinct(keys)
	found, err := s.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	if found[keys[0]] == nil {
		return nil, store.ErrNotFound
	}
	h, err := s.decodeHeader(ctx, p.id, found[keys[0]])
	if err != nil {
		return nil, err
	}
	if h.epoch != p.epoch {
		return nil, errMoved
	}
	var items []item
	for _, k := range keys[1:] {
		if it := found[k]; it != nil {
			items = append(items, it)
		}
	}
	mapped, err := collect(ctx, len(ranges), func(ctx context.Context, i int) ([]item, error) { return s.all(ctx, ranges[i]) })
	if err != nil {
		return nil, err
	}
	l := &loaded{header: h, place: p}
	return l, l.take(ctx, s, slices.Concat(items, slices.Concat(mapped...)))
}

// Run implements store.Runs.
func (s *Store) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	data, err := s.run(ctx, id, tasks)
	return data, s.explain("reading run "+id.String(), err)
}

func (s *Store) run(ctx context.Context, id run.ID, tasks []string) (store.RunData, error) {
	if err := s.enter(ctx); err != nil {
		return store.RunData{}, err
	}
	l, err := s.load(ctx, id, tasks, nil)
	if err != nil {
		return store.RunData{}, err
	}
	list := instances{s: s, id: id, epoch: l.epoch, details: l.details}
	for _, sh := range l.shards {
		for attr, v := range sh {
			task, index, ok := l.place.layout.entryOf(attr)
			if !ok || len(tasks) > 0 && !slices.Contains(tasks, task) {
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
