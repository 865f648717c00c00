package sqsqueue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
	"github.com/updraft-dev/updraft/run"
)

func message(dag, task string) queue.Message {
	return queue.Message{Envelope: queue.Envelope{
		Kind: queue.KindAttempt, Attempt: run.Attempt{Key: run.Key{ID: run.ID{DAG: dag, Run: "run"}, Task: task, Map: run.Unmapped}, Try: 1},
	}}
}

// data is a message with so many bytes of data.
func data(n int) queue.Message {
	m := message("dag", "large")
	m.Data = json.RawMessage(`"` + strings.Repeat("x", n) + `"`)
	return m
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func receive(t *testing.T, q *queue.Queue) []queue.Delivery {
	t.Helper()
	got, err := q.Receive(t.Context(), 10, time.Minute, 0)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func send(t *testing.T, q *queue.Queue, ms ...queue.Message) {
	t.Helper()
	if err := errors.Join(q.Send(t.Context(), ms...)...); err != nil {
		t.Fatal(err)
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, want string
		c        sqsqueue.Config
	}{
		{"sqs://Jobs_1", "", sqsqueue.Config{Name: "Jobs_1"}},
		{"sqs://jobs?dead=bad&fair=true", "", sqsqueue.Config{Name: "jobs", DeadLetters: "bad", Fair: true}},
		{"sqs://jobs?payloads=s3://bucket/large/", "", sqsqueue.Config{Name: "jobs", PayloadsURL: "s3://bucket/large/"}},
		{"sqs://jobs?payloads=bucket", `payloads "bucket" are not in a bucket: write s3://BUCKET/PREFIX`, sqsqueue.Config{}},
		{"sqs://", "is no URL of a queue", sqsqueue.Config{}},
		{"local:", "is no URL of a queue", sqsqueue.Config{}},
		{"sqs://jobs/more", "is no URL of a queue", sqsqueue.Config{}},
		{"sqs://jobs?fair=perhaps", `fair is "perhaps": write true or false`, sqsqueue.Config{}},
		{"sqs://jobs?fairness=true", `unknown option "fairness": there are dead, fair and payloads`, sqsqueue.Config{}},
		{"sqs://jobs.fifo", "is a FIFO queue, which has no delays", sqsqueue.Config{}},
	} {
		c, err := sqsqueue.ParseURL(tt.in)
		if tt.want == "" && (err != nil || c.Name != tt.c.Name || c.DeadLetters != tt.c.DeadLetters || c.Fair != tt.c.Fair || c.PayloadsURL != tt.c.PayloadsURL) {
			t.Errorf("%s: got %+v, %v", tt.in, c, err)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got error %v, want %q", tt.in, err, tt.want)
		}
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, cfg := newService(t, 3)
	_, err := sqsqueue.Open(t.Context(), sqsqueue.Config{AWS: cfg, Name: "nope"})
	if err == nil || !strings.Contains(err.Error(), "find queue nope: queue is not there") || !strings.Contains(err.Error(), "deploy the stack") {
		t.Errorf("got error %v", err)
	}
	if _, err := sqsqueue.Open(t.Context(), sqsqueue.Config{AWS: cfg}); err == nil {
		t.Error("a queue without a name was opened")
	}
}

// TestOpenByURLCallsNobody: the first call of a function that starts is its first message.
func TestOpenByURLCallsNobody(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: s.url + "/1/q"})
	send(t, q, message("d", "a"))
	equal(t, "calls", []string{"SendMessageBatch"}, s.calls)
	byARN := open(t, sqsqueue.Config{AWS: cfg, Name: "arn:aws:sqs:eu-west-1:1:q"})
	if got := receive(t, byARN); len(got) != 1 {
		t.Errorf("received %v", got)
	}
}

func TestSendTellsOfEachMessage(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q"})
	s.change(func() { s.refuse = func(e entry) bool { return strings.Contains(e.MessageBody, "bad") } })
	errs := q.Send(t.Context(), message("d", "good"), message("d", "bad"), message("d", "fine"))
	if errs[0] != nil || errs[2] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "send a message about d/run/bad#1: service unavailable") {
		t.Errorf("got %v", errs)
	}
	s.change(func() { s.refuse = func(e entry) bool { return strings.HasPrefix(e.ReceiptHandle, "1.") } })
	errs = q.Delete(t.Context(), receive(t, q)...)
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(failed) != 1 || !strings.Contains(failed[0].Error(), "delete message 1: ") {
		t.Errorf("deleting: %v", failed)
	}
}

