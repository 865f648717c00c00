package dynamostore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// A run has an entry in the list of its DAG, and in those of the runs that are active,
// that owe calls, and that belong to a backfill, as far as it is one. An entry is written
// before the header that makes it true and removed after the header that makes it false.
// So it is a hint: whoever reads a list looks at the headers, too. Lists are partitions,
// in the order of RunAfter.
//
// An entry names the revision of the header that it was written for, and is removed only
// by a later one: who removes it late does not take away one that was written again.

// The attributes of an entry.
const (
	attrDAG = "g"
	attrRun = "r"
)

const (
	listActive   = "list#active"
	listOwing    = "list#owing"
	listDAG      = "list#dag#"
	listBackfill = "list#backfill#"
)

// lists are the keys of the entries that a run has.
func lists(r *run.Run) []key {
	// As the header will give it back, so that its entry is found to be true.
	sk := entrySort(store.Nanos(time.UnixMicro(r.RunAfter.UnixMicro())), r.ID)
	l := []key{{listDAG + part(r.DAG), sk}}
	if !r.State.Finished() {
		l = append(l, key{listActive, sk})
	}
	if r.Owes() {
		l = append(l, key{listOwing, sk})
	}
	if r.Backfill != "" {
		l = append(l, key{listBackfill + part(r.Backfill), sk})
	}
	return l
}

func entrySort(after int64, id run.ID) string {
	return sortable(after) + "#" + part(id.DAG) + "#" + part(id.Run)
}

// difference returns what is in a and not in b, and what is in b and not in a.
func difference(a, b []key) (more, less []key) {
	for _, k := range a {
		if !slices.Contains(b, k) {
			more = append(more, k)
		}
	}
	for _, k := range b {
		if !slices.Contains(a, k) {
			less = append(less, k)
		}
	}
	return more, less
}

func (s *Store) listItems(r *run.Run, keys []key, revision int64) []item {
	var l []item
	for _, k := range keys {
		it := s.expiry(k.item(), spare)
		it[attrDAG], it[attrRun], it[attrRevision] = str(r.DAG), str(r.Run), num(revision)
		if k.pk == listActive { // a run that takes longer than the retention must be found
			delete(it, attrTTL)
		}
		l = append(l, it)
	}
	return l
}

