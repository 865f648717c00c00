package helm_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/run"
)

// attempt is one of a task that asks for nothing.
func attempt(t *testing.T) *executors.Work {
	t.Helper()
	task := dag.NewTask("load", "airflow.providers.standard.operators.bash.BashOperator")
	g, err := dag.NewGraph(&dag.DAG{ID: "etl", Tasks: []*dag.Task{task}})
	if err != nil {
		t.Fatal(err)
	}
	return &executors.Work{
		Graph: g, Instance: run.Instance{Task: task.ID, Map: run.Unmapped, State: run.Queued, Try: 1},
		Run: run.Run{ID: run.ID{DAG: "etl", Run: "manual"}, QueuedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
}

// builder makes pods as the controller does, by the pod template among rendered objects.
func builder(t *testing.T, out, namespace string) *kubepod.Builder {
	t.Helper()
	for _, o := range objects(t, out) {
		text, ok := o.Data["pod_template.yaml"]
		if !ok {
			continue
		}
		b, err := kubepod.New(kubepod.Config{Namespace: namespace, Template: []byte(text), TemplateName: o.Metadata.Name, RunnerImage: "registry.test/runner:1"})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Fatal("there is no pod template")
	return nil
}

// TestPodTemplate: the controller makes pods from the templates that were rendered, and
// takes from them what the values say.
func TestPodTemplate(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		if filepath.Ext(name[:len(name)-len(".yaml")]) == ".values" {
			continue
		}
		seen++
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			pod, err := builder(t, read(t, name), "data").Build(attempt(t))
			if err != nil {
				t.Fatal(err)
			}
			base := pod.Spec.Containers[0]
			if got, want := base.Resources.Limits.Memory().String(), "512Mi"; got != want {
				t.Errorf("the limit of memory is %s, want %s", got, want)
			}
			if base.Image == "" || pod.Spec.ServiceAccountName != "prod-updraft-task" || len(base.EnvFrom) == 0 {
				t.Errorf("image %q, account %q, environment from %v", base.Image, pod.Spec.ServiceAccountName, base.EnvFrom)
			}
			if mounts := base.VolumeMounts; len(pod.Spec.Volumes) < 2 || mounts[0].MountPath != "/tmp" {
				t.Errorf("mounts %v of volumes %v", mounts, pod.Spec.Volumes)
			}
		})
	}
	if seen < 5 {
		t.Errorf("only %d renders were looked at", seen)
	}
}

// object is what is looked at of a rendered object.
type object struct {
	Kind     string `yaml:"kind"`
	Metadata struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Data map[string]string `yaml:"data"`
	text string
}

// objects are those of a rendered text.
func objects(t *testing.T, out string) (list []object) {
	t.Helper()
	for _, text := range strings.Split(out, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(text), &o); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if o.Kind != "" {
			o.text = text
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		t.Fatal("nothing is rendered")
	}
	return list
}
