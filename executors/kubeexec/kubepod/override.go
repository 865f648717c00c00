package kubepod

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
)

// override lays a pod over another by the rules of Airflow's pod_override: containers are
// merged by their position, some lists are appended, labels and annotations are united, and
// of everything else the later value stands, unless it is empty. Where Airflow would have a
// limit vanish because an override names another resource, it stays; see resources.
func override(base, by map[string]any) (map[string]any, error) {
	by = runtime.DeepCopyJSON(by)
	out := replace(base, by)
	if m, ok := by["metadata"].(map[string]any); ok {
		old := dict(base["metadata"])
		meta := replace(old, m)
		for _, key := range []string{"labels", "annotations"} {
			unite(meta, old, m, key)
		}
		for _, key := range []string{"ownerReferences", "finalizers"} {
			extend(meta, old, m, key)
		}
		out["metadata"] = meta
	}
	if s, ok := by["spec"].(map[string]any); ok {
		old := dict(base["spec"])
		spec := replace(old, s)
		for _, key := range []string{"initContainers", "volumes"} {
			extend(spec, old, s, key)
		}
		containers, err := overrideContainers(list(old["containers"]), list(s["containers"]))
		if err != nil {
			return nil, err
		}
		spec["containers"] = containers
		out["spec"] = spec
	}
	return out, nil
}

// overrideContainers merges containers by position.
func overrideContainers(base, by []any) ([]any, error) {
	out := append([]any(nil), base...)
	for i, v := range by {
		c := dict(v)
		if i >= len(base) {
			out = append(out, c)
			continue
		}
		if name := c["name"]; i == 0 && !empty(name) && name != kubeevent.Base {
			return nil, fmt.Errorf("spec.containers[0].name is %v: containers are merged by position, and the first is %s: name it so", name, kubeevent.Base)
		}
		old := dict(base[i])
		merged := replace(old, c)
		for _, key := range []string{"ports", "volumeMounts", "envFrom", "volumeDevices"} {
			extend(merged, old, c, key)
		}
		env(merged, old, c)
		resources(merged, old, c)
		out[i] = merged
	}
	return out, nil
}

// replace is base with the values of by in their place that are not empty.
func replace(base, by map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(by))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range by {
		if _, there := base[k]; !there || !empty(v) {
			out[k] = v
		}
	}
	return out
}

// empty says that a value counts for nothing in Airflow's merge, as Python sees it.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case int64:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// extend has out have both lists under a key.
func extend(out, base, by map[string]any, key string) {
	if both := append(append([]any(nil), list(base[key])...), list(by[key])...); len(both) > 0 {
		out[key] = both
	}
}

// unite has out have the entries of both dicts under a key.
func unite(out, base, by map[string]any, key string) {
	both := map[string]any{}
	for _, m := range []map[string]any{dict(base[key]), dict(by[key])} {
		for k, v := range m {
			both[k] = v
		}
	}
	if len(both) > 0 {
		out[key] = both
	}
}

// env appends variables. The later of two with one name counts for Kubernetes; the earlier
// is taken away, since some of its tools refuse such lists.
func env(out, base, by map[string]any) {
	later := map[any]bool{}
	for _, v := range list(by["env"]) {
		later[dict(v)["name"]] = true
	}
	var kept []any
	for _, v := range list(base["env"]) {
		if !later[dict(v)["name"]] {
			kept = append(kept, v)
		}
	}
	extend(out, map[string]any{"env": kept}, by, "env")
}

// resources merges requests and limits resource by resource: of each, the later say about
// its request and limit counts whole. A limit from elsewhere below a request would be
// refused, and one that vanishes would be a surprise.
func resources(out, base, by map[string]any) {
	old, upper := dict(base["resources"]), dict(by["resources"])
	if len(upper) == 0 {
		return
	}
	merged := replace(old, upper)
	for _, key := range []string{"requests", "limits"} {
		m := map[string]any{}
		for name, v := range dict(old[key]) {
			if !says(upper, name) {
				m[name] = v
			}
		}
		for name, v := range dict(upper[key]) {
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
	_, requests := dict(resources["requests"])[name]
	_, limits := dict(resources["limits"])[name]
	return requests || limits
}

func dict(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
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
