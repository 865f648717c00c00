package sns_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/sns"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

const publish = "airflow.providers.amazon.aws.operators.sns.SnsPublishOperator"

func TestPublish(t *testing.T) {
	t.Parallel()
	o, s := awstest.Serve(t, func(awstest.Call) awstest.Answer {
		return awstest.Answer{Body: `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m1</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>`}
	})
	res, err := o.Run(t.Context(), operatortest.Find(t, sns.Operators(), publish), map[string]any{
		"target_arn": "arn:aws:sns:eu-west-1:1:t", "message": `say "hi"`, "subject": "greeting",
		"message_attributes": map[string]any{"text": "a", "count": int64(2), "share": 0.5, "list": []any{"x", int64(1)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Value.(map[string]any)["MessageId"]; got != "m1" {
		t.Errorf("message id %v", got)
	}
	got, err := url.ParseQuery(s.Calls()[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"Action": {"Publish"}, "Version": {"2010-03-31"}, "TargetArn": {"arn:aws:sns:eu-west-1:1:t"}, "Subject": {"greeting"},
		"MessageStructure": {"json"}, "Message": {`{"default":"say \"hi\""}`},
	}
	order := []string{"count Number 2", "list String.Array [\"x\",1]", "share Number 0.5", "text String a"}
	var attributes []string
	for i := range order {
		at := "MessageAttributes.entry." + string(rune('1'+i))
		attributes = append(attributes, got.Get(at+".Name")+" "+got.Get(at+".Value.DataType")+" "+got.Get(at+".Value.StringValue"))
		for _, part := range []string{".Name", ".Value.DataType", ".Value.StringValue"} {
			got.Del(at + part)
		}
	}
	less := func(l []string) map[string]bool {
		set := map[string]bool{}
		for _, e := range l {
			set[e] = true
		}
		return set
	}
	if d := cmp.Diff(less(order), less(attributes)); d != "" {
		t.Errorf("attributes (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const absent = `<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>`
	for _, tt := range []struct {
		args map[string]any
		want string
	}{
		{nil, "failed (config, 0): publish to arn:t: NotFound: Topic does not exist: check the name, the region (eu-west-1) and the account of AWS connection aws_default"},
		{map[string]any{"target_arn": ""}, "fatal (config): argument target_arn is empty: write the ARN of a topic"},
		{map[string]any{"message_attributes": map[string]any{"a": map[string]any{}}}, "fatal (config): argument message_attributes: a: it is neither a text, a number nor a list"},
	} {
		o, _ := awstest.Serve(t, func(awstest.Call) awstest.Answer { return awstest.Answer{Status: 404, Body: absent} })
		args := map[string]any{"target_arn": "arn:t", "message": "m"}
		for k, v := range tt.args {
			args[k] = v
		}
		_, err := o.Run(t.Context(), operatortest.Find(t, sns.Operators(), publish), args)
		if got := operatortest.Outcome(err); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
