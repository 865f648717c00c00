//go:build helm || kubernetes

package helm_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// kubeVersion is what charts are rendered for where there is no cluster.
const kubeVersion = "1.34.2"

// helmProgram is Helm as tools/go.mod names it; the first time builds it, which takes minutes.
var helmProgram = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "-C", "tools", "tool", "-n", "helm").Output()
	return strings.TrimSpace(string(out)), err
})

// helm runs Helm, and returns what it prints.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	program, err := helmProgram()
	if err != nil {
		t.Fatalf("build Helm (see infra/helm/tools/go.mod): %v", err)
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("helm %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// renders are the sets of values that are looked at, as arguments of Helm.
func renders() map[string][]string {
	return map[string][]string{
		"least":      {"-f", "testdata/least.values.yaml"},
		"aws":        {"-f", chart + "/examples/aws.yaml"},
		"in-cluster": {"-f", chart + "/examples/in-cluster.yaml"},
		"everything": {"-f", "testdata/everything.values.yaml"},
		"keda":       {"-f", "testdata/keda.values.yaml"},
	}
}

// rendered are the objects that a set of values gives, as text.
func rendered(t *testing.T, args ...string) string {
	t.Helper()
	out, err := helm(t, append([]string{"template", "prod", chart, "--namespace", "data", "--kube-version", kubeVersion}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRenders compares with what was rendered before, so that a change shows.
func TestRenders(t *testing.T) {
	t.Parallel()
	for name, args := range renders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := rendered(t, args...)
			golden(t, "testdata/"+name+".yaml", out)
			checkObjects(t, out)
		})
	}
}

// checkObjects: everything stays in its namespace, nothing is a secret, and names fit.
func checkObjects(t *testing.T, out string) {
	t.Helper()
	namespaced := []string{
		"ConfigMap", "Deployment", "HorizontalPodAutoscaler", "LimitRange", "NetworkPolicy", "PodDisruptionBudget", "ResourceQuota",
		"Role", "RoleBinding", "ScaledObject", "Service", "ServiceAccount", "ServiceMonitor",
	}
	for _, o := range objects(t, out) {
		if !slices.Contains(namespaced, o.Kind) {
			t.Errorf("there is a %s: the chart makes no secrets and nothing outside of its namespace", o.Kind)
		}
		if o.Metadata.Namespace != "data" || o.Metadata.Name == "" || len(o.Metadata.Name) > 63 {
			t.Errorf("%s %q is in namespace %q", o.Kind, o.Metadata.Name, o.Metadata.Namespace)
		}
	}
}

// TestLint: Helm finds nothing to say about any set of values.
func TestLint(t *testing.T) {
	t.Parallel()
	for name, args := range renders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := helm(t, append([]string{"lint", chart, "--strict", "--kube-version", kubeVersion}, args...)...); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRefusals: what cannot work is refused, with what to do.
func TestRefusals(t *testing.T) {
	t.Parallel()
	least := []string{"-f", "testdata/least.values.yaml"}
	with := func(args ...string) []string { return append(slices.Clip(least), args...) }
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no registry":   {with("--set", "images.registry="), "images.registry is empty: set it to the registry"},
		"a typo":        {with("--set", "controler.replicas=1"), "'controler' not allowed"},
		"a wrong type":  {with("--set", "controller.replicas=many"), "want integer"},
		"two scalers":   {with("--set", "workers.enabled=true,workers.keda.enabled=true,workers.hpa.enabled=true"), "KEDA makes a HorizontalPodAutoscaler of its own"},
		"no store":      {with("--set", "config.store="), "config.store and settingsSecretName are empty"},
		"no key":        {with("--set", "config.key="), "config.key and keySecretName are empty"},
		"no claim":      {with("--set", "dags.persistence.enabled=true"), "dags.persistence.existingClaim is empty"},
		"an old server": {with("--kube-version", "1.29.0"), "chart requires kubeVersion: >=1.30.0-0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"template", "prod", chart, "--kube-version", kubeVersion}, c.args...)
			if out, err := helm(t, args...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q\n%s", err, c.want, out)
			}
		})
	}
}

// TestOwnTemplate: a pod template of the user's takes the place of the chart's.
func TestOwnTemplate(t *testing.T) {
	t.Parallel()
	own := "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - {name: base, image: own}"
	out := rendered(t, "-f", "testdata/least.values.yaml", "--set-string", "podTemplate="+strings.NewReplacer(",", `\,`, "{", `\{`, "}", `\}`).Replace(own))
	for _, o := range objects(t, out) {
		if o.Metadata.Name == "prod-updraft-pod-template" {
			if got := strings.TrimSpace(o.Data["pod_template.yaml"]); got != own {
				t.Errorf("got %s", got)
			}
			return
		}
	}
	t.Error("there is no pod template")
}
