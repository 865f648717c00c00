package task

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

func TestXComCodec(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		v    any
		want string
	}{
		{nil, "null"}, {true, "true"}, {int64(-5), "-5"}, {5.0, "5.0"}, {1.5, "1.5"}, {1e22, "1e+22"}, {1e-7, "1e-07"}, {0.0, "0.0"},
		{"a\"b\\c\n<서울>", `"a\"b\\c\n<서울>"`}, {[]any{}, "[]"}, {map[string]any{}, "{}"},
		{map[string]any{"b": []any{int64(1), nil}, "a": map[string]any{"x": "y"}}, `{"a":{"x":"y"},"b":[1,null]}`},
		{Tuple{int64(1), Tuple{}}, `{"__classname__":"builtins.tuple","__version__":1,"__data__":[1,{"__classname__":"builtins.tuple","__version__":1,"__data__":[]}]}`},
		{time.Date(2024, 1, 2, 3, 0, 0, 0, time.UTC), `{"__classname__":"datetime.datetime","__version__":2,"__data__":{"timestamp":1704164400.0,"tz":{"__classname__":"builtins.tuple","__version__":1,"__data__":["UTC","pendulum.tz.timezone.FixedTimezone",1,true]}}}`},
		{time.Hour + time.Microsecond, `{"__classname__":"datetime.timedelta","__version__":2,"__data__":3600.000001}`},
	} {
		raw, err := EncodeXCom(tc.v)
		if err != nil || string(raw) != tc.want {
			t.Errorf("EncodeXCom(%#v) = %s, %v, want %s", tc.v, raw, err, tc.want)
		}
		if !json.Valid(raw) {
			t.Errorf("%s is no JSON", raw)
		}
		back, err := DecodeXCom(raw)
		if err != nil {
			t.Errorf("DecodeXCom(%s): %v", raw, err)
		}
		if d := cmp.Diff(tc.v, back); d != "" {
			t.Errorf("%s does not come back (-want +got):\n%s", raw, d)
		}
	}
	for in, want := range map[string]any{
		"1180591620717411303424": 1.1805916207174113e+21,
		`{"__classname__":"builtins.set","__version__":1,"__data__":[3]}`: map[string]any{"__classname__": "builtins.set", "__version__": int64(1), "__data__": []any{int64(3)}},
		`{"__classname__":"builtins.tuple","__data__":5}`:                 map[string]any{"__classname__": "builtins.tuple", "__data__": int64(5)},
		`{"__classname__":"datetime.timedelta","__data__":1e300}`:         map[string]any{"__classname__": "datetime.timedelta", "__data__": 1e300},
		"": nil,
	} {
		if got, err := DecodeXCom(json.RawMessage(in)); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("DecodeXCom(%s) = %#v, %v, want %#v", in, got, err, want)
		}
	}
	for _, bad := range []string{"{", "1e999", `[1e999]`, `{"a":1e999}`} {
		if v, err := DecodeXCom(json.RawMessage(bad)); err == nil {
			t.Errorf("DecodeXCom(%s) = %v", bad, v)
		}
	}
	if _, err := EncodeXCom(math.Inf(1)); fmt.Sprint(err) != "+Inf cannot be an XCom: it is not in JSON" {
		t.Errorf("infinity: %v", err)
	}
}

