// Package sqs holds SqsPublishOperator, which sends a message to a queue, and SqsSensor,
// which waits for messages and takes them.
package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.amazon.aws.operators.sqs.SqsPublishOperator",
				Aliases: []string{
					"airflow.providers.amazon.aws.operators.sqs.SQSPublishOperator",
					"airflow.contrib.operators.aws_sqs_publish_operator.SQSPublishOperator",
				},
				Doc:  "Sends a message to an SQS queue; the task's value is the answer of SQS.",
				Args: slices.Concat(publishArgs(), aws.Args()),
			},
			Run: publish,
		},
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.amazon.aws.sensors.sqs.SqsSensor",
				Aliases: []string{
					"airflow.providers.amazon.aws.sensors.sqs.SQSSensor",
					"airflow.contrib.sensors.aws_sqs_sensor.SQSSensor",
				},
				Doc:  "Waits for messages of an SQS queue, and takes them; they are the XCom messages.",
				Kind: dag.OperatorSensor,
				Args: slices.Concat(sensorArgs(), []dag.ArgSpec{sensor.Deferrable()}, aws.Args(), sensor.Args()),
			},
			Resumable: true,
			Run:       watch,
		},
	}
}

func publishArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "sqs_queue", Type: dag.ArgString, Required: true, Templated: true, Doc: "URL of the queue."},
		{Name: "message_content", Type: dag.ArgString, Required: true, Templated: true, Doc: "The message."},
		{
			Name: "message_attributes", Type: dag.ArgDict, Templated: true,
			Doc: "Attributes by name, each a dict of DataType and StringValue or BinaryValue.",
		},
		{Name: "delay_seconds", Type: dag.ArgInt, Default: int64(0), Templated: true, Doc: "Seconds until the message can be received."},
		{Name: "message_group_id", Type: dag.ArgString, Templated: true, Doc: "Group of the message; FIFO queues only."},
		{Name: "message_deduplication_id", Type: dag.ArgString, Templated: true, Doc: "Id by which a doubled message is told; FIFO queues only."},
	}
}

func sensorArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "sqs_queue", Type: dag.ArgString, Required: true, Templated: true, Doc: "URL of the queue."},
		{Name: "max_messages", Type: dag.ArgInt, Default: int64(5), Templated: true, Doc: "The most messages to ask for at a time, up to 10."},
		{Name: "num_batches", Type: dag.ArgInt, Default: int64(1), Doc: "How many times to ask at each look."},
		{Name: "wait_time_seconds", Type: dag.ArgInt, Default: int64(1), Doc: "Seconds that SQS waits for a message, up to 20."},
		{Name: "visibility_timeout", Type: dag.ArgInt, Doc: "Seconds for which others do not get the messages; by default the queue's."},
		{
			Name: "message_filtering", Type: dag.ArgString, Enum: []string{filterLiteral},
			Doc: "Which messages count: with literal those whose text is one of message_filtering_match_values. Filter by JSONPath in a Python task instead.",
		},
		{Name: "message_filtering_match_values", Type: dag.ArgAny, Doc: "Text or texts that a message has to be."},
		{Name: "message_filtering_config", Type: dag.ArgAny, Templated: true, Doc: "Accepted and without effect: it belongs to JSONPath."},
		{Name: "delete_message_on_reception", Type: dag.ArgBool, Default: true, Doc: "Delete the messages from the queue."},
	}
}

func newClient(acc *aws.Account) *api.Client {
	return api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("sqs", &o.BaseEndpoint) })
}

func publish(ctx context.Context, a *task.Attempt) (task.Result, error) {
	in, err := message(a)
	if err != nil {
		return task.Result{}, err
	}
	acc, err := aws.Open(ctx, a, "")
	if err != nil {
		return task.Result{}, err
	}
	defer acc.Close()
	out, err := newClient(acc).SendMessage(ctx, in)
	if err != nil {
		return task.Result{}, acc.Failed("send to queue "+*in.QueueUrl, err)
	}
	a.Log.InfoContext(ctx, "sent message "+sdk.ToString(out.MessageId))
	return task.Result{Value: aws.Answer(out.ResultMetadata, map[string]*string{
		"MessageId": out.MessageId, "MD5OfMessageBody": out.MD5OfMessageBody, "SequenceNumber": out.SequenceNumber,
		"MD5OfMessageAttributes": out.MD5OfMessageAttributes, "MD5OfMessageSystemAttributes": out.MD5OfMessageSystemAttributes,
	})}, nil
}

// message makes the message of the arguments.
func message(a *task.Attempt) (*api.SendMessageInput, error) {
	in := &api.SendMessageInput{}
	var errs [6]error
	var delay int
	in.QueueUrl, errs[0] = aws.Optional(a, "sqs_queue")
	in.MessageBody, errs[1] = aws.Optional(a, "message_content")
	in.MessageGroupId, errs[2] = aws.Optional(a, "message_group_id")
	in.MessageDeduplicationId, errs[3] = aws.Optional(a, "message_deduplication_id")
	in.MessageAttributes, errs[4] = aws.Shape[map[string]types.MessageAttributeValue](a, "message_attributes")
	delay, errs[5] = aws.Int(a, "delay_seconds", 0)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	switch {
	case in.QueueUrl == nil:
		return nil, task.Misconfigured(errors.New("argument sqs_queue is empty: write the queue's URL"))
	case in.MessageBody == nil:
		return nil, task.Misconfigured(errors.New("argument message_content is empty: SQS takes no empty messages"))
	case delay < 0 || delay > 900:
		return nil, task.Misconfigured(fmt.Errorf("argument delay_seconds is %d: SQS delays by 0 to 900 seconds", delay))
	case delay > 0: // FIFO queues refuse the field, even when it is 0
		in.DelaySeconds = int32(delay)
	}
	return in, nil
}
