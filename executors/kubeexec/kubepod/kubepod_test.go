package kubepod_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/run"
)

var update = flag.Bool("update", false, "write the golden files anew")

// work is an attempt of a task of its own, queued.
func work(t testing.TB, change func(*dag.DAG, *dag.Task, *run.Instance)) *executors.Work {
	t.Helper()
	task := dag.NewTask("extract.load", "airflow.providers.standard.operators.bash.BashOperator")
	d := &dag.DAG{ID: "ETL_daily", Tasks: []*dag.Task{task}}
	in := run.Instance{Task: task.ID, Map: run.Unmapped, State: run.Queued, Try: 1}
	if change != nil {
		change(d, task, &in)
	}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	return &executors.Work{
		Graph: g, Instance: in,
		Run: run.Run{ID: run.ID{DAG: d.ID, Run: "scheduled__2026-01-01T00:00:00+00:00"}, QueuedAt: time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)},
	}
}

func config() kubepod.Config {
	return kubepod.Config{
		Namespace: "updraft", Installation: "prod", Image: "acme/tasks:7", RunnerImage: "acme/runner:1", ServiceAccount: "updraft-task",
		Env: map[string]string{"UPDRAFT_STORE": "postgres://db"}, EnvFromSecrets: []string{"updraft-store"},
	}
}

func build(t testing.TB, cfg kubepod.Config, w *executors.Work) *corev1.Pod {
	t.Helper()
	b, err := kubepod.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	pod, err := b.Build(w)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// values reads executor_config as a DAG file in YAML has it.
func values(t testing.TB, text string) dag.Values {
	t.Helper()
	var v dag.Values
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestGolden shows whole pods; what each is about is in its input.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		cfg    func(*kubepod.Config)
		change func(*dag.DAG, *dag.Task, *run.Instance)
	}{
		{name: "plain"},
		{name: "resources", change: func(_ *dag.DAG, task *dag.Task, in *run.Instance) {
			task.ExecutionTimeout = 30 * time.Minute
			task.Resources = dag.Resources{
				CPUMilli: 2000, Memory: 4 << 30, EphemeralStorage: 10 << 30, NodeSelector: map[string]string{"pool": "big"},
				Tolerations: []dag.Toleration{{Key: "spot", Operator: "Exists", Effect: "NoSchedule"}},
			}
			in.Map, in.OOMFailures = 3, 1
		}},
		{name: "template", cfg: func(c *kubepod.Config) {
			c.Template, c.TemplateName = read(t, "template.in.yaml"), "template.yaml"
		}, change: func(d *dag.DAG, task *dag.Task, _ *run.Instance) {
			d.ExecutorConfig = values(t, `{pod_override: {metadata: {labels: {team: data}}, spec: {priorityClassName: low}}}`)
			task.ExecutorConfig = values(t, string(read(t, "override.in.yaml")))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			if tt.cfg != nil {
				tt.cfg(&cfg)
			}
			pod := build(t, cfg, work(t, tt.change))
			got, err := yaml.Marshal(pod)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name+".yaml", got)
		})
	}
}

// TestLauncher: only pods of tasks that start pods have the program for that, and the memory
// to copy it.
func TestLauncher(t *testing.T) {
	t.Parallel()
	const starts = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"
	cfg := config()
	cfg.Launches = func(operator string) bool { return operator == starts }
	for _, tt := range []struct {
		operator string
		args     []string
		memory   string
	}{
		{"airflow.providers.standard.operators.bash.BashOperator", []string{"install", "/updraft"}, "64Mi"},
		{starts, []string{"install", "/updraft", "updraft-kube"}, "128Mi"},
	} {
		pod := build(t, cfg, work(t, func(_ *dag.DAG, task *dag.Task, _ *run.Instance) { task.Operator = tt.operator }))
		installer := pod.Spec.InitContainers[0]
		if diff := cmp.Diff(tt.args, installer.Args); diff != "" {
			t.Errorf("%s: the installer's arguments (-want +got):\n%s", tt.operator, diff)
		}
		if got := installer.Resources.Limits.Memory().String(); got != tt.memory {
			t.Errorf("%s: the installer has %s, want %s", tt.operator, got, tt.memory)
		}
	}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, name)), string(got)); diff != "" {
		t.Errorf("%s (-want +got; write it anew with -update):\n%s", file, diff)
	}
}

