package sqsqueue_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/updraft-dev/updraft/internal/awsconf"
)

// service is SQS as far as the driver needs it, with a clock that tests set, an order that
// a seed makes, and faults. Its rules are those of the SQS API reference.
type service struct {
	url string

	mu      sync.Mutex
	now     time.Time
	rng     *rand.Rand
	changed chan struct{}
	queues  map[string]*fakeQueue
	next    int
	moved   int
	calls   []string

	// fail makes so many calls fail, with this code.
	fail int
	code string
	// refuse makes the entries of batches fail whose body or receipt it accepts.
	refuse func(entry) bool
	// twice is how often in ten a receive leaves the message visible.
	twice int
	// noGroups refuses MessageGroupId, as regions without fair queues do.
	noGroups bool
}

type fakeQueue struct {
	messages []*fakeMessage
	// dead is where messages go after so many receives.
	dead     string
	receives int
}

type fakeMessage struct {
	ID, Body, Receipt string
	Attributes        map[string]attribute
	Group, Source     string
	Receives          int
	sent, visible     time.Time
}

type attribute struct{ DataType, StringValue string }

type entry struct {
	ID                                         string `json:"Id"`
	MessageBody, MessageGroupId, ReceiptHandle string
	DelaySeconds, VisibilityTimeout            int
	MessageAttributes                          map[string]attribute
}

type request struct {
	entry
	QueueURL                             string `json:"QueueUrl"`
	QueueName, SourceArn, DestinationArn string
	WaitTimeSeconds, MaxNumberOfMessages int
	Entries                              []entry
}

type object = map[string]any

// fault is an error as SQS answers it.
type fault struct{ code, message string }

// newService starts a service with one queue, q, whose dead letters go to q-dead.
func newService(t testing.TB, receives int) (*service, aws.Config) {
	t.Helper()
	s := &service{
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), rng: rand.New(rand.NewPCG(1, 2)), changed: make(chan struct{}), code: "InternalFailure",
		queues: map[string]*fakeQueue{"q": {dead: "q-dead", receives: receives}, "q-dead": {}},
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s, aws.Config{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1, HTTPClient: awsconf.Whole(server.Client()),
		Credentials: credentials.NewStaticCredentialsProvider("key", "secret", ""),
	}
}

func (s *service) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *service) pass(d time.Duration) { s.change(func() { s.now = s.now.Add(d) }) }

// bodies are those of a queue's messages.
func (s *service) bodies(name string) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[name].messages {
		out = append(out, m.Body)
	}
	return out
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	second := time.Second
	if strings.HasSuffix(in.QueueURL, "-dead") {
		second /= 20 // nobody waits for dead letters to come
	}
	end := time.NewTimer(time.Duration(in.WaitTimeSeconds) * second)
	defer end.Stop()
	for {
		var out object
		var bad *fault
		var wait <-chan struct{}
		s.change(func() { out, bad = s.answer(name, in) })
		s.mu.Lock()
		wait = s.changed
		s.mu.Unlock()
		if name == "ReceiveMessage" && bad == nil && len(out["Messages"].([]object)) == 0 && in.WaitTimeSeconds > 0 {
			select {
			case <-wait:
				continue
			case <-r.Context().Done():
				return
			case <-end.C:
			}
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if bad != nil {
			w.WriteHeader(http.StatusBadRequest)
			out = object{"__type": "com.amazonaws.sqs#" + bad.code, "message": bad.message}
		}
		_ = json.NewEncoder(w).Encode(out) // a client that has gone does not read it
		return
	}
}

// answer does one call.
func (s *service) answer(name string, in request) (object, *fault) {
	s.calls = append(s.calls, name)
	if s.fail > 0 && name != "ReceiveMessage" {
		s.fail--
		return nil, &fault{s.code, "it was told to fail"}
	}
	switch name {
	case "GetQueueUrl":
		if s.queues[in.QueueName] == nil {
			return nil, &fault{"QueueDoesNotExist", "The specified queue does not exist."}
		}
		return object{"QueueUrl": s.url + "/1/" + in.QueueName}, nil
	case "StartMessageMoveTask":
		return s.move(in)
	case "ListMessageMoveTasks":
		return object{"Results": []object{{"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": s.moved}}}, nil
	}
	q := s.queues[in.QueueURL[strings.LastIndexByte(in.QueueURL, '/')+1:]]
	if q == nil {
		return nil, &fault{"QueueDoesNotExist", "The specified queue does not exist."}
	}
	switch name {
	case "SendMessage":
		_, bad := s.send(q, in.entry)
		return object{}, bad
	case "ReceiveMessage":
		return s.receive(q, in), nil
	case "ChangeMessageVisibility":
		return object{}, s.extend(q, in.entry)
	case "PurgeQueue":
		q.messages = nil
		return object{}, nil
	case "GetQueueAttributes":
		return s.attributes(q), nil
	default:
		return s.batch(name, q, in)
	}
}

