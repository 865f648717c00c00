package kube

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/operators/kubernetes"
	"github.com/updraft-dev/updraft/run"
)

func load(t *testing.T, settings map[string]string) *config.Config {
	t.Helper()
	settings["home"] = t.TempDir()
	c, err := config.Load(config.Input{Lookup: func(string) (string, bool) { return "", false }, Flags: settings})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPods(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pod.yaml")
	if err := os.WriteFile(file, []byte("kind: Pod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Pods(load(t, map[string]string{
		"store": "dynamodb://table", "queue": "sqs://q", "executor": "auto", "kubernetes_pod_template_file": file,
		"kubernetes_image_pull_secrets": "one, two", "kubernetes_memory_max": "1024", "kubernetes_keep_failed": "5m",
	}), "own")
	if err != nil {
		t.Fatal(err)
	}
	if p.Namespace != "own" || p.Installation != "updraft" || string(p.Template) != "kind: Pod\n" || p.MemoryMax != 1024 {
		t.Errorf("got %+v", p)
	}
	if diff := cmp.Diff([]string{"one", "two"}, p.PullSecrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	// What is the controller's own, and what is as it is by default, is not handed on.
	want := map[string]string{"UPDRAFT_EXECUTOR": "auto", "UPDRAFT_STORE": "dynamodb://table", "UPDRAFT_QUEUE": "sqs://q", "UPDRAFT_KUBERNETES_NAMESPACE": "own"}
	if diff := cmp.Diff(want, p.Env); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

// TestTemplates: authors name files of one folder, and no others by any way.
func TestTemplates(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	folder := filepath.Join(home, "templates")
	if err := os.MkdirAll(filepath.Join(folder, "..data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"templates/..data/gpu.yaml", "token"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// As a volume of a config map has it; and what somebody else would try.
	for to, link := range map[string]string{"..data/gpu.yaml": "gpu.yaml", "../token": "out.yaml"} {
		if err := os.Symlink(to, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Pods(load(t, map[string]string{"kubernetes_pod_template_folder": folder}), "own")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, want string }{
		{"gpu.yaml", "templates/..data/gpu.yaml"},
		{folder + "/gpu.yaml", "templates/..data/gpu.yaml"},
		{"none.yaml", "error: openat none.yaml: no such file or directory: templates are in FOLDER (kubernetes_pod_template_folder)"},
		{"../token", "error: ../token is not in FOLDER, where templates are (kubernetes_pod_template_folder): name a file there"},
		{home + "/token", "error: HOME/token is not in FOLDER, where templates are (kubernetes_pod_template_folder): name a file there"},
		{"out.yaml", "error: openat out.yaml: path escapes from parent: templates are in FOLDER (kubernetes_pod_template_folder)"},
	} {
		got, err := p.TemplateFile(tt.name)
		if err != nil {
			got = []byte("error: " + err.Error())
		}
		if diff := cmp.Diff(strings.NewReplacer("FOLDER", folder, "HOME", home).Replace(tt.want), string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if p, err := Pods(load(t, map[string]string{}), "own"); err != nil || p.TemplateFile != nil {
		t.Errorf("without a folder there are templates: %v", err)
	}
}

// TestLaunches: all operators that run this program have it in the pods of their tasks, and so
// have workers.
func TestLaunches(t *testing.T) {
	t.Parallel()
	if kubernetes.Program != kubeevent.Launcher {
		t.Errorf("operators run %s, pods have %s", kubernetes.Program, kubeevent.Launcher)
	}
	p, err := Pods(load(t, map[string]string{}), "own")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range kubernetes.Operators() {
		if !p.Launches(o.Spec.Class) {
			t.Errorf("pods of %s do not have %s", o.Spec.Class, kubernetes.Program)
		}
	}
	if !p.Launches(kubeexec.WorkerOperator) || p.Launches("airflow.providers.standard.operators.bash.BashOperator") {
		t.Error("workers have to have it, and pods of other operators not")
	}
}

func TestPodsWithPasswords(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"store": "postgres://updraft:secret@db/updraft"}
	if _, err := Pods(load(t, settings), "own"); err == nil || !strings.Contains(err.Error(), "UPDRAFT_STORE into a secret") || strings.Contains(err.Error(), "secret@") {
		t.Errorf("got %v, want the remedy, and no password", err)
	}
	settings["kubernetes_env_from_secrets"] = "updraft-store"
	p, err := Pods(load(t, settings), "own")
	if err != nil {
		t.Fatal(err)
	}
	if _, there := p.Env["UPDRAFT_STORE"]; there || p.EnvFromSecrets[0] != "updraft-store" {
		t.Errorf("the password is in %v", p.Env)
	}
}

func TestWarmRule(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		set  func(*dag.DAG, *dag.Task)
		want bool
	}{
		{"nothing of its own", func(*dag.DAG, *dag.Task) {}, true},
		{"an image", func(_ *dag.DAG, t *dag.Task) { t.ExecutorConfig = dag.Values{"image": "x:1"} }, false},
		{"a pod_override", func(_ *dag.DAG, t *dag.Task) { t.ExecutorConfig = dag.Values{"pod_override": map[string]any{}} }, false},
		{"a pod_override of its DAG", func(d *dag.DAG, _ *dag.Task) { d.ExecutorConfig = dag.Values{"pod_override": map[string]any{}} }, false},
		{"memory", func(_ *dag.DAG, t *dag.Task) { t.Resources.Memory = 1 << 30 }, false},
		{"a node", func(_ *dag.DAG, t *dag.Task) { t.Resources.NodeSelector = map[string]string{"disk": "ssd"} }, false},
		{"isolated", func(_ *dag.DAG, t *dag.Task) { t.Isolated = true }, false},
		{"warm: false", func(_ *dag.DAG, t *dag.Task) { t.ExecutorConfig = dag.Values{"warm": false} }, false},
		{"warm: true, and memory", func(_ *dag.DAG, t *dag.Task) {
			t.ExecutorConfig, t.Resources.Memory = dag.Values{"warm": true}, 1<<30
		}, true},
	} {
		d, task := &dag.DAG{ID: "d"}, dag.NewTask("t", "updraft.noop")
		tt.set(d, task)
		if got := Warm(d, task); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestHowManyWorkers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ min, max, ready, running, starting, want int }{
		{0, 5, 0, 0, 0, 0},
		{0, 5, 1, 0, 0, 1},
		{0, 5, 1, 0, 1, 0}, // it is on its way
		{0, 5, 9, 0, 0, 3},
		{0, 5, 9, 2, 1, 2},
		{0, 5, 100, 3, 0, 2},
		{0, 5, 100, 5, 0, 0},
		{2, 5, 0, 0, 0, 2},
		{2, 5, 0, 1, 1, 0},
		{2, 5, 1, 2, 0, 1},
	} {
		w := &warmth{min: tt.min, max: tt.max, options: kubeevent.WorkOptions{Slots: 4}}
		if got := w.more(tt.ready, tt.running, tt.starting); got != tt.want {
			t.Errorf("%+v: got %d", tt, got)
		}
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	var h holds
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for n := range 5 {
		one := &hold{next: now.Add(time.Duration(4-n) * time.Second), until: now.Add(time.Duration(n+1) * 30 * time.Second)}
		one.d.ID = fmt.Sprint(n)
		h.add(one)
	}
	ids := func(list []*hold) (out string) {
		for _, one := range list {
			out += one.d.ID
		}
		return out
	}
	if got := ids(h.expiring(now)); got != "0" {
		t.Errorf("%q are nearly others', want the first", got)
	}
	if got := ids(h.expiring(now)); got != "" {
		t.Errorf("%q are nearly others', though they were kept", got)
	}
	if got := ids(h.due(now.Add(3*time.Second), 3)); got != "432" {
		t.Errorf("%q are due, want those that wait for longest", got)
	}
	if got := ids(h.due(now.Add(3*time.Second), 3)); got != "1" || h.len() != 1 {
		t.Errorf("%q are due, and %d left", got, h.len())
	}
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	r := &run.Run{ID: run.ID{DAG: "d", Run: "r"}}
	in := run.Instance{Task: "t", Map: run.Unmapped, Try: 1, State: run.Queued}
	name := kubepod.Name(&executors.Work{Run: *r, Instance: in})
	pod := &kubeexec.Pod{Attempt: in.Attempt(r.ID), Name: name, Worker: "kubernetes/n/" + name + "/1"}
	for what, tt := range map[string]struct {
		set  func(*run.Instance)
		want bool
	}{
		"waits":                   {func(*run.Instance) {}, true},
		"waits for another":       {func(in *run.Instance) { in.Start = time.Unix(1, 0) }, false},
		"is executed":             {func(in *run.Instance) { in.State, in.Worker = run.Running, pod.Worker }, true},
		"is executed by another":  {func(in *run.Instance) { in.State, in.Worker = run.Running, "kubernetes/n/x/2" }, false},
		"was cleared and stops":   {func(in *run.Instance) { in.State, in.Worker = run.Restarting, pod.Worker }, true},
		"has ended":               {func(in *run.Instance) { in.State, in.Worker = run.Success, pod.Worker }, false},
		"waits for its next time": {func(in *run.Instance) { in.State = run.UpForReschedule }, false},
	} {
		one := in
		tt.set(&one)
		if got := needs(r, &one, pod); got != tt.want {
			t.Errorf("%s: %t, want %t", what, got, tt.want)
		}
	}
}
