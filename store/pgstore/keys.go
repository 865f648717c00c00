package pgstore

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// key is what rows are found by in place of names, which may be too long for an index: the
// first half of a SHA-256. It is stored as an UUID, which is what 16 bytes are called there.
type key = [16]byte

// keyOf is the key of a name, or of several together.
func keyOf(names ...string) key {
	h := sha256.New()
	var size [8]byte
	for _, n := range names {
		binary.BigEndian.PutUint64(size[:], uint64(len(n)))
		h.Write(size[:])
		h.Write([]byte(n))
	}
	return key(h.Sum(nil)[:16])
}

func runKey(id run.ID) key { return keyOf(id.DAG, id.Run) }

func settingKey(k store.Kind, id string) key { return keyOf(string(k), id) }

func keysOf(names []string) []key {
	out := make([]key, len(names))
	for i, n := range names {
		out[i] = keyOf(n)
	}
	return out
}
