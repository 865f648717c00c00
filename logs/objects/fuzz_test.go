package objects

import (
	"bytes"
	"testing"
)

// FuzzDecodePack: whatever is in a bucket, it is read or refused; what is read is written
// the same way again.
func FuzzDecodePack(f *testing.F) {
	f.Add([]byte(`{"logs":[{"path":"dag_id=d/run_id=r/task_id=t/attempt=1.log","size":4,"written":"2026-01-01T00:00:00Z","token":"x"}]}` + "\ntext"))
	f.Add([]byte(`{"logs":[{"size":-1}]}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePack(b)
		if err != nil {
			return
		}
		once, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodePack(once)
		if err != nil {
			t.Fatalf("%q became %q, which is no pack: %v", b, once, err)
		}
		if twice, err := again.encode(); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%q became %q and then %q, %v", b, once, twice, err)
		}
	})
}
