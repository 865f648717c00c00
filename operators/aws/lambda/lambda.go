// Package lambda holds LambdaInvokeFunctionOperator: an existing Lambda function as a task.
package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	api "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{{
		Spec: dag.OperatorSpec{
			Class: "airflow.providers.amazon.aws.operators.lambda_function.LambdaInvokeFunctionOperator",
			Aliases: []string{
				"airflow.providers.amazon.aws.operators.lambda_function.AwsLambdaInvokeFunctionOperator",
				"airflow.providers.amazon.aws.operators.aws_lambda.AwsLambdaInvokeFunctionOperator",
			},
			Doc:  "Calls a Lambda function; its answer, a text, is the task's value.",
			Args: slices.Concat(invokeArgs(), aws.Args()),
		},
		Run: invoke,
	}}
}

func invokeArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "function_name", Type: dag.ArgString, Required: true, Templated: true, Doc: "Name or ARN of the function."},
		{Name: "log_type", Type: dag.ArgString, Enum: []string{"Tail", "None"}, Doc: "Tail copies the last 4 KB of the function's log into the task's."},
		{Name: "keep_empty_log_lines", Type: dag.ArgBool, Default: true, Doc: "Copy the empty lines as well."},
		{Name: "qualifier", Type: dag.ArgString, Templated: true, Doc: "Version or alias of the function."},
		{
			Name: "invocation_type", Type: dag.ArgString, Templated: true, Enum: []string{"RequestResponse", "Event", "DryRun"},
			Doc: "RequestResponse waits for the answer, Event only hands the call over, DryRun checks the rights.",
		},
		{Name: "client_context", Type: dag.ArgString, Doc: "What the function gets as its client context: JSON in base64, at most 3,583 bytes."},
		{Name: "payload", Type: dag.ArgAny, Templated: true, Doc: "What the function is called with: JSON as a text, or a dict or list that is sent as JSON."},
		{Name: "deserialize_payload", Type: dag.ArgBool, Default: false, Doc: "Read the answer as JSON, so that its parts can be told apart downstream."},
	}
}

func invoke(ctx context.Context, a *task.Attempt) (task.Result, error) {
	in, err := input(a)
	if err != nil {
		return task.Result{}, err
	}
	keepEmpty, err := task.Get(a, "keep_empty_log_lines", true)
	if err != nil {
		return task.Result{}, err
	}
	acc, err := aws.Open(ctx, a, "")
	if err != nil {
		return task.Result{}, err
	}
	defer acc.Close()
	client := api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("lambda", &o.BaseEndpoint) })
	a.Log.InfoContext(ctx, "calling function "+*in.FunctionName)
	out, err := client.Invoke(ctx, in)
	if err != nil {
		return task.Result{}, acc.Failed("call function "+*in.FunctionName, err)
	}
	copyLog(ctx, a, out.LogResult, keepEmpty)
	if out.FunctionError != nil {
		return task.Result{}, functionError(*out.FunctionError, out.Payload)
	}
	switch out.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
	default:
		return task.Result{}, fmt.Errorf("function %s was not executed: Lambda answered with status %d", *in.FunctionName, out.StatusCode)
	}
	return value(a, out.Payload)
}

// input makes the call of the arguments.
func input(a *task.Attempt) (*api.InvokeInput, error) {
	in := &api.InvokeInput{}
	var errs [6]error
	var kind, logType string
	in.FunctionName, errs[0] = aws.Optional(a, "function_name")
	in.Qualifier, errs[1] = aws.Optional(a, "qualifier")
	in.ClientContext, errs[2] = aws.Optional(a, "client_context")
	kind, errs[3] = task.Get(a, "invocation_type", "")
	logType, errs[4] = task.Get(a, "log_type", "")
	in.Payload, errs[5] = payload(a.Args["payload"])
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if in.FunctionName == nil {
		return nil, task.Misconfigured(errors.New("argument function_name is empty: name a function"))
	}
	in.InvocationType, in.LogType = types.InvocationType(kind), types.LogType(logType)
	if kind != "" && !slices.Contains(in.InvocationType.Values(), in.InvocationType) {
		return nil, task.Misconfigured(fmt.Errorf("argument invocation_type is %q: use RequestResponse, Event or DryRun", kind))
	}
	return in, nil
}

// payload is what the function gets: a text as it is, anything else as JSON.
func payload(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(v), nil
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, task.Misconfigured(fmt.Errorf("argument payload: %w", err))
		}
		return raw, nil
	}
}

// value is the task's value.
func value(a *task.Attempt, answer []byte) (task.Result, error) {
	deserialize, err := task.Get(a, "deserialize_payload", false)
	if err != nil || !deserialize {
		return task.Result{Value: string(answer)}, err
	}
	v, err := task.DecodeXCom(answer)
	if err != nil {
		return task.Result{}, fmt.Errorf("deserialize_payload: the function's answer is no JSON: %w", err)
	}
	return task.Result{Value: v}, nil
}

// copyLog writes the end of the function's log, which comes in base64, to the task's.
func copyLog(ctx context.Context, a *task.Attempt, tail *string, keepEmpty bool) {
	if tail == nil {
		return
	}
	text, err := base64.StdEncoding.DecodeString(*tail)
	if err != nil {
		a.Log.WarnContext(ctx, "the function's log is not in base64")
		return
	}
	a.Log.InfoContext(ctx, "the last 4 KB of the function's log:")
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" || keepEmpty {
			fmt.Fprintln(a.Output, line)
		}
	}
}

// functionError is the failure of a function in its own words, with the cause that Lambda
// names.
func functionError(kind string, answer []byte) error {
	var told struct{ ErrorMessage, ErrorType string }
	if err := json.Unmarshal(answer, &told); err != nil || told.ErrorMessage == "" && told.ErrorType == "" {
		return fmt.Errorf("the function failed (%s): %s", kind, answer)
	}
	err := errors.New(strings.TrimPrefix(told.ErrorType+": "+told.ErrorMessage, ": "))
	switch {
	case told.ErrorType == "Sandbox.Timedout" || strings.Contains(told.ErrorMessage, "Task timed out after"):
		return &task.CauseError{Cause: run.CauseTimeout, Err: err}
	case told.ErrorType == "Runtime.OutOfMemory" || told.ErrorType == "Runtime.ExitError" && strings.Contains(told.ErrorMessage, "signal: killed"):
		return &task.CauseError{Cause: run.CauseOOM, Err: err}
	case strings.HasPrefix(told.ErrorType, "Sandbox.") || strings.HasPrefix(told.ErrorType, "Extension."):
		return &task.CauseError{Cause: run.CauseInfra, Err: err}
	}
	return err
}
