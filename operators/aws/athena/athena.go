// Package athena holds AthenaOperator, which runs a query of Athena, and AthenaSensor.
package athena

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.amazon.aws.operators.athena.AthenaOperator",
				Aliases: []string{
					"airflow.providers.amazon.aws.operators.athena.AWSAthenaOperator",
					"airflow.contrib.operators.aws_athena_operator.AWSAthenaOperator",
				},
				Doc:         "Runs a query of Athena and waits for its end; the id of its execution is the task's value.",
				Args:        slices.Concat(queryArgs(), aws.Args()),
				TemplateExt: []string{".sql"},
			},
			Resumable: true,
			Run:       query,
		},
		{
			Spec: dag.OperatorSpec{
				Class:   "airflow.providers.amazon.aws.sensors.athena.AthenaSensor",
				Aliases: []string{"airflow.contrib.sensors.aws_athena_sensor.AthenaSensor"},
				Doc:     "Waits for the end of a query of Athena.",
				Kind:    dag.OperatorSensor,
				Args: slices.Concat([]dag.ArgSpec{
					{Name: "query_execution_id", Type: dag.ArgString, Required: true, Templated: true, Doc: "Id of the query's execution."},
					{Name: "max_retries", Type: dag.ArgInt, Doc: "Without effect: each poke_interval has one look."},
					{Name: "sleep_time", Type: dag.ArgInt, Default: int64(10), Doc: "Without effect, as max_retries."},
				}, aws.Args(), sensor.Args()),
			},
			Resumable: true,
			Run:       watch,
		},
	}
}

func queryArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "query", Type: dag.ArgString, Required: true, Templated: true, Doc: "The query, or a file if it ends in .sql."},
		{Name: "database", Type: dag.ArgString, Templated: true, Doc: "Database that names without one belong to."},
		{Name: "catalog", Type: dag.ArgString, Default: "AwsDataCatalog", Templated: true, Doc: "Catalog of the database."},
		{Name: "output_location", Type: dag.ArgString, Templated: true, Doc: "Where the result is written, s3://bucket/prefix; by default where the workgroup says."},
		{Name: "workgroup", Type: dag.ArgString, Default: "primary", Templated: true, Doc: "Workgroup to run in."},
		{Name: "client_request_token", Type: dag.ArgString, Doc: "What makes a query that is sent twice one; by default each try has its own."},
		{Name: "query_execution_context", Type: dag.ArgDict, Doc: "QueryExecutionContext as the API takes it; database and catalog go over it."},
		{Name: "result_configuration", Type: dag.ArgDict, Doc: "ResultConfiguration as the API takes it; output_location goes over it."},
		{Name: "sleep_time", Type: dag.ArgInt, Default: int64(30), Doc: "Seconds between two looks."},
		{Name: "max_polling_attempts", Type: dag.ArgInt, Doc: "The most looks; without a number there is no bound."},
		{Name: "log_query", Type: dag.ArgBool, Default: true, Doc: "Write the query to the log."},
		{Name: "deferrable", Type: dag.ArgBool, Default: false, Doc: "Give the slot back while waiting."},
		{Name: "durable", Type: dag.ArgBool, Doc: "Without effect: a worker that takes the task over always finds its query, another try has another."},
	}
}

// client is Athena for one attempt.
type client struct {
	*aws.Account
	*api.Client
	a *task.Attempt
}

func open(ctx context.Context, a *task.Attempt) (*client, error) {
	acc, err := aws.Open(ctx, a, "")
	if err != nil {
		return nil, err
	}
	return &client{acc, api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("athena", &o.BaseEndpoint) }), a}, nil
}

