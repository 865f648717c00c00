package ecs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/updraft-dev/updraft/operators/aws"
	"github.com/updraft-dev/updraft/task"
)

// maxTail is how many lines are kept for the message of a failure.
const maxTail = 1000

// containerLog reads the log of a task's container from CloudWatch.
type containerLog struct {
	a      *task.Attempt
	acc    *aws.Account
	client *logs.Client
	group  string
	prefix string
	// container is empty for the first one.
	container string
	// every is the time between two looks; 0 means to read only at the end.
	every time.Duration
	last  time.Time
	next  *string
	// tail are the last lines.
	tail []string
}

// newLog returns the log that the arguments name; nil if they name none.
func newLog(a *task.Attempt, acc *aws.Account) (*containerLog, error) {
	l := &containerLog{a: a, acc: acc}
	var errs [5]error
	var region string
	l.group, errs[0] = task.Get(a, "awslogs_group", "")
	l.prefix, errs[1] = task.Get(a, "awslogs_stream_prefix", "")
	l.container, errs[2] = task.Get(a, "container_name", "")
	region, errs[3] = task.Get(a, "awslogs_region", "")
	l.every, errs[4] = task.Get(a, "awslogs_fetch_interval", 30*time.Second)
	if err := errors.Join(errs[:]...); err != nil || l.group == "" || l.prefix == "" {
		return nil, err
	}
	cfg := acc.Config.Copy()
	if region != "" {
		cfg.Region = region
	}
	l.client = logs.NewFromConfig(cfg, func(o *logs.Options) { acc.Endpoint("logs", &o.BaseEndpoint) })
	return l, nil
}

// stream is the name that the awslogs driver gives to the container's stream.
func (l *containerLog) stream(t *types.Task) string {
	id := text(t.TaskArn)
	id = id[strings.LastIndexByte(id, '/')+1:]
	name := l.container
	if name == "" && len(t.Containers) > 0 {
		name = text(t.Containers[0].Name)
	}
	if name == "" || strings.HasSuffix(l.prefix, "/"+name) {
		return l.prefix + "/" + id
	}
	return l.prefix + "/" + name + "/" + id
}

// fetch copies what is new, if it is time or the task has ended.
func (l *containerLog) fetch(ctx context.Context, t *types.Task, ended bool) error {
	now := l.a.Now()
	if !ended && (l.every <= 0 || now.Sub(l.last) < l.every) {
		return nil
	}
	l.last = now
	stream, fromHead := l.stream(t), true
	for {
		out, err := l.client.GetLogEvents(ctx, &logs.GetLogEventsInput{
			LogGroupName: &l.group, LogStreamName: &stream, StartFromHead: &fromHead, NextToken: l.next,
		})
		if aws.IsAbsent(err) && !ended {
			return nil // the container has not written yet
		}
		if err != nil {
			return l.acc.Failed(fmt.Sprintf("stream %s of group %s", stream, l.group), err)
		}
		for _, e := range out.Events {
			l.keep(text(e.Message))
		}
		// The end of a stream gives the token that it was asked with.
		same := l.next != nil && out.NextForwardToken != nil && *l.next == *out.NextForwardToken
		l.next = out.NextForwardToken
		if same || l.next == nil {
			return nil
		}
	}
}

func (l *containerLog) keep(line string) {
	fmt.Fprintln(l.a.Output, line)
	if l.tail = append(l.tail, line); len(l.tail) > maxTail {
		l.tail = append([]string(nil), l.tail[maxTail/2:]...)
	}
}
