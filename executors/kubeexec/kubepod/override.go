package kubepod

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubemerge"
)

// override lays a pod over another by the rules of Airflow's pod_override (kubemerge). Where
// Airflow would have a limit vanish because an override names another resource, it stays; see
// resources.
func override(base, by map[string]any) (map[string]any, error) {
	return kubemerge.Over(base, runtime.DeepCopyJSON(by), func(i int, merged, base, by map[string]any) error {
		if name := by["name"]; i == 0 && !kubemerge.Empty(name) && name != kubeevent.Base {
			return fmt.Errorf("spec.containers[0].name is %v: containers are merged by position, and the first is %s: name it so", name, kubeevent.Base)
		}
		resources(merged, base, by)
		return nil
	})
}

// resources merges requests and limits resource by resource: of each, the later say about
// its request and limit counts whole. A limit from elsewhere below a request would be
// refused, and one that vanishes would be a surprise.
func resources(out, base, by map[string]any) {
	old, upper := kubemerge.Dict(base["resources"]), kubemerge.Dict(by["resources"])
	if len(upper) == 0 {
		return
	}
	merged := kubemerge.Replace(old, upper)
	for _, key := range []string{"requests", "limits"} {
		m := map[string]any{}
		for name, v := range kubemerge.Dict(old[key]) {
			if !says(upper, name) {
				m[name] = v
			}
		}
		for name, v := range kubemerge.Dict(upper[key]) {
			m[name] = v
		}
		delete(merged, key)
		if len(m) > 0 {
			merged[key] = m
		}
	}
	out["resources"] = merged
}

func says(resources map[string]any, name string) bool {
	_, requests := kubemerge.Dict(resources["requests"])[name]
	_, limits := kubemerge.Dict(resources["limits"])[name]
	return requests || limits
}

// reserved refuses what an author has no say in: what makes the pod that of its attempt,
// and what the installation alone grants.
func reserved(before, after *corev1.Pod) error {
	switch {
	case after.Name != before.Name || after.GenerateName != before.GenerateName:
		return errors.New("metadata.name is made from the attempt, so that it has one pod: leave it away")
	case after.Namespace != before.Namespace:
		return fmt.Errorf("metadata.namespace is %s, but pods are made in %s: leave it away", after.Namespace, before.Namespace)
	case after.Spec.RestartPolicy != before.Spec.RestartPolicy:
		return errors.New("spec.restartPolicy cannot be changed: write retries for the task")
	case after.Spec.HostNetwork && !before.Spec.HostNetwork, after.Spec.HostPID && !before.Spec.HostPID, after.Spec.HostIPC && !before.Spec.HostIPC:
		return errors.New("spec.hostNetwork, hostPID and hostIPC are for the installation's pod template: leave them away")
	case len(after.Spec.Containers) == 0 || after.Spec.Containers[0].Name != kubeevent.Base:
		return fmt.Errorf("the first container must be %s: leave it where it is", kubeevent.Base)
	case !slices.Equal(after.Spec.Containers[0].Command, before.Spec.Containers[0].Command) || !slices.Equal(after.Spec.Containers[0].Args, before.Spec.Containers[0].Args):
		return fmt.Errorf("the command and args of container %s are the runner's: leave them away; what to execute is the task's", kubeevent.Base)
	}
	return nil
}
