//go:build kubernetes

package podrun_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/operators/kubernetes"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/task"
)

const podOperator = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"

// bench is an operator whose pods are made in a namespace of the test's.
type bench struct {
	*operatortest.Harness
	namespace string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{Harness: operatortest.New(t), namespace: kubetest.Namespace(t)}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, kubernetes.Program)); err != nil {
		t.Fatal(err)
	}
	b.Environ = []string{"PATH=" + dir, "KUBECONFIG=" + os.Getenv("KUBECONFIG")}
	return b
}

// sh is a pod of the image with tools.
func (b *bench) sh(script string, more map[string]any) map[string]any {
	return b.pod(kubetest.Tasks, []any{"bash", "-c", script}, more)
}

func (b *bench) pod(image string, cmds []any, more map[string]any) map[string]any {
	args := map[string]any{
		"namespace": b.namespace, "image": image, "image_pull_policy": "Never", "cmds": cmds,
		"container_resources": map[string]any{"limits": map[string]any{"memory": "64Mi"}}, "log_pod_spec_on_failure": false,
	}
	for k, v := range more {
		args[k] = v
	}
	return args
}

func (b *bench) run(ctx context.Context, t *testing.T, args map[string]any) (task.Result, string) {
	t.Helper()
	got, err := b.Run(ctx, operatortest.Find(t, kubernetes.Operators(), podOperator), args)
	return got, operatortest.Outcome(err)
}

// pods are those of the namespace that nobody deletes.
func (b *bench) pods(t *testing.T) []corev1.Pod {
	t.Helper()
	found, err := kubetest.Client(t).CoreV1().Pods(b.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []corev1.Pod
	for _, p := range found.Items {
		if p.DeletionTimestamp == nil {
			out = append(out, p)
		}
	}
	return out
}

func TestEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		script string
		more   map[string]any
		want   string // the beginning
		log    string
	}{
		{name: "success", script: "echo hello; echo twice", want: "success", log: "hello\ntwice\n"},
		{name: "exit code", script: "echo bad luck; exit 3", want: "failed (task, 3): exit code 3: bad luck", log: "bad luck"},
		{name: "skip", script: "exit 42", more: map[string]any{"skip_on_exit_code": int64(42)}, want: "skipped: exit code 42"},
		{name: "memory", script: "python3 -c 'x = bytearray(256 << 20)'", want: "failed (oom, 137): the container ran out of memory (limit 64Mi): ask for more (container_resources)"},
		{name: "no such image", more: map[string]any{"image": "local.test/none:1"}, want: "failed (image, 0): container base: the image is not on the node"},
		{name: "no such program", more: map[string]any{"cmds": []any{"/none"}}, want: "failed (image, 128): the container cannot be started"},
		{
			name: "no node", more: map[string]any{"node_selector": map[string]any{"disk": "none"}, "schedule_timeout_seconds": int64(3)},
			want: "failed (infra, 0): the pod has not started within 3s (schedule_timeout_seconds): no node takes the pod: of ", log: "waiting: no node takes the pod",
		},
		{name: "deadline", script: "sleep 60", more: map[string]any{"active_deadline_seconds": int64(3), "termination_grace_period": int64(1)}, want: "failed (timeout, "},
		{name: "missing secret", more: map[string]any{"secrets": []any{map[string]any{"deploy_type": "env", "deploy_target": "A", "secret": "none", "key": "k"}}}, want: "failed (config, 0): container base: the container needs something that is not there"},
		{name: "unknown field", more: map[string]any{"security_context": map[string]any{"run_as_user": int64(1)}}, want: "fatal (config): the pod of the arguments: spec.securityContext.run_as_user is no field of a pod: write it as Kubernetes does"},
		{name: "not valid", more: map[string]any{"labels": map[string]any{"a b": "c"}}, want: "failed (config, 0): the pod is not valid (metadata.labels: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			_, got := b.run(t.Context(), t, b.sh(tt.script, tt.more))
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("ended as %q, want %q\n%s", got, tt.want, b.Log())
			}
			if !strings.Contains(b.Log(), tt.log) {
				t.Errorf("the log lacks %q: %s", tt.log, b.Log())
			}
			if left := b.pods(t); len(left) > 0 {
				t.Errorf("pod %s is left", left[0].Name)
			}
		})
	}
}

