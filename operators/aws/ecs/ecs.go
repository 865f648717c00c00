// Package ecs holds EcsRunTaskOperator, which runs a task definition of ECS on Fargate,
// EC2 or elsewhere, and EcsTaskStateSensor.
package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	api "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/sensor"
	"github.com/updraft-dev/updraft/task"
)

// Operators returns the operators of this package.
func Operators() []task.Operator {
	return []task.Operator{
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.amazon.aws.operators.ecs.EcsRunTaskOperator",
				Aliases: []string{
					"airflow.providers.amazon.aws.operators.ecs.EcsOperator",
					"airflow.providers.amazon.aws.operators.ecs.ECSOperator",
					"airflow.contrib.operators.ecs_operator.ECSOperator",
				},
				Doc:  "Runs a task of ECS and waits for its end; with awslogs_group and awslogs_stream_prefix its last line is the task's value.",
				Args: slices.Concat(taskArgs(), logArgs(), waitArgs(), plain(aws.Args())),
			},
			Resumable: true,
			Run:       runTask,
		},
		{
			Spec: dag.OperatorSpec{
				Class: "airflow.providers.amazon.aws.sensors.ecs.EcsTaskStateSensor",
				Doc:   "Waits until a task of ECS is in a state.",
				Kind:  dag.OperatorSensor,
				Args:  slices.Concat(sensorArgs(), aws.Args(), sensor.Args()),
			},
			Resumable: true,
			Run:       waitForState,
		},
	}
}

func taskArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "task_definition", Type: dag.ArgString, Required: true, Templated: true, Doc: "Family, family:revision or ARN of the task definition."},
		{Name: "cluster", Type: dag.ArgString, Required: true, Templated: true, Doc: "Name or ARN of the cluster."},
		{Name: "overrides", Type: dag.ArgDict, Required: true, Templated: true, Doc: "What differs from the definition, as RunTask takes it: containerOverrides, cpu, memory and others."},
		{Name: "launch_type", Type: dag.ArgString, Default: "EC2", Templated: true, Doc: "EC2, FARGATE or EXTERNAL; left out when there is a capacity_provider_strategy."},
		{Name: "capacity_provider_strategy", Type: dag.ArgList, Templated: true, Doc: "Capacity providers, each a dict of capacityProvider, weight and base."},
		{Name: "volume_configurations", Type: dag.ArgList, Templated: true, Doc: "Volumes, as RunTask takes them."},
		{Name: "group", Type: dag.ArgString, Templated: true, Doc: "Task group."},
		{Name: "placement_constraints", Type: dag.ArgList, Templated: true, Doc: "Where the task may be placed, as RunTask takes it."},
		{Name: "placement_strategy", Type: dag.ArgList, Templated: true, Doc: "Where the task is placed best, as RunTask takes it."},
		{Name: "platform_version", Type: dag.ArgString, Templated: true, Doc: "Version of Fargate."},
		{Name: "network_configuration", Type: dag.ArgDict, Templated: true, Doc: "awsvpcConfiguration with subnets, securityGroups and assignPublicIp; Fargate needs it."},
		{Name: "tags", Type: dag.ArgDict, Templated: true, Doc: "Tags of the task, a dict."},
		{Name: "propagate_tags", Type: dag.ArgString, Templated: true, Doc: "TASK_DEFINITION copies its tags as well."},
		{Name: "quota_retry", Type: dag.ArgDict, Doc: "Without effect: a task that finds no room fails with cause infra, and is tried again as such."},
		{Name: "reattach", Type: dag.ArgBool, Default: false, Templated: true, Doc: "Take over a task that an earlier try of this one has left running."},
	}
}

func logArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "awslogs_group", Type: dag.ArgString, Templated: true, Doc: "CloudWatch group of the container's log."},
		{Name: "awslogs_region", Type: dag.ArgString, Templated: true, Doc: "Region of the log, by default that of the task."},
		{Name: "awslogs_stream_prefix", Type: dag.ArgString, Templated: true, Doc: "Prefix of the log's stream, as in the task definition."},
		{Name: "awslogs_fetch_interval", Type: dag.ArgDuration, Default: int64(30), Templated: true, Doc: "Time between two looks into the log."},
		{Name: "container_name", Type: dag.ArgString, Templated: true, Doc: "Container whose log it is, by default the first."},
		{Name: "number_logs_exception", Type: dag.ArgInt, Default: int64(10), Templated: true, Doc: "How many of its last lines a failure tells."},
	}
}

func waitArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "wait_for_completion", Type: dag.ArgBool, Default: true, Templated: true, Doc: "Wait for the task's end."},
		{Name: "waiter_delay", Type: dag.ArgInt, Default: int64(6), Doc: "Seconds between two looks."},
		{Name: "waiter_max_attempts", Type: dag.ArgInt, Default: int64(1_000_000), Doc: "The most looks."},
		{Name: "deferrable", Type: dag.ArgBool, Default: false, Templated: true, Doc: "Give the slot back while waiting."},
		{Name: "skip_on_exit_code", Type: dag.ArgAny, Doc: "Exit code, or codes, that mean skipped instead of failed."},
		{Name: "stop_task_on_failure", Type: dag.ArgBool, Default: true, Doc: "Stop the task of ECS if it cannot be waited for."},
	}
}

func sensorArgs() []dag.ArgSpec {
	return []dag.ArgSpec{
		{Name: "cluster", Type: dag.ArgString, Required: true, Templated: true, Doc: "Name or ARN of the cluster."},
		{Name: "task", Type: dag.ArgString, Required: true, Templated: true, Doc: "Id or ARN of the task."},
		{Name: "target_state", Type: dag.ArgString, Default: stateRunning, Templated: true, Doc: "State to wait for."},
		{Name: "failure_states", Type: dag.ArgStrings, Default: []any{stateStopped}, Templated: true, Doc: "States that fail the sensor."},
	}
}

// plain takes the templates off arguments: this operator of Airflow lists its own.
func plain(args []dag.ArgSpec) []dag.ArgSpec {
	for i := range args {
		args[i].Templated = false
	}
	return args
}

// States of tasks.
const (
	stateRunning = "RUNNING"
	stateStopped = "STOPPED"
)

func newClient(acc *aws.Account) *api.Client {
	return api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("ecs", &o.BaseEndpoint) })
}

// describe returns a task.
func describe(ctx context.Context, acc *aws.Account, client *api.Client, cluster, id string) (*types.Task, error) {
	out, err := client.DescribeTasks(ctx, &api.DescribeTasksInput{Cluster: &cluster, Tasks: []string{id}})
	switch {
	case err != nil:
		return nil, acc.Failed("look at task "+id, err)
	case len(out.Failures) > 0:
		return nil, refused("look at task "+id, out.Failures)
	case len(out.Tasks) == 0:
		return nil, fmt.Errorf("ECS says nothing about task %s", id)
	}
	return &out.Tasks[0], nil
}

// waitForState executes an EcsTaskStateSensor.
func waitForState(ctx context.Context, a *task.Attempt) (task.Result, error) {
	cluster, e1 := task.Get(a, "cluster", "")
	id, e2 := task.Get(a, "task", "")
	target, e3 := task.Get(a, "target_state", stateRunning)
	bad, e4 := task.Get(a, "failure_states", []string{stateStopped})
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return task.Result{}, err
	}
	acc, err := aws.Open(ctx, a, "")
	if err != nil {
		return task.Result{}, err
	}
	defer acc.Close()
	client := newClient(acc)
	return sensor.Run(ctx, a, func(ctx context.Context) (bool, any, error) {
		t, err := describe(ctx, acc, client, cluster, id)
		if err != nil {
			return false, nil, err
		}
		state := text(t.LastStatus)
		a.Log.InfoContext(ctx, fmt.Sprintf("task %s is %s, waiting for %s", id, state, target))
		if state != target && slices.Contains(bad, state) {
			return false, nil, fmt.Errorf("task %s is %s, it cannot become %s any more: %s", id, state, target, text(t.StoppedReason))
		}
		return state == target, nil, nil
	})
}
