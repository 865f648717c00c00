package podrun

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/updraft-dev/updraft/operators/kubernetes"
)

// finish shows what is asked for of a pod that failed, and does with the pod what
// on_finish_action says. When ctx has ended, the pod is deleted already.
func (r *runner) finish(ctx context.Context, e *end, err error) {
	if ctx.Err() != nil {
		return
	}
	pod := e.pod
	if err != nil && r.q.Show.Events {
		for _, event := range r.events(ctx, pod) {
			r.log.say("event: %s %s: %s", event.Type, event.Reason, event.Message)
		}
	}
	if err != nil && r.q.Show.Manifest {
		r.showManifest(pod)
	}
	if e.gone {
		return
	}
	active := pod.Status.Phase == corev1.PodPending || pod.Status.Phase == corev1.PodRunning
	switch {
	case r.q.OnFinish == kubernetes.DeletePod,
		r.q.OnFinish == kubernetes.DeleteSucceededPod && err == nil,
		r.q.OnFinish == kubernetes.DeleteActivePod && active:
		r.delete(ctx, pod, nil)
	default:
		r.check(ctx, pod)
		r.log.say("pod %s is kept", name(pod))
	}
}

// check labels a pod as accounted for, so that no later try goes on with it.
func (r *runner) check(ctx context.Context, pod *corev1.Pod) {
	patch := []byte(`{"metadata":{"labels":{"` + labelChecked + `":"True"}}}`)
	err := r.try(ctx, "labelling the pod", func(ctx context.Context) error {
		_, err := r.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		if isGone(err) {
			return nil
		}
		return err
	})
	if err != nil {
		r.log.say("%v: the next try may go on with pod %s: delete it", err, name(pod))
	}
}

// isGone says that an object is not there, or is another of the same name.
func isGone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsConflict(err) }

// showManifest writes a pod to the log, without the values of variables.
func (r *runner) showManifest(pod *corev1.Pod) {
	shown := pod.DeepCopy()
	shown.ManagedFields = nil
	for _, list := range [][]corev1.Container{shown.Spec.InitContainers, shown.Spec.Containers} {
		for i := range list {
			for j := range list[i].Env {
				if list[i].Env[j].Value != "" {
					list[i].Env[j].Value = "***"
				}
			}
		}
	}
	text, err := sigsyaml.Marshal(shown)
	if err != nil {
		r.log.say("the pod cannot be shown: %v", err)
		return
	}
	r.log.say("the pod as the cluster has it:\n%s", strings.TrimRight(string(text), "\n"))
}

// own puts the words of the operator in the place of the executor's, which remedies name.
func own(reason string) string {
	return strings.NewReplacer(
		"resources: memory", "container_resources", "resources: ephemeral_storage", "container_resources", "resources: cpu", "container_resources",
		"pod_override: spec.securityContext.runAsUser", "security_context: runAsUser", "pod_override: spec.priorityClassName", "priority_class_name",
		"imagePullSecrets in the pod template", "image_pull_secrets", "in the pod template or in pod_override", "in init_containers",
		"into the pod template or pod_override", "into container_resources", "another imagePullPolicy", "another image_pull_policy",
		"activeDeadlineSeconds, which follows from the task's execution_timeout", "active_deadline_seconds",
		"the controller may not make pods: give its service account the role of the chart", "the account may not make pods: allow it in the namespace",
		"the API server does not know the controller", "the API server does not know the account",
	).Replace(reason)
}

// exitText is the sentence for an exit code, with the last line of output.
func exitText(code int, last string) string {
	text := fmt.Sprintf("exit code %d", code)
	if code == 137 {
		text += " (SIGKILL: if nobody sent it, the container ran out of memory)"
	}
	if last != "" {
		text += ": " + last
	}
	return text
}
