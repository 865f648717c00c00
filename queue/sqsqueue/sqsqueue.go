// Package sqsqueue keeps queues in Amazon SQS: standard queues, each with a dead-letter
// queue. It makes no queues; templates do.
package sqsqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/updraft-dev/updraft/queue"
)

const (
	// batchLimit is how many messages go into one request.
	batchLimit = 10
	// sizeLimit is how many bytes one message, and all of a batch, may have: 1 MiB since
	// August 2025, 256 KB before (SQS API reference, SendMessageBatch). A queue may be made
	// with less; then SQS refuses what is larger, and the error says so.
	sizeLimit = 1 << 20
	// payloadLimit is how many bytes a message by reference may have. Receivers hold ten of
	// them at once, in functions with little memory.
	payloadLimit = 16 << 20
	// goneTimeout bounds what is tidied up after the caller's context has ended.
	goneTimeout = 5 * time.Second
)

// Config says where a queue is and how to use it. AWS and Name are needed.
type Config struct {
	AWS aws.Config
	// Name is the queue's name, its URL or its ARN. A URL costs no call at the start of a
	// program, and may be of another account.
	Name string
	// DeadLetters is the dead-letter queue's name, URL or ARN. Empty is the one that the
	// queue's redrive policy names.
	DeadLetters string
	// Payloads keeps messages above 1 MiB, which go by reference. Nil: PayloadsURL says
	// where, as s3://BUCKET/PREFIX; if that is empty, too, they are refused.
	Payloads    Payloads
	PayloadsURL string
	// Fair makes each DAG a group of SQS's fair queues, so that one with many messages does
	// not hold up the others. SQS charges such messages extra. Where it is not offered,
	// messages go without.
	Fair bool
	// Log takes messages that cannot be read; nil takes none.
	Log *slog.Logger
}

// ParseURL reads sqs://NAME?dead=NAME&fair=true&payloads=s3://BUCKET/PREFIX, where all after
// the name may be absent. AWS stays the caller's to set.
func ParseURL(text string) (Config, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "sqs" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return Config{}, fmt.Errorf("queue %q is no URL of a queue: write sqs://NAME", text)
	}
	c := Config{Name: u.Host}
	for key, values := range u.Query() {
		switch key {
		case "dead":
			c.DeadLetters = values[0]
		case "fair":
			if c.Fair, err = strconv.ParseBool(values[0]); err != nil {
				return Config{}, fmt.Errorf("queue %q: fair is %q: write true or false", text, values[0])
			}
		case "payloads":
			c.PayloadsURL = values[0]
		default:
			return Config{}, fmt.Errorf("queue %q: unknown option %q: there are dead, fair and payloads", text, key)
		}
	}
	return c, c.validate()
}

func (c Config) validate() error {
	if c.Name == "" {
		return errors.New("an SQS queue needs a name")
	}
	for _, name := range []string{c.Name, c.DeadLetters} {
		if strings.HasSuffix(name, ".fifo") {
			return fmt.Errorf("queue %s is a FIFO queue, which has no delays of messages: make a standard queue", name)
		}
	}
	if c.PayloadsURL != "" {
		if _, _, err := parseBucket(c.PayloadsURL); err != nil {
			return err
		}
	}
	return nil
}

// Open opens a queue. It asks SQS for the URL of one that is given by name, and says what
// to do if it is not there.
func Open(ctx context.Context, c Config) (*queue.Queue, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	d := newDriver(c)
	if _, err := d.main.resolve(ctx, d.client); err != nil {
		return nil, err
	}
	return d.queue(), nil
}

// driver implements queue.Driver.
type driver struct {
	client   *sqs.Client
	main     *place
	log      *slog.Logger
	payloads Payloads
	// fair says that groups are told; SQS may teach that they cannot be.
	fair atomic.Bool

	closing chan struct{}
	once    sync.Once

	mu sync.Mutex
	// dead is where dead letters are; nil until it is first needed.
	dead *deadPlace
	// named is what the configuration says of it.
	named string
}

var _ queue.Driver = (*driver)(nil)

