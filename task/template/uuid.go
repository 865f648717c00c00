package template

import (
	"crypto/md5"  // what version 3 of UUIDs is made of
	"crypto/sha1" // what version 5 of UUIDs is made of
	"encoding/hex"
	"errors"
	"math/big"
	"strings"

	"github.com/updraft-dev/updraft/jinja/py"
)

// uuid is a uuid.UUID.
type uuid [16]byte

var uuidClass = &py.Type{Module: "uuid", Name: "UUID", New: newUUID}

func newUUID(_ *py.Thread, a py.Args) (py.Value, error) {
	args, err := py.Bind("UUID.__init__", a, "hex?", "bytes?", "bytes_le?", "fields?", "int?", "version?")
	if err != nil {
		return nil, err
	}
	for _, v := range args[1:] {
		if py.Or(v, nil) != nil {
			return nil, errors.New("macros.uuid.UUID is supported with the argument hex only")
		}
	}
	s, ok := py.IsString(py.Or(args[0], nil))
	if !ok {
		return nil, py.TypeError("one of the hex, bytes, bytes_le, fields, or int arguments must be given")
	}
	s = strings.NewReplacer("urn:", "", "uuid:", "").Replace(s)
	s = strings.ReplaceAll(strings.Trim(s, "{}"), "-", "")
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(uuid{}) {
		return nil, py.ValueError("badly formed hexadecimal UUID string")
	}
	return uuid(b), nil
}

// Type is uuid.UUID.
func (uuid) Type() *py.Type { return uuidClass }

func (u uuid) text() string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Str is the usual form.
func (u uuid) Str(*py.Thread) (string, error) { return u.text(), nil }

// Repr is UUID('...').
func (u uuid) Repr(*py.Thread) (string, error) { return "UUID('" + u.text() + "')", nil }

// Hash is that of the value.
func (u uuid) Hash() (any, error) { return u, nil }

// Compare orders by value.
func (u uuid) Compare(_ *py.Thread, op string, other py.Value) (py.Value, bool, error) {
	o, ok := other.(uuid)
	if !ok {
		return nil, false, nil
	}
	return py.Ordered(op, strings.Compare(string(u[:]), string(o[:]))), true, nil
}

// Attr answers the value in its other forms.
func (u uuid) Attr(_ *py.Thread, name string) (py.Value, bool, error) {
	switch name {
	case "hex":
		return hex.EncodeToString(u[:]), true, nil
	case "int":
		return py.Norm(new(big.Int).SetBytes(u[:])), true, nil
	case "urn":
		return "urn:uuid:" + u.text(), true, nil
	case "bytes":
		return py.Bytes(u[:]), true, nil
	case "version":
		if u[8]>>6 != 2 { // not the variant that has versions
			return nil, true, nil
		}
		return int(u[6] >> 4), true, nil
	}
	return nil, false, nil
}

// stamped marks bytes as a UUID of a version.
func stamped(b []byte, version byte) uuid {
	u := uuid(b[:16])
	u[6] = u[6]&0x0f | version<<4
	u[8] = u[8]&0x3f | 0x80
	return u
}

// uuidModule is the module uuid.
func (r *Renderer) uuidModule() map[string]py.Value {
	named := func(name string, version byte, sum func(b []byte) []byte) *py.Func {
		return function(name, func(th *py.Thread, a []py.Value) (py.Value, error) {
			space, ok := a[0].(uuid)
			if !ok {
				return nil, py.AttributeError(a[0], "bytes")
			}
			s, ok := py.IsString(a[1])
			if !ok {
				return nil, py.TypeError("%s() needs a str as name, not %s", name, py.TypeOf(a[1]).Name)
			}
			if err := th.Alloc(len(s)); err != nil {
				return nil, err
			}
			return stamped(sum(append(space[:], s...)), version), nil
		}, "namespace", "name")
	}
	out := map[string]py.Value{
		"UUID":  uuidClass,
		"uuid3": named("uuid3", 3, func(b []byte) []byte { h := md5.Sum(b); return h[:] }),
		"uuid5": named("uuid5", 5, func(b []byte) []byte { h := sha1.Sum(b); return h[:] }),
		"uuid4": function("uuid4", func(*py.Thread, []py.Value) (py.Value, error) {
			if r.cfg.Random == nil {
				return nil, errors.New("macros.uuid.uuid4 is not available here")
			}
			var b [16]byte
			for i := range b {
				b[i] = byte(r.cfg.Random(256))
			}
			return stamped(b[:], 4), nil
		}),
	}
	for i, name := range []string{"DNS", "URL", "OID", 4: "X500"} {
		if name != "" { // RFC 9562, section 6.6: they differ in the fourth byte
			u, _ := hex.DecodeString("6ba7b8109dad11d180b400c04fd430c8")
			u[3] += byte(i)
			out["NAMESPACE_"+name] = uuid(u)
		}
	}
	return out
}
