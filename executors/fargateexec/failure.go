package fargateexec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"

	"github.com/updraft-dev/updraft/executors"
)

// errCapacity says that there is no capacity of the kind that was asked for.
var errCapacity = fmt.Errorf("%w: no capacity", executors.ErrBusy)

// judgeFailures makes an error of the failures in an answer that started so many tasks.
// Source: ECS developer guide, "API failure reasons".
func judgeFailures(failures []types.Failure, started int) error {
	switch {
	case started > 0:
		return nil
	case len(failures) == 0:
		return errors.New("ECS started no task, and gave no reason")
	}
	f := failures[0]
	reason := aws.ToString(f.Reason)
	if d := aws.ToString(f.Detail); d != "" {
		reason += " (" + d + ")"
	}
	switch {
	case strings.HasPrefix(reason, "RESOURCE"), strings.HasPrefix(reason, "AGENT"), strings.HasPrefix(reason, "EMPTY CAPACITY PROVIDER"),
		strings.Contains(strings.ToLower(reason), "capacity"):
		return fmt.Errorf("%w: %s", errCapacity, reason)
	case strings.HasPrefix(reason, "MISSING"), strings.HasPrefix(reason, "INACTIVE"), strings.HasPrefix(reason, "ATTRIBUTE"), strings.HasPrefix(reason, "LOCATION"):
		return fmt.Errorf("%s: are cluster, task definition and subnets in the setting fargate right?", reason)
	}
	return errors.New(reason)
}

// isStarted says that the token was used before with another request: the attempt has
// its task.
func isStarted(err error) bool {
	var conflict *types.ConflictException
	return errors.As(err, &conflict)
}

// explain adds to an error what can be done about it, and ErrBusy if that is to wait. The
// SDK has tried again what may be tried again.
func explain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	message := strings.ToLower(api.ErrorMessage())
	switch code := api.ErrorCode(); code {
	case "ThrottlingException", "Throttling", "TooManyRequestsException", "LimitExceededException", "ServerException":
		return fmt.Errorf("%w: %w", executors.ErrBusy, err)
	case "ClusterNotFoundException":
		return fmt.Errorf("%w: is the cluster in the setting fargate right?", err)
	case "AccessDeniedException":
		return fmt.Errorf("%w: the role needs ecs:RunTask for the task definition and iam:PassRole for its roles", err)
	case "BlockedException":
		return fmt.Errorf("%w: the account is blocked: ask AWS support", err)
	case "InvalidParameterException", "ClientException":
		switch {
		case strings.Contains(message, "capacity limit"), strings.Contains(message, "concurrently"), strings.Contains(message, "vcpu limit"):
			return fmt.Errorf("%w: %w", executors.ErrBusy, err)
		case strings.Contains(message, "capacity provider"):
			return fmt.Errorf("%w: add FARGATE_SPOT to the capacity providers of the cluster, or leave spot away", err)
		case strings.Contains(message, "not a container"):
			return fmt.Errorf("%w: is the container in the setting fargate the name of one in the task definition?", err)
		case strings.Contains(message, "task definition"), strings.Contains(message, "taskdefinition"):
			return fmt.Errorf("%w: is the task definition in the setting fargate right?", err)
		}
	}
	return err
}
