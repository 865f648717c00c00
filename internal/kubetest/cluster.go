package kubetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// scriptTimeout bounds a script: a component that starts has two minutes.
const scriptTimeout = 3 * time.Minute

// Component has a component of the cluster fail, or come back: the verb is stop, kill,
// pause, resume, start or restart, the name that of a program (kube-apiserver, etcd,
// kube-scheduler, kube-controller-manager, kubelet, containerd). What was stopped, killed or
// paused is there again when the test has ended. It works on the cluster of "make kube-up"
// only, and disturbs everybody on it: see the package comment.
func Component(t testing.TB, verb, name string) {
	t.Helper()
	back := map[string]string{"stop": "start", "kill": "start", "pause": "resume"}[verb]
	if back != "" {
		t.Cleanup(func() {
			if out, err := script(t, "component", back, name).CombinedOutput(); err != nil {
				t.Errorf("%s %s again: %v: %s", back, name, err, out)
			}
		})
	}
	if out, err := script(t, "component", verb, name).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", verb, name, err, out)
	}
}

// FakeNode adds a node that exists in the API only, until the test ends. With it the
// controllers treat the loss of the real node as in a larger cluster. It has the taint
// fake=true:NoSchedule, and a pod that is put on it stays Pending.
func FakeNode(t testing.TB, name string) {
	t.Helper()
	cmd := script(t, "fake-node", name)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatalf("fake node %s: %v", name, err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("fake node %s: %v: %s", name, err, out.String())
		}
	})
	nodes := Client(t).CoreV1().Nodes()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for n := 0; ; n++ {
		node, err := nodes.Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && Ready(node) {
			return
		}
		if err != nil && !apierrors.IsNotFound(err) || n == 300 {
			t.Fatalf("fake node %s is not ready: %v: %s", name, err, out.String())
		}
		<-again.C
	}
}

// Ready says whether a node is.
func Ready(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Image makes an image from files and loads it. The name is a full one, "local.test/x:1"; the
// rest is as for localstack/kube/image: options, then FILE:/PATH.
func Image(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := script(t, "image", append([]string{name}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("make image %s: %v: %s", name, err, out)
	}
}

// Use is one kind of request that a user made.
type Use struct {
	Verb string
	// Resource is as in a role, with its API group but for the core one: "pods",
	// "pods/log", "coordination.k8s.io/leases"; or a path that is no resource.
	Resource string
	// Code is the answer's.
	Code int
}

// Uses returns what a user asked the API server for and how often, by its audit log; a
// service account is "system:serviceaccount:NAMESPACE:NAME". An empty namespace is all.
func Uses(t testing.TB, user, namespace string) map[Use]int {
	t.Helper()
	out, err := script(t, "verbs", user, namespace).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		t.Fatalf("what %s asked for: %v", user, err)
	}
	uses := map[Use]int{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) != 4 {
			t.Fatalf("what %s asked for: %q is not count, verb, resource and code", user, line)
		}
		count, err1 := strconv.Atoi(words[0])
		code, err2 := strconv.Atoi(words[3])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatalf("what %s asked for: %q: %v", user, line, err)
		}
		uses[Use{Verb: words[1], Resource: words[2], Code: code}] = count
	}
	return uses
}

// script is a script of localstack/kube, for the cluster that KUBECONFIG is of. It outlives
// the test's context: what a test has stopped must be started.
func script(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, stop := context.WithTimeout(context.WithoutCancel(t.Context()), scriptTimeout)
	t.Cleanup(stop)
	cmd := exec.CommandContext(ctx, filepath.Join(root(t), "localstack", "kube", name), args...)
	cmd.WaitDelay = time.Second // processes that it has started may hold its output
	if dir, ok := ours(t); ok {
		cmd.Env = append(os.Environ(), "KUBE_DIR="+dir)
	} else if name != "image" || os.Getenv("KIND") == "" {
		t.Fatalf("KUBECONFIG=%s is not of a cluster that \"make kube-up\" has started, and localstack/kube/%s needs one", os.Getenv("KUBECONFIG"), name)
	}
	return cmd
}

// ours returns the folder of the cluster, if it was started by localstack/kube/up.
func ours(t testing.TB) (string, bool) {
	t.Helper()
	file, err := filepath.Abs(os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	run := filepath.Dir(file)
	_, err = os.Stat(filepath.Join(run, "cmd", "kube-apiserver"))
	return filepath.Dir(run), err == nil
}

// root is the folder of go.mod. Tests run in their package's.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = parent
	}
}
