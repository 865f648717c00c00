package kube

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
)

// TestCheck: what keeps tasks from having pods is told, without a cluster and without the
// images of a chart; tasks for other places are left alone unless all go to Kubernetes.
func TestCheck(t *testing.T) {
	t.Parallel()
	task := func(id string, config dag.Values) *dag.Task {
		t := dag.NewTask(id, "updraft.noop")
		t.ExecutorConfig = config
		return t
	}
	wrong := dag.Values{"spec": map[string]any{"hostNetwrk": true}}
	named := task("named", nil)
	named.Executor = "KubernetesExecutor"
	good := &dag.DAG{ID: "good", Tasks: []*dag.Task{task("plain", nil), named, task("patched", dag.Values{"pod_patch": map[string]any{"spec": map[string]any{"priorityClassName": "batch"}}})}}
	bad := &dag.DAG{ID: "bad", Tasks: []*dag.Task{task("elsewhere", dag.Values{"image": int64(1)}), task("own", dag.Values{"pod_override": map[string]any(wrong)})}}
	shared := &dag.DAG{ID: "shared", ExecutorConfig: dag.Values{"pod_template_file": int64(1)}, Tasks: []*dag.Task{task("one", nil), task("two", nil)}}
	var q kubeevent.CheckRequest
	for _, d := range []*dag.DAG{good, bad, shared} {
		body, _, err := dag.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		q.DAGs = append(q.DAGs, body)
	}
	request, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(settings map[string]string) (got []string) {
		t.Helper()
		var out bytes.Buffer
		err := Check(func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, bytes.NewReader(request), &out)
		if err != nil {
			t.Fatal(err)
		}
		var faults []kubeevent.PodFault
		if err := json.Unmarshal(out.Bytes(), &faults); err != nil {
			t.Fatal(err)
		}
		for _, f := range faults {
			got = append(got, f.DAG+"."+f.Task+": "+f.Error)
		}
		return got
	}
	want := []string{
		"bad.own: executor_config of task own: pod_override: spec.hostNetwrk is no field of a PodSpec: did you mean hostNetwork?",
		"shared.one: executor_config of DAG shared: pod_template_file is 1: write the name of a file",
	}
	if diff := cmp.Diff(want, ask(nil)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	all := []string{"bad.elsewhere: executor_config of task elsewhere: image is 1: write a name", want[0], want[1]}
	if diff := cmp.Diff(all, ask(map[string]string{"UPDRAFT_EXECUTOR": "kubernetes"})); diff != "" {
		t.Errorf("faults where all tasks have pods (-want +got):\n%s", diff)
	}
	if err := Check(func(string) (string, bool) { return "", false }, strings.NewReader("{"), &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "read which pods to check") {
		t.Errorf("half a request: %v", err)
	}
}
