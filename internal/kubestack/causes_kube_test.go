//go:build kubernetes

package kubestack_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/internal/kubestack"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/task"
)

// bash is a DAG of one Bash task, with more about it as lines of YAML.
func bash(id, command string, more ...string) string {
	text := id + `:
  schedule: null
  tasks:
    work:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: |
        ` + strings.ReplaceAll(command, "\n", "\n        ") + "\n"
	for _, m := range more {
		text += "      " + m + "\n"
	}
	return text
}

// begin triggers a run of a DAG, as soon as it is read.
func begin(ctx context.Context, t *testing.T, s *kubestack.Stack, id string) run.ID {
	t.Helper()
	s.Read(ctx, t, id)
	return s.Begin(t, task.Trigger{DAG: id})
}

// tries waits for the end of a run of one task, and returns its tries, the last one last.
func tries(ctx context.Context, t *testing.T, s *kubestack.Stack, id run.ID) []run.Instance {
	t.Helper()
	data, err := s.End(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	last := data.Instances[0]
	before, err := s.Store.History(ctx, last.Key(id))
	if err != nil {
		t.Fatal(err)
	}
	return append(before, last)
}

// wantLog wants words in the log of a try, which may be there a moment after its end.
func wantLog(ctx context.Context, t *testing.T, s *kubestack.Stack, a run.Attempt, words ...string) {
	t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	var text string
	for n := 0; n < 50; n++ {
		var b strings.Builder
		if _, err := s.Logs.Read(ctx, a, 0, &b); err != nil && !errors.Is(err, logs.ErrNotFound) {
			t.Fatalf("log of %s: %v", a, err)
		}
		text = b.String()
		missing := ""
		for _, w := range words {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		<-again.C
	}
	t.Errorf("the log of %s has not all of %q:\n%s", a, words, text)
}

// podOf waits until a task is running, and returns the name of its pod.
func podOf(ctx context.Context, t *testing.T, s *kubestack.Stack, id run.ID) string {
	t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		data, err := s.Store.Run(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if len(data.Instances) == 1 && data.Instances[0].State == run.Running {
			parts := strings.Split(data.Instances[0].Worker, "/")
			return parts[2] // kubernetes/NAMESPACE/NAME/UID
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("run %s does not start: %+v", id, data.Instances)
		}
	}
}

// misfortune is what becomes of a task, and what is said of it.
type misfortune struct {
	dag, command string
	more         []string
	// strike is done to the pod while it runs.
	strike func(ctx context.Context, s *kubestack.Stack, pod string) error
	// cause and reason are those of the first try, log is in its log.
	cause  run.Cause
	reason string
	log    []string
	// state is the one that the task ends in.
	state run.State
}

// onlyFirst has a command do its part at the first try, and succeed at the second.
func onlyFirst(command string) string {
	return "[ {{ ti.try_number }} = 1 ] || exit 0\n" + command
}

func misfortunes() []misfortune {
	const evicted = "the pod was evicted, as when a node is drained or scaled away"
	patch := func(lines ...string) []string {
		out := []string{"executor_config:", "  pod_override:", "    spec:"}
		for _, l := range lines {
			out = append(out, "      "+l)
		}
		return out
	}
	return []misfortune{
		{
			// 100 MiB do not fit beside the runner into 64, nor into 128 after a doubling
			// perhaps; in the end they do.
			dag: "memory", command: `echo before; python3 -c "x = b'x' * (100 << 20); print(len(x))"`, more: []string{"resources: {memory: 64Mi}"},
			cause: run.CauseOOM, reason: "memory", log: []string{"before"}, state: run.Success,
		},
		{
			dag: "disk", command: "echo before\nhead -c 40000000 /dev/zero > /tmp/fill\nsleep 300", more: []string{"resources: {ephemeral_storage: 20Mi}"},
			cause: run.CauseTask, reason: "the pod wrote more to its local storage than it may", log: []string{"before", "wrote more to its local storage"}, state: run.Failed,
		},
		{
			dag: "evicted", command: onlyFirst("echo before\nsleep 300"), cause: run.CauseInfra, reason: evicted,
			log: []string{"before", evicted}, state: run.Success,
			strike: func(ctx context.Context, s *kubestack.Stack, pod string) error {
				return s.Client.PolicyV1().Evictions(s.Namespace).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: s.Namespace}})
			},
		},
		{
			dag: "deleted", command: "echo before\nsleep 300", cause: run.CauseUser, reason: "the pod was deleted by somebody",
			log: []string{"before", "deleted by somebody"}, state: run.Failed,
			strike: func(ctx context.Context, s *kubestack.Stack, pod string) error {
				return s.Client.CoreV1().Pods(s.Namespace).Delete(ctx, pod, metav1.DeleteOptions{})
			},
		},
		{
			dag: "deadline", command: "echo before\nsleep 300", more: patch("activeDeadlineSeconds: 25"), // the start may take the cluster long
			cause: run.CauseTimeout, reason: "activeDeadlineSeconds", log: []string{"before", "activeDeadlineSeconds"}, state: run.Failed,
		},
		{
			dag: "timeout", command: "echo before\nsleep 300", more: []string{"execution_timeout: {__type__: datetime.timedelta, seconds: 3}"},
			cause: run.CauseTimeout, reason: "3", log: []string{"before"}, state: run.Failed,
		},
		{
			dag: "image", command: "true", more: []string{"executor_config: {image: local.test/none:1}"},
			cause: run.CauseImage, reason: "the image is not on the node", log: []string{"local.test/none:1"}, state: run.Failed,
		},
		{
			dag: "image_name", command: "true", more: []string{`executor_config: {image: "Local.Test/UPPER::1"}`},
			cause: run.CauseImage, reason: "the name of the image is none", log: []string{"Local.Test/UPPER::1"}, state: run.Failed,
		},
		{
			dag: "config", command: "true", more: patch("containers:", "  - name: base", "    envFrom: [{secretRef: {name: absent}}]"),
			cause: run.CauseConfig, reason: "the container needs something that is not there", log: []string{"absent"}, state: run.Failed,
		},
		{
			dag: "command", command: "exit 7", cause: run.CauseTask, reason: "7", log: []string{"exit code 7"}, state: run.Failed,
		},
		{
			dag: "restricted", command: "true", more: patch("containers:", "  - name: base", "    securityContext: {allowPrivilegeEscalation: true}"),
			cause: run.CauseConfig, reason: "pod security standard", state: run.Failed, // it is refused before there is a pod that could write a log
		},
	}
}

