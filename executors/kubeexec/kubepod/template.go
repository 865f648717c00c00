package kubepod

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
)

// maxTemplate bounds a template, in bytes.
const maxTemplate = 256 << 10

// templateOf is a copy of the template that a pod begins with, and its name: the file that
// the last of the authors names, or else the installation's.
func (b *Builder) templateOf(authors []author) (*corev1.Pod, string, error) {
	for i := len(authors) - 1; i >= 0; i-- {
		name := authors[i].template
		if name == "" {
			continue
		}
		place := fmt.Sprintf("%s: %s", authors[i].place, keyTemplate)
		if b.cfg.TemplateFile == nil {
			return nil, "", refuse("%s: this installation reads no templates but its own (setting kubernetes_pod_template_folder): write %s", place, keyOverride)
		}
		text, err := b.cfg.TemplateFile(name)
		if err != nil {
			return nil, "", refuse("%s: %v", place, err)
		}
		t, err := b.cfg.parseTemplate(name, text)
		if err != nil {
			return nil, "", refuse("%s: %v", place, err)
		}
		return t, name, nil
	}
	return b.template.DeepCopy(), b.cfg.TemplateName, nil
}

// parseTemplate reads a template. Its errors name the line.
func (c *Config) parseTemplate(name string, text []byte) (*corev1.Pod, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("%s is %d bytes long, more than %d", name, len(text), maxTemplate)
	}
	if err := oneDocument(text); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	encoded, err := sigsyaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var m map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(encoded, &m); err != nil || m == nil {
		return nil, fmt.Errorf("%s: it is no pod: write a dict with metadata and spec", name)
	}
	if kind, there := m["kind"]; there && kind != "Pod" {
		return nil, fmt.Errorf("%s: its kind is %v: write a Pod", name, kind)
	}
	if v, there := m["apiVersion"]; there && v != "v1" {
		return nil, fmt.Errorf("%s: its apiVersion is %v: write v1", name, v)
	}
	if found := checkPod(m, strict); len(found) > 0 {
		return nil, fmt.Errorf("%s: %s", name, found.withLines(text))
	}
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(m, &pod); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	pod.Status = corev1.PodStatus{}
	return &pod, c.checkTemplate(name, &pod)
}

// checkTemplate refuses what would have no effect, or the wrong one.
func (c *Config) checkTemplate(name string, pod *corev1.Pod) error {
	if ns := pod.Namespace; ns != "" && ns != c.Namespace {
		return fmt.Errorf("%s: metadata.namespace is %s, but pods are made in %s: leave it away", name, ns, c.Namespace)
	}
	if p := pod.Spec.RestartPolicy; p != "" && p != corev1.RestartPolicyNever {
		return fmt.Errorf("%s: spec.restartPolicy is %s: write Never, since it is the scheduler that tries again", name, p)
	}
	if len(pod.Spec.Containers) == 0 {
		return nil
	}
	base := &pod.Spec.Containers[0]
	if base.Name != kubeevent.Base {
		return fmt.Errorf("%s: the first container is %q: name it %s, as the one that executes tasks is", name, base.Name, kubeevent.Base)
	}
	if len(base.Command)+len(base.Args) > 0 {
		return fmt.Errorf("%s: container %s has a command or args: leave them away, they are the runner's", name, kubeevent.Base)
	}
	return nil
}

// oneDocument refuses a text with several documents: decoders would pass over all but the
// first.
func oneDocument(text []byte) error {
	r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	n := 0
	for {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(doc)) > 0 {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("it has %d documents: write one pod", n)
	}
	return nil
}

// withLines returns the faults of a YAML text with the lines that they are in.
func (f faults) withLines(text []byte) faults {
	file, err := parser.ParseBytes(text, 0)
	if err != nil || len(file.Docs) == 0 {
		return f
	}
	out := make(faults, len(f))
	for i, one := range f {
		out[i] = one
		path, err := yaml.PathString("$." + one.place)
		if err != nil {
			continue
		}
		node, err := path.FilterFile(file)
		if err != nil || node == nil {
			continue
		}
		out[i].place = fmt.Sprintf("line %d: %s", node.GetToken().Position.Line, one.place)
	}
	return out
}
