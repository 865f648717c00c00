package kube

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/operators/kubernetes"
)

// maxTemplate bounds the file of a pod template, in bytes.
const maxTemplate = 256 << 10

// Pods is what the settings say of pods. Namespace is that of this process, for where they
// name none.
func Pods(c *config.Config, namespace string) (kubepod.Config, error) {
	p := kubepod.Config{
		Namespace: c.Text("kubernetes_namespace"), Installation: c.Text("kubernetes_installation"),
		TemplateFile: templates(c.Text("kubernetes_pod_template_folder")), Launches: launches, Image: c.Text("kubernetes_worker_container_image"), RunnerImage: c.Text("kubernetes_runner_image"),
		PullPolicy: corev1.PullPolicy(c.Text("kubernetes_image_pull_policy")), PullSecrets: names(c.Text("kubernetes_image_pull_secrets")),
		ServiceAccount: c.Text("kubernetes_service_account"), MemoryMax: int64(c.Int("kubernetes_memory_max")),
		EnvFromSecrets: names(c.Text("kubernetes_env_from_secrets")), EnvFromConfigMaps: names(c.Text("kubernetes_env_from_configmaps")),
	}
	if p.Namespace == "" {
		p.Namespace = namespace
	}
	var err error
	if name := c.Text("kubernetes_pod_template_file"); name != "" {
		p.TemplateName = name
		if p.Template, err = readFile(os.Open(name)); err != nil {
			return p, fmt.Errorf("setting kubernetes_pod_template_file: %w", err)
		}
	}
	if p.Env, err = environment(c, len(p.EnvFromSecrets) > 0); err == nil {
		p.Env[config.EnvName("kubernetes_namespace")] = p.Namespace // runners send to it, too
	}
	return p, err
}

// launches says of an operator whether its tasks run this program; a worker may get any task.
func launches(operator string) bool {
	return operator == kubeexec.WorkerOperator || kubernetes.Starts(operator)
}

// templates reads the files that authors name, all of one folder: what else this process can
// read, such as the token of its account, is none of theirs. Without a folder it is nil.
func templates(folder string) func(name string) ([]byte, error) {
	if folder == "" {
		return nil
	}
	return func(name string) (text []byte, err error) {
		local := name
		if filepath.IsAbs(name) {
			if local, err = filepath.Rel(folder, name); err != nil {
				local = name
			}
		}
		if !filepath.IsLocal(local) {
			return nil, fmt.Errorf("%s is not in %s, where templates are (kubernetes_pod_template_folder): name a file there", name, folder)
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			return nil, fmt.Errorf("setting kubernetes_pod_template_folder: %w", err)
		}
		defer func() { _ = root.Close() }()
		text, err = readFile(root.Open(local))
		if err != nil {
			return nil, fmt.Errorf("%w: templates are in %s (kubernetes_pod_template_folder)", err, folder)
		}
		return text, nil
	}
}

// readFile reads what was opened, if that has worked.
func readFile(f *os.File, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxTemplate {
		return nil, fmt.Errorf("%s is more than %d bytes long", f.Name(), maxTemplate)
	}
	return b, nil
}

// handedOn are the settings that runners have as the controller has them, where those are not
// the defaults: what they find the installation by.
func handedOn() []string {
	return []string{
		"store", "logs", "queue", "key", "executor", "lambda", "fargate", "dag_source", "secrets_backend", "aws_region", "parallelism",
		"log_max_bytes", "run_retention", "base_url",
	}
}

// environment are the variables of runners. A setting with a password in it is none of them:
// whoever may read pods could read it.
func environment(c *config.Config, secrets bool) (map[string]string, error) {
	out := map[string]string{"UPDRAFT_EXECUTOR": executors.Kubernetes}
	var errs []error
	for _, s := range c.Settings() {
		if !slices.Contains(handedOn(), s.Name) || s.Source == "default" {
			continue
		}
		if s.Value != c.Text(s.Name) { // it was masked
			if !secrets {
				errs = append(errs, fmt.Errorf("setting %s has a password, and would have to be written into every pod: put it as %s into a secret, and name that in kubernetes_env_from_secrets", s.Name, s.Env))
			}
			continue
		}
		out[s.Env] = s.Value
	}
	return out, errors.Join(errs...)
}

func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

const (
	// Requests per second of the client, and how many may come at once: the API server has
	// priorities and fairness of its own, so these bound mistakes only.
	qps, burst = 200, 400
	// namespaceFile has the namespace of a pod.
	namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
)

// Cluster finds the cluster as kubectl does, by KUBECONFIG or the file in the home folder, or
// as the pod of a controller is told. Namespace is the one there by default.
func Cluster() (cfg *rest.Config, namespace string, err error) {
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil)
	if cfg, err = loader.ClientConfig(); err != nil {
		return nil, "", fmt.Errorf("find the cluster: %w: set KUBECONFIG, or run in a pod with a service account's token", err)
	}
	if namespace, _, err = loader.Namespace(); err != nil {
		return nil, "", fmt.Errorf("find the cluster: %w", err)
	}
	if b, err := os.ReadFile(namespaceFile); err == nil && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		namespace = strings.TrimSpace(string(b))
	}
	cfg.QPS, cfg.Burst, cfg.UserAgent = qps, burst, "updraft-kube"
	return cfg, namespace, nil
}
