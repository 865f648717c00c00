package fargateexec

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// definitions are those known to exist.
type definitions struct {
	mu sync.Mutex
	// base is the one of the configuration, once it was needed.
	base *types.TaskDefinition
	// images are the names of those with other images.
	images map[string]string
}

// maxFamily is how long the name of a family may be (ECS API reference,
// RegisterTaskDefinition).
const maxFamily = 255

// withImage returns a task definition that is the configuration's with another image: an
// image is the one thing that a task cannot override. It is registered if it is not there.
// Its name follows from the image and from what it was made of, so that each is registered
// once, and again when the configuration's is another revision.
func (e *Executor) withImage(ctx context.Context, image string) (string, error) {
	d := &e.definitions
	d.mu.Lock()
	defer d.mu.Unlock()
	if name, ok := d.images[image]; ok {
		return name, nil
	}
	base, err := e.base(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(aws.ToString(base.TaskDefinitionArn) + "\n" + image))
	suffix := "-" + hex.EncodeToString(sum[:8])
	family := aws.ToString(base.Family)
	family = family[:min(len(family), maxFamily-len(suffix))] + suffix
	out, err := e.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(family)})
	var missing *types.ClientException
	switch {
	case errors.As(err, &missing), err == nil && out.TaskDefinition.Status == types.TaskDefinitionStatusInactive:
		if err := e.register(ctx, base, family, image); err != nil {
			return "", err
		}
	case err != nil:
		return "", fmt.Errorf("look for task definition %s: %w", family, explain(err))
	}
	if d.images == nil {
		d.images = map[string]string{}
	}
	d.images[image] = family
	return family, nil
}

func (e *Executor) register(ctx context.Context, base *types.TaskDefinition, family, image string) error {
	in := &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family), Cpu: base.Cpu, Memory: base.Memory, EphemeralStorage: base.EphemeralStorage,
		ExecutionRoleArn: base.ExecutionRoleArn, TaskRoleArn: base.TaskRoleArn, NetworkMode: base.NetworkMode,
		RequiresCompatibilities: base.RequiresCompatibilities, RuntimePlatform: base.RuntimePlatform, Volumes: base.Volumes,
		PidMode: base.PidMode, ProxyConfiguration: base.ProxyConfiguration,
	}
	found := false
	for _, c := range base.ContainerDefinitions {
		if aws.ToString(c.Name) == e.cfg.Container {
			c.Image = aws.String(image)
			found = true
		}
		in.ContainerDefinitions = append(in.ContainerDefinitions, c)
	}
	if !found {
		return fmt.Errorf("task definition %s has no container %s: name the one that executes attempts in the setting fargate (container=…)",
			e.cfg.TaskDefinition, e.cfg.Container)
	}
	if _, err := e.client.RegisterTaskDefinition(ctx, in); err != nil {
		return fmt.Errorf("register task definition %s for image %s: %w", family, image, explain(err))
	}
	return nil
}

// base returns the configuration's task definition. definitions.mu is held.
func (e *Executor) base(ctx context.Context) (*types.TaskDefinition, error) {
	d := &e.definitions
	if d.base == nil {
		out, err := e.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(e.cfg.TaskDefinition)})
		if err != nil {
			return nil, fmt.Errorf("look at task definition %s: %w", e.cfg.TaskDefinition, explain(err))
		}
		d.base = out.TaskDefinition
	}
	return d.base, nil
}

// baseMemory is the memory of the configuration's task definition, in bytes.
func (e *Executor) baseMemory(ctx context.Context) (int64, error) {
	e.definitions.mu.Lock()
	defer e.definitions.mu.Unlock()
	base, err := e.base(ctx)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(aws.ToString(base.Memory), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("memory of task definition %s is %q: write it in MiB", e.cfg.TaskDefinition, aws.ToString(base.Memory))
	}
	return n << 20, nil
}
