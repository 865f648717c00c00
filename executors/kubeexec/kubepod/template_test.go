package kubepod_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/run"
)

// TestTemplateFaults: a template that would have no effect, or the wrong one, is refused with
// its line.
func TestTemplateFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"unknown field", "spec:\n  containers:\n  - name: base\n    imgae: x\n", "t.yaml: line 4: spec.containers[0].imgae is no field of a Container: did you mean image?"},
		{"wrong type", "spec:\n  containers:\n  - name: base\n    env:\n    - name: A\n      value: 1\n", "t.yaml: line 6: spec.containers[0].env[0].value is the value 1: write a text, in quotes"},
		{"yes is a truth value here", "metadata: {labels: {a: yes}}", "line 1: metadata.labels.a is the value true: write a text, in quotes"},
		{"dot in a key", "metadata:\n  annotations:\n    a.b/c: 1\n", "metadata.annotations.a.b/c is the value 1"},
		{"key twice", "metadata: {}\nmetadata: {}\n", "already set in map"},
		{"no YAML", "a: [", "t.yaml: "},
		{"no dict", "[1]", "it is no pod: write a dict with metadata and spec"},
		{"another kind", "kind: Deployment", "its kind is Deployment: write a Pod"},
		{"another version", "apiVersion: v2", "its apiVersion is v2: write v1"},
		{"two pods", "kind: Pod\n---\nkind: Pod\n", "it has 2 documents: write one pod"},
		{"nothing", "# nothing", "it is no pod"},
		{"another namespace", "metadata: {namespace: other}", "metadata.namespace is other, but pods are made in updraft: leave it away"},
		{"no base", "spec: {containers: [{name: main}]}", `the first container is "main": name it base`},
		{"command", "spec: {containers: [{name: base, command: [sh]}]}", "container base has a command or args: leave them away"},
		{"restart", "spec: {restartPolicy: Always}", "spec.restartPolicy is Always: write Never"},
		{"too long", "#" + strings.Repeat("x", 256<<10), "bytes long, more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			cfg.Template, cfg.TemplateName = []byte(tt.text), "t.yaml"
			if _, err := kubepod.New(cfg); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "t.yaml") {
				t.Errorf("got %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*kubepod.Config)
		want   string
	}{
		"no namespace":    {func(c *kubepod.Config) { c.Namespace = "" }, "is no namespace"},
		"bad name":        {func(c *kubepod.Config) { c.Installation = "a b" }, "cannot be a label"},
		"no image":        {func(c *kubepod.Config) { c.Image = "" }, "no image for its tasks"},
		"no runner":       {func(c *kubepod.Config) { c.RunnerImage = "" }, "no image of the runner"},
		"negative":        {func(c *kubepod.Config) { c.Memory = -1 }, "is negative"},
		"bad variable":    {func(c *kubepod.Config) { c.Env = map[string]string{"A=B": "x"} }, `"A=B" is no name of a variable`},
		"several at once": {func(c *kubepod.Config) { c.RunnerImage, c.Installation = "", "a b" }, "cannot be a label"},
	} {
		cfg := config()
		tt.change(&cfg)
		if _, err := kubepod.New(cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want one with %q", name, err, tt.want)
		}
	}
}

// TestTemplateOfAuthor: the file that a task names takes the place of the DAG's, and that the
// installation's.
func TestTemplateOfAuthor(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"dag.yaml": "spec: {priorityClassName: dag}", "task.yaml": "spec: {nodeSelector: {from: task}}", "bad.yaml": "spec: {nodeSelektor: {}}",
	}
	cfg := config()
	cfg.Template = []byte("spec: {priorityClassName: installation, nodeSelector: {from: installation}}")
	cfg.TemplateFile = func(name string) ([]byte, error) {
		text, there := files[name]
		if !there {
			return nil, fmt.Errorf("there is no file %s", name)
		}
		return []byte(text), nil
	}
	for _, tt := range []struct{ ofDAG, ofTask, want string }{
		{"", "", "installation installation"},
		{"dag.yaml", "", "dag "},
		{"dag.yaml", "task.yaml", " task"},
		{"", "none.yaml", "refused: executor_config of task extract.load: pod_template_file: there is no file none.yaml"},
		{"bad.yaml", "", "refused: executor_config of DAG ETL_daily: pod_template_file: bad.yaml: line 1: spec.nodeSelektor is no field of a PodSpec: did you mean nodeSelector?"},
	} {
		w := work(t, func(d *dag.DAG, task *dag.Task, _ *run.Instance) {
			d.ExecutorConfig = dag.Values{"pod_template_file": tt.ofDAG}
			if tt.ofDAG == "" {
				d.ExecutorConfig = nil
			}
			if tt.ofTask != "" {
				task.ExecutorConfig = dag.Values{"pod_template_file": tt.ofTask}
			}
		})
		b, err := kubepod.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		pod, err := b.Build(w)
		var refused *executors.RefusedError
		switch {
		case errors.As(err, &refused):
			got = "refused: " + refused.Reason
		case err != nil:
			t.Fatal(err)
		default:
			got = pod.Spec.PriorityClassName + " " + pod.Spec.NodeSelector["from"]
		}
		if got != tt.want {
			t.Errorf("DAG %q, task %q: got %q, want %q", tt.ofDAG, tt.ofTask, got, tt.want)
		}
	}
}

