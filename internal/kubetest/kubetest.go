// Package kubetest gives tests a real Kubernetes: a client, a namespace of their own, images
// that are there without pulling, waiting by watch, and components that fail on demand. What
// tests do with them does not belong here.
//
// A test that needs the cluster carries the build tag kubernetes, in a file named
// *_kube_test.go, and asks for it:
//
//	//go:build kubernetes
//
//	func TestPod(t *testing.T) {
//		t.Parallel()
//		client, namespace := kubetest.Client(t), kubetest.Namespace(t)
//		pod := // with Image: kubetest.Toy, Args: []string{"echo", "hello"}
//		client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})
//		kubetest.Pod(t, namespace, pod.Name, "has succeeded", func(p *corev1.Pod) bool {
//			return p.Status.Phase == corev1.PodSucceeded
//		})
//	}
//
// "make kube-test" starts a cluster and runs all such tests. For a single package: "make
// kube-up", "export KUBECONFIG=…" as that says, "go test -tags kubernetes ./that/package".
// KUBECONFIG may name any other cluster that has the images, one of kind for example. No
// cluster is a failure, never a skip, and one that is not on this machine is refused.
//
// Tests share the cluster and run side by side: a test must not count on being alone, and
// everything it makes is in its namespace. One that has a component fail (Component,
// FakeNode) disturbs all others. It carries the tag outage too, is not parallel, and
// so runs before the parallel tests of its package, and "make kube-test" runs one package
// at a time.
//
// A pod reaches servers of the test at what Reachable returns. With hostNetwork it reaches
// loopback itself, on the cluster of "make kube-up" only. Give every pod a memory limit.
package kubetest

import (
	"context"
	"net"
	"net/url"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/updraft-dev/updraft/internal/emulatortest"
)

// Images that every cluster of "make kube-up" has. None of them can be pulled: a pod's
// imagePullPolicy is Never or IfNotPresent.
const (
	// Toy does one small thing, named by its first argument: echo, exit, sleep, alloc, fill,
	// burn, trap, cp, id, serve, get. See localstack/kube/tools/toy. Its user is 65534.
	Toy = "local.test/toy:1"
	// Tasks has bash, coreutils, python3 and their like. Its user is 65534.
	Tasks = "local.test/tasks:1"
	// Pause waits until it is told to end. Its user is root.
	Pause = "local.test/pause:1"
)

const (
	remedy = `run "make kube-up" and set KUBECONFIG as it says`
	// anyVariable names the one cluster elsewhere that tests may use.
	anyVariable = "UPDRAFT_TEST_CLUSTER"
	// requests are how many a second a test may make; client-go's own limit is 5.
	requests = 500
)

// Config returns how to reach the cluster that KUBECONFIG names, as its administrator. The
// test ends if nobody answers there, or if it is not on this machine: for another, set
// UPDRAFT_TEST_CLUSTER to the URL of its API server.
func Config(t testing.TB) *rest.Config {
	t.Helper()
	config := load(t)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatalf("KUBECONFIG=%s: %v: %s", os.Getenv("KUBECONFIG"), err, remedy)
	}
	if _, err := client.Discovery().ServerVersion(); err != nil {
		t.Fatalf("the API server at %s does not answer: %v: %s", config.Host, err, remedy)
	}
	return config
}

// load reads KUBECONFIG.
func load(t testing.TB) *rest.Config {
	t.Helper()
	file := os.Getenv("KUBECONFIG")
	if file == "" {
		t.Fatalf("KUBECONFIG is not set: %s", remedy)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatalf("KUBECONFIG=%s: %v: %s", file, err, remedy)
	}
	u, err := url.Parse(config.Host)
	if err != nil {
		t.Fatalf("KUBECONFIG=%s: server %q: %v", file, config.Host, err)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && !ip.IsLoopback() && os.Getenv(anyVariable) != config.Host {
		t.Fatalf("the API server %s of KUBECONFIG=%s is not on this machine, and tests make and delete things in a cluster: "+
			"if it is one for tests, set %s=%s", config.Host, file, anyVariable, config.Host)
	}
	config.QPS, config.Burst = requests, 2*requests
	config.Timeout = 0 // watches stay open
	config.UserAgent = "updraft-test"
	return config
}

// Client returns a client of the cluster that KUBECONFIG names, for its administrator.
func Client(t testing.TB) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(Config(t))
	if err != nil {
		t.Fatalf("KUBECONFIG=%s: %v: %s", os.Getenv("KUBECONFIG"), err, remedy)
	}
	return client
}

// Namespace makes a namespace that nobody else uses, with its default service account, and
// returns its name. At the end of the test it is deleted with all that is in it, at once;
// when the test has failed, its log has the pods and events that were there.
func Namespace(t testing.TB) string {
	t.Helper()
	return namespace(t, nil)
}

// Restricted is as Namespace, for one that enforces the pod security standard "restricted".
// That refuses hostNetwork too.
func Restricted(t testing.TB) string {
	t.Helper()
	return namespace(t, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
}

func namespace(t testing.TB, labels map[string]string) string {
	t.Helper()
	client, name := Client(t), emulatortest.Name(t)
	_, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("create namespace %s: %v", name, err)
	}
	emulatortest.Cleanup(t, "delete namespace "+name, func(ctx context.Context) error {
		if t.Failed() {
			describe(ctx, t, client, name)
		}
		// Otherwise each pod would take the grace period that it has.
		now := metav1.DeleteOptions{GracePeriodSeconds: new(int64)}
		if err := client.CoreV1().Pods(name).DeleteCollection(ctx, now, metav1.ListOptions{}); err != nil {
			return err
		}
		err := client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // the test has deleted it, or is just doing so
		}
		return err
	})
	// A pod that comes before its namespace has this account is refused.
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		_, err := client.CoreV1().ServiceAccounts(name).Get(t.Context(), "default", metav1.GetOptions{})
		if err == nil {
			return name
		}
		if !apierrors.IsNotFound(err) {
			t.Fatalf("default service account of namespace %s: %v", name, err)
		}
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatalf("namespace %s has no default service account: is the controller manager up?", name)
		}
	}
}
