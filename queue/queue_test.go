package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// recorder is a driver that writes down how it was called.
type recorder struct {
	calls []string
	// fail is the error of each second message or receipt.
	fail error
	give []queue.Incoming
	err  error // of the other methods
}

func (r *recorder) answers(n int) []error {
	errs := make([]error, n)
	for i := 1; i < n; i += 2 {
		errs[i] = r.fail
	}
	return errs
}

func (r *recorder) Send(_ context.Context, batch []queue.Outgoing) []error {
	size := 0
	for _, m := range batch {
		size += len(m.Body)
	}
	r.calls = append(r.calls, fmt.Sprintf("send %d messages of %d bytes, delay %s, dedup %q", len(batch), size, batch[0].Delay, batch[0].Dedup))
	return r.answers(len(batch))
}

func (r *recorder) Receive(_ context.Context, n int, visibility, wait time.Duration) ([]queue.Incoming, error) {
	r.calls = append(r.calls, fmt.Sprintf("receive %d for %s, wait %s", n, visibility, wait))
	return r.give, r.err
}

func (r *recorder) Extend(_ context.Context, receipt string, visibility time.Duration) error {
	r.calls = append(r.calls, fmt.Sprintf("extend %s by %s", receipt, visibility))
	return r.err
}

func (r *recorder) Delete(_ context.Context, receipts []string) []error {
	r.calls = append(r.calls, fmt.Sprint("delete ", receipts))
	return r.answers(len(receipts))
}

func (r *recorder) Stats(context.Context) (queue.Stats, error) { return queue.Stats{}, r.err }

func (r *recorder) Purge(context.Context, queue.Part) (int, error) { return 0, r.err }

func (r *recorder) Close() error { return r.err }

func (r *recorder) Bury(_ context.Context, m queue.Incoming, reason string) error {
	r.calls = append(r.calls, fmt.Sprintf("bury %s: %s", m.ID, reason))
	return r.err
}

func (r *recorder) Dead(context.Context, int) ([]queue.DeadLetter, error) { return nil, r.err }

func (r *recorder) Revive(context.Context, []string) (int, error) { return 0, r.err }

func message(task string, data int) queue.Message {
	e := queue.Envelope{Kind: queue.KindAttempt, Attempt: attempt("d", "r", task, run.Unmapped, 1)}
	if data > 0 {
		e.Data = json.RawMessage(`"` + strings.Repeat("x", data-2) + `"`)
	}
	return queue.Message{Envelope: e}
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestSendMakesBatches(t *testing.T) {
	t.Parallel()
	unavailable := errors.New("unavailable")
	r := &recorder{fail: unavailable}
	q := queue.New(r, queue.Config{Batch: 3, Size: 250})
	small, large := message("t", 0), message("t", 100)
	small.Delay, small.Dedup = -time.Second, "key"
	errs := q.Send(t.Context(), small, small, message("", 0), small, small, large, large, message("t", 180))
	equal(t, "calls", []string{
		`send 3 messages of 216 bytes, delay 0s, dedup "key"`,
		`send 1 messages of 72 bytes, delay 0s, dedup "key"`,
		`send 1 messages of 180 bytes, delay 0s, dedup ""`,
		`send 1 messages of 180 bytes, delay 0s, dedup ""`,
	}, r.calls)
	var got []string
	for _, err := range errs {
		got = append(got, fmt.Sprint(err))
	}
	equal(t, "errors", []string{
		"<nil>", "send a message about d/r/t#1: unavailable", "encode a message: it names no task", "<nil>", "<nil>", "<nil>", "<nil>",
		"send a message about d/r/t#1: message is too large: it has 260 bytes, 250 are allowed",
	}, got)
	if !errors.Is(errs[1], unavailable) || !errors.Is(errs[7], queue.ErrTooLarge) {
		t.Error("errors have lost what they are")
	}
}

func TestSendBoundsBatchesApart(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	q := queue.New(r, queue.Config{Batch: 10, Size: 1000, BatchSize: 250})
	small, large := message("t", 0), message("t", 500)
	if err := errors.Join(q.Send(t.Context(), small, small, large, small, small)...); err != nil {
		t.Error(err)
	}
	equal(t, "calls", []string{
		`send 2 messages of 144 bytes, delay 0s, dedup ""`,
		`send 1 messages of 580 bytes, delay 0s, dedup ""`,
		`send 2 messages of 144 bytes, delay 0s, dedup ""`,
	}, r.calls)
}

func TestAcceptTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	good, err := queue.Encode(message("t", 0).Envelope)
	if err != nil {
		t.Fatal(err)
	}
	in := []queue.Incoming{{ID: "1", Body: []byte("junk")}, {ID: "2", Body: good}, {ID: "3", Body: []byte(`{"v":2}`)}}
	ids := func(ms []queue.Incoming) (out string) {
		for _, m := range ms {
			out += m.ID
		}
		return out
	}
	r := &recorder{}
	out, left := queue.New(r, queue.Config{Batch: 10, Size: 200}).Accept(t.Context(), in)
	if len(out) != 1 || out[0].ID != "2" || ids(left) != "3" {
		t.Errorf("delivered %+v, left %s", out, ids(left))
	}
	equal(t, "calls", []string{"bury 1: decode a message: it is not a JSON object"}, r.calls)
	_, left = queue.New(&recorder{err: errors.New("boom")}, queue.Config{Batch: 10, Size: 200}).Accept(t.Context(), in)
	if ids(left) != "13" {
		t.Errorf("when junk cannot be buried, %s is left, want 13", ids(left))
	}
}