func (s *service) batch(name string, q *fakeQueue, in request) (object, *fault) {
	size := 0
	var good, failed []object
	for _, e := range in.Entries {
		size += len(e.MessageBody)
		var bad *fault
		switch {
		case s.refuse != nil && s.refuse(e):
			bad = &fault{"InternalError", "it was told to refuse"}
		case e.MessageGroupId != "" && s.noGroups:
			return nil, &fault{"InvalidParameterValue", "The request include parameter MessageGroupId which is not valid for this queue type"}
		case name == "SendMessageBatch":
			_, bad = s.send(q, e)
		case name == "ChangeMessageVisibilityBatch":
			bad = s.extend(q, e)
		case name == "DeleteMessageBatch":
			q.messages = slices.DeleteFunc(q.messages, func(m *fakeMessage) bool { return m.Receipt == e.ReceiptHandle })
		}
		if bad != nil {
			failed = append(failed, object{"Id": e.ID, "Code": bad.code, "Message": bad.message, "SenderFault": false})
			continue
		}
		good = append(good, object{"Id": e.ID})
	}
	if size > 1<<20 || len(in.Entries) > 10 || len(in.Entries) == 0 {
		return nil, &fault{"BatchRequestTooLong", fmt.Sprintf("%d entries of %d bytes", len(in.Entries), size)}
	}
	return object{"Successful": good, "Failed": failed}, nil
}

func (s *service) send(q *fakeQueue, e entry) (*fakeMessage, *fault) {
	if strings.ContainsFunc(e.MessageBody, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff'
	}) {
		return nil, &fault{"InvalidMessageContents", "Invalid characters found."}
	}
	s.next++
	m := &fakeMessage{ID: strconv.Itoa(s.next), Body: e.MessageBody, Attributes: e.MessageAttributes, Group: e.MessageGroupId, sent: s.now}
	m.visible = s.now.Add(time.Duration(e.DelaySeconds) * time.Second)
	q.messages = append(q.messages, m)
	return m, nil
}

func (s *service) receive(q *fakeQueue, in request) object {
	s.rng.Shuffle(len(q.messages), func(i, j int) { q.messages[i], q.messages[j] = q.messages[j], q.messages[i] })
	out := []object{}
	for _, m := range slices.Clone(q.messages) {
		if m.visible.After(s.now) || len(out) == in.MaxNumberOfMessages {
			continue
		}
		m.Receives++
		if q.receives > 0 && m.Receives > q.receives {
			q.messages = slices.DeleteFunc(q.messages, func(o *fakeMessage) bool { return o == m })
			m.Source, m.visible = "arn:aws:sqs:eu-west-1:1:q", s.now
			s.queues[q.dead].messages = append(s.queues[q.dead].messages, m)
			continue
		}
		m.Receipt = fmt.Sprintf("%s.%d", m.ID, m.Receives)
		if s.twice == 0 || s.rng.IntN(10) >= s.twice {
			m.visible = s.now.Add(time.Duration(in.VisibilityTimeout) * time.Second)
		}
		attributes := object{"ApproximateReceiveCount": strconv.Itoa(m.Receives), "SentTimestamp": strconv.FormatInt(m.sent.UnixMilli(), 10)}
		if m.Source != "" {
			attributes["DeadLetterQueueSourceArn"] = m.Source
		}
		out = append(out, object{"MessageId": m.ID, "ReceiptHandle": m.Receipt, "Body": m.Body, "Attributes": attributes, "MessageAttributes": m.Attributes})
	}
	return object{"Messages": out}
}

func (s *service) extend(q *fakeQueue, e entry) *fault {
	for _, m := range q.messages {
		if m.Receipt == e.ReceiptHandle {
			m.visible = s.now.Add(time.Duration(e.VisibilityTimeout) * time.Second)
			return nil
		}
	}
	return &fault{"InvalidParameterValue", "Reason: Message does not exist or is not available for visibility timeout change."}
}

func (s *service) attributes(q *fakeQueue) object {
	var n [3]int
	for _, m := range q.messages {
		switch {
		case !m.visible.After(s.now):
			n[0]++
		case m.Receives == 0:
			n[1]++
		default:
			n[2]++
		}
	}
	a := object{
		"ApproximateNumberOfMessages": strconv.Itoa(n[0]), "ApproximateNumberOfMessagesDelayed": strconv.Itoa(n[1]),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(n[2]), "QueueArn": "arn:aws:sqs:eu-west-1:1:q",
	}
	if q.dead != "" {
		a["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:1:%s","maxReceiveCount":"%d"}`, q.dead, q.receives)
	}
	return object{"Attributes": a}
}

// move moves everything at once; the answer of ListMessageMoveTasks is how many.
func (s *service) move(in request) (object, *fault) {
	from, to := s.queues[in.SourceArn[strings.LastIndexByte(in.SourceArn, ':')+1:]], s.queues[in.DestinationArn[strings.LastIndexByte(in.DestinationArn, ':')+1:]]
	if from == nil || to == nil {
		return nil, &fault{"ResourceNotFoundException", "no such queue"}
	}
	n := len(from.messages)
	for _, m := range from.messages {
		if _, bad := s.send(to, entry{MessageBody: m.Body, MessageAttributes: m.Attributes}); bad != nil {
			return nil, bad
		}
	}
	from.messages = nil
	s.moved = n
	return object{"TaskHandle": "handle"}, nil
}
