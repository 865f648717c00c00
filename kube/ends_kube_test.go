//go:build kubernetes

package kube_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/kube"
	"github.com/updraft-dev/updraft/run"
)

const bash = "airflow.providers.standard.operators.bash.BashOperator"

// killRunner kills the runner, and leaves process 1 alone.
const killRunner = `for p in /proc/[0-9]*; do grep -aq execute $p/cmdline 2>/dev/null && kill -9 ${p#/proc/}; done; sleep 60`

const endsDAG = `ends:
  schedule: null
  tasks:
    exits: {operator: BASH, bash_command: "echo last words; exit 3"}
    memory:
      operator: BASH
      bash_command: "echo eating; head -c 200m /dev/zero | tail -c 200m >/dev/null"
      resources: {memory: 64Mi}
    killed: {operator: BASH, bash_command: KILL}
    image: {operator: BASH, bash_command: "true", executor_config: {image: "local.test/none:1"}}
    nowhere: {operator: BASH, bash_command: "true", executor_config: {pod_override: {spec: {nodeSelector: {disk: none}}}}}
`

// TestFailures: each cause is in the task instance, with a sentence, and the log says it too.
func TestFailures(t *testing.T) {
	t.Parallel()
	p := newPlant(t, map[string]string{"kubernetes_pending_timeout": "20s"})
	p.write("dags/ends.yaml", strings.NewReplacer("BASH", bash, "KILL", fmt.Sprintf("%q", "echo before the kill; sleep 2; "+killRunner)).Replace(endsDAG))
	p.schedule()
	p.control(kube.Options{})
	id := p.trigger("ends")
	tests := map[string]struct {
		cause  run.Cause
		code   int
		reason string
		// log are texts in the log of the first try.
		log []string
	}{
		"exits":   {run.CauseTask, 3, "exit code 3", []string{"last words"}},
		"memory":  {run.CauseOOM, 137, "memory", []string{"eating"}},
		"killed":  {run.CauseInfra, 137, "killed", []string{"before the kill", "has ended", "events of pod", "Started"}},
		"image":   {run.CauseImage, 0, "image", []string{"has ended", "events of pod", "ErrImageNeverPull"}},
		"nowhere": {run.CauseInfra, 0, "not match its node selector", []string{"kubernetes_pending_timeout", "FailedScheduling"}},
	}
	for name, tt := range tests {
		// The first try's end is enough: what is the infrastructure's is tried again.
		first := run.Attempt{Key: run.Key{ID: id, Task: name, Map: run.Unmapped}, Try: 1}
		p.until(id, name+" has failed once", func(_ run.Run, m map[string]run.Instance) bool {
			in := m[name]
			return in.Try > 1 || in.State.Finished() || in.State == run.UpForRetry
		})
		in := p.try(first)
		if in.Cause != tt.cause || in.ExitCode != tt.code || !strings.Contains(in.Reason, tt.reason) {
			t.Errorf("%s: %s, exit code %d: %s; want %s, %d, %q", name, in.Cause, in.ExitCode, in.Reason, tt.cause, tt.code, tt.reason)
		}
		text := p.log(first)
		for _, want := range tt.log {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the log lacks %q:\n%s", name, want, text)
			}
		}
	}
}

// try is a try of a task instance, the present one or an earlier one.
func (p *plant) try(a run.Attempt) run.Instance {
	p.t.Helper()
	list, err := p.i.Store.History(p.t.Context(), a.Key)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, in := range list {
		if in.Try == a.Try {
			return in
		}
	}
	in, err := p.i.Instance(p.t.Context(), a.Key)
	if err != nil {
		p.t.Fatal(err)
	}
	return in
}

// waitDAG has tasks that wait until the file go-ID is there, or kill-ID-NUMBER.
func waitDAG(id, home string, tasks int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n  schedule: null\n  tasks:\n", id)
	for n := range tasks {
		fmt.Fprintf(&b, "    t%d: {operator: %s, bash_command: %q}\n", n, bash,
			fmt.Sprintf("trap 'echo told to stop; exit 1' TERM; touch %[1]s/began-%[2]s-%[3]d; while [ ! -e %[1]s/go-%[2]s ]; do sleep 0.1; [ ! -e %[1]s/kill-%[2]s-%[3]d ] || { %[4]s; }; done",
				home, id, n, killRunner))
	}
	return b.String()
}

