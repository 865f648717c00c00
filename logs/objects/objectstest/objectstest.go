package objectstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/logs/objects"
)

// Run runs the whole suite. open is called for each test and returns an empty bucket.
func Run(t *testing.T, open func(t testing.TB) objects.Bucket) {
	tests := []struct {
		promise string
		test    func(t *testing.T, b objects.Bucket)
	}{
		{"an object is what was put", testPut},
		{"an object is read from any place on", testRange},
		{"odd keys are keys", testKeys},
		{"lists go on over more than a thousand objects", testPages},
		{"lists see at once what was done", testListed},
		{"an object is made once", testAbsent},
		{"an object is replaced if it has not changed", testVersion},
		{"one of many writers makes an object", testRace},
		{"what is not there is no error for Delete", testDelete},
		{"calls end with their context", testCancelled},
	}
	for _, tt := range tests {
		t.Run(tt.promise, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
}

func ok(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func put(t testing.TB, b objects.Bucket, key, text string) {
	t.Helper()
	ok(t, "Put "+key, b.Put(t.Context(), objects.Put{Key: key, Body: []byte(text)}))
}

func get(t testing.TB, b objects.Bucket, key string) string {
	t.Helper()
	p := make([]byte, 100)
	n, err := b.Get(t.Context(), key, p, 0)
	ok(t, "Get "+key, err)
	return string(p[:n])
}

// keys lists the keys that begin with a prefix.
func keys(t testing.TB, b objects.Bucket, prefix string) (out []string) {
	t.Helper()
	for token := ""; ; {
		page, err := b.List(t.Context(), prefix, token)
		ok(t, "List "+prefix, err)
		for _, o := range page.Objects {
			out = append(out, o.Key)
		}
		if token = page.Next; token == "" {
			return out
		}
	}
}

func testPut(t *testing.T, b objects.Bucket) {
	_, err := b.Head(t.Context(), "a/b")
	is(t, "Head of nothing", err, objects.ErrNotFound)
	_, err = b.Get(t.Context(), "a/b", make([]byte, 1), 0)
	is(t, "Get of nothing", err, objects.ErrNotFound)
	meta := map[string]string{"writer": "me", "closed": "true"}
	ok(t, "Put", b.Put(t.Context(), objects.Put{Key: "a/b", Body: []byte("text"), Meta: meta}))
	equal(t, "text", "text", get(t, b, "a/b"))
	o, err := b.Head(t.Context(), "a/b")
	ok(t, "Head", err)
	equal(t, "metadata", meta, o.Meta)
	if o.Key != "a/b" || o.Size != 4 || o.Modified.IsZero() || o.Version == "" {
		t.Errorf("got %+v", o)
	}
	page, err := b.List(t.Context(), "a/", "")
	ok(t, "List", err)
	if l := page.Objects; len(l) != 1 || l[0].Key != "a/b" || l[0].Size != 4 || l[0].Modified.IsZero() || l[0].Version != o.Version {
		t.Errorf("listed %+v", l)
	}
	put(t, b, "a/b", "")
	equal(t, "text of an empty object", "", get(t, b, "a/b"))
	again, err := b.Head(t.Context(), "a/b")
	ok(t, "Head", err)
	if again.Size != 0 || len(again.Meta) != 0 || again.Version == o.Version {
		t.Errorf("got %+v", again)
	}
}

func testRange(t *testing.T, b objects.Bucket) {
	long := bytes.Repeat([]byte("0123456789"), 100_000)
	put(t, b, "short", "0123456789")
	put(t, b, "long", string(long))
	for _, tt := range []struct {
		from, size int
		want       string
	}{
		{0, 4, "0123"}, {3, 4, "3456"}, {8, 4, "89"}, {0, 10, "0123456789"}, {0, 20, "0123456789"}, {10, 4, ""}, {100, 4, ""}, {5, 0, ""},
	} {
		p := make([]byte, tt.size)
		n, err := b.Get(t.Context(), "short", p, int64(tt.from))
		if err != nil || string(p[:n]) != tt.want {
			t.Errorf("%d bytes from %d: got %q, %v, want %q", tt.size, tt.from, p[:n], err, tt.want)
		}
	}
	p := make([]byte, len(long))
	if n, err := b.Get(t.Context(), "long", p, 1); err != nil || !bytes.Equal(p[:n], long[1:]) {
		t.Errorf("got %d bytes, %v", n, err)
	}
}

func testKeys(t *testing.T, b objects.Bucket) {
	long := strings.TrimSuffix(strings.Repeat(strings.Repeat("x", 127)+"/", 8), "/")
	want := []string{
		"k/a", "k/a b", "k/dag_id=..", "k/dag_id=naïve", "k/dag_id=任务", "k/50%25", "k/a%2Fb", `k/say "hi"`, "k/it's", "k/#1?x=y&z", "k/+", "k/*", "k/🚀", "k/e\u0301", "k/~!@$^(){}[];:,<>|`", long,
	}
	for _, k := range want {
		put(t, b, k, k)
	}
	for _, k := range want {
		p := make([]byte, objects.MaxKey)
		if n, err := b.Get(t.Context(), k, p, 0); err != nil || string(p[:n]) != k {
			t.Errorf("%q: got %q, %v", k, p[:n], err)
		}
	}
	slices.Sort(want)
	equal(t, "keys", want, keys(t, b, ""))
	equal(t, "keys with an odd prefix", []string{"k/dag_id=任务"}, keys(t, b, "k/dag_id=任"))
}

func testPages(t *testing.T, b objects.Bucket) {
	const n = 1042
	var want []string
	var wg sync.WaitGroup
	turn := make(chan struct{}, 16)
	for i := range n {
		key := fmt.Sprintf("p/%05d", i)
		want = append(want, key)
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			if err := b.Put(t.Context(), objects.Put{Key: key, Body: []byte("x")}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	put(t, b, "o", "before")
	put(t, b, "p.", "before")
	put(t, b, "q", "after")
	equal(t, "keys", want, keys(t, b, "p/"))
	equal(t, "keys below", want[1000:1010], keys(t, b, "p/0100"))
	ok(t, "Delete", b.Delete(t.Context(), want...))
	equal(t, "keys that are left", []string{"o", "p.", "q"}, keys(t, b, ""))
}

func testListed(t *testing.T, b objects.Bucket) {
	for i := range 20 {
		key := fmt.Sprintf("k%02d", i)
		put(t, b, key, "x")
		equal(t, "keys after Put", []string{key}, keys(t, b, "k"))
		put(t, b, key, "xyz")
		if page, err := b.List(t.Context(), key, ""); err != nil || len(page.Objects) != 1 || page.Objects[0].Size != 3 {
			t.Errorf("listed %+v, %v after it was replaced", page, err)
		}
		ok(t, "Delete", b.Delete(t.Context(), key))
		equal(t, "number of keys after Delete", 0, len(keys(t, b, "k")))
	}
}

func testAbsent(t *testing.T, b objects.Bucket) {
	absent := func(text string) error {
		return b.Put(t.Context(), objects.Put{Key: "k", Body: []byte(text), If: objects.Condition{Absent: true}})
	}
	ok(t, "Put", absent("first"))
	is(t, "Put of what is there", absent("second"), objects.ErrCondition)
	equal(t, "text", "first", get(t, b, "k"))
	ok(t, "Delete", b.Delete(t.Context(), "k"))
	ok(t, "Put after Delete", absent("third"))
	equal(t, "text", "third", get(t, b, "k"))
}

func testVersion(t *testing.T, b objects.Bucket) {
	replace := func(version, text string) error {
		return b.Put(t.Context(), objects.Put{Key: "k", Body: []byte(text), If: objects.Condition{Version: version}})
	}
	put(t, b, "k", "first")
	o, err := b.Head(t.Context(), "k")
	ok(t, "Head", err)
	ok(t, "replace", replace(o.Version, "second"))
	is(t, "replace what has changed", replace(o.Version, "third"), objects.ErrCondition)
	equal(t, "text", "second", get(t, b, "k"))
	ok(t, "Delete", b.Delete(t.Context(), "k"))
	is(t, "replace what is gone", replace(o.Version, "third"), objects.ErrCondition)
	_, err = b.Head(t.Context(), "k")
	is(t, "Head", err, objects.ErrNotFound)
}

func testRace(t *testing.T, b objects.Bucket) {
	var won atomic.Int32
	var winner atomic.Value
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := fmt.Sprint("writer ", i)
			err := b.Put(t.Context(), objects.Put{Key: "k", Body: []byte(text), If: objects.Condition{Absent: true}})
			if err == nil {
				won.Add(1)
				winner.Store(text)
				return
			}
			is(t, "Put", err, objects.ErrCondition)
		})
	}
	wg.Wait()
	if won.Load() != 1 || winner.Load() != get(t, b, "k") {
		t.Errorf("%d writers made it, the last of them was %v; it holds %q", won.Load(), winner.Load(), get(t, b, "k"))
	}
}

func testDelete(t *testing.T, b objects.Bucket) {
	put(t, b, "a", "x")
	put(t, b, "b", "x")
	ok(t, "Delete", b.Delete(t.Context(), "a", "never/there"))
	ok(t, "Delete again", b.Delete(t.Context(), "a"))
	ok(t, "Delete of nothing", b.Delete(t.Context()))
	equal(t, "keys", []string{"b"}, keys(t, b, ""))
}

func testCancelled(t *testing.T, b objects.Bucket) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	is(t, "Put", b.Put(ctx, objects.Put{Key: "k", Body: []byte("x")}), context.Canceled)
	_, err := b.Get(ctx, "k", make([]byte, 1), 0)
	is(t, "Get", err, context.Canceled)
	_, err = b.Head(ctx, "k")
	is(t, "Head", err, context.Canceled)
	_, err = b.List(ctx, "", "")
	is(t, "List", err, context.Canceled)
	is(t, "Delete", b.Delete(ctx, "k"), context.Canceled)
}
