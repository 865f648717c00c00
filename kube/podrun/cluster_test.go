package podrun

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/operators/kubernetes"
)

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: c, cluster: {server: "https://one.example:6443"}}, {name: d, cluster: {server: "https://two.example:6443"}}]
users: [{name: u, user: {token: sesame}}]
contexts: [{name: one, context: {cluster: c, user: u}}, {name: two, context: {cluster: d, user: u}}]
`

// TestConnect is not parallel: it sets what Kubernetes' client reads of the environment.
func TestConnect(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", dir)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	yes, no := true, false
	for _, tt := range []struct {
		name, env string
		cluster   kubernetes.Cluster
		host      string
		fault     string
	}{
		{name: "file", cluster: kubernetes.Cluster{File: file}, host: "https://one.example:6443"},
		{name: "context of a file", cluster: kubernetes.Cluster{File: file, Context: "two"}, host: "https://two.example:6443"},
		{name: "text", cluster: kubernetes.Cluster{Config: kubeconfig, Context: "two"}, host: "https://two.example:6443"},
		{name: "environment", env: file, host: "https://one.example:6443"},
		{name: "environment, not in the cluster", env: file, cluster: kubernetes.Cluster{InCluster: &no}, host: "https://one.example:6443"},
		{name: "none", fault: "there is no cluster: give a kubeconfig"},
		{name: "no such context", cluster: kubernetes.Cluster{File: file, Context: "three"}, fault: `context "three" does not exist`},
		{name: "no such file", cluster: kubernetes.Cluster{File: file + "x"}, fault: "no such file"},
		{name: "no pod", cluster: kubernetes.Cluster{InCluster: &yes}, fault: "in_cluster is true, but the task is not executed in a pod"},
		{name: "no kubeconfig", cluster: kubernetes.Cluster{Config: "token: [sesame"}, fault: "kube_config of the connection is no kubeconfig"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("KUBECONFIG", tt.env)
			config, inCluster, err := connect(tt.cluster)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) || strings.Contains(err.Error(), "sesame") {
					t.Errorf("got %v, want %q", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if config.Host != tt.host || config.BearerToken != "sesame" || inCluster {
				t.Errorf("server %s, in the cluster %t", config.Host, inCluster)
			}
		})
	}
}

func TestNamespace(t *testing.T) {
	t.Parallel()
	r := &runner{q: &kubernetes.Request{}}
	if got := r.namespaceOf(""); got != "default" {
		t.Errorf("without a word of it: %s", got)
	}
	r.q.Cluster.Namespace = "connection"
	if got := r.namespaceOf(""); got != "connection" {
		t.Errorf("by the connection: %s", got)
	}
	if got := r.namespaceOf("pod"); got != "pod" {
		t.Errorf("by the pod: %s", got)
	}
}
