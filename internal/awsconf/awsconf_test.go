package awsconf_test

import (
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/internal/awsconf/profiles"
)

// answer is what the stand-in for AWS says once.
type answer struct {
	status int
	body   string
}

// service is a stand-in for AWS that gives its answers one after the other, the last for
// ever.
type service struct {
	mu      sync.Mutex
	answers []answer
	agents  []string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // so that the connection can be used again
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agents = append(s.agents, r.UserAgent())
	a := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(a.body))), 10))
	w.WriteHeader(a.status)
	fmt.Fprint(w, a.body)
}

// open returns a configuration whose services answer so.
func open(t *testing.T, answers ...answer) (aws.Config, *service) {
	t.Helper()
	s := &service{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	cfg, err := profiles.Load(t.Context(), "1.2.3", local(server.URL)...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, s
}

// local are options by which nothing of this machine's configuration is read.
func local(endpoint string) []func(*config.LoadOptions) error {
	return []func(*config.LoadOptions) error{
		config.WithRegion("eu-west-1"), config.WithBaseEndpoint(endpoint), config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("key", "secret", "")),
		config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}),
	}
}

func queues(cfg aws.Config) *sqs.Client {
	return sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.Retryer = retryer(o.Retryer) })
}

// retryer makes one that does not wait.
func retryer(r aws.Retryer) aws.Retryer { return impatient{r} }

type impatient struct{ aws.Retryer }

func (impatient) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

func TestLoadTellsVersionAndRetries(t *testing.T) {
	t.Parallel()
	cfg, s := open(t, answer{500, `{}`})
	_, err := queues(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err == nil || awsconf.Classify(err) != awsconf.Unavailable {
		t.Errorf("got error %v", err)
	}
	if len(s.agents) != 5 || !strings.Contains(s.agents[0], "updraft/1.2.3") {
		t.Errorf("got %d requests of %q, want 5 of updraft/1.2.3", len(s.agents), s.agents)
	}
}

// TestLostAnswerIsTriedAgain: one that is cut off is as good as none.
func TestLostAnswerIsTriedAgain(t *testing.T) {
	t.Parallel()
	const answer = `{"QueueUrls":["http://localhost/queue"]}`
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		if calls++; calls < 3 {
			fmt.Fprint(w, answer[:12]) // net/http then ends the connection
			return
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	cfg, err := profiles.Load(t.Context(), "1", local(server.URL)...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := queues(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if err != nil || calls != 3 || len(out.QueueUrls) != 1 {
		t.Errorf("after %d calls: %+v, %v", calls, out, err)
	}
}

// closing closes the connection of its first answer, as net/http does by itself.
type closing struct {
	aws.HTTPClient
	calls int
}

func (c *closing) Do(r *http.Request) (*http.Response, error) {
	out, err := c.HTTPClient.Do(r)
	if c.calls++; c.calls == 1 && err == nil {
		out.Body.Close()
		out.Body = io.NopCloser(iotest.ErrReader(&net.OpError{Op: "read", Err: net.ErrClosed}))
	}
	return out, err
}

// TestClosedConnectionIsTriedAgain: net/http closes one when the SDK closes the body of the
// request too early for it.
func TestClosedConnectionIsTriedAgain(t *testing.T) {
	t.Parallel()
	cfg, s := open(t, answer{200, `{}`}, answer{200, `{}`})
	c := &closing{HTTPClient: cfg.HTTPClient}
	cfg.HTTPClient = c
	if _, err := queues(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{}); err != nil || len(s.agents) != 2 {
		t.Errorf("%d requests, %v", len(s.agents), err)
	}
}

// TestThrottlingOfOldServices: the SDK does not know their codes.
func TestThrottlingOfOldServices(t *testing.T) {
	t.Parallel()
	const code = "AWS.SimpleQueueService.RequestThrottled"
	cfg, s := open(t, answer{400, `{"__type":"` + code + `","message":"too fast"}`}, answer{200, `{}`})
	if _, err := queues(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{}); err != nil || len(s.agents) != 2 {
		t.Errorf("%d requests, %v", len(s.agents), err)
	}
	cfg, _ = open(t, answer{400, `{"__type":"` + code + `","message":"too fast"}`})
	if _, err := queues(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{}); awsconf.Classify(err) != awsconf.Throttled {
		t.Errorf("got %v of class %q", err, awsconf.Classify(err))
	}
}

func TestReadTimeout(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(hang)
	cfg, err := profiles.Load(t.Context(), "1", local(server.URL)...)
	if err != nil {
		t.Fatal(err)
	}
	cfg = awsconf.WithReadTimeout(cfg, 20*time.Millisecond)
	_, err = queues(cfg).ListQueues(t.Context(), &sqs.ListQueuesInput{})
	if got := awsconf.Classify(err); got != awsconf.Network {
		t.Errorf("silence is %q: %v", got, err)
	}
}

func TestMeterCountsCapacity(t *testing.T) {
	t.Parallel()
	throttled := answer{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"too fast"}`}
	cfg, _ := open(t, throttled,
		answer{200, `{"ConsumedCapacity":{"TableName":"t","CapacityUnits":2.5}}`},                                                       // GetItem
		answer{200, `{"ConsumedCapacity":{"TableName":"t","CapacityUnits":3}}`},                                                         // UpdateItem
		answer{200, `{"ConsumedCapacity":[{"CapacityUnits":4,"WriteCapacityUnits":4},{"CapacityUnits":2,"WriteCapacityUnits":2}]}`},     // TransactWriteItems
		answer{400, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional failed"}`}, // UpdateItem
	)
	var m awsconf.Meter
	db := dynamodb.NewFromConfig(awsconf.WithMeter(cfg, &m), func(o *dynamodb.Options) { o.Retryer = retryer(o.Retryer) })
	table := aws.String("t")
	_, err1 := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: nil})
	if err1 == nil {
		t.Error("a call without a key was made")
	}
	do(t, db, table)
	got := m.Snapshot()
	want := map[awsconf.Operation]awsconf.Usage{
		{Service: "DynamoDB", Name: "GetItem"}:            {Calls: 1, Requests: 2, Throttled: 1, ReadUnits: 2.5},
		{Service: "DynamoDB", Name: "UpdateItem"}:         {Calls: 2, Requests: 2, Failed: 1, Refused: 1, WriteUnits: 3},
		{Service: "DynamoDB", Name: "TransactWriteItems"}: {Calls: 1, Requests: 1, WriteUnits: 6},
	}
	for o, u := range want {
		if got[o] != u {
			t.Errorf("%s: got %+v, want %+v", o, got[o], u)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got\n%s", got)
	}
	if p := got.Prices(); p.ReadUnits != 2.5 || p.WriteUnits != 9 {
		t.Errorf("prices are for %+v", p)
	}
	if n := got.Total("DynamoDB").Retries(); n != 1 {
		t.Errorf("got %d retries, want 1", n)
	}
	const line = "DynamoDB.GetItem: 1 calls, 1 retries, 0 failed, 1 throttled, 0 refused, 2.5 read units, 0 write units\n"
	if s := got.String(); !strings.HasPrefix(s, line) {
		t.Errorf("got\n%s", s)
	}
	if old := m.Reset(); len(old) != 3 || len(m.Snapshot()) != 0 {
		t.Errorf("Reset returned %v and left %v", old, m.Snapshot())
	}
}

// do makes the calls of TestMeterCountsCapacity.
func do(t *testing.T, db *dynamodb.Client, table *string) {
	t.Helper()
	k := key("a")
	if _, err := db.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: table, Key: k}); err != nil {
		t.Error(err)
	}
	if _, err := db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: table, Key: k}); err != nil {
		t.Error(err)
	}
	if _, err := db.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: deletes(table, k)}); err != nil {
		t.Error(err)
	}
	if _, err := db.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: table, Key: k}); err == nil {
		t.Error("a condition that did not hold is no error")
	}
}

