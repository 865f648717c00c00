package lambda_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/lambda"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

const invoke = "airflow.providers.amazon.aws.operators.lambda_function.LambdaInvokeFunctionOperator"

func TestInvoke(t *testing.T) {
	t.Parallel()
	failed := map[string]string{"X-Amz-Function-Error": "Unhandled"}
	tests := []struct {
		name   string
		args   map[string]any
		answer awstest.Answer
		want   string
		value  any
		asked  string // operation and body
	}{
		{name: "text", args: map[string]any{"payload": `{"a": 1}`}, answer: awstest.Answer{Body: `{"b":2}`}, want: "success", value: `{"b":2}`, asked: `POST /2015-03-31/functions/f/invocations {"a": 1}`},
		{name: "dict", args: map[string]any{"payload": map[string]any{"a": []any{int64(1), "x"}}}, answer: awstest.Answer{Body: "null"}, want: "success", value: "null", asked: `POST /2015-03-31/functions/f/invocations {"a":[1,"x"]}`},
		{name: "read", args: map[string]any{"deserialize_payload": true, "qualifier": "live"}, answer: awstest.Answer{Body: `{"b":2}`}, want: "success", value: map[string]any{"b": int64(2)}, asked: "POST /2015-03-31/functions/f/invocations?Qualifier=live "},
		{name: "event", args: map[string]any{"invocation_type": "Event"}, answer: awstest.Answer{Status: http.StatusAccepted, Body: ""}, want: "success", value: "", asked: "POST /2015-03-31/functions/f/invocations "},
		{name: "no JSON", args: map[string]any{"deserialize_payload": true}, answer: awstest.Answer{Body: `{`}, want: "failed: deserialize_payload: the function's answer is no JSON: "},
		{name: "error", answer: awstest.Answer{Header: failed, Body: `{"errorMessage":"no such order","errorType":"KeyError"}`}, want: "failed: KeyError: no such order"},
		{name: "another error", answer: awstest.Answer{Header: failed, Body: `"oh"`}, want: `failed: the function failed (Unhandled): "oh"`},
		{name: "time-out", answer: awstest.Answer{Header: failed, Body: `{"errorMessage":"2024-05-01T00:00:00Z r Task timed out after 3.00 seconds"}`}, want: "failed (timeout, 0): 2024-05-01T00:00:00Z r Task timed out after 3.00 seconds"},
		{name: "memory", answer: awstest.Answer{Header: failed, Body: `{"errorMessage":"RequestId: r Error: Runtime exited with error: signal: killed","errorType":"Runtime.ExitError"}`}, want: "failed (oom, 0): Runtime.ExitError: RequestId: r Error: Runtime exited with error: signal: killed"},
		{name: "absent", answer: awstest.Answer{Status: http.StatusNotFound, Code: "ResourceNotFoundException", Message: "Function not found: f"},
			want: "failed (config, 0): call function f: ResourceNotFoundException: Function not found: f: check the name, the region (eu-west-1) and the account of AWS connection aws_default"},
		{name: "busy", answer: awstest.Answer{Status: http.StatusTooManyRequests, Code: "TooManyRequestsException", Message: "Rate Exceeded."}, want: "failed (infra, 0): call function f: TooManyRequestsException: Rate Exceeded"},
		{name: "kind", args: map[string]any{"invocation_type": "Later"}, want: `fatal (config): argument invocation_type is "Later": use RequestResponse, Event or DryRun`},
		{name: "name", args: map[string]any{"function_name": ""}, want: "fatal (config): argument function_name is empty: name a function"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, s := awstest.Serve(t, func(awstest.Call) awstest.Answer { return tt.answer })
			args := map[string]any{"function_name": "f"}
			for k, v := range tt.args {
				args[k] = v
			}
			res, err := o.Run(t.Context(), operatortest.Find(t, lambda.Operators(), invoke), args)
			if got := operatortest.Outcome(err); got != tt.want && (tt.name != "no JSON" || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if d := cmp.Diff(tt.value, res.Value); d != "" {
				t.Errorf("value (-want +got):\n%s", d)
			}
			if calls := s.Calls(); tt.asked != "" && calls[0].Operation+" "+calls[0].Raw != tt.asked {
				t.Errorf("asked %s %s, want %s", calls[0].Operation, calls[0].Raw, tt.asked)
			}
		})
	}
}

// The end of the function's log is copied, also when the function fails.
func TestLog(t *testing.T) {
	t.Parallel()
	tail := base64.StdEncoding.EncodeToString([]byte("START r\n\nhello\nEND r\n"))
	o, s := awstest.Serve(t, func(awstest.Call) awstest.Answer {
		return awstest.Answer{Body: `{"errorMessage":"no"}`, Header: map[string]string{"X-Amz-Log-Result": tail, "X-Amz-Function-Error": "Handled"}}
	})
	_, err := o.Run(t.Context(), operatortest.Find(t, lambda.Operators(), invoke), map[string]any{"function_name": "f", "log_type": "Tail", "keep_empty_log_lines": false})
	if got := operatortest.Outcome(err); got != "failed: no" {
		t.Errorf("got %s", got)
	}
	if !strings.Contains(o.Log(), "START r\nhello\nEND r\n") {
		t.Errorf("the log has not the function's: %s", o.Log())
	}
	if got := s.Calls()[0].Header.Get("X-Amz-Log-Type"); got != "Tail" {
		t.Errorf("asked for log %q", got)
	}
}
