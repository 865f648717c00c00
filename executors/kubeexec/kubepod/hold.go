package kubepod

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
)

// hold refuses a pod that would not be the attempt's any more, or that the API would refuse
// with less to go by.
func (b *Builder) hold(pod *corev1.Pod, w *executors.Work) error {
	task := w.Instance.Task
	for _, m := range []struct {
		what      string
		got, want map[string]string
	}{
		{"label", pod.Labels, b.labels(w.Attempt())}, {"annotation", pod.Annotations, annotations(w.Attempt())},
	} {
		for _, k := range slices.Sorted(maps.Keys(m.want)) {
			if m.got[k] != m.want[k] {
				return refuse("executor_config of task %s: the %s %s tells which attempt a pod is for: leave it as it is", task, m.what, k)
			}
		}
	}
	if a, err := Attempt(pod); err != nil || a != w.Attempt() {
		return refuse("executor_config of task %s: the annotation %s tells which attempt a pod is for: leave it away", task, kubeevent.AnnotationMap)
	}
	s := &pod.Spec
	base := &s.Containers[0]
	for _, e := range identity() {
		if !slices.ContainsFunc(base.Env, func(o corev1.EnvVar) bool { return reflect.DeepEqual(e, o) }) {
			return refuse("executor_config of task %s: the variable %s is the runner's: leave it away", task, e.Name)
		}
	}
	if len(s.InitContainers) == 0 || s.InitContainers[0].Name != kubeevent.InitContainer {
		return refuse("executor_config of task %s: the first init container is %s, which brings the runner: leave it where it is", task, kubeevent.InitContainer)
	}
	if twice := repeated(s); twice != "" {
		return refuse("executor_config of task %s, or the pod template: %s: give one of them another name", task, twice)
	}
	if base.Image == "" {
		return refuse("task %s has no image: write executor_config: {image: …}, or give container %s one in the pod template", task, kubeevent.Base)
	}
	return nil
}

// repeated names a container, volume or mount that is there twice, in a clause.
func repeated(s *corev1.PodSpec) string {
	seen := map[string]bool{}
	twice := func(what, name string) bool {
		key := what + "\x00" + name
		was := seen[key]
		seen[key] = true
		return was
	}
	for _, v := range s.Volumes {
		if twice("volume", v.Name) {
			return fmt.Sprintf("there are two volumes %s", v.Name)
		}
	}
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for _, c := range list {
			if twice("container", c.Name) {
				return fmt.Sprintf("there are two containers %s", c.Name)
			}
			for _, m := range c.VolumeMounts {
				if twice("mount "+c.Name, path.Clean(m.MountPath)) {
					return fmt.Sprintf("container %s has two volumes mounted at %s", c.Name, m.MountPath)
				}
			}
		}
	}
	return ""
}