func FuzzDecodeXCom(f *testing.F) {
	for _, s := range []string{
		`{"__classname__":"builtins.tuple","__version__":1,"__data__":[1,"a",null]}`, `{"a":[1.5,-3,true],"b":{"c":"d"}}`, `[]`, `"x"`, `12345678901234567890`,
		`{"__classname__":"datetime.datetime","__version__":2,"__data__":{"timestamp":1704164400.5,"tz":{"__classname__":"builtins.tuple","__version__":1,"__data__":["UTC","x",1,true]}}}`,
		`{"__classname__":"datetime.timedelta","__data__":3600.5}`, `{"__updraft_xcom__":"k","bytes":1,"sha256":""}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		elements(raw)
		_, _ = WholeXCom(context.Background(), nil, raw)
		v, err := DecodeXCom(raw)
		if err != nil {
			return
		}
		again, err := EncodeXCom(v)
		if err != nil {
			t.Fatalf("%s decodes to %#v, which does not encode: %v", raw, v, err)
		}
		w, err := DecodeXCom(again)
		if err != nil || cmp.Diff(v, w) != "" {
			t.Fatalf("%s by %s: %v\n%s", raw, again, err, cmp.Diff(v, w))
		}
	})
}

func TestPull(t *testing.T) {
	t.Parallel()
	w := newWorld()
	earlier := func(days int) run.Run {
		at := w.run.LogicalDate.AddDate(0, 0, -days)
		return run.Run{ID: run.ID{DAG: "d", Run: fmt.Sprint("r", days)}, LogicalDate: &at}
	}
	w.store.runs = []run.Run{w.run, earlier(1), earlier(2), earlier(3), earlier(4)}
	put := func(r, task string, at int, v string) {
		t.Helper()
		if err := w.store.PutXCom(t.Context(), run.Key{ID: run.ID{DAG: "d", Run: r}, Task: task, Map: at}, "", run.XCom{Name: "return_value", Value: []byte(v)}); err != nil {
			t.Fatal(err)
		}
	}
	put(w.run.Run, "a", -1, "1")
	put(w.run.Run, "m", 1, "11")
	put(w.run.Run, "m", 0, "10")
	put(w.run.Run, "t", -1, "5")
	put("r3", "old", -1, "3")
	put("r4", "old", -1, "4")
	var got []string
	w.op("op", func(ctx context.Context, a *Attempt) (Result, error) {
		for _, q := range []Pull{
			{}, {Tasks: []string{"m", "a"}}, {Tasks: []string{"m"}, Maps: []int{1}}, {Tasks: []string{"a"}, Name: "k"},
			{Tasks: []string{"old"}}, {Tasks: []string{"old"}, PriorDates: true}, {Tasks: []string{"old"}, Run: "r4"}, {DAG: "e", Tasks: []string{"a"}}, {Tasks: []string{"none"}, PriorDates: true},
		} {
			list, err := a.XComs.Pull(ctx, q)
			if err != nil {
				return Result{}, err
			}
			var values []string
			for _, x := range list {
				values = append(values, x.Key.Name()+"="+string(x.Value))
			}
			got = append(got, strings.Join(values, " "))
		}
		return Result{}, a.XComs.Push(ctx, "k", map[string]any{"a": 1})
	})
	w.task("t", "op", nil)
	if rep, _ := w.execute(t, "t", -1); rep.Outcome != run.OutcomeSuccess {
		t.Fatalf("got %+v", rep)
	}
	want := []string{"t=5", "m[0]=10 m[1]=11 a=1", "m[1]=11", "", "", "old=3", "old=4", "", ""}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	pushed, err := w.store.XComs(t.Context(), store.XComQuery{Run: w.run.ID, Tasks: []string{"t"}, Name: "k"})
	if err != nil || len(pushed) != 1 || string(pushed[0].Value) != `{"a":1}` {
		t.Errorf("pushed %v, %v", pushed, err)
	}
}

func TestLargeXComs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large, err := OpenFolderXComs(filepath.Join(dir, "xcoms"))
	if err != nil {
		t.Fatal(err)
	}
	defer large.Close()
	w := newWorld()
	w.cfg.InlineXComLimit, w.cfg.LargeXComs = 100, large
	value := strings.Repeat("x", 1000)
	w.op("give", give([]any{value, "y"}))
	w.op("show", func(ctx context.Context, a *Attempt) (Result, error) {
		list, err := a.XComs.Pull(ctx, Pull{Tasks: []string{"up"}})
		if err != nil {
			return Result{}, err
		}
		if len(list) != 1 || len(list[0].Value) != 1008 {
			t.Errorf("pulled %.100v", list)
		}
		return Result{Value: fmt.Sprint(len(a.Args["a"].(string)))}, nil
	})
	w.task("up", "give", nil)
	w.task("down", "show", nil).Expand = expand(out("a", "up"))
	rep, _ := w.execute(t, "up", -1)
	if rep.Length == nil || *rep.Length != 2 || len(rep.XComs) != 1 || len(rep.XComs[0].Value) > 200 {
		t.Fatalf("got %+v", rep)
	}
	w.pushed(t, "up", -1, "return_value", string(rep.XComs[0].Value))
	rep, _ = w.execute(t, "down", 0)
	if rep.Outcome != run.OutcomeSuccess || string(rep.XComs[0].Value) != `"1000"` {
		t.Errorf("got %+v", rep)
	}

	ref := w.store.xcoms[0].Value
	var files []string
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			files = append(files, p)
		}
		return nil
	})
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	if err := os.WriteFile(files[0], []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	check := func(what string, l LargeXComs, raw json.RawMessage, want string) {
		t.Helper()
		if _, err := WholeXCom(ctx, l, raw); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	check("changed", large, ref, "its value in the storage of large XComs is damaged: run the task again")
	check("no storage", nil, ref, "its value is kept elsewhere, and there is no storage for large XComs here")
	check("damaged", large, json.RawMessage(refPrefix+"5}"), "its reference to a large value is damaged")
	none := func(func(run.ID, error) bool) {}
	this := func(yield func(run.ID, error) bool) { yield(w.run.ID, nil) }
	later := time.Now().Add(time.Hour)
	for what, sweep := range map[string]func() error{
		"of a run that is there":         func() error { return large.Sweep(ctx, this, later) },
		"of a run that is new":           func() error { return large.Sweep(ctx, none, time.Now().Add(-time.Hour)) },
		"when the runs cannot be listed": func() error { return large.Sweep(ctx, broken, later) },
	} {
		if err := sweep(); err != nil && !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
		if _, err := WholeXCom(ctx, large, ref); errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a value %s is gone", what)
		}
	}
	if err := large.Sweep(ctx, none, later); err != nil {
		t.Fatal(err)
	}
	if _, err := WholeXCom(ctx, large, ref); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the run is gone: %v", err)
	}
	for _, key := range []string{"../x", "/etc/passwd", "a/../../x"} {
		if err := large.Put(ctx, key, nil); err == nil {
			t.Errorf("Put(%s) leaves the folder", key)
		}
		if _, err := large.Get(ctx, key); err == nil {
			t.Errorf("Get(%s) leaves the folder", key)
		}
	}
}

var errBroken = errors.New("broken")

func broken(yield func(run.ID, error) bool) { yield(run.ID{}, errBroken) }

func TestGet(t *testing.T) {
	t.Parallel()
	a := &Attempt{Args: map[string]any{
		"text": "x", "int": int64(5), "float": 5.0, "half": 5.5, "list": []any{"a", "b"}, "tuple": Tuple{"a"}, "mixed": []any{1}, "null": nil, "bool": true, "delta": time.Minute,
	}}
	got := []any{}
	add := func(v any, err error) { got = append(got, v, err) }
	add(Get(a, "text", ""))
	add(Get(a, "none", "def"))
	add(Get(a, "null", 7))
	add(Get(a, "int", 0))
	add(Get(a, "float", 0))
	add(Get(a, "int", 0.0))
	add(Get(a, "int", time.Duration(0)))
	add(Get(a, "half", time.Duration(0)))
	add(Get(a, "delta", time.Duration(0)))
	add(Get(a, "list", []string(nil)))
	add(Get(a, "tuple", []string(nil)))
	add(Get(a, "tuple", []any(nil)))
	add(Get(a, "text", []string(nil)))
	add(Get(a, "bool", false))
	want := []any{"x", nil, "def", nil, 7, nil, 5, nil, 5, nil, 5.0, nil, 5 * time.Second, nil, 5500 * time.Millisecond, nil, time.Minute, nil,
		[]string{"a", "b"}, nil, []string{"a"}, nil, []any{"a"}, nil, []string{"x"}, nil, true, nil}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, tc := range []struct {
		err  error
		want string
	}{
		{errOf(Get(a, "text", 0)), "argument text is a text, not a whole number"},
		{errOf(Get(a, "half", 0)), "argument half is a number, not a whole number"},
		{errOf(Get(a, "mixed", []string(nil))), "argument mixed: element 0 is a number, not a text"},
		{errOf(Get(a, "bool", "")), "argument bool is a boolean, not a text"},
		{errOf(Get(a, "text", false)), "argument text is a text, not a boolean"},
	} {
		var f *FatalError
		if fmt.Sprint(tc.err) != tc.want || !errors.As(tc.err, &f) || f.Cause != run.CauseConfig {
			t.Errorf("got %v, want %s", tc.err, tc.want)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

func TestRuns(t *testing.T) {
	t.Parallel()
	w := newWorld()
	odd := w.run.LogicalDate.Add(90 * time.Minute)
	body, version, err := dag.Encode(&dag.DAG{ID: "e"})
	if err != nil {
		t.Fatal(err)
	}
	w.store.runs = []run.Run{
		w.run,
		{ID: run.ID{DAG: "e", Run: "x1"}}, {ID: run.ID{DAG: "e", Run: "x2"}, LogicalDate: w.run.LogicalDate}, {ID: run.ID{DAG: "e", Run: "x3"}, LogicalDate: w.run.LogicalDate},
		{ID: run.ID{DAG: "e", Run: "odd"}, LogicalDate: &odd},
	}
	w.store.tasks = map[run.ID][]run.Instance{w.run.ID: {{Task: "a"}, {Task: "b"}}}
	w.store.dags = map[string]store.Definition{"e": {ID: "e", Version: version, Body: body, State: store.DAGState{Paused: true}}}
	w.cfg.Trigger = func(_ context.Context, t Trigger) (run.Run, error) {
		return run.Run{ID: run.ID{DAG: t.DAG, Run: t.Run}}, nil
	}
	w.op("op", func(ctx context.Context, a *Attempt) (Result, error) {
		found, err := a.Runs.Find(ctx, w.run.ID)
		if err != nil || found.ID != w.run.ID {
			t.Errorf("Find: %v, %v", found.ID, err)
		}
		if _, err = a.Runs.Find(ctx, run.ID{DAG: "no", Run: "no"}); !errors.Is(err, store.ErrNotFound) || err.Error() != "run no/no: not found" {
			t.Errorf("Find: %v", err)
		}
		if found, err = a.Runs.FindByDate(ctx, "d", *w.run.LogicalDate); err != nil || found.ID != w.run.ID {
			t.Errorf("FindByDate by id: %v, %v", found.ID, err)
		}
		if found, err = a.Runs.FindByDate(ctx, "e", odd); err != nil || found.Run != "odd" {
			t.Errorf("FindByDate by looking: %v, %v", found.ID, err)
		}
		if _, err = a.Runs.FindByDate(ctx, "e", odd.Add(1)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("FindByDate: %v", err)
		}
		if list, err := a.Runs.Instances(ctx, w.run.ID, "b"); err != nil || len(list) != 1 || list[0].Task != "b" {
			t.Errorf("Instances: %v, %v", list, err)
		}
		if d, err := a.Runs.DAG(ctx, "e"); err != nil || d.ID != "e" {
			t.Errorf("DAG: %v, %v", d, err)
		}
		if _, err := a.Runs.DAG(ctx, "f"); !errors.Is(err, store.ErrNotFound) || err.Error() != "DAG f: not found" {
			t.Errorf("DAG: %v", err)
		}
		p, ok := a.Runs.(interface {
			Paused(ctx context.Context, id string) (bool, error)
		})
		if !ok {
			t.Fatal("Runs does not tell whether a DAG is paused")
		}
		if is, err := p.Paused(ctx, "e"); err != nil || !is {
			t.Errorf("Paused: %v, %v", is, err)
		}
		if _, err := p.Paused(ctx, "f"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Paused: %v", err)
		}
		if r, err := a.Runs.Trigger(ctx, Trigger{DAG: "e", Run: "new"}); err != nil || r.Run != "new" {
			t.Errorf("Trigger: %v, %v", r, err)
		}
		return Result{}, nil
	})
	w.task("t", "op", nil)
	if rep, _ := w.execute(t, "t", -1); rep.Outcome != run.OutcomeSuccess {
		t.Errorf("got %+v", rep)
	}
}

func TestByteSize(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	for _, n := range []int64{0, 1023, 1024, 1536, 64 << 20, 5 << 29} {
		fmt.Fprint(&b, byteSize(n), ", ")
	}
	if want := "0 bytes, 1023 bytes, 1 KiB, 1.5 KiB, 64 MiB, 2.5 GiB, "; b.String() != want {
		t.Errorf("got %s, want %s", &b, want)
	}
}
