package ecsevent_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

var attempt = run.Attempt{Key: run.Key{ID: run.ID{DAG: "d", Run: "manual__2026-01-01T00:00:00+00:00"}, Task: "group.t", Map: run.Unmapped}, Try: 2}

const arn = "arn:aws:ecs:us-west-2:111122223333:task/updraft/c13b4cb40f1f4fe4a2971f76ae5a47ad"

// event is a state change in the form of ECS's developer guide, with the worker's container
// and another one.
func event(t testing.TB, stop string) string {
	t.Helper()
	b, err := queue.Encode(queue.Envelope{Kind: queue.KindAttempt, Attempt: attempt})
	if err != nil {
		t.Fatal(err)
	}
	command, err := json.Marshal([]string{ecsevent.Command, string(b)})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{
  "version": "0", "id": "3317b2af-7005-947d-b652-f55e762e571a", "detail-type": "ECS Task State Change", "source": "aws.ecs",
  "account": "111122223333", "time": "2026-01-23T17:57:58Z", "region": "us-west-2", "resources": [%q],
  "detail": {
    "attachments": [{"id": "1", "type": "eni", "status": "DELETED", "details": []}],
    "availabilityZone": "us-west-2a", "capacityProviderName": "FARGATE_SPOT", "clusterArn": "arn:aws:ecs:us-west-2:111122223333:cluster/updraft",
    "cpu": "256", "memory": "512", "createdAt": "2026-01-23T17:57:34.402Z", "startedAt": "2026-01-23T17:57:40Z", "stoppedAt": "2026-01-23T17:57:58.402Z",
    "desiredStatus": "STOPPED", "group": "family:updraft", "launchType": "FARGATE", "lastStatus": "STOPPED",
    "overrides": {"containerOverrides": [{"name": "worker", "command": %s}]},
    "startedBy": "updraft/x", "taskArn": %q, "taskDefinitionArn": "arn:aws:ecs:us-west-2:111122223333:task-definition/updraft:1", "version": 4,
    %s
  }
}`, arn, command, arn, stop)
}

func TestEnd(t *testing.T) {
	t.Parallel()
	const side = `{"containerArn": "x", "name": "side", "exitCode": 0}, `
	ended := func(code int) string {
		return fmt.Sprintf(`"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited", "containers": [%s{"name": "worker", "exitCode": %d}]`, side, code)
	}
	failed := func(reason string) string {
		return fmt.Sprintf(`"stopCode": "TaskFailedToStart", "stoppedReason": %q, "containers": [%s{"name": "worker"}]`, reason, side)
	}
	for _, tt := range []struct {
		name, stop string
		cause      run.Cause
		exit       int
		reason     string
	}{
		{"success", ended(0), "", 0, ""},
		{"exit code", ended(3), run.CauseTask, 3, "the container ended with exit code 3"},
		{"not reported", ended(ecsevent.ExitUnreported), run.CauseInfra, 75, "could not store its report"},
		{"killed", ended(137), run.CauseInfra, 137, "was killed"},
		{"crash", ended(139), run.CauseTask, 139, "SIGSEGV"},
		{"asked to stop", ended(143), run.CauseInfra, 143, "asked to stop"},
		{
			"out of memory", `"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
			"containers": [{"name": "worker", "exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"}]`,
			run.CauseOOM, 137, "the container ran out of memory: ask for more (resources: memory)",
		},
		{
			"spot", `"stopCode": "SpotInterruption", "stoppedReason": "Your Spot Task was interrupted.", "containers": [{"name": "worker", "exitCode": 143}]`,
			run.CauseInfra, 143, "Fargate Spot took its capacity back",
		},
		{"spot, and the report was in time", `"stopCode": "SpotInterruption", "containers": [{"name": "worker", "exitCode": 0}]`, "", 0, ""},
		{"notice", `"stopCode": "TerminationNotice", "stoppedReason": "x", "containers": [{"name": "worker", "exitCode": 137}]`, run.CauseInfra, 137, "maintenance"},
		{"health", `"stopCode": "InfrastructureHealth", "containers": [{"name": "worker"}]`, run.CauseInfra, 0, "not healthy"},
		{"user", `"stopCode": "UserInitiated", "stoppedReason": "cleared by ada", "containers": [{"name": "worker", "exitCode": 143}]`, run.CauseUser, 143, "the task was stopped (cleared by ada)"},
		{"service", `"stopCode": "ServiceSchedulerInitiated", "containers": [{"name": "worker", "exitCode": 143}]`, run.CauseInfra, 143, "a service of ECS ended the task"},
		{
			"no image", failed("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref acme/x:9: not found"),
			run.CauseImage, 0, "does it exist",
		},
		{"pull limit", failed("CannotPullContainerError: inspect image has been retried 5 time(s): toomanyrequests: You have reached your pull rate limit"), run.CauseInfra, 0, "keep the image in ECR"},
		{"no way to the registry", failed("CannotPullContainerError: pull image manifest has been retried 5 time(s): dial tcp 52.46.0.1:443: i/o timeout"), run.CauseInfra, 0, "way out"},
		{"large image", failed("CannotPullContainerError: failed to extract layer: write: no space left on device"), run.CauseConfig, 0, "ephemeral_storage"},
		{"entry point", failed("CannotStartContainerError: exec: \"execute\": executable file not found in $PATH"), run.CauseImage, 0, "entry point"},
		{"volume", failed("CannotCreateVolumeError: x"), run.CauseConfig, 0, "volume"},
		{"secret", failed("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed"), run.CauseConfig, 0, "secrets or its registry"},
		{"log", failed("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times"), run.CauseConfig, 0, "log group"},
		{"preparation", failed("ResourceInitializationError: failed to initialize: x"), run.CauseInfra, 0, "prepare"},
		{"addresses", failed("The subnet subnet-1 does not have enough free addresses to satisfy the request"), run.CauseQuota, 0, "no address left"},
		{"capacity", failed("Capacity is unavailable at this time. Please try again later or in a different availability zone"), run.CauseInfra, 0, "no capacity"},
		{"interface", failed("Timeout waiting for network interface provisioning to complete."), run.CauseInfra, 0, "network interface"},
		{"something new", failed("SomethingNewError: x\ny"), run.CauseInfra, 0, "the task did not start (SomethingNewError: x y)"},
		{"runtime", `"stopCode": "EssentialContainerExited", "containers": [{"name": "worker", "reason": "ContainerRuntimeTimeoutError: x"}]`, run.CauseInfra, 0, "runtime"},
		{"no exit code", `"stopCode": "EssentialContainerExited", "containers": []`, run.CauseInfra, 0, "without an exit code"},
	} {
		task, err := ecsevent.Decode([]byte(event(t, tt.stop)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got, err := task.End()
		if err != nil || !task.Stopped() {
			t.Errorf("%s: %+v, %v", tt.name, task, err)
			continue
		}
		if !strings.Contains(got.Reason, tt.reason) || tt.reason == "" && got.Reason != "" {
			t.Errorf("%s: reason %q, want %q in it", tt.name, got.Reason, tt.reason)
		}
		want := ecsevent.End{
			Attempt: attempt, Worker: "fargate/updraft/c13b4cb40f1f4fe4a2971f76ae5a47ad", Started: true, At: time.Date(2026, 1, 23, 17, 57, 58, 402e6, time.UTC),
			Cause: tt.cause, ExitCode: tt.exit, Reason: got.Reason,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestNotStarted(t *testing.T) {
	t.Parallel()
	s := strings.Replace(event(t, `"stopCode": "TaskFailedToStart", "containers": [{"name": "worker"}]`), `"startedAt": "2026-01-23T17:57:40Z", `, "", 1)
	task, err := ecsevent.Decode([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	if end, err := task.End(); err != nil || end.Started {
		t.Errorf("got %+v, %v; want one that was not started", end, err)
	}
	running, err := ecsevent.Decode([]byte(strings.Replace(event(t, `"containers": []`), `"lastStatus": "STOPPED"`, `"lastStatus": "RUNNING"`, 1)))
	if err != nil || running.Stopped() {
		t.Errorf("a running task: %+v, %v", running, err)
	}
}

func TestAttemptOfTags(t *testing.T) {
	t.Parallel()
	odd := attempt
	odd.Run = "it's 任务"
	long := attempt
	long.Task = strings.Repeat("t", 300)
	for name, tt := range map[string]struct {
		a    run.Attempt
		tags []ecsevent.Tag
		want string // fault
	}{
		"plain":      {a: attempt, tags: ecsevent.Tags(attempt)},
		"odd name":   {tags: ecsevent.Tags(odd), want: "names no attempt"},
		"long name":  {tags: ecsevent.Tags(long), want: "names no attempt"},
		"no tags":    {want: "names no attempt"},
		"no DAG":     {tags: ecsevent.Tags(attempt)[1:], want: "lack one"},
		"bad map":    {tags: []ecsevent.Tag{{Key: ecsevent.TagTry, Value: "1"}, {Key: ecsevent.TagMap, Value: "x"}}, want: "map index"},
		"bad try":    {tags: []ecsevent.Tag{{Key: ecsevent.TagTry, Value: "0"}, {Key: ecsevent.TagMap, Value: "1"}}, want: "number of a try"},
		"other tags": {tags: []ecsevent.Tag{{Key: "team", Value: "x"}}, want: "names no attempt"},
	} {
		for _, tag := range tt.tags {
			if len([]rune(tag.Value)) > 256 || strings.ContainsAny(tag.Value, "'任") {
				t.Errorf("%s: %q cannot be the value of a tag", name, tag.Value)
			}
		}
		task := ecsevent.Task{ARN: arn, Tags: tt.tags}
		got, err := task.Attempt()
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
			}
			continue
		}
		if err != nil || got != tt.a {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestAttemptOfForgedCommands(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{{"execute", "{}"}, {"execute", `{"v":1,"kind":"plan","dag":"d","run":"r"}`}} {
		task := ecsevent.Task{ARN: arn, Tags: ecsevent.Tags(attempt), Overrides: ecsevent.Overrides{Containers: []ecsevent.Override{{Name: "worker", Command: command}}}}
		if a, err := task.Attempt(); err == nil {
			t.Errorf("%q names %v", command, a)
		}
		if _, err := task.End(); err == nil {
			t.Errorf("%q: it ended without an error", command)
		}
	}
}

func TestDecodeFaults(t *testing.T) {
	t.Parallel()
	good := event(t, `"containers": []`)
	for name, tt := range map[string]struct{ event, want string }{
		"not JSON":       {`x`, "not a JSON object"},
		"another source": {strings.Replace(good, `"aws.ecs"`, `"acme"`, 1), `of "acme"`},
		"another event":  {strings.Replace(good, "ECS Task State Change", "ECS Deployment State Change", 1), "Deployment"},
		"no task":        {strings.Replace(good, `"taskArn"`, `"x"`, 1), "names no task"},
		"wrong types":    {strings.Replace(good, `"containers": []`, `"containers": [{"exitCode": "x"}]`, 1), "its detail"},
		"no detail":      {`{"source":"aws.ecs","detail-type":"ECS Task State Change"}`, "its detail"},
		"much too large": {`"` + strings.Repeat("x", 1<<20) + `"`, "bytes"},
	} {
		if _, err := ecsevent.Decode([]byte(tt.event)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(event(f, `"stopCode": "TaskFailedToStart", "stoppedReason": "CannotPullContainerError", "containers": [{"name": "worker", "exitCode": -1}]`)))
	f.Add([]byte(`{"source":"aws.ecs","detail-type":"ECS Task State Change","detail":{"taskArn":"x","lastStatus":"STOPPED"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		task, err := ecsevent.Decode(b)
		if err != nil {
			return
		}
		end, err := task.End()
		if err == nil && ((end.Cause == "") != (end.Reason == "") || strings.Contains(end.Reason, "\n")) {
			t.Errorf("%q ended with %+v", b, end)
		}
	})
}
