package ecs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/task"
)

// arnKey is the XCom with the ARN of the task.
const arnKey = "ecs_task_arn"

// runner is an EcsRunTaskOperator at work.
type runner struct {
	a      *task.Attempt
	acc    *aws.Account
	client *api.Client
	in     *api.RunTaskInput
	log    *containerLog // nil if there is none to read
	// lines is number_logs_exception, skip are the exit codes that skip.
	lines    int
	skip     []int
	reattach bool
}

// runTask executes an EcsRunTaskOperator. The task is started with a token of the attempt,
// so that a worker that takes the attempt over finds it instead of starting another.
func runTask(ctx context.Context, a *task.Attempt) (task.Result, error) {
	in, err := input(a)
	if err != nil {
		return task.Result{}, err
	}
	r := &runner{a: a, in: in}
	job := aws.Job{Name: "ECS task", Key: arnKey, Start: r.start, Look: r.look, Stop: r.stop}
	if err := r.options(&job); err != nil {
		return task.Result{}, err
	}
	if r.acc, err = aws.Open(ctx, a, ""); err != nil {
		return task.Result{}, err
	}
	defer r.acc.Close()
	r.client = newClient(r.acc)
	if r.log, err = newLog(a, r.acc); err != nil {
		return task.Result{}, err
	}
	if r.log != nil && (job.Deferred || a.Instance.Reschedules > 0) {
		r.log.every = 0 // where the last worker stopped reading is not known: all at the end
	}
	return job.Run(ctx, a)
}

// input makes the call of the arguments.
func input(a *task.Attempt) (*api.RunTaskInput, error) {
	in := &api.RunTaskInput{StartedBy: sdk.String(aws.Owner(a)), ClientToken: sdk.String(aws.Token(a)), Count: sdk.Int32(1)}
	var errs [13]error
	var launch, propagate string
	var tags map[string]any
	in.TaskDefinition, errs[0] = aws.Optional(a, "task_definition")
	in.Cluster, errs[1] = aws.Optional(a, "cluster")
	in.Overrides, errs[2] = aws.Shape[*types.TaskOverride](a, "overrides")
	launch, errs[3] = task.Get(a, "launch_type", string(types.LaunchTypeEc2))
	in.CapacityProviderStrategy, errs[4] = aws.Shape[[]types.CapacityProviderStrategyItem](a, "capacity_provider_strategy")
	in.VolumeConfigurations, errs[5] = aws.Shape[[]types.TaskVolumeConfiguration](a, "volume_configurations")
	in.Group, errs[6] = aws.Optional(a, "group")
	in.PlacementConstraints, errs[7] = aws.Shape[[]types.PlacementConstraint](a, "placement_constraints")
	in.PlacementStrategy, errs[8] = aws.Shape[[]types.PlacementStrategy](a, "placement_strategy")
	in.PlatformVersion, errs[9] = aws.Optional(a, "platform_version")
	in.NetworkConfiguration, errs[10] = aws.Shape[*types.NetworkConfiguration](a, "network_configuration")
	tags, errs[11] = task.Get(a, "tags", map[string]any(nil))
	propagate, errs[12] = task.Get(a, "propagate_tags", "")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if in.TaskDefinition == nil {
		return nil, task.Misconfigured(errors.New("argument task_definition is empty: name a task definition"))
	}
	if len(in.CapacityProviderStrategy) == 0 {
		in.LaunchType = types.LaunchType(launch)
	}
	in.PropagateTags = types.PropagateTags(propagate)
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: sdk.String(fmt.Sprint(tags[key]))})
	}
	return in, nil
}

