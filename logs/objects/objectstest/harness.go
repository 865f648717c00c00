package objectstest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/logstest"
	"github.com/updraft-dev/updraft/logs/objects"
)

// buffer is how many bytes of a log are collected in tests.
const buffer = 500

// Harness lets the suite of logs run on a bucket that is empty, below its prefix "logs".
// Short logs may wait for pack to be written together; 0 means that none do.
func Harness(t testing.TB, b objects.Bucket, pack time.Duration) logstest.Harness {
	var mu sync.Mutex
	processes := map[*logs.Logs]*process{}
	return logstest.Harness{
		Slack: 2 * buffer,
		Blind: true,
		Open: func(t testing.TB, maxSize int64) *logs.Logs {
			p := &process{Bucket: b}
			l, err := objects.Open(p, objects.Config{Prefix: "logs", Logs: logs.Config{
				MaxSize: maxSize, Buffer: buffer, BufferTime: time.Millisecond, PackTime: pack, Poll: 5 * time.Millisecond,
			}})
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			processes[l] = p
			return l
		},
		Crash: func(_ testing.TB, l *logs.Logs) {
			mu.Lock()
			defer mu.Unlock()
			processes[l].dead.Store(true)
		},
	}
}

// process is what a process can do with a bucket: nothing any more after its death.
type process struct {
	objects.Bucket
	dead atomic.Bool
}

var errDead = errors.New("the process is dead")

// Put writes as long as the process lives.
func (p *process) Put(ctx context.Context, o objects.Put) error {
	if p.dead.Load() {
		return errDead
	}
	return p.Bucket.Put(ctx, o)
}

// Delete deletes as long as the process lives.
func (p *process) Delete(ctx context.Context, keys ...string) error {
	if p.dead.Load() {
		return errDead
	}
	return p.Bucket.Delete(ctx, keys...)
}
