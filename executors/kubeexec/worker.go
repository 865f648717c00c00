package kubeexec

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubepod"
	"github.com/updraft-dev/updraft/run"
)

// WorkerOperator stands where the pod of a task has its operator: workers execute tasks of
// any.
const WorkerOperator = "updraft.worker"

// workerName begins the names of long-lived pods.
const workerName = "updraft-worker-"

// StartWorker makes a long-lived pod that runs many tasks: from the template of all pods,
// with room for as many tasks at once. Each call makes another pod. A *WaitError says that
// the cluster takes no pod now.
func (e *Executor) StartWorker(ctx context.Context, o kubeevent.WorkOptions) error {
	t := dag.NewTask("worker", WorkerOperator)
	t.Resources = dag.Resources{CPUMilli: int64(o.Slots) * kubepod.DefaultCPU, Memory: int64(o.Slots) * kubepod.DefaultMemory}
	g, err := dag.NewGraph(&dag.DAG{ID: "updraft", Tasks: []*dag.Task{t}})
	if err != nil {
		return fmt.Errorf("make a worker: %w", err)
	}
	pod, err := e.cfg.Pods.Build(&executors.Work{
		Graph: g, Run: run.Run{ID: run.ID{DAG: "updraft", Run: "worker"}}, Instance: run.Instance{Task: t.ID, Map: run.Unmapped, Try: 1},
	})
	if err != nil {
		return fmt.Errorf("make a worker: %w", err)
	}
	word, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("make a worker: %w", err)
	}
	pod.Name = workerName + strings.ToLower(rand.Text()[:10])
	for _, k := range []string{kubeevent.AnnotationDAG, kubeevent.AnnotationTask, kubeevent.AnnotationRun, kubeevent.AnnotationTry, kubeevent.AnnotationMap} {
		delete(pod.Labels, k)
		delete(pod.Annotations, k)
	}
	maps.Copy(pod.Labels, map[string]string{kubeevent.LabelRole: kubeevent.RoleWorker})
	pod.Spec.Containers[0].Args = []string{kubeevent.Work, string(word)}
	if wait := e.paused(); wait > 0 {
		return &WaitError{Reason: "the API server has asked for a pause", After: wait}
	}
	return e.create(ctx, pod)
}

// Workers counts the long-lived pods: those that run, and those that do not yet.
func (e *Executor) Workers() (running, starting int) {
	for _, pod := range e.list() {
		switch {
		case !longLived(pod) || pod.DeletionTimestamp != nil || e.isSettled(pod.UID):
		case pod.Status.Phase == corev1.PodRunning:
			running++
		case !ended(pod):
			starting++
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range e.fresh {
		if strings.HasPrefix(name, workerName) {
			starting++
		}
	}
	return running, starting
}
