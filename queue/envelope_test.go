package queue_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

func attempt(dag, runID, task string, index, try int) run.Attempt {
	return run.Attempt{Key: run.Key{ID: run.ID{DAG: dag, Run: runID}, Task: task, Map: index}, Try: try}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	t.Parallel()
	for _, e := range []queue.Envelope{
		{Kind: queue.KindAttempt, Attempt: attempt("d", "r", "t", run.Unmapped, 1)},
		{Kind: queue.KindAttempt, Attempt: attempt("d", "scheduled__2026-01-01T00:00:00+00:00", "g.t", 0, 12), Token: "tok"},
		{Kind: queue.KindCancel, Attempt: attempt("任务", "\x00\n<&>\u2028", "\"", 3, 1), Token: "t", Data: json.RawMessage(`{"reason":"cleared"}`)},
		{Kind: queue.KindPlan, Attempt: attempt("d", "r", "", run.Unmapped, 0)},
		{Kind: queue.KindPlan, Attempt: attempt("", "", "", run.Unmapped, 0)},
	} {
		b, err := queue.Encode(e)
		if err != nil {
			t.Errorf("%+v: %v", e, err)
			continue
		}
		got, err := queue.Decode(b)
		if d := cmp.Diff(e, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", b, err, d)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	good := queue.Envelope{Kind: queue.KindAttempt, Attempt: attempt("d", "r", "t", run.Unmapped, 1)}
	for _, tt := range []struct {
		change func(e *queue.Envelope)
		want   string
	}{
		{func(e *queue.Envelope) { e.Kind = "" }, "encode a message: it has no kind"},
		{func(e *queue.Envelope) { e.Kind = "x" }, `encode a message: kind "x" is not known`},
		{func(e *queue.Envelope) { e.Attempt.DAG = "" }, "encode a message: it names no DAG"},
		{func(e *queue.Envelope) { e.Attempt.Run = "a\xff" }, `encode a message: "a\xff" is not UTF-8`},
		{func(e *queue.Envelope) { e.Attempt.Map = -2 }, "encode a message: map index -2 is below -1"},
		{func(e *queue.Envelope) { e.Attempt.Try = 0 }, "encode a message: try 0 is below 1"},
		{func(e *queue.Envelope) { e.Data = json.RawMessage("{") }, "encode a message: its data is not JSON"},
		{func(e *queue.Envelope) { e.Kind, e.Token = queue.KindPlan, "t" }, "encode a message: a plan message is about a run, and names a task or a token"},
	} {
		e := good
		tt.change(&e)
		if b, err := queue.Encode(e); err == nil || err.Error() != tt.want {
			t.Errorf("%+v: got %s, error %v, want error %q", e, b, err, tt.want)
		}
	}
}

func TestDecodeRefusesJunk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{``, "decode a message: it is not a JSON object"},
		{`hello`, "decode a message: it is not a JSON object"},
		{`[1]`, "decode a message: it is not a JSON object"},
		{`null`, "decode a message: it is not a JSON object"},
		{`{"v":"1"}`, "decode a message: its version (v) is not a whole number"},
		{`{}`, "decode a message: it has no version (v)"},
		{`{"v":0}`, "decode a message: version 0 does not exist"},
		{`{"v":2,"new":{}}`, "decode a message: unknown version of a message: it has version 2, this program knows 1: update it"},
		{`{"v":1}`, "decode a message: it names no DAG"},
		{`{"v":1,"dag":"d"}`, "decode a message: it names no run"},
		{`{"v":1,"dag":"d","run":"r"}`, "decode a message: it has no kind"},
		{`{"v":1,"dag":"d","run":"r","kind":"explode"}`, `decode a message: kind "explode" is not known`},
		{`{"v":1,"dag":"d","run":"r","kind":"attempt"}`, "decode a message: it names no task"},
		{`{"v":1,"dag":"d","run":"r","kind":"attempt","task":"t"}`, "decode a message: it has no map index (map)"},
		{`{"v":1,"dag":"d","run":"r","kind":"attempt","task":"t","map":-2}`, "decode a message: map index -2 is below -1"},
		{`{"v":1,"dag":"d","run":"r","kind":"cancel","task":"t","map":-1}`, "decode a message: try 0 is below 1"},
		{`{"v":1,"dag":"d","run":"r","kind":"plan","try":1}`, "decode a message: a plan message is about a run, and names a task or a token"},
		{`{"v":1,"dag":"d","run":"r","kind":"plan","color":"red"}`, `decode a message: json: unknown field "color"`},
		{`{"v":1,"dag":"d","run":"r","kind":"plan"}x`, "decode a message: it is not a JSON object"},
		{`{"v":1,"dag":7}`, "decode a message: json: cannot unmarshal number into Go struct field wire.dag of type string"},
	} {
		if e, err := queue.Decode([]byte(tt.in)); err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %+v, error %v\nwant error %s", tt.in, e, err, tt.want)
		}
	}
	if _, err := queue.Decode([]byte(`{"v":9}`)); !errors.Is(err, queue.ErrVersion) {
		t.Errorf("a newer version is %v", err)
	}
}

// FuzzEnvelope: junk is an error, and what is no junk comes back as it was.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{
		`{"v":1,"kind":"attempt","dag":"d","run":"r","task":"t","map":-1,"try":1,"token":"x","data":{"a":[1]}}`,
		`{"v":1,"kind":"plan","dag":"d","run":"r"}`, `{"v":2}`, `{"v":1,"V":2,"kind":"plan","dag":"d","run":"r"}`, `null`, `[]`, "\xff", `{"v":1e2}`,
		`{"v":1,"kind":"cancel","dag":"\ud800","run":"r","task":"t","map":2147483648,"try":99999999999999999999}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := queue.Decode(b)
		if err != nil {
			return
		}
		again, err := queue.Encode(e)
		if err != nil {
			t.Fatalf("%q was decoded to %+v, which cannot be encoded: %v", b, e, err)
		}
		e2, err := queue.Decode(again)
		if err != nil {
			t.Fatalf("%q: %v", again, err)
		}
		third, err := queue.Encode(e2)
		if err != nil || string(again) != string(third) {
			t.Errorf("%q became %q, %v", again, third, err)
		}
	})
}
