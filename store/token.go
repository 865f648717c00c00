package store

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
)

// EncodeToken makes a page token for a list: parts say where the next page begins,
// list names the list and its filter. A token is opaque to those who pass it on.
func EncodeToken(list string, parts ...string) string {
	b := binary.BigEndian.AppendUint32(nil, 0)
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	binary.BigEndian.PutUint32(b, tokenSum(list, b[4:]))
	return base64.RawURLEncoding.EncodeToString(b)
}

// DecodeToken returns the n parts of a token of the same list, or ErrBadToken.
func DecodeToken(list, token string, n int) ([]string, error) {
	bad := fmt.Errorf("%.60q is not a page token of this list, start without one: %w", token, ErrBadToken)
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < 4 || binary.BigEndian.Uint32(b) != tokenSum(list, b[4:]) {
		return nil, bad
	}
	parts := make([]string, 0, n)
	for b = b[4:]; len(b) > 0; {
		size, k := binary.Uvarint(b)
		if k <= 0 || size > uint64(len(b)-k) {
			return nil, bad
		}
		parts = append(parts, string(b[k:k+int(size)]))
		b = b[k+int(size):]
	}
	if len(parts) != n {
		return nil, bad
	}
	return parts, nil
}

// tokenSum guards against tokens of other lists and damaged ones, not against forgers:
// a token opens nothing that the list itself does not.
func tokenSum(list string, b []byte) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(list))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(b)
	return h.Sum32()
}