func TestSameAttemptSamePod(t *testing.T) {
	t.Parallel()
	w := work(t, nil)
	b, err := kubepod.New(config())
	if err != nil {
		t.Fatal(err)
	}
	first, err := b.Build(w)
	if err != nil {
		t.Fatal(err)
	}
	w.Instance.QueuedAt = time.Now() // renewed when it is sent again
	again, err := b.Build(w)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("built twice (-first +second):\n%s", diff)
	}
	a, err := kubepod.Attempt(first)
	if err != nil || a != w.Attempt() {
		t.Errorf("read back %v, %v", a, err)
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	base := kubepod.Name(work(t, nil))
	if !strings.HasPrefix(base, "etl-daily-extract-load-") {
		t.Errorf("name %q", base)
	}
	seen := map[string]string{base: "itself"}
	for name, change := range map[string]func(w *executors.Work){
		"another try":         func(w *executors.Work) { w.Instance.Try = 2 },
		"another index":       func(w *executors.Work) { w.Instance.Map = 0 },
		"rescheduled":         func(w *executors.Work) { w.Instance.Start = time.Unix(1, 0) },
		"another run":         func(w *executors.Work) { w.Run.Run = "x" },
		"run made again":      func(w *executors.Work) { w.Run.QueuedAt = time.Unix(1, 0) },
		"names without us":    func(w *executors.Work) { w.Run.DAG, w.Instance.Task = "任务", "…" },
		"names that are long": func(w *executors.Work) { w.Run.DAG = strings.Repeat("d-", 100) },
	} {
		w := work(t, nil)
		change(w)
		got := kubepod.Name(w)
		if len(got) > 63 || strings.Trim(got, "-") != got {
			t.Errorf("%s: name %q", name, got)
		}
		if other, there := seen[got]; there {
			t.Errorf("%s: it has the name of %s", name, other)
		}
		seen[got] = name
	}
}

// TestLabelValue has the values that Airflow's make_safe_label_value gives.
func TestLabelValue(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ok":                                "ok",
		"_a_":                               "a-7678510bd",
		"a b":                               "ab-0cc9cd4dd",
		"manual__2026-01-01T00:00:00+00:00": "manual__2026-01-01T0000000000-daff4c10d",
		strings.Repeat("x", 70):             strings.Repeat("x", 53) + "-7d56c0f83",
		"--":                                "cfab1ba8c", // Airflow's begins with a hyphen, which no label may
	} {
		if got := kubepod.LabelValue(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestRefused: what an author wrote that cannot be is refused with place, value and remedy.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, config, want string }{
		{"unknown field", `{pod_override: {spec: {containers: [{name: base, imgae: x}]}}}`, "executor_config of task extract.load: pod_override: spec.containers[0].imgae is no field of a Container: did you mean image?"},
		{"snake case", `{pod_override: {spec: {containers: [{volume_mounts: []}]}}}`, "spec.containers[0].volume_mounts is no field of a Container: write volumeMounts"},
		{"nothing like it", `{pod_override: {spec: {zzzzzz: 1}}}`, "spec.zzzzzz is no field of a PodSpec: leave it away"},
		{"number for text", `{pod_override: {spec: {containers: [{env: [{name: A, value: 1}]}]}}}`, "spec.containers[0].env[0].value is the value 1: write a text, in quotes"},
		{"text for list", `{pod_override: {spec: {tolerations: x}}}`, `spec.tolerations is the text "x": write a list`},
		{"list for dict", `{pod_override: {metadata: [1]}}`, "metadata is a list: write a dict"},
		{"not a dict", `{pod_override: [1]}`, "it is not a dict with metadata and spec"},
		{"bad amount", `{pod_override: {spec: {containers: [{resources: {limits: {memory: 2 GB}}}]}}}`, `spec.containers[0].resources.limits.memory is the text "2 GB": write an amount`},
		{"two faults", `{pod_override: {spec: {a1: 1, b2: 2}}}`, "spec.a1 is no field of a PodSpec: leave it away; spec.b2 is"},
		{"request above limit", `{pod_override: {spec: {containers: [{resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}}]}}}`, "the pod requests 2Gi of memory, more than its limit of 1Gi"},
		{"base renamed", `{pod_override: {spec: {containers: [{name: main}]}}}`, "spec.containers[0].name is main: containers are merged by position"},
		{"container twice", `{pod_override: {spec: {containers: [{}, {name: base, image: x}]}}}`, "there are two containers base: give one of them another name"},
		{"volume twice", `{pod_override: {spec: {volumes: [{name: v, emptyDir: {}}, {name: v, emptyDir: {}}]}}}`, "there are two volumes v"},
		{"mount twice", `{pod_override: {spec: {containers: [{volumeMounts: [{name: v, mountPath: /updraft/}]}]}}}`, "container base has two volumes mounted at /updraft"},
		{"command", `{pod_override: {spec: {containers: [{command: [sh]}]}}}`, "the command and args of container base are the runner's"},
		{"name", `{pod_override: {metadata: {name: x}}}`, "metadata.name is made from the attempt"},
		{"namespace", `{pod_override: {metadata: {namespace: x}}}`, "metadata.namespace is x, but pods are made in updraft"},
		{"restart", `{pod_override: {spec: {restartPolicy: Always}}}`, "write retries for the task"},
		{"host network", `{pod_override: {spec: {hostNetwork: true}}}`, "for the installation's pod template"},
		{"label", `{pod_override: {metadata: {labels: {dag_id: x}}}}`, "the label dag_id tells which attempt"},
		{"annotation", `{pod_override: {metadata: {annotations: {map_index: "1"}}}}`, "the annotation map_index tells which attempt"},
		{"identity", `{pod_override: {spec: {containers: [{env: [{name: UPDRAFT_POD_UID, value: x}]}]}}}`, "the variable UPDRAFT_POD_UID is the runner's"},
		{"init taken away", `{pod_patch: {spec: {initContainers: [{name: updraft-runner, $patch: delete}]}}}`, "which brings the runner"},
		{"base taken away", `{pod_patch: {spec: {containers: [{name: base, $patch: delete}]}}}`, "the first container must be base"},
		{"patch without a key", `{pod_patch: {spec: {containers: [{image: x}]}}}`, "pod_patch: "},
		{"directive in an override", `{pod_override: {spec: {$patch: replace}}}`, "spec.$patch is no field"},
		{"legacy", `{KubernetesExecutor: {image: x}}`, "write pod_override with a pod"},
		{"image", `{image: 3}`, "image is 3: write a name"},
		{"template", `{pod_template_file: 3}`, "pod_template_file is 3: write the name of a file"},
		{"no templates", `{pod_template_file: x.yaml}`, "this installation reads no templates but its own"},
		{"much too large", `{pod_override: {metadata: {annotations: {a: ` + strings.Repeat("x", 256<<10) + `}}}}`, "keep what all tasks share in the pod template"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, err := kubepod.New(config())
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.Build(work(t, func(_ *dag.DAG, task *dag.Task, _ *run.Instance) { task.ExecutorConfig = values(t, tt.config) }))
			var refused *executors.RefusedError
			if !errors.As(err, &refused) || refused.Cause != run.CauseConfig || !strings.Contains(refused.Reason, tt.want) || !strings.Contains(refused.Reason, "extract.load") {
				t.Errorf("got %v, want a refusal with %q", err, tt.want)
			}
		})
	}
}