func TestErrorsHaveRemedies(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q"})
	for _, tt := range []struct{ code, want string }{
		{"RequestThrottled", "throttled: "},
		{"AccessDeniedException", "let the role or user do what it names"},
		{"ExpiredTokenException", "sign in again"},
		{"QueueDoesNotExist", "queue is not there: "},
		{"OverLimit", "too many deliveries are in flight"},
		{"BatchRequestTooLong", "raise MaximumMessageSize"},
	} {
		s.change(func() { s.fail, s.code = 1, tt.code })
		if err := q.Send(t.Context(), message("d", "a"))[0]; err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.code, err, tt.want)
		}
	}
	s.change(func() { s.fail, s.code = 1, "PurgeQueueInProgress" })
	if _, err := q.Purge(t.Context(), queue.Living); err == nil {
		t.Error("a purge that failed is no error")
	}
	err := q.Extend(t.Context(), queue.Delivery{ID: "1", Receipt: "old"}, time.Minute)
	if !errors.Is(err, queue.ErrLost) {
		t.Errorf("a receipt that is no more: %v", err)
	}
}

// TestTwiceAndInDisorder: SQS delivers at least once, in no order.
func TestTwiceAndInDisorder(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 100)
	s.change(func() { s.twice = 3 })
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q"})
	var ms []queue.Message
	for i := range 60 {
		ms = append(ms, message("d", fmt.Sprintf("t%02d", i)))
	}
	send(t, q, ms...)
	seen, received := map[string]bool{}, 0
	for round := 0; len(seen) < len(ms) && round < 100; round++ {
		got := receive(t, q)
		for _, d := range got {
			seen[d.Attempt.Task] = true
			received++
		}
		// A receipt that a second delivery made obsolete deletes nothing, and is no error.
		if err := errors.Join(q.Delete(t.Context(), got...)...); err != nil {
			t.Error(err)
		}
	}
	if len(seen) != len(ms) {
		t.Errorf("%d of %d messages arrived in %d deliveries", len(seen), len(ms), received)
	}
}

func TestFairQueues(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q", Fair: true})
	send(t, q, message("sales", "a"), message("任务", "b"), message(strings.Repeat("d", 200), "c"))
	var groups []string
	for _, m := range s.queues["q"].messages {
		groups = append(groups, m.Group)
	}
	if groups[0] != "sales" || len(groups[1]) != 64 || len(groups[2]) != 64 || groups[1] == groups[2] {
		t.Errorf("groups are %q", groups)
	}
	s.change(func() { s.noGroups = true })
	send(t, q, message("sales", "d"))
	send(t, q, message("sales", "e"))
	if n := len(s.bodies("q")); n != 5 {
		t.Errorf("where fair queues are not offered, %d messages were sent, want 5", n)
	}
	if n := strings.Count(strings.Join(s.calls, " "), "SendMessageBatch"); n != 4 {
		t.Errorf("made %d calls, want one more than without groups: 4", n)
	}
}

