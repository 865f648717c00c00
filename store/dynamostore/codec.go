package dynamostore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Bodies of items are records: a set of bits that says which fields follow, then their
// values in the order of the bits. Each byte of an instance is paid for with every write
// of its shard: names of fields would cost more than the values, and times, most of the
// rest, are differences to the one before.

var (
	errShort   = errors.New("it ends too early")
	errUnknown = errors.New("it has fields that this release does not know: " +
		"it is damaged, or was written by a newer release; then use that one")
)

// words are written as one byte. Numbers are for ever: add at the end.
var words = []string{
	"default_pool", "local", "lambda", "fargate", "sqs", "process", "auto", "return_value",
	"task", "timeout", "oom", "infra", "image", "quota", "config", "user",
	"scheduled", "manual", "backfill", "asset_triggered", "asset_materialization",
	"scheduler", "cli", "rest_api", "asset",
}

// record writes one record. Fields must be given in ascending order.
type record struct {
	mask uint64
	b    []byte
	last int64
}

func (r *record) has(bit uint) { r.mask |= 1 << bit }

func (r *record) flag(bit uint, v bool) {
	if v {
		r.has(bit)
	}
}

func (r *record) int(bit uint, v int) {
	if v != 0 {
		r.has(bit)
		r.b = binary.AppendVarint(r.b, int64(v))
	}
}

func (r *record) intp(bit uint, v *int) {
	if v != nil {
		r.has(bit)
		r.b = binary.AppendVarint(r.b, int64(*v))
	}
}

func (r *record) string(bit uint, v string) {
	if v != "" {
		r.has(bit)
		r.b = appendString(r.b, v)
	}
}

func (r *record) bytes(bit uint, v []byte) {
	if len(v) > 0 {
		r.has(bit)
		r.b = appendString(r.b, string(v))
	}
}

func (r *record) time(bit uint, t time.Time) {
	if !t.IsZero() {
		r.timep(bit, &t)
	}
}

func (r *record) timep(bit uint, t *time.Time) {
	if t != nil {
		r.has(bit)
		at := t.UnixMicro()
		r.b = binary.AppendVarint(r.b, at-r.last)
		r.last = at
	}
}

func (r *record) list(bit uint, l []string) {
	if l == nil {
		return
	}
	r.has(bit)
	r.b = binary.AppendUvarint(r.b, uint64(len(l)))
	for _, s := range l {
		r.b = appendString(r.b, s)
	}
}

func (r *record) ref(bit uint, f *ref) {
	if f != nil {
		r.has(bit)
		r.b = f.append(r.b)
	}
}

// appendTo appends the record to b.
func (r *record) appendTo(b []byte) []byte { return append(binary.AppendUvarint(b, r.mask), r.b...) }

func appendString(b []byte, s string) []byte {
	if i := slices.Index(words, s); i >= 0 {
		return binary.AppendUvarint(b, uint64(i)<<1|1)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))<<1), s...)
}

// reader reads what record wrote. After an error it returns zeros.
type reader struct {
	b    []byte
	mask uint64
	last int64
	err  error
}

// readRecord begins to read the record that b ends with.
func readRecord(b []byte) *reader {
	r := &reader{b: b}
	r.mask = r.uvarint()
	return r
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b, r.mask = nil, 0
}

// has says whether a field is there, and ticks it off.
func (r *reader) has(bit uint) bool {
	is := r.mask&(1<<bit) != 0
	r.mask &^= 1 << bit
	return is
}

// end returns what was wrong, if only that something is left.
func (r *reader) end() error {
	if r.err == nil && (r.mask != 0 || len(r.b) > 0) {
		r.err = errUnknown
	}
	return r.err
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail(errShort)
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string {
	n := r.uvarint()
	if n&1 == 1 {
		if n>>1 >= uint64(len(words)) {
			r.fail(errUnknown)
			return ""
		}
		return words[n>>1]
	}
	n >>= 1
	if n > uint64(len(r.b)) {
		r.fail(errShort)
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) flag(bit uint) bool { return r.has(bit) }

func (r *reader) int(bit uint) int {
	if !r.has(bit) {
		return 0
	}
	return int(r.varint())
}

func (r *reader) intp(bit uint) *int {
	if !r.has(bit) {
		return nil
	}
	n := int(r.varint())
	return &n
}

func (r *reader) string(bit uint) string {
	if !r.has(bit) {
		return ""
	}
	return r.text()
}

func (r *reader) bytes(bit uint) []byte {
	if !r.has(bit) {
		return nil
	}
	return []byte(r.text())
}

// Times are those of the years 1 to 9999.
const (
	minMicros = -62135596800_000_000
	maxMicros = 253402300799_999_999
)

func (r *reader) time(bit uint) time.Time {
	if !r.has(bit) {
		return time.Time{}
	}
	d := r.varint()
	at := r.last + d
	if (d > 0) != (at > r.last) && d != 0 || at < minMicros || at > maxMicros {
		r.fail(errors.New("it has an impossible time"))
		return time.Time{}
	}
	r.last = at
	return time.UnixMicro(at).UTC()
}

func (r *reader) timep(bit uint) *time.Time {
	if r.mask&(1<<bit) == 0 {
		return nil
	}
	t := r.time(bit)
	return &t
}

func (r *reader) list(bit uint) []string {
	if !r.has(bit) {
		return nil
	}
	n := r.uvarint()
	if n > uint64(len(r.b)) { // each takes a byte at least
		r.fail(errShort)
		return nil
	}
	l := make([]string, 0, n)
	for range n {
		l = append(l, r.text())
	}
	return l
}

func (r *reader) ref(bit uint) *ref {
	if !r.has(bit) {
		return nil
	}
	return r.readRef()
}

func (r *reader) readRef() *ref {
	f := ref{id: int64(r.uvarint()), size: int(r.uvarint())}
	if r.err == nil && (f.size < 0 || f.size > math.MaxInt32) {
		r.fail(fmt.Errorf("it refers to a value of %d bytes", f.size))
	}
	return &f
}

// ref refers to a value that is kept in items of its own.
type ref struct {
	id   int64
	size int
}

// newRef refers to a new value. Numbers are drawn: nothing depends on their order, and two
// writers must not have the same.
func newRef(size int) *ref { return &ref{id: rand.Int64(), size: size} }

func (f *ref) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(f.id))
	return binary.AppendUvarint(b, uint64(f.size))
}

// chunk is the size of the parts in which a value is kept that no item can hold. It must
// not change while there are values.
const chunk = 380 << 10

// keys are the items of the value, in the partition pk, with sort keys that begin so.
func (f *ref) keys(pk, prefix string) []key {
	var l []key
	for n := range max(1, (f.size+chunk-1)/chunk) {
		l = append(l, key{pk, fmt.Sprintf("%s%s#%02d", prefix, sortable(f.id), n)})
	}
	return l
}
