package dynamostore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// PutXCom implements store.XComs.
func (s *Store) PutXCom(ctx context.Context, k run.Key, token string, x run.XCom) error {
	err := s.enter(ctx)
	if err == nil {
		err = s.putXCom(ctx, k, token, x)
	}
	return s.explain(fmt.Sprintf("writing xcom %q of %s", x.Name, k), err)
}

func (s *Store) putXCom(ctx context.Context, k run.Key, token string, x run.XCom) error {
	if err := cmp.Or(store.CheckName("dag id", k.DAG), store.CheckName("run id", k.Run),
		store.CheckName("task id", k.Task), store.CheckName("xcom key", x.Name)); err != nil {
		return err
	}
	b := &batch{}
	v, err := s.encodeXCom(b, k, &x)
	if err != nil {
		return err
	}
	kept := false
	return s.changeXComs(ctx, k, func(p *place, entry []byte, l []xcom) ([]xcom, error) {
		var i run.Instance
		if entry == nil {
			return nil, fmt.Errorf("there is no such attempt: %w", store.ErrConflict)
		}
		if _, err := decodeInstance(entry, &i); err != nil {
			return nil, damaged("task instance "+k.String(), err)
		}
		if i.Token != token {
			return nil, fmt.Errorf("the attempt is not the current one: %w", store.ErrConflict)
		}
		if !kept {
			if err := s.writeBatch(ctx, s.valueItems(p, b.values), nil); err != nil {
				return nil, err
			}
			kept = true
		}
		return putXCom(l, v), nil
	})
}

// changeXComs changes the XComs of an instance: what change returns is written if neither
// the instance nor its XComs have changed.
func (s *Store) changeXComs(
	ctx context.Context, k run.Key, change func(p *place, entry []byte, l []xcom) ([]xcom, error),
) error {
	h, err := s.readHeader(ctx, k.ID)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("there is no such run: %w", store.ErrConflict)
	}
	if err != nil {
		return err
	}
	p, err := s.placeOf(ctx, h)
	if err != nil {
		return err
	}
	attr := p.layout.entryName(k.Task, k.Map)
	sk := key{runKey(k.ID), p.layout.shardOf(p.epoch, k.Task, k.Map)}
	it, err := s.get(ctx, sk)
	for n := 0; n < trials && err == nil; n++ {
		sh, err := s.see(ctx, p, it)
		if err != nil {
			return err
		}
		entry, old := blobOf(sh.item, attr), blobOf(sh.item, xcomPrefix+attr)
		l, err := decodeXComs(old)
		if err != nil {
			return damaged("xcoms of "+k.String(), err)
		}
		if l, err = change(p, entry, l); err != nil {
			return err
		}
		now := encodeXComs(l)
		if bytes.Equal(now, old) {
			return nil
		}
		w := mark()
		o := op{key: sk}
		o.exists()
		sh.unstage(&o)
		o.is(attr, optional(entry))
		o.is(xcomPrefix+attr, optional(old))
		o.set(xcomPrefix+attr, optional(now))
		o.set(attrMark, blob(w))
		stored, held, err := s.write(ctx, o)
		if err != nil || held || marked(stored, w) {
			return err
		}
		it = stored[0]
	}
	if err == nil {
		err = fmt.Errorf("others change the instance all the time: %w", store.ErrConflict)
	}
	return err
}

// XComs implements store.XComs.
func (s *Store) XComs(ctx context.Context, q store.XComQuery) ([]store.XComItem, error) {
	list, err := s.xcoms(ctx, q)
	if err != nil {
		return nil, s.explain("reading xcoms of run "+q.Run.String(), err)
	}
	return list, nil
}

func (s *Store) xcoms(ctx context.Context, q store.XComQuery) ([]store.XComItem, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	l, err := s.load(ctx, q.Run, picksOf(q.Tasks, q.Maps))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []store.XComItem
	refs := map[int]*ref{}
	for _, sh := range l.shards {
		for attr := range sh {
			name, is := strings.CutPrefix(attr, xcomPrefix)
			task, index, ok := l.place.layout.entryOf(name)
			if !is || !ok || len(q.Tasks) > 0 && !slices.Contains(q.Tasks, task) || q.Maps != nil && !slices.Contains(q.Maps, index) {
				continue
			}
			k := run.Key{ID: q.Run, Task: task, Map: index}
			values, err := decodeXComs(blobOf(sh, attr))
			if err != nil {
				return nil, damaged("xcoms of "+k.String(), err)
			}
			for _, x := range values {
				if q.Name != "" && q.Name != x.name {
					continue
				}
				if x.ref != nil {
					refs[len(list)] = x.ref
				}
				list = append(list, store.XComItem{Key: k, XCom: run.XCom{Name: x.name, Value: x.value, At: x.at}})
			}
		}
	}
	if err := s.fillXComs(ctx, l, list, refs); err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b store.XComItem) int { return cmp.Or(a.Key.Compare(b.Key), strings.Compare(a.Name, b.Name)) })
	return list, nil
}

func (s *Store) fillXComs(ctx context.Context, l *loaded, list []store.XComItem, refs map[int]*ref) error {
	prefix := sortXCom + l.epoch + "#"
	var keys []key
	for _, f := range refs {
		keys = append(keys, f.keys(runKey(l.run.ID), prefix)...)
	}
	found, err := s.getAll(ctx, keys)
	if err != nil {
		return err
	}
	for i, f := range refs {
		b, err := f.join(f.keys(runKey(l.run.ID), prefix), found)
		if err != nil {
			return fmt.Errorf("xcom %q of %s: %w", list[i].Name, list[i].Key, err)
		}
		list[i].Value = b
	}
	return nil
}

// DeleteXCom implements store.XComs.
func (s *Store) DeleteXCom(ctx context.Context, k run.Key, name string) error {
	err := s.enter(ctx)
	if err == nil {
		err = s.changeXComs(ctx, k, func(_ *place, _ []byte, l []xcom) ([]xcom, error) {
			return slices.DeleteFunc(l, func(x xcom) bool { return x.name == name }), nil
		})
	}
	if errors.Is(err, store.ErrConflict) {
		err = nil
	}
	return s.explain(fmt.Sprintf("deleting xcom %q of %s", name, k), err)
}
