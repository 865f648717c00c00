package cloudtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// sqsQueue is a standard queue of SQS: at least once, in no order.
type sqsQueue struct {
	a    *Account
	name string
	// visibility is for how long what was received is hidden; after receives of them a
	// message goes to dead.
	visibility time.Duration
	receives   int
	dead       *sqsQueue
	dice       *dice

	mu       sync.Mutex
	messages []*message
	// changed is closed when there is something new.
	changed chan struct{}
	// usage are the requests of the mapping; those of senders are counted by the SDK.
	received, deleted int
}

// message is one that lies in a queue.
type message struct {
	id, body  string
	count     int
	sent      time.Time
	visible   time.Time
	deadSince string
}

func (a *Account) queue(name string, visibility time.Duration, receives int) *sqsQueue {
	dead := &sqsQueue{a: a, name: name + "-dead", changed: make(chan struct{}), dice: a.dice("queue", name, "dead"), visibility: 30 * time.Second}
	q := &sqsQueue{a: a, name: name, visibility: visibility, receives: receives, dead: dead, changed: make(chan struct{}), dice: a.dice("queue", name)}
	a.queues[q.name], a.queues[dead.name] = q, dead
	return q
}

// send takes a message, perhaps twice.
func (q *sqsQueue) send(body string, delay time.Duration) (id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	id = fmt.Sprintf("m-%d", q.a.number())
	visible := time.Now().Add(delay + q.dice.latency("SQS.deliver"))
	if q.dice.oneIn(q.a.cfg.Faults.Late) {
		q.a.count("message late")
		visible = visible.Add(q.dice.between(time.Second, 10*time.Minute))
	}
	q.messages = append(q.messages, &message{id: id, body: body, sent: time.Now(), visible: visible})
	if q.dice.oneIn(q.a.cfg.Faults.Doubled) {
		q.a.count("message doubled")
		again := visible.Add(q.dice.between(time.Microsecond, 5*time.Minute))
		q.messages = append(q.messages, &message{id: id, body: body, sent: time.Now(), visible: again})
	}
	q.ring()
	return id
}

func (q *sqsQueue) ring() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// take receives up to n messages, in any order; none if there are none, and then says when
// to look again, and what is closed if it is worth looking before.
func (q *sqsQueue) take(n int) (got []*message, next time.Time, changed <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.dice.shuffle(len(q.messages), func(i, j int) { q.messages[i], q.messages[j] = q.messages[j], q.messages[i] })
	for _, m := range slices.Clone(q.messages) {
		switch {
		case m.visible.After(now):
			if next.IsZero() || m.visible.Before(next) {
				next = m.visible
			}
		case q.receives > 0 && m.count >= q.receives:
			q.a.count("dead letter")
			q.messages = slices.DeleteFunc(q.messages, func(o *message) bool { return o == m })
			q.dead.keep(m, q.name)
		case len(got) < n:
			m.count++
			m.visible = now.Add(q.visibility)
			got = append(got, m)
		}
	}
	if len(got) > 0 {
		q.received++
	}
	return got, next, q.changed
}

// keep takes a dead letter.
func (q *sqsQueue) keep(m *message, from string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = append(q.messages, &message{id: m.id, body: m.body, sent: m.sent, visible: time.Now(), deadSince: from})
}

// settle deletes what was delivered but for what failed, which comes again when its
// visibility has run out.
func (q *sqsQueue) settle(got []*message, failed map[string]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := len(q.messages)
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return slices.Contains(got, m) && !failed[m.id] })
	if len(q.messages) < before {
		q.deleted++
	}
}

// Redrive sends the dead letters of a queue again, and returns how many there were.
func (a *Account) Redrive(name string) int {
	q := a.queues[name]
	q.dead.mu.Lock()
	letters := q.dead.messages
	q.dead.messages = nil
	q.dead.mu.Unlock()
	for _, m := range letters {
		q.send(m.body, 0)
	}
	return len(letters)
}

// DeadLetters are the bodies of what a queue has given up.
func (a *Account) DeadLetters(name string) []string {
	q := a.queues[name].dead
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []string
	for _, m := range q.messages {
		out = append(out, m.body)
	}
	return out
}

// Send puts a message into a queue, as somebody else in the account does.
func (a *Account) Send(name, body string) { a.queues[name].send(body, 0) }

// mapping is an event source mapping: it hands the messages of a queue to a function.
type mapping struct {
	q        *sqsQueue
	f        *function
	batch    int
	parallel int
}

// run delivers until ctx ends. Messages that no invocation is free for stay in the queue.
func (m *mapping) run(ctx context.Context) {
	slots := make(chan struct{}, m.parallel)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		got, next, changed := m.q.take(m.batch)
		if len(got) > 0 {
			m.q.a.work.Go(func() {
				m.deliver(ctx, got)
				<-slots
			})
			continue
		}
		<-slots
		var due <-chan time.Time
		if !next.IsZero() {
			due = time.After(time.Until(next))
		}
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
			return
		}
	}
}

// deliver calls the function with a batch, and deletes what it has done.
func (m *mapping) deliver(ctx context.Context, got []*message) {
	var e events.SQSEvent
	for _, msg := range got {
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: msg.id, ReceiptHandle: fmt.Sprintf("%s/%d", msg.id, msg.count), Body: msg.body,
			Attributes: map[string]string{
				"ApproximateReceiveCount": strconv.Itoa(msg.count), "SentTimestamp": strconv.FormatInt(msg.sent.UnixMilli(), 10),
			},
			EventSource: "aws:sqs", EventSourceARN: arnOf("sqs", m.q.name), AWSRegion: region,
		})
	}
	payload, err := json.Marshal(e)
	if err != nil {
		m.q.a.problem("event of queue %s: %v", m.q.name, err)
		return
	}
	out, err := m.f.call(ctx, payload)
	if err != nil {
		return // all come again
	}
	var answer events.SQSEventResponse
	if err := json.Unmarshal(out, &answer); err != nil && string(out) != "null" {
		m.q.a.problem("%s answers a batch with %.100q, which makes Lambda repeat all of it", m.f.name, out)
		return
	}
	failed := map[string]bool{}
	for _, f := range answer.BatchItemFailures {
		failed[f.ItemIdentifier] = true
	}
	m.q.settle(got, failed)
}
