package dynamostore

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// attrMark is the attribute of a shard that tells its last write from every other one: if
// an answer is lost and the SDK sends a write again, it finds its own mark.
const attrMark = "w"

// writer writes a portion of a batch. It first writes blindly, with the changes' own
// conditions; if those are not met, or do not say enough, it looks at what is stored,
// works out what becomes of it, and writes that unless something has changed.
type writer struct {
	s    *Store
	p    *place
	b    *batch
	q    portion
	mark []byte
	// stored has what was seen of each shard.
	stored map[string]seen
	// blind says that nothing was looked at yet.
	blind bool
	// create are the shards that may be made, as the run was seen to be there.
	create map[string]bool
	// made are the shards that the last write makes or changes, by the staging that they
	// then have.
	made map[string]string
	// staging is the name of the last write's staging, "" if it needs none.
	staging string
	update  *runUpdate
	lost    []store.Lost
	// after is the shard as the write has left it, if that was a write of one shard alone.
	after item
}

// look finds out what has to be known before the first write.
func (w *writer) look(ctx context.Context) error {
	w.create, w.stored, w.blind = map[string]bool{}, map[string]seen{}, len(w.q.shards) <= maxTransact-reserved
	twice, known := map[string]bool{}, false
	for _, sh := range w.q.shards {
		_, there := w.s.shard(w.p, sh.sk)
		known = known || there
		if !there && !w.p.fresh {
			w.create[sh.sk] = true
		}
		for _, i := range sh.changes {
			c := &w.b.changes[i]
			// The steps of one instance, and what goes to the history, need what was before.
			w.blind = w.blind && !twice[c.attr] && !(c.Archive && !c.If.Absent)
			twice[c.attr] = true
		}
	}
	if len(w.create) > 0 || w.q.events && !w.q.update {
		if err := w.verify(ctx); err != nil {
			return err
		}
	}
	if w.blind || w.p.fresh && !known {
		return nil
	}
	return w.read(ctx)
}

// verify makes sure that the run still is the one whose place is known.
func (w *writer) verify(ctx context.Context) error {
	if w.p.fresh {
		return nil
	}
	h, err := w.s.readHeader(ctx, w.p.id)
	if err == nil && h.epoch != w.p.epoch {
		err = errMoved
	}
	return err
}

// read reads the shards of the portion.
func (w *writer) read(ctx context.Context) error {
	w.blind = false
	keys := make([]key, len(w.q.shards))
	for i, sh := range w.q.shards {
		keys[i] = key{runKey(w.p.id), sh.sk}
	}
	found, err := w.s.getAll(ctx, keys)
	if err != nil {
		return err
	}
	items := make([]item, len(keys))
	for i, k := range keys {
		items[i] = found[k]
	}
	return w.see(ctx, items)
}

// see takes the shards of the portion as they are stored.
func (w *writer) see(ctx context.Context, items []item) error {
	l, err := w.s.seeAll(ctx, w.p, items)
	if err != nil {
		return err
	}
	verified := len(w.create) > 0 || w.p.fresh
	for i, sh := range w.q.shards {
		if l[i].item == nil && l[i].staging != "" {
			// Whoever has staged it must not commit it any more.
			if l[i], err = w.s.abort(ctx, w.p, l[i], items[i]); err != nil {
				return err
			}
		}
		w.stored[sh.sk] = l[i]
		if l[i].item != nil || w.create[sh.sk] || w.p.fresh {
			continue
		}
		if !verified {
			if err := w.verify(ctx); err != nil {
				return err
			}
			verified = true
		}
		w.create[sh.sk] = true
	}
	return nil
}

// relook takes what DynamoDB says of a write that was refused.
func (w *writer) relook(ctx context.Context, old []item) error {
	w.lost, w.update = nil, nil
	if len(w.q.shards) == 1 && !w.q.update && !w.q.events && len(old) == 1 {
		w.blind = false
		return w.see(ctx, old)
	}
	return w.read(ctx)
}

