// Package eventbridge holds EventBridgePutEventsOperator, which sends events to a bus.
package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{{
		Spec: dag.OperatorSpec{
			Class: "airflow.providers.amazon.aws.operators.eventbridge.EventBridgePutEventsOperator",
			Doc:   "Sends events to EventBridge; the list of their ids is the task's value.",
			Args: slices.Concat([]dag.ArgSpec{
				{Name: "entries", Type: dag.ArgList, Required: true, Templated: true, Doc: "The events, each a dict of Source, DetailType, Detail (JSON as a text), EventBusName, Resources and Time."},
				{Name: "endpoint_id", Type: dag.ArgString, Templated: true, Doc: "Id of a global endpoint."},
			}, aws.Args()),
		},
		Run: put,
	}}
}

func put(ctx context.Context, a *task.Attempt) (task.Result, error) {
	entries, e1 := aws.Shape[[]types.PutEventsRequestEntry](a, "entries")
	endpoint, e2 := aws.Optional(a, "endpoint_id")
	if err := errors.Join(e1, e2); err != nil {
		return task.Result{}, err
	}
	if len(entries) == 0 {
		return task.Result{}, task.Misconfigured(errors.New("argument entries is empty: write an event"))
	}
	acc, err := aws.Open(ctx, a, "")
	if err != nil {
		return task.Result{}, err
	}
	defer acc.Close()
	client := api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("events", &o.BaseEndpoint) })
	out, err := client.PutEvents(ctx, &api.PutEventsInput{Entries: entries, EndpointId: endpoint})
	if err != nil {
		return task.Result{}, acc.Failed("send events", err)
	}
	ids := make([]any, len(out.Entries))
	for i, e := range out.Entries {
		if e.ErrorCode != nil {
			a.Log.ErrorContext(ctx, fmt.Sprintf("event %d is not taken: %s: %s", i, *e.ErrorCode, sdk.ToString(e.ErrorMessage)))
			continue
		}
		ids[i] = sdk.ToString(e.EventId)
	}
	if out.FailedEntryCount > 0 {
		return task.Result{}, fmt.Errorf("%d of %d events are not taken: the log says why", out.FailedEntryCount, len(entries))
	}
	a.Log.InfoContext(ctx, fmt.Sprintf("sent %d events", len(entries)))
	return task.Result{Value: ids}, nil
}
