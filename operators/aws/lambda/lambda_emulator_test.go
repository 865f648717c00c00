//go:build emulator

package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/lambda"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

// bootstrap is a function that gives back what it is called with, or fails with it.
const bootstrap = `#!/usr/bin/env python3
import json, os, urllib.request
api = "http://%s/2018-06-01/runtime/invocation/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
while True:
    with urllib.request.urlopen(api + "next") as call:
        name, event = call.headers["Lambda-Runtime-Aws-Request-Id"], json.load(call)
    print("called with", event, flush=True)
    kind, answer = "response", {"got": event}
    if "fail" in event:
        kind, answer = "error", {"errorType": "Refused", "errorMessage": event["fail"]}
    urllib.request.urlopen(urllib.request.Request(api + name + "/" + kind, json.dumps(answer).encode(), method="POST")).close()
`

// deploy makes the function and returns its name.
func deploy(t *testing.T, o *operatortest.Harness) string {
	t.Helper()
	acc, err := aws.Open(t.Context(), o.Attempt(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(acc.Close)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(bootstrap)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	client := api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("lambda", &o.BaseEndpoint) })
	name := awstest.Unique(t, "operators")
	_, err = client.CreateFunction(t.Context(), &api.CreateFunctionInput{
		FunctionName: &name, Runtime: types.RuntimeProvidedal2023, Handler: sdk.String("bootstrap"), Role: sdk.String("arn:aws:iam::000000000000:role/r"),
		Code: &types.FunctionCode{ZipFile: b.Bytes()}, Timeout: sdk.Int32(20),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteFunction(context.WithoutCancel(t.Context()), &api.DeleteFunctionInput{FunctionName: &name}); err != nil {
			t.Error(err)
		}
	})
	if err := api.NewFunctionActiveV2Waiter(client).Wait(t.Context(), &api.GetFunctionInput{FunctionName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	return name
}

// A function that answers, one that fails, one that is not there.
func TestOnEmulator(t *testing.T) {
	t.Parallel()
	o := awstest.Emulator(t)
	name := deploy(t, o)
	op := operatortest.Find(t, lambda.Operators(), invoke)
	res, err := o.Run(t.Context(), op, map[string]any{"function_name": name, "payload": `{"n": 1}`, "log_type": "Tail"})
	if err != nil || res.Value != `{"got": {"n": 1}}` {
		t.Errorf("got %v, %v", res.Value, err)
	}
	if !strings.Contains(o.Log(), "called with {'n': 1}\n") {
		t.Errorf("the log has not the function's: %s", o.Log())
	}
	_, err = o.Run(t.Context(), op, map[string]any{"function_name": name, "payload": map[string]any{"fail": "no such order"}})
	if got := operatortest.Outcome(err); got != "failed: Refused: no such order" {
		t.Errorf("got %s", got)
	}
	res, err = o.Run(t.Context(), op, map[string]any{"function_name": name, "payload": "{}", "invocation_type": "Event"})
	if err != nil || res.Value != "" {
		t.Errorf("an event: %v, %v", res.Value, err)
	}
	_, err = o.Run(t.Context(), op, map[string]any{"function_name": name + "-none"})
	if got := operatortest.Outcome(err); !strings.HasPrefix(got, "failed (config, 0): call function "+name+"-none: ResourceNotFoundException: ") {
		t.Errorf("an absent function: %s", got)
	}
}
