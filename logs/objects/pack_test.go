package objects_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
	"github.com/updraft-dev/updraft/run"
)

// TestPackedLogGoesOn: a task that is rescheduled writes to its log from several workers,
// and for a short while each time.
func TestPackedLogGoesOn(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	a := attempt("d", "r", "sensor", 1)
	var want strings.Builder
	for i := range 6 {
		l := open(t, b, objects.Config{Logs: logs.Config{PackTime: time.Hour}})
		write(t, l, attempt("d", "r", fmt.Sprint("other ", i), 1), "other")
		write(t, l, a, fmt.Sprintf("poke %d\n", i))
		if i%2 == 0 { // once more before the first one was written
			write(t, l, a, "again\n")
			fmt.Fprintf(&want, "poke %d\nagain\n", i)
		} else {
			fmt.Fprintf(&want, "poke %d\n", i)
		}
		if err := l.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, b, objects.Config{})
	equal(t, "log", want.String(), read(t, l, a))
	infos, err := l.Tries(t.Context(), a.Key)
	if err != nil || len(infos) != 1 || infos[0].Size() != int64(want.Len()) {
		t.Errorf("listed %+v, %v", infos, err)
	}
	if _, err := l.Delete(t.Context(), logs.ScopeOf(a.Key)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Stat(t.Context(), a); !errors.Is(err, logs.ErrNotFound) {
		t.Errorf("got error %v", err)
	}
	if infos, err := l.List(t.Context(), logs.Scope{DAG: "d"}); err != nil || len(infos) != 6 {
		t.Errorf("listed %d others, %v", len(infos), err)
	}
}

// TestPacksOfRuns: logs of different runs are in different objects, each below its run, and
// one log alone is an object that can be read without us.
func TestPacksOfRuns(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	l := open(t, b, objects.Config{Logs: logs.Config{PackTime: time.Hour}})
	for _, a := range []run.Attempt{attempt("d", "r1", "a", 1), attempt("d", "r2", "a", 1), attempt("d", "r1", "b", 1), attempt("e", "r1", "a", 1)} {
		write(t, l, a, "text")
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := b.Keys()
	if len(keys) != 3 || !strings.HasPrefix(keys[0], "dag_id=d/run_id=r1/packed=") || keys[1] != "dag_id=d/run_id=r2/task_id=a/attempt=1.log" || keys[2] != "dag_id=e/run_id=r1/task_id=a/attempt=1.log" {
		t.Errorf("got %v", keys)
	}
}

// TestPackedTooLarge: a log that is worth an object of its own gets one.
func TestPackedTooLarge(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	l := open(t, b, objects.Config{Logs: logs.Config{PackTime: time.Hour}})
	write(t, l, attempt("d", "r", "t", 1), strings.Repeat("x", logs.MaxPacked+1))
	if got := b.Keys(); len(got) != 1 || !strings.HasSuffix(got[0], "attempt=1.log") {
		t.Errorf("got %v before Flush", got)
	}
}

// TestPacksWait: packs are written when they are full, or when the first of their texts is
// old enough, and again when that has failed.
func TestPacksWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		down.Store(true)
		b := &objectstest.Memory{Before: func(method, _ string) error {
			if down.Load() && method == "Put" {
				return objects.ErrBusy
			}
			return nil
		}}
		l := open(t, b, objects.Config{Logs: logs.Config{PackTime: 2 * time.Second}})
		w := begin(t, l, attempt("d", "r", "t0", 1), "text")
		pass(time.Second)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		write(t, l, attempt("d", "r", "t1", 1), "text")
		pass(1500 * time.Millisecond)
		if err := l.Flush(t.Context()); !errors.Is(err, objects.ErrBusy) {
			t.Errorf("got error %v", err)
		}
		down.Store(false)
		pass(2*time.Second + time.Millisecond)
		equal(t, "objects when it works again", 1, len(b.Keys()))
		for i := range logs.MaxPack {
			write(t, l, attempt("d", "r2", fmt.Sprint("t", i), 1), "text")
		}
		equal(t, "objects when there are enough logs", 2, len(b.Keys()))
		synctest.Wait()
	})
}

// TestFlushWaitsForOthers: what is being written because its time has come is written when
// Flush returns: the process may end then.
func TestFlushWaitsForOthers(t *testing.T) {
	t.Parallel()
	begun, gate := make(chan struct{}), make(chan struct{})
	b := &objectstest.Memory{Before: func(method, _ string) error {
		if method == "Put" {
			close(begun)
			<-gate
		}
		return nil
	}}
	l := open(t, b, objects.Config{Logs: logs.Config{PackTime: time.Nanosecond}})
	write(t, l, attempt("d", "r", "t", 1), "text")
	<-begun
	time.AfterFunc(20*time.Millisecond, func() { close(gate) })
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "objects", 1, len(b.Keys()))
}

