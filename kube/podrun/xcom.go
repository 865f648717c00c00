package podrun

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	kjson "sigs.k8s.io/json"

	"github.com/updraft-dev/updraft/operators/kubernetes"
	"github.com/updraft-dev/updraft/run"
)

// carrier is how a pod's value leaves it.
type carrier int

const (
	// none: the value is not wanted.
	none carrier = iota
	// bySidecar: a container of the same image, or of one that the author names, shares the
	// folder and writes the file to its own log when the others have ended. Kubernetes ends
	// such containers last, and needs no right to execute anything for it.
	bySidecar
	// byMessage: the file is the base container's termination message, which Kubernetes
	// reads itself, up to maxMessage bytes. It needs nothing of the image.
	byMessage
)

const (
	// sidecar is the name of the container; the provider's has the same.
	sidecar = "airflow-xcom-sidecar"
	// volume is the name of the folder's.
	volume = "xcom"
	// maxMessage is what Kubernetes keeps of a termination message, in bytes.
	maxMessage = 4096
	// maxValue bounds a value, in bytes: the kubelet keeps 10 MiB of a log by default.
	maxValue = 8 << 20
	// sidecarMinor is the version 1.x since which containers are ended last.
	sidecarMinor = 29
	// sidecarPatience is how long the sidecar may take to end when the others have.
	sidecarPatience = time.Minute
)

// copyScript waits to be ended, and then writes the file.
const copyScript = `trap 'if [ -f ` + kubernetes.ResultFile + ` ]; then cat ` + kubernetes.ResultFile + ` || exit 4; fi; exit 0' TERM
while :; do sleep 3600 & wait $! || exit 3; done`

// carrier says how the value leaves the pod, by what the cluster can do.
func (r *runner) carrier(ctx context.Context) carrier {
	if !r.q.XCom {
		return none
	}
	var minor int
	err := r.try(ctx, "asking for the cluster's version", func(context.Context) error {
		v, err := r.client.Discovery().ServerVersion()
		if err == nil {
			minor, err = strconv.Atoi(strings.TrimRight(v.Minor, "+"))
		}
		return err
	})
	if err != nil || minor < sidecarMinor {
		return byMessage
	}
	return bySidecar
}

// carry adds to a pod what its value leaves it by.
func (r *runner) carry(pod *corev1.Pod, how carrier) error {
	base := baseOf(r.q, pod)
	if base == nil || how == none {
		return nil
	}
	if how == byMessage {
		base.TerminationMessagePath, base.TerminationMessagePolicy = kubernetes.ResultFile, corev1.TerminationMessageReadFile
		return nil
	}
	mount := corev1.VolumeMount{Name: volume, MountPath: path.Dir(kubernetes.ResultFile)}
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	base.VolumeMounts = append(base.VolumeMounts, mount)
	always := corev1.ContainerRestartPolicyAlways
	side := corev1.Container{
		Name: sidecar, Image: base.Image, ImagePullPolicy: base.ImagePullPolicy, Command: []string{"sh", "-c", copyScript},
		RestartPolicy: &always, VolumeMounts: []corev1.VolumeMount{mount}, SecurityContext: base.SecurityContext.DeepCopy(),
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m"), corev1.ResourceMemory: resource.MustParse("10Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
		},
	}
	if r.q.XComImage != "" {
		side.Image, side.ImagePullPolicy = r.q.XComImage, ""
	}
	if len(r.q.XComResources) > 0 {
		side.Resources = corev1.ResourceRequirements{}
		if strict, err := kjson.UnmarshalStrict(r.q.XComResources, &side.Resources); err != nil || len(strict) > 0 {
			return refuse("xcom_sidecar_container_resources of the connection: %v", append(strict, err))
		}
	}
	pod.Spec.InitContainers = append(pod.Spec.InitContainers, side)
	return nil
}

// carrierOf says how the value leaves a pod that is there.
func (r *runner) carrierOf(pod *corev1.Pod) carrier {
	switch {
	case !r.q.XCom:
		return none
	case slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == sidecar }):
		return bySidecar
	}
	return byMessage
}

