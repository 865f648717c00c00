package sqsqueue

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/updraft-dev/updraft/queue"
)

// Send implements queue.Driver: one request, or more if the bodies have become longer.
func (d *driver) Send(ctx context.Context, batch []queue.Outgoing) []error {
	errs := make([]error, len(batch))
	url, err := d.begin(ctx)
	if err != nil {
		return repeat(err, len(batch))
	}
	var entries []types.SendMessageBatchRequestEntry
	size := 0
	for i, m := range batch {
		body, err := d.pack(ctx, m.Body)
		if err != nil {
			errs[i] = err
			continue
		}
		if size+len(body) > sizeLimit {
			d.sendEntries(ctx, url, entries, errs)
			entries, size = nil, 0
		}
		size += len(body)
		e := types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(body), DelaySeconds: seconds(m.Delay)}
		if d.fair.Load() && m.Group != "" {
			e.MessageGroupId = aws.String(group(m.Group))
		}
		entries = append(entries, e)
	}
	d.sendEntries(ctx, url, entries, errs)
	return errs
}

// sendEntries sends entries whose ids are their places in errs.
func (d *driver) sendEntries(ctx context.Context, url *string, entries []types.SendMessageBatchRequestEntry, errs []error) {
	if len(entries) == 0 {
		return
	}
	set := func(id *string, err error) {
		if i, e := strconv.Atoi(aws.ToString(id)); e == nil && i >= 0 && i < len(errs) {
			errs[i] = err
		}
	}
	out, err := d.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
	if err != nil && groupRefused(err) && d.fair.Swap(false) {
		d.log.WarnContext(ctx, "fair queues are not offered here: messages go without", "queue", d.main.name, "error", err)
		for i := range entries {
			entries[i].MessageGroupId = nil
		}
		out, err = d.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
	}
	if err != nil {
		err = d.explain(ctx, "", err)
		for _, e := range entries {
			set(e.Id, err)
		}
		return
	}
	for _, f := range out.Failed {
		set(f.Id, entryError(f))
	}
}

// Receive implements queue.Driver. SQS hides and waits for whole seconds, and may find
// nothing without a wait although there is something.
func (d *driver) Receive(ctx context.Context, n int, visibility, wait time.Duration) ([]queue.Incoming, error) {
	url, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-d.closing:
			cancel(queue.ErrClosed)
		case <-ctx.Done():
		}
	}()
	out, err := d.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: url, MaxNumberOfMessages: int32(n), VisibilityTimeout: seconds(visibility), WaitTimeSeconds: seconds(wait),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount, types.MessageSystemAttributeNameSentTimestamp,
		},
	})
	if err != nil {
		return nil, d.explain(ctx, "", err)
	}
	got := make([]queue.Incoming, 0, len(out.Messages))
	for _, m := range out.Messages {
		got = append(got, incoming(m.MessageId, m.ReceiptHandle, m.Body, m.Attributes))
	}
	got, _ = d.unpack(ctx, got)
	return got, nil
}

// incoming makes a message of what SQS says about it.
func incoming(id, receipt, body *string, attributes map[string]string) queue.Incoming {
	receives, _ := strconv.Atoi(attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)]) // 0 where it is not told
	return queue.Incoming{
		ID: aws.ToString(id), Receipt: aws.ToString(receipt), Body: []byte(aws.ToString(body)), Receives: receives,
		Sent: millis(attributes[string(types.MessageSystemAttributeNameSentTimestamp)]),
	}
}

// Extend implements queue.Driver.
func (d *driver) Extend(ctx context.Context, receipt string, visibility time.Duration) error {
	url, err := d.begin(ctx)
	if err != nil {
		return err
	}
	_, err = d.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: &receipt, VisibilityTimeout: seconds(visibility)})
	if err != nil {
		return d.explain(ctx, "", err)
	}
	return nil
}

// Delete implements queue.Driver.
func (d *driver) Delete(ctx context.Context, receipts []string) []error {
	url, err := d.begin(ctx)
	if err != nil {
		return repeat(err, len(receipts))
	}
	return d.deleteFrom(ctx, url, receipts)
}

// deleteFrom deletes at most ten messages of a queue.
func (d *driver) deleteFrom(ctx context.Context, url *string, receipts []string) []error {
	errs := make([]error, len(receipts))
	if len(receipts) == 0 {
		return errs
	}
	in := &sqs.DeleteMessageBatchInput{QueueUrl: url}
	for i := range receipts {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipts[i]})
	}
	out, err := d.client.DeleteMessageBatch(ctx, in)
	if err != nil {
		return repeat(d.explain(ctx, "", err), len(receipts))
	}
	for _, f := range out.Failed {
		if i, e := strconv.Atoi(aws.ToString(f.Id)); e == nil && i >= 0 && i < len(errs) {
			errs[i] = entryError(f)
		}
	}
	return errs
}

// Stats implements queue.Driver. SQS counts approximately, and tells no ages but to
// CloudWatch (ApproximateAgeOfOldestMessage).
func (d *driver) Stats(ctx context.Context) (queue.Stats, error) {
	url, err := d.begin(ctx)
	if err != nil {
		return queue.Stats{}, err
	}
	s, err := d.count(ctx, url)
	if err != nil {
		return s, err
	}
	dead, err := d.deadQueue(ctx)
	if errors.Is(err, errNoDeadQueue) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	letters, err := d.count(ctx, dead.url)
	s.Dead = letters.Ready + letters.Delayed + letters.InFlight
	return s, err
}

// count counts the messages of a queue.
func (d *driver) count(ctx context.Context, url *string) (queue.Stats, error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	out, err := d.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: names})
	if err != nil {
		return queue.Stats{}, d.explain(ctx, "", err)
	}
	var n [3]int
	for i, name := range names {
		n[i], _ = strconv.Atoi(out.Attributes[string(name)]) // 0 where it is not told
	}
	return queue.Stats{Ready: n[0], Delayed: n[1], InFlight: n[2]}, nil
}

// text makes a body of SQS: it may only have the characters of XML. JSON escapes all
// others but those that are not UTF-8, and two that are no characters.
func text(body []byte) string {
	return strings.NewReplacer("\ufffe", `\ufffe`, "\uffff", `\uffff`).Replace(string(bytes.ToValidUTF8(body, []byte("\ufffd"))))
}

// seconds rounds up: a message is rather late than early.
func seconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }

// millis reads a time of SQS; zero if there is none.
func millis(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

// repeat is the same error n times.
func repeat(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// entryError is the error of one message of a batch.
func entryError(f types.BatchResultErrorEntry) error {
	return explain("", &smithy.GenericAPIError{Code: aws.ToString(f.Code), Message: aws.ToString(f.Message)})
}
