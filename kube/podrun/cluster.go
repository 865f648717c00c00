package podrun

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/updraft-dev/updraft/operators/kubernetes"
)

const (
	// ownNamespace is where a pod finds the namespace it is in.
	ownNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	// requests are how many a second one pod's program may make.
	requests = 20
)

// connect says how the API server is reached, and whether by the account of a pod.
func connect(c kubernetes.Cluster) (config *rest.Config, inCluster bool, err error) {
	switch {
	case c.InCluster != nil && *c.InCluster:
		config, err = rest.InClusterConfig()
		inCluster = true
		if errors.Is(err, rest.ErrNotInCluster) {
			err = errors.New("in_cluster is true, but the task is not executed in a pod of a cluster: leave it out, or give a kubeconfig")
		}
	case c.InCluster == nil && c.File == "" && c.Config == "":
		config, err = rest.InClusterConfig()
		if inCluster = !errors.Is(err, rest.ErrNotInCluster); !inCluster {
			config, err = fromFile(c)
		}
	case c.Config != "":
		config, err = fromText(c)
	default:
		config, err = fromFile(c)
	}
	if err != nil {
		return nil, false, err
	}
	config.QPS, config.Burst, config.UserAgent = requests, 2*requests, "updraft"
	config.Timeout = 0 // logs and watches stay open
	return config, inCluster, nil
}

// fromFile reads the kubeconfig that is named, or those that kubectl would read.
func fromFile(c kubernetes.Cluster) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.File
	overrides := &clientcmd.ConfigOverrides{CurrentContext: c.Context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, errors.New("there is no cluster: give a kubeconfig by the connection kubernetes_default, by config_file or by KUBECONFIG, or run in a pod")
	}
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig: %w", err)
	}
	return config, nil
}

// fromText reads the kubeconfig of a connection.
func fromText(c kubernetes.Cluster) (*rest.Config, error) {
	raw, err := clientcmd.Load([]byte(c.Config))
	if err != nil {
		// The parser's words may hold parts of the text, which has secrets.
		return nil, errors.New("kube_config of the connection is no kubeconfig: write its YAML or JSON")
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*raw, c.Context, &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{}}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kube_config of the connection: %w", err)
	}
	return config, nil
}

// namespaceOf is where pods are made that say nothing of it: the provider's order.
func (r *runner) namespaceOf(pod string) string {
	if pod != "" {
		return pod
	}
	if r.q.Cluster.Namespace != "" {
		return r.q.Cluster.Namespace
	}
	if own, err := os.ReadFile(ownNamespace); err == nil {
		if name := strings.TrimSpace(string(own)); name != "" {
			return name
		}
	}
	return "default"
}

// warnings shows what the API server warns of.
type warnings struct{ log *output }

// HandleWarningHeader implements rest.WarningHandler.
func (w warnings) HandleWarningHeader(code int, _ string, text string) {
	if code == 299 && text != "" {
		w.log.say("the API server warns: %s", text)
	}
}