// unlist removes entries that were written for the revision or before it.
func (s *Store) unlist(ctx context.Context, keys []key, revision int64) error {
	for _, k := range keys {
		o := op{kind: opDelete, key: k}
		o.cond(o.name(attrRevision), " <= ", o.value(num(revision)))
		if _, _, err := s.write(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// entry is an entry of a list.
type entry struct {
	key      key
	id       run.ID
	revision int64
}

func decodeEntry(it item) (entry, error) {
	e := entry{key: key{strOf(it, attrPK), strOf(it, attrSK)}, revision: numOf(it, attrRevision),
		id: run.ID{DAG: strOf(it, attrDAG), Run: strOf(it, attrRun)}}
	if e.id.DAG == "" || e.id.Run == "" {
		return e, damaged(fmt.Sprintf("entry %s of %s", e.key.sk, e.key.pk), fmt.Errorf("it names no run"))
	}
	return e, nil
}

// orphaned says that nobody is about to make an entry true any more.
func (s *Store) orphaned(e entry) bool { return s.cfg.Now().Sub(idTime(e.revision)) > time.Hour }

// cursor reads the entries of one list in order.
type cursor struct {
	s        *Store
	span     span
	buffer   []entry
	finished bool
}

// fill reads at least one entry if there is one more.
func (c *cursor) fill(ctx context.Context, limit int) error {
	if len(c.buffer) > 0 || c.finished {
		return nil
	}
	c.span.limit = limit
	var bad error
	read := 0
	err := c.s.query(ctx, c.span, func(items []item) bool {
		for _, it := range items {
			e, err := decodeEntry(it)
			if err != nil {
				bad = err
				return false
			}
			c.buffer = append(c.buffer, e)
		}
		read += len(items)
		return read < limit
	})
	if read < limit {
		c.finished = true
	} else if bad == nil {
		c.span.past = c.buffer[read-1].key.sk
	}
	return cmp.Or(err, bad)
}

// merge reads several lists as one.
type merge struct {
	cursors  []*cursor
	backward bool
}

// next returns up to n entries.
func (m *merge) next(ctx context.Context, n int) ([]entry, error) {
	var out []entry
	for len(out) < n {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(parallel)
		for _, c := range m.cursors {
			if len(c.buffer) == 0 && !c.finished {
				// Of many lists, most have little of a page.
				g.Go(func() error { return c.fill(gctx, max(min(n, 4), 2*n/len(m.cursors))) })
			}
		}
		if err := g.Wait(); err != nil {
			return nil, err
		}
		var best *cursor
		for _, c := range m.cursors {
			if len(c.buffer) == 0 {
				continue
			}
			if best == nil || (c.buffer[0].key.sk < best.buffer[0].key.sk) != m.backward {
				best = c
			}
		}
		if best == nil {
			return out, nil
		}
		out, best.buffer = append(out, best.buffer[0]), best.buffer[1:]
	}
	return out, nil
}

// partitions are the lists that together have what a filter selects.
func (s *Store) partitions(ctx context.Context, f store.RunFilter) ([]string, error) {
	open := len(f.States) > 0
	for _, st := range f.States {
		open = open && !st.Finished()
	}
	switch {
	case f.Backfill != "":
		return []string{listBackfill + part(f.Backfill)}, nil
	case open:
		return []string{listActive}, nil
	case f.Owing:
		return []string{listOwing}, nil
	case f.DAG != "":
		return []string{listDAG + part(f.DAG)}, nil
	}
	dags, err := s.registered(ctx, kindDAG)
	for i, d := range dags {
		dags[i] = listDAG + part(d)
	}
	return dags, err
}

// ListRuns implements store.Runs. Runs of a name longer than 400 bytes come in the order
// of its first ones, if they have the same RunAfter.
func (s *Store) ListRuns(ctx context.Context, f store.RunFilter, p store.Page) (store.RunList, error) {
	list, err := s.listRuns(ctx, f, p)
	return list, s.explain("listing runs", err)
}

func (s *Store) listRuns(ctx context.Context, f store.RunFilter, p store.Page) (store.RunList, error) {
	if err := s.enter(ctx); err != nil {
		return store.RunList{}, err
	}
	name, err := json.Marshal(f)
	if err != nil {
		return store.RunList{}, err
	}
	if !f.After.IsZero() { // no finer than what it is compared with
		f.After = time.UnixMicro(f.After.UnixMicro())
	}
	r, err := bounds(f, string(name), p.Token)
	if err != nil {
		return store.RunList{}, err
	}
	pks, err := s.partitions(ctx, f)
	if err != nil {
		return store.RunList{}, err
	}
	m := merge{backward: r.backward}
	for _, pk := range pks {
		r.pk = pk
		m.cursors = append(m.cursors, &cursor{s: s, span: r})
	}
	limit := p.Size()
	var list store.RunList
	// Most filters select most of what their lists have: more is read only if that is not so.
	for n := limit + 1; len(list.Items) <= limit; n = min(2*n, maxGet) {
		entries, err := m.next(ctx, min(n, maxGet))
		if err != nil {
			return store.RunList{}, err
		}
		if len(entries) == 0 {
			return list, nil
		}
		runs, err := s.runs(ctx, entries, f)
		if err != nil {
			return store.RunList{}, err
		}
		list.Items = append(list.Items, runs...)
	}
	list.Items = list.Items[:limit]
	last := &list.Items[limit-1]
	list.Next = store.EncodeToken(string(name), strconv.FormatInt(store.Nanos(last.RunAfter), 10), last.DAG, last.Run)
	return list, nil
}

// bounds are the sort keys of a page.
func bounds(f store.RunFilter, list, token string) (span, error) {
	r := span{from: "0", to: "~", backward: f.Order != store.OldestFirst}
	if !f.After.IsZero() {
		r.from = sortable(store.Nanos(f.After))
	}
	if !f.Before.IsZero() {
		r.to = sortable(store.Nanos(f.Before))
	}
	if token == "" {
		return r, nil
	}
	parts, err := store.DecodeToken(list, token, 3)
	if err != nil {
		return r, err
	}
	at, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return r, fmt.Errorf("page token %.60q: %w", token, store.ErrBadToken)
	}
	r.past = entrySort(at, run.ID{DAG: parts[1], Run: parts[2]})
	return r, nil
}

// runs reads the runs of entries, and keeps those that the filter selects.
func (s *Store) runs(ctx context.Context, entries []entry, f store.RunFilter) ([]run.Run, error) {
	keys := make([]key, len(entries))
	for i, e := range entries {
		keys[i] = metaKey(e.id)
	}
	// A run whose RunAfter has changed may have two entries.
	found, err := s.getAll(ctx, distinct(keys))
	if err != nil {
		return nil, err
	}
	var out []run.Run
	for i, e := range entries {
		it := found[keys[i]]
		var h *header
		if it != nil {
			if h, err = s.decodeHeader(ctx, e.id, it); err != nil {
				return nil, err
			}
		}
		if h == nil || !slices.Contains(lists(&h.run), e.key) {
			if s.orphaned(e) {
				if err := s.unlist(ctx, []key{e.key}, e.revision); err != nil {
					return nil, err
				}
			}
			continue
		}
		if selects(f, &h.run) {
			out = append(out, h.run)
		}
	}
	return out, nil
}

func distinct(keys []key) []key {
	seen := make(map[key]bool, len(keys))
	var l []key
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			l = append(l, k)
		}
	}
	return l
}

func selects(f store.RunFilter, r *run.Run) bool {
	return (f.DAG == "" || r.DAG == f.DAG) &&
		(len(f.States) == 0 || slices.Contains(f.States, r.State)) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, r.Type)) &&
		(f.After.IsZero() || store.Nanos(r.RunAfter) >= store.Nanos(f.After)) &&
		(f.Before.IsZero() || store.Nanos(r.RunAfter) < store.Nanos(f.Before)) &&
		(f.LogicalBefore.IsZero() || r.LogicalDate != nil && r.LogicalDate.Before(f.LogicalBefore)) &&
		(f.Backfill == "" || r.Backfill == f.Backfill) && (!f.Owing || r.Owes())
}

// whole is a whole partition.
func whole(pk string) span { return span{pk: pk, from: "\x01", to: strings.Repeat("\U0010ffff", 4)} }

// collect calls f for n things, some at a time, and returns the results in order.
func collect[T any](ctx context.Context, n int, f func(ctx context.Context, i int) (T, error)) ([]T, error) {
	var mu sync.Mutex
	out := make([]T, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for i := range n {
		g.Go(func() error {
			v, err := f(ctx, i)
			mu.Lock()
			defer mu.Unlock()
			out[i] = v
			return err
		})
	}
	return out, g.Wait()
}
