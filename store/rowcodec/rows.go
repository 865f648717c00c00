// Package rowcodec turns runs and task instances into rows of a database, and back: what
// conditions and queries look at is a column, the rest is one body. It is what drivers of
// databases with tables have in common; statements are theirs.
package rowcodec

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Batch is a run.Batch as rows. It keeps nothing of the caller's.
type Batch struct {
	Run    run.ID
	Create *Run
	Update *Run
	// WasState and WasClears are the condition of Update.
	WasState  run.RunState
	WasClears int
	Changes   []Change
	Events    []Event
	// EventsOnly says that it names no run; see store.EventsOnly.
	EventsOnly bool
}

// Run is the row of a run.
type Run struct {
	State    run.RunState
	Clears   int
	Type     run.Type
	Logical  *int64 // nanoseconds, as RunAfter; nil if there is none
	RunAfter int64
	Backfill string
	Owes     bool
	Body     []byte
}

// Change is the row of a task instance, and when it may be written.
type Change struct {
	Task  string
	Map   int
	State run.State
	Try   int
	Token string
	// Due is the earlier of Due and Lease in nanoseconds, nil if there is neither.
	Due                  *int64
	Body                 []byte
	If                   run.Condition
	Gone, Archive, Clear bool
	XComs                []XCom
}

// XCom is the row of an XCom.
type XCom struct {
	Name string
	// At is a time by AppendTime.
	At, Value []byte
}

// Event is the row of an asset event.
type Event struct {
	// ID is nil if the store shall give one.
	ID    *int64
	Asset string
	At    int64
	Body  []byte
}

// Encoder makes rows, none of which is larger than MaxItem bytes.
type Encoder struct{ MaxItem int }

// Batch checks a batch (store.CheckBatch) and makes rows of it.
func (e Encoder) Batch(b *run.Batch) (Batch, error) {
	rows := Batch{Run: b.Run, EventsOnly: store.EventsOnly(b)}
	if err := store.CheckBatch(b); err != nil {
		return rows, err
	}
	var err error
	if b.Create != nil {
		if rows.Create, err = e.run(b.Create); err != nil {
			return rows, err
		}
	}
	if u := b.Update; u != nil {
		rows.WasState, rows.WasClears = u.State, u.Clears
		if rows.Update, err = e.run(&u.Want); err != nil {
			return rows, err
		}
	}
	if rows.Changes, err = e.changes(b); err != nil {
		return rows, err
	}
	for i := range b.Events {
		ev, err := e.event(&b.Events[i])
		if err != nil {
			return rows, err
		}
		rows.Events = append(rows.Events, ev)
	}
	return rows, nil
}

func (e Encoder) run(r *run.Run) (*Run, error) {
	body, err := EncodeRun(r)
	if err != nil {
		return nil, err
	}
	if err := e.fits(len(body), "run", r.ID); err != nil {
		return nil, err
	}
	row := &Run{State: r.State, Clears: r.Clears, Type: r.Type, RunAfter: store.Nanos(r.RunAfter),
		Backfill: r.Backfill, Owes: r.Owes(), Body: body}
	if r.LogicalDate != nil {
		row.Logical = new(store.Nanos(*r.LogicalDate))
	}
	return row, nil
}

func (e Encoder) changes(b *run.Batch) ([]Change, error) {
	rows := make([]Change, len(b.Changes))
	// One buffer for all bodies: when it grows, those before keep the old one.
	buf := make([]byte, 0, 64*len(b.Changes))
	for i := range b.Changes {
		c := &b.Changes[i]
		start := len(buf)
		if !c.Gone {
			buf = AppendInstance(buf, &c.Want)
		}
		if err := e.fits(len(buf)-start, "task instance", c.Want.Key(b.Run)); err != nil {
			return nil, err
		}
		rows[i] = Change{Task: c.Want.Task, Map: c.Want.Map, State: c.Want.State, Try: c.Want.Try,
			Token: c.Want.Token, Due: due(&c.Want), Body: buf[start:len(buf):len(buf)], If: c.If,
			Gone: c.Gone, Archive: c.Archive, Clear: c.ClearXComs}
		for j := range c.XComs {
			x, err := e.XCom(c.Want.Key(b.Run), &c.XComs[j])
			if err != nil {
				return nil, err
			}
			rows[i].XComs = append(rows[i].XComs, x)
		}
	}
	return rows, nil
}