// TestOverrideRules has the rules that are recorded of Airflow's pod_override, one by one.
func TestOverrideRules(t *testing.T) {
	t.Parallel()
	const template = `
metadata: {labels: {a: "1", b: "1"}}
spec:
  nodeSelector: {pool: small, arch: arm}
  tolerations: [{key: a}]
  terminationGracePeriodSeconds: 30
  hostNetwork: true
  priorityClassName: low
  initContainers: [{name: first, image: i}]
  volumes: [{name: v, emptyDir: {}}]
  containers:
  - name: base
    image: t
    env: [{name: A, value: "1"}, {name: B, value: "1"}]
    volumeMounts: [{name: v, mountPath: /v}]
    resources: {requests: {cpu: "1", memory: 1Gi}, limits: {cpu: "2", memory: 1Gi}}
  - {name: side, image: s, args: [a]}
`
	for _, tt := range []struct {
		name, override string
		got            func(*corev1.Pod) any
		want           string
	}{
		{"scalar: later wins", `{spec: {priorityClassName: high}}`, func(p *corev1.Pod) any { return p.Spec.PriorityClassName }, "high"},
		{"empty unsets nothing", `{spec: {priorityClassName: "", hostNetwork: false, terminationGracePeriodSeconds: 0, tolerations: []}}`,
			func(p *corev1.Pod) any {
				return []any{p.Spec.PriorityClassName, p.Spec.HostNetwork, *p.Spec.TerminationGracePeriodSeconds, len(p.Spec.Tolerations)}
			}, "[low true 30 1]"},
		{"labels are united", `{metadata: {labels: {b: "2", c: "2"}}}`, func(p *corev1.Pod) any { return p.Labels["a"] + p.Labels["b"] + p.Labels["c"] }, "122"},
		{"other dicts are not", `{spec: {nodeSelector: {pool: big}}}`, func(p *corev1.Pod) any { return p.Spec.NodeSelector }, "map[pool:big]"},
		{"other lists are not", `{spec: {tolerations: [{key: b}]}}`, func(p *corev1.Pod) any { return len(p.Spec.Tolerations) }, "1"},
		{"containers by position, not name", `{spec: {containers: [{}, {name: other, image: o}]}}`,
			func(p *corev1.Pod) any { c := p.Spec.Containers[1]; return []any{c.Name, c.Image, c.Args} }, "[other o [a]]"},
		{"more containers", `{spec: {containers: [{}, {}, {name: third, image: o}]}}`, func(p *corev1.Pod) any { return p.Spec.Containers[2].Name }, "third"},
		{"variables are appended, the later counts", `{spec: {containers: [{env: [{name: A, value: "2"}, {name: C, value: "2"}]}]}}`, environment, "[B=1 A=2 C=2]"},
		{"mounts and volumes are appended", `{spec: {volumes: [{name: w, emptyDir: {}}], containers: [{volumeMounts: [{name: w, mountPath: /w}]}]}}`,
			func(p *corev1.Pod) any {
				var out []string
				for _, v := range p.Spec.Volumes {
					out = append(out, v.Name)
				}
				for _, m := range p.Spec.Containers[0].VolumeMounts {
					out = append(out, m.MountPath)
				}
				return out
			}, "[v updraft-runner w updraft-tmp /v /updraft /w /tmp]"},
		{"init containers are appended", `{spec: {initContainers: [{name: second, image: i}]}}`, func(p *corev1.Pod) any { return p.Spec.InitContainers[2].Name }, "second"},
		{"resources: each whole", `{spec: {containers: [{resources: {requests: {memory: 4Gi}}}]}}`,
			func(p *corev1.Pod) any {
				r := p.Spec.Containers[0].Resources
				return []any{r.Requests.Cpu(), r.Requests.Memory(), r.Limits.Cpu(), r.Limits.Memory()}
			}, "[1 4Gi 2 4Gi]"},
		{"root may be writable", `{spec: {containers: [{securityContext: {readOnlyRootFilesystem: false}}]}}`,
			func(p *corev1.Pod) any {
				s := p.Spec.Containers[0].SecurityContext
				return []any{*s.ReadOnlyRootFilesystem, *s.AllowPrivilegeEscalation, s.Capabilities.Drop}
			}, "[false false [ALL]]"},
		{"privileges are for the cluster to refuse", `{spec: {containers: [{securityContext: {privileged: true}}]}}`,
			func(p *corev1.Pod) any { return p.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation == nil }, "true"},
		{"root", `{spec: {securityContext: {runAsUser: 0}}}`, func(p *corev1.Pod) any { return p.Spec.SecurityContext.RunAsNonRoot == nil }, "true"},
		{"image", `{spec: {containers: [{image: mine}]}}`, func(p *corev1.Pod) any { return p.Spec.Containers[0].Image }, "mine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := config()
			cfg.Template, cfg.Env = []byte(template), nil
			pod := build(t, cfg, work(t, func(_ *dag.DAG, task *dag.Task, _ *run.Instance) {
				task.ExecutorConfig = dag.Values{"pod_override": map[string]any(values(t, tt.override))}
			}))
			if got := fmt.Sprint(show(tt.got(pod))); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// show writes amounts as Kubernetes does.
func show(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	for i, e := range list {
		if q, ok := e.(fmt.Stringer); ok {
			list[i] = q.String()
		}
	}
	return list
}

func environment(p *corev1.Pod) any {
	var out []string
	for _, e := range p.Spec.Containers[0].Env {
		if len(e.Name) == 1 {
			out = append(out, e.Name+"="+e.Value)
		}
	}
	return out
}

// TestShow shows a pod with the origins of its parts; without the comments it is the pod.
func TestShow(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Template, cfg.TemplateName = read(t, "template.in.yaml"), "template.yaml"
	w := work(t, func(d *dag.DAG, task *dag.Task, in *run.Instance) {
		d.ExecutorConfig = values(t, `{pod_override: {metadata: {labels: {team: data}}, spec: {priorityClassName: low}}}`)
		task.ExecutorConfig = values(t, string(read(t, "override.in.yaml")))
		in.OOMFailures = 1
	})
	b, err := kubepod.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	text, err := b.Show(w)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "show.yaml", text)
	var shown corev1.Pod
	if err := yaml.UnmarshalStrict(text, &shown); err != nil {
		t.Fatal(err)
	}
	built, err := b.Build(w)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(built, &shown); diff != "" {
		t.Errorf("built, and as shown (-built +shown):\n%s", diff)
	}
}
