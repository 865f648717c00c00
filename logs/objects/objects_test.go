package objects_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/logs/objects/objectstest"
	"github.com/updraft-dev/updraft/run"
)

func open(t testing.TB, b objects.Bucket, c objects.Config) *logs.Logs {
	t.Helper()
	l, err := objects.Open(b, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func attempt(dag, runID, task string, try int) run.Attempt {
	return run.Attempt{Key: run.Key{ID: run.ID{DAG: dag, Run: runID}, Task: task, Map: run.Unmapped}, Try: try}
}

func begin(t testing.TB, l *logs.Logs, a run.Attempt, text string) logs.Log {
	t.Helper()
	w, err := l.Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t testing.TB, l *logs.Logs, a run.Attempt, text string) {
	t.Helper()
	if err := begin(t, l, a, text).Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, l *logs.Logs, a run.Attempt) string {
	t.Helper()
	var b strings.Builder
	if _, err := l.Read(t.Context(), a, 0, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pass lets time pass in a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

func equal(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// TestRequests: what a log costs. The numbers are those of docs/design/logs.md.
func TestRequests(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	l := open(t, b, objects.Config{Prefix: "p", Logs: logs.Config{BufferTime: time.Hour}})
	a := attempt("d", "r", "t", 1)

	write(t, l, a, "text")
	equal(t, "requests of a short log", map[string]int{"Head": 1, "List": 1, "Put": 1}, b.Counts())
	equal(t, "keys", []string{"p/dag_id=d/run_id=r/task_id=t/attempt=1.log"}, b.Keys())
	read(t, l, a)
	equal(t, "requests to read it", map[string]int{"List": 1, "Head": 1, "Get": 1}, b.Counts())

	write(t, l, a, "more")
	equal(t, "requests to go on", map[string]int{"Head": 1, "List": 1, "Put": 1}, b.Counts())
	equal(t, "keys", []string{"p/dag_id=d/run_id=r/task_id=t/attempt=1.log", "p/dag_id=d/run_id=r/task_id=t/attempt=1.log.00000000000000000004"}, b.Keys())
	equal(t, "log", "textmore", read(t, l, a))
}

// TestRequestsPacked: a hundred short tasks of one worker cost four PUTs.
func TestRequestsPacked(t *testing.T) {
	t.Parallel()
	const tasks = 100
	b := &objectstest.Memory{}
	l := open(t, b, objects.Config{Logs: logs.Config{PackTime: time.Hour}})
	for i := range tasks {
		write(t, l, attempt("d", "r", fmt.Sprint("t", i), 1), fmt.Sprintf("log of %d\n", i))
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := b.Counts()
	equal(t, "requests", map[string]int{"Put": 4, "List": 4, "Head": tasks}, got)
	if per := float64(got["Put"]) / tasks; per > 0.1 {
		t.Errorf("%.2f PUTs per task", per)
	}
	for i := range tasks {
		a := attempt("d", "r", fmt.Sprint("t", i), 1)
		equal(t, "log", fmt.Sprintf("log of %d\n", i), read(t, l, a))
		if info, err := l.Stat(t.Context(), a); err != nil || !info.Closed || info.Modified.IsZero() {
			t.Errorf("got %+v, %v", info, err)
		}
	}
	infos, err := l.List(t.Context(), logs.Scope{DAG: "d"})
	if err != nil || len(infos) != tasks {
		t.Errorf("listed %d logs, %v", len(infos), err)
	}
	if done, err := l.Delete(t.Context(), logs.Scope{DAG: "d"}); err != nil || done.Logs != tasks || len(b.Keys()) > 0 {
		t.Errorf("removed %+v, %v; %v are left", done, err, b.Keys())
	}
}

// TestFlushIsOnlyForThoseWhoPack: without a PackTime, nothing ever waits.
func TestFlushIsOnlyForThoseWhoPack(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	l := open(t, b, objects.Config{})
	write(t, l, attempt("d", "r", "t", 1), "text")
	if got := b.Counts()["Put"]; got != 1 {
		t.Errorf("%d objects were written at Close", got)
	}
	if err := l.Flush(t.Context()); err != nil || b.Counts() != nil {
		t.Errorf("Flush did something: %v", err)
	}
}

// TestKilled kills a worker at any time: no text is lost that is older than two seconds.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, pack := range []time.Duration{0, objects.DefaultPackTime} {
		synctest.Test(t, func(t *testing.T) {
			var dead atomic.Bool
			b := &objectstest.Memory{Before: func(method, _ string) error {
				if dead.Load() && method == "Put" {
					return errors.New("the process is dead")
				}
				return nil
			}}
			l := open(t, b, objects.Config{Logs: logs.Config{PackTime: pack}})
			written := map[run.Attempt]time.Time{}
			// A log that goes on, and short ones that end at once.
			long := attempt("d", "r", "long", 1)
			w := begin(t, l, long, "begins\n")
			start := time.Now()
			for i := range 97 {
				fmt.Fprintf(w, "line %d\n", i)
				a := attempt("d", "r", fmt.Sprint("short ", i), 1)
				write(t, l, a, "text")
				written[a] = time.Now()
				pass(101 * time.Millisecond)
			}
			dead.Store(true)
			since := time.Since(start) - 2*time.Second
			if got, want := strings.Count(read(t, l, long), "line "), int(since/(101*time.Millisecond)); got < want {
				t.Errorf("pack %v: of the long log %d lines are there, want %d or more", pack, got, want)
			}
			lost := 0
			for a, at := range written {
				if _, err := l.Stat(t.Context(), a); err != nil {
					lost++
					if old := time.Since(at); old > 2*time.Second {
						t.Errorf("pack %v: %s is lost, it was written %v ago", pack, a, old)
					}
				}
			}
			if pack > 0 && lost == 0 {
				t.Error("nothing waited: this test shows nothing")
			}
			_ = w.Close()
			_ = l.Flush(t.Context()) // nothing of it is written
			dead.Store(false)
			if err := l.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTail: who follows a log sees a line within two seconds, with the settings that are
// used when nothing is said.
func TestTail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, &objectstest.Memory{}, objects.Config{})
		a := attempt("d", "r", "t", 1)
		w := begin(t, l, a, "begins\n")
		pass(2 * time.Second)
		seen := make(chan string, 100)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := l.Follow(ctx, a, 0, lines(seen))
			done <- err
		}()
		<-seen
		for i := range 10 {
			pass(time.Duration(i) * 170 * time.Millisecond)
			at := time.Now()
			fmt.Fprintf(w, "line %d\n", i)
			if text := <-seen; !strings.Contains(text, fmt.Sprint("line ", i)) || time.Since(at) > 2*time.Second {
				t.Errorf("line %d: saw %q after %v", i, text, time.Since(at))
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// lines sends on what is written to it.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// TestKeys: whatever ids are, keys stay in the folder of their DAG, fit into what services
// allow, and no part of them is too long for a file system.
func TestKeys(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	l := open(t, b, objects.Config{Prefix: strings.Repeat("p/", 99) + "pp", Logs: logs.Config{PackTime: time.Hour}})
	ids := []string{"..", ".", "a/b", "../../x", "/", strings.Repeat("x", 160), strings.Repeat("x", 161), strings.Repeat("任/", 1000)}
	for _, id := range ids {
		for i := range logs.MaxPack {
			a := attempt(id, id, id, math.MaxInt)
			a.Map = math.MaxInt - i
			write(t, l, a, "text")
		}
		a := attempt(id, id, id, math.MaxInt)
		a.Map = 3
		write(t, l, a, strings.Repeat("x", 3*objects.DefaultBuffer))
	}
	keys := b.Keys()
	for _, k := range keys {
		if len(k) > objects.MaxKey {
			t.Errorf("%s has %d bytes", k, len(k))
		}
		rest, ok := strings.CutPrefix(k, strings.Repeat("p/", 99)+"pp/")
		if !ok || !strings.HasPrefix(rest, "dag_id=") {
			t.Errorf("%s has left its folder", k)
		}
		for part := range strings.SplitSeq(rest, "/") {
			if len(part) > 255 || part == "" || part == "." || part == ".." {
				t.Errorf("%s has the part %q", k, part)
			}
		}
	}
	infos, err := l.List(t.Context(), logs.Scope{})
	if want := len(ids) * (logs.MaxPack + 1); err != nil || len(infos) != want {
		t.Errorf("listed %d logs of %d, %v", len(infos), want, err)
	}
}

// TestStrangers: what is in the bucket and not ours is neither listed nor removed, and what
// looks like a pack and is none is told of.
func TestStrangers(t *testing.T) {
	t.Parallel()
	b := &objectstest.Memory{}
	l := open(t, b, objects.Config{Prefix: "p"})
	write(t, l, attempt("d", "r", "t", 1), "text")
	strangers := []string{
		"x", "p/x", "p/xcoms/a/b/c", "p/dag_id=d/x", "p/dag_id=d/run_id=r/x", "p/dag_id=d/run_id=r/task_id=t/x", "p/dag_id=d/run_id=r/task_id=t/attempt=1.log.5",
		"p/dag_id=d/run_id=r/task_id=t/attempt=1.logs", "p/dag_id=d/run_id=r/task_id=t/map=1/attempt=1.log", "p/dag_id=%zz/run_id=r/task_id=t/attempt=1.log",
		"p/dag_id=d/run_id=r/task_id=t/map_index=1/a/attempt=1.log", "p/dag_id=d%~00/run_id=r/task_id=t/attempt=1.log", "q/dag_id=d/run_id=r/task_id=t/attempt=1.log",
	}
	for _, k := range strangers {
		if err := b.Put(t.Context(), objects.Put{Key: k, Body: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := l.List(t.Context(), logs.Scope{})
	if err != nil || len(infos) != 1 || infos[0].Size() != 4 {
		t.Errorf("listed %+v, %v", infos, err)
	}
	for _, text := range []string{"", "no json", "{}", `{"logs":[{"path":"x","size":1}]}` + "\nx", `{"logs":[{"path":"x","size":9}]}` + "\nx", `{"logs":[{"size":-1}]}` + "\n"} {
		key := "p/dag_id=d/run_id=r/packed=0000000000000-XXXXXXXX.AAAAAAAA"
		if err := b.Put(t.Context(), objects.Put{Key: key, Body: []byte(text)}); err != nil {
			t.Fatal(err)
		}
		infos, err := l.List(t.Context(), logs.Scope{})
		if err == nil || !strings.Contains(err.Error(), "the object "+key+" is no pack of logs") || len(infos) != 1 {
			t.Errorf("%q: listed %+v, %v", text, infos, err)
		}
		if err := b.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := l.Delete(t.Context(), logs.Scope{DAG: "d"}); err != nil || done.Logs != 1 || len(b.Keys()) != len(strangers) {
		t.Errorf("removed %+v, %v; left are %v", done, err, b.Keys())
	}
}

// TestLostAnswers: objects were written, and their writers were told that they were not.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, pack := range []time.Duration{0, time.Hour} {
		fail := 0
		b := &objectstest.Memory{After: func(string) error {
			if fail++; fail%2 == 1 {
				return errors.New("the answer was lost")
			}
			return nil
		}}
		l := open(t, b, objects.Config{Logs: logs.Config{Buffer: 10, BufferTime: time.Hour, PackTime: pack}})
		a := attempt("d", "r", "long", 1)
		w := begin(t, l, a, "0123456789")
		for range 3 {
			if _, err := w.Write([]byte("0123456789")); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		equal(t, "log", strings.Repeat("0123456789", 4), read(t, l, a))
		if pack == 0 {
			continue
		}
		fail = 0
		for i := range 3 {
			write(t, l, attempt("d", "r", fmt.Sprint("t", i), 1), "text")
		}
		if err := l.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "the answer was lost") {
			t.Errorf("got error %v", err)
		}
		if err := l.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		for i := range 3 {
			equal(t, "log", "text", read(t, l, attempt("d", "r", fmt.Sprint("t", i), 1)))
		}
	}
}