// options reads the arguments about the wait.
func (r *runner) options(job *aws.Job) error {
	var errs [7]error
	var wait, stop bool
	var delay int
	wait, errs[0] = aws.Truth(r.a, "wait_for_completion", true)
	stop, errs[1] = task.Get(r.a, "stop_task_on_failure", true)
	delay, errs[2] = task.Get(r.a, "waiter_delay", 6)
	job.Attempts, errs[3] = task.Get(r.a, "waiter_max_attempts", 1_000_000)
	job.Deferred, errs[4] = aws.Truth(r.a, "deferrable", false)
	r.lines, errs[5] = aws.Int(r.a, "number_logs_exception", 10)
	r.reattach, errs[6] = aws.Truth(r.a, "reattach", false)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	job.Every, job.Detached, job.KeepOnFailure = time.Duration(delay)*time.Second, !wait && !job.Deferred, !stop
	var err error
	r.skip, err = exitCodes(r.a.Args["skip_on_exit_code"])
	return err
}

// exitCodes reads one code or several.
func exitCodes(v any) ([]int, error) {
	var l []any
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		l = v
	case task.Tuple:
		l = v
	default:
		l = []any{v}
	}
	out := make([]int, len(l))
	for i, e := range l {
		switch n := e.(type) {
		case int64:
			out[i] = int(n)
		case int:
			out[i] = n
		default:
			return nil, task.Misconfigured(fmt.Errorf("argument skip_on_exit_code: %v is no exit code", e))
		}
	}
	return out, nil
}

// start runs the task, or finds the one that an earlier try left running.
func (r *runner) start(ctx context.Context) (string, error) {
	arn, err := r.earlier(ctx)
	if err != nil {
		return "", err
	}
	if arn == "" {
		r.a.Log.InfoContext(ctx, fmt.Sprintf("running task definition %s on cluster %s", *r.in.TaskDefinition, text(r.in.Cluster)))
		out, err := r.client.RunTask(ctx, r.in)
		switch {
		case err != nil:
			return "", r.acc.Failed("run task definition "+*r.in.TaskDefinition, err)
		case len(out.Failures) > 0:
			return "", refused("run task definition "+*r.in.TaskDefinition, out.Failures)
		case len(out.Tasks) == 0:
			return "", fmt.Errorf("ECS has started no task of %s, and does not say why", *r.in.TaskDefinition)
		}
		arn = text(out.Tasks[0].TaskArn)
	}
	r.a.Log.InfoContext(ctx, "the ECS task is "+arn)
	if r.a.Task.DoXComPush {
		return arn, r.a.XComs.Push(ctx, arnKey, arn)
	}
	return arn, nil
}

// earlier returns a running task of an earlier try, if one is to be taken over.
func (r *runner) earlier(ctx context.Context) (string, error) {
	if !r.reattach {
		return "", nil
	}
	out, err := r.client.ListTasks(ctx, &api.ListTasksInput{Cluster: r.in.Cluster, StartedBy: r.in.StartedBy, DesiredStatus: types.DesiredStatusRunning})
	if err != nil {
		return "", r.acc.Failed("look for a task to take over", err)
	}
	if len(out.TaskArns) == 0 {
		return "", nil
	}
	r.a.Log.InfoContext(ctx, "taking over the task of an earlier try")
	return out.TaskArns[0], nil
}

// look says whether the task has ended, and copies what its container has logged.
func (r *runner) look(ctx context.Context, arn string) (bool, any, error) {
	t, err := describe(ctx, r.acc, r.client, text(r.in.Cluster), arn)
	if err != nil {
		return false, nil, err
	}
	ended := text(t.LastStatus) == stateStopped
	if r.log != nil {
		if err := r.log.fetch(ctx, t, ended); err != nil {
			r.a.Log.WarnContext(ctx, "reading the container's log: "+err.Error())
		}
	}
	if !ended {
		return false, nil, nil
	}
	if err := r.verdict(t); err != nil {
		return true, nil, err
	}
	if r.log != nil && len(r.log.tail) > 0 {
		return true, r.log.tail[len(r.log.tail)-1], nil
	}
	return true, nil, nil
}

func (r *runner) stop(ctx context.Context, arn string) error {
	_, err := r.client.StopTask(ctx, &api.StopTaskInput{Cluster: r.in.Cluster, Task: &arn, Reason: sdk.String("the task of Updraft was stopped or failed")})
	return r.acc.Failed("stop the task", err)
}

func text(s *string) string { return strings.TrimSpace(sdk.ToString(s)) }
