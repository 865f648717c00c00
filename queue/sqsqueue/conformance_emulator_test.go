//go:build emulator

package sqsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/updraft-dev/updraft/internal/emulatortest"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/queuetest"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
)

// made makes a queue and its dead-letter queue, and returns the queue's URL.
func made(t testing.TB, cfg aws.Config, receives int) string {
	t.Helper()
	c := sqs.NewFromConfig(cfg)
	name := emulatortest.Name(t)
	create := func(name string, attributes map[string]string) string {
		out, err := c.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			t.Fatal(err)
		}
		emulatortest.Cleanup(t, "delete queue "+name, func(ctx context.Context) error {
			_, err := c.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
			return err
		})
		return *out.QueueUrl
	}
	create(name+"-dead", nil)
	return create(name, map[string]string{
		"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:%s:000000000000:%s-dead","maxReceiveCount":%d}`, cfg.Region, name, receives),
	})
}

// TestEmulatorConformance lets real time pass: the emulator has no clock to set.
func TestEmulatorConformance(t *testing.T) {
	t.Parallel()
	cfg := emulatortest.AWS(t)
	queuetest.Run(t, func(t testing.TB) queuetest.Harness {
		url := made(t, cfg, 3)
		return queuetest.Harness{
			Open: func(t testing.TB) *queue.Queue { return open(t, sqsqueue.Config{AWS: cfg, Name: url, Fair: true}) },
			Pass: func(t testing.TB, d time.Duration) {
				select {
				case <-time.After(d):
				case <-t.Context().Done():
				}
			},
			Unit: time.Second, Size: 1 << 20, Receives: 3, Text: true,
			Inject: func(t testing.TB, body []byte) {
				_, err := sqs.NewFromConfig(cfg).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(body))})
				if err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// TestEmulatorPayloads sends what is too large for SQS through a bucket.
func TestEmulatorPayloads(t *testing.T) {
	t.Parallel()
	cfg := emulatortest.AWS(t)
	bucket := emulatortest.Name(t)
	c := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	payloads := sqsqueue.OpenBucket(cfg, bucket, "payloads")
	url := made(t, cfg, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: url, PayloadsURL: "s3://" + bucket + "/payloads"})
	large := data(2 << 20)
	send(t, q, large, message("d", "small"), large)
	var tasks []string
	for len(tasks) < 3 {
		got, err := q.Receive(t.Context(), 10, time.Minute, queue.MaxWait)
		if err != nil || len(got) == 0 {
			t.Fatalf("received %v, then %d, %v", tasks, len(got), err)
		}
		for _, d := range got {
			tasks = append(tasks, d.Attempt.Task)
		}
	}
	slices.Sort(tasks)
	equal(t, "received", []string{"large", "large", "small"}, tasks)
	if _, err := payloads.Get(t.Context(), "nothing", 10); !errors.Is(err, sqsqueue.ErrNoPayload) {
		t.Errorf("what is not there: %v", err)
	}
	if _, err := sqsqueue.OpenBucket(cfg, bucket+"-2", "").Get(t.Context(), "nothing", 10); errors.Is(err, sqsqueue.ErrNoPayload) || err == nil {
		t.Errorf("a bucket that is not there: %v", err)
	}
}

// TestEmulatorErrors: what real answers mean.
func TestEmulatorErrors(t *testing.T) {
	t.Parallel()
	cfg := emulatortest.AWS(t)
	if _, err := sqsqueue.Open(t.Context(), sqsqueue.Config{AWS: cfg, Name: "nope-" + emulatortest.Name(t)}); err == nil || !strings.Contains(err.Error(), "queue is not there") {
		t.Errorf("a queue that is not there: %v", err)
	}
	url := made(t, cfg, 3)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: url})
	send(t, q, message("d", "a"))
	d := receive(t, q)[0]
	if err := errors.Join(q.Delete(t.Context(), d)...); err != nil {
		t.Fatal(err)
	}
	if err := q.Extend(t.Context(), d, time.Minute); !errors.Is(err, queue.ErrLost) {
		t.Errorf("extending what is deleted: %v", err)
	}
}

// TestEmulatorDeadLettersSayWhy: SQS and Bury put messages there.
func TestEmulatorDeadLettersSayWhy(t *testing.T) {
	t.Parallel()
	cfg := emulatortest.AWS(t)
	url := made(t, cfg, 1)
	q := open(t, sqsqueue.Config{AWS: cfg, Name: url})
	junk := "junk"
	if _, err := sqs.NewFromConfig(cfg).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &junk}); err != nil {
		t.Fatal(err)
	}
	receive(t, q)
	send(t, q, message("d", "often"))
	if err := q.Extend(t.Context(), receive(t, q)[0], 0); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, q); len(got) != 0 {
		t.Errorf("received %v too often", got)
	}
	dead, err := q.Dead(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, l := range dead {
		reasons = append(reasons, l.Reason)
	}
	slices.Sort(reasons)
	equal(t, "reasons", []string{"decode a message: it is not a JSON object", "it was received 1 times, and never deleted"}, reasons)
	if n, err := q.Revive(t.Context()); err != nil || n != 2 {
		t.Errorf("revived %d, %v", n, err)
	}
}