// TestMisfortunes: each cause that one node can provoke is told in the task instance, with
// what to do, and in the log, after what the task has printed.
func TestMisfortunes(t *testing.T) {
	t.Parallel()
	s := kubestack.Open(t, kubestack.Options{})
	for _, m := range misfortunes() {
		s.Put(t, m.dag+".yaml", bash(m.dag, m.command, m.more...))
	}
	for _, m := range misfortunes() {
		t.Run(m.dag, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithTimeout(t.Context(), 2*kubetest.Patience)
			defer stop()
			id := begin(ctx, t, s, m.dag)
			if m.strike != nil {
				pod := podOf(ctx, t, s, id)
				wantLog(ctx, t, s, (&run.Instance{Task: "work", Map: run.Unmapped, Try: 1}).Attempt(id), "before")
				if err := m.strike(ctx, s, pod); err != nil {
					t.Fatal(err)
				}
			}
			all := tries(ctx, t, s, id)
			first, last := all[0], all[len(all)-1]
			if last.State != m.state {
				t.Errorf("after %d tries it is %s (%s: %s), want %s", len(all), last.State, last.Cause, last.Reason, m.state)
			}
			if first.Cause != m.cause || !strings.Contains(first.Reason, m.reason) {
				t.Errorf("cause %s: %q, want %s: %q", first.Cause, first.Reason, m.cause, m.reason)
			}
			wantLog(ctx, t, s, first.Attempt(id), m.log...)
		})
	}
}

