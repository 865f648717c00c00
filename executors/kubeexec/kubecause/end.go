package kubecause

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/run"
)

// End is how a pod ended.
type End struct {
	// Started says that its main container has run. If not, nothing was claimed.
	Started bool
	At      time.Time
	// Cause, ExitCode and Reason (one sentence) belong to a report. Without a cause the main
	// container has ended by itself, with 0.
	Cause    run.Cause
	ExitCode int
	Reason   string
}

// Ended says why a pod has ended; ok is false if it has not. It has as soon as its main
// container has: others would go on for ever. The events, which may be missing, tell of
// memory that ran out where the container's status does not.
func Ended(pod *corev1.Pod, events []corev1.Event) (e End, ok bool) {
	status := statusOf(pod.Status.ContainerStatuses, mainContainer(pod))
	var t *corev1.ContainerStateTerminated
	if status != nil {
		t = status.State.Terminated
	}
	over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	if t == nil && !over {
		return End{}, false
	}
	e = End{Started: started(status), At: endOf(pod, t)}
	if t != nil {
		e.ExitCode = int(t.ExitCode)
	}
	e.Cause, e.Reason = judge(pod, t, events)
	return e, true
}

// Gone says why a pod has ended that is not there any more, by what was last seen of it.
func Gone(pod *corev1.Pod, events []corev1.Event) End {
	if e, ok := Ended(pod, events); ok {
		return e
	}
	e := End{Started: started(statusOf(pod.Status.ContainerStatuses, mainContainer(pod))), At: endOf(pod, nil)}
	if r := disrupted(pod); r != nil {
		e.Cause, e.Reason = r.cause, r.reason
		return e
	}
	if pod.DeletionTimestamp != nil {
		e.Cause, e.Reason = run.CauseUser, deleted
		return e
	}
	e.Cause, e.Reason = run.CauseInfra, "the pod has vanished: it was deleted by force, or its node was removed"
	return e
}

// deleted is the sentence for pods that nobody but a person deletes.
const deleted = "the pod was deleted by somebody: to end a task, mark or clear it instead"

// started says that a container has run.
func started(s *corev1.ContainerStatus) bool {
	if s == nil {
		return false
	}
	t := s.State.Terminated
	return s.State.Running != nil || t != nil && t.Reason != "StartError" && t.Reason != "ContainerCannotRun" ||
		s.LastTerminationState.Terminated != nil
}

// endOf is when a pod ended, as far as it tells.
func endOf(pod *corev1.Pod, t *corev1.ContainerStateTerminated) time.Time {
	if t != nil && !t.FinishedAt.IsZero() {
		return t.FinishedAt.UTC()
	}
	if c := condition(pod, corev1.DisruptionTarget); c != nil && !c.LastTransitionTime.IsZero() {
		return c.LastTransitionTime.UTC()
	}
	if pod.DeletionTimestamp != nil {
		return pod.DeletionTimestamp.UTC()
	}
	return time.Time{}
}

// judge finds the cause. Out of memory goes before all else, then what is said of the pod,
// whose end has ended the container, and then what is said of the container.
func judge(pod *corev1.Pod, t *corev1.ContainerStateTerminated, events []corev1.Event) (run.Cause, string) {
	switch {
	case t != nil && t.ExitCode == 0:
		return "", "" // its report is in the store, whatever happened to the pod
	case t != nil && t.Reason == "OOMKilled":
		return run.CauseOOM, outOfMemory(pod)
	}
	if r := find(podRows(), pod.Status.Reason, pod.Status.Message); r != nil {
		return r.cause, r.sentence(pod.Status.Message)
	}
	if r := disrupted(pod); r != nil {
		return r.cause, r.reason
	}
	if t == nil {
		return judgeInit(pod)
	}
	if r := find(containerRows(), t.Reason, t.Message); r != nil {
		return r.cause, r.sentence(t.Message)
	}
	if t.ExitCode == 137 && killedForMemory(pod, events) {
		return run.CauseOOM, outOfMemory(pod)
	}
	if pod.DeletionTimestamp != nil && t.ExitCode != kubeevent.ExitUnreported {
		return run.CauseUser, deleted
	}
	if r := find(exitRows(), fmt.Sprint(t.ExitCode), ""); r != nil {
		return r.cause, r.reason
	}
	return run.CauseTask, fmt.Sprintf("the container ended with exit code %d", t.ExitCode)
}

// outOfMemory says how much there was of it.
func outOfMemory(pod *corev1.Pod) string {
	for _, c := range pod.Spec.Containers {
		if limit, there := c.Resources.Limits[corev1.ResourceMemory]; there && c.Name == mainContainer(pod) {
			return fmt.Sprintf("the container ran out of memory (limit %s): ask for more (resources: memory)", limit.String())
		}
	}
	return "the container ran out of memory: ask for more (resources: memory)"
}

// killedForMemory looks for word of a process that the kernel killed for want of memory:
// that of the main container may have been, without the container's status saying so.
func killedForMemory(pod *corev1.Pod, events []corev1.Event) bool {
	for _, e := range events {
		if e.InvolvedObject.UID != "" && e.InvolvedObject.UID != pod.UID && e.InvolvedObject.Kind == "Pod" {
			continue
		}
		if e.Reason == "OOMKilling" || e.Reason == "SystemOOM" {
			return true
		}
	}
	return false
}

// disrupted is what ended a pod from outside, nil if nothing did.
func disrupted(pod *corev1.Pod) *row {
	c := condition(pod, corev1.DisruptionTarget)
	if c == nil || c.Status != corev1.ConditionTrue {
		return nil
	}
	return find(disruptionRows(), c.Reason, c.Message)
}

// judgeInit finds the cause of a pod whose main container has not run.
func judgeInit(pod *corev1.Pod) (run.Cause, string) {
	for _, s := range pod.Status.InitContainerStatuses {
		t := s.State.Terminated
		if t == nil || t.ExitCode == 0 {
			continue
		}
		switch {
		case t.Reason == "OOMKilled":
			return run.CauseConfig, fmt.Sprintf("init container %s ran out of memory: give it more in the pod template or in pod_override", s.Name)
		case find(containerRows(), t.Reason, t.Message) != nil:
			r := find(containerRows(), t.Reason, t.Message)
			return r.cause, fmt.Sprintf("init container %s: %s", s.Name, r.sentence(t.Message))
		case s.Name == kubeevent.InitContainer:
			return run.CauseInfra, fmt.Sprintf("the runner could not be installed into the pod (exit code %d)", t.ExitCode)
		}
		return run.CauseTask, sentence(fmt.Sprintf("init container %s ended with exit code %d", s.Name, t.ExitCode), t.Message)
	}
	if pod.DeletionTimestamp != nil {
		return run.CauseUser, deleted
	}
	told := strings.TrimSpace(pod.Status.Reason + " " + pod.Status.Message)
	return run.CauseInfra, sentence("the pod ended before its container has run", told)
}
