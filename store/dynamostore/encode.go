package dynamostore

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// batch is a run.Batch as it will be written. Values to be kept by reference have their
// places already, and are written before the first change.
type batch struct {
	b          *run.Batch
	eventsOnly bool
	create     []byte
	update     []byte
	changes    []change
	events     []event
	values     []value
}

// change is a run.Change as it will be written.
type change struct {
	*run.Change
	// attr and xattr are the attributes of the instance and of its XComs; they follow from
	// the run's layout.
	attr, xattr string
	// entry is the instance, nil if it goes.
	entry []byte
	// prefix is what the stored entry must begin with, nil if it must not be there.
	prefix []byte
	xcoms  []xcom
}

// xcom is an XCom as it lies in the attribute of its instance.
type xcom struct {
	name string
	at   time.Time
	// value is the JSON, unless it is kept by reference.
	value []byte
	ref   *ref
}

// value is a value that is kept by reference.
type value struct {
	ref *ref
	// sort begins its sort keys: sortDetail or sortXCom.
	sort  string
	bytes []byte
}

func (s *Store) encodeBatch(b *run.Batch) (*batch, error) {
	if err := store.CheckBatch(b); err != nil {
		return nil, err
	}
	e := &batch{b: b, eventsOnly: store.EventsOnly(b)}
	var err error
	if b.Create != nil {
		if e.create, err = s.encodeHeader(b.Create); err != nil {
			return nil, err
		}
	}
	if b.Update != nil {
		if e.update, err = s.encodeHeader(&b.Update.Want); err != nil {
			return nil, err
		}
	}
	e.changes = make([]change, len(b.Changes))
	for i := range b.Changes {
		if e.changes[i], err = s.encodeChange(e, &b.Changes[i]); err != nil {
			return nil, err
		}
	}
	for i := range b.Events {
		v, err := s.encodeEvent(&b.Events[i])
		if err != nil {
			return nil, err
		}
		e.events = append(e.events, v)
	}
	return e, nil
}

func (s *Store) encodeChange(e *batch, c *run.Change) (change, error) {
	v := change{Change: c}
	var err error
	if !c.Gone {
		v.entry = encodeInstance(&c.Want, func(long []byte) *ref {
			err = s.fits(len(long), "task instance "+c.Want.Key(e.b.Run).String())
			return e.keep(s, sortDetail, long)
		})
		if err == nil {
			err = s.fits(len(v.entry), "task instance "+c.Want.Key(e.b.Run).String())
		}
		if err != nil {
			return v, err
		}
	}
	if !c.If.Absent {
		v.prefix = appendPrefix(nil, c.If.State, c.If.Try, c.If.Token)
	}
	for i := range c.XComs {
		x, err := s.encodeXCom(e, c.Want.Key(e.b.Run), &c.XComs[i])
		if err != nil {
			return v, err
		}
		v.xcoms = putXCom(v.xcoms, x)
	}
	return v, nil
}

// keep has a value written before the batch.
func (b *batch) keep(s *Store, sort string, v []byte) *ref {
	f := newRef(len(v))
	b.values = append(b.values, value{f, sort, v})
	return f
}

// maxXCom is the size of an XCom that lies in the shard of its instance: with the usual
// return values a shard still is one write unit, and an item of its own costs one at least.
const maxXCom = 100

func (s *Store) encodeXCom(e *batch, key run.Key, x *run.XCom) (xcom, error) {
	if err := s.fits(len(x.Value), fmt.Sprintf("xcom %q of %s", x.Name, key)); err != nil {
		return xcom{}, err
	}
	v := xcom{name: x.Name, at: x.At, value: x.Value}
	if len(v.value)+len(v.name) > maxXCom {
		v.ref, v.value = e.keep(s, sortXCom, x.Value), nil
	}
	return v, nil
}

// putXCom puts a value among those of an instance, which are ordered by name.
func putXCom(l []xcom, x xcom) []xcom {
	i, found := slices.BinarySearchFunc(l, x.name, func(x xcom, name string) int { return strings.Compare(x.name, name) })
	if found {
		l[i] = x
		return l
	}
	return slices.Insert(l, i, x)
}

// The bits of an XCom's record.
const (
	bitXComName = iota
	bitXComAt
	bitXComValue
	bitXComRef
)

// encodeXComs writes the XComs of an instance: for each the length of its record, and the
// record. Nil stands for none.
func encodeXComs(l []xcom) []byte {
	var b []byte
	for i := range l {
		x := &l[i]
		r := record{}
		r.string(bitXComName, x.name)
		r.time(bitXComAt, x.at)
		r.bytes(bitXComValue, x.value)
		r.ref(bitXComRef, x.ref)
		one := r.appendTo(nil)
		b = append(binary.AppendUvarint(b, uint64(len(one))), one...)
	}
	return b
}

func decodeXComs(b []byte) ([]xcom, error) {
	var l []xcom
	for len(b) > 0 {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return nil, errShort
		}
		r := readRecord(b[k : k+int(n)])
		l = append(l, xcom{name: r.string(bitXComName), at: r.time(bitXComAt), value: r.bytes(bitXComValue), ref: r.ref(bitXComRef)})
		if err := r.end(); err != nil {
			return nil, err
		}
		b = b[k+int(n):]
	}
	return l, nil
}

// writeValues writes the values that a batch refers to.
func (s *Store) valueItems(p *place, values []value) []item {
	var l []item
	for _, v := range values {
		l = append(l, s.chunks(v.ref, runKey(p.id), v.sort+p.epoch+"#", v.bytes)...)
	}
	return l
}