// was says that a write that was refused had been done before.
func (w *writer) was(old []item) bool {
	if len(old) != 1 || old[0] == nil {
		return false // a transaction has a token instead
	}
	switch {
	case w.update != nil:
		return numOf(old[0], attrRevision) == w.update.revision
	case w.staging != "":
		return strOf(old[0], attrState) == stagingDone
	}
	return bytes.Equal(blobOf(old[0], attrMark), w.mark)
}

// ops are the writes of the portion; none if nothing of it holds.
func (w *writer) ops(ctx context.Context) ([]op, error) {
	w.lost, w.made, w.mark, w.staging = nil, map[string]string{}, mark(), ""
	var ops []op
	for _, sh := range w.q.shards {
		o := op{key: key{runKey(w.p.id), sh.sk}}
		if w.blind {
			w.assume(&o, sh)
			ops = append(ops, o)
			continue
		}
		more, err := w.decide(ctx, o.key, sh)
		if err != nil {
			return nil, err
		}
		ops = append(ops, more...)
	}
	if w.q.update {
		u, err := w.s.prepare(ctx, w.p.id, w.b.b.Update, w.b.update)
		switch {
		case err != nil:
			return nil, err
		case u != nil && u.from.epoch != w.p.epoch:
			return nil, errMoved
		case u == nil:
			w.lost = append(w.lost, store.Lost{Change: -1})
		default:
			w.update = u
			ops = append(ops, u.op)
		}
	}
	if !w.q.events || len(w.lost) > 0 {
		return ops, nil
	}
	if len(ops) == 0 && len(w.b.events) > maxTransact {
		return nil, w.s.putEvents(ctx, w.b.events)
	}
	events, err := w.s.eventItems(ctx, w.b.events)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		ops = append(ops, op{kind: opPut, put: e})
	}
	return ops, nil
}

// base begins a write of a shard that is seen so.
func (w *writer) base(o *op, sh seen) {
	o.set(attrMark, blob(w.mark))
	if ttl := w.s.expiry(item{}, spare)[attrTTL]; ttl != nil {
		o.set(attrTTL, ttl)
	}
	sh.unstage(o)
	w.made[o.key.sk] = ""
}

// assume writes the changes of a shard under their own conditions. XComs of an instance
// are taken to be its first.
func (w *writer) assume(o *op, sh shardChanges) {
	staging, _ := w.s.shard(w.p, sh.sk)
	w.base(o, seen{staging: staging})
	if !w.p.fresh && !w.create[sh.sk] {
		o.exists()
	}
	for _, i := range sh.changes {
		c := &w.b.changes[i]
		if c.prefix == nil {
			o.is(c.attr, nil)
		} else {
			o.cond("begins_with(", o.name(c.attr), ", ", o.value(blob(c.prefix)), ")")
		}
		if c.entry != nil {
			o.set(c.attr, blob(c.entry))
		} else if c.prefix != nil {
			o.set(c.attr, nil)
		}
		switch {
		case len(c.xcoms) > 0:
			if !c.ClearXComs {
				o.is(c.xattr, nil)
			}
			o.set(c.xattr, blob(encodeXComs(c.xcoms)))
		case c.ClearXComs:
			o.set(c.xattr, nil)
		}
	}
}

// decide works out what becomes of a shard as it is stored, change by change.
func (w *writer) decide(ctx context.Context, k key, sh shardChanges) ([]op, error) {
	stored := w.stored[sh.sk]
	now := map[string][]byte{} // what has changed; nil stands for what is gone
	var history []op
	for _, i := range sh.changes {
		c := &w.b.changes[i]
		entry, changed := now[c.attr]
		if !changed {
			entry = blobOf(stored.item, c.attr)
		}
		if met := entry == nil && c.prefix == nil || entry != nil && c.prefix != nil && bytes.HasPrefix(entry, c.prefix); !met {
			l, err := w.instance(ctx, c, entry, i)
			if err != nil {
				return nil, err
			}
			w.lost = append(w.lost, l)
			continue
		}
		if c.Archive && entry != nil {
			history = append(history, w.archive(c, entry))
		}
		now[c.attr] = c.entry
		if err := w.decideXComs(now, stored.item, c); err != nil {
			return nil, err
		}
	}
	if len(now) == 0 {
		return nil, nil
	}
	return append([]op{w.change(k, stored, now)}, history...), nil
}

