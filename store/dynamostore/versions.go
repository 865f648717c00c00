package dynamostore

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"fmt"
	"io"

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
	body, err := pack(d.Body)
	if err != nil {
		return nil, err
	}
	if len(body) > chunk {
		f := newRef(len(body))
		if err := s.writeBatch(ctx, s.chunks(f, dagKey(d.ID), bodyPrefix(d.Version), body), nil); err != nil {
			return nil, err
		}
		o.put[attrLong] = blob(f.append(nil))
	} else {
		o.put[attrBody] = blob(body)
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
	if b, err = unpack(b, numOf(it, attrSize)); err != nil {
		return nil, damaged("version "+version+" of DAG "+id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b) <= maxInline {
		remember(s.bodies, name, append([]byte(nil), b...))
	}
	return b, nil
}

// pack compresses the body of a version: each new worker of a wide DAG reads it, and a read
// unit is 4 KB.
func pack(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// unpack is the body that pack was given; it had this many bytes.
func unpack(packed []byte, size int64) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(packed))
	b, err := io.ReadAll(io.LimitReader(r, size+1))
	if err = cmp.Or(err, r.Close()); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if int64(len(b)) != size {
		return nil, fmt.Errorf("it has not the %d bytes that it should have", size)
	}
	return b, nil
}
