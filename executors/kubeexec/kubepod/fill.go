package kubepod

import (
	"path"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// tmpVolume is where a container whose root is read-only can write.
	tmpVolume = "updraft-tmp"
	tmp       = "/tmp"
)

// fill writes what nobody has said anything about. Pods are such as the restricted pod
// security standard wants them, and the main container's root is read-only besides.
func (b *Builder) fill(pod *corev1.Pod) {
	s := &pod.Spec
	if s.ServiceAccountName == "" && s.DeprecatedServiceAccount == "" {
		s.ServiceAccountName = b.cfg.ServiceAccount
	}
	setDefault(&s.AutomountServiceAccountToken, false)
	setDefault(&s.EnableServiceLinks, false)
	setDefault(&s.TerminationGracePeriodSeconds, int64((b.cfg.Grace+time.Second-1)/time.Second))
	b.securePod(s)
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			secure(&list[i])
		}
	}
	base := &s.Containers[0]
	setDefault(&base.SecurityContext.ReadOnlyRootFilesystem, true)
	if *base.SecurityContext.ReadOnlyRootFilesystem {
		giveTmp(s, base)
	}
}

func setDefault[T any](to **T, value T) {
	if *to == nil {
		*to = &value
	}
}

// securePod has processes run as a user who is not root. Where an author wants root, in so
// many words, it is for the cluster to refuse that.
func (b *Builder) securePod(s *corev1.PodSpec) {
	if s.SecurityContext == nil {
		s.SecurityContext = &corev1.PodSecurityContext{}
	}
	sc := s.SecurityContext
	if b.cfg.User != AnyUser {
		setDefault(&sc.RunAsUser, b.cfg.User)
		if *sc.RunAsUser != 0 {
			// Without it, the group of a user that the image does not know is root's.
			setDefault(&sc.RunAsGroup, b.cfg.User)
		}
		setDefault(&sc.FSGroup, b.cfg.User)
	}
	if sc.RunAsUser == nil || *sc.RunAsUser != 0 {
		setDefault(&sc.RunAsNonRoot, true)
	}
	setDefault(&sc.SeccompProfile, corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault})
}

// secure takes a container's privileges away.
func secure(c *corev1.Container) {
	if c.SecurityContext == nil {
		c.SecurityContext = &corev1.SecurityContext{}
	}
	sc := c.SecurityContext
	if sc.Privileged != nil && *sc.Privileged {
		return // the API refuses a container that is both
	}
	setDefault(&sc.AllowPrivilegeEscalation, false)
	setDefault(&sc.Capabilities, corev1.Capabilities{})
	if len(sc.Capabilities.Drop) == 0 {
		sc.Capabilities.Drop = []corev1.Capability{"ALL"}
	}
}

// giveTmp gives a container a place to write, unless it has one there.
func giveTmp(s *corev1.PodSpec, c *corev1.Container) {
	for _, name := range []string{"HOME", "TMPDIR"} {
		if !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == name }) {
			c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: tmp})
		}
	}
	if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return path.Clean(m.MountPath) == tmp }) {
		return
	}
	s.Volumes = append(s.Volumes, corev1.Volume{Name: tmpVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: tmpVolume, MountPath: tmp})
}
