package ecs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/operators/aws/awstest"
	"github.com/updraft-dev/updraft/operators/aws/ecs"
	"github.com/updraft-dev/updraft/operators/operatortest"
)

const (
	runTask = "airflow.providers.amazon.aws.operators.ecs.EcsRunTaskOperator"
	state   = "airflow.providers.amazon.aws.sensors.ecs.EcsTaskStateSensor"
	arn     = "arn:aws:ecs:eu-west-1:1:task/c/0123"
)

// stopped is a task that has ended, with what differs from one that did well.
func stopped(change func(task, container map[string]any)) map[string]any {
	container := map[string]any{"name": "main", "lastStatus": "STOPPED", "exitCode": 0}
	t := map[string]any{"taskArn": arn, "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "containers": []any{container}}
	if change != nil {
		change(t, container)
	}
	return t
}

// serve is an ECS whose one task ends as told.
func serve(t *testing.T, end map[string]any) (*operatortest.Harness, *awstest.Service) {
	return awstest.Serve(t, func(c awstest.Call) awstest.Answer {
		switch c.Operation {
		case "RunTask":
			return awstest.Answer{Body: map[string]any{"tasks": []any{map[string]any{"taskArn": arn, "lastStatus": "PROVISIONING"}}}}
		case "DescribeTasks":
			return awstest.Answer{Body: map[string]any{"tasks": []any{end}}}
		case "ListTasks":
			return awstest.Answer{Body: map[string]any{"taskArns": []any{arn}}}
		case "GetLogEvents":
			if c.Body["nextToken"] != nil {
				return awstest.Answer{Body: map[string]any{"events": []any{}, "nextForwardToken": c.Body["nextToken"]}}
			}
			return awstest.Answer{Body: map[string]any{"nextForwardToken": "f/1", "events": []any{map[string]any{"message": "first"}, map[string]any{"message": "last\n"}}}}
		}
		return awstest.Answer{}
	})
}

func arguments(more map[string]any) map[string]any {
	args := map[string]any{"task_definition": "def:1", "cluster": "c", "overrides": map[string]any{}, "waiter_delay": 0}
	for k, v := range more {
		args[k] = v
	}
	return args
}

func TestInput(t *testing.T) {
	t.Parallel()
	o, s := serve(t, stopped(nil))
	_, err := o.Run(t.Context(), operatortest.Find(t, ecs.Operators(), runTask), arguments(map[string]any{
		"overrides": map[string]any{"cpu": "256", "containerOverrides": []any{map[string]any{
			"name": "main", "command": []any{"a", "b"}, "environment": []any{map[string]any{"name": "K", "value": "v"}}, "memory": int64(512),
		}}},
		"launch_type": "FARGATE", "platform_version": "1.4.0", "group": "g", "propagate_tags": "TASK_DEFINITION", "tags": map[string]any{"b": int64(2), "a": "1"},
		"network_configuration": map[string]any{"awsvpcConfiguration": map[string]any{"subnets": []any{"s1"}, "assignPublicIp": "ENABLED"}},
		"placement_strategy":    []any{map[string]any{"type": "spread", "field": "host"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := s.Calls()[0].Body
	if len(got["clientToken"].(string)) != 36 || len(got["startedBy"].(string)) != 36 {
		t.Errorf("tokens %v and %v", got["clientToken"], got["startedBy"])
	}
	delete(got, "clientToken")
	delete(got, "startedBy")
	want := map[string]any{
		"taskDefinition": "def:1", "cluster": "c", "count": 1.0, "launchType": "FARGATE", "platformVersion": "1.4.0", "group": "g", "propagateTags": "TASK_DEFINITION",
		"overrides": map[string]any{"cpu": "256", "containerOverrides": []any{map[string]any{
			"name": "main", "command": []any{"a", "b"}, "environment": []any{map[string]any{"name": "K", "value": "v"}}, "memory": 512.0,
		}}},
		"tags":                 []any{map[string]any{"key": "a", "value": "1"}, map[string]any{"key": "b", "value": "2"}},
		"networkConfiguration": map[string]any{"awsvpcConfiguration": map[string]any{"subnets": []any{"s1"}, "assignPublicIp": "ENABLED"}},
		"placementStrategy":    []any{map[string]any{"type": "spread", "field": "host"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]any{"ecs_task_arn": arn}, o.XComs.Pushed); d != "" {
		t.Errorf("XComs (-want +got):\n%s", d)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	code := func(n int) func(task, container map[string]any) {
		return func(_, container map[string]any) { container["exitCode"] = n }
	}
	tests := []struct {
		name string
		end  map[string]any
		args map[string]any
		want string
	}{
		{name: "well", end: stopped(nil), want: "success"},
		{name: "exit code", end: stopped(code(3)), want: "failed (task, 3): container main ended with exit code 3: Essential container in task exited"},
		{name: "skip", end: stopped(code(3)), args: map[string]any{"skip_on_exit_code": []any{int64(2), int64(3)}}, want: "skipped: container main ended with exit code 3"},
		{name: "skip one", end: stopped(code(3)), args: map[string]any{"skip_on_exit_code": int64(3)}, want: "skipped: container main ended with exit code 3"},
		{name: "memory", end: stopped(func(_, container map[string]any) {
			container["exitCode"], container["reason"] = 137, "OutOfMemoryError: Container killed due to memory usage"
		}), want: "failed (oom, 137): container main ended with exit code 137: OutOfMemoryError: Container killed due to memory usage: Essential container in task exited"},
		{name: "image", end: stopped(func(task, container map[string]any) {
			task["stopCode"], task["stoppedReason"] = "TaskFailedToStart", "CannotPullContainerError: no such image"
			delete(container, "exitCode")
		}), want: "failed (image, 0): the ECS task failed to start: CannotPullContainerError: no such image"},
		{name: "start", end: stopped(func(task, _ map[string]any) {
			task["stopCode"], task["stoppedReason"] = "TaskFailedToStart", "ResourceInitializationError: no secret"
		}), want: "failed (infra, 0): the ECS task failed to start: ResourceInitializationError: no secret"},
		{name: "spot", end: stopped(func(task, _ map[string]any) {
			task["stopCode"], task["stoppedReason"] = "SpotInterruption", "Your Spot Task was interrupted."
		}), want: "failed (infra, 0): the ECS task lost its machine: Your Spot Task was interrupted."},
		{name: "host", end: stopped(func(task, _ map[string]any) { task["stoppedReason"] = "Host EC2 (instance i-1) terminated." }),
			want: "failed (infra, 0): the ECS task lost its machine: Host EC2 (instance i-1) terminated."},
		{name: "never ran", end: stopped(func(_, container map[string]any) { delete(container, "exitCode") }),
			want: "failed (task, 1): container main ended with exit code 1: Essential container in task exited"},
		{name: "log", end: stopped(code(3)), args: map[string]any{"awslogs_group": "/g", "awslogs_stream_prefix": "p", "number_logs_exception": int64(1)},
			want: "failed (task, 3): container main ended with exit code 3: Essential container in task exited; its last lines: last"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, _ := serve(t, tt.end)
			_, err := o.Run(t.Context(), operatortest.Find(t, ecs.Operators(), runTask), arguments(tt.args))
			if got := operatortest.Outcome(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// The container's log is copied, and its last line is the value.
func TestLog(t *testing.T) {
	t.Parallel()
	o, s := serve(t, stopped(nil))
	res, err := o.Run(t.Context(), operatortest.Find(t, ecs.Operators(), runTask), arguments(map[string]any{
		"awslogs_group": "/g", "awslogs_stream_prefix": "p", "awslogs_region": "us-west-1",
	}))
	if err != nil || res.Value != "last" {
		t.Errorf("got %v, %v", res.Value, err)
	}
	if !strings.Contains(o.Log(), "first\nlast\n") {
		t.Errorf("the log has not the container's: %s", o.Log())
	}
	for _, c := range s.Calls() {
		if c.Operation != "GetLogEvents" {
			continue
		}
		if c.Body["logGroupName"] != "/g" || c.Body["logStreamName"] != "p/main/0123" || !strings.Contains(c.Header.Get("Authorization"), "/us-west-1/logs/") {
			t.Errorf("asked for the log by %v", c.Body)
		}
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	refusal := func(reason string) func(awstest.Call) awstest.Answer {
		return func(awstest.Call) awstest.Answer {
			return awstest.Answer{Body: map[string]any{"failures": []any{map[string]any{"reason": reason, "arn": "arn:x"}}}}
		}
	}
	tests := []struct {
		name   string
		answer func(awstest.Call) awstest.Answer
		args   map[string]any
		want   string
	}{
		{name: "no room", answer: refusal("RESOURCE:MEMORY"), want: "failed (infra, 0): run task definition def:1: RESOURCE:MEMORY arn:x"},
		{name: "missing", answer: refusal("MISSING"), want: "failed (config, 0): run task definition def:1: MISSING arn:x"},
		{name: "cluster", answer: func(awstest.Call) awstest.Answer {
			return awstest.Answer{Code: "ClusterNotFoundException", Message: "Cluster not found."}
		}, want: "failed (config, 0): run task definition def:1: ClusterNotFoundException: Cluster not found: check the name, the region (eu-west-1) and the account of AWS connection aws_default"},
		{name: "field", args: map[string]any{"overrides": map[string]any{"container_overrides": []any{}}}, want: `fatal (config): argument overrides: unknown field "container_overrides": write it as the AWS API describes it`},
		{name: "code", args: map[string]any{"skip_on_exit_code": "3"}, want: "fatal (config): argument skip_on_exit_code: 3 is no exit code"},
	}
	for _, tt := range tests {
		o, _ := awstest.Serve(t, func(c awstest.Call) awstest.Answer { return tt.answer(c) })
		_, err := o.Run(t.Context(), operatortest.Find(t, ecs.Operators(), runTask), arguments(tt.args))
		if got := operatortest.Outcome(err); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// A task of an earlier try is taken over on request, one that is not waited for is left.
func TestWays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args map[string]any
		want string
	}{
		{map[string]any{"reattach": "true"}, "ListTasks DescribeTasks"},
		{map[string]any{"wait_for_completion": false}, "RunTask"},
		{map[string]any{"deferrable": true, "wait_for_completion": false}, "RunTask DescribeTasks"},
	}
	for _, tt := range tests {
		o, s := serve(t, stopped(nil))
		if _, err := o.Run(t.Context(), operatortest.Find(t, ecs.Operators(), runTask), arguments(tt.args)); err != nil {
			t.Errorf("%v: %v", tt.args, err)
		}
		if got := s.Operations(); got != tt.want {
			t.Errorf("%v: asked %s, want %s", tt.args, got, tt.want)
		}
	}
}

// Who stops the attempt stops the task; a worker that goes away does not.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		end         error
		want, asked string
	}{
		{executors.ErrCancelled, "failed: cancelled", "RunTask DescribeTasks StopTask"},
		{executors.ErrClosed, "reschedule: ", "RunTask DescribeTasks"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		var o *operatortest.Harness
		o, s := serve(t, map[string]any{"taskArn": arn, "lastStatus": "RUNNING"})
		looks := 0
		o.Now = func() time.Time { // the sensor asks for the time after its look
			if looks++; looks > 1 {
				cancel(tt.end)
			}
			return time.Now()
		}
		_, err := o.Run(ctx, operatortest.Find(t, ecs.Operators(), runTask), arguments(map[string]any{"waiter_delay": 600}))
		if got := operatortest.Outcome(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		if got := s.Operations(); got != tt.asked {
			t.Errorf("asked %s, want %s", got, tt.asked)
		}
	}
}

func TestSensor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status string
		args   map[string]any
		want   string
	}{
		{"RUNNING", nil, "success"},
		{"PENDING", nil, "reschedule: 2024-05-02T00:01:00Z"},
		{"STOPPED", nil, "failed: task t1 is STOPPED, it cannot become RUNNING any more: why"},
		{"STOPPED", map[string]any{"target_state": "STOPPED"}, "success"},
		{"DEPROVISIONING", map[string]any{"failure_states": []any{"DEPROVISIONING", "STOPPED"}}, "failed: task t1 is DEPROVISIONING, it cannot become RUNNING any more: why"},
	} {
		o, _ := serve(t, map[string]any{"taskArn": arn, "lastStatus": tt.status, "stoppedReason": "why"})
		o.Now = func() time.Time { return time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC) }
		args := map[string]any{"cluster": "c", "task": "t1", "mode": "reschedule"}
		for k, v := range tt.args {
			args[k] = v
		}
		_, err := o.Run(t.Context(), operatortest.Find(t, ecs.Operators(), state), args)
		if got := operatortest.Outcome(err); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.status, got, tt.want)
		}
	}
}