func TestValue(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 100_000)
	for _, tt := range []struct {
		name  string
		args  func(*bench) map[string]any
		value any
		want  string
	}{
		{name: "by a sidecar", args: func(b *bench) map[string]any {
			return b.sh(`echo '{"a": [1, "é", null]}' > /airflow/xcom/return.json; echo done`, nil)
		}, value: map[string]any{"a": []any{int64(1), "é", nil}}, want: "success"},
		{name: "large", args: func(b *bench) map[string]any {
			return b.sh(`python3 -c 'import json; json.dump("x" * 100000, open("/airflow/xcom/return.json", "w"))'`, nil)
		}, value: large, want: "success"},
		{name: "none", args: func(b *bench) map[string]any { return b.sh("true", nil) }, want: "success"},
		{name: "no JSON", args: func(b *bench) map[string]any { return b.sh("echo x > /airflow/xcom/return.json", nil) }, want: `failed (task, 0): /airflow/xcom/return.json holds no JSON, but "x"`},
		{name: "after a failure", args: func(b *bench) map[string]any { return b.sh("echo 1 > /airflow/xcom/return.json; exit 2", nil) }, want: "failed (task, 2): exit code 2"},
		{name: "image without a shell", args: func(b *bench) map[string]any {
			return b.pod(kubetest.Toy, nil, map[string]any{
				"arguments": []any{"cp", "/given/value", "/airflow/xcom/return.json"},
				"volumes": []any{map[string]any{"name": "given", "downwardAPI": map[string]any{"items": []any{
					map[string]any{"path": "value", "fieldRef": map[string]any{"fieldPath": "metadata.annotations['value']"}},
				}}}},
				"volume_mounts": []any{map[string]any{"name": "given", "mountPath": "/given"}}, "annotations": map[string]any{"value": "[1]"},
			})
		}, value: []any{int64(1)}, want: "success"},
		{name: "skip", args: func(b *bench) map[string]any {
			return b.sh("exit 5", map[string]any{"skip_on_exit_code": []any{int64(5)}})
		}, want: "skipped: exit code 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			args := tt.args(b)
			args["do_xcom_push"] = true
			got, said := b.run(t.Context(), t, args)
			if !strings.HasPrefix(said, tt.want) {
				t.Errorf("ended as %q, want %q\n%s", said, tt.want, b.Log())
			}
			if diff := cmp.Diff(tt.value, got.Value); diff != "" {
				t.Errorf("value (-want +got):\n%s\n%s", diff, b.Log())
			}
		})
	}
}

func TestPodHasWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	client := kubetest.Client(t)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"k": "hidden", "ALL": "every"}}
	if _, err := client.CoreV1().Secrets(b.namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	template := "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {team: data}\nspec:\n  terminationGracePeriodSeconds: 1\n" +
		"  containers:\n  - name: other\n    env: [{name: FROM_TEMPLATE, value: t}]\n"
	if err := os.WriteFile(filepath.Join(b.Dir, "pod.yaml"), []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	_, got := b.run(t.Context(), t, b.sh(`echo "$A $FROM_TEMPLATE $S $ALL $(cat /secret/k) $(cat /shared/x)"; ls -d /data; id -u`, map[string]any{
		"pod_template_file": "pod.yaml", "name": "My Pod", "on_finish_action": "keep_pod", "labels": map[string]any{"n": int64(1)},
		"full_pod_spec": map[string]any{"metadata": map[string]any{"annotations": map[string]any{"full": "yes"}}},
		"env_vars":      map[string]any{"A": "argument"},
		"secrets": []any{
			map[string]any{"deploy_type": "env", "deploy_target": "S", "secret": "s", "key": "k"}, map[string]any{"deploy_type": "env", "secret": "s"},
			map[string]any{"deploy_type": "volume", "deploy_target": "/secret", "secret": "s"},
		},
		"volumes":             []any{map[string]any{"name": "shared", "emptyDir": map[string]any{}}, map[string]any{"name": "data", "emptyDir": map[string]any{"medium": "Memory"}}},
		"volume_mounts":       []any{map[string]any{"name": "shared", "mountPath": "/shared"}, map[string]any{"name": "data", "mountPath": "/data"}},
		"init_containers":     []any{map[string]any{"name": "first", "image": kubetest.Tasks, "imagePullPolicy": "Never", "command": []any{"bash", "-c", "echo from init; echo initial > /shared/x"}, "volumeMounts": []any{map[string]any{"name": "shared", "mountPath": "/shared"}}}},
		"init_container_logs": true, "container_security_context": map[string]any{"runAsUser": int64(12345)},
	}))
	if got != "success" {
		t.Fatalf("ended as %q\n%s", got, b.Log())
	}
	for _, want := range []string{"[first] from init\n", "[base] argument t hidden every hidden initial\n", "[base] /data\n", "[base] 12345\n"} {
		if !strings.Contains(b.Log(), want) {
			t.Errorf("the log lacks %q: %s", want, b.Log())
		}
	}
	left := b.pods(t)
	if len(left) != 1 {
		t.Fatalf("%d pods are left, want the one", len(left))
	}
	pod := left[0]
	want := map[string]string{
		"team": "data", "n": "1", "dag_id": "d", "task_id": "t", "run_id": "scheduled__2024-05-01T0000000000-c1b3ee2ee", "try_number": "1",
		"kubernetes_pod_operator": "True", "already_checked": "True", "airflow_kpo_in_cluster": "False",
	}
	want["run_id"] = pod.Labels["run_id"] // its form is kubepod's
	if diff := cmp.Diff(want, pod.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(pod.Name, "my-pod-") || len(pod.Name) != len("my-pod-")+8 || pod.Annotations["full"] != "yes" {
		t.Errorf("pod %s, annotations %v", pod.Name, pod.Annotations)
	}
	if name := b.XComs.Pushed["pod_name"]; name != pod.Name || b.XComs.Pushed["pod_namespace"] != b.namespace {
		t.Errorf("XComs %v", b.XComs.Pushed)
	}
}

// TestRestricted has a value come out of a namespace that allows nothing special: what is asked
// for the base container holds for the one beside it.
func TestRestricted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.namespace = kubetest.Restricted(t)
	got, said := b.run(t.Context(), t, b.sh(`echo "[$(id -u)]" > /airflow/xcom/return.json`, map[string]any{
		"do_xcom_push": true, "security_context": map[string]any{"runAsNonRoot": true, "runAsUser": int64(65534), "runAsGroup": int64(65534), "seccompProfile": map[string]any{"type": "RuntimeDefault"}},
		"container_security_context": map[string]any{
			"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": map[string]any{"drop": []any{"ALL"}},
		},
	}))
	if diff := cmp.Diff([]any{int64(65534)}, got.Value); said != "success" || diff != "" {
		t.Errorf("ended as %q, value (-want +got):\n%s\n%s", said, diff, b.Log())
	}
	_, said = b.run(t.Context(), t, b.sh("true", nil))
	if want := "failed (config, 0): the namespace's pod security standard does not allow the pod"; !strings.HasPrefix(said, want) {
		t.Errorf("without it: %q, want %q", said, want)
	}
}

// started waits until a pod of the namespace runs, and returns it.
func (b *bench) started(ctx context.Context, t *testing.T) *corev1.Pod {
	t.Helper()
	w, err := kubetest.Client(t).CoreV1().Pods(b.namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer w.Stop()
	for e := range w.ResultChan() {
		if p, ok := e.Object.(*corev1.Pod); ok && p.Status.Phase == corev1.PodRunning {
			return p
		}
	}
	t.Error("no pod runs")
	return nil
}

func TestKill(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		b.started(ctx, t)
		cancel()
	}()
	args := b.sh("trap 'echo told to end; exit 0' TERM; echo up; while :; do sleep 0.1; done", map[string]any{"on_finish_action": "keep_pod"})
	_, got := b.run(ctx, t, args)
	if !strings.Contains(got, "stopped: ") {
		t.Errorf("ended as %q", got)
	}
	if !strings.Contains(b.Log(), "told to end") {
		t.Errorf("the log lacks what the pod said to SIGTERM: %s", b.Log())
	}
	if left := b.pods(t); len(left) > 0 {
		t.Errorf("pod %s is left", left[0].Name)
	}
}

// TestReattach has the program killed, as with its worker: the next try goes on with its pod.
func TestReattach(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	args := b.sh(`i=0; while [ $i -lt 5 ]; do echo "line $i"; i=$((i+1)); sleep 1; done; echo '"kept"' > /airflow/xcom/return.json`, map[string]any{"do_xcom_push": true})
	first := *b.Harness
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first.Processes = killed{&operatortest.Processes{}}
	go func() {
		b.started(ctx, t)
		cancel()
	}()
	if _, err := first.Run(ctx, operatortest.Find(t, kubernetes.Operators(), podOperator), args); err == nil {
		t.Fatal("the program that is killed succeeds")
	}
	if len(b.pods(t)) != 1 {
		t.Fatal("the pod went with the program")
	}
	b.Instance.Try = 2
	got, said := b.run(t.Context(), t, args)
	if said != "success" || got.Value != "kept" {
		t.Errorf("ended as %q with %v\n%s", said, got.Value, b.Log())
	}
	if !strings.Contains(b.Log(), "of try 1") || !strings.Contains(b.Log(), "line 4") {
		t.Errorf("log %s", b.Log())
	}
	if left := b.pods(t); len(left) > 0 {
		t.Errorf("pod %s is left", left[0].Name)
	}
}

// killed ends commands by SIGKILL. They are in process groups of their own: of the SIGTERM that comes
// before it they would know what to do.
type killed struct{ *operatortest.Processes }

// Exec implements task.Processes.
func (k killed) Exec(ctx context.Context, c task.Command) (task.Exit, error) {
	c.Argv = append([]string{"/bin/bash", "-c", `set -m; trap 'kill -9 $pid' TERM; "$0" "$@" <&0 & pid=$!; wait $pid; wait $pid`}, c.Argv...)
	return k.Processes.Exec(ctx, c)
}

func TestFunction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	script := `import json, sys, base64
with open(sys.argv[1]) as f: n = int(f.read())
print("asked for", n)
open(sys.argv[2], "w").write(json.dumps({"twice": 2 * n}))`
	raw, err := json.Marshal(map[string][]byte{"source": []byte(script), "arguments": []byte("21")})
	if err != nil {
		t.Fatal(err)
	}
	b.Python = &operatortest.Python{Value: raw}
	args := b.pod(kubetest.Tasks, nil, map[string]any{"python_callable": dag.Callable{Path: "m.f"}, "do_xcom_push": true})
	delete(args, "cmds")
	got, err := b.Run(t.Context(), operatortest.Find(t, kubernetes.Operators(), "airflow.providers.cncf.kubernetes.decorators.kubernetes._KubernetesDecoratedOperator"), args)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.Log())
	}
	if diff := cmp.Diff(map[string]any{"twice": int64(42)}, got.Value); diff != "" {
		t.Errorf("value (-want +got):\n%s", diff)
	}
	if !strings.Contains(b.Log(), "asked for 21\n") {
		t.Errorf("log %s", b.Log())
	}
}