// XCom makes the row of an XCom of a task instance; too large a value is
// store.ErrTooLarge.
func (e Encoder) XCom(key run.Key, x *run.XCom) (XCom, error) {
	if len(x.Value) > e.MaxItem {
		return XCom{}, fmt.Errorf("xcom %q of %s has %d bytes, at most %d fit: %w",
			x.Name, key, len(x.Value), e.MaxItem, store.ErrTooLarge)
	}
	return XCom{Name: x.Name, At: AppendTime(nil, x.At), Value: append([]byte{}, x.Value...)}, nil
}

func (e Encoder) event(ev *run.AssetEvent) (Event, error) {
	copied := *ev
	copied.ID, copied.At = 0, ev.At.UTC()
	body, err := json.Marshal(copied)
	if err != nil {
		return Event{}, fmt.Errorf("encoding an event of asset %s: %w", ev.Asset, err)
	}
	if err := e.fits(len(body), "event of asset", asset(ev.Asset)); err != nil {
		return Event{}, err
	}
	row := Event{Asset: ev.Asset, At: store.Nanos(ev.At), Body: body}
	if ev.ID != 0 {
		row.ID = new(ev.ID)
	}
	return row, nil
}

// DecodeEvent reads the row of an asset event.
func DecodeEvent(id int64, body []byte) (run.AssetEvent, error) {
	var ev run.AssetEvent
	if err := json.Unmarshal(body, &ev); err != nil {
		return ev, Damaged(fmt.Sprintf("asset event %d", id), err)
	}
	ev.ID = id
	return ev, nil
}

// ScanDAG reads a DAG by scan, which is that of a row of these columns: id, version, file,
// stale, revision, state, the version's time and body.
func ScanDAG(scan func(...any) error) (store.Definition, error) {
	var (
		d         store.Definition
		state, at []byte
		stale     bool
		revision  int64
	)
	err := scan(&d.ID, &d.Version, &d.File, &stale, &revision, &state, &at, &d.Body)
	if err != nil {
		return d, err
	}
	if d.State, err = store.DecodeState(state); err != nil {
		return d, Damaged("state of DAG "+d.ID, err)
	}
	d.State.Stale, d.State.Revision = stale, revision
	d.At, err = DecodeTime("time of DAG "+d.ID, at)
	return d, err
}

// Damaged is the error about a stored item that cannot be read; what names it.
func Damaged(what string, err error) error {
	return fmt.Errorf("%s: %w: %w", what, store.ErrCorrupt, err)
}

type asset string

func (a asset) String() string { return string(a) }

func (e Encoder) fits(size int, what string, name fmt.Stringer) error {
	if size <= e.MaxItem {
		return nil
	}
	return fmt.Errorf("%s %s has %d bytes, at most %d fit: %w", what, name, size, e.MaxItem, store.ErrTooLarge)
}

func due(i *run.Instance) *int64 {
	switch {
	case i.Due.IsZero() && i.Lease.IsZero():
		return nil
	case i.Due.IsZero() || !i.Lease.IsZero() && i.Lease.Before(i.Due):
		return new(store.Nanos(i.Lease))
	}
	return new(store.Nanos(i.Due))
}

// Earliest returns the earlier of next (zero if none) and t, if t is after until. It is how
// Due finds what comes next.
func Earliest(next, t, until time.Time) time.Time {
	if t.After(until) && (next.IsZero() || t.Before(next)) {
		return t
	}
	return next
}
