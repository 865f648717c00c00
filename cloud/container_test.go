package cloud_test

import (
	"testing"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors/routeexec"
)

// TestFitsWorker: a long-lived pod goes on with what the rule sends to pods, and leaves what
// goes elsewhere, as after a placement was taken back.
func TestFitsWorker(t *testing.T) {
	t.Parallel()
	rules := map[string]routeexec.Rule{
		"auto":       {{Name: "lambda"}, {Name: "kubernetes", ByName: true}},
		"kubernetes": {{Name: "kubernetes"}, {Name: "local", ByName: true, Queues: []string{routeexec.AnyQueue}}},
	}
	for _, tt := range []struct {
		name             string
		set              func(*dag.Task)
		dag              dag.Values
		auto, kubernetes bool
	}{
		{name: "no wish", set: func(*dag.Task) {}, kubernetes: true},
		{name: "by name", set: func(t *dag.Task) { t.Executor = "kubernetes" }, auto: true, kubernetes: true},
		{name: "elsewhere", set: func(t *dag.Task) { t.Executor = "lambda" }},
		{name: "a queue", set: func(t *dag.Task) { t.Queue = "gpu" }},
		{name: "memory", set: func(t *dag.Task) { t.Executor, t.Resources.Memory = "kubernetes", 1<<30 }},
		{name: "a pod of its own", set: func(t *dag.Task) {
			t.Executor, t.ExecutorConfig = "kubernetes", dag.Values{"pod_override": dag.Values{}}
		}},
		{name: "pods of their own", set: func(*dag.Task) {}, dag: dag.Values{"pod_override": dag.Values{}}},
	} {
		for name, want := range map[string]bool{"auto": tt.auto, "kubernetes": tt.kubernetes} {
			task := dag.NewTask("t", "updraft.noop")
			tt.set(task)
			d := &dag.DAG{ID: "d", ExecutorConfig: tt.dag}
			if got := cloud.FitsWorker(rules[name], d, task); got != want {
				t.Errorf("%s, executor %s: %t, want %t", tt.name, name, got, want)
			}
		}
	}
}
