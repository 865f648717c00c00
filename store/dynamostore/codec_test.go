package dynamostore

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

var day = time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)

func zero() *int { n := 0; return &n }

// someInstances are instances as they are in the states of a task's life.
func someInstances() map[string]run.Instance {
	return map[string]run.Instance{
		"nothing": {Task: "t", Map: run.Unmapped},
		"queued":  {Task: "t", Map: 3, State: run.Queued, Try: 1, MaxTries: 2, QueuedAt: day, Executor: "lambda", Pool: "default_pool"},
		"running": {Task: "t", Map: 3, State: run.Running, Try: 1, QueuedAt: day, Start: day.Add(time.Second), FirstStart: day.Add(time.Second),
			Token: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", Worker: "w1", Lease: day.Add(15 * time.Minute)},
		"old dates": {Task: "t", State: run.Success, Try: -1, QueuedAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
			Start: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), End: day},
		"choice of nobody": {Task: "t", Choice: &run.Choice{}},
		"choice of none":   {Task: "t", Choice: &run.Choice{Followed: []string{}, Skipped: []string{}}},
		"all": {Task: "t", Map: 3, State: run.UpForRetry, Try: 2, MaxTries: 5, Token: "tök/en", Worker: "host-1", Handle: "pod-1",
			Executor: "local", Pool: "p", QueuedAt: day, Start: day.Add(1e3), End: day.Add(2e3), Due: day.Add(time.Hour),
			Lease: day.Add(2 * time.Hour), FirstStart: day.Add(-time.Hour), Reschedules: 4, InfraFailures: 1, OOMFailures: 2,
			Cause: run.CauseOOM, ExitCode: -9, Reason: "it was \"too\" large", Tail: "line \x00\xff", Note: "naïve", Length: zero(),
			Unmappable: true, Pushed: true, Choice: &run.Choice{Skipped: []string{"b", "c"}}, Label: "label", Trigger: []byte(`{ "a" : "<1>" }`)},
		"long": {Task: "t", State: run.Failed, Try: 1, Cause: run.CauseTask, Tail: strings.Repeat("x", 5000), Reason: "exit code 1"},
	}
}

func TestInstanceRoundTrip(t *testing.T) {
	t.Parallel()
	for name, want := range someInstances() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var long []byte
			b := encodeInstance(&want, func(l []byte) *ref { long = l; return &ref{id: 7, size: len(l)} })
			got := run.Instance{Task: want.Task, Map: want.Map}
			f, err := decodeInstance(b, &got)
			if err != nil {
				t.Fatal(err)
			}
			if (f != nil) != (long != nil) {
				t.Fatalf("the reference is %v, the long fields have %d bytes", f, len(long))
			}
			if f != nil {
				if err := decodeLong(long, &got); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if prefix := appendPrefix(nil, want.State, want.Try, want.Token); !bytes.HasPrefix(b, prefix) {
				t.Errorf("the entry %x does not begin with %x", b, prefix)
			}
		})
	}
}

// TestEntrySizes holds what the price of a write follows from.
func TestEntrySizes(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{"nothing": 4, "queued": 20, "running": 55, "long": 40} {
		i := someInstances()[name]
		b := encodeInstance(&i, func(l []byte) *ref { return &ref{id: 1 << 60, size: len(l)} })
		if len(b) > most {
			t.Errorf("%s: an entry of %d bytes, want %d at most", name, len(b), most)
		}
	}
}

// TestPrefixes: a condition must not hold for another state, try or token.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	var all [][]byte
	for _, s := range []run.State{run.None, run.Queued, run.Removed} {
		for _, try := range []int{-1, 0, 1, 63, 64, 1 << 20} {
			for _, token := range []string{"", "A", "AA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "ABCDEFGHIJKLMNOPQRSTUVWXY\n",
				"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVW\nYZ", "ABCDEFGHIJKLMNOPQRSTUVWX89", strings.Repeat("t", 200)} {
				all = append(all, appendPrefix(nil, s, try, token))
				var i run.Instance
				if _, err := decodeInstance(append(slices.Clone(all[len(all)-1]), 0), &i); err != nil || i.State != s || i.Try != try || i.Token != token {
					t.Errorf("%s, try %d, token %q came back as %s, %d, %q, %v", s, try, token, i.State, i.Try, i.Token, err)
				}
			}
		}
	}
	for n, a := range all {
		for m, b := range all {
			if n != m && bytes.HasPrefix(b, a) {
				t.Fatalf("prefix %x also is one of %x", a, b)
			}
		}
	}
}

