package kubepod

import (
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
)

// The keys of executor_config that are about pods.
const (
	// keyTemplate names a file that takes the place of the installation's template.
	keyTemplate = "pod_template_file"
	// keyOverride is laid over the pod by Airflow's rules, keyPatch is a strategic merge
	// patch, by Kubernetes' rules.
	keyOverride = "pod_override"
	keyPatch    = "pod_patch"
	// keyLegacy is how Airflow 1.10 wrote it.
	keyLegacy = "KubernetesExecutor"
)

// maxConfig bounds what an author writes about a pod, in bytes of JSON.
const maxConfig = 256 << 10

// author is what one executor_config says of pods.
type author struct {
	// place is how messages name it.
	place    string
	template string
	override map[string]any
	patch    map[string]any
}

// authors are those who have a say in the pod of an attempt: whoever comes later has the
// last word.
func (b *Builder) authors(w *executors.Work) ([]author, error) {
	var out []author
	var errs []error
	for _, from := range []struct {
		place  string
		values dag.Values
	}{
		{"executor_config of DAG " + w.Graph.DAG.ID, w.Graph.DAG.ExecutorConfig},
		{"executor_config of task " + w.Instance.Task, w.Task().ExecutorConfig},
	} {
		a, err := readAuthor(from.place, from.values)
		if err != nil {
			errs = append(errs, err)
		}
		out = append(out, a)
	}
	return out, joinRefused(errs)
}

// joinRefused makes one refusal of several.
func joinRefused(errs []error) error {
	if err := errors.Join(errs...); err != nil {
		return refuse("%s", joined(errs))
	}
	return nil
}

func joined(errs []error) string {
	text := ""
	for i, err := range errs {
		if i > 0 {
			text += "; "
		}
		text += err.Error()
	}
	return text
}

func readAuthor(place string, values dag.Values) (author, error) {
	a := author{place: place}
	if _, there := values[keyLegacy]; there {
		return a, fmt.Errorf("%s: %s is how Airflow 1.10 wrote it: write %s with a pod, as Airflow does since 2.0", place, keyLegacy, keyOverride)
	}
	if v, there := values[keyTemplate]; there && v != nil {
		s, ok := v.(string)
		if !ok || s == "" {
			return a, fmt.Errorf("%s: %s is %v: write the name of a file", place, keyTemplate, v)
		}
		a.template = s
	}
	var err error
	if a.override, err = readPod(place+": "+keyOverride, values[keyOverride], strict); err != nil {
		return a, err
	}
	if a.patch, err = readPod(place+": "+keyPatch, values[keyPatch], patching); err != nil {
		return a, err
	}
	return a, nil
}

// readPod reads a part of a pod that an author wrote; nil if there is none.
func readPod(place string, v any, mode mode) (map[string]any, error) {
	if v == nil {
		return nil, nil
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%s: it cannot be written as JSON: %w", place, err)
	}
	if len(encoded) > maxConfig {
		return nil, fmt.Errorf("%s: it is %d bytes long, more than %d: keep what all tasks share in the pod template", place, len(encoded), maxConfig)
	}
	var m map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(encoded, &m); err != nil {
		return nil, fmt.Errorf("%s: it is not a dict with metadata and spec, as a pod has", place)
	}
	faults := checkPod(m, mode)
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s: %s", place, faults)
	}
	return m, nil
}

// layer is one thing that is laid over a pod.
type layer struct {
	// place is how messages name it.
	place string
	pod   map[string]any
	over  func(base, by map[string]any) (map[string]any, error)
}

func (a *author) layers() []layer {
	var out []layer
	if a.override != nil {
		out = append(out, layer{a.place + ": " + keyOverride, a.override, override})
	}
	if a.patch != nil {
		out = append(out, layer{a.place + ": " + keyPatch, a.patch, patch})
	}
	return out
}

// apply returns the pod with the layer over it.
func (l *layer) apply(pod *corev1.Pod) (*corev1.Pod, error) {
	base, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.place, err)
	}
	merged, err := l.over(base, l.pod)
	if err != nil {
		return nil, refuse("%s: %v", l.place, err)
	}
	var out corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(merged, &out); err != nil {
		return nil, refuse("%s: %v", l.place, err)
	}
	if err := reserved(pod, &out); err != nil {
		return nil, refuse("%s: %v", l.place, err)
	}
	return &out, nil
}

// patch is Kubernetes' strategic merge patch.
func patch(base, by map[string]any) (map[string]any, error) {
	return strategicpatch.StrategicMergeMapPatch(base, runtime.DeepCopyJSON(by), corev1.Pod{})
}