// query executes an AthenaOperator.
func query(ctx context.Context, a *task.Attempt) (task.Result, error) {
	in, err := input(a)
	if err != nil {
		return task.Result{}, err
	}
	var errs [4]error
	var pause int
	var tell bool
	job := aws.Job{Name: "Athena query", Key: "athena_query_execution_id"}
	pause, errs[0] = task.Get(a, "sleep_time", 30)
	job.Attempts, errs[1] = task.Get(a, "max_polling_attempts", 0)
	tell, errs[2] = task.Get(a, "log_query", true)
	job.Deferred, errs[3] = task.Get(a, "deferrable", false)
	if err := errors.Join(errs[:]...); err != nil {
		return task.Result{}, err
	}
	c, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer c.Close()
	job.Every = time.Duration(pause) * time.Second
	job.Start = func(ctx context.Context) (string, error) {
		if tell {
			a.Log.InfoContext(ctx, "running query: "+*in.QueryString)
		}
		out, err := c.StartQueryExecution(ctx, in)
		if err != nil {
			return "", c.Failed("start the query", err)
		}
		a.Log.InfoContext(ctx, "the query execution is "+sdk.ToString(out.QueryExecutionId))
		return sdk.ToString(out.QueryExecutionId), nil
	}
	job.Look = func(ctx context.Context, id string) (bool, any, error) {
		done, err := c.look(ctx, id)
		return done, id, err
	}
	job.Stop = func(ctx context.Context, id string) error {
		_, err := c.StopQueryExecution(ctx, &api.StopQueryExecutionInput{QueryExecutionId: &id})
		return c.Failed("stop the query", err)
	}
	return job.Run(ctx, a)
}

// input makes the call of the arguments.
func input(a *task.Attempt) (*api.StartQueryExecutionInput, error) {
	in := &api.StartQueryExecutionInput{}
	var errs [8]error
	var database, output *string
	var catalog string
	in.QueryString, errs[0] = aws.Optional(a, "query")
	in.QueryExecutionContext, errs[1] = aws.Shape[*types.QueryExecutionContext](a, "query_execution_context")
	in.ResultConfiguration, errs[2] = aws.Shape[*types.ResultConfiguration](a, "result_configuration")
	in.ClientRequestToken, errs[3] = aws.Optional(a, "client_request_token")
	database, errs[4] = aws.Optional(a, "database")
	catalog, errs[5] = task.Get(a, "catalog", "AwsDataCatalog")
	output, errs[6] = aws.Optional(a, "output_location")
	workgroup, err := task.Get(a, "workgroup", "primary")
	errs[7] = err
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if in.QueryString == nil {
		return nil, task.Misconfigured(errors.New("argument query is empty: write a query"))
	}
	if in.QueryExecutionContext == nil {
		in.QueryExecutionContext = &types.QueryExecutionContext{}
	}
	if in.ResultConfiguration == nil {
		in.ResultConfiguration = &types.ResultConfiguration{}
	}
	if database != nil {
		in.QueryExecutionContext.Database = database
	}
	if output != nil {
		in.ResultConfiguration.OutputLocation = output
	}
	in.QueryExecutionContext.Catalog, in.WorkGroup = &catalog, &workgroup
	if in.ClientRequestToken == nil {
		in.ClientRequestToken = sdk.String(aws.Token(a))
	}
	return in, nil
}

// watch executes an AthenaSensor.
func watch(ctx context.Context, a *task.Attempt) (task.Result, error) {
	id, err := task.Get(a, "query_execution_id", "")
	if err != nil {
		return task.Result{}, err
	}
	c, err := open(ctx, a)
	if err != nil {
		return task.Result{}, err
	}
	defer c.Close()
	return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
		done, err := c.look(ctx, id)
		return done, nil, err
	})
}

// look says whether a query is done, or has failed.
func (c *client) look(ctx context.Context, id string) (bool, error) {
	out, err := c.GetQueryExecution(ctx, &api.GetQueryExecutionInput{QueryExecutionId: &id})
	if err != nil {
		return false, c.Failed("look at query "+id, err)
	}
	if out.QueryExecution == nil || out.QueryExecution.Status == nil {
		return false, nil
	}
	status := out.QueryExecution.Status
	c.a.Log.InfoContext(ctx, fmt.Sprintf("query %s is %s", id, status.State))
	switch status.State {
	case types.QueryExecutionStateSucceeded:
		return true, nil
	case types.QueryExecutionStateFailed, types.QueryExecutionStateCancelled:
		err := fmt.Errorf("query %s is %s: %s", id, status.State, sdk.ToString(status.StateChangeReason))
		if e := status.AthenaError; e != nil && sdk.ToInt32(e.ErrorCategory) == systemError {
			return true, &task.CauseError{Cause: run.CauseInfra, Err: err}
		}
		return true, err
	}
	return false, nil
}

// systemError is the category of errors that are Athena's own.
const systemError = 1
