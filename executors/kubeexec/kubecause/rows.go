package kubecause

import (
	"strconv"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/run"
)

// podRows are the reasons in the status of pods that have failed. Sources: the kubelet's
// eviction manager, its admission of pods, its shutdown manager; k8s.io/kubernetes 1.34.
func podRows() []row {
	const (
		storage = "the pod wrote more to its local storage than it may: ask for more (resources: ephemeral_storage)"
		room    = "the node had no room for the pod after all"
	)
	return []row{
		{code: "Evicted", detail: "low on resource: memory", cause: run.CauseInfra, reason: "the node ran out of memory and evicted the pod: have tasks request what they use (resources: memory)", told: true},
		{code: "Evicted", detail: "exceeds the total limit", cause: run.CauseTask, reason: storage, told: true},
		{code: "Evicted", detail: "exceeds the limit", cause: run.CauseTask, reason: storage, told: true},
		{code: "Evicted", detail: "exceeded its local ephemeral storage limit", cause: run.CauseTask, reason: storage, told: true},
		{code: "Evicted", detail: "ephemeral-storage", cause: run.CauseInfra, reason: "the node ran out of disk and evicted the pod: have tasks request what they use (resources: ephemeral_storage)", told: true},
		{code: "Evicted", detail: "DiskPressure", cause: run.CauseInfra, reason: "the node is short of disk and takes no pods", told: true},
		{code: "Evicted", detail: "MemoryPressure", cause: run.CauseInfra, reason: "the node is short of memory and takes no pods", told: true},
		{code: "Evicted", cause: run.CauseInfra, reason: "the node evicted the pod", told: true},
		{code: "DeadlineExceeded", cause: run.CauseTimeout, reason: "the pod lived longer than its activeDeadlineSeconds, which follows from the task's execution_timeout", told: true},
		{code: "Preempting", cause: run.CauseInfra, reason: "the node ended the pod to make room for a critical one", told: true},
		{code: "Terminated", cause: run.CauseInfra, reason: "the node was shut down", told: true},
		{code: "NodeShutdown", cause: run.CauseInfra, reason: "the node was shut down", told: true},
		{code: "Shutdown", cause: run.CauseInfra, reason: "the node was shut down", told: true},
		{code: "NodeLost", cause: run.CauseInfra, reason: "the node of the pod was lost", told: true},
		{code: "OutOfmemory", cause: run.CauseInfra, reason: room, told: true},
		{code: "OutOfcpu", cause: run.CauseInfra, reason: room, told: true},
		{code: "OutOfpods", cause: run.CauseInfra, reason: room, told: true},
		{code: "OutOfephemeral-storage", cause: run.CauseInfra, reason: room, told: true},
		{code: "NodeAffinity", cause: run.CauseInfra, reason: "the node's labels have changed, so that the pod may not run there any more", told: true},
		{code: "UnexpectedAdmissionError", cause: run.CauseInfra, reason: "the node did not admit the pod", told: true},
		{code: "TopologyAffinityError", cause: run.CauseInfra, reason: "the node could not give the pod CPUs and devices that are near each other", told: true},
	}
}

// disruptionRows are the reasons of the condition DisruptionTarget. Source: Kubernetes'
// documentation, "Disruptions", "Pod disruption conditions".
func disruptionRows() []row {
	return []row{
		{code: "PreemptionByScheduler", cause: run.CauseInfra, reason: "the pod was preempted by one of a higher priority: give the task's pods a priority class (pod_override: spec.priorityClassName)"},
		{code: "DeletionByTaintManager", cause: run.CauseInfra, reason: "the pod was deleted because its node was tainted: the node is lost, drained, or its spot capacity was taken back"},
		{code: "EvictionByEvictionAPI", cause: run.CauseInfra, reason: "the pod was evicted, as when a node is drained or scaled away"},
		{code: "DeletionByPodGC", cause: run.CauseInfra, reason: "the pod was deleted because its node is not there any more"},
		{code: "TerminationByKubelet", cause: run.CauseInfra, reason: "the node ended the pod: it is shut down, or short of memory or disk"},
		{cause: run.CauseInfra, reason: "the pod was disrupted from outside"},
	}
}

// containerRows are the reasons of containers that have ended, beside OOMKilled, Completed
// and Error.
func containerRows() []row {
	return []row{
		{code: "StartError", detail: "no such file", cause: run.CauseImage, reason: "the container cannot be started: a program or a mounted file is not there, or is for another architecture", told: true},
		{code: "StartError", detail: "exec format", cause: run.CauseImage, reason: "the container cannot be started: the image or the runner is for another architecture", told: true},
		{code: "StartError", cause: run.CauseImage, reason: "the container cannot be started", told: true},
		{code: "ContainerCannotRun", cause: run.CauseImage, reason: "the container cannot be started", told: true},
		{code: "ContainerStatusUnknown", cause: run.CauseInfra, reason: "the node has lost the container, as when it is restarted"},
		{code: "DeadlineExceeded", cause: run.CauseTimeout, reason: "the pod lived longer than its activeDeadlineSeconds, which follows from the task's execution_timeout"},
	}
}

// exitRows are exit codes, of containers that ended with another than 0.
func exitRows() []row {
	return []row{
		{code: strconv.Itoa(kubeevent.ExitUnreported), cause: run.CauseInfra, reason: "the runner could not store its report"},
		{code: "137", cause: run.CauseInfra, reason: "the runner was killed (exit code 137): if it happens again, ask for more memory"},
		{code: "139", cause: run.CauseTask, reason: "the container crashed (exit code 139, SIGSEGV)"},
		{code: "143", cause: run.CauseInfra, reason: "the runner was asked to stop (exit code 143)"},
	}
}

