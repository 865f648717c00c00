package helm_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/operators/builtin"
)

// sample are attempts of all tasks of the sample DAG about pods.
func sample(t *testing.T) (out []*executors.Work) {
	t.Helper()
	loaded, err := dagfile.Load([]byte(read(t, "../../dags/example_kubernetes.yaml")), dagfile.Options{File: "example_kubernetes.yaml", Catalog: builtin.Catalog()})
	if err != nil || len(loaded.DAGs) != 1 {
		t.Fatalf("%d DAGs, %v", len(loaded.DAGs), err)
	}
	g, err := dag.NewGraph(loaded.DAGs[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range loaded.DAGs[0].Tasks {
		w := attempt(t)
		w.Graph, w.Instance.Task, w.Run.ID.DAG = g, task.ID, loaded.DAGs[0].ID
		out = append(out, w)
	}
	return out
}

// TestSample: the pods of the sample DAG have what its file says, beside what the chart's
// template says.
func TestSample(t *testing.T) {
	t.Parallel()
	b := builder(t, read(t, "testdata/in-cluster.yaml"), "data")
	pods := map[string]*corev1.Pod{}
	for _, w := range sample(t) {
		pod, err := b.Build(w)
		if err != nil {
			t.Fatal(err)
		}
		pods[w.Instance.Task] = pod
	}
	if got := pods["resources"]; got.Labels["team"] != "examples" || got.Spec.Containers[0].Resources.Limits.Memory().String() != "256Mi" {
		t.Errorf("resources: labels %v, limits %v", got.Labels, got.Spec.Containers[0].Resources.Limits)
	}
	if got := pods["volume"].Spec.Containers[0]; got.VolumeMounts[len(got.VolumeMounts)-1].MountPath != "/scratch" || got.VolumeMounts[0].MountPath != "/tmp" {
		t.Errorf("volume: mounts %v", got.VolumeMounts)
	}
	if got := pods["placement"].Spec; *got.TerminationGracePeriodSeconds != 60 || len(got.Tolerations) != 1 || got.Affinity == nil {
		t.Errorf("placement: %v, %v, %v", *got.TerminationGracePeriodSeconds, got.Tolerations, got.Affinity)
	}
}
