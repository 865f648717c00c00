package podrun

import (
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubemerge"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/operators/kubernetes"
)

const (
	// labelTry, labelChecked and labelInCluster are the provider's. The second is on pods
	// that are accounted for: no later try goes on with them.
	labelTry       = "try_number"
	labelChecked   = "already_checked"
	labelInCluster = "airflow_kpo_in_cluster"
	// mainContainer is the annotation that names the container that a pod is for; kubectl
	// looks there.
	mainContainer = "kubectl.kubernetes.io/default-container"
	// maxName is the length to which names are cut: that of a pod's host name.
	maxName = 63
	// suffix is the length of the random end of a name.
	suffix = 8
)

// manifest is the pod that the request asks for, complete but for what carries its value,
// and with a name without its random end.
func (r *runner) manifest() (*corev1.Pod, error) {
	merged := map[string]any{}
	for _, layer := range []struct{ what, text string }{
		{"pod_template_file or pod_template_dict", r.q.Template}, {"full_pod_spec", string(r.q.FullSpec)}, {"the pod of the arguments", string(r.q.Pod)},
	} {
		if layer.text == "" {
			continue
		}
		fields, err := parse(layer.text)
		if err != nil {
			return nil, refuse("%s: %w", layer.what, err)
		}
		if merged, err = kubemerge.Over(merged, fields, nil); err != nil {
			return nil, refuse("%s: %w", layer.what, err)
		}
	}
	pod, err := typed(merged)
	if err != nil {
		return nil, refuse("the pod: %w", err)
	}
	pod.Namespace = r.namespaceOf(pod.Namespace)
	pod.Name = nameOf(pod.Name, r.q.TaskID)
	if err := r.attach(pod); err != nil {
		return nil, err
	}
	r.label(pod)
	return pod, nil
}

// parse reads a pod in YAML or JSON. Unknown fields, and those of another type, are errors.
func parse(text string) (map[string]any, error) {
	raw, err := sigsyaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(raw, &fields); err != nil {
		return nil, fmt.Errorf("it is no pod: write a dict with metadata and spec")
	}
	if kind := fields["kind"]; kind != nil && kind != "Pod" {
		return nil, fmt.Errorf("its kind is %v: write a Pod", kind)
	}
	delete(fields, "status")
	var pod corev1.Pod
	strict, err := kjson.UnmarshalStrict(raw, &pod)
	if err != nil {
		return nil, spelled(err)
	}
	if len(strict) > 0 {
		return nil, hinted(strict)
	}
	return fields, nil
}

// goField is how the decoder names a field: by Go's type and the path in it.
var goField = regexp.MustCompile(`json: cannot unmarshal (\w+) into Go struct field (\w+)\.([\w.]+) of type (\S+)`)

// spelled says in the API's words that a value has the wrong type.
func spelled(err error) error {
	m := goField.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	return fmt.Errorf("%s is a %s, and should be a %s: quote texts, and leave quotes away from numbers", m[3], m[1], strings.TrimPrefix(m[4], "*"))
}

// unknown is how the decoder tells of a field that is none.
var unknown = regexp.MustCompile(`unknown field "([^"]+)"`)

// hinted names all fields that are none, and the remedy for those of Python's spelling.
func hinted(strict []error) error {
	var parts []string
	for _, e := range strict {
		m := unknown.FindStringSubmatch(e.Error())
		if m == nil {
			parts = append(parts, e.Error())
			continue
		}
		hint := ""
		if last := m[1][strings.LastIndexByte(m[1], '.')+1:]; strings.Contains(last, "_") {
			hint = ": write it as Kubernetes does, in camelCase, or use kubernetes.client.models"
		}
		parts = append(parts, m[1]+" is no field of a pod"+hint)
	}
	slices.Sort(parts)
	return fmt.Errorf("%s", strings.Join(parts, "; "))
}

// typed is a pod of its fields, checked for what nothing can do without.
func typed(fields map[string]any) (*corev1.Pod, error) {
	raw, err := sigsyaml.Marshal(fields)
	if err != nil {
		return nil, err
	}
	pod := &corev1.Pod{}
	if err := sigsyaml.Unmarshal(raw, pod); err != nil {
		return nil, err
	}
	if len(pod.Spec.Containers) == 0 || pod.Spec.Containers[0].Image == "" {
		return nil, fmt.Errorf("its container has no image: give the argument image, or a template with one")
	}
	return pod, nil
}

// attach gives the secrets to the first container, as the provider does.
func (r *runner) attach(pod *corev1.Pod) error {
	c := &pod.Spec.Containers[0]
	for i, s := range r.q.Secrets {
		ref := corev1.LocalObjectReference{Name: s.Name}
		switch {
		case s.Type == "env" && s.Key == "":
			c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: ref}})
		case s.Type == "env":
			c.Env = append(c.Env, corev1.EnvVar{Name: s.Target, ValueFrom: &corev1.EnvVarSource{
				SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref, Key: s.Key},
			}})
		default:
			source := &corev1.SecretVolumeSource{SecretName: s.Name}
			if len(s.Items) > 0 {
				if strict, err := kjson.UnmarshalStrict(s.Items, &source.Items); err != nil || len(strict) > 0 {
					return refuse("items of secret %s: %v: use dicts with key and path", s.Name, append(strict, err))
				}
			}
			name := "secretvol" + strconv.Itoa(i)
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: source}})
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: s.Target, ReadOnly: true})
		}
	}
	return nil
}

// label gives the pod the labels by which it is found.
func (r *runner) label(pod *corev1.Pod) {
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	maps.Copy(pod.Labels, r.identity())
	pod.Labels[labelTry] = strconv.Itoa(r.q.Try)
	pod.Labels[labelInCluster] = "False"
	if r.inCluster {
		pod.Labels[labelInCluster] = "True"
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	if pod.Annotations[mainContainer] == "" {
		pod.Annotations[mainContainer] = r.q.Base
	}
}

// identity are the labels that the pods of all tries have.
func (r *runner) identity() map[string]string {
	out := make(map[string]string, len(r.q.Identity))
	for k, v := range r.q.Identity {
		out[k] = kubepod.LabelValue(v)
	}
	return out
}

// notInNames are the characters that names have no place for.
var notInNames = regexp.MustCompile(`[^a-z0-9-]+`)

// nameOf is the name of a pod without its random end: the author's, or the task's.
func nameOf(given, task string) string {
	if given == "" {
		given = task
	}
	name := notInNames.ReplaceAllString(strings.ToLower(given), "-")
	if name = strings.Trim(name, "-"); name == "" {
		name = "task"
	}
	return strings.TrimRight(name[:min(len(name), maxName)], "-")
}

// random adds a random end to a name.
func random(name string) string {
	name = strings.TrimRight(name[:min(len(name), maxName-suffix-1)], "-")
	return name + "-" + strings.ToLower(rand.Text()[:suffix])
}

// baseOf is the base container of a pod. It is there, since manifest has named it; a pod that
// somebody else made may lack it.
func baseOf(q *kubernetes.Request, pod *corev1.Pod) *corev1.Container {
	for i := range pod.Spec.Containers {
		if pod.Spec.Containers[i].Name == q.Base {
			return &pod.Spec.Containers[i]
		}
	}
	return nil
}
