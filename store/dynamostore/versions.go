package dynamostore

import (
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/store"
)

func versionKey(id, version string) key { return key{dagKey(id), "v#" + part(version)} }

// putVersion stores a version unless it is there, with its layout, and returns when it was
// first stored. The layout comes first: no run may be made of a version whose layout comes
// after it.
func (s *Store) putVersion(ctx context.Context, d store.Definition) ([]byte, error) {
	k := versionKey(d.ID, d.Version)
	old, err := s.get(ctx, k)
	if err != nil {
		return nil, err
	}
	if old != nil {
		return blobOf(old, attrAt), nil
	}
	if b := encodeLayout(d.Body); b != nil {
		o := op{kind: opPut, put: layoutKey(d.ID, d.Version).item()}
		o.put[attrBody] = blob(b)
		o.is(attrPK, nil)
		if _, _, err := s.write(ctx, o); err != nil {
			return nil, err
		}
	}
	at := encodeTime(d.At)
	o := op{kind: opPut, put: k.item()}
	o.put[attrAt], o.put[attrSize] = blob(at), num(int64(len(d.Body)))
	if len(d.Body) > chunk {
		f := newRef(len(d.Body))
		if err := s.writeBatch(ctx, s.chunks(f, dagKey(d.ID), bodyPrefix(d.Version), d.Body), nil); err != nil {
			return nil, err
		}
		o.put[attrLong] = blob(f.append(nil))
	} else {
		o.put[attrBody] = blob(d.Body)
	}
	o.is(attrPK, nil)
	stored, held, err := s.write(ctx, o)
	if err == nil && !held {
		at = blobOf(stored[0], attrAt)
	}
	return at, err
}

func bodyPrefix(version string) string { return "w#" + part(version) + "#" }

// version returns the body of a version. Versions never change, so one is read once.
func (s *Store) version(ctx context.Context, id, version string) ([]byte, error) {
	name := [2]string{id, version}
	s.mu.Lock()
	b, known := s.bodies[name]
	s.mu.Unlock()
	if known {
		return append([]byte(nil), b...), nil
	}
	it, err := s.get(ctx, versionKey(id, version))
	if err != nil {
		return nil, err
	}
	if it == nil {
		return nil, store.ErrNotFound
	}
	b = blobOf(it, attrBody)
	if f := blobOf(it, attrLong); f != nil {
		r := &reader{b: f}
		where := r.readRef()
		if err := r.end(); err != nil {
			return nil, damaged("version "+version+" of DAG "+id, err)
		}
		if b, err = s.value(ctx, where, dagKey(id), bodyPrefix(version)); err != nil {
			return nil, err
		}
	}
	if int64(len(b)) != numOf(it, attrSize) {
		return nil, damaged("version "+version+" of DAG "+id, fmt.Errorf("it has %d bytes, not %d", len(b), numOf(it, attrSize)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b) <= maxInline {
		remember(s.bodies, name, append([]byte(nil), b...))
	}
	return b, nil
}
