package ecsevent

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/run"
)

// ExitUnreported is the exit code of a worker that could not make its report durable
// (EX_TEMPFAIL of sysexits.h). A worker whose report is durable ends with 0, whatever
// became of the attempt.
const ExitUnreported = 75

// End is how a task ended.
type End struct {
	Attempt run.Attempt
	// Worker is the name in the claims that it has made (WorkerName).
	Worker string
	// Started says that its container has run. If not, nothing was claimed.
	Started bool
	At      time.Time
	// Cause, ExitCode and Reason (one sentence) belong to a report. Without a cause the
	// worker has ended by itself, and its report is in the store.
	Cause    run.Cause
	ExitCode int
	Reason   string
}

// End says why a stopped task has ended. The error is that of Attempt.
func (t *Task) End() (End, error) {
	a, err := t.Attempt()
	if err != nil {
		return End{}, err
	}
	e := End{Attempt: a, Worker: WorkerName(t.ARN), At: t.StoppedAt}
	c := t.container()
	e.Started = c.ExitCode != nil || !t.StartedAt.IsZero()
	if c.ExitCode != nil {
		e.ExitCode = *c.ExitCode
	}
	e.Cause, e.Reason = t.judge(c)
	return e, nil
}

// container is the one that executes the attempt.
func (t *Task) container() Container {
	for _, o := range t.Overrides.Containers {
		for _, c := range t.Containers {
			if c.Name == o.Name {
				return c
			}
		}
	}
	if len(t.Containers) > 0 {
		return t.Containers[0]
	}
	return Container{}
}

// judge finds the cause: what ECS says of the task goes before what it says of the
// container, which the end of the task may have ended.
func (t *Task) judge(c Container) (run.Cause, string) {
	if c.ExitCode != nil && *c.ExitCode == 0 {
		return "", ""
	}
	told := strings.TrimSpace(c.Reason + " " + t.StoppedReason)
	if strings.Contains(told, "OutOfMemory") {
		return run.CauseOOM, "the container ran out of memory: ask for more (resources: memory)"
	}
	switch t.StopCode {
	case "SpotInterruption":
		return run.CauseInfra, "Fargate Spot took its capacity back: write executor_config: {spot: false} if the task cannot be repeated"
	case "TerminationNotice":
		return run.CauseInfra, "Fargate ended the task, for maintenance or for Spot's capacity"
	case "InfrastructureHealth":
		return run.CauseInfra, "Fargate ended the task, since its machine was not healthy"
	case "UserInitiated":
		return run.CauseUser, sentence("the task was stopped", t.StoppedReason)
	case "ServiceSchedulerInitiated":
		return run.CauseInfra, sentence("a service of ECS ended the task", t.StoppedReason)
	}
	if f := failureOf(told); f != nil {
		return f.cause, sentence(f.reason, told)
	}
	if c.ExitCode != nil {
		return judgeExit(*c.ExitCode)
	}
	if t.StopCode == "TaskFailedToStart" {
		return run.CauseInfra, sentence("the task did not start", told)
	}
	return run.CauseInfra, sentence("the task ended without an exit code", told)
}

func judgeExit(code int) (run.Cause, string) {
	switch code {
	case ExitUnreported:
		return run.CauseInfra, "the worker could not store its report"
	case 137:
		return run.CauseInfra, "the worker was killed (exit code 137): if it happens again, ask for more memory"
	case 139:
		return run.CauseTask, "the container crashed (exit code 139, SIGSEGV)"
	case 143:
		return run.CauseInfra, "the worker was asked to stop (exit code 143)"
	}
	return run.CauseTask, fmt.Sprintf("the container ended with exit code %d", code)
}

// failure is something that ECS tells, by a part of its text.
type failure struct {
	// code and detail are texts that must both be there, in whatever case.
	code, detail string
	cause        run.Cause
	reason       string
}

