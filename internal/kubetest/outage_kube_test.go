//go:build kubernetes && outage

package kubetest_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/internal/kubetest"
)

// TestOutages: what is running goes on while components are away, and waiting outlasts it.
func TestOutages(t *testing.T) {
	client, namespace := kubetest.Client(t), kubetest.Namespace(t)
	create(t, namespace, pod("lives", "sleep", "12"))
	kubetest.Phase(t, namespace, "lives", corev1.PodRunning)

	kubetest.Component(t, "kill", "kube-apiserver")
	if _, err := client.CoreV1().Pods(namespace).Get(t.Context(), "lives", metav1.GetOptions{}); err == nil {
		t.Error("an API server that was killed answers")
	}
	kubetest.Component(t, "start", "kube-apiserver")
	kubetest.Component(t, "kill", "containerd")
	kubetest.Component(t, "start", "containerd")
	kubetest.Component(t, "restart", "kubelet")
	got := kubetest.Phase(t, namespace, "lives", corev1.PodSucceeded)
	if n := got.Status.ContainerStatuses[0].RestartCount; n != 0 {
		t.Errorf("its container was started again %d times", n)
	}

	// One that ends while nobody looks.
	create(t, namespace, pod("unseen", "sleep", "2"))
	kubetest.Phase(t, namespace, "unseen", corev1.PodRunning)
	kubetest.Component(t, "stop", "kubelet")
	kubetest.Component(t, "start", "kubelet")
	kubetest.Phase(t, namespace, "unseen", corev1.PodSucceeded)

	kubetest.Component(t, "pause", "kube-scheduler")
	create(t, namespace, pod("late", "echo"))
	kubetest.Component(t, "resume", "kube-scheduler")
	kubetest.Phase(t, namespace, "late", corev1.PodSucceeded)
}

// TestFakeNode: the node is ready, and is not there when the test has ended.
func TestFakeNode(t *testing.T) {
	client := kubetest.Client(t)
	t.Run("while it is there", func(t *testing.T) {
		kubetest.FakeNode(t, "other")
		node, err := client.CoreV1().Nodes().Get(t.Context(), "other", metav1.GetOptions{})
		if err != nil || !kubetest.Ready(node) {
			t.Errorf("the fake node: %v: %+v", err, node.Status.Conditions)
		}
	})
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) != 1 {
		t.Errorf("%d nodes are left (%v), want 1", len(nodes.Items), err)
	}
}
