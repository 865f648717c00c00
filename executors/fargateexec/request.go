package fargateexec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/executors/fargateexec/fargatesize"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// capacity is how a task is paid for.
type capacity string

const (
	spot     capacity = "spot"
	onDemand capacity = "on demand"
)

// need says more of what an attempt asks for.
type need struct{ executors.Need }

// spot says whether it may run on Spot: if the task does not say, once.
func (n need) spot() bool {
	if n.Spot != nil {
		return *n.Spot
	}
	return n.Interrupted == 0
}

// request is what it takes to start one task. Everything in it follows from the attempt,
// so that starting twice is starting once.
type request struct {
	cfg        *Config
	work       *executors.Work
	need       need
	definition string
	// byDefault is the memory of the definition, in bytes, where that matters.
	byDefault int64

	overrides types.TaskOverride
}

// maxOverrides is how long overrides may be as JSON, in characters (ECS API reference,
// RunTask).
const maxOverrides = 8192

// fill makes the overrides. The attempt is one word of the command, as JSON: no shell ever
// sees it.
func (r *request) fill() error {
	a := r.work.Attempt()
	word, err := queue.Encode(queue.Envelope{Kind: queue.KindAttempt, Attempt: a})
	if err != nil {
		return fmt.Errorf("start a task for %s: %w", a, err)
	}
	r.overrides = types.TaskOverride{ContainerOverrides: []types.ContainerOverride{
		{Name: aws.String(r.cfg.Container), Command: []string{ecsevent.Command, string(word)}},
	}}
	memory := r.need.MemoryOr(r.byDefault)
	if r.need.Memory == 0 {
		memory = min(memory, fargatesize.Limits().Memory)
	}
	if memory > 0 || r.need.CPUMilli > 0 {
		size, ok := fargatesize.Fit(r.need.CPUMilli, memory)
		if !ok {
			return refuse("task %s asks for cpu %.3g and memory %s, which Fargate does not have: ask for less", r.need.Task,
				float64(r.need.CPUMilli)/1000, executors.Bytes(memory))
		}
		r.overrides.Cpu, r.overrides.Memory = aws.String(strconv.FormatInt(size.CPU, 10)), aws.String(strconv.FormatInt(size.Memory, 10))
	}
	if g := fargatesize.Storage(r.need.Storage); g > 0 {
		r.overrides.EphemeralStorage = &types.EphemeralStorage{SizeInGiB: g}
	}
	b, err := json.Marshal(r.overrides)
	if err != nil {
		return fmt.Errorf("start a task for %s: %w", a, err)
	}
	if len(b) > maxOverrides {
		return refuse("task %s: the names of its DAG, run and task are too long for ECS (%d bytes of overrides, of %d): shorten them", r.need.Task, len(b), maxOverrides)
	}
	return nil
}

// input is the call that starts the task, in the place of a dead one if that is named.
func (r *request) input(c capacity, dead string) *ecs.RunTaskInput {
	in := &ecs.RunTaskInput{
		Cluster: aws.String(r.cfg.Cluster), TaskDefinition: aws.String(r.definition), Count: aws.Int32(1),
		ClientToken: aws.String(clientToken(r.work, c, dead)), StartedBy: aws.String(startedBy(r.work.Attempt())),
		Overrides: &r.overrides, Tags: r.tags(),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: r.cfg.Subnets, SecurityGroups: r.cfg.SecurityGroups, AssignPublicIp: types.AssignPublicIpDisabled,
		}},
	}
	if r.cfg.PublicIP {
		in.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp = types.AssignPublicIpEnabled
	}
	if r.cfg.PlatformVersion != "" {
		in.PlatformVersion = aws.String(r.cfg.PlatformVersion)
	}
	if c == spot {
		in.CapacityProviderStrategy = []types.CapacityProviderStrategyItem{{CapacityProvider: aws.String("FARGATE_SPOT"), Weight: 1}}
	} else {
		in.LaunchType = types.LaunchTypeFargate
	}
	return in
}

func (r *request) tags() []types.Tag {
	var out []types.Tag
	for _, t := range ecsevent.Tags(r.work.Attempt()) {
		out = append(out, types.Tag{Key: aws.String(t.Key), Value: aws.String(t.Value)})
	}
	for _, k := range slices.Sorted(maps.Keys(r.cfg.Tags)) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(r.cfg.Tags[k])})
	}
	return out
}

// clientToken is the same as often as an attempt is started, so that ECS starts one task.
// An attempt is executed again with the same try if it was rescheduled, which is told by
// when it was executed last, and if its run was deleted and made again, which is told by
// when that was queued. A task on demand is not the one on Spot, and one that takes the
// place of a dead one not that: with other parameters a token is refused.
func clientToken(w *executors.Work, c capacity, dead string) string {
	return digest(w.Attempt(), millis(w.Run.QueuedAt), millis(w.Instance.Start), string(c), dead)
}

// millis is a time with the precision that all stores keep.
func millis(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

// prefix is that of startedBy of all our tasks.
const prefix = "updraft/"

// startedBy is how the tasks of an attempt are found.
func startedBy(a run.Attempt) string { return prefix + digest(a)[:40] }

// digest is 64 characters that follow from an attempt and more.
func digest(a run.Attempt, more ...string) string {
	b, err := json.Marshal(append([]string{a.DAG, a.Run, a.Task, strconv.Itoa(a.Map), strconv.Itoa(a.Try)}, more...))
	if err != nil {
		b = []byte(a.String()) // texts can always be marshalled
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