func TestBodiesAreXMLCharacters(t *testing.T) {
	t.Parallel()
	_, cfg := newService(t, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q"})
	m := message("d", "a")
	m.Data = json.RawMessage("\"\uffff\ufffe\xff\"")
	send(t, q, m)
	got := receive(t, q)
	if len(got) != 1 || string(got[0].Data) != `"\uffff\ufffe`+"\ufffd\"" {
		t.Errorf("received %+v", got)
	}
}

func TestDeadLettersSayWhy(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 1)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q"})
	sent := s.now
	s.change(func() { s.send(s.queues["q"], entry{MessageBody: "junk"}) })
	s.change(func() { s.send(s.queues["q-dead"], entry{MessageBody: "other"}) })
	s.pass(time.Hour)
	receive(t, q)
	send(t, q, message("d", "often"))
	receive(t, q)
	s.pass(2 * time.Minute)
	receive(t, q)
	dead, err := q.Dead(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]queue.DeadLetter{}
	for _, l := range dead {
		got[l.Reason] = l
	}
	junk := got["decode a message: it is not a JSON object"]
	if string(junk.Body) != "junk" || !junk.Sent.Equal(sent) || !junk.Died.Equal(sent.Add(time.Hour)) {
		t.Errorf("junk is %+v", junk)
	}
	if often := got["it was received 1 times, and never deleted"]; !often.Sent.Equal(sent.Add(time.Hour)) || !often.Died.IsZero() {
		t.Errorf("what was received too often is %+v", often)
	}
	if other := got["it came without a reason: from another program, or it is too large for one"]; string(other.Body) != "other" || len(dead) != 3 {
		t.Errorf("dead letters are %+v", dead)
	}
	// Looking has hidden nothing.
	if st, err := q.Stats(t.Context()); err != nil || st.Dead != 3 || s.attributes(s.queues["q-dead"])["Attributes"].(object)["ApproximateNumberOfMessages"] != "3" {
		t.Errorf("stats are %+v, %v", st, err)
	}
}

// TestReviveWithoutPolicy: SQS moves letters only along a redrive policy.
func TestReviveWithoutPolicy(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 0)
	s.queues["q"].dead, s.queues["other"] = "", &fakeQueue{}
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q"})
	if _, err := q.Dead(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "give it a redrive policy, or name one") {
		t.Errorf("without a dead-letter queue: %v", err)
	}
	if _, err := q.Stats(t.Context()); err != nil {
		t.Errorf("counting without a dead-letter queue: %v", err)
	}
	q = open(t, sqsqueue.Config{AWS: cfg, Name: "q", DeadLetters: "other", Fair: true})
	s.change(func() {
		for i := range 25 {
			body, _ := queue.Encode(message("d", fmt.Sprint(i)).Envelope)
			s.send(s.queues["other"], entry{MessageBody: string(body)})
		}
	})
	n, err := q.Revive(t.Context())
	if err != nil || n != 25 || len(s.bodies("other")) != 0 || len(s.bodies("q")) != 25 || s.queues["q"].messages[0].Group != "d" {
		t.Errorf("revived %d, %v; %d are left", n, err, len(s.bodies("other")))
	}
	if slices.Contains(s.calls, "StartMessageMoveTask") {
		t.Error("SQS was asked to move them")
	}
}

// TestReasonsAreXMLCharacters: a reason may quote what is junk.
func TestReasonsAreXMLCharacters(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q"})
	s.change(func() {
		s.send(s.queues["q"], entry{MessageBody: `{"v":1,"kind":"a\u0000\uffff","dag":"d","run":"` + strings.Repeat("x", 1<<20-100) + `"}`})
	})
	s.change(func() {
		s.send(s.queues["q"], entry{MessageBody: `{"v":1,"\u0001` + strings.Repeat("é", 1000) + `":1}`})
	})
	receive(t, q)
	dead, err := q.Dead(t.Context(), 10)
	if err != nil || len(dead) != 2 {
		t.Fatalf("dead letters are %d, %v", len(dead), err)
	}
	for _, l := range dead {
		if len(l.Body) < 1<<19 && (!strings.Contains(l.Reason, "unknown field") || len(l.Reason) > 1030) {
			t.Errorf("got reason %q", l.Reason)
		}
	}
}

func TestLogsWhatItLeaves(t *testing.T) {
	t.Parallel()
	s, cfg := newService(t, 3)
	var log strings.Builder
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q", Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.change(func() { s.send(s.queues["q"], entry{MessageBody: `{"v":9}`}) })
	if got := receive(t, q); len(got) != 0 || !strings.Contains(log.String(), "newer version is left") {
		t.Errorf("received %v, logged %s", got, log.String())
	}
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	_, cfg := newService(t, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: "q"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Stats(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
}
