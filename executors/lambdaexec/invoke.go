package lambdaexec

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/updraft-dev/updraft/executors"
)

// call invokes a function asynchronously. The SDK has tried again what may be tried again.
func (e *Executor) call(ctx context.Context, f *Function, payload []byte) error {
	in := &lambda.InvokeInput{FunctionName: aws.String(f.Name), InvocationType: types.InvocationTypeEvent, Payload: payload}
	if f.Qualifier != "" {
		in.Qualifier = aws.String(f.Qualifier)
	}
	out, err := e.client.Invoke(ctx, in)
	if err != nil {
		return fmt.Errorf("invoke %s: %w", f, explain(err))
	}
	if out.StatusCode != http.StatusAccepted {
		return fmt.Errorf("invoke %s: answered with status %d, and not with 202", f, out.StatusCode)
	}
	return nil
}

// explain adds to an error what can be done about it.
func explain(err error) error {
	var busy *types.TooManyRequestsException
	var missing *types.ResourceNotFoundException
	var loop *types.RecursiveInvocationException
	switch {
	case errors.As(err, &busy) && busy.Reason == types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded:
		return fmt.Errorf("%w: %w: is its reserved concurrency 0?", executors.ErrBusy, err)
	case errors.As(err, &busy):
		return fmt.Errorf("%w: %w", executors.ErrBusy, err)
	case errors.As(err, &missing):
		return fmt.Errorf("%w: is the setting lambda right?", err)
	case errors.As(err, &loop):
		return fmt.Errorf("%w: workers start workers: allow it for the function (RecursiveLoop: Allow)", err)
	}
	return err
}