func newDriver(c Config) *driver {
	d := &driver{
		client: sqs.NewFromConfig(c.AWS), main: &place{name: c.Name}, named: c.DeadLetters, payloads: c.Payloads, log: c.Log,
		closing: make(chan struct{}),
	}
	if bucket, prefix, err := parseBucket(c.PayloadsURL); err == nil && d.payloads == nil {
		d.payloads = OpenBucket(c.AWS, bucket, prefix)
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.fair.Store(c.Fair)
	return d
}

// queue returns the queue that the driver keeps.
func (d *driver) queue() *queue.Queue {
	c := queue.Config{Batch: batchLimit, Size: sizeLimit, BatchSize: sizeLimit, Log: d.log}
	if d.payloads != nil {
		c.Size = payloadLimit
	}
	return queue.New(d, c)
}

// begin says whether a call may begin, and returns the URL of the queue.
func (d *driver) begin(ctx context.Context) (url *string, err error) {
	select {
	case <-d.closing:
		return nil, queue.ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return d.main.resolve(ctx, d.client)
}

// Close implements queue.Driver.
func (d *driver) Close() error {
	d.once.Do(func() { close(d.closing) })
	return nil
}

// place is a queue as it was named, and its URL once that is known.
type place struct {
	name string

	mu  sync.Mutex
	url *string
}

// resolve returns the queue's URL.
func (p *place) resolve(ctx context.Context, c *sqs.Client) (*string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.url != nil {
		return p.url, nil
	}
	if strings.Contains(p.name, "://") {
		p.url = &p.name
		return p.url, nil
	}
	in := &sqs.GetQueueUrlInput{QueueName: &p.name}
	if a, err := arn.Parse(p.name); err == nil {
		in.QueueName, in.QueueOwnerAWSAccountId = &a.Resource, &a.AccountID
	}
	out, err := c.GetQueueUrl(ctx, in)
	if err != nil {
		return nil, explain(fmt.Sprintf("find queue %s", p.name), err)
	}
	p.url = out.QueueUrl
	return p.url, nil
}

// deadPlace is a dead-letter queue.
type deadPlace struct {
	place
	// arn and mainARN name it and the queue that it belongs to; set if the redrive policy
	// names it, so that SQS can move letters by itself.
	arn, mainARN string
	// receives is after how many receives SQS moves a message there; 0 if it does not.
	receives int
}

// errNoDeadQueue says that there is no place for dead letters.
var errNoDeadQueue = errors.New("has no dead-letter queue")

// redrive is a redrive policy; SQS writes the count as a number or a text.
type redrive struct {
	Target string      `json:"deadLetterTargetArn"`
	Count  json.Number `json:"maxReceiveCount"`
}

// deadQueue finds the dead-letter queue.
func (d *driver) deadQueue(ctx context.Context) (*deadPlace, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead != nil {
		return d.dead, nil
	}
	main, err := d.main.resolve(ctx, d.client)
	if err != nil {
		return nil, err
	}
	out, err := d.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: main, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameRedrivePolicy, types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return nil, explain(fmt.Sprintf("find the dead-letter queue of %s", d.main.name), err)
	}
	var policy redrive
	if text := out.Attributes[string(types.QueueAttributeNameRedrivePolicy)]; text != "" {
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			return nil, fmt.Errorf("queue %s: its redrive policy cannot be read: %w", d.main.name, err)
		}
	}
	p := &deadPlace{place: place{name: d.named}}
	if count, err := policy.Count.Int64(); err == nil {
		p.receives = int(count)
	}
	if p.name == "" {
		p.name = policy.Target
	}
	if p.name == "" {
		return nil, fmt.Errorf("queue %s %w: give it a redrive policy, or name one", d.main.name, errNoDeadQueue)
	}
	if _, err := p.resolve(ctx, d.client); err != nil {
		return nil, err
	}
	if policy.Target != "" && queueName(policy.Target) == queueName(p.name) {
		p.arn, p.mainARN = policy.Target, out.Attributes[string(types.QueueAttributeNameQueueArn)]
	}
	d.dead = p
	return p, nil
}

// queueName is the name in a queue's name, URL or ARN.
func queueName(s string) string { return s[strings.LastIndexAny(s, ":/")+1:] }
