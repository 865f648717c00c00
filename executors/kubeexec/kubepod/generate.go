package kubepod

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/queue"
)

// runnerVolume is the volume with the runner.
const runnerVolume = "updraft-runner"

// generate writes into a template what follows from the attempt and the configuration.
func (b *Builder) generate(pod *corev1.Pod, w *executors.Work, n *executors.Need) error {
	a := w.Attempt()
	word, err := queue.Encode(queue.Envelope{Kind: queue.KindAttempt, Attempt: a})
	if err != nil {
		return fmt.Errorf("make a pod for %s: %w", a, err)
	}
	pod.APIVersion, pod.Kind = "v1", "Pod"
	pod.Name, pod.GenerateName, pod.Namespace = Name(w), "", b.cfg.Namespace
	pod.Labels = union(pod.Labels, b.cfg.Labels, b.labels(a))
	pod.Annotations = union(pod.Annotations, b.cfg.Annotations, annotations(a))

	s := &pod.Spec
	s.RestartPolicy = corev1.RestartPolicyNever
	for _, name := range b.cfg.PullSecrets {
		s.ImagePullSecrets = append(s.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	if n.Time > 0 {
		seconds := int64((n.Time + b.cfg.Margin + time.Second - 1) / time.Second)
		s.ActiveDeadlineSeconds = &seconds
	}
	place(s, &w.Task().Resources)
	s.Volumes = append(s.Volumes, corev1.Volume{Name: runnerVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	s.InitContainers = append([]corev1.Container{b.installer(w.Task().Operator)}, s.InitContainers...)
	if len(s.Containers) == 0 {
		s.Containers = []corev1.Container{{Name: kubeevent.Base}}
	}
	b.base(&s.Containers[0], n, string(word))
	return nil
}

// place adds what a task says of the nodes that it may run on.
func place(s *corev1.PodSpec, r *dag.Resources) {
	if len(r.NodeSelector) > 0 {
		s.NodeSelector = union(s.NodeSelector, r.NodeSelector)
	}
	for _, t := range r.Tolerations {
		s.Tolerations = append(s.Tolerations, corev1.Toleration{
			Key: t.Key, Operator: corev1.TolerationOperator(t.Operator), Value: t.Value, Effect: corev1.TaintEffect(t.Effect), TolerationSeconds: t.TolerationSeconds,
		})
	}
}

// The installer copies some 40 MB, which count for its memory until they are written, and as
// much again where the launcher comes along. A pod requests the most of what its containers
// do one after the other: the processor time asked for here must not be more than small tasks
// ask for.
const (
	installerCPU    = 10
	installerMemory = 64 << 20
)

// installer is the container that puts the runner into the pod, and the launcher if the
// operator needs that: other pods do not have to wait for it.
func (b *Builder) installer(operator string) corev1.Container {
	args, size := []string{kubeevent.Install, kubeevent.Dir}, int64(installerMemory)
	if b.cfg.Launches != nil && b.cfg.Launches(operator) {
		args, size = append(args, kubeevent.Launcher), 2*installerMemory
	}
	memory := *resource.NewQuantity(size, resource.BinarySI)
	return corev1.Container{
		Name: kubeevent.InitContainer, Image: b.cfg.RunnerImage, ImagePullPolicy: b.cfg.PullPolicy,
		Args:         args,
		VolumeMounts: []corev1.VolumeMount{{Name: runnerVolume, MountPath: kubeevent.Dir}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: *resource.NewMilliQuantity(installerCPU, resource.DecimalSI), corev1.ResourceMemory: memory},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: memory},
		},
		SecurityContext: &corev1.SecurityContext{ReadOnlyRootFilesystem: new(true)},
	}
}

// base fills in the container that executes the attempt, which is one word of its
// arguments: no shell ever sees it.
func (b *Builder) base(c *corev1.Container, n *executors.Need, word string) {
	switch {
	case n.Image != "":
		c.Image = n.Image
	case b.cfg.Image != "":
		c.Image = b.cfg.Image
	}
	if b.cfg.PullPolicy != "" && c.ImagePullPolicy == "" {
		c.ImagePullPolicy = b.cfg.PullPolicy
	}
	c.Command, c.Args = []string{kubeevent.Runner}, []string{kubeevent.Execute, word}
	for _, k := range slices.Sorted(maps.Keys(b.cfg.Env)) {
		setEnv(c, corev1.EnvVar{Name: k, Value: b.cfg.Env[k]})
	}
	for _, e := range identity() {
		setEnv(c, e)
	}
	for _, name := range b.cfg.EnvFromSecrets {
		c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}})
	}
	for _, name := range b.cfg.EnvFromConfigMaps {
		c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}})
	}
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: runnerVolume, MountPath: kubeevent.Dir, ReadOnly: true})
	if n.CPUMilli > 0 {
		ask(c, corev1.ResourceCPU, resource.NewMilliQuantity(n.CPUMilli, resource.DecimalSI), false)
	}
	if n.Memory > 0 {
		ask(c, corev1.ResourceMemory, resource.NewQuantity(n.Memory, resource.BinarySI), true)
	}
	if n.Storage > 0 {
		ask(c, corev1.ResourceEphemeralStorage, resource.NewQuantity(n.Storage, resource.BinarySI), true)
	}
}

// identity are the variables by which the runner knows which pod it is.
func identity() []corev1.EnvVar {
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
	}
	return []corev1.EnvVar{
		{Name: kubeevent.AirflowVariable, Value: kubeevent.True},
		field(kubeevent.NamespaceVariable, "metadata.namespace"),
		field(kubeevent.NameVariable, "metadata.name"),
		field(kubeevent.UIDVariable, "metadata.uid"),
	}
}

// setEnv sets a variable of a container.
func setEnv(c *corev1.Container, e corev1.EnvVar) {
	for i := range c.Env {
		if c.Env[i].Name == e.Name {
			c.Env[i] = e
			return
		}
	}
	c.Env = append(c.Env, e)
}

// ask has a container request an amount, which is its limit too if capped, and else has
// none.
func ask(c *corev1.Container, name corev1.ResourceName, amount *resource.Quantity, capped bool) {
	r := &c.Resources
	if r.Requests == nil {
		r.Requests = corev1.ResourceList{}
	}
	if r.Limits == nil {
		r.Limits = corev1.ResourceList{}
	}
	r.Requests[name] = *amount
	delete(r.Limits, name)
	if capped {
		r.Limits[name] = *amount
	}
}
