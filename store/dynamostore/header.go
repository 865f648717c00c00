package dynamostore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// attrBody is the attribute of an item that has all that nothing asks for.
const attrBody = "b"

// The attributes of a run's header. Conditions are about them.
const (
	attrState    = "s"
	attrClears   = "c"
	attrEpoch    = "e"
	attrLayout   = "l"
	attrLogical  = "d"
	attrRevision = "v"
	attrLong     = "x"
)

// header is the item of a run itself.
type header struct {
	run run.Run
	// epoch tells a run from an earlier one of the same name.
	epoch string
	// layout names the layout that the run has, "" if none.
	layout string
	// revision is another one after every write of the header.
	revision int64
}

// maxInline is the size of the largest body that lies in its item; a longer one is kept
// by reference.
const maxInline = 64 << 10

func (s *Store) encodeHeader(r *run.Run) ([]byte, error) {
	body, err := encodeRun(r)
	if err != nil {
		return nil, err
	}
	return body, s.fits(len(body), "run "+r.ID.String())
}

func (s *Store) fits(size int, what string) error {
	if size <= s.cfg.MaxItem {
		return nil
	}
	return fmt.Errorf("%s has %d bytes, at most %d fit: %w", what, size, s.cfg.MaxItem, store.ErrTooLarge)
}

// body returns the attributes that hold a run's body; items of their own are written for a
// long one.
func (s *Store) body(ctx context.Context, id run.ID, epoch string, b []byte) (item, error) {
	if len(b) <= maxInline {
		return item{attrBody: blob(b), attrLong: nil}, nil
	}
	f := newRef(len(b))
	if err := s.writeBatch(ctx, s.chunks(f, runKey(id), sortDetail+epoch+"#", b), nil); err != nil {
		return nil, err
	}
	return item{attrBody: nil, attrLong: blob(f.append(nil))}, nil
}

func (s *Store) readHeader(ctx context.Context, id run.ID) (*header, error) {
	it, err := s.get(ctx, metaKey(id))
	if err != nil {
		return nil, err
	}
	if it == nil {
		return nil, store.ErrNotFound
	}
	return s.decodeHeader(ctx, id, it)
}

func (s *Store) decodeHeader(ctx context.Context, id run.ID, it item) (*header, error) {
	h := &header{epoch: strOf(it, attrEpoch), layout: strOf(it, attrLayout), revision: numOf(it, attrRevision)}
	body := blobOf(it, attrBody)
	if f := blobOf(it, attrLong); f != nil {
		r := &reader{b: f}
		where := r.readRef()
		if err := r.end(); err != nil {
			return nil, damaged("run "+id.String(), err)
		}
		var err error
		if body, err = s.value(ctx, where, runKey(id), sortDetail+h.epoch+"#"); err != nil {
			return nil, fmt.Errorf("run %s: %w", id, err)
		}
	}
	if err := decodeRun(body, &h.run); err != nil {
		return nil, damaged("run "+id.String(), err)
	}
	if h.run.ID != id || h.epoch == "" {
		return nil, damaged("run "+id.String(), fmt.Errorf("it says that it is run %s", h.run.ID))
	}
	h.run.State, h.run.Clears = run.RunState(strOf(it, attrState)), int(numOf(it, attrClears))
	if it[attrLogical] != nil {
		t := time.Unix(0, numOf(it, attrLogical)).UTC()
		h.run.LogicalDate = &t
	}
	return h, nil
}

// expiry is the attribute by which DynamoDB removes an item, nil if it stays. What belongs
// to a run that has not ended is kept longer by spare from each write on.
func (s *Store) expiry(it item, spare time.Duration) item {
	if s.cfg.Retention > 0 {
		it[attrTTL] = num(s.cfg.Now().Add(s.cfg.Retention + spare).Unix())
	}
	return it
}

// spare is how long a run may take before its first items go before its last ones.
const spare = 7 * 24 * time.Hour

