//go:build kubernetes

package helm_test

import (
	"context"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"

	"github.com/updraft-dev/updraft/internal/kubetest"
)

// extensions are kinds that a cluster has only if somebody has installed them: they are
// rendered and compared, but no server has taken them.
var extensions = []string{"ScaledObject", "ServiceMonitor"}

// dryRun has the server check and admit an object, with every field known, and keep nothing.
var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}

// TestServerTakes: the API server takes all objects of all renders, and the restricted pod
// security standard admits all pods.
func TestServerTakes(t *testing.T) {
	t.Parallel()
	for name, args := range renders() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := kubetest.Restricted(t)
			out := rendered(t, append(args, "--namespace", namespace)...)
			config := kubetest.Config(t)
			config.WarningHandlerWithContext = warnings{t}
			client, err := dynamic.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			groups, err := restmapper.GetAPIGroupResources(kubetest.Client(t).Discovery())
			if err != nil {
				t.Fatal(err)
			}
			mapper := restmapper.NewDiscoveryRESTMapper(groups)
			for _, o := range objects(t, out) {
				if slices.Contains(extensions, o.Kind) {
					continue
				}
				var u unstructured.Unstructured
				if err := yaml.Unmarshal([]byte(o.text), &u.Object); err != nil {
					t.Fatal(err)
				}
				kind := u.GroupVersionKind()
				mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
				if err != nil {
					t.Fatal(err)
				}
				options := dryRun
				if o.Kind == "ServiceAccount" {
					options.DryRun = nil // pods are admitted only if theirs is there
				}
				if _, err := client.Resource(mapping.Resource).Namespace(namespace).Create(t.Context(), &u, options); err != nil {
					t.Errorf("%s %s: %v", o.Kind, o.Metadata.Name, err)
				}
			}
			admitPods(t, namespace, out)
		})
	}
}

// warnings fails a test when the server warns.
type warnings struct{ t *testing.T }

func (w warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.t.Errorf("the server warns: %s", text)
}

// admitPods has the server admit a pod of each deployment, and those of the sample DAG.
func admitPods(t *testing.T, namespace, out string) {
	t.Helper()
	client := kubetest.Client(t)
	b := builder(t, out, namespace)
	var pods []*corev1.Pod
	for _, w := range sample(t) {
		pod, err := b.Build(w)
		if err != nil {
			t.Fatal(err)
		}
		pods = append(pods, pod)
	}
	for _, o := range objects(t, out) {
		if o.Kind != "Deployment" {
			continue
		}
		var d appsv1.Deployment
		var u map[string]any
		if err := yaml.Unmarshal([]byte(o.text), &u); err != nil {
			t.Fatal(err)
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u, &d); err != nil {
			t.Fatal(err)
		}
		pods = append(pods, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: d.Name}, Spec: d.Spec.Template.Spec})
	}
	for _, pod := range pods {
		// Classes that the cluster of the test does not have, and an account of the user's own.
		pod.Spec.PriorityClassName, pod.Spec.RuntimeClassName = "", nil
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: pod.Spec.ServiceAccountName}}
		if _, err := client.CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
		if _, err := client.CoreV1().Pods(namespace).Create(t.Context(), pod, dryRun); err != nil {
			t.Errorf("pod %s: %v", pod.Name, err)
		}
	}
}
