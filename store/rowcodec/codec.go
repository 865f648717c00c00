package rowcodec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/run"
)

// Bodies are a row of fields: a number, then a value whose form follows from the number.
// Absent fields are zero. JSON costs ten times as much to read, and loses the difference
// between an empty list and none.

var errShort = errors.New("it ends too early")

type encoder struct{ b []byte }

func (e *encoder) int(field byte, v int) {
	if v != 0 {
		e.b = binary.AppendVarint(append(e.b, field), int64(v))
	}
}

func (e *encoder) string(field byte, v string) {
	if v != "" {
		e.b = binary.AppendUvarint(append(e.b, field), uint64(len(v)))
		e.b = append(e.b, v...)
	}
}

func (e *encoder) bytes(field byte, v []byte) {
	if len(v) > 0 {
		e.b = binary.AppendUvarint(append(e.b, field), uint64(len(v)))
		e.b = append(e.b, v...)
	}
}

func (e *encoder) time(field byte, t time.Time) {
	if !t.IsZero() {
		e.b = AppendTime(append(e.b, field), t)
	}
}

func (e *encoder) timep(field byte, t *time.Time) {
	if t != nil {
		e.b = AppendTime(append(e.b, field), *t)
	}
}

func (e *encoder) list(field byte, l []string) {
	if l == nil {
		return
	}
	e.b = binary.AppendUvarint(append(e.b, field), uint64(len(l)))
	for _, s := range l {
		e.b = binary.AppendUvarint(e.b, uint64(len(s)))
		e.b = append(e.b, s...)
	}
}

