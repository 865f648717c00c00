package podrun

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/updraft-dev/updraft/operators/kubernetes"
)

func request(pod string) *kubernetes.Request {
	return &kubernetes.Request{
		Base: "base", TaskID: "load_data", Try: 2, Identity: map[string]string{"dag_id": "etl", "run_id": "manual__2024-05-01T00:00:00+00:00"},
		Cluster: kubernetes.Cluster{Namespace: "jobs"}, Pod: json.RawMessage(pod),
	}
}

const small = `{"spec":{"containers":[{"name":"base","image":"i"}],"restartPolicy":"Never"}}`

func TestManifest(t *testing.T) {
	t.Parallel()
	q := request(`{"metadata":{"labels":{"b":"2"},"annotations":{"x":"y"}},"spec":{"restartPolicy":"Never","volumes":[{"name":"v2","emptyDir":{}}],
		"containers":[{"name":"base","command":["run"],"env":[{"name":"B","value":"2"}],"resources":{"limits":{"memory":"1Gi"}}}]}}`)
	q.Template = `
apiVersion: v1
kind: Pod
metadata: {name: template, namespace: from-template, labels: {a: "1", b: "1"}}
spec:
  restartPolicy: OnFailure
  nodeSelector: {disk: ssd}
  volumes: [{name: v1, emptyDir: {}}]
  containers:
  - {name: main, image: i, command: [old], env: [{name: A, value: "1"}], resources: {limits: {cpu: "2"}}}
  - {name: side, image: s}
status: {phase: Running}
`
	q.FullSpec = json.RawMessage(`{"spec":{"containers":[{"name":"x","image":"j"}],"priorityClassName":"high"}}`)
	q.Secrets = []kubernetes.Secret{
		{Type: "env", Target: "S", Name: "s", Key: "k"}, {Type: "env", Name: "all"},
		{Type: "volume", Target: "/s", Name: "s", Items: json.RawMessage(`[{"key":"k","path":"p"}]`)},
	}
	pod, err := (&runner{q: q}).manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := `
metadata:
  name: template
  namespace: from-template
  labels: {a: "1", b: "2", dag_id: etl, run_id: manual__2024-05-01T0000000000-a65b4b3b4, try_number: "2", airflow_kpo_in_cluster: "False"}
  annotations: {x: "y", kubectl.kubernetes.io/default-container: base}
spec:
  restartPolicy: Never
  nodeSelector: {disk: ssd}
  priorityClassName: high
  volumes: [{name: v1, emptyDir: {}}, {name: v2, emptyDir: {}}, {name: secretvol2, secret: {secretName: s, items: [{key: k, path: p}]}}]
  containers:
  - name: base
    image: j
    command: [run]
    env: [{name: A, value: "1"}, {name: B, value: "2"}, {name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}]
    envFrom: [{secretRef: {name: all}}]
    volumeMounts: [{name: secretvol2, mountPath: /s, readOnly: true}]
    resources: {limits: {memory: 1Gi}}
  - {name: side, image: s}
`
	var expected corev1.Pod
	if err := sigsyaml.UnmarshalStrict([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	expected.Labels["run_id"] = pod.Labels["run_id"] // its form is kubepod's
	pod.TypeMeta = expected.TypeMeta
	if diff := cmp.Diff(&expected, pod); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
}

func TestManifestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, template, pod, want string }{
		{"python's spelling", "", `{"spec":{"containers":[{"name":"base","image":"i"}],"host_network":true}}`, "the pod of the arguments: spec.host_network is no field of a pod: write it as Kubernetes does, in camelCase"},
		{"two unknown fields", "spec: {contaners: [], volume: []}", small, "pod_template_file or pod_template_dict: spec.contaners is no field of a pod; spec.volume is no field of a pod"},
		{"a number for a text", "", `{"spec":{"containers":[{"name":"base","image":"i","env":[{"name":"A","value":1}]}]}}`, "env.value is a number, and should be a string: quote texts"},
		{"another kind", "kind: Job", small, "its kind is Job: write a Pod"},
		{"no YAML", "a: b: c", small, "pod_template_file or pod_template_dict: "},
		{"a list", "[]", small, "it is no pod: write a dict"},
		{"no image", "", `{"spec":{"containers":[{"name":"base"}]}}`, "its container has no image: give the argument image"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := request(tt.pod)
			q.Template = tt.template
			_, err := (&runner{q: q}).manifest()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if out := failed(err); !out.Fatal {
				t.Error("another try would not help, and is not ruled out")
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ given, task, want string }{
		{"", "Load.data_1", "load-data-1"}, {"My Pod", "t", "my-pod"}, {"--", "t", "task"}, {strings.Repeat("x", 80), "t", strings.Repeat("x", 63)},
	} {
		if got := nameOf(tt.given, tt.task); got != tt.want {
			t.Errorf("%q, %q: %q, want %q", tt.given, tt.task, got, tt.want)
		}
		if got := random(nameOf(tt.given, tt.task)); len(got) > maxName || !strings.HasPrefix(tt.want+"-", got[:len(got)-suffix-1]) {
			t.Errorf("with a random end: %q", got)
		}
	}
	if one, two := random("a"), random("a"); one == two {
		t.Errorf("two names are %s", one)
	}
}

func TestCarry(t *testing.T) {
	t.Parallel()
	q := request(small)
	q.XCom = true
	r := &runner{q: q}
	for _, how := range []carrier{none, byMessage, bySidecar} {
		pod, err := r.manifest()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.carry(pod, how); err != nil {
			t.Fatal(err)
		}
		if how != none && r.carrierOf(pod) != how {
			t.Errorf("carrier %d is taken for %d", how, r.carrierOf(pod))
		}
		if path := pod.Spec.Containers[0].TerminationMessagePath; (path == kubernetes.ResultFile) != (how == byMessage) {
			t.Errorf("carrier %d: termination message at %q", how, path)
		}
		if n := len(pod.Spec.InitContainers); (n == 1) != (how == bySidecar) {
			t.Errorf("carrier %d: %d init containers", how, n)
		}
	}
	q.XComImage, q.XComResources = "alpine", json.RawMessage(`{"limits":{"cpu":"1"}}`)
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "base", Image: "i"}}}}
	if err := r.carry(pod, bySidecar); err != nil {
		t.Fatal(err)
	}
	if c := pod.Spec.InitContainers[0]; c.Image != "alpine" || c.Resources.Limits.Cpu().String() != "1" || len(c.Resources.Requests) > 0 {
		t.Errorf("sidecar %+v", c)
	}
	q.XComResources = json.RawMessage(`{"limit":{}}`)
	if err := r.carry(pod, bySidecar); err == nil || !strings.Contains(err.Error(), "xcom_sidecar_container_resources") {
		t.Errorf("bad resources: %v", err)
	}
}
