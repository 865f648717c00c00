//go:build emulator

package sqs_test

import (
	"context"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/sqs"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

// What is sent arrives at the sensor, with its attributes, and is then gone.
func TestOnEmulator(t *testing.T) {
	t.Parallel()
	o := awstest.Emulator(t)
	acc, err := aws.Open(t.Context(), o.Attempt(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(acc.Close)
	client := api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("sqs", &o.BaseEndpoint) })
	q, err := client.CreateQueue(t.Context(), &api.CreateQueueInput{QueueName: sdk.String(awstest.Unique(t, "operators"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteQueue(context.WithoutCancel(t.Context()), &api.DeleteQueueInput{QueueUrl: q.QueueUrl}); err != nil {
			t.Error(err)
		}
	})
	sent, err := o.Run(t.Context(), operatortest.Find(t, sqs.Operators(), publish), map[string]any{
		"sqs_queue": *q.QueueUrl, "message_content": "häppy", "message_attributes": map[string]any{"a": map[string]any{"DataType": "Number", "StringValue": "7"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	watching := map[string]any{"sqs_queue": *q.QueueUrl, "wait_time_seconds": 5, "mode": "reschedule"}
	if _, err := o.Run(t.Context(), operatortest.Find(t, sqs.Operators(), watch), watching); err != nil {
		t.Fatal(err)
	}
	got := o.XComs.Pushed["messages"].([]any)[0].(map[string]any)
	if got["Body"] != "häppy" || got["MessageId"] != sent.Value.(map[string]any)["MessageId"] {
		t.Errorf("received %v, sent %v", got, sent.Value)
	}
	out, err := client.ReceiveMessage(t.Context(), &api.ReceiveMessageInput{QueueUrl: q.QueueUrl, VisibilityTimeout: 0})
	if err != nil || len(out.Messages) != 0 {
		t.Errorf("left in the queue: %v, %v", out, err)
	}
	_, err = o.Run(t.Context(), operatortest.Find(t, sqs.Operators(), publish), map[string]any{"sqs_queue": *q.QueueUrl + "-none", "message_content": "x"})
	if got := operatortest.Outcome(err); !strings.HasPrefix(got, "failed (config, 0): send to queue "+*q.QueueUrl+"-none: AWS.SimpleQueueService.NonExistentQueue: ") {
		t.Errorf("an absent queue: %s", got)
	}
}