// hasNoShell says that the sidecar cannot be started, so that nothing else was.
func (r *runner) hasNoShell(pod *corev1.Pod) bool {
	if r.q.XComImage != "" || r.carrierOf(pod) != bySidecar {
		return false
	}
	s := statusOf(pod.Status.InitContainerStatuses, sidecar)
	if s == nil {
		return false
	}
	if w := s.State.Waiting; w != nil && w.Reason == "RunContainerError" {
		return true
	}
	for _, t := range []*corev1.ContainerStateTerminated{s.State.Terminated, s.LastTerminationState.Terminated} {
		if t != nil && (t.Reason == "StartError" || t.Reason == "ContainerCannotRun") {
			return true
		}
	}
	return false
}

// sidecarBusy says that the sidecar has still to write the value.
func (r *runner) sidecarBusy(pod *corev1.Pod) bool {
	if r.carrierOf(pod) != bySidecar {
		return false
	}
	s := statusOf(pod.Status.InitContainerStatuses, sidecar)
	return s == nil || s.State.Terminated == nil
}

// value reads what a pod that has succeeded leaves; nil if that is nothing.
func (r *runner) value(ctx context.Context, pod *corev1.Pod) (json.RawMessage, error) {
	var raw []byte
	switch r.carrierOf(pod) {
	case none:
		return nil, nil
	case byMessage:
		if s := statusOf(pod.Status.ContainerStatuses, r.q.Base); s != nil && s.State.Terminated != nil {
			raw = []byte(s.State.Terminated.Message)
		}
		if len(raw) >= maxMessage {
			return nil, fail(run.CauseConfig, "the value in %s is longer than %d bytes, which is what leaves a pod whose image has no shell: "+
				"name an image with one in the extra of the connection (xcom_sidecar_container_image), or keep large values in a bucket", kubernetes.ResultFile, maxMessage)
		}
	case bySidecar:
		if err := r.sidecarFailed(pod); err != nil {
			return nil, err
		}
		var err error
		if raw, err = r.sidecarLog(ctx, pod); err != nil {
			return nil, err
		}
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		r.log.say("there is nothing in %s: the task has no value", kubernetes.ResultFile)
		return nil, nil
	}
	if !json.Valid(raw) {
		return nil, fail(run.CauseTask, "%s holds no JSON, but %.60q: write the value with json.dumps or jq", kubernetes.ResultFile, raw)
	}
	return raw, nil
}

// sidecarFailed says why the sidecar has not written the value; nil if it has.
func (r *runner) sidecarFailed(pod *corev1.Pod) error {
	s := statusOf(pod.Status.InitContainerStatuses, sidecar)
	switch {
	case s == nil || s.State.Terminated == nil:
		return fail(run.CauseConfig, "container %s was not ended, since others go on that never end: make them sidecars of Kubernetes' kind "+
			"(init containers with restartPolicy Always), or have no %s (annotation sidecar.istio.io/inject: \"false\")", sidecar, istio)
	case s.RestartCount > 0 || s.State.Terminated.ExitCode != 0:
		return fail(run.CauseConfig, "container %s failed (exit code %d), so that the value in %s is lost: it needs sh, sleep and cat, which an image may "+
			"have that you name in the extra of the connection (xcom_sidecar_container_image)", sidecar, s.State.Terminated.ExitCode, kubernetes.ResultFile)
	}
	return nil
}

// sidecarLog is what the sidecar wrote in the end.
func (r *runner) sidecarLog(ctx context.Context, pod *corev1.Pod) (raw []byte, err error) {
	limit := int64(maxValue + 1)
	err = r.try(ctx, "reading the value", func(ctx context.Context) error {
		logs, err := r.client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: sidecar, LimitBytes: &limit}).Stream(ctx)
		if err != nil {
			return err
		}
		defer logs.Close()
		raw, err = io.ReadAll(io.LimitReader(logs, limit))
		return err
	})
	if err != nil {
		return nil, fail(run.CauseInfra, "the value in %s cannot be read: %w", kubernetes.ResultFile, err)
	}
	if len(raw) > maxValue {
		return nil, fail(run.CauseTask, "the value in %s is longer than %d MiB: keep large values in a bucket, and return their place", kubernetes.ResultFile, maxValue>>20)
	}
	return raw, nil
}

// statusOf is the status of a container; nil if there is none yet.
func statusOf(list []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}