// failures are the errors of stopped tasks; the first that fits is the one. Source:
// ECS developer guide, "Stopped tasks error messages" and "CannotPullContainer task errors".
func failures() []failure {
	return []failure{
		{"CannotPull", "toomanyrequests", run.CauseInfra, "the registry takes no more pulls: keep the image in ECR"},
		{"CannotPull", "rate limit", run.CauseInfra, "the registry takes no more pulls: keep the image in ECR"},
		{"CannotPull", "i/o timeout", run.CauseInfra, "the registry is out of reach: do the subnets have a way out, and the security groups too?"},
		{"CannotPull", "deadline exceeded", run.CauseInfra, "the registry is out of reach: do the subnets have a way out, and the security groups too?"},
		{"CannotPull", "connection refused", run.CauseInfra, "the registry is out of reach: do the subnets have a way out, and the security groups too?"},
		{"CannotPull", "no space left", run.CauseConfig, "the image is larger than the storage: ask for more (resources: ephemeral_storage)"},
		{"CannotPull", "", run.CauseImage, "the image cannot be pulled: does it exist, and may the execution role read it?"},
		{"CannotStartContainerError", "", run.CauseImage, "the container cannot be started: does its image have the worker as entry point, for this architecture?"},
		{"CannotCreateContainerError", "", run.CauseImage, "the container cannot be started: does its image have the worker as entry point, for this architecture?"},
		{"CannotCreateVolumeError", "", run.CauseConfig, "a volume cannot be mounted"},
		{"ResourceInitializationError", "registry auth", run.CauseConfig, "the task may not, or cannot, read its secrets or its registry"},
		{"ResourceInitializationError", "secret", run.CauseConfig, "the task may not, or cannot, read its secrets"},
		{"ResourceInitializationError", "logg", run.CauseConfig, "the task cannot write its log: does the log group exist, and may the execution role write to it?"},
		{"ResourceInitializationError", "AccessDenied", run.CauseConfig, "the execution role lacks a permission"},
		{"ResourceInitializationError", "file system", run.CauseConfig, "a file system cannot be mounted"},
		{"ResourceInitializationError", "", run.CauseInfra, "Fargate could not prepare the task"},
		{"free addresses", "", run.CauseQuota, "the subnets have no address left: add larger ones"},
		{"InsufficientFreeAddresses", "", run.CauseQuota, "the subnets have no address left: add larger ones"},
		{"Capacity is unavailable", "", run.CauseInfra, "Fargate had no capacity"},
		{"ContainerRuntime", "", run.CauseInfra, "the container runtime failed"},
		{"DockerTimeoutError", "", run.CauseInfra, "the container runtime failed"},
		{"CannotInspectContainerError", "", run.CauseInfra, "the container runtime failed"},
		{"CannotStopContainerError", "", run.CauseInfra, "the container runtime failed"},
		{"InternalError", "", run.CauseInfra, "Fargate failed"},
		{"Unexpected EC2 error", "", run.CauseInfra, "the network interface of the task failed"},
		{"Timeout waiting for network interface", "", run.CauseInfra, "the network interface of the task failed"},
	}
}

func failureOf(told string) *failure {
	told = strings.ToLower(told)
	for _, f := range failures() {
		if strings.Contains(told, strings.ToLower(f.code)) && strings.Contains(told, strings.ToLower(f.detail)) {
			return &f
		}
	}
	return nil
}

// maxDetail bounds what is kept of what ECS tells, in characters.
const maxDetail = 300

// sentence is a reason with what ECS tells, in one line.
func sentence(reason, told string) string {
	told = strings.Join(strings.Fields(strings.ToValidUTF8(told, "\uFFFD")), " ")
	if told == "" {
		return reason
	}
	if utf8.RuneCountInString(told) > maxDetail {
		told = string([]rune(told)[:maxDetail-1]) + "…"
	}
	return fmt.Sprintf("%s (%s)", reason, told)
}