func TestReceiveStaysWithinLimits(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	q := queue.New(r, queue.Config{Batch: 3, Size: 200})
	for _, a := range []struct {
		n                int
		visibility, wait time.Duration
	}{{0, 0, 0}, {2, time.Minute, time.Second}, {100, 24 * time.Hour, time.Hour}, {-1, -1, -1}} {
		if _, err := q.Receive(t.Context(), a.n, a.visibility, a.wait); err != nil {
			t.Error(err)
		}
	}
	equal(t, "calls", []string{"receive 1 for 30s, wait 0s", "receive 2 for 1m0s, wait 1s", "receive 3 for 12h0m0s, wait 20s", "receive 1 for 30s, wait 0s"}, r.calls)
}

func TestReceiveSortsOutJunk(t *testing.T) {
	t.Parallel()
	good, err := queue.Encode(message("t", 0).Envelope)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{give: []queue.Incoming{{ID: "1", Body: []byte("junk")}, {ID: "2", Body: good, Receipt: "r", Receives: 2}, {ID: "3", Body: []byte(`{"v":2}`)}}}
	var log strings.Builder
	q := queue.New(r, queue.Config{Batch: 10, Size: 200, Log: slog.New(slog.NewTextHandler(&log, nil))})
	got, err := q.Receive(t.Context(), 10, time.Minute, 0)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "received", []queue.Delivery{{Envelope: message("t", 0).Envelope, ID: "2", Receipt: "r", Receives: 2}}, got)
	equal(t, "calls", []string{"receive 10 for 1m0s, wait 0s", "bury 1: decode a message: it is not a JSON object"}, r.calls)
	for _, want := range []string{"level=ERROR msg=\"message cannot be read and becomes a dead letter\" message=1", "level=WARN msg=\"message of a newer version is left to others\" message=3"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}

func TestDeleteMakesBatches(t *testing.T) {
	t.Parallel()
	r := &recorder{fail: queue.ErrLost}
	q := queue.New(r, queue.Config{Batch: 2, Size: 200})
	errs := q.Delete(t.Context(), queue.Delivery{ID: "1", Receipt: "a"}, queue.Delivery{ID: "2", Receipt: "b"}, queue.Delivery{ID: "3", Receipt: "c"})
	equal(t, "calls", []string{"delete [a b]", "delete [c]"}, r.calls)
	if errs[0] != nil || !errors.Is(errs[1], queue.ErrLost) || errs[1].Error() != "delete message 2: delivery was lost to another receiver" || errs[2] != nil {
		t.Errorf("got %v", errs)
	}
}

func TestErrorsSayWhatWasDone(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	q := queue.New(&recorder{err: boom}, queue.Config{Batch: 10, Size: 200})
	ctx := t.Context()
	_, received := q.Receive(ctx, 1, 0, 0)
	_, stats := q.Stats(ctx)
	_, dead := q.Dead(ctx, 1)
	_, revived := q.Revive(ctx)
	_, purged := q.Purge(ctx, queue.DeadLetterPart)
	for want, err := range map[string]error{
		"receive messages: boom": received, "look into the queue: boom": stats, "read dead letters: boom": dead, "revive dead letters: boom": revived, "purge dead letters: boom": purged,
		"extend message 7: boom": q.Extend(ctx, queue.Delivery{ID: "7"}, 0),
	} {
		if !errors.Is(err, boom) || err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
	gone, cancel := context.WithCancelCause(ctx)
	cancel(errors.New("shutting down"))
	if _, err := q.Receive(gone, 1, 0, 0); err == nil || err.Error() != "shutting down" {
		t.Errorf("after the end of its context Receive says %v", err)
	}
}
