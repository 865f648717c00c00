package ecs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// hostGone is the reason of a task whose machine went away.
var hostGone = regexp.MustCompile(`^Host EC2 \(instance .+?\) (stopped|terminated)\.`)

// refused is what ECS says of a call that it did not fully do.
func refused(what string, failures []types.Failure) error {
	f := failures[0]
	reason := text(f.Reason)
	err := fmt.Errorf("%s: %s %s", what, reason, strings.TrimSpace(text(f.Detail)+" "+text(f.Arn)))
	switch {
	case strings.HasPrefix(reason, "RESOURCE:") || reason == "AGENT" || strings.Contains(reason, "capacity"):
		return &task.CauseError{Cause: run.CauseInfra, Err: err}
	case reason == "MISSING":
		return &task.CauseError{Cause: run.CauseConfig, Err: err}
	}
	return err
}

// verdict is the failure of a task that has stopped; nil if it did well.
func (r *runner) verdict(t *types.Task) error {
	reason := text(t.StoppedReason)
	failed := func(cause run.Cause, format string, args ...any) error {
		return &task.CauseError{Cause: cause, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case t.StopCode == types.TaskStopCodeTaskFailedToStart && isImage(reason):
		return failed(run.CauseImage, "the ECS task failed to start: %s", reason)
	case t.StopCode == types.TaskStopCodeTaskFailedToStart:
		return failed(run.CauseInfra, "the ECS task failed to start: %s", reason)
	case t.StopCode == types.TaskStopCodeSpotInterruption || t.StopCode == types.TaskStopCodeTerminationNotice || hostGone.MatchString(reason):
		return failed(run.CauseInfra, "the ECS task lost its machine: %s", reason)
	}
	for i := range t.Containers {
		if err := r.ended(&t.Containers[i], reason); err != nil {
			return err
		}
	}
	return nil
}

func isImage(reason string) bool {
	return strings.Contains(reason, "CannotPull") || strings.Contains(reason, "ImagePull") || strings.Contains(reason, "CannotCreateContainer")
}

// ended is the failure of one container.
func (r *runner) ended(c *types.Container, why string) error {
	name, reason := text(c.Name), text(c.Reason)
	code := 1 // a container that has stopped without a code never ran
	if c.ExitCode != nil {
		code = int(*c.ExitCode)
	}
	switch {
	case text(c.LastStatus) == stateStopped && code != 0:
	case strings.Contains(strings.ToLower(reason), "error"):
	default:
		return nil
	}
	if slices.Contains(r.skip, code) {
		return task.Skip("container %s ended with exit code %d", name, code)
	}
	said := fmt.Sprintf("container %s ended with exit code %d", name, code)
	for _, more := range []string{reason, why} {
		if more != "" {
			said += ": " + more
		}
	}
	if r.log != nil && len(r.log.tail) > 0 {
		said += "; its last lines: " + strings.Join(r.log.tail[max(0, len(r.log.tail)-r.lines):], "\n")
	}
	cause := run.CauseTask
	if strings.Contains(reason, "OutOfMemory") {
		cause = run.CauseOOM
	}
	return &task.CauseError{Cause: cause, ExitCode: code, Err: fmt.Errorf("%s", said)}
}
