package sqs_test

import (
	"crypto/md5" // SQS answers with it, and the SDK checks it
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/sqs"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

const (
	publish = "airflow.providers.amazon.aws.operators.sqs.SqsPublishOperator"
	watch   = "airflow.providers.amazon.aws.sensors.sqs.SqsSensor"
)

func sum(text string) string {
	h := md5.Sum([]byte(text))
	return hex.EncodeToString(h[:])
}

func TestPublish(t *testing.T) {
	t.Parallel()
	o, s := awstest.Serve(t, func(awstest.Call) awstest.Answer {
		return awstest.Answer{Body: map[string]any{"MessageId": "m1", "MD5OfMessageBody": sum("hi")}}
	})
	res, err := o.Run(t.Context(), operatortest.Find(t, sqs.Operators(), publish), map[string]any{
		"sqs_queue": "http://q", "message_content": "hi", "delay_seconds": "7", "message_group_id": "g", "message_deduplication_id": "d",
		"message_attributes": map[string]any{"a": map[string]any{"DataType": "String", "StringValue": "v"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"MessageId": "m1", "MD5OfMessageBody": sum("hi"), "ResponseMetadata": map[string]any{"RequestId": "the-request", "HTTPStatusCode": int64(200)}}
	if d := cmp.Diff(any(want), res.Value); d != "" {
		t.Errorf("value (-want +got):\n%s", d)
	}
	asked := map[string]any{
		"QueueUrl": "http://q", "MessageBody": "hi", "DelaySeconds": 7.0, "MessageGroupId": "g", "MessageDeduplicationId": "d",
		"MessageAttributes": map[string]any{"a": map[string]any{"DataType": "String", "StringValue": "v"}},
	}
	if d := cmp.Diff(asked, s.Calls()[0].Body); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	tests := []struct {
		class string
		args  map[string]any
		want  string
	}{
		{publish, map[string]any{"delay_seconds": 901}, "argument delay_seconds is 901: SQS delays by 0 to 900 seconds"},
		{publish, map[string]any{"message_content": ""}, "argument message_content is empty: SQS takes no empty messages"},
		{publish, map[string]any{"sqs_queue": ""}, "argument sqs_queue is empty: write the queue's URL"},
		{publish, map[string]any{"message_attributes": map[string]any{"a": map[string]any{"Type": "String"}}}, `argument message_attributes: unknown field "Type": write it as the AWS API describes it`},
		{watch, map[string]any{"sqs_queue": ""}, "argument sqs_queue is empty: write the queue's URL"},
		{watch, map[string]any{"max_messages": 11}, "argument max_messages is 11: SQS gives 1 to 10 at a time, num_batches asks several times"},
		{watch, map[string]any{"wait_time_seconds": 21}, "argument wait_time_seconds is 21: SQS waits for 0 to 20 seconds"},
		{watch, map[string]any{"message_filtering": "jsonpath"}, `argument message_filtering is "jsonpath": only literal is known; filter by JSONPath in a Python task`},
		{watch, map[string]any{"message_filtering": "literal"}, "message_filtering_match_values must be specified for literal matching"},
	}
	for _, tt := range tests {
		o, s := awstest.Serve(t, func(awstest.Call) awstest.Answer { return awstest.Answer{} })
		args := map[string]any{"sqs_queue": "http://q"}
		if tt.class == publish {
			args["message_content"] = "hi"
		}
		for k, v := range tt.args {
			args[k] = v
		}
		_, err := o.Run(t.Context(), operatortest.Find(t, sqs.Operators(), tt.class), args)
		if got, want := operatortest.Outcome(err), "fatal (config): "+tt.want; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if asked := s.Operations(); asked != "" {
			t.Errorf("%s: asked %s", tt.want, asked)
		}
	}
}

// The sensor takes what counts, and leaves the rest in the queue.
func TestSensor(t *testing.T) {
	t.Parallel()
	message := func(id, body string) map[string]any {
		return map[string]any{"MessageId": id, "ReceiptHandle": "r-" + id, "Body": body, "MD5OfBody": sum(body)}
	}
	full := map[string]any{"Messages": []any{message("m1", "go"), message("m2", "stop")}}
	tests := []struct {
		name    string
		args    map[string]any
		receive map[string]any
		want    string
		ids     []string
		asked   string
	}{
		{name: "empty", receive: map[string]any{}, want: "reschedule: 2024-05-02T00:01:00Z", asked: "ReceiveMessage"},
		{name: "messages", receive: full, want: "success", ids: []string{"m1", "m2"}, asked: "ReceiveMessage DeleteMessageBatch"},
		{name: "batches", args: map[string]any{"num_batches": 2}, receive: full, want: "success", ids: []string{"m1", "m2", "m1", "m2"}, asked: "ReceiveMessage DeleteMessageBatch ReceiveMessage DeleteMessageBatch"},
		{name: "kept", args: map[string]any{"delete_message_on_reception": false}, receive: full, want: "success", ids: []string{"m1", "m2"}, asked: "ReceiveMessage"},
		{name: "literal", args: map[string]any{"message_filtering": "literal", "message_filtering_match_values": []any{"go"}}, receive: full, want: "success", ids: []string{"m1"}, asked: "ReceiveMessage DeleteMessageBatch"},
		{name: "none counts", args: map[string]any{"message_filtering": "literal", "message_filtering_match_values": "x"}, receive: full, want: "reschedule: 2024-05-02T00:01:00Z", asked: "ReceiveMessage"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, s := awstest.Serve(t, func(c awstest.Call) awstest.Answer {
				if c.Operation == "ReceiveMessage" {
					return awstest.Answer{Body: tt.receive}
				}
				return awstest.Answer{Body: map[string]any{"Successful": []any{}, "Failed": []any{}}}
			})
			o.Now = func() time.Time { return time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC) }
			args := map[string]any{"sqs_queue": "http://q", "mode": "reschedule", "visibility_timeout": 30}
			for k, v := range tt.args {
				args[k] = v
			}
			_, err := o.Run(t.Context(), operatortest.Find(t, sqs.Operators(), watch), args)
			if got := operatortest.Outcome(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			var ids []string
			messages, _ := o.XComs.Pushed["messages"].([]any)
			for _, m := range messages {
				ids = append(ids, m.(map[string]any)["MessageId"].(string))
			}
			if d := cmp.Diff(tt.ids, ids); d != "" {
				t.Errorf("messages (-want +got):\n%s", d)
			}
			if got := s.Operations(); got != tt.asked {
				t.Errorf("asked %s, want %s", got, tt.asked)
			}
			want := map[string]any{"QueueUrl": "http://q", "MaxNumberOfMessages": 5.0, "WaitTimeSeconds": 1.0, "VisibilityTimeout": 30.0}
			if d := cmp.Diff(want, s.Calls()[0].Body); d != "" {
				t.Errorf("asked (-want +got):\n%s", d)
			}
		})
	}
}