// AppendTime appends a time with its nanoseconds, whatever its year.
func AppendTime(b []byte, t time.Time) []byte {
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

// DecodeTime reads what AppendTime wrote; what names it in the error (Damaged).
func DecodeTime(what string, b []byte) (time.Time, error) {
	d := decoder{b: b}
	t := d.time()
	switch {
	case d.err != nil:
		return time.Time{}, Damaged(what, d.err)
	case t.Equal(time.Time{}):
		return time.Time{}, nil
	}
	return t, nil
}

// FromNanos is the time that store.Nanos made a number of.
func FromNanos(n int64) time.Time { return time.Unix(0, n).UTC() }

// decoder reads what encoder wrote. After an error it returns zeros.
type decoder struct {
	b   []byte
	err error
	// seen keeps one copy of strings that many rows share.
	seen map[string]string
}

// next returns the number of the next field, 0 at the end.
func (d *decoder) next() byte {
	if d.err != nil || len(d.b) == 0 {
		return 0
	}
	f := d.b[0]
	d.b = d.b[1:]
	if f == 0 {
		d.err = errors.New("it has a field 0")
	}
	return f
}

func (d *decoder) fail(err error) { d.err, d.b = err, nil }

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail(errShort)
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int { return int(d.varint()) }

func (d *decoder) raw() []byte {
	n := d.uvarint()
	if d.err != nil || n > uint64(len(d.b)) {
		d.fail(errShort)
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) string() string { return string(d.raw()) }

// shared is string for values that repeat from row to row.
func (d *decoder) shared() string {
	v := d.raw()
	if s, ok := d.seen[string(v)]; ok {
		return s
	}
	s := string(v)
	if d.seen != nil {
		d.seen[s] = s
	}
	return s
}

func (d *decoder) bytes() []byte { return append([]byte(nil), d.raw()...) }

func (d *decoder) time() time.Time {
	s, n := d.varint(), d.uvarint()
	if d.err != nil || n >= 1e9 {
		d.fail(errors.New("it has an impossible time"))
		return time.Time{}
	}
	return time.Unix(s, int64(n)).UTC()
}

func (d *decoder) timep() *time.Time { t := d.time(); return &t }

func (d *decoder) list() []string {
	n := d.uvarint()
	if n > uint64(len(d.b)) { // each takes a byte at least
		d.fail(errShort)
		return nil
	}
	l := make([]string, 0, n)
	for range n {
		l = append(l, d.string())
	}
	return l
}

func (d *decoder) unknown(f byte) { d.fail(fmt.Errorf("it has an unknown field %d", f)) }

// AppendInstance appends all of an instance that is not a column of its own: that is all
// but task, map index, state, try and token. Field numbers are never used again for
// something else.
func AppendInstance(b []byte, i *run.Instance) []byte {
	e := encoder{b}
	e.int(1, i.MaxTries)
	e.string(2, i.Worker)
	e.string(3, i.Handle)
	e.string(4, i.Executor)
	e.string(5, i.Pool)
	e.time(6, i.QueuedAt)
	e.time(7, i.Start)
	e.time(8, i.End)
	e.time(9, i.Due)
	e.time(10, i.Lease)
	e.time(11, i.FirstStart)
	e.int(12, i.Reschedules)
	e.int(13, i.InfraFailures)
	e.int(14, i.OOMFailures)
	e.string(15, string(i.Cause))
	e.int(16, i.ExitCode)
	e.string(17, i.Reason)
	e.string(18, i.Tail)
	e.string(19, i.Note)
	if i.Length != nil {
		e.b = binary.AppendVarint(append(e.b, 20), int64(*i.Length))
	}
	if i.Unmappable {
		e.int(21, 1)
	}
	if c := i.Choice; c != nil {
		e.int(22, 1)
		e.list(23, c.Followed)
		e.list(24, c.Skipped)
	}
	e.string(25, i.Label)
	e.bytes(26, i.Trigger)
	if i.Pushed {
		e.int(27, 1)
	}
	e.int(28, int(i.PeakMemory))
	return e.b
}

// DecodeInstance reads into an instance what AppendInstance wrote. If seen is not nil, it
// keeps one copy of each text there that many instances have in common. Nothing of body is
// kept.
func DecodeInstance(body []byte, seen map[string]string, i *run.Instance) error {
	d := decoder{b: body, seen: seen}
	d.instance(i)
	if i.State >= run.NumStates && d.err == nil {
		d.err = fmt.Errorf("it has an unknown state %d", uint8(i.State))
	}
	return d.err
}

func (d *decoder) instance(i *run.Instance) { //nolint:funlen // one case for each field
	for f := d.next(); f != 0; f = d.next() {
		switch f {
		case 1:
			i.MaxTries = d.int()
		case 2:
			i.Worker = d.shared()
		case 3:
			i.Handle = d.string()
		case 4:
			i.Executor = d.shared()
		case 5:
			i.Pool = d.shared()
		case 6:
			i.QueuedAt = d.time()
		case 7:
			i.Start = d.time()
		case 8:
			i.End = d.time()
		case 9:
			i.Due = d.time()
		case 10:
			i.Lease = d.time()
		case 11:
			i.FirstStart = d.time()
		case 12:
			i.Reschedules = d.int()
		case 13:
			i.InfraFailures = d.int()
		case 14:
			i.OOMFailures = d.int()
		case 15:
			i.Cause = run.Cause(d.shared())
		case 16:
			i.ExitCode = d.int()
		case 17:
			i.Reason = d.shared()
		case 18:
			i.Tail = d.string()
		case 19:
			i.Note = d.string()
		case 20:
			n := d.int()
			i.Length = &n
		case 21:
			i.Unmappable = d.int() != 0
		case 22:
			d.int()
			i.Choice = &run.Choice{}
		case 23, 24:
			d.choice(i, f)
		case 25:
			i.Label = d.string()
		case 26:
			i.Trigger = d.bytes()
		case 27:
			i.Pushed = d.int() != 0
		case 28:
			i.PeakMemory = int64(d.int())
		default:
			d.unknown(f)
		}
	}
}

func (d *decoder) choice(i *run.Instance, f byte) {
	l := d.list()
	switch {
	case i.Choice == nil:
		d.fail(errors.New("it has a list of tasks without a choice"))
	case f == 23:
		i.Choice.Followed = l
	default:
		i.Choice.Skipped = l
	}
}

// EncodeRun returns all of a run that is not a column of its own: that is all but id,
// state, clears, type, logical date and backfill.
func EncodeRun(r *run.Run) ([]byte, error) {
	e := encoder{make([]byte, 0, 128)}
	e.string(1, r.Version)
	e.timep(2, r.IntervalStart)
	e.timep(3, r.IntervalEnd)
	e.time(4, r.RunAfter)
	e.time(5, r.QueuedAt)
	e.time(6, r.Start)
	e.time(7, r.End)
	e.bytes(8, r.Conf)
	e.string(9, r.Note)
	e.string(10, r.TriggeredBy)
	e.string(11, r.Reason)
	if len(r.Events) > 0 {
		utc := slices.Clone(r.Events)
		for i := range utc {
			utc[i].At = utc[i].At.UTC()
		}
		events, err := json.Marshal(utc)
		if err != nil {
			return nil, fmt.Errorf("encoding the asset events of run %s: %w", r.ID, err)
		}
		e.bytes(12, events)
	}
	if r.Owes() {
		calls, err := json.Marshal(owing{inUTC(r.Owed), deadlinesInUTC(r.Deadlines)})
		if err != nil {
			return nil, fmt.Errorf("encoding the calls that run %s owes: %w", r.ID, err)
		}
		e.bytes(13, calls)
	}
	return e.b, nil
}

// owing is what few runs have.
type owing struct {
	Owed      []run.Call     `json:"owed,omitempty"`
	Deadlines []run.Deadline `json:"deadlines,omitempty"`
}

func inUTC(calls []run.Call) []run.Call {
	utc := slices.Clone(calls)
	for i := range utc {
		utc[i].At = utc[i].At.UTC()
	}
	return utc
}

func deadlinesInUTC(deadlines []run.Deadline) []run.Deadline {
	utc := slices.Clone(deadlines)
	for i := range utc {
		utc[i].At = utc[i].At.UTC()
	}
	return utc
}

// DecodeRun reads into a run what EncodeRun wrote. Nothing of body is kept.
func DecodeRun(body []byte, r *run.Run) error {
	d := decoder{b: body}
	d.run(r)
	return d.err
}

func (d *decoder) run(r *run.Run) {
	for f := d.next(); f != 0; f = d.next() {
		switch f {
		case 1:
			r.Version = d.string()
		case 2:
			r.IntervalStart = d.timep()
		case 3:
			r.IntervalEnd = d.timep()
		case 4:
			r.RunAfter = d.time()
		case 5:
			r.QueuedAt = d.time()
		case 6:
			r.Start = d.time()
		case 7:
			r.End = d.time()
		case 8:
			r.Conf = d.bytes()
		case 9:
			r.Note = d.string()
		case 10:
			r.TriggeredBy = d.string()
		case 11:
			r.Reason = d.string()
		case 12:
			if err := json.Unmarshal(d.raw(), &r.Events); err != nil && d.err == nil {
				d.fail(fmt.Errorf("its asset events: %w", err))
			}
		case 13:
			var o owing
			if err := json.Unmarshal(d.raw(), &o); err != nil && d.err == nil {
				d.fail(fmt.Errorf("the calls that it owes: %w", err))
			}
			r.Owed, r.Deadlines = o.Owed, o.Deadlines
		default:
			d.unknown(f)
		}
	}
}
