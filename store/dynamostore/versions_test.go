package dynamostore

import (
	"bytes"
	"testing"
)

func TestPack(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte(`{"task_id": "extract", "operator": "BashOperator"},`), 1000)
	packed, err := pack(body)
	if err != nil || len(packed) > len(body)/20 {
		t.Fatalf("%d bytes of %d, %v", len(packed), len(body), err)
	}
	got, err := unpack(packed, int64(len(body)))
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	for name, damaged := range map[string]struct {
		packed []byte
		size   int64
	}{
		"too long": {packed, int64(len(body)) - 1}, "too short": {packed, int64(len(body)) + 1},
		"cut off": {packed[:len(packed)/2], int64(len(body))}, "junk": {[]byte("junk"), 4}, "nothing": {nil, 1},
	} {
		if b, err := unpack(damaged.packed, damaged.size); err == nil {
			t.Errorf("%s: %d bytes", name, len(b))
		}
	}
}
