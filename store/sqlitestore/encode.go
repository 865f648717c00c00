package sqlitestore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// What a caller gives is turned into rows in the caller's goroutine: the committer
// then does nothing but SQL, and keeps nothing of the caller's.

type batchRows struct {
	run        run.ID
	create     *runRow
	update     *runRow
	wasState   run.RunState
	wasClears  int
	changes    []changeRows
	events     []eventRow
	eventsOnly bool
}

type runRow struct {
	state    run.RunState
	clears   int
	typ      run.Type
	logical  any
	runAfter int64
	backfill string
	owes     bool
	body     []byte
}

type changeRows struct {
	task                 string
	index                int
	state                run.State
	try                  int
	token                string
	due                  any
	body                 []byte
	cond                 run.Condition
	gone, archive, clear bool
	xcoms                []xcomRow
}

type xcomRow struct {
	name      string
	at, value []byte
}

type eventRow struct {
	id    any
	asset string
	at    int64
	body  []byte
}

func (s *Store) encodeBatch(b *run.Batch) (batchRows, error) {
	rows := batchRows{run: b.Run, eventsOnly: store.EventsOnly(b)}
	if err := store.CheckBatch(b); err != nil {
		return rows, err
	}
	var err error
	if b.Create != nil {
		if rows.create, err = s.encodeRunRow(b.Create); err != nil {
			return rows, err
		}
	}
	if u := b.Update; u != nil {
		rows.wasState, rows.wasClears = u.State, u.Clears
		if rows.update, err = s.encodeRunRow(&u.Want); err != nil {
			return rows, err
		}
	}
	if rows.changes, err = s.encodeChanges(b); err != nil {
		return rows, err
	}
	for i := range b.Events {
		e, err := s.encodeEvent(&b.Events[i])
		if err != nil {
			return rows, err
		}
		rows.events = append(rows.events, e)
	}
	return rows, nil
}

func (s *Store) encodeRunRow(r *run.Run) (*runRow, error) {
	body, err := encodeRun(r)
	if err != nil {
		return nil, err
	}
	if err := s.fits(len(body), "run", r.ID); err != nil {
		return nil, err
	}
	row := &runRow{state: r.State, clears: r.Clears, typ: r.Type, runAfter: store.Nanos(r.RunAfter),
		backfill: r.Backfill, owes: r.Owes(), body: body}
	if r.LogicalDate != nil {
		row.logical = store.Nanos(*r.LogicalDate)
	}
	return row, nil
}

func (s *Store) encodeChanges(b *run.Batch) ([]changeRows, error) {
	rows := make([]changeRows, len(b.Changes))
	// One buffer for all bodies: when it grows, those before keep the old one.
	buf := make([]byte, 0, 64*len(b.Changes))
	for i := range b.Changes {
		c := &b.Changes[i]
		start := len(buf)
		if !c.Gone {
			buf = appendInstance(buf, &c.Want)
		}
		if err := s.fits(len(buf)-start, "task instance", c.Want.Key(b.Run)); err != nil {
			return nil, err
		}
		rows[i] = changeRows{task: c.Want.Task, index: c.Want.Map, state: c.Want.State, try: c.Want.Try,
			token: c.Want.Token, due: due(&c.Want), body: buf[start:len(buf):len(buf)], cond: c.If,
			gone: c.Gone, archive: c.Archive, clear: c.ClearXComs}
		for j := range c.XComs {
			x, err := s.encodeXCom(c.Want.Key(b.Run), &c.XComs[j])
			if err != nil {
				return nil, err
			}
			rows[i].xcoms = append(rows[i].xcoms, x)
		}
	}
	return rows, nil
}

func (s *Store) encodeXCom(key run.Key, x *run.XCom) (xcomRow, error) {
	if len(x.Value) > s.maxItem {
		return xcomRow{}, fmt.Errorf("xcom %q of %s has %d bytes, at most %d fit: %w",
			x.Name, key, len(x.Value), s.maxItem, store.ErrTooLarge)
	}
	return xcomRow{name: x.Name, at: appendTime(nil, x.At), value: append([]byte{}, x.Value...)}, nil
}

func (s *Store) encodeEvent(e *run.AssetEvent) (eventRow, error) {
	copied := *e
	copied.ID, copied.At = 0, e.At.UTC()
	body, err := json.Marshal(copied)
	if err != nil {
		return eventRow{}, fmt.Errorf("encoding an event of asset %s: %w", e.Asset, err)
	}
	if err := s.fits(len(body), "event of asset", asset(e.Asset)); err != nil {
		return eventRow{}, err
	}
	row := eventRow{asset: e.Asset, at: store.Nanos(e.At), body: body}
	if e.ID != 0 {
		row.id = e.ID
	}
	return row, nil
}

type asset string

func (a asset) String() string { return string(a) }

func (s *Store) fits(size int, what string, name fmt.Stringer) error {
	if size <= s.maxItem {
		return nil
	}
	return fmt.Errorf("%s %s has %d bytes, at most %d fit: %w", what, name, size, s.maxItem, store.ErrTooLarge)
}

// due is the earlier of an instance's dates, nil if it has none.
func due(i *run.Instance) any {
	switch {
	case i.Due.IsZero() && i.Lease.IsZero():
		return nil
	case i.Due.IsZero() || !i.Lease.IsZero() && i.Lease.Before(i.Due):
		return store.Nanos(i.Lease)
	}
	return store.Nanos(i.Due)
}

func fromNanos(n int64) time.Time { return time.Unix(0, n).UTC() }
