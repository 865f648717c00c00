package lambdaevent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
	"github.com/updraft-dev/updraft/run"
)

// failed is a record in the form of Lambda's developer guide.
func failed(condition, response string) string {
	return fmt.Sprintf(`{
  "version": "1.0",
  "timestamp": "2026-11-14T18:16:05.568Z",
  "requestContext": {
    "requestId": "e4b46cbf-b738-4a3b-8880-a18cdf61200e",
    "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:worker:$LATEST",
    "condition": %q,
    "approximateInvokeCount": 1
  },
  "requestPayload": {"v":1,"attempts":[{"v":1,"kind":"attempt","dag":"d","run":"r","task":"t","map":-1,"try":2},
    {"v":1,"kind":"attempt","dag":"d","run":"r","task":"u","map":3,"try":1}]}%s
}`, condition, response)
}

// answered is the rest of the record of a function that answered with an error.
func answered(kind, message string) string {
	return fmt.Sprintf(`, "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
  "responsePayload": {"errorType": %q, "errorMessage": %q}`, kind, message)
}

const requestID = "RequestId: e4b46cbf-b738-4a3b-8880-a18cdf61200e Error: "

func TestFailure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, condition, response string
		cause                     run.Cause
		exit                      int
		reason                    string
	}{
		{
			"time-out", "RetriesExhausted", answered("Sandbox.Timedout", requestID+"Task timed out after 900.00 seconds"), run.CauseTimeout, 0,
			"function worker was ended at its time-out: set execution_timeout, and above what Lambda allows the task goes to Fargate",
		},
		{
			"time-out, as it was told before", "RetriesExhausted",
			`, "responsePayload": {"errorMessage": "2026-11-14T18:16:05.568Z e4b46cbf Task timed out after 3.00 seconds"}`, run.CauseTimeout, 0, "at its time-out",
		},
		{
			"out of memory", "RetriesExhausted", answered("Runtime.ExitError", requestID+"Runtime exited with error: signal: killed"), run.CauseOOM, -1,
			"function worker was killed, which Lambda does to one that is out of memory: ask for more (resources: memory)",
		},
		{"out of memory, by name", "RetriesExhausted", answered("Runtime.OutOfMemory", requestID+"Runtime exited with error: signal: killed"), run.CauseOOM, -1, "ran out of memory"},
		{
			"crash", "RetriesExhausted", answered("Runtime.ExitError", requestID+"Runtime exited with error: exit status 2"), run.CauseInfra, 2,
			"the worker in function worker died: Runtime exited with error: exit status 2",
		},
		{"crash by signal", "RetriesExhausted", answered("Runtime.ExitError", requestID+"Runtime exited with error: signal: segmentation fault"), run.CauseInfra, -1, "segmentation fault"},
		{"answer too large", "RetriesExhausted", answered("Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."), run.CauseInfra, 0, "too large"},
		{"wrong architecture", "RetriesExhausted", answered("Runtime.InvalidEntrypoint", requestID+"fork/exec /var/task/bootstrap: exec format error"), run.CauseImage, 0, "handler or architecture"},
		{"key", "RetriesExhausted", answered("KMSAccessDeniedException", "Lambda was unable to decrypt the environment variables"), run.CauseConfig, 0, "key of its environment"},
		{"subnet", "RetriesExhausted", answered("SubnetIPAddressLimitReachedException", "x"), run.CauseQuota, 0, "no address left"},
		{"error of the code", "RetriesExhausted", answered("errorString", "load run d/r:  store is\nout of reach"), run.CauseInfra, 0, "the worker in function worker failed: load run d/r: store is out of reach"},
		{"no answer", "RetriesExhausted", "", run.CauseInfra, 0, "the worker in function worker failed: it gave no reason"},
		{"an answer that is a text", "RetriesExhausted", `, "responsePayload": "x"`, run.CauseInfra, 0, "it gave no reason"},
		{"throttled for too long", "EventAgeExceeded", "", run.CauseInfra, 0, "no room for function worker"},
		{"switched off", "ZeroReservedConcurrency", "", run.CauseInfra, 0, "switched off"},
	} {
		got, err := lambdaevent.DecodeFailure([]byte(failed(tt.condition, tt.response)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !strings.Contains(got.Reason, tt.reason) || strings.Contains(got.Reason, "RequestId") || strings.Contains(got.Reason, "\n") {
			t.Errorf("%s: reason %q, want %q in it", tt.name, got.Reason, tt.reason)
		}
		id := run.ID{DAG: "d", Run: "r"}
		want := lambdaevent.Failure{
			Attempts: []run.Attempt{{Key: run.Key{ID: id, Task: "t", Map: run.Unmapped}, Try: 2}, {Key: run.Key{ID: id, Task: "u", Map: 3}, Try: 1}},
			Worker:   lambdaevent.WorkerName("worker", "e4b46cbf-b738-4a3b-8880-a18cdf61200e"),
			Started:  tt.condition == "RetriesExhausted", At: time.Date(2026, 11, 14, 18, 16, 5, 568e6, time.UTC),
			Cause: tt.cause, ExitCode: tt.exit, Reason: got.Reason,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFailureByEventBridge(t *testing.T) {
	t.Parallel()
	event := `{"version":"0","id":"x","detail-type":"Lambda Function Invocation Result - Failure","source":"lambda","detail":` +
		failed("RetriesExhausted", answered("Sandbox.Timedout", "x")) + `}`
	got, err := lambdaevent.DecodeFailure([]byte(event))
	if err != nil || got.Cause != run.CauseTimeout || len(got.Attempts) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFailureFaults(t *testing.T) {
	t.Parallel()
	good := failed("RetriesExhausted", "")
	for name, tt := range map[string]struct{ record, want string }{
		"not JSON":         {`x`, "not a JSON object"},
		"no version":       {`{}`, "no version"},
		"newer":            {strings.Replace(good, `"1.0"`, `"2.0"`, 1), `version "2.0" is not known`},
		"no invocation":    {strings.Replace(good, `"requestId"`, `"x"`, 1), "names no invocation"},
		"a success":        {strings.Replace(good, "RetriesExhausted", "Success", 1), `condition "Success"`},
		"another event":    {strings.Replace(good, `{"v":1,"attempts":`, `{"v":1,"rule":`, 1), "its payload"},
		"newer event":      {strings.Replace(good, `{"v":1,"attempts":`, `{"v":2,"attempts":`, 1), "update it"},
		"wrong types":      {strings.Replace(good, `"approximateInvokeCount": 1`, `"approximateInvokeCount": "one"`, 1), "decode a failure"},
		"much too large":   {`"` + strings.Repeat("x", 3_000_000) + `"`, "bytes"},
		"no detail inside": {`{"detail-type":"x"}`, "decode a failure"},
	} {
		if _, err := lambdaevent.DecodeFailure([]byte(tt.record)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
}

func FuzzFailure(f *testing.F) {
	f.Add([]byte(failed("RetriesExhausted", answered("Runtime.ExitError", requestID+"Runtime exited with error: exit status 999"))))
	f.Add([]byte(failed("EventAgeExceeded", "")))
	f.Add([]byte(`{"detail-type":"x","detail":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := lambdaevent.DecodeFailure(b)
		if err == nil && (len(got.Attempts) == 0 || got.Cause == "" || got.Reason == "" || strings.Contains(got.Reason, "\n")) {
			t.Errorf("%q was decoded to %+v", b, got)
		}
	})
}