// TestMemory: what was not enough is doubled, and never less than what the author asks for.
func TestMemory(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		asked   int64
		ooms    int
		most    int64
		learned run.Memory
		want    string
	}{
		{"default", 0, 0, 0, run.Memory{}, "256Mi"},
		{"default, twice", 0, 2, 0, run.Memory{}, "1Gi"},
		{"asked", 3 << 30, 1, 0, run.Memory{}, "6Gi"},
		{"bounded", 3 << 30, 2, 8 << 30, run.Memory{}, "8Gi"},
		{"asked for more than the bound", 10 << 30, 1, 8 << 30, run.Memory{}, "10Gi"},
		{"many", 1 << 30, 7, 0, run.Memory{}, "4Gi"},
		{"learned", 1 << 30, 0, 0, run.Memory{Asked: 1 << 30, Doubled: 1}, "2Gi"},
		{"learned of the default", 0, 0, 0, run.Memory{Doubled: 1}, "512Mi"},
		{"learned, and not enough any more", 1 << 30, 1, 0, run.Memory{Asked: 1 << 30, Doubled: 1}, "4Gi"},
		{"asks for more by now", 4 << 30, 0, 0, run.Memory{Asked: 1 << 30, Doubled: 1}, "4Gi"},
	} {
		cfg := config()
		cfg.MemoryMax = tt.most
		w := work(t, func(_ *dag.DAG, task *dag.Task, in *run.Instance) {
			task.Resources.Memory, in.OOMFailures = tt.asked, tt.ooms
		})
		w.Memory = tt.learned
		pod := build(t, cfg, w)
		r := pod.Spec.Containers[0].Resources
		if got := r.Limits.Memory().String(); got != tt.want || r.Requests.Memory().String() != got {
			t.Errorf("%s: limit %s, request %s; want %s", tt.name, got, r.Requests.Memory(), tt.want)
		}
	}
}

// TestAttemptFaults: a pod that was not made here is no attempt's.
func TestAttemptFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ label, annotation, value, want string }{
		"another program's": {label: kubeevent.LabelManagedBy, value: "Helm", want: "none of Updraft's"},
		"no run":            {annotation: kubeevent.AnnotationRun, want: "lacks one of"},
		"no try":            {annotation: kubeevent.AnnotationTry, value: "0", want: "should be the number of a try"},
		"no index":          {annotation: kubeevent.AnnotationMap, value: "-1", want: "should be a map index"},
	} {
		pod := build(t, config(), work(t, nil))
		if tt.label != "" {
			pod.Labels[tt.label] = tt.value
		} else {
			pod.Annotations[tt.annotation] = tt.value
		}
		if a, err := kubepod.Attempt(pod); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v; want an error with %q", name, a, err, tt.want)
		}
	}
}

// FuzzOverride: whatever an author writes is a pod of the attempt, or refused.
func FuzzOverride(f *testing.F) {
	f.Add(string(read(f, "override.in.yaml")))
	for _, s := range []string{
		`{pod_override: {spec: {containers: [{}, null]}}}`, `{pod_override: {spec: {containers: null}, metadata: null}}`, `{pod_patch: {spec: null}}`,
		`{pod_patch: {spec: {containers: [{name: base, $patch: replace}]}}}`, `{pod_patch: {$patch: delete}}`, `{pod_patch: {spec: {$setElementOrder/containers: [{name: x}]}}}`,
		`{pod_override: {spec: {securityContext: {runAsUser: 0}, activeDeadlineSeconds: 1.5}}}`, `{image: "", pod_template_file: []}`,
	} {
		f.Add(s)
	}
	b, err := kubepod.New(config())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v map[string]any
		if yaml.Unmarshal([]byte(text), &v) != nil {
			return
		}
		w := work(t, func(_ *dag.DAG, task *dag.Task, _ *run.Instance) { task.ExecutorConfig = v })
		pod, err := b.Build(w)
		var refused *executors.RefusedError
		if errors.As(err, &refused) {
			return
		}
		if err != nil {
			t.Fatalf("%q: an error that is no refusal: %v", text, err)
		}
		if a, err := kubepod.Attempt(pod); err != nil || a != w.Attempt() || pod.Name != kubepod.Name(w) || pod.Spec.Containers[0].Command[0] != kubeevent.Runner {
			t.Errorf("%q made the pod of another: %+v, %v", text, pod, err)
		}
		if _, err := b.Show(w); err != nil {
			t.Errorf("%q is not shown: %v", text, err)
		}
	})
}

// FuzzTemplate: no text of a template is too odd.
func FuzzTemplate(f *testing.F) {
	f.Add(read(f, "template.in.yaml"))
	f.Add([]byte("spec: {containers: [{name: base, resources: {limits: {cpu: -1}}}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg := config()
		cfg.Template = text
		b, err := kubepod.New(cfg)
		if err != nil {
			return
		}
		_, err = b.Build(work(t, nil))
		var refused *executors.RefusedError
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("%q: an error that is no refusal: %v", text, err)
		}
	})
}
