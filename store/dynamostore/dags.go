package dynamostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/store"
)

// dagsKey is the partition of the DAGs as they are now; each has one of its own with its
// versions, layouts and logical dates.
const dagsKey = "dags"

func dagKey(id string) string { return "dag#" + part(id) }

// The attributes of a DAG beside its state.
const (
	attrID      = "i"
	attrVersion = "n"
	attrFile    = "f"
	attrAt      = "a"
	attrStale   = "z"
	attrSize    = "y"
)

func decodeDAG(it item) (store.Definition, error) {
	d := store.Definition{ID: strOf(it, attrID), Version: strOf(it, attrVersion), File: strOf(it, attrFile)}
	var err error
	if d.State, err = store.DecodeState(blobOf(it, attrState)); err != nil {
		return d, damaged("state of DAG "+d.ID, err)
	}
	d.State.Revision, d.State.Stale = numOf(it, attrRevision), numOf(it, attrStale) == 1
	d.At, err = decodeTime("time of DAG "+d.ID, blobOf(it, attrAt))
	return d, err
}

func encodeTime(t time.Time) []byte {
	r := record{}
	r.time(0, t)
	return r.appendTo(nil)
}

func decodeTime(what string, b []byte) (time.Time, error) {
	r := readRecord(b)
	t := r.time(0)
	if err := r.end(); err != nil {
		return t, damaged(what, err)
	}
	return t, nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// PutDAG implements store.Definitions.
func (s *Store) PutDAG(ctx context.Context, d store.Definition) error {
	err := s.enter(ctx)
	if err == nil {
		err = s.putDAG(ctx, d)
	}
	return s.explain("storing DAG "+d.ID, err)
}

func (s *Store) putDAG(ctx context.Context, d store.Definition) error {
	if err := cmp.Or(store.CheckName("dag id", d.ID), store.CheckName("dag version", d.Version),
		s.fits(len(d.Body), "it")); err != nil {
		return err
	}
	state, err := store.EncodeState(d.State)
	if err != nil {
		return err
	}
	if err := s.fitsItem(len(state), "its state"); err != nil {
		return err
	}
	at, err := s.putVersion(ctx, d)
	if err != nil {
		return err
	}
	k := key{dagsKey, part(d.ID)}
	for n := 0; n < trials; n++ {
		old, err := s.get(ctx, k)
		if err != nil {
			return err
		}
		o := op{key: k}
		switch {
		case old == nil:
			it := k.item()
			it[attrID], it[attrRevision], it[attrState], it[attrStale] = str(d.ID), num(1), blob(state), num(flag(d.State.Stale))
			it[attrVersion], it[attrFile], it[attrAt] = str(d.Version), str(d.File), blob(at)
			o.kind, o.put = opPut, it
			o.is(attrPK, nil)
		case strOf(old, attrVersion) == d.Version && strOf(old, attrFile) == d.File:
			return nil
		default:
			o.exists()
			o.set(attrVersion, str(d.Version))
			o.set(attrFile, str(d.File))
			o.set(attrAt, blob(at))
		}
		if _, held, err := s.write(ctx, o); err != nil || held {
			return err
		}
	}
	return fmt.Errorf("others store it all the time: %w", store.ErrConflict)
}

// DAG implements store.Definitions.
func (s *Store) DAG(ctx context.Context, id string) (store.Definition, error) {
	d, err := s.dag(ctx, id)
	return d, s.explain("reading DAG "+id, err)
}

func (s *Store) dag(ctx context.Context, id string) (store.Definition, error) {
	if err := s.enter(ctx); err != nil {
		return store.Definition{}, err
	}
	it, err := s.get(ctx, key{dagsKey, part(id)})
	if err != nil {
		return store.Definition{}, err
	}
	if it == nil {
		return store.Definition{}, store.ErrNotFound
	}
	d, err := decodeDAG(it)
	if err != nil {
		return store.Definition{}, err
	}
	if d.Body, err = s.version(ctx, id, d.Version); err != nil {
		return store.Definition{}, err
	}
	return d, nil
}

// Version implements store.Definitions.
func (s *Store) Version(ctx context.Context, id, version string) ([]byte, error) {
	err := s.enter(ctx)
	var b []byte
	if err == nil {
		b, err = s.version(ctx, id, version)
	}
	return b, s.explain(fmt.Sprintf("reading version %s of DAG %s", version, id), err)
}

// ListDAGs implements store.Definitions. DAGs with ids longer than 400 bytes come in the
// order of their first ones.
func (s *Store) ListDAGs(ctx context.Context, f store.DAGFilter, p store.Page) (store.DAGList, error) {
	list, err := s.listDAGs(ctx, f, p)
	if err != nil {
		return store.DAGList{}, s.explain("listing DAGs", err)
	}
	return list, nil
}

func (s *Store) listDAGs(ctx context.Context, f store.DAGFilter, p store.Page) (store.DAGList, error) {
	var list store.DAGList
	if err := s.enter(ctx); err != nil {
		return list, err
	}
	name := fmt.Sprintf("dags %v", f)
	r := whole(dagsKey)
	if p.Token != "" {
		parts, err := store.DecodeToken(name, p.Token, 1)
		if err != nil {
			return list, err
		}
		r.past = part(parts[0])
	}
	limit := p.Size()
	var bad error
	err := s.query(ctx, r, func(items []item) bool {
		for _, it := range items {
			d, err := decodeDAG(it)
			if err != nil {
				bad = err
				return false
			}
			if f.IncludeStale || !d.State.Stale {
				list.Items = append(list.Items, d)
			}
		}
		return len(list.Items) <= limit
	})
	if err := cmp.Or(err, bad); err != nil {
		return list, err
	}
	if len(list.Items) > limit {
		list.Items = list.Items[:limit]
		list.Next = store.EncodeToken(name, list.Items[limit-1].ID)
	}
	if f.Bare {
		return list, nil
	}
	bodies, err := collect(ctx, len(list.Items), func(ctx context.Context, i int) ([]byte, error) {
		return s.version(ctx, list.Items[i].ID, list.Items[i].Version)
	})
	for i, b := range bodies {
		list.Items[i].Body = b
	}
	return list, err
}

// SetDAG implements store.Definitions.
func (s *Store) SetDAG(ctx context.Context, id string, st store.DAGState) (store.DAGState, error) {
	err := s.enter(ctx)
	if err == nil {
		err = s.setDAG(ctx, id, st)
	}
	if err != nil {
		return store.DAGState{}, s.explain("changing the state of DAG "+id, err)
	}
	st.Revision++
	return st, nil
}

func (s *Store) setDAG(ctx context.Context, id string, st store.DAGState) error {
	state, err := store.EncodeState(st)
	if err != nil {
		return err
	}
	if err := s.fitsItem(len(state), "its state"); err != nil {
		return err
	}
	w := mark()
	o := op{key: key{dagsKey, part(id)}}
	o.exists()
	o.is(attrRevision, num(st.Revision))
	o.set(attrRevision, num(st.Revision+1))
	o.set(attrState, blob(state))
	o.set(attrStale, num(flag(st.Stale)))
	o.set(attrMark, blob(w))
	old, held, err := s.write(ctx, o)
	switch {
	case err != nil || held || marked(old, w):
		return err
	case old[0] == nil:
		return store.ErrNotFound
	}
	return fmt.Errorf("it has revision %d, not %d: %w", numOf(old[0], attrRevision), st.Revision, store.ErrConflict)
}

// DeleteDAG implements store.Definitions. If it fails on the way, the DAG is still there,
// and deleting it again goes on.
func (s *Store) DeleteDAG(ctx context.Context, id string) error {
	err := s.enter(ctx)
	if err == nil {
		err = s.deleteDAG(ctx, id)
	}
	return s.explain("deleting DAG "+id, err)
}

func (s *Store) deleteDAG(ctx context.Context, id string) error {
	k := key{dagsKey, part(id)}
	it, err := s.get(ctx, k)
	if err != nil {
		return err
	}
	if it == nil {
		return store.ErrNotFound
	}
	entries, err := s.all(ctx, whole(listDAG+part(id)))
	if err != nil {
		return err
	}
	_, err = collect(ctx, len(entries), func(ctx context.Context, i int) (struct{}, error) {
		e, err := decodeEntry(entries[i])
		if err == nil {
			err = s.deleteRun(ctx, e.id)
		}
		if errors.Is(err, store.ErrNotFound) {
			err = s.unlist(ctx, []key{e.key}, e.revision)
		}
		return struct{}{}, err
	})
	if err != nil {
		return err
	}
	r := whole(dagKey(id))
	r.keysOnly = true
	items, err := s.all(ctx, r)
	if err != nil {
		return err
	}
	gone := []key{}
	for _, it := range items {
		gone = append(gone, key{strOf(it, attrPK), strOf(it, attrSK)})
	}
	s.forgetVersions(id)
	if err := s.writeBatch(ctx, nil, gone); err != nil {
		return err
	}
	return s.writeBatch(ctx, nil, []key{k})
}

func (s *Store) forgetVersions(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.bodies {
		if k[0] == id {
			delete(s.bodies, k)
		}
	}
	for k := range s.layouts {
		if k[0] == id {
			delete(s.layouts, k)
		}
	}
}
