// Package sns holds SnsPublishOperator, which publishes a message to a topic.
package sns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{{
		Spec: dag.OperatorSpec{
			Class:   "airflow.providers.amazon.aws.operators.sns.SnsPublishOperator",
			Aliases: []string{"airflow.contrib.operators.sns_publish_operator.SnsPublishOperator"},
			Doc:     "Publishes a message to an SNS topic or endpoint; the task's value is the answer of SNS.",
			Args: slices.Concat([]dag.ArgSpec{
				{Name: "target_arn", Type: dag.ArgString, Required: true, Templated: true, Doc: "ARN of the topic or endpoint."},
				{Name: "message", Type: dag.ArgString, Required: true, Templated: true, Doc: "The message."},
				{Name: "subject", Type: dag.ArgString, Templated: true, Doc: "Subject, for mails."},
				{Name: "message_attributes", Type: dag.ArgDict, Templated: true, Doc: "Attributes by name: texts, numbers and lists, whose types SNS is told."},
				{Name: "message_deduplication_id", Type: dag.ArgString, Templated: true, Doc: "Id by which a doubled message is told; FIFO topics only."},
				{Name: "message_group_id", Type: dag.ArgString, Templated: true, Doc: "Group of the message; FIFO topics only."},
			}, aws.Args()),
		},
		Run: publish,
	}}
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
	client := api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("sns", &o.BaseEndpoint) })
	out, err := client.Publish(ctx, in)
	if err != nil {
		return task.Result{}, acc.Failed("publish to "+*in.TargetArn, err)
	}
	a.Log.InfoContext(ctx, "published message "+sdk.ToString(out.MessageId))
	return task.Result{Value: aws.Answer(out.ResultMetadata, map[string]*string{"MessageId": out.MessageId, "SequenceNumber": out.SequenceNumber})}, nil
}

// message makes the call of the arguments.
func message(a *task.Attempt) (*api.PublishInput, error) {
	in := &api.PublishInput{MessageStructure: sdk.String("json")}
	var errs [6]error
	var text string
	var attributes map[string]any
	in.TargetArn, errs[0] = aws.Optional(a, "target_arn")
	text, errs[1] = task.Get(a, "message", "")
	in.Subject, errs[2] = aws.Optional(a, "subject")
	in.MessageDeduplicationId, errs[3] = aws.Optional(a, "message_deduplication_id")
	in.MessageGroupId, errs[4] = aws.Optional(a, "message_group_id")
	attributes, errs[5] = task.Get(a, "message_attributes", map[string]any(nil))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if in.TargetArn == nil {
		return nil, task.Misconfigured(errors.New("argument target_arn is empty: write the ARN of a topic"))
	}
	raw, err := json.Marshal(map[string]string{"default": text})
	if err != nil {
		return nil, fmt.Errorf("write the message as JSON: %w", err)
	}
	in.Message = sdk.String(string(raw))
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		kind, value, err := attribute(attributes[name])
		if err != nil {
			return nil, task.Misconfigured(fmt.Errorf("argument message_attributes: %s: %w", name, err))
		}
		if in.MessageAttributes == nil {
			in.MessageAttributes = make(map[string]types.MessageAttributeValue, len(attributes))
		}
		in.MessageAttributes[name] = types.MessageAttributeValue{DataType: &kind, StringValue: &value}
	}
	return in, nil
}

// attribute is the type and text of an attribute's value.
func attribute(v any) (kind, text string, err error) {
	switch v := v.(type) {
	case string:
		return "String", v, nil
	case bool: // a number in Python
		if v {
			return "Number", "True", nil
		}
		return "Number", "False", nil
	case int:
		return "Number", strconv.Itoa(v), nil
	case int64:
		return "Number", strconv.FormatInt(v, 10), nil
	case float64:
		return "Number", strconv.FormatFloat(v, 'f', -1, 64), nil
	case []any, task.Tuple:
		raw, err := json.Marshal(v)
		return "String.Array", string(raw), err
	}
	return "", "", fmt.Errorf("it is neither a text, a number nor a list")
}
