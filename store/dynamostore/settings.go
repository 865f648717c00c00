package dynamostore

import (
	"cmp"
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/store"
)

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