// waitRows are the reasons of containers that have not started. Those that nothing but a
// change of the task or its surroundings would mend end the attempt at once.
func waitRows() []row {
	const (
		access = "the image cannot be pulled: may the pod read its registry (imagePullSecrets in the pod template)?"
		absent = "the image cannot be pulled, since it does not exist: is its name right?"
		busy   = "the registry takes no more pulls at present: keep the image in a registry of your own"
		far    = "the registry is out of reach"
	)
	rows := []row{
		{code: "InvalidImageName", cause: run.CauseImage, reason: "the name of the image is none", told: true},
		{code: "ErrImageNeverPull", cause: run.CauseImage, reason: "the image is not on the node, and may not be pulled: load it, or write another imagePullPolicy", told: true},
		{code: "ImageInspectError", cause: run.CauseImage, reason: "the image on the node is broken", told: true},
		{code: "SignatureValidationFailed", cause: run.CauseImage, reason: "the image's signature is not accepted", told: true},
		{code: "CreateContainerConfigError", detail: "runAsNonRoot", cause: run.CauseConfig, reason: "the image runs as root, which its pod may not: write a user that is not root (pod_override: spec.securityContext.runAsUser)", told: true},
		{code: "CreateContainerConfigError", detail: "non-root policy", cause: run.CauseConfig, reason: "the pod may not run as root: write a user that is not root (pod_override: spec.securityContext.runAsUser)"},
		{code: "CreateContainerConfigError", detail: "non-numeric user", cause: run.CauseConfig, reason: "the image's user is a name, of which nobody knows that it is not root: write its number (pod_override: spec.securityContext.runAsUser)", told: true},
		{code: "CreateContainerConfigError", detail: "timed out", cause: run.CauseInfra, reason: "the node waits for the API server", wait: true, told: true},
		{code: "CreateContainerConfigError", cause: run.CauseConfig, reason: "the container needs something that is not there: make it, or leave it away", told: true},
		{code: "CreateContainerError", detail: "deadline exceeded", cause: run.CauseInfra, reason: "the node is slow to make the container", wait: true, told: true},
		{code: "CreateContainerError", detail: "is reserved", cause: run.CauseInfra, reason: "the node is slow to make the container", wait: true, told: true},
		{code: "CreateContainerError", cause: run.CauseImage, reason: "the container cannot be made of its image", told: true},
		{code: "RunContainerError", cause: run.CauseImage, reason: "the container cannot be started", told: true},
		{code: "CrashLoopBackOff", cause: run.CauseTask, reason: "a container ends again and again", wait: true, told: true},
		{code: "RegistryUnavailable", cause: run.CauseInfra, reason: far, wait: true, told: true},
	}
	for _, code := range []string{"ErrImagePull", "ImagePullBackOff"} {
		rows = append(rows,
			row{code: code, detail: "pull QPS exceeded", cause: run.CauseInfra, reason: "the node pulls as many images as it may", wait: true},
			row{code: code, detail: "toomanyrequests", cause: run.CauseInfra, reason: busy, wait: true, told: true},
			row{code: code, detail: "rate limit", cause: run.CauseInfra, reason: busy, wait: true, told: true},
			row{code: code, detail: "no match for platform", cause: run.CauseImage, reason: "the image is not there for the node's architecture: build it, or write a node selector", told: true},
			row{code: code, detail: "unauthorized", cause: run.CauseImage, reason: access, told: true},
			row{code: code, detail: "authorization failed", cause: run.CauseImage, reason: access, told: true},
			row{code: code, detail: "access denied", cause: run.CauseImage, reason: access, told: true},
			row{code: code, detail: "forbidden", cause: run.CauseImage, reason: access, told: true},
			row{code: code, detail: "manifest unknown", cause: run.CauseImage, reason: absent, told: true},
			row{code: code, detail: "not found", cause: run.CauseImage, reason: absent, told: true},
			row{code: code, detail: "no space left", cause: run.CauseInfra, reason: "the node has no disk left for the image", wait: true, told: true},
			row{code: code, detail: "no such host", cause: run.CauseInfra, reason: far + ": is its name right?", wait: true, told: true},
			row{code: code, detail: "i/o timeout", cause: run.CauseInfra, reason: far, wait: true, told: true},
			row{code: code, detail: "connection refused", cause: run.CauseInfra, reason: far, wait: true, told: true},
			row{code: code, cause: run.CauseImage, reason: "the image cannot be pulled yet: does it exist, and may the pod read its registry?", wait: true, told: true},
		)
	}
	return rows
}

// eventRows are the reasons of events about pods whose containers are being made.
func eventRows() []row {
	const missing = "a volume needs something that is not there: make it, or leave the volume away"
	return []row{
		{code: "FailedMount", detail: `secret "`, cause: run.CauseConfig, reason: missing, told: true},
		{code: "FailedMount", detail: `configmap "`, cause: run.CauseConfig, reason: missing, told: true},
		{code: "FailedMount", cause: run.CauseInfra, reason: "a volume is not mounted yet", wait: true, told: true},
		{code: "FailedAttachVolume", cause: run.CauseInfra, reason: "a volume is not attached yet", wait: true, told: true},
		{code: "FailedCreatePodSandBox", cause: run.CauseInfra, reason: "the node cannot make the pod's network yet", wait: true, told: true},
		{code: "NetworkNotReady", cause: run.CauseInfra, reason: "the node's network is not ready", wait: true},
		{code: "Pulling", cause: run.CauseInfra, reason: "an image is being pulled", wait: true, told: true},
	}
}
