package dynamostore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

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
	l, err := s.load(ctx, q.Run, q.Tasks)
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

func settingsKey(k store.Kind) string { return "setting#" + part(string(k)) }

// maxSetting is the size of a value that lies in its item, which has 400 KB.
const maxSetting = 380 << 10

func (s *Store) fitsItem(size int, what string) error {
	if limit := min(maxSetting, s.cfg.MaxItem); size > limit {
		return fmt.Errorf("%s has %d bytes, at most %d fit: %w", what, size, limit, store.ErrTooLarge)
	}
	return nil
}

func decodeSetting(k store.Kind, it item) (store.Setting, error) {
	v := store.Setting{ID: strOf(it, attrID), Value: blobOf(it, attrBody), Revision: numOf(it, attrRevision)}
	var err error
	v.At, err = decodeTime(fmt.Sprintf("%s %q", k, v.ID), blobOf(it, attrAt))
	return v, err
}

// Setting implements store.Settings.
func (s *Store) Setting(ctx context.Context, k store.Kind, id string) (store.Setting, error) {
	doing := fmt.Sprintf("reading %s %q", k, id)
	if err := s.enter(ctx); err != nil {
		return store.Setting{}, s.explain(doing, err)
	}
	it, err := s.get(ctx, key{settingsKey(k), part(id)})
	if err == nil && it == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Setting{}, s.explain(doing, err)
	}
	v, err := decodeSetting(k, it)
	return v, s.explain(doing, err)
}

// Settings implements store.Settings. Those with ids longer than 400 bytes come in the
// order of their first ones.
func (s *Store) Settings(ctx context.Context, k store.Kind) ([]store.Setting, error) {
	doing := fmt.Sprintf("reading every %s", k)
	if err := s.enter(ctx); err != nil {
		return nil, s.explain(doing, err)
	}
	items, err := s.all(ctx, whole(settingsKey(k)))
	if err != nil {
		return nil, s.explain(doing, err)
	}
	var list []store.Setting
	for _, it := range items {
		v, err := decodeSetting(k, it)
		if err != nil {
			return nil, s.explain(doing, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// PutSetting implements store.Settings. A value may have 380 KB.
func (s *Store) PutSetting(ctx context.Context, k store.Kind, v store.Setting) error {
	err := s.enter(ctx)
	if err == nil {
		err = s.putSetting(ctx, k, v)
	}
	return s.explain(fmt.Sprintf("writing %s %q", k, v.ID), err)
}

func (s *Store) putSetting(ctx context.Context, k store.Kind, v store.Setting) error {
	if err := cmp.Or(store.CheckName("kind", string(k)), store.CheckName("id", v.ID), s.fitsItem(len(v.Value), "it")); err != nil {
		return err
	}
	w := mark()
	o := op{key: key{settingsKey(k), part(v.ID)}}
	refused := store.ErrConflict
	switch {
	case v.Revision < 0:
		refused = store.ErrExists
		o.is(attrPK, nil)
	case v.Revision > 0:
		o.is(attrRevision, num(v.Revision))
	default: // whatever is there, but not this very write again
		m := o.name(attrMark)
		o.cond("(attribute_not_exists(", m, ") OR ", m, " <> ", o.value(blob(w)), ")")
	}
	rev := o.name(attrRevision)
	o.sets = append(o.sets, rev+" = if_not_exists("+rev+", "+o.value(num(0))+") + "+o.value(num(1)))
	o.set(attrID, str(v.ID))
	o.set(attrBody, blob(v.Value))
	o.set(attrAt, blob(encodeTime(v.At)))
	o.set(attrMark, blob(w))
	old, held, err := s.write(ctx, o)
	if err == nil && !held && !marked(old, w) {
		err = refused
	}
	return err
}

// DeleteSetting implements store.Settings.
func (s *Store) DeleteSetting(ctx context.Context, k store.Kind, id string) error {
	err := s.enter(ctx)
	if err == nil {
		o := op{kind: opDelete, key: key{settingsKey(k), part(id)}, once: true}
		o.exists()
		var held bool
		if _, held, err = s.write(ctx, o); err == nil && !held {
			err = store.ErrNotFound
		}
	}
	return s.explain(fmt.Sprintf("deleting %s %q", k, id), err)
}

// event is an asset event as it will be written.
type event struct {
	asset string
	key   key
	body  []byte
}

func (s *Store) encodeEvent(e *run.AssetEvent) (event, error) {
	copied := *e
	copied.At = e.At.UTC()
	if copied.ID == 0 {
		copied.ID = s.ids.next(0)
	}
	body, err := json.Marshal(copied)
	if err != nil {
		return event{}, fmt.Errorf("encoding an event of asset %s: %w", e.Asset, err)
	}
	k := key{assetKey(e.Asset), eventSort(store.Nanos(e.At), copied.ID)}
	return event{e.Asset, k, body}, s.fitsItem(len(body), "an event of asset "+e.Asset)
}

func assetKey(uri string) string { return "asset#" + part(uri) }

func eventSort(at, id int64) string { return sortable(at) + "#" + sortable(id) }

// eventItems are the items of events, whose assets are known afterwards.
func (s *Store) eventItems(ctx context.Context, events []event) ([]item, error) {
	var l []item
	for _, e := range events {
		if err := s.register(ctx, kindAsset, e.asset); err != nil {
			return nil, err
		}
		it := s.expiry(e.key.item(), spare)
		it[attrBody] = blob(e.body)
		l = append(l, it)
	}
	return l, nil
}

func (s *Store) putEvents(ctx context.Context, events []event) error {
	items, err := s.eventItems(ctx, events)
	if err != nil {
		return err
	}
	return s.writeBatch(ctx, items, nil)
}

// AssetEvents implements store.Settings.
func (s *Store) AssetEvents(
	ctx context.Context, uri string, after, until time.Time, limit int,
) ([]run.AssetEvent, error) {
	list, err := s.assetEvents(ctx, uri, after, until, limit)
	if err != nil {
		return nil, s.explain("reading asset events", err)
	}
	return list, nil
}

func (s *Store) assetEvents(ctx context.Context, uri string, after, until time.Time, limit int) ([]run.AssetEvent, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	assets := []string{uri}
	if uri == "" {
		var err error
		if assets, err = s.registered(ctx, kindAsset); err != nil {
			return nil, err
		}
	}
	last := int64(math.MaxInt64)
	if !until.IsZero() {
		last = store.Nanos(until)
	}
	if limit <= 0 {
		limit = 1000
	}
	// What is after the date has another first part.
	from, to := sortable(store.Nanos(after))+"#~", sortable(last)+"#~"
	found, err := collect(ctx, len(assets), func(ctx context.Context, i int) ([]item, error) {
		var l []item
		err := s.query(ctx, span{pk: assetKey(assets[i]), from: from, to: to, limit: limit}, func(items []item) bool {
			l = append(l, items...)
			return len(l) < limit
		})
		return l, err
	})
	if err != nil {
		return nil, err
	}
	items := slices.Concat(found...)
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(strOf(a, attrSK), strOf(b, attrSK)) })
	var list []run.AssetEvent
	for _, it := range items[:min(limit, len(items))] {
		var e run.AssetEvent
		if err := json.Unmarshal(blobOf(it, attrBody), &e); err != nil {
			return nil, damaged(fmt.Sprintf("asset event %s of %s", strOf(it, attrSK), strOf(it, attrPK)), err)
		}
		list = append(list, e)
	}
	return list, nil
}
