// Package objectstest is the suite of what every objects.Bucket promises, and a bucket in
// memory that counts what it is asked for and can be made to fail.
package objectstest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/logs/objects"
)

// Memory is a bucket in memory. The zero value is empty and ready.
type Memory struct {
	// PageSize is how many objects a page of a list has; 0 means 1,000.
	PageSize int
	// Before is called before each call, if it is set, with the name of the method and the
	// first key or prefix. The call fails with its error.
	Before func(method, key string) error
	// After is called after each Put, if it is set: its error hides that the object was
	// written.
	After func(key string) error

	mu      sync.Mutex
	objects map[string]object
	version int
	counts  map[string]int
}

type object struct {
	objects.Object
	body []byte
}

var _ objects.Bucket = (*Memory)(nil)

// Counts says how often each method was called since the last call of Counts.
func (m *Memory) Counts() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counts
	m.counts = nil
	return c
}

// Keys are the keys of all objects, in their order.
func (m *Memory) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

func (m *Memory) begin(ctx context.Context, method, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Before != nil {
		if err := m.Before(method, key); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]int{}
	}
	m.counts[method]++
	return nil
}

// Put implements objects.Bucket.
func (m *Memory) Put(ctx context.Context, p objects.Put) error {
	if err := m.begin(ctx, "Put", p.Key); err != nil {
		return err
	}
	if len(p.Key) == 0 || len(p.Key) > objects.MaxKey {
		return fmt.Errorf("the key has %d bytes", len(p.Key))
	}
	if err := m.put(p); err != nil {
		return err
	}
	if m.After != nil {
		return m.After(p.Key)
	}
	return nil
}

func (m *Memory) put(p objects.Put) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, there := m.objects[p.Key]
	if p.If.Absent && there || p.If.Version != "" && p.If.Version != old.Version {
		return objects.ErrCondition
	}
	if m.objects == nil {
		m.objects = map[string]object{}
	}
	m.version++
	m.objects[p.Key] = object{body: bytes.Clone(p.Body), Object: objects.Object{
		Key: p.Key, Size: int64(len(p.Body)), Modified: time.Now(), Version: strconv.Itoa(m.version), Meta: maps.Clone(p.Meta),
	}}
	return nil
}

// Get implements objects.Bucket.
func (m *Memory) Get(ctx context.Context, key string, p []byte, from int64) (int, error) {
	if err := m.begin(ctx, "Get", key); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return 0, objects.ErrNotFound
	}
	return copy(p, o.body[min(from, o.Size):]), nil
}

// Head implements objects.Bucket.
func (m *Memory) Head(ctx context.Context, key string) (objects.Object, error) {
	if err := m.begin(ctx, "Head", key); err != nil {
		return objects.Object{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return objects.Object{}, objects.ErrNotFound
	}
	return o.Object, nil
}

// List implements objects.Bucket.
func (m *Memory) List(ctx context.Context, prefix, token string) (objects.Page, error) {
	if err := m.begin(ctx, "List", prefix); err != nil {
		return objects.Page{}, err
	}
	size := cmp.Or(m.PageSize, 1000)
	var page objects.Page
	for _, k := range m.Keys() {
		if !strings.HasPrefix(k, prefix) || k <= token {
			continue
		}
		if len(page.Objects) == size {
			page.Next = page.Objects[size-1].Key
			break
		}
		m.mu.Lock()
		o, ok := m.objects[k]
		m.mu.Unlock()
		if o.Meta = nil; ok {
			page.Objects = append(page.Objects, o.Object)
		}
	}
	return page, nil
}

// Delete implements objects.Bucket.
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return ctx.Err()
	}
	if err := m.begin(ctx, "Delete", keys[0]); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		delete(m.objects, k)
	}
	return nil
}