func TestMeterCountsChunksOfMessages(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("x", 100<<10)
	cfg, _ := open(t, answer{200, `{"Messages":[{"MessageId":"1","Body":"` + body + `","ReceiptHandle":"r"}]}`})
	var m awsconf.Meter
	c := queues(awsconf.WithMeter(cfg, &m))
	url := aws.String("http://queue")
	if _, err := c.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries(body, "y")}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: url}); err != nil {
		t.Error(err)
	}
	// Its answer is checked against a digest, unless it has none.
	if _, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url}); err != nil {
		t.Error(err)
	}
	got := m.Snapshot()
	for name, want := range map[string]int{"SendMessageBatch": 2, "DeleteMessage": 1, "ReceiveMessage": 2} {
		if n := got[awsconf.Operation{Service: "SQS", Name: name}].Billed; n != want {
			t.Errorf("%s is charged as %d requests, want %d", name, n, want)
		}
	}
	if n := got.Prices().QueueRequests; n != 5 {
		t.Errorf("SQS charges %d requests, want 5", n)
	}
}

func TestPricesOfClasses(t *testing.T) {
	t.Parallel()
	s := awsconf.Snapshot{}
	for _, name := range []string{"PutObject", "ListObjectsV2", "CreateMultipartUpload", "UploadPart", "GetObject", "HeadObject", "DeleteObjects"} {
		s[awsconf.Operation{Service: "S3", Name: name}] = awsconf.Usage{Calls: 1, Requests: 1}
	}
	s[awsconf.Operation{Service: "Lambda", Name: "Invoke"}] = awsconf.Usage{Calls: 2, Requests: 3}
	s[awsconf.Operation{Service: "Lambda", Name: "GetFunction"}] = awsconf.Usage{Calls: 2, Requests: 3}
	if got, want := s.Prices(), (awsconf.Prices{Puts: 4, Gets: 2, Invokes: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestMeterIsSafe(t *testing.T) {
	t.Parallel()
	cfg, _ := open(t, answer{200, `{}`})
	var m awsconf.Meter
	c := queues(awsconf.WithMeter(cfg, &m))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if _, err := c.ListQueues(t.Context(), &sqs.ListQueuesInput{}); err != nil {
					t.Error(err)
				}
				m.Snapshot()
			}
		})
	}
	wg.Wait()
	if n := m.Reset().Total().Requests; n != 40 {
		t.Errorf("counted %d requests, want 40", n)
	}
	// Each of two meters counts each call once.
	var other awsconf.Meter
	both := awsconf.WithMeter(awsconf.WithMeter(cfg, &m), &other)
	if _, err := queues(both).ListQueues(t.Context(), &sqs.ListQueuesInput{}); err != nil {
		t.Error(err)
	}
	if a, b := m.Snapshot().Total().Calls, other.Snapshot().Total().Calls; a != 1 || b != 1 {
		t.Errorf("counted %d and %d calls, want 1 and 1", a, b)
	}
}

func TestLoadReadsTheEnvironment(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	none := []func(*config.LoadOptions) error{config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{})}
	if _, err := profiles.Load(t.Context(), "1", none...); err == nil || !strings.Contains(err.Error(), "set AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_MAX_ATTEMPTS", "2")
	cfg, err := profiles.Load(t.Context(), "1", none...)
	if err != nil || cfg.Region != "eu-west-1" || cfg.RetryMaxAttempts != 2 {
		t.Errorf("got region %q, %d attempts, %v", cfg.Region, cfg.RetryMaxAttempts, err)
	}
}
