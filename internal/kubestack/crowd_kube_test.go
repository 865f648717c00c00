//go:build kubernetes

package kubestack_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/internal/kubestack"
	"github.com/updraft-dev/updraft/internal/kubetest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// crowdCPU is what a crowd requests of a node's CPU altogether, in thousandths: two
// processors have room for it. Less would be starved while the machine is busy, so that the
// runners could not keep their leases.
const crowdCPU = 1500

// crowd is a DAG of many equal tasks. They share crowdCPU, for the container that installs
// the runner, too, so that one node takes them all at once.
func crowd(id string, n int, command string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%q", command)
	}
	requests := fmt.Sprintf("requests: {memory: 16Mi, cpu: %dm}", crowdCPU/n)
	return id + `:
  schedule: null
  max_active_tasks: 1000
  tasks:
    work:
      operator: airflow.providers.standard.operators.bash.BashOperator
      pool: crowd
      executor_config:
        pod_patch:
          spec:
            initContainers: [{name: updraft-runner, resources: {` + requests + `}}]
            containers: [{name: base, resources: {limits: {memory: 256Mi}, ` + requests + `}}]
      partial: {}
      expand: {bash_command: [` + strings.Join(list, ", ") + `]}
`
}

// crowded opens an installation for crowds: one pool has slots for all of them.
func crowded(ctx context.Context, t *testing.T, tmp string) *kubestack.Stack {
	t.Helper()
	s := kubestack.Open(t, kubestack.Options{Shared: tmp, Settings: map[string]string{"parallelism": "1000"}})
	if err := s.Settings.PutPool(ctx, settings.Pool{Name: "crowd", Slots: 1000}); err != nil {
		t.Fatal(err)
	}
	return s
}

// shared is a folder that all pods have as /tmp.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "shared")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// untilRunning waits until so many tasks of a run are executed at the same time.
func untilRunning(ctx context.Context, t *testing.T, s *kubestack.Stack, id run.ID, n int) {
	t.Helper()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		data, err := s.Store.Run(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		running := 0
		for _, in := range data.Instances {
			if in.State == run.Running {
				running++
			}
		}
		if running >= n {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("only %d of %d tasks run", running, n)
		}
	}
}

// wantOnce wants every task to have succeeded in one try, by one pod.
func wantOnce(t *testing.T, data *store.RunData, pods map[string][]kubetest.Seen) {
	t.Helper()
	if data.Run.State != run.RunSuccess {
		t.Errorf("the run is %s", data.Run.State)
	}
	for _, in := range data.Instances {
		if in.State != run.Success || in.Try != 1 || in.InfraFailures != 0 {
			t.Errorf("%s is %s in try %d, with %d failures of the cluster: %s", in.Name(), in.State, in.Try, in.InfraFailures, in.Reason)
		}
	}
	if len(pods) != len(data.Instances) {
		t.Errorf("%d pods were made for %d tasks", len(pods), len(data.Instances))
	}
}

// TestControllerKilled: while 50 tasks run the controller dies, by kill -9, and another one
// begins: none is lost, none runs twice. It is not parallel: others' pods would wait for these.
func TestControllerKilled(t *testing.T) {
	const tasks = 50
	ctx, stop := context.WithTimeout(t.Context(), 3*kubetest.Patience)
	defer stop()
	tmp := shared(t)
	s := crowded(ctx, t, tmp)
	pods := kubetest.Watch(t, s.Namespace)
	s.Put(t, "crowd.yaml", crowd("crowd", tasks, "while [ ! -e /tmp/go ]; do sleep 1; done"))
	id := begin(ctx, t, s, "crowd")
	untilRunning(ctx, t, s, id, tasks)
	s.Controller.Kill(t)
	if err := os.WriteFile(filepath.Join(tmp, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s.Control(t)
	data, err := s.End(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	wantOnce(t, &data, pods.Pods())
}

// TestLogStoreAway: what a task prints while the store of logs is away for half a minute is
// in its log afterwards, and the task does not notice.
func TestLogStoreAway(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), kubetest.Patience)
	defer stop()
	s := kubestack.Open(t, kubestack.Options{})
	s.Put(t, "talks.yaml", bash("talks", `for i in $(seq 40); do echo "line $i"; sleep 1; done`))
	id := begin(ctx, t, s, "talks")
	podOf(ctx, t, s, id)
	first := (&run.Instance{Task: "work", Map: run.Unmapped, Try: 1}).Attempt(id)
	wantLog(ctx, t, s, first, "line 1\n")
	s.Objects.Shut()
	select {
	case <-time.After(30 * time.Second):
	case <-ctx.Done():
	}
	s.Objects.Open()
	if got := tries(ctx, t, s, id); len(got) != 1 || got[0].State != run.Success {
		t.Errorf("it took %d tries and is %s (%s)", len(got), got[0].State, got[0].Reason)
	}
	var lines []string
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("line %d\n", i+1))
	}
	wantLog(ctx, t, s, first, lines...)
}

