package kubernetes_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/kubernetes"
	"github.com/updraft-dev/updraft/operators/operatortest"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/task"
)

const (
	podOperator = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"
	decorated   = "airflow.providers.cncf.kubernetes.decorators.kubernetes._KubernetesDecoratedOperator"
)

// program is a stand-in for updraft-kube: it keeps what it is asked for, and answers what the
// test wants.
type program struct {
	dir string
	h   *operatortest.Harness
}

// newProgram makes one. The script is what it does before it answers.
func newProgram(t *testing.T, outcome, script string) *program {
	t.Helper()
	p := &program{dir: t.TempDir(), h: operatortest.New(t)}
	text := "#!/bin/sh\ncd " + p.dir + "\n[ \"$1\" = run-pod ] || exit 64\ncat > request.json\n" + script + "\n"
	if outcome != "" {
		text += "cp outcome.json \"$(sed -n 's/^{\"outcome\":\"\\([^\"]*\\)\".*/\\1/p' request.json)\"\n"
	}
	operatortest.Script(t, filepath.Join(p.dir, kubernetes.Program), text)
	if err := os.WriteFile(filepath.Join(p.dir, "outcome.json"), []byte(outcome), 0o600); err != nil {
		t.Fatal(err)
	}
	p.h.Environ = []string{"PATH=" + p.dir + ":/usr/bin:/bin"}
	return p
}

func (p *program) run(t *testing.T, class string, args map[string]any) (task.Result, error) {
	t.Helper()
	return p.h.Run(t.Context(), operatortest.Find(t, kubernetes.Operators(), class), args)
}

