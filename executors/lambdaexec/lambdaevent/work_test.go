package lambdaevent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// envelopes makes n of them, of the instances of one mapped task.
func envelopes(n int) []queue.Envelope {
	out := make([]queue.Envelope, n)
	for i := range out {
		out[i] = queue.Envelope{Kind: queue.KindAttempt, Attempt: run.Attempt{
			Key: run.Key{ID: run.ID{DAG: "d", Run: "scheduled__2026-01-01T00:00:00+00:00"}, Task: "t", Map: i}, Try: 1,
		}}
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	want := envelopes(3)
	want[1].Attempt.Run = "it's \"$(x)\" <任务>"
	b, err := lambdaevent.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := lambdaevent.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

// TestWire holds the form of the event: functions of an earlier version may be running.
func TestWire(t *testing.T) {
	t.Parallel()
	b, err := lambdaevent.Encode(envelopes(1))
	want := `{"v":1,"attempts":[{"v":1,"kind":"attempt","dag":"d","run":"scheduled__2026-01-01T00:00:00+00:00","task":"t","map":0,"try":1}]}`
	if err != nil || string(b) != want {
		t.Errorf("got  %s, %v\nwant %s", b, err, want)
	}
}

func TestEncodeFaults(t *testing.T) {
	t.Parallel()
	plan := envelopes(1)
	plan[0].Kind = queue.KindPlan
	bad := envelopes(1)
	bad[0].Attempt.DAG = ""
	for name, list := range map[string][]queue.Envelope{"none": nil, "another kind": plan, "no DAG": bad} {
		if _, err := lambdaevent.Encode(list); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := lambdaevent.Encode(envelopes(10_000)); !errors.Is(err, lambdaevent.ErrTooLarge) {
		t.Errorf("10,000 at once: error %v, want ErrTooLarge", err)
	}
}

func TestDecodeFaults(t *testing.T) {
	t.Parallel()
	const one = `{"v":1,"kind":"attempt","dag":"d","run":"r","task":"t","map":-1,"try":1}`
	for name, tt := range map[string]struct{ event, want string }{
		"not JSON":        {`{`, "not a JSON object"},
		"a list":          {`[` + one + `]`, "not a JSON object"},
		"no version":      {`{"attempts":[` + one + `]}`, "with a version"},
		"version 0":       {`{"v":0,"attempts":[` + one + `]}`, "does not exist"},
		"newer":           {`{"v":2,"attempts":[` + one + `],"also":1}`, "update it"},
		"unknown field":   {`{"v":1,"attempts":[` + one + `],"also":1}`, "also"},
		"no attempts":     {`{"v":1,"attempts":[]}`, "names no attempt"},
		"bad attempt":     {`{"v":1,"attempts":[` + one + `,{"v":1}]}`, "attempt 1"},
		"another kind":    {`{"v":1,"attempts":[{"v":1,"kind":"plan","dag":"d","run":"r"}]}`, "not the kind"},
		"an SQS event":    {`{"Records":[{"body":"{}"}]}`, "with a version"},
		"newer attempt":   {`{"v":1,"attempts":[{"v":9}]}`, "update it"},
		"much too large":  {`{"v":1,"attempts":["` + strings.Repeat("x", lambdaevent.MaxPayload) + `"]}`, "too much"},
		"attempt is null": {`{"v":1,"attempts":[null]}`, "attempt 0"},
	} {
		if _, err := lambdaevent.Decode([]byte(tt.event)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
	if _, err := lambdaevent.Decode([]byte(`{"v":2}`)); !errors.Is(err, queue.ErrVersion) {
		t.Errorf("a newer one: error %v, want ErrVersion", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"v":1,"attempts":[{"v":1,"kind":"attempt","dag":"d","run":"r","task":"t","map":-1,"try":1}]}`, `{"v":2}`, `null`, "\xff",
		`{"v":1,"V":2,"attempts":[{"v":1,"kind":"attempt","dag":"\ud800","run":"r","task":"t","map":1,"try":1,"token":"x"},null]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := lambdaevent.Decode(b)
		if err != nil {
			return
		}
		again, err := lambdaevent.Encode(list)
		if errors.Is(err, lambdaevent.ErrTooLarge) {
			return // the names that were written shorter
		}
		if err != nil {
			t.Fatalf("%q was decoded to %+v, which cannot be encoded: %v", b, list, err)
		}
		list2, err := lambdaevent.Decode(again)
		if err != nil || len(list2) != len(list) {
			t.Errorf("%q became %q, %v", b, again, err)
		}
	})
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n, fan int
		want   []int // lengths of the parts
	}{
		{1, 32, []int{}}, {2, 32, []int{1}}, {4, 2, []int{2, 1}}, {33, 32, slice(32, 1)}, {34, 32, append([]int{2}, slice(31, 1)...)},
		{5, 0, []int{4}}, {10, 4, []int{3, 2, 2, 2}},
	} {
		list := envelopes(tt.n)
		own, rest := lambdaevent.Split(list, tt.fan)
		all := []queue.Envelope{own}
		got := []int{}
		for _, part := range rest {
			got = append(got, len(part))
			all = append(all, part...)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%d in %d: lengths (-want +got):\n%s", tt.n, tt.fan, diff)
		}
		if diff := cmp.Diff(list, all); diff != "" {
			t.Errorf("%d in %d: the parts together (-want +got):\n%s", tt.n, tt.fan, diff)
		}
	}
}

func slice(n, v int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// spread counts the invocations of a list by how many there are before each.
func spread(list []int, level int, levels map[int]int) {
	levels[level]++
	_, rest := lambdaevent.Split(list, lambdaevent.Fan)
	for _, part := range rest {
		spread(part, level+1, levels)
	}
}

// A start of 1,000 attempts sends 32 lists, whose workers invoke the others: each attempt
// has one invocation, and at most one before it.
func ExampleSplit() {
	for _, n := range []int{65, 1_000, 10_000, 100_000} {
		levels := map[int]int{}
		for _, part := range lambdaevent.Parts(make([]int, n), lambdaevent.Fan) {
			spread(part, 0, levels)
		}
		fmt.Println(n, levels)
	}
	// Output:
	// 65 map[0:32 1:33]
	// 1000 map[0:32 1:968]
	// 10000 map[0:32 1:1024 2:8944]
	// 100000 map[0:32 1:1024 2:32768 3:66176]
}

func TestPayloads(t *testing.T) {
	t.Parallel()
	list := envelopes(20_000) // too much for the two parts that are wished for
	parts, payloads, err := lambdaevent.Payloads(list, 2)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, b := range payloads {
		if len(b) > lambdaevent.MaxPayload {
			t.Errorf("payload %d has %d bytes", i, len(b))
		}
		got, err := lambdaevent.Decode(b)
		if err != nil || len(got) != len(parts[i]) {
			t.Fatalf("payload %d has %d attempts, %v; want %d", i, len(got), err, len(parts[i]))
		}
		for _, e := range got {
			if e.Attempt != list[n].Attempt {
				t.Fatalf("payload %d has %s, want %s", i, e.Attempt, list[n].Attempt)
			}
			n++
		}
	}
	if n != len(list) || len(parts) < 3 {
		t.Errorf("%d attempts in %d parts, want %d in more than 2", n, len(parts), len(list))
	}
	huge := envelopes(1)
	huge[0].Attempt.Task = strings.Repeat("x", lambdaevent.MaxPayload)
	if _, _, err := lambdaevent.Payloads(huge, 1); !errors.Is(err, lambdaevent.ErrTooLarge) {
		t.Errorf("one that fits nowhere: %v, want ErrTooLarge", err)
	}
}
