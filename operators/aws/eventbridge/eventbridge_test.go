package eventbridge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/eventbridge"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

const put = "airflow.providers.amazon.aws.operators.eventbridge.EventBridgePutEventsOperator"

func TestPut(t *testing.T) {
	t.Parallel()
	o, s := awstest.Serve(t, func(awstest.Call) awstest.Answer {
		return awstest.Answer{Body: map[string]any{"FailedEntryCount": 0, "Entries": []any{map[string]any{"EventId": "e1"}, map[string]any{"EventId": "e2"}}}}
	})
	event := map[string]any{"Source": "shop", "DetailType": "order", "Detail": `{"id": 1}`, "EventBusName": "b"}
	timed := map[string]any{"Source": "shop", "DetailType": "order", "Detail": "{}", "Time": time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC)}
	res, err := o.Run(t.Context(), operatortest.Find(t, eventbridge.Operators(), put), map[string]any{"entries": []any{event, timed}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(any([]any{"e1", "e2"}), res.Value); d != "" {
		t.Errorf("value (-want +got):\n%s", d)
	}
	timed["Time"] = 1714608000.0
	if d := cmp.Diff(map[string]any{"Entries": []any{event, timed}}, s.Calls()[0].Body); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		entries []any
		want    string
	}{
		{[]any{map[string]any{"Source": "shop"}}, "failed: 1 of 1 events are not taken: the log says why"},
		{[]any{}, "fatal (config): argument entries is empty: write an event"},
		{[]any{map[string]any{"source": 1}}, "fatal (config): argument entries: cannot unmarshal number into Go struct field PutEventsRequestEntry.Source of type string: write it as the AWS API describes it"},
	} {
		o, _ := awstest.Serve(t, func(awstest.Call) awstest.Answer {
			return awstest.Answer{Body: map[string]any{"FailedEntryCount": 1, "Entries": []any{map[string]any{"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}}}}
		})
		_, err := o.Run(t.Context(), operatortest.Find(t, eventbridge.Operators(), put), map[string]any{"entries": tt.entries})
		if got := operatortest.Outcome(err); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		if strings.HasPrefix(tt.want, "failed") && !strings.Contains(o.Log(), "event 0 is not taken: MalformedDetail: Detail is malformed.") {
			t.Errorf("the log does not say why: %s", o.Log())
		}
	}
}