// pods are the pods of tasks.
func (p *plant) pods() []corev1.Pod {
	p.t.Helper()
	list, err := p.client.CoreV1().Pods(p.namespace).List(p.t.Context(), metav1.ListOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	return list.Items
}

func running(n int) func(run.Run, map[string]run.Instance) bool {
	return func(_ run.Run, m map[string]run.Instance) bool {
		for _, in := range m {
			if in.State == run.Running {
				n--
			}
		}
		return n <= 0
	}
}

// TestDeletedPod: somebody deletes a pod that runs; the task is told, and the reason kept.
func TestDeletedPod(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	p.write("dags/deleted.yaml", waitDAG("deleted", p.home, 1))
	p.schedule()
	p.control(kube.Options{})
	id := p.trigger("deleted")
	p.until(id, "begun", func(_ run.Run, m map[string]run.Instance) bool { return m["t0"].State == run.Running })
	began(t, p, "deleted", 0)
	pod := p.pods()[0]
	if err := p.client.CoreV1().Pods(p.namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	in := p.until(id, "ended", ended)["t0"]
	if in.State != run.Failed || in.Cause != run.CauseUser || !strings.Contains(in.Reason, "deleted by somebody") {
		t.Errorf("it is %s: %s: %s", in.State, in.Cause, in.Reason)
	}
	if text := p.log(in.Attempt(id)); !strings.Contains(text, "told to stop") || !strings.Contains(text, "deleted by somebody") {
		t.Errorf("log:\n%s", text)
	}
}

// TestOrphans: pods whose attempts were marked, or whose runs are gone, end.
func TestOrphans(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	p.write("dags/orphans.yaml", waitDAG("orphans", p.home, 2))
	p.schedule()
	p.control(kube.Options{})
	id := p.trigger("orphans")
	p.until(id, "begun", running(2))
	began(t, p, "orphans", 0)
	began(t, p, "orphans", 1)
	if _, err := p.i.MarkRun(t.Context(), embedded.RunMark{Run: id, State: run.RunFailed}); err != nil {
		t.Fatal(err)
	}
	p.eventually("no pod is left", func() bool { return len(p.pods()) == 0 })
	in := p.until(id, "ended", ended)["t0"]
	if in.State != run.Failed || in.Cause == run.CauseInfra {
		t.Errorf("it is %s: %s: %s", in.State, in.Cause, in.Reason)
	}
	if text := p.log(in.Attempt(id)); !strings.Contains(text, "told to stop") {
		t.Errorf("log:\n%s", text)
	}
}

// TestControllerRestarts: what runs goes on without a controller; what has ended or died
// meanwhile is found by the next one, of which one at a time works.
func TestControllerRestarts(t *testing.T) {
	t.Parallel()
	const tasks = 4
	p := newPlant(t, nil)
	p.write("dags/restarts.yaml", waitDAG("restarts", p.home, tasks))
	p.schedule()
	_, stop := p.control(kube.Options{Identity: "first", Lease: 3 * time.Second})
	id := p.trigger("restarts")
	p.until(id, "begun", running(tasks))
	stop()
	for n := range tasks {
		began(t, p, "restarts", n)
	}
	if n := len(p.pods()); n != tasks {
		t.Fatalf("%d pods, want %d", n, tasks)
	}
	// One dies while nobody looks.
	p.write("kill-restarts-0", "")
	p.eventually("a pod has died", func() bool {
		return slices.ContainsFunc(p.pods(), func(pod corev1.Pod) bool { return pod.Status.Phase == corev1.PodFailed })
	})
	if err := os.Remove(filepath.Join(p.home, "kill-restarts-0")); err != nil {
		t.Fatal(err)
	}
	second, _ := p.control(kube.Options{Identity: "second", Lease: 3 * time.Second})
	<-second.Ready()
	p.write("go-restarts", "")
	m := p.until(id, "ended", ended)
	for name, in := range m {
		want := 1
		if name == "t0" {
			want = 2
		}
		if in.State != run.Success || in.Try != want {
			t.Errorf("%s is %s in try %d, want %d: %s", name, in.State, in.Try, want, in.Reason)
		}
	}
}

// TestTwoControllers: the second one works when the first one does not any more.
func TestTwoControllers(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	p.write("dags/chain.yaml", chainDAG)
	p.schedule()
	_, stop := p.control(kube.Options{Identity: "first", Lease: 3 * time.Second})
	second := p.newController(kube.Options{Identity: "second", Lease: 3 * time.Second})
	p.background("second controller", nil, second.Run)
	id := p.trigger("chain")
	p.until(id, "ended", ended)
	select {
	case <-second.Ready():
		t.Error("two controllers work")
	default:
	}
	stop()
	<-second.Ready()
	id = p.trigger("chain")
	if m := p.until(id, "ended", ended); m["second"].State != run.Success {
		t.Errorf("it is %s: %s", m["second"].State, m["second"].Reason)
	}
}

// TestQuota: what does not fit waits, with the reason, and is not failed.
func TestQuota(t *testing.T) {
	t.Parallel()
	p := newPlant(t, map[string]string{"kubernetes_keep_failed": "0"})
	if _, err := p.client.CoreV1().ResourceQuotas(p.namespace).Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "few"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	p.eventually("the quota counts", func() bool {
		q, err := p.client.CoreV1().ResourceQuotas(p.namespace).Get(t.Context(), "few", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(q.Status.Hard) > 0
	})
	p.write("dags/quota.yaml", waitDAG("quota", p.home, 2))
	p.schedule()
	p.control(kube.Options{})
	id := p.trigger("quota")
	p.eventually("one waits, and it is told why", func() bool {
		_, list, err := p.i.ExplainRun(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			if strings.Contains(e.Text, "kubernetes: quota few has no room") {
				return true
			}
		}
		return false
	})
	p.write("go-quota", "")
	for name, in := range p.until(id, "ended", ended) {
		if in.State != run.Success || in.Try != 1 {
			t.Errorf("%s is %s in try %d: %s", name, in.State, in.Try, in.Reason)
		}
	}
}

// TestWarm: many tasks run in few long-lived pods, which end when there is nothing to do.
func TestWarm(t *testing.T) {
	t.Parallel()
	const tasks = 30
	p := newPlant(t, map[string]string{"kubernetes_warm_max": "2", "kubernetes_warm_slots": "4", "kubernetes_warm_idle": "5s"})
	var b strings.Builder
	fmt.Fprint(&b, "warm:\n  schedule: null\n  tasks:\n    cold: {operator: BASH, bash_command: \"true\", executor_config: {warm: false}}\n")
	for n := range tasks {
		fmt.Fprintf(&b, "    t%d: {operator: BASH, bash_command: \"true\"}\n", n)
	}
	fmt.Fprint(&b, "    last: {operator: BASH, bash_command: \"true\", dependencies: [t0]}\n")
	p.write("dags/warm.yaml", strings.ReplaceAll(b.String(), "BASH", bash))
	p.schedule()
	p.control(kube.Options{})
	id := p.trigger("warm")
	workers := map[string]int{}
	for name, in := range p.until(id, "ended", ended) {
		if in.State != run.Success {
			t.Errorf("%s is %s: %s", name, in.State, in.Reason)
		}
		if name == "cold" {
			if strings.Contains(in.Worker, "updraft-worker") {
				t.Errorf("a task that wants a pod of its own has run in %s", in.Worker)
			}
			continue
		}
		workers[in.Worker]++
	}
	if len(workers) > 2 {
		t.Errorf("tasks have run in %d pods, want 2 at most: %v", len(workers), workers)
	}
	p.eventually("nothing is left running", func() bool { return len(p.pods()) == 0 })
}

// began waits until a task of waitDAG waits.
func began(t *testing.T, p *plant, id string, n int) {
	t.Helper()
	p.eventually(fmt.Sprintf("task %d begins", n), func() bool { return p.exists(fmt.Sprintf("began-%s-%d", id, n)) })
}
