//go:build kubernetes

package kubepod_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/run"
)

// TestAccepted: an API server takes what is built, in a namespace that holds pods to the
// restricted standard.
func TestAccepted(t *testing.T) {
	t.Parallel()
	namespace := kubetest.Restricted(t)
	client := kubetest.Client(t)
	for name, text := range map[string]string{
		"plain":   `{}`,
		"sidecar": `{pod_override: {spec: {containers: [{}, {name: proxy, image: acme/proxy:1}], initContainers: [{name: prepare, image: acme/prepare:1}]}}}`,
		"patch":   `{pod_patch: {spec: {containers: [{name: base, env: [{name: A, value: b}]}], terminationGracePeriodSeconds: 5}}}`,
		"twice":   `{pod_override: {spec: {containers: [{env: [{name: HOME, value: /home}, {name: UPDRAFT_STORE, value: other}]}]}}}`,
	} {
		cfg := config()
		cfg.Namespace, cfg.ServiceAccount = namespace, "default"
		pod := build(t, cfg, work(t, func(_ *dag.DAG, task *dag.Task, in *run.Instance) {
			task.ExecutorConfig, in.OOMFailures = values(t, text), 1
			task.Resources = dag.Resources{CPUMilli: 500, Memory: 1 << 30, EphemeralStorage: 1 << 30, Tolerations: []dag.Toleration{{Key: "a", Operator: "Exists"}}}
		}))
		taken, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a, err := kubepod.Attempt(taken); err != nil || a.Task != "extract.load" {
			t.Errorf("%s: it came back as that of %v, %v", name, a, err)
		}
	}
}