// TestFan runs 200 tasks at once, and tells how fast pods are made and what that costs the
// controller. It is not parallel: others' pods would wait for these.
func TestFan(t *testing.T) {
	const tasks = 200
	ctx, stop := context.WithTimeout(t.Context(), 3*kubetest.Patience)
	defer stop()
	s := crowded(ctx, t, "")
	pods := kubetest.Watch(t, s.Namespace)
	s.Put(t, "fan.yaml", crowd("fan", tasks, "true"))
	idle, _ := s.Controller.Memory(t)
	from := time.Now()
	data, err := s.End(ctx, begin(ctx, t, s, "fan"))
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(from)
	seen := pods.Pods()
	wantOnce(t, &data, seen)
	var made []time.Time
	for _, p := range seen {
		made = append(made, p[0].At)
	}
	slices.SortFunc(made, time.Time.Compare)
	if len(made) < 2 {
		t.Fatal("no pods were seen")
	}
	span := made[len(made)-1].Sub(made[0])
	_, most := s.Controller.Memory(t)
	t.Logf("%d pods made in %.1f s (%.0f/s), all tasks ended after %.1f s (%.1f/s); controller: %d MiB idle, %d MiB at most",
		len(made), span.Seconds(), float64(len(made))/span.Seconds(), took.Seconds(), tasks/took.Seconds(), idle>>20, most>>20)
	const limit = 64 << 20
	if grown := most - idle; grown > limit {
		t.Errorf("the controller took %d MiB more for %d pods, want at most %d", grown>>20, tasks, limit>>20)
	}
}

// TestHandOff compares what we take to hand a task to the cluster with what the cluster takes
// to start its pod. It is not parallel: nobody else should use the cluster meanwhile.
func TestHandOff(t *testing.T) {
	const times = 5
	ctx, stop := context.WithTimeout(t.Context(), 2*kubetest.Patience)
	defer stop()
	s := kubestack.Open(t, kubestack.Options{})
	pods := kubetest.Watch(t, s.Namespace)
	s.Put(t, "one.yaml", bash("one", "true"))
	var ours, theirs []time.Duration
	for range times {
		in := tries(ctx, t, s, begin(ctx, t, s, "one"))[0]
		name := strings.Split(in.Worker, "/")[2]
		seen := pods.Pods()[name]
		if in.State != run.Success || len(seen) == 0 {
			t.Fatalf("it is %s (%s), and %d states of its pod were seen", in.State, in.Reason, len(seen))
		}
		made := seen[0].At
		ours = append(ours, made.Sub(in.QueuedAt))
		theirs = append(theirs, in.Start.Sub(made))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	our, their := ours[times/2], theirs[times/2]
	t.Logf("from queued to the pod: %v, median %v; from the pod to the task's start: %v, median %v", ours, our, theirs, their)
	t.Logf("our share is %.1f %% (5 wanted)", 100*float64(our)/float64(our+their))
	// The share is to be read on a quiet machine. On any, the cluster has the larger part.
	if our > their {
		t.Errorf("handing over takes %v where the cluster takes %v", our, their)
	}
}