// create makes a run: its entries in lists, then its header and logical date at once. An
// entry that is left without a header is nobody's; see list.go.
func (s *Store) create(ctx context.Context, r *run.Run, body []byte) (*place, error) {
	if err := s.register(ctx, kindDAG, r.DAG); err != nil {
		return nil, err
	}
	l, err := s.layout(ctx, r.DAG, r.Version, "")
	if err != nil {
		return nil, err
	}
	p := &place{id: r.ID, epoch: strconv.FormatUint(uint64(rand.Uint32()), 36), layout: l, fresh: true, shards: map[string]string{}}
	revision := s.ids.next(0)
	if err := s.writeBatch(ctx, s.listItems(r, lists(r), revision), nil); err != nil {
		return nil, err
	}
	attrs, err := s.body(ctx, r.ID, p.epoch, body)
	if err != nil {
		return nil, err
	}
	meta := metaKey(r.ID).item()
	for name, v := range attrs {
		if v != nil {
			meta[name] = v
		}
	}
	meta[attrState], meta[attrClears], meta[attrEpoch] = str(string(r.State)), num(int64(r.Clears)), str(p.epoch)
	meta[attrRevision] = num(revision)
	if l != nil {
		meta[attrLayout] = str(l.name(r.Version))
	}
	if r.State.Finished() {
		s.expiry(meta, 0)
	}
	put := op{kind: opPut, put: meta}
	put.is(attrPK, nil)
	ops := []op{put}
	if r.LogicalDate != nil {
		meta[attrLogical] = num(store.Nanos(*r.LogicalDate))
		date := op{kind: opPut, put: s.expiry(logicalKey(r.DAG, *r.LogicalDate).item(), spare)}
		date.put[attrEpoch], date.put[attrRun] = str(p.epoch), str(r.Run)
		date.is(attrPK, nil)
		ops = append(ops, date)
	}
	old, held, err := s.write(ctx, ops...)
	switch {
	case err != nil:
		return nil, err
	case !held && (old[0] == nil || strOf(old[0], attrEpoch) != p.epoch):
		return nil, store.ErrExists
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stays := *p
	stays.fresh = false
	remember(s.places, r.ID, &stays)
	return p, nil
}

func logicalKey(dagID string, at time.Time) key {
	return key{dagKey(dagID), "t#" + sortable(store.Nanos(at))}
}

// runUpdate is a change of a run's header that was read before.
type runUpdate struct {
	from *header
	to   run.Run
	op   op
	// revision is that of the header afterwards.
	revision int64
}

// prepare makes a change of a header ready to be written: with its entries in lists. It
// returns nil if the condition is not met.
func (s *Store) prepare(ctx context.Context, id run.ID, c *run.RunChange, body []byte) (*runUpdate, error) {
	h, err := s.readHeader(ctx, id)
	if err != nil {
		return nil, err
	}
	if h.run.State != c.State || h.run.Clears != c.Clears {
		return nil, nil
	}
	u := &runUpdate{from: h, to: c.Want, revision: s.ids.next(h.revision)}
	u.to.LogicalDate = h.run.LogicalDate
	more, _ := difference(lists(&u.to), lists(&h.run))
	if len(more) > 0 {
		if err := s.writeBatch(ctx, s.listItems(&u.to, more, u.revision), nil); err != nil {
			return nil, err
		}
	}
	attrs, err := s.body(ctx, id, h.epoch, body)
	if err != nil {
		return nil, err
	}
	u.op.key = metaKey(id)
	u.op.is(attrRevision, num(h.revision))
	u.op.set(attrState, str(string(c.Want.State)))
	u.op.set(attrClears, num(int64(c.Want.Clears)))
	u.op.set(attrRevision, num(u.revision))
	for name, v := range attrs {
		u.op.set(name, v)
	}
	if s.cfg.Retention > 0 {
		ttl := item{}
		if c.Want.State.Finished() {
			s.expiry(ttl, 0)
		}
		u.op.set(attrTTL, ttl[attrTTL])
	}
	return u, nil
}

// done removes the entries in lists that a run has lost by a change.
func (s *Store) done(ctx context.Context, u *runUpdate) error {
	_, less := difference(lists(&u.to), lists(&u.from.run))
	return s.unlist(ctx, less, u.from.revision)
}

// deleteRun removes a run, and reports what else of it has to go.
func (s *Store) deleteHeader(ctx context.Context, id run.ID) (*header, error) {
	for {
		h, err := s.readHeader(ctx, id)
		if err != nil {
			return nil, err
		}
		meta := op{kind: opDelete, key: metaKey(id), once: true}
		meta.is(attrRevision, num(h.revision))
		ops := []op{meta}
		if h.run.LogicalDate != nil {
			date := op{kind: opDelete, key: logicalKey(id.DAG, *h.run.LogicalDate)}
			date.cond("attribute_not_exists(", date.name(attrPK), ") OR ", date.name(attrEpoch), " = ", date.value(str(h.epoch)))
			ops = append(ops, date)
		}
		old, held, err := s.write(ctx, ops...)
		if err != nil || held {
			return h, err
		}
		if len(old) > 1 && old[1] != nil {
			return nil, damaged("run "+id.String(), errors.New("its logical date is another run's"))
		}
	}
}
