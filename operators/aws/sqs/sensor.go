package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// filterLiteral is the one message_filtering that is known.
const filterLiteral = "literal"

// watcher looks into a queue.
type watcher struct {
	in      api.ReceiveMessageInput
	batches int
	take    bool
	// wanted are the texts that count; nil means any.
	wanted []string
}

func watch(ctx context.Context, a *task.Attempt) (task.Result, error) {
	w, err := newWatcher(a)
	if err != nil {
		return task.Result{}, err
	}
	acc, err := aws.Open(ctx, a, "")
	if err != nil {
		return task.Result{}, err
	}
	defer acc.Close()
	client := newClient(acc)
	return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
		a.Log.InfoContext(ctx, "looking into queue "+*w.in.QueueUrl)
		found, err := w.look(ctx, a, acc, client)
		if err != nil || len(found) == 0 {
			return false, nil, err
		}
		a.Log.InfoContext(ctx, fmt.Sprintf("received %d messages", len(found)))
		return true, nil, a.XComs.Push(ctx, "messages", found)
	})
}

func newWatcher(a *task.Attempt) (*watcher, error) {
	w := &watcher{}
	var errs [8]error
	var most, wait, visible int
	var filter string
	w.in.QueueUrl, errs[0] = aws.Optional(a, "sqs_queue")
	most, errs[1] = aws.Int(a, "max_messages", 5)
	w.batches, errs[2] = task.Get(a, "num_batches", 1)
	wait, errs[3] = task.Get(a, "wait_time_seconds", 1)
	visible, errs[4] = task.Get(a, "visibility_timeout", -1)
	w.take, errs[5] = task.Get(a, "delete_message_on_reception", true)
	filter, errs[6] = task.Get(a, "message_filtering", "")
	if filter == filterLiteral {
		w.wanted, errs[7] = task.Get(a, "message_filtering_match_values", []string(nil))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	switch {
	case w.in.QueueUrl == nil:
		return nil, task.Misconfigured(errors.New("argument sqs_queue is empty: write the queue's URL"))
	case most < 1 || most > 10:
		return nil, task.Misconfigured(fmt.Errorf("argument max_messages is %d: SQS gives 1 to 10 at a time, num_batches asks several times", most))
	case wait < 0 || wait > 20:
		return nil, task.Misconfigured(fmt.Errorf("argument wait_time_seconds is %d: SQS waits for 0 to 20 seconds", wait))
	case filter != "" && filter != filterLiteral:
		return nil, task.Misconfigured(fmt.Errorf("argument message_filtering is %q: only literal is known; filter by JSONPath in a Python task", filter))
	case filter == filterLiteral && w.wanted == nil:
		return nil, task.Misconfigured(errors.New("message_filtering_match_values must be specified for literal matching"))
	}
	w.in.MaxNumberOfMessages, w.in.WaitTimeSeconds = int32(most), int32(wait)
	if visible >= 0 {
		w.in.VisibilityTimeout = int32(visible)
	}
	return w, nil
}

// look receives what there is, and deletes it.
func (w *watcher) look(ctx context.Context, a *task.Attempt, acc *aws.Account, client *api.Client) ([]any, error) {
	var all []any
	for range w.batches {
		out, err := client.ReceiveMessage(ctx, &w.in)
		if err != nil {
			return nil, acc.Failed("receive from queue "+*w.in.QueueUrl, err)
		}
		var entries []types.DeleteMessageBatchRequestEntry
		for _, m := range out.Messages {
			if w.wanted != nil && !slices.Contains(w.wanted, sdk.ToString(m.Body)) {
				continue
			}
			all = append(all, describe(m))
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: m.MessageId, ReceiptHandle: m.ReceiptHandle})
		}
		if !w.take || len(entries) == 0 {
			continue
		}
		gone, err := client.DeleteMessageBatch(ctx, &api.DeleteMessageBatchInput{QueueUrl: w.in.QueueUrl, Entries: entries})
		if err != nil {
			return nil, acc.Failed("delete from queue "+*w.in.QueueUrl, err)
		}
		for _, f := range gone.Failed { // it will be received again, by whoever asks next
			a.Log.WarnContext(ctx, fmt.Sprintf("message %s is not deleted: %s: %s", sdk.ToString(f.Id), sdk.ToString(f.Code), sdk.ToString(f.Message)))
		}
	}
	return all, nil
}

// describe is a message as boto3 returns it.
func describe(m types.Message) map[string]any {
	out := map[string]any{}
	for name, v := range map[string]*string{"MessageId": m.MessageId, "ReceiptHandle": m.ReceiptHandle, "MD5OfBody": m.MD5OfBody, "Body": m.Body, "MD5OfMessageAttributes": m.MD5OfMessageAttributes} {
		if v != nil {
			out[name] = *v
		}
	}
	if len(m.Attributes) > 0 {
		attributes := make(map[string]any, len(m.Attributes))
		for name, v := range m.Attributes {
			attributes[name] = v
		}
		out["Attributes"] = attributes
	}
	if len(m.MessageAttributes) > 0 {
		attributes := make(map[string]any, len(m.MessageAttributes))
		for name, v := range m.MessageAttributes {
			attribute := map[string]any{"DataType": sdk.ToString(v.DataType)}
			if v.StringValue != nil { // bytes cannot be an XCom, and are left out
				attribute["StringValue"] = *v.StringValue
			}
			attributes[name] = attribute
		}
		out["MessageAttributes"] = attributes
	}
	return out
}
