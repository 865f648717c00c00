package sqsqueue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
)

// memory keeps payloads in memory.
type memory struct {
	mu   sync.Mutex
	kept map[string][]byte
	err  error
}

func (m *memory) Put(_ context.Context, name string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[string][]byte{}
	}
	m.kept[name] = body
	return m.err
}

func (m *memory) Get(_ context.Context, name string, limit int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body, ok := m.kept[name]
	if m.err != nil || !ok {
		return nil, errors.Join(m.err, sqsqueue.ErrNoPayload)
	}
	return body[:min(int64(len(body)), limit)], nil
}

// only is the one name under which something is kept.
func (m *memory) only() string {
	for name := range maps.Keys(m.kept) {
		return name
	}
	return ""
}

func TestPayloadsGoByReference(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	kept := &memory{}
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q", Payloads: kept})
	large := data(3 << 20)
	send(t, q, message("d", "a"), large, large, message("d", "b"))
	for _, body := range s.bodies("q") {
		if len(body) > 200 {
			t.Errorf("a message of %d bytes was sent", len(body))
		}
	}
	if len(kept.kept) != 1 {
		t.Errorf("%d payloads are kept, want 1", len(kept.kept))
	}
	n := 0
	for _, d := range receive(t, q) {
		if d.Attempt.Task == "large" {
			n++
			if d.Attempt != large.Attempt || !bytes.Equal(d.Data, large.Data) {
				t.Errorf("received %s with %d bytes, want %d", d.Attempt, len(d.Data), len(large.Data))
			}
		}
	}
	if n != 2 {
		t.Errorf("received %d large messages, want 2", n)
	}
	if err := q.Send(t.Context(), data(16<<20))[0]; !errors.Is(err, queue.ErrTooLarge) {
		t.Errorf("too large a payload: %v", err)
	}
	kept.err = errors.New("no bucket")
	if err := q.Send(t.Context(), large)[0]; !errors.Is(err, kept.err) {
		t.Errorf("a payload that cannot be kept: %v", err)
	}
}

func TestPayloadsThatAreNotThere(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	kept := &memory{}
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q", Payloads: kept})
	send(t, q, data(2<<20))
	kept.err = errors.New("no answer")
	// What is not there now and cannot be said to be gone comes again.
	kept.mu.Lock()
	body := kept.kept[kept.only()]
	kept.mu.Unlock()
	if got := receive(t, q); len(got) != 0 {
		t.Errorf("received %v without payload", got)
	}
	kept.err = nil
	s.pass(2 * time.Minute)
	kept.kept[kept.only()] = append([]byte("{"), body[1:len(body)-1]...) // another one
	if got := receive(t, q); len(got) != 0 {
		t.Errorf("received %v with another payload", got)
	}
	for _, forged := range []string{
		`{"v":1,"kind":"payload","sha256":"../../secret","size":3}`,
		`{"v":1,"kind":"payload","sha256":"` + strings.Repeat("00", 32) + `","size":99999999999}`,
		`{"v":1,"kind":"payload","sha256":"` + strings.Repeat("00", 32) + `","size":3}`,
		`{"v":1,"kind":"payload",`,
	} {
		s.change(func() { s.send(s.queues["q"], entry{MessageBody: forged}) })
	}
	if got := receive(t, q); len(got) != 0 {
		t.Errorf("received %v by forged references", got)
	}
	dead, err := q.Dead(t.Context(), 10)
	if err != nil || len(dead) != 5 {
		t.Fatalf("dead letters are %+v, %v", dead, err)
	}
	for _, l := range dead {
		if !strings.Contains(l.Reason, "payload is not") {
			t.Errorf("%.80s is dead because %q", l.Body, l.Reason)
		}
	}
}

// TestReferencesNeedPayloads: a receiver without a bucket leaves them to others.
func TestReferencesNeedPayloads(t *testing.T) {
	t.Parallel()
	_, cfg := newService(t, 3)
	send(t, open(t, sqsqueue.Config{AWS: cfg, Name: "q", Payloads: &memory{}}), data(2<<20))
	var log strings.Builder
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if got := receive(t, q); len(got) != 0 {
		t.Errorf("received %v", got)
	}
	if st, err := q.Stats(t.Context()); err != nil || st.InFlight != 1 || st.Dead != 0 || !strings.Contains(log.String(), "name the bucket that the sender has") {
		t.Errorf("stats are %+v, %v, the log is %s", st, err, log.String())
	}
	if err := q.Send(t.Context(), data(2<<20))[0]; !errors.Is(err, queue.ErrTooLarge) {
		t.Errorf("a large message without payloads: %v", err)
	}
}
