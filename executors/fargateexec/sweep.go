package fargateexec

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/run"
)

// maxStopReason is how long the reason of a stop may be, in characters.
const maxStopReason = 255

// Cancel implements executors.Executor: the tasks of the attempt get SIGTERM, and SIGKILL
// when the stop time-out of their container is over. ECS does not know tokens: a cancel
// that is late stops what the attempt has at present.
func (e *Executor) Cancel(ctx context.Context, a run.Attempt, _, reason string) error {
	arns, err := e.list(ctx, &ecs.ListTasksInput{Cluster: aws.String(e.cfg.Cluster), StartedBy: aws.String(startedBy(a))})
	if err != nil {
		return fmt.Errorf("look for the task of %s: %w", a, err)
	}
	var errs []error
	if r := []rune(reason); len(r) > maxStopReason {
		reason = string(r[:maxStopReason])
	}
	for _, arn := range arns {
		_, err := e.client.StopTask(ctx, &ecs.StopTaskInput{Cluster: aws.String(e.cfg.Cluster), Task: aws.String(arn), Reason: aws.String(reason)})
		var gone *types.InvalidParameterException // "The referenced task was not found."
		if err != nil && !errors.As(err, &gone) {
			errs = append(errs, fmt.Errorf("stop task %s of %s: %w", arn, a, explain(err)))
		}
	}
	return errors.Join(errs...)
}

// maxPages bounds a listing: of a hundred tasks each.
const maxPages = 100

// maxDescribe is how many tasks are described at once (ECS API reference, DescribeTasks).
const maxDescribe = 100

func (e *Executor) list(ctx context.Context, in *ecs.ListTasksInput) ([]string, error) {
	var arns []string
	pages := ecs.NewListTasksPaginator(e.client, in)
	for n := 0; pages.HasMorePages() && n < maxPages; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, explain(err)
		}
		arns = append(arns, page.TaskArns...)
	}
	return arns, nil
}

// Sweep returns how those of our tasks have ended that ECS still knows: for an hour or so.
// It finds what no event told of. Whether it matters is to be seen in the store.
func (e *Executor) Sweep(ctx context.Context) ([]ecsevent.End, error) {
	arns, err := e.list(ctx, &ecs.ListTasksInput{Cluster: aws.String(e.cfg.Cluster), DesiredStatus: types.DesiredStatusStopped})
	if err != nil {
		return nil, fmt.Errorf("list the stopped tasks of cluster %s: %w", e.cfg.Cluster, err)
	}
	var ends []ecsevent.End
	for len(arns) > 0 {
		n := min(maxDescribe, len(arns))
		out, err := e.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{
			Cluster: aws.String(e.cfg.Cluster), Tasks: arns[:n], Include: []types.TaskField{types.TaskFieldTags},
		})
		if err != nil {
			return nil, fmt.Errorf("describe tasks of cluster %s: %w", e.cfg.Cluster, explain(err))
		}
		arns = arns[n:]
		for i := range out.Tasks {
			t := told(&out.Tasks[i])
			if !strings.HasPrefix(t.StartedBy, prefix) || !t.Stopped() {
				continue // somebody else's, or still stopping
			}
			if end, err := t.End(); err == nil { // without an attempt it is nobody's
				ends = append(ends, end)
			}
		}
	}
	return ends, nil
}

// told is a task as events tell of it.
func told(t *types.Task) ecsevent.Task {
	out := ecsevent.Task{
		ARN: aws.ToString(t.TaskArn), LastStatus: aws.ToString(t.LastStatus), StopCode: string(t.StopCode),
		StoppedReason: aws.ToString(t.StoppedReason), StartedBy: aws.ToString(t.StartedBy),
		StartedAt: aws.ToTime(t.StartedAt), StoppedAt: aws.ToTime(t.StoppedAt),
	}
	for i := range t.Containers {
		c := ecsevent.Container{Name: aws.ToString(t.Containers[i].Name), Reason: aws.ToString(t.Containers[i].Reason)}
		if code := t.Containers[i].ExitCode; code != nil {
			n := int(*code)
			c.ExitCode = &n
		}
		out.Containers = append(out.Containers, c)
	}
	if t.Overrides != nil {
		for i := range t.Overrides.ContainerOverrides {
			o := &t.Overrides.ContainerOverrides[i]
			out.Overrides.Containers = append(out.Overrides.Containers, ecsevent.Override{Name: aws.ToString(o.Name), Command: o.Command})
		}
	}
	for _, tag := range t.Tags {
		out.Tags = append(out.Tags, ecsevent.Tag{Key: aws.ToString(tag.Key), Value: aws.ToString(tag.Value)})
	}
	return out
}
