//go:build kubernetes

package helm_test

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/internal/kubetest"
)

// TestInstall follows docs/kubernetes.md: install, wait until all is ready, run a DAG and read
// its log, see what is said of a task that waits and of one whose pod was deleted, remove.
// A task starts a pod of its own. What the controller and that task ask the API server for
// meanwhile is what their roles allow.
func TestInstall(t *testing.T) {
	t.Parallel()
	in := install(t)
	t.Cleanup(func() {
		if t.Failed() {
			in.describe(t)
		}
	})
	if out := in.run(t, "dags", "trigger", "chart_test", "--wait"); !strings.Contains(out, "success") {
		t.Errorf("the run: %s", out)
	}
	if out := in.run(t, "tasks", "logs", "chart_test", "latest", "hello"); !strings.Contains(out, "hello from chart-test-hello-") {
		t.Errorf("the log: %s", out)
	}
	in.launches(t)
	in.waits(t)
	in.loses(t)
	in.used(t, "controller")
	in.used(t, "task")
	if _, err := helm(t, "uninstall", release, "--namespace", in.namespace, "--wait", "--cascade", "foreground"); err != nil {
		t.Error(err)
	}
	list, err := kubetest.Client(t).AppsV1().Deployments(in.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) > 0 {
		t.Errorf("%d deployments of the chart are left, %v", len(list.Items), err)
	}
}

// describe logs what became of the tasks, and what scheduler and controllers say.
func (in *installed) describe(t *testing.T) {
	ctx := context.WithoutCancel(t.Context())
	for _, id := range []string{"chart_test", "chart_launches", "chart_waits", "chart_deleted"} {
		cmd := exec.CommandContext(ctx, in.updraft, "tasks", "explain", id, "latest")
		cmd.Env = append(os.Environ(), in.environment...)
		out, err := cmd.CombinedOutput()
		t.Logf("%s: %s%v", id, out, err)
	}
	client := kubetest.Client(t).CoreV1().Pods(in.namespace)
	list, err := client.List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + release})
	if err != nil {
		t.Log(err)
		return
	}
	for _, pod := range list.Items {
		out, err := client.GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: new(int64(30))}).DoRaw(ctx)
		t.Logf("%s says: %s%v", pod.Name, out, err)
	}
}

// launches has a task start a pod of its own: what that writes is in the task's log, and what
// it leaves is the task's value, which the next task wants.
func (in *installed) launches(t *testing.T) {
	t.Helper()
	const id = "chart_launches"
	if out := in.run(t, "dags", "trigger", id, "--run-id", "one", "--wait"); !strings.Contains(out, "success") {
		t.Errorf("the run that starts a pod: %s", out)
	}
	if out := in.run(t, "tasks", "logs", id, "one", "launches"); !strings.Contains(out, "hello from launches-") {
		t.Errorf("the log of the task that starts a pod: %s", out)
	}
}

// waits has a pod find no node. Why is said, and the pod goes when it is not wanted any more.
func (in *installed) waits(t *testing.T) {
	t.Helper()
	const id = "chart_waits"
	in.run(t, "dags", "trigger", id, "--run-id", "one")
	pod := in.pod(t, id)
	until(t, "the reason is told", func() bool {
		return strings.Contains(in.run(t, "tasks", "explain", id, "one", "waits", "-o", "json"), "node")
	})
	in.run(t, "tasks", "mark", id, "one", "waits", "--state", "failed")
	kubetest.Gone(t, in.namespace, pod.Name)
}

// loses deletes a pod under its task: that is told, with the pod's events in the log.
func (in *installed) loses(t *testing.T) {
	t.Helper()
	const id = "chart_deleted"
	in.run(t, "dags", "trigger", id, "--run-id", "one")
	pod := in.pod(t, id)
	kubetest.Phase(t, in.namespace, pod.Name, corev1.PodRunning)
	until(t, "the task runs", func() bool {
		return strings.Contains(in.run(t, "tasks", "states-for-dag-run", id, "one"), "running")
	})
	if err := kubetest.Client(t).CoreV1().Pods(in.namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "the end of the pod is told", func() bool {
		return strings.Contains(in.run(t, "tasks", "explain", id, "one"), "deleted by somebody")
	})
	if out := in.run(t, "tasks", "logs", id, "one", "sleeps"); !strings.Contains(out, "deleted") || !strings.Contains(out, "events of pod "+pod.Name) {
		t.Errorf("the log does not tell of the end: %s", out)
	}
}

// pod waits for the pod of a DAG's task.
func (in *installed) pod(t *testing.T, id string) (pod corev1.Pod) {
	t.Helper()
	until(t, "there is a pod of "+id, func() bool {
		list, err := kubetest.Client(t).CoreV1().Pods(in.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "dag_id=" + id})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) > 0 {
			pod = list.Items[0]
		}
		return len(list.Items) > 0
	})
	return pod
}

// until waits for something that only asking tells.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	again := time.NewTicker(time.Second / 2)
	defer again.Stop()
	over := time.After(kubetest.Patience)
	for !done() {
		select {
		case <-again.C:
		case <-over:
			t.Fatalf("waited %s until %s", kubetest.Patience, what)
		}
	}
}

// rare is what roles allow for what this test does not provoke: a pod that is there already
// when it is made, because the answer to whoever made it was lost, is looked at; and a task
// looks for the reason when its pod waits for two seconds, and labels a pod that it keeps.
var rare = []string{"controller get pods", "task get pods", "task list events", "task patch pods"}

// used compares what the controller, or tasks, have asked the API server for, by its audit
// log, with the rules of their role: each is used, and nothing was refused.
func (in *installed) used(t *testing.T, who string) {
	t.Helper()
	name := release + "-updraft-" + who
	used := map[string]bool{}
	for use := range kubetest.Uses(t, "system:serviceaccount:"+in.namespace+":"+name, in.namespace) {
		used[use.Verb+" "+use.Resource] = true
		if use.Code == 401 || use.Code == 403 {
			t.Errorf("%s may not %s %s", name, use.Verb, use.Resource)
		}
	}
	role, err := kubetest.Client(t).RbacV1().Roles(in.namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	allowed := allows(role.Rules)
	for _, one := range slices.Sorted(maps.Keys(allowed)) {
		if !used[one] && !slices.Contains(rare, who+" "+one) {
			t.Errorf("the role %s allows %s, which is not done", name, one)
		}
	}
	for _, one := range slices.Sorted(maps.Keys(used)) {
		if !allowed[one] {
			t.Errorf("%s does %s, which its role does not allow", name, one)
		}
	}
}

func allows(rules []rbacv1.PolicyRule) map[string]bool {
	out := map[string]bool{}
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					out[verb+" "+strings.TrimPrefix(group+"/"+resource, "/")] = true
				}
			}
		}
	}
	return out
}