// someRuns are runs with the least and the most that a run can have.
func someRuns() map[string]run.Run {
	a, id := day, run.ID{DAG: "d", Run: "r"}
	return map[string]run.Run{
		"least": {ID: id},
		"all": {ID: id, Type: run.TypeAssetTriggered, Version: "abc", IntervalStart: &a, IntervalEnd: &time.Time{}, RunAfter: day.Add(1e6),
			QueuedAt: day.Add(2e6), Start: day.Add(3e6), End: day.Add(4e6), Conf: []byte(`{"a": [1, 2.50, "<ü>"]}`), Note: "n",
			TriggeredBy: "cli", Backfill: "b1", Reason: "why", Events: []run.AssetEvent{{ID: 9, Asset: "s3://x", At: day}},
			Owed: []run.Call{{Kind: run.CallFailure, At: day}}, Deadlines: []run.Deadline{{Index: 2, At: day}}},
	}
}

func TestRunRoundTrip(t *testing.T) {
	t.Parallel()
	for name, want := range someRuns() {
		b, err := encodeRun(&want)
		if err != nil {
			t.Fatal(err)
		}
		var got run.Run
		if err := decodeRun(b, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestStored: what earlier releases have written is read. Files of testdata are never
// changed; a release that writes otherwise adds one.
func TestStored(t *testing.T) {
	t.Parallel()
	want := map[string]any{"all": someInstances()["all"], "running": someInstances()["running"], "run": someRuns()["all"],
		"xcoms": []xcom{{name: "big", at: day, ref: &ref{id: 1 << 60, size: 700_000}}, {name: "return_value", at: day, value: []byte(`{"a": null}`)}}}
	text, err := os.ReadFile("testdata/v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, hexed, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := hex.DecodeString(hexed)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		switch name {
		case "run":
			var r run.Run
			err = decodeRun(b, &r)
			got = r
		case "xcoms":
			got, err = decodeXComs(b)
		default:
			i := run.Instance{Task: "t", Map: 3}
			_, err = decodeInstance(b, &i)
			got = i
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want[name], got, cmp.AllowUnexported(xcom{}, ref{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestXComsRoundTrip(t *testing.T) {
	t.Parallel()
	var want []xcom
	for _, x := range []xcom{{name: "return_value", at: day, value: []byte(`{"a": null}`)}, {name: "ü", value: []byte(` 2`)},
		{name: "big", at: day, ref: &ref{id: 1 << 60, size: 700_000}}, {name: "ü", value: []byte(`3`)}} {
		want = putXCom(want, x)
	}
	got, err := decodeXComs(encodeXComs(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(xcom{}, ref{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got) != 3 || string(got[2].value) != "3" {
		t.Errorf("got %+v, want the last write of each name, by name", got)
	}
	if encodeXComs(nil) != nil {
		t.Error("no xcoms have an attribute")
	}
}

// FuzzDecode: what is damaged gives an error, never a panic or an endless list; what is
// read is written as it was.
func FuzzDecode(f *testing.F) {
	for _, i := range someInstances() {
		f.Add(encodeInstance(&i, func([]byte) *ref { return &ref{id: 1, size: 2} }))
		f.Add(longFields(&i).appendTo(nil))
	}
	f.Add(encodeXComs([]xcom{{name: "a", value: []byte("1")}, {name: "b", ref: &ref{1, 2}}}))
	f.Add([]byte{2, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		var i run.Instance
		if where, err := decodeInstance(b, &i); err == nil && where == nil {
			again := encodeInstance(&i, func([]byte) *ref { return &ref{} })
			var same run.Instance
			if _, err := decodeInstance(again, &same); err != nil {
				t.Errorf("%x was read, but %x was not: %v", b, again, err)
			}
		}
		_ = decodeLong(b, &i)
		_, _ = decodeXComs(b)
		_ = decodeRun(b, &run.Run{})
		_, _ = decodeLayout(b)
		_, _ = decodeTime("it", b)
	})
}

func TestDamage(t *testing.T) {
	t.Parallel()
	i := someInstances()["all"]
	b := encodeInstance(&i, func([]byte) *ref { return &ref{} })
	for n := range b {
		var got run.Instance
		if _, err := decodeInstance(b[:n], &got); err == nil && n < len(b)-1 {
			t.Errorf("%d bytes of %d were read as a whole", n, len(b))
		}
	}
	if _, err := decodeInstance(append(slices.Clone(b), 0), &run.Instance{}); !errors.Is(err, errUnknown) {
		t.Errorf("a byte too many: %v, want %v", err, errUnknown)
	}
}

func TestKeysSort(t *testing.T) {
	t.Parallel()
	names := []string{"a", "a b", "a#", "a#b", "a$", "a-b", "a/b", "a0", "aa", "ab", "b", "\x01", "\x02a", " ", "!", "\"", "é", "任务", "\U0010ffff",
		strings.Repeat("x", 1000), strings.Repeat("任", 1000), strings.Repeat("#", 1000), strings.Repeat("x", 999) + "y"}
	var ids []run.ID
	for _, d := range names {
		for _, r := range names {
			ids = append(ids, run.ID{DAG: d, Run: r})
		}
	}
	seen := map[string]run.ID{}
	for _, id := range ids {
		sk := entrySort(store.Nanos(day), id)
		if other, taken := seen[sk]; taken {
			t.Fatalf("%.60s and %.60s have the same key", id, other)
		}
		seen[sk] = id
		if len(sk) > 1024 || len(runKey(id)) > 2048 || len(historyPrefix("0123456", run.Key{ID: id, Task: id.DAG, Map: 1}))+16 > 1024 {
			t.Errorf("the keys of %.60s are too long: %d, %d", id, len(sk), len(runKey(id)))
		}
	}
	short := slices.DeleteFunc(ids, func(id run.ID) bool { return len(id.DAG) > 100 || len(id.Run) > 100 })
	byName := slices.Clone(short)
	slices.SortFunc(byName, func(a, b run.ID) int { return run.Key{ID: a}.Compare(run.Key{ID: b}) })
	slices.SortFunc(short, func(a, b run.ID) int { return strings.Compare(entrySort(0, a), entrySort(0, b)) })
	if diff := cmp.Diff(byName, short); diff != "" {
		t.Errorf("keys do not sort as names do (-names +keys):\n%s", diff)
	}
}

func TestEntryNames(t *testing.T) {
	t.Parallel()
	l := &layout{tasks: map[string]taskPlace{"a": {pos: 0}, "b:1": {pos: 1, mapped: true}}, order: []string{"a", "b:1"}}
	for _, with := range []*layout{nil, l} {
		for _, task := range []string{"a", "b:1", "c", "1", ".2", ":", "x:a"} {
			for _, index := range []int{run.Unmapped, 0, 7, 100_000} {
				name := with.entryName(task, index)
				if got, at, ok := with.entryOf(name); !ok || got != task || at != index {
					t.Errorf("%s of %q is %q, %d, %t", name, run.InstanceName(task, index), got, at, ok)
				}
				if _, _, ok := with.entryOf(xcomPrefix + name); ok {
					t.Errorf("the attribute %s%s is one of an instance", xcomPrefix, name)
				}
			}
		}
		for _, attr := range []string{attrPK, attrSK, attrTTL, attrMark, "", ".", "9", "0.x", "-1"} {
			if _, _, ok := with.entryOf(attr); ok {
				t.Errorf("the attribute %q is one of an instance", attr)
			}
		}
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	now := day
	g := ids{now: func() time.Time { return now }}
	last := int64(0)
	for n := range 10_000 {
		if n%100 == 0 {
			now = now.Add(time.Duration(n%300-100) * time.Microsecond) // clocks go back, too
		}
		id := g.next(0)
		if id <= last {
			t.Fatalf("number %d is %d, after %d", n, id, last)
		}
		last = id
	}
	if d := idTime(last).Sub(day); d < 0 || d > time.Second {
		t.Errorf("a number of %s is taken for one of %s", day, idTime(last))
	}
	if id := g.next(last + 1000); id <= last+1000 {
		t.Errorf("number %d is not above the floor", id)
	}
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	var e expr
	e.exists()
	e.is("a", nil)
	e.is("b", num(1))
	e.set("c", str("x"))
	e.set("d", nil)
	got := fmt.Sprintf("%s | %s | %v", *e.update(), *e.condition(), e.names)
	want := "SET #3 = :1 REMOVE #4 | attribute_exists(#0) AND attribute_not_exists(#1) AND #2 = :0 | map[#0:pk #1:a #2:b #3:c #4:d]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