// request is what the program was asked for.
func (p *program) request(t *testing.T) *kubernetes.Request {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, "request.json"))
	if err != nil {
		t.Fatal(err)
	}
	q := &kubernetes.Request{}
	if err := json.Unmarshal(raw, q); err != nil {
		t.Fatal(err)
	}
	return q
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args map[string]any
		pod  string
	}{
		{name: "image alone", args: map[string]any{"image": "i"}, pod: `{"metadata":{},"spec":{"containers":[{"name":"base","image":"i"}],"restartPolicy":"Never"}}`},
		{
			name: "the container",
			args: map[string]any{
				"image": "i", "cmds": []any{"sh", "-c"}, "arguments": "exit", "env_vars": map[string]any{"A": int64(1), "B": "x", "N": nil},
				"configmaps": []any{"c"}, "image_pull_policy": "Never", "base_container_name": "main",
				"container_resources": map[string]any{"request_memory": "1Gi", "limit_cpu": int64(2)},
				"volume_mounts":       []any{map[string]any{"name": "v", "mountPath": "/v"}},
				"ports":               []any{dag.Object{Class: "kubernetes.client.models.V1ContainerPort", Kwargs: map[string]any{"container_port": int64(80), "host_ip": "::1"}}},
			},
			pod: `{"metadata":{},"spec":{"containers":[{"name":"main","image":"i","imagePullPolicy":"Never","command":["sh","-c"],"args":["exit"],
				"env":[{"name":"A","value":"1"},{"name":"B","value":"x"}],"envFrom":[{"configMapRef":{"name":"c"}}],
				"ports":[{"containerPort":80,"hostIP":"::1"}],
				"resources":{"requests":{"memory":"1Gi"},"limits":{"cpu":2}},"volumeMounts":[{"name":"v","mountPath":"/v"}]}],"restartPolicy":"Never"}}`,
		},
		{
			name: "the pod",
			args: map[string]any{
				"name": "p", "namespace": "n", "labels": map[string]any{"a": int64(1)}, "annotations": map[string]any{"b": true},
				"image_pull_secrets": "x, y", "node_selector": map[string]any{"d": "ssd"}, "hostnetwork": true, "active_deadline_seconds": int64(9),
				"termination_grace_period": int64(0), "automount_service_account_token": false, "dnspolicy": "Default",
				"tolerations": task.Tuple{map[string]any{"operator": "Exists"}}, "security_context": map[string]any{"runAsUser": int64(1)},
			},
			pod: `{"metadata":{"name":"p","namespace":"n","labels":{"a":"1"},"annotations":{"b":"True"}},"spec":{"containers":[{"name":"base"}],
				"restartPolicy":"Never","imagePullSecrets":[{"name":"x"},{"name":"y"}],"nodeSelector":{"d":"ssd"},"hostNetwork":true,
				"activeDeadlineSeconds":9,"terminationGracePeriodSeconds":0,"automountServiceAccountToken":false,"dnsPolicy":"Default",
				"tolerations":[{"operator":"Exists"}],"securityContext":{"runAsUser":1}}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, `{}`, "")
			if _, err := p.run(t, podOperator, tt.args); err != nil {
				t.Fatal(err)
			}
			var got, want map[string]any
			if err := json.Unmarshal(p.request(t).Pod, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.pod), &want); err != nil {
				t.Fatal(err)
			}
			want["apiVersion"], want["kind"] = "v1", "Pod"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pod (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestBesideThePod(t *testing.T) {
	t.Parallel()
	p := newProgram(t, `{}`, "")
	if err := os.WriteFile(filepath.Join(p.h.Dir, "pod.yaml"), []byte("kind: Pod"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.h.Instance.Map = 3
	_, err := p.run(t, podOperator, map[string]any{
		"image": "i", "pod_template_file": "pod.yaml", "full_pod_spec": map[string]any{"spec": map[string]any{"hostIPC": true}},
		"do_xcom_push": true, "is_delete_operator_pod": false, "reattach_on_restart": false, "random_name_suffix": false,
		"startup_timeout_seconds": int64(7), "init_container_logs": true, "container_logs": []any{"base", "side"}, "container_name_log_prefix_enabled": true,
		"secrets": []any{
			map[string]any{"deploy_type": "env", "deploy_target": "A", "secret": "s", "key": "k"},
			dag.Object{Class: "airflow.providers.cncf.kubernetes.secret.Secret", Args: []any{"volume", "/s", "s"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := p.request(t)
	got.Pod = nil
	if !filepath.IsAbs(got.Outcome) {
		t.Errorf("the outcome goes to %q", got.Outcome)
	}
	prefix := true
	want := &kubernetes.Request{
		Outcome: got.Outcome, Template: "kind: Pod", FullSpec: json.RawMessage(`{"spec":{"hostIPC":true}}`), Base: "base", TaskID: "t", Try: 1,
		Identity: map[string]string{
			"dag_id": "d", "task_id": "t", "run_id": "scheduled__2024-05-01T00:00:00+00:00", "map_index": "3", "kubernetes_pod_operator": "True",
		},
		OnFinish: kubernetes.KeepPod, XCom: true, ScheduleSeconds: 7, StartSeconds: 7,
		Show:    kubernetes.Show{Containers: []string{"base", "side"}, InitContainers: []string{"*"}, Prefix: &prefix, Manifest: true},
		Secrets: []kubernetes.Secret{{Type: "env", Target: "A", Name: "s", Key: "k"}, {Type: "volume", Target: "/s", Name: "s"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	yes := true
	conn := func(extra string) settings.Connection {
		return settings.Connection{ID: "k", Type: "kubernetes", Extra: json.RawMessage(extra)}
	}
	for _, tt := range []struct {
		name string
		conn settings.Connection
		args map[string]any
		want kubernetes.Cluster
	}{
		{name: "none"},
		{name: "arguments first", conn: conn(`{"cluster_context":"a","kube_config_path":"/a","namespace":"n"}`), args: map[string]any{"cluster_context": "b", "config_file": "/b"}, want: kubernetes.Cluster{File: "/b", Context: "b", Namespace: "n"}},
		{name: "old keys", conn: conn(`{"extra__kubernetes__in_cluster":true,"extra__kubernetes__namespace":"n"}`), want: kubernetes.Cluster{InCluster: &yes, Namespace: "n"}},
		{name: "text", conn: conn(`{"kube_config":"kind: Config"}`), want: kubernetes.Cluster{Config: "kind: Config"}},
		{name: "object", conn: conn(`{"kube_config":{"kind":"Config"}}`), want: kubernetes.Cluster{Config: `{"kind":"Config"}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, `{}`, "")
			args := map[string]any{"image": "i"}
			if tt.conn.ID != "" {
				p.h.Settings.Connections = map[string]settings.Connection{tt.conn.ID: tt.conn}
				args["kubernetes_conn_id"] = tt.conn.ID
			}
			for k, v := range tt.args {
				args[k] = v
			}
			if _, err := p.run(t, podOperator, args); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, p.request(t).Cluster); diff != "" {
				t.Errorf("cluster (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, outcome, script string
		args                  map[string]any
		want                  string
		value                 any
	}{
		{name: "success", outcome: `{"pod":"p","namespace":"n"}`, want: "success"},
		{name: "value", outcome: `{"value":{"a":[1,null]}}`, want: "success", value: map[string]any{"a": []any{int64(1), nil}}},
		{name: "failure", outcome: `{"failure":"exit code 3","cause":"task","exit_code":3}`, want: "failed (task, 3): exit code 3"},
		{name: "fatal", outcome: `{"failure":"no such image: push it","cause":"image","fatal":true}`, want: "fatal (image): no such image: push it"},
		{name: "skip", outcome: `{"failure":"exit code 42","exit_code":42}`, args: map[string]any{"skip_on_exit_code": []any{int64(41), int64(42)}}, want: "skipped: exit code 42"},
		{name: "skip on success", outcome: `{}`, args: map[string]any{"skip_on_exit_code": int64(0)}, want: "skipped: exit code 0"},
		{name: "0 does not skip what never ran", outcome: `{"failure":"evicted","cause":"infra"}`, args: map[string]any{"skip_on_exit_code": int64(0)}, want: "failed (infra, 0): evicted"},
		{name: "dead program", script: "exit 7", want: "failed (infra, 0): updraft-kube ended without a result: exit code 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, tt.outcome, tt.script)
			args := map[string]any{"image": "i"}
			for k, v := range tt.args {
				args[k] = v
			}
			got, err := p.run(t, podOperator, args)
			if said := operatortest.Outcome(err); said != tt.want {
				t.Errorf("ended as %q, want %q", said, tt.want)
			}
			if diff := cmp.Diff(tt.value, got.Value); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
			if _, err := os.Stat(filepath.Dir(p.outcome(t))); !os.IsNotExist(err) {
				t.Errorf("the temporary folder is left: %v", err)
			}
		})
	}
}

