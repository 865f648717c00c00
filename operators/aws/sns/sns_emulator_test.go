//go:build emulator

package sns_test

import (
	"context"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/sns"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

// A real server takes the message, and knows no other topic.
func TestOnEmulator(t *testing.T) {
	t.Parallel()
	o := awstest.Emulator(t)
	acc, err := aws.Open(t.Context(), o.Attempt(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(acc.Close)
	client := api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("sns", &o.BaseEndpoint) })
	topic, err := client.CreateTopic(t.Context(), &api.CreateTopicInput{Name: sdk.String(awstest.Unique(t, "operators"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTopic(context.WithoutCancel(t.Context()), &api.DeleteTopicInput{TopicArn: topic.TopicArn}); err != nil {
			t.Error(err)
		}
	})
	args := map[string]any{"target_arn": *topic.TopicArn, "message": "hi", "subject": "s", "message_attributes": map[string]any{"n": int64(1), "l": []any{"a"}}}
	res, err := o.Run(t.Context(), operatortest.Find(t, sns.Operators(), publish), args)
	if err != nil || len(res.Value.(map[string]any)["MessageId"].(string)) != 36 {
		t.Errorf("got %v, %v", res.Value, err)
	}
	args["target_arn"] = *topic.TopicArn + "-none"
	_, err = o.Run(t.Context(), operatortest.Find(t, sns.Operators(), publish), args)
	if got := operatortest.Outcome(err); !strings.HasPrefix(got, "failed (config, 0): publish to "+*topic.TopicArn+"-none: NotFound: ") {
		t.Errorf("an absent topic: %s", got)
	}
}
