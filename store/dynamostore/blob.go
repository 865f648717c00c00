package dynamostore

import (
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/run"
)

// Values that are kept by reference are written before the item that refers to them, and
// never change. Those that nothing refers to any more go with their run.

// chunks are the items of a value.
func (s *Store) chunks(f *ref, pk, prefix string, value []byte) []item {
	var l []item
	for n, k := range f.keys(pk, prefix) {
		it := s.expiry(k.item(), spare)
		it[attrBody] = blob(value[n*chunk : min(len(value), (n+1)*chunk)])
		l = append(l, it)
	}
	return l
}

// value reads a value that is kept by reference.
func (s *Store) value(ctx context.Context, f *ref, pk, prefix string) ([]byte, error) {
	keys := f.keys(pk, prefix)
	found, err := s.getAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	return f.join(keys, found)
}

// join puts a value together from its items.
func (f *ref) join(keys []key, found map[key]item) ([]byte, error) {
	b := make([]byte, 0, min(f.size, len(keys)*chunk))
	for _, k := range keys {
		it := found[k]
		if it == nil {
			return nil, damaged("a value of it", fmt.Errorf("its part %s is gone", k.sk))
		}
		b = append(b, blobOf(it, attrBody)...)
	}
	if len(b) != f.size {
		return nil, damaged("a value of it", fmt.Errorf("it has %d bytes, not %d", len(b), f.size))
	}
	return b, nil
}

// instances decodes entries of a run. Long fields are looked up when all entries are
// there: most runs have none.
type instances struct {
	s     *Store
	id    run.ID
	epoch string
	// details are items of long fields that are at hand.
	details map[key]item
	list    []run.Instance
	refs    []longRef
}

type longRef struct {
	instance int
	ref      *ref
}

// add decodes one entry.
func (l *instances) add(task string, index int, entry []byte) error {
	i := run.Instance{Task: task, Map: index}
	f, err := decodeInstance(entry, &i)
	if err != nil {
		return damaged("task instance "+i.Key(l.id).String(), err)
	}
	if f != nil {
		l.refs = append(l.refs, longRef{len(l.list), f})
	}
	l.list = append(l.list, i)
	return nil
}

// finish fills in the long fields.
func (l *instances) finish(ctx context.Context) error {
	if len(l.refs) == 0 {
		return nil
	}
	prefix := sortDetail + l.epoch + "#"
	var missing []key
	for _, r := range l.refs {
		for _, k := range r.ref.keys(runKey(l.id), prefix) {
			if l.details[k] == nil {
				missing = append(missing, k)
			}
		}
	}
	found, err := l.s.getAll(ctx, missing)
	if err != nil {
		return err
	}
	for k, it := range l.details {
		found[k] = it
	}
	for _, r := range l.refs {
		i := &l.list[r.instance]
		b, err := r.ref.join(r.ref.keys(runKey(l.id), prefix), found)
		if err == nil {
			if err = decodeLong(b, i); err != nil {
				err = damaged("task instance "+i.Key(l.id).String(), err)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", i.Key(l.id), err)
		}
	}
	l.refs = nil
	return nil
}