// outcome is the file that the program was told to write.
func (p *program) outcome(t *testing.T) string {
	t.Helper()
	return p.request(t).Outcome
}

func TestNamesOfThePodAreXComs(t *testing.T) {
	t.Parallel()
	p := newProgram(t, `{"pod":"p-1","namespace":"n","failure":"exit code 1","exit_code":1}`, "echo hello")
	if _, err := p.run(t, podOperator, map[string]any{"image": "i"}); err == nil {
		t.Error("a failure is none")
	}
	for name, want := range map[string]string{"pod_name": "p-1", "pod_namespace": "n"} {
		if got := p.h.XComs.Pushed[name]; got != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
	if !strings.Contains(p.h.Log(), "hello") {
		t.Errorf("the log has no output: %s", p.h.Log())
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "", "trap 'echo deleted; exit 0' TERM; echo > started; while :; do sleep 0.1; done")
	started := filepath.Join(p.dir, "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_, _ = os.ReadFile(started) // until the program writes to it
		cancel()
	}()
	_, err := p.h.Run(ctx, operatortest.Find(t, kubernetes.Operators(), podOperator), map[string]any{"image": "i", "termination_grace_period": int64(5)})
	if err == nil || !strings.Contains(err.Error(), "stopped: ") {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(p.h.Log(), "deleted") {
		t.Errorf("SIGTERM did not come: %s", p.h.Log())
	}
	if got := p.h.Processes.(*operatortest.Processes).Commands()[0].Grace; got != 20*time.Second {
		t.Errorf("grace %s, want the pod's and a margin", got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args map[string]any
		want string
	}{
		{"callbacks", map[string]any{"callbacks": "x"}, "argument callbacks: it wants Kubernetes' client for Python"},
		{"end", map[string]any{"on_finish_action": "burn"}, `argument on_finish_action is "burn": use delete_pod`},
		{"no object", map[string]any{"tolerations": []any{"x"}}, "argument tolerations: element 0 is x: use a dict"},
		{"no secret", map[string]any{"secrets": []any{map[string]any{"deploy_type": "x", "secret": "s"}}}, `deploy_type of secret s is "x": use env or volume`},
		{"template", map[string]any{"pod_template_file": "none.yaml"}, "argument pod_template_file: "},
		{"connection", map[string]any{"kubernetes_conn_id": "none"}, "kubernetes_conn_id: "},
		{"two ways", map[string]any{"in_cluster": true, "config_file": "/k"}, "exclude each other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, `{}`, "")
			_, err := p.run(t, podOperator, tt.args)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestNoProgram(t *testing.T) {
	t.Parallel()
	p := newProgram(t, `{}`, "")
	p.h.Environ = []string{"PATH=" + t.TempDir()}
	_, err := p.run(t, podOperator, map[string]any{"image": "i"})
	if want := "updraft-kube is neither beside this program nor on the PATH"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value    string
		argsOnly bool
		want     string // the container, or the beginning of what is wrong
	}{
		{`["echo", "a b"]`, false, `{"name":"base","command":["echo","a b"]}`},
		{`["a"]`, true, `{"name":"base","args":["a"]}`},
		{`[]`, false, "m.f returned []: it must return a list of texts"},
		{`"echo a"`, false, "m.f returned echo a: it must return a list of texts"},
		{`["a", 1]`, false, `m.f returned ["a",1]: it must return a list of texts`},
	} {
		p := newProgram(t, `{}`, "")
		p.h.Python = &operatortest.Python{Value: json.RawMessage(tt.value)}
		_, err := p.run(t, strings.Replace(decorated, "kubernetes._KubernetesD", "kubernetes_cmd._KubernetesCmdD", 1), map[string]any{
			"python_callable": dag.Callable{Path: "m.f"}, "args_only": tt.argsOnly,
		})
		if err != nil {
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %q", tt.value, err, tt.want)
			}
			continue
		}
		var pod struct {
			Spec struct{ Containers []map[string]any }
		}
		var want map[string]any
		if err := json.Unmarshal(p.request(t).Pod, &pod); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
			t.Fatalf("%s: no error, want %q", tt.value, tt.want)
		}
		if diff := cmp.Diff(want, pod.Spec.Containers[0]); diff != "" {
			t.Errorf("%s: container (-want +got):\n%s", tt.value, diff)
		}
	}
}

func TestFunction(t *testing.T) {
	t.Parallel()
	for push, want := range map[bool]string{true: `"/airflow/xcom/return.json"`, false: `"/dev/null"`} {
		p := newProgram(t, `{"value":3}`, "")
		p.h.Python = &operatortest.Python{Value: json.RawMessage(`{"source":"cw==","arguments":"YQ=="}`)}
		got, err := p.run(t, decorated, map[string]any{
			"image": "i", "python_callable": dag.Callable{Path: "m.f"}, "op_args": []any{int64(1)}, "do_xcom_push": push, "python_command": "pypy3 -O",
			"env_vars": map[string]any{"A": "b"},
		})
		if err != nil || got.Value != int64(3) {
			t.Fatalf("%v, %v", got, err)
		}
		var pod struct {
			Spec struct {
				Containers []struct {
					Command []string
					Env     []struct{ Name, Value string }
				}
			}
		}
		if err := json.Unmarshal(p.request(t).Pod, &pod); err != nil {
			t.Fatal(err)
		}
		base := pod.Spec.Containers[0]
		if diff := cmp.Diff([]struct{ Name, Value string }{{"A", "b"}, {"__PYTHON_SCRIPT", "cw=="}, {"__PYTHON_INPUT", "YQ=="}}, base.Env); diff != "" {
			t.Errorf("environment (-want +got):\n%s", diff)
		}
		if len(base.Command) != 4 || base.Command[0] != "pypy3" || base.Command[2] != "-c" || !strings.Contains(base.Command[3], want) {
			t.Errorf("command %q, want %s in it", base.Command, want)
		}
	}
}
