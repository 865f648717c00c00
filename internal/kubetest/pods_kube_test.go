//go:build kubernetes

package kubetest_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/internal/kubetest"
)

// pod is one that runs words of the toy image and stays as it ended, without hostNetwork as
// a task's has none.
func pod(name string, args ...string) *corev1.Pod {
	never, grace := false, int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: &never, EnableServiceLinks: &never,
			TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{
				Name: "base", Image: kubetest.Toy, ImagePullPolicy: corev1.PullNever, Args: args,
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}},
			}},
		},
	}
}

// create makes a pod.
func create(t *testing.T, namespace string, p *corev1.Pod) {
	t.Helper()
	if _, err := kubetest.Client(t).CoreV1().Pods(namespace).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
		t.Fatalf("create pod %s: %v", p.Name, err)
	}
}

// output returns what a pod has printed.
func output(t *testing.T, namespace, name string) string {
	t.Helper()
	r, err := kubetest.Client(t).CoreV1().Pods(namespace).GetLogs(name, &corev1.PodLogOptions{}).Stream(t.Context())
	if err != nil {
		t.Fatalf("log of pod %s: %v", name, err)
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, r); err != nil {
		t.Fatalf("log of pod %s: %v", name, err)
	}
	return b.String()
}

// TestEnds: how containers end, with the words that the kubelet has for it.
func TestEnds(t *testing.T) {
	t.Parallel()
	namespace := kubetest.Namespace(t)
	tests := []struct {
		name   string
		change func(*corev1.Pod)
		args   []string
		phase  corev1.PodPhase
		reason string
		code   int32
		log    string
	}{
		{name: "completed", args: []string{"echo", "hello"}, phase: corev1.PodSucceeded, reason: "Completed", log: "hello\n"},
		{name: "exit-code", args: []string{"exit", "3"}, phase: corev1.PodFailed, reason: "Error", code: 3},
		{name: "out-of-memory", args: []string{"alloc", "256"}, phase: corev1.PodFailed, reason: "OOMKilled", code: 137},
		{
			name: "no-such-command", change: func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"/nothing"} },
			phase: corev1.PodFailed, reason: "StartError", code: 128,
		},
		{
			name: "shell", change: func(p *corev1.Pod) {
				p.Spec.Containers[0].Image = kubetest.Tasks
				p.Spec.Containers[0].Command = []string{"bash", "-c", "id -u; python3 -c 'print(6*7)'; exit 7"}
			},
			phase: corev1.PodFailed, reason: "Error", code: 7, log: "65534\n42\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := pod(tt.name, tt.args...)
			if tt.change != nil {
				tt.change(p)
			}
			create(t, namespace, p)
			got := kubetest.Phase(t, namespace, p.Name, tt.phase).Status.ContainerStatuses[0].State.Terminated
			if got == nil || got.Reason != tt.reason || got.ExitCode != tt.code {
				t.Errorf("the container ended as %+v, want %s and exit code %d", got, tt.reason, tt.code)
			}
			if tt.log != "" {
				if log := output(t, namespace, p.Name); log != tt.log {
					t.Errorf("log %q, want %q", log, tt.log)
				}
			}
		})
	}
}

// TestGrace: a pod that is deleted hears SIGTERM first, and what it says then is in its log.
func TestGrace(t *testing.T) {
	t.Parallel()
	client, namespace := kubetest.Client(t), kubetest.Namespace(t)
	p := pod("polite", "trap", "1")
	grace := int64(20)
	p.Spec.TerminationGracePeriodSeconds = &grace
	create(t, namespace, p)
	kubetest.Phase(t, namespace, p.Name, corev1.PodRunning)
	follow, err := client.CoreV1().Pods(namespace).GetLogs(p.Name, &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer follow.Close()
	first := make([]byte, len("waiting\n")) // it listens from then on
	if _, err := io.ReadFull(follow, first); err != nil {
		t.Fatal(err)
	}
	if err := client.CoreV1().Pods(namespace).Delete(t.Context(), p.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(follow)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(first)+string(rest), "waiting\ngot terminated\nleaving\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

// TestDeadline: a pod past its activeDeadlineSeconds fails as a whole.
func TestDeadline(t *testing.T) {
	t.Parallel()
	namespace := kubetest.Namespace(t)
	p := pod("late", "sleep", "600")
	deadline := int64(2)
	p.Spec.ActiveDeadlineSeconds = &deadline
	create(t, namespace, p)
	if got := kubetest.Phase(t, namespace, p.Name, corev1.PodFailed).Status.Reason; got != "DeadlineExceeded" {
		t.Errorf("reason %q, want DeadlineExceeded", got)
	}
}

// TestRestricted: the namespace refuses what the standard does, and runs what complies.
func TestRestricted(t *testing.T) {
	t.Parallel()
	client, namespace := kubetest.Client(t), kubetest.Restricted(t)
	_, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod("loose", "id"), metav1.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		t.Errorf("a pod without a security context: %v, want a violation", err)
	}
	yes, no, nobody := true, false, int64(65534)
	p := pod("strict", "id")
	p.Spec.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &nobody, RunAsGroup: &nobody, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	p.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	create(t, namespace, p)
	kubetest.Phase(t, namespace, p.Name, corev1.PodSucceeded)
	if got, want := output(t, namespace, p.Name), "uid 65534 gid 65534\n"; got != want {
		t.Errorf("log %q, want %q", got, want)
	}
}

// TestWatch: all that a pod goes through is remembered, its end included.
func TestWatch(t *testing.T) {
	t.Parallel()
	client, namespace := kubetest.Client(t), kubetest.Namespace(t)
	seen := kubetest.Watch(t, namespace)
	create(t, namespace, pod("short", "echo"))
	kubetest.Phase(t, namespace, "short", corev1.PodSucceeded)
	if err := client.CoreV1().Pods(namespace).Delete(t.Context(), "short", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for n := 0; n < 500; n++ {
		states := seen.Pods()["short"]
		if len(states) > 0 && states[len(states)-1].Deleted {
			if states[0].Pod.Status.Phase != corev1.PodPending || states[0].Deleted {
				t.Errorf("it was first seen %s, want Pending", states[0].Pod.Status.Phase)
			}
			return
		}
		<-again.C
	}
	t.Errorf("its deletion was not seen: %+v", seen.Pods()["short"])
}
