//go:build emulator

package ecs_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	api "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/ecs"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

// program stands for the image: it ends with the exit code it is given, or sleeps.
const program = `#!/bin/sh
echo "hello $GREETING"
[ "$1" = sleep ] && exec sleep "$2"
exit "${1:-0}"
`

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// image tells LocalStack that the program stands for an image. The file is other tests', too.
func image(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	operatortest.Script(t, path, program)
	state := os.Getenv("STATE") // as in localstack/settings.bash
	if state == "" {
		state = "../../../.local"
	}
	file := filepath.Join(state, "data", "localstack", "images.json")
	lock, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	ok(t, err)
	defer lock.Close()
	ok(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	b, err := os.ReadFile(file)
	ok(t, err)
	all := map[string]string{}
	ok(t, json.Unmarshal(b, &all))
	maps.Copy(all, map[string]string{name: path})
	b, err = json.Marshal(all)
	ok(t, err)
	ok(t, os.WriteFile(file+".new", b, 0o600))
	ok(t, os.Rename(file+".new", file))
}

// cluster makes a cluster and task definitions of the same name: one whose image is there,
// one whose image is not. The container's log goes to the group of this name.
func cluster(t *testing.T, o *operatortest.Harness) (string, *api.Client) {
	t.Helper()
	acc, err := aws.Open(t.Context(), o.Attempt(nil), "")
	ok(t, err)
	t.Cleanup(acc.Close)
	client := api.NewFromConfig(acc.Config, func(o *api.Options) { acc.Endpoint("ecs", &o.BaseEndpoint) })
	group := logs.NewFromConfig(acc.Config, func(o *logs.Options) { acc.Endpoint("logs", &o.BaseEndpoint) })
	name := awstest.Unique(t, "operators")
	image(t, name)
	_, err = client.CreateCluster(t.Context(), &api.CreateClusterInput{ClusterName: &name})
	ok(t, err)
	_, err = group.CreateLogGroup(t.Context(), &logs.CreateLogGroupInput{LogGroupName: &name})
	ok(t, err)
	for _, family := range []string{name, name + "-missing"} {
		_, err = client.RegisterTaskDefinition(t.Context(), &api.RegisterTaskDefinitionInput{
			Family: &family, Cpu: sdk.String("256"), Memory: sdk.String("512"), NetworkMode: types.NetworkModeAwsvpc,
			RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
			ContainerDefinitions: []types.ContainerDefinition{{Name: sdk.String("main"), Image: &family, LogConfiguration: &types.LogConfiguration{
				LogDriver: types.LogDriverAwslogs, Options: map[string]string{"awslogs-group": name, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"},
			}}},
		})
		ok(t, err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if _, err := client.DeleteCluster(ctx, &api.DeleteClusterInput{Cluster: &name}); err != nil {
			t.Error(err)
		}
		if _, err := group.DeleteLogGroup(ctx, &logs.DeleteLogGroupInput{LogGroupName: &name}); err != nil {
			t.Error(err)
		}
	})
	return name, client
}

// container are the arguments of a task with this command.
func container(name string, command ...any) map[string]any {
	return map[string]any{
		"task_definition": name, "cluster": name, "launch_type": "FARGATE", "waiter_delay": 1,
		"network_configuration": map[string]any{"awsvpcConfiguration": map[string]any{"subnets": []any{"subnet-1"}}},
		"overrides": map[string]any{"containerOverrides": []any{map[string]any{
			"name": "main", "command": command, "environment": []any{map[string]any{"name": "GREETING", "value": "world"}},
		}}},
	}
}

func TestOnEmulator(t *testing.T) {
	t.Parallel()
	o := awstest.Emulator(t)
	name, client := cluster(t, o)
	op := operatortest.Find(t, ecs.Operators(), runTask)
	args := container(name, "0")
	args["awslogs_group"], args["awslogs_stream_prefix"] = name, "p"
	res, err := o.Run(t.Context(), op, args)
	if err != nil || res.Value != "hello world" {
		t.Errorf("got %v, %v", res.Value, err)
	}
	o.Instance.Try = 2 // the same try would find its task again
	_, err = o.Run(t.Context(), op, container(name, "3"))
	if got := operatortest.Outcome(err); !strings.HasPrefix(got, "failed (task, 3): container main ended with exit code 3") {
		t.Errorf("exit code 3: %s", got)
	}
	o.Instance.Try = 3
	args = container(name, "0")
	args["task_definition"] = name + "-missing"
	_, err = o.Run(t.Context(), op, args)
	if got := operatortest.Outcome(err); !strings.HasPrefix(got, "failed (image, 0): the ECS task failed to start: CannotPullContainerError") {
		t.Errorf("a missing image: %s", got)
	}
	again(t, o, name)
	killed(t, o, name, client)
}

// again executes one try twice: the second finds the task of the first.
func again(t *testing.T, o *operatortest.Harness, name string) {
	o.Instance.Try = 4
	var arns []any
	for range 2 {
		if _, err := o.Run(t.Context(), operatortest.Find(t, ecs.Operators(), runTask), container(name, "0")); err != nil {
			t.Fatal(err)
		}
		arns = append(arns, o.XComs.Pushed["ecs_task_arn"])
	}
	if arns[0] != arns[1] {
		t.Errorf("one try has two tasks: %v", arns)
	}
}

// killed stops an attempt in the middle, and with it its task.
func killed(t *testing.T, o *operatortest.Harness, name string, client *api.Client) {
	o.Instance.Try = 5
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(3*time.Second, func() { cancel(executors.ErrCancelled) })
	_, err := o.Run(ctx, operatortest.Find(t, ecs.Operators(), runTask), container(name, "sleep", "600"))
	if err == nil {
		t.Fatal("it was not stopped")
	}
	arn := o.XComs.Pushed["ecs_task_arn"].(string)
	stopped := api.NewTasksStoppedWaiter(client, func(o *api.TasksStoppedWaiterOptions) { o.MinDelay, o.MaxDelay = time.Second/4, time.Second })
	ok(t, stopped.Wait(t.Context(), &api.DescribeTasksInput{Cluster: &name, Tasks: []string{arn}}, time.Minute))
}
