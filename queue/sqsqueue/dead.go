package sqsqueue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/updraft-dev/updraft/queue"
)

const (
	// reasonAttribute and sentAttribute say of a message that was buried why, and when it
	// was sent; SQS has no words for either.
	reasonAttribute, sentAttribute = "UpdraftReason", "UpdraftSent"
	// reasonLimit is how many bytes of a reason are kept.
	reasonLimit = 1024
	// walkLimit is how many dead letters are looked at in one call; walkVisibility is for
	// how long they are hidden from others if this process dies meanwhile.
	walkLimit      = 1000
	walkVisibility = time.Minute
	// walkWait makes SQS ask all of its servers, of which a short poll asks some.
	walkWait = time.Second
)

// Bury implements queue.DeadLetters: it sends the message to the dead-letter queue and
// deletes it. A crash in between makes two of it.
func (d *driver) Bury(ctx context.Context, m queue.Incoming, reason string) error {
	url, err := d.begin(ctx)
	if err != nil {
		return err
	}
	dead, err := d.deadQueue(ctx)
	if err != nil {
		return err
	}
	body, err := d.pack(ctx, m.Body)
	if err != nil {
		return err
	}
	reason = words(reason[:min(len(reason), reasonLimit)])
	in := &sqs.SendMessageInput{QueueUrl: dead.url, MessageBody: &body}
	if len(body)+2*reasonLimit <= sizeLimit { // attributes count
		in.MessageAttributes = map[string]types.MessageAttributeValue{
			reasonAttribute: {DataType: aws.String("String"), StringValue: &reason},
			sentAttribute:   {DataType: aws.String("Number"), StringValue: aws.String(strconv.FormatInt(m.Sent.UnixMilli(), 10))},
		}
	}
	if _, err := d.client.SendMessage(ctx, in); err != nil {
		return d.explain(ctx, "send to "+dead.name, err)
	}
	return d.deleteFrom(ctx, url, []string{m.Receipt})[0]
}

// words makes an attribute's text of a reason, which may quote what is junk.
func words(reason string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\ufffe' || r == '\uffff' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(reason, "\ufffd"))
}

// Dead implements queue.DeadLetters. It receives them and gives them back: meanwhile they
// are hidden from others. No order is promised.
func (d *driver) Dead(ctx context.Context, n int) ([]queue.DeadLetter, error) {
	if _, err := d.begin(ctx); err != nil {
		return nil, err
	}
	dead, err := d.deadQueue(ctx)
	if err != nil {
		return nil, err
	}
	var out []queue.DeadLetter
	err = d.walk(ctx, dead, n, func(m types.Message) error {
		out = append(out, d.letter(ctx, dead, m))
		return nil
	})
	return out, err
}

// letter is a message of a dead-letter queue. One with a source was moved there by SQS;
// another one was buried, and says why.
func (d *driver) letter(ctx context.Context, dead *deadPlace, m types.Message) queue.DeadLetter {
	in := incoming(m.MessageId, m.ReceiptHandle, m.Body, m.Attributes)
	l := queue.DeadLetter{ID: in.ID, Body: in.Body, Sent: in.Sent}
	reason, buried := m.MessageAttributes[reasonAttribute]
	switch {
	case m.Attributes[string(types.MessageSystemAttributeNameDeadLetterQueueSourceArn)] != "":
		l.Reason = "it was received too often, and never deleted"
		if dead.receives > 0 {
			l.Reason = fmt.Sprintf("it was received %d times, and never deleted", dead.receives)
		}
	case buried:
		l.Reason, l.Died = aws.ToString(reason.StringValue), in.Sent
		l.Sent = millis(aws.ToString(m.MessageAttributes[sentAttribute].StringValue))
	default:
		l.Reason = "it came without a reason: from another program, or it is too large for one"
	}
	if isReference(l.Body) {
		if body, err := d.payload(ctx, l.Body); err == nil {
			l.Body = body
		}
	}
	return l
}