// change writes what has changed of a shard, if nothing of that was changed by others.
func (w *writer) change(k key, stored seen, now map[string][]byte) op {
	o := op{key: k}
	w.base(&o, stored)
	if stored.item == nil {
		// What a staging has left is written over.
		o.kind, o.put = opPut, w.s.expiry(k.item(), spare)
		o.put[attrMark] = blob(w.mark)
		o.expr = expr{}
		if stored.staging == "" {
			o.is(attrPK, nil)
		} else {
			o.is(attrStaging, str(stored.staging))
		}
		for attr, b := range now {
			if b != nil {
				o.put[attr] = blob(b)
			}
		}
		return o
	}
	o.exists()
	for _, attr := range slices.Sorted(maps.Keys(now)) {
		was, is := optional(blobOf(stored.item, attr)), optional(now[attr])
		o.is(attr, was)
		if was != nil || is != nil {
			o.set(attr, is)
		}
	}
	return o
}

func (w *writer) decideXComs(now map[string][]byte, stored item, c *change) error {
	if !c.ClearXComs && len(c.xcoms) == 0 {
		return nil
	}
	var l []xcom
	if !c.ClearXComs {
		b, changed := now[c.xattr]
		if !changed {
			b = blobOf(stored, c.xattr)
		}
		var err error
		if l, err = decodeXComs(b); err != nil {
			return damaged("xcoms of "+w.keyOf(c).String(), err)
		}
	}
	for _, x := range c.xcoms {
		l = putXCom(l, x)
	}
	now[c.xattr] = encodeXComs(l)
	return nil
}

// instance reports a change that was lost.
func (w *writer) instance(ctx context.Context, c *change, entry []byte, n int) (store.Lost, error) {
	l := store.Lost{Change: n}
	if entry == nil {
		return l, nil
	}
	list := instances{s: w.s, id: w.p.id, epoch: w.p.epoch, details: map[key]item{}}
	for _, v := range w.b.values { // an earlier step of this batch may be what is there
		for _, it := range w.s.valueItems(w.p, []value{v}) {
			list.details[key{strOf(it, attrPK), strOf(it, attrSK)}] = it
		}
	}
	if err := list.add(c.Want.Task, c.Want.Map, entry); err != nil {
		return l, err
	}
	if err := list.finish(ctx); err != nil {
		return l, err
	}
	l.Stored = &list.list[0]
	return l, nil
}

// archive keeps an entry in the history.
func (w *writer) archive(c *change, entry []byte) op {
	k := key{runKey(w.p.id), historyPrefix(w.p.epoch, w.keyOf(c)) + sortable(w.s.ids.next(0))}
	o := op{kind: opPut, put: w.s.expiry(k.item(), spare)}
	o.put[attrBody] = blob(entry)
	return o
}

// historyPrefix begins the sort keys of an instance's history.
func historyPrefix(epoch string, k run.Key) string {
	return sortHistory + epoch + "#" + part(k.Task) + "#" + sortable(int64(k.Map)) + "#"
}

// finish remembers what is there now, and removes what a change has made useless.
func (w *writer) finish(ctx context.Context) error {
	for sk, staging := range w.made {
		w.s.addShard(w.p, sk, staging)
	}
	if w.update != nil {
		return w.s.done(ctx, w.update)
	}
	return nil
}

// saw notes an item that was written alone.
func (w *writer) saw(it item) { w.after = it }

// neighbors are the instances of the shard that was written, as they were then.
func (w *writer) neighbors() (l []store.Neighbor) {
	if !strings.HasPrefix(strOf(w.after, attrSK), sortShard) {
		return nil
	}
	for attr := range w.after {
		task, index, ok := w.p.layout.entryOf(attr)
		if b := blobOf(w.after, attr); ok && len(b) > 0 && b[0] < byte(run.NumStates) {
			l = append(l, store.Neighbor{Task: task, Map: index, State: run.State(b[0])})
		}
	}
	return l
}

func (w *writer) keyOf(c *change) run.Key { return c.Want.Key(w.p.id) }