// waitReason waits until it is written down why the task of a run waits, and returns that.
func waitReason(ctx context.Context, t *testing.T, s *kubestack.Stack, id run.ID, words string) string {
	t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		waits, err := tick.ReadWaits(ctx, s.Store, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		data, err := s.Store.Run(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data.Instances {
			if reason := waits.Of(data.Instances[i].Attempt(id)); strings.Contains(reason, words) {
				return reason
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("nobody is told that run %s waits because of %q", id, words)
		}
	}
}

// TestQuota: what has no room waits and is told why; what never has any fails.
func TestQuota(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), 2*kubetest.Patience)
	defer stop()
	s := kubestack.Open(t, kubestack.Options{})
	_, err := s.Client.CoreV1().ResourceQuotas(s.Namespace).Create(ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceRequestsMemory: resource.MustParse("200Mi")}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Put(t, "first.yaml", bash("first", "while [ ! -e /tmp/never ] && [ $SECONDS -lt 20 ]; do sleep 0.2; done", "resources: {memory: 128Mi}"))
	s.Put(t, "second.yaml", bash("second", "echo there is room", "resources: {memory: 128Mi}"))
	s.Put(t, "huge.yaml", bash("huge", "true", "resources: {memory: 4Gi}"))
	one := begin(ctx, t, s, "first")
	podOf(ctx, t, s, one)
	two, three := begin(ctx, t, s, "second"), begin(ctx, t, s, "huge")
	if got := tries(ctx, t, s, three); got[0].State != run.Failed || got[0].Cause != run.CauseQuota || !strings.Contains(got[0].Reason, "quota small allows 200Mi altogether") {
		t.Errorf("what is more than the quota is %s (%s: %s)", got[0].State, got[0].Cause, got[0].Reason)
	}
	t.Log(waitReason(ctx, t, s, two, "quota small has no room at present"))
	for _, id := range []run.ID{one, two} {
		if got := tries(ctx, t, s, id); len(got) != 1 || got[0].State != run.Success {
			t.Errorf("%s took %d tries and is %s (%s)", id, len(got), got[0].State, got[0].Reason)
		}
	}
}

// TestLimitRange: what the namespace does not allow fails at once, with the limit.
func TestLimitRange(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), kubetest.Patience)
	defer stop()
	s := kubestack.Open(t, kubestack.Options{})
	_, err := s.Client.CoreV1().LimitRanges(s.Namespace).Create(ctx, &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, Max: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
		}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Put(t, "large.yaml", bash("large", "true", "resources: {memory: 1Gi}"))
	got := tries(ctx, t, s, begin(ctx, t, s, "large"))[0]
	if got.State != run.Failed || got.Cause != run.CauseQuota || !strings.Contains(got.Reason, "LimitRange allows less memory") || !strings.Contains(got.Reason, "512Mi") {
		t.Errorf("it is %s (%s: %s)", got.State, got.Cause, got.Reason)
	}
}

// TestUnschedulable: a pod that no node takes is told of in the words of the cluster's
// scheduler, and fails its task when it has waited for long.
func TestUnschedulable(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), kubetest.Patience)
	defer stop()
	s := kubestack.Open(t, kubestack.Options{Settings: map[string]string{"kubernetes_pending_timeout": "15s"}})
	s.Put(t, "nowhere.yaml", bash("nowhere", "true", "executor_config: {pod_override: {spec: {nodeSelector: {disk: none}}}}"))
	id := begin(ctx, t, s, "nowhere")
	t.Log(waitReason(ctx, t, s, id, "node"))
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		// It is tried again, since it is not the task's doing.
		before, err := s.Store.History(ctx, (&run.Instance{Task: "work", Map: run.Unmapped}).Key(id))
		if err != nil {
			t.Fatal(err)
		}
		if len(before) > 0 {
			const want = "the pod has not started in 15s (kubernetes_pending_timeout): no node takes the pod"
			if got := before[0]; got.Cause != run.CauseInfra || !strings.HasPrefix(got.Reason, want) {
				t.Errorf("its first try failed of %s: %q, want %s: %q", got.Cause, got.Reason, run.CauseInfra, want)
			}
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("the pod waits for ever")
		}
	}
}

// TestTaint: a pod that does not tolerate what its node is tainted with is told so.
func TestTaint(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), kubetest.Patience)
	defer stop()
	kubetest.FakeNode(t, "tainted")
	s := kubestack.Open(t, kubestack.Options{})
	s.Put(t, "intolerant.yaml", bash("intolerant", "true", "resources: {node_selector: {kubernetes.io/hostname: tainted}}"))
	t.Log(waitReason(ctx, t, s, begin(ctx, t, s, "intolerant"), "1 has a taint that it does not tolerate"))
}