// walk shows at most n dead letters to visit. It holds what it has seen, so as not to see
// it again, and gives it back in the end; what visit has deleted is gone.
func (d *driver) walk(ctx context.Context, dead *deadPlace, n int, visit func(types.Message) error) error {
	var held []string
	defer func() { d.giveBack(ctx, dead, held) }()
	n = min(n, walkLimit)
	seen := map[string]bool{}
	for len(held) < n {
		out, err := d.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: dead.url, MaxNumberOfMessages: int32(min(batchLimit, n-len(held))), VisibilityTimeout: seconds(walkVisibility), WaitTimeSeconds: seconds(walkWait),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}, MessageAttributeNames: []string{reasonAttribute, sentAttribute},
		})
		if err != nil {
			return d.explain(ctx, "receive from "+dead.name, err)
		}
		if len(out.Messages) == 0 {
			return nil
		}
		for _, m := range out.Messages {
			held = append(held, aws.ToString(m.ReceiptHandle))
			if id := aws.ToString(m.MessageId); !seen[id] {
				seen[id] = true
				if err := visit(m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// giveBack makes what walk has received visible again, also after the end of ctx; what is
// deleted refuses, and what cannot be given back comes back by itself.
func (d *driver) giveBack(ctx context.Context, dead *deadPlace, receipts []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goneTimeout)
	defer cancel()
	for len(receipts) > 0 {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: dead.url}
		for i := range receipts[:min(batchLimit, len(receipts))] {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipts[i]})
		}
		receipts = receipts[len(in.Entries):]
		if _, err := d.client.ChangeMessageVisibilityBatch(ctx, in); err != nil {
			d.log.WarnContext(ctx, "dead letters are hidden for a while", "queue", dead.name, "for", walkVisibility, "error", err)
			return
		}
	}
}

// Revive implements queue.DeadLetters. All of them are moved by SQS if its redrive policy
// lets it know the way, and otherwise, as those that are named, sent and deleted one by
// one: at most a thousand are looked at then. A move goes on when ctx ends.
func (d *driver) Revive(ctx context.Context, ids []string) (int, error) {
	url, err := d.begin(ctx)
	if err != nil {
		return 0, err
	}
	dead, err := d.deadQueue(ctx)
	if err != nil {
		return 0, err
	}
	if len(ids) == 0 && dead.arn != "" {
		return d.move(ctx, dead)
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	n := 0
	err = d.walk(ctx, dead, walkLimit, func(m types.Message) error {
		if len(ids) > 0 && !wanted[aws.ToString(m.MessageId)] {
			return nil
		}
		out := &sqs.SendMessageInput{QueueUrl: url, MessageBody: m.Body}
		if e, err := queue.Decode([]byte(aws.ToString(m.Body))); err == nil && d.fair.Load() {
			out.MessageGroupId = aws.String(group(e.Attempt.DAG))
		}
		if _, err := d.client.SendMessage(ctx, out); err != nil {
			return d.explain(ctx, "send to "+d.main.name, err)
		}
		n++
		return d.deleteFrom(ctx, dead.url, []string{aws.ToString(m.ReceiptHandle)})[0]
	})
	return n, err
}

const (
	// movePause is between two looks at a move; it doubles up to maxMovePause.
	movePause    = 100 * time.Millisecond
	maxMovePause = 5 * time.Second
)

// move has SQS move all dead letters to the queue that they came from.
func (d *driver) move(ctx context.Context, dead *deadPlace) (int, error) {
	// The destination has to be named: SQS does not know where buried ones came from.
	_, err := d.client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &dead.arn, DestinationArn: &dead.mainARN})
	if err != nil {
		return 0, d.explain(ctx, "move the dead letters of "+dead.name, err)
	}
	for pause := movePause; ; pause = min(2*pause, maxMovePause) {
		out, err := d.client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &dead.arn})
		if err != nil {
			return 0, d.explain(ctx, "follow the move of "+dead.name, err)
		}
		if len(out.Results) == 0 {
			return 0, fmt.Errorf("follow the move of %s: SQS knows of none", dead.name)
		}
		latest := out.Results[0]
		n := int(latest.ApproximateNumberOfMessagesMoved)
		switch aws.ToString(latest.Status) {
		case "COMPLETED":
			return n, nil
		case "RUNNING", "CREATED":
		default:
			return n, fmt.Errorf("move the dead letters of %s: it ended as %s: %s", dead.name, aws.ToString(latest.Status), aws.ToString(latest.FailureReason))
		}
		select {
		case <-ctx.Done():
			return n, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// Purge implements queue.Driver. SQS takes up to a minute to do it, and does it once in a
// minute; what is sent within it may be deleted, too.
func (d *driver) Purge(ctx context.Context, p queue.Part) (int, error) {
	url, err := d.begin(ctx)
	if err != nil {
		return 0, err
	}
	if p == queue.DeadLetterPart {
		dead, err := d.deadQueue(ctx)
		if err != nil {
			return 0, err
		}
		url = dead.url
	}
	s, err := d.count(ctx, url)
	if err != nil {
		return 0, err
	}
	if _, err := d.client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: url}); err != nil {
		return 0, d.explain(ctx, "", err)
	}
	return s.Ready + s.Delayed + s.InFlight, nil
}