// TestWaitingIsBounded: a bucket that is gone does not take our memory, and is told of.
func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{Before: func(method, _ string) error {
		if method == "Put" {
			return objects.ErrBusy
		}
		return nil
	}}
	l := open(t, b, objects.Config{Logs: logs.Config{PackTime: time.Hour}})
	text := strings.Repeat("x", logs.MaxPacked)
	told := 0
	for i := range 300 {
		w := begin(t, l, attempt("d", fmt.Sprint(i), "t", 1), text)
		if err := w.Close(); errors.Is(err, objects.ErrBusy) {
			told++
		}
	}
	if told != 300-256 {
		t.Errorf("%d logs of %d bytes were said to be lost, want what is above 16 MiB", told, len(text))
	}
}

// TestRemoveFromPacks: many remove logs from one pack at once; each is gone, and the pack
// with the last one.
func TestRemoveFromPacks(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	l := open(t, b, objects.Config{Logs: logs.Config{PackTime: time.Hour}})
	for i := range 20 {
		write(t, l, attempt("d", "r", fmt.Sprint("t", i), 1), fmt.Sprint("text ", i))
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	remove := func(from, to int) {
		var wg sync.WaitGroup
		for i := from; i < to; i++ {
			wg.Go(func() {
				if _, err := l.Delete(t.Context(), logs.ScopeOf(attempt("d", "r", fmt.Sprint("t", i), 1).Key)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	remove(0, 15)
	infos, err := l.List(t.Context(), logs.Scope{DAG: "d"})
	if err != nil || len(infos) != 5 {
		t.Errorf("listed %d, %v", len(infos), err)
	}
	for i := 15; i < 20; i++ {
		equal(t, "log", fmt.Sprint("text ", i), read(t, l, attempt("d", "r", fmt.Sprint("t", i), 1)))
	}
	remove(10, 20)
	equal(t, "objects that are left", 0, len(b.Keys()))
}

// TestLongIDsAreNotedAgain: a rule of the bucket deletes old objects, also those that hold
// the ids of logs that are written today.
func TestLongIDsAreNotedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &objectstest.Memory{}
		l := open(t, b, objects.Config{})
		long := strings.Repeat("x", 300)
		write(t, l, attempt(long, "r", "t1", 1), "text")
		write(t, l, attempt(long, "r", "t2", 1), "text")
		equal(t, "objects that were written", 3, b.Counts()["Put"])
		pass(25 * time.Hour)
		if err := b.Delete(t.Context(), b.Keys()...); err != nil {
			t.Fatal(err)
		}
		write(t, l, attempt(long, "r", "t3", 1), "text")
		infos, err := l.List(t.Context(), logs.Scope{})
		if err != nil || len(infos) != 1 || infos[0].Attempt.DAG != long {
			t.Errorf("listed %v, %v", infos, err)
		}
	})
}

// TestPackedTwice: two workers pack the same attempt at the same moment. Readers and lists
// agree on which of the two counts.
func TestPackedTwice(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	worker := func(text string) *logs.Logs {
		l := open(t, b, objects.Config{Logs: logs.Config{PackTime: time.Hour}})
		write(t, l, attempt("d", "r", "t", 1), text)
		write(t, l, attempt("d", "r", "other of "+text, 1), text)
		return l
	}
	first, second := worker("first"), worker("second one")
	var between atomic.Bool // the second one's look and its PUT
	b.Before = func(method, _ string) error {
		if method == "Put" && between.CompareAndSwap(false, true) {
			return first.Flush(t.Context())
		}
		return nil
	}
	if err := second.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := read(t, first, attempt("d", "r", "t", 1))
	infos, err := first.List(t.Context(), logs.Scope{DAG: "d"})
	if err != nil || len(infos) != 3 || infos[2].Size() != int64(len(text)) {
		t.Errorf("read %q, and listed %+v, %v", text, infos, err)
	}
	if done, err := first.Delete(t.Context(), logs.Scope{DAG: "d"}); err != nil || done.Logs != 3 || len(b.Keys()) > 0 {
		t.Errorf("removed %+v, %v; left are %v", done, err, b.Keys())
	}
}
