package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// workerCommand has the test program be a worker with a short lease, to be killed:
// `PROGRAM workerCommand HOME`.
const workerCommand = "test-worker"

// testLease is short enough to wait for in a test.
const testLease = 2 * time.Second

func runTestWorker(home string) error {
	i, err := openHome(context.Background(), home, nil)
	if err != nil {
		return err
	}
	return i.Worker(context.Background(), embedded.WorkerOptions{Parallelism: 4, Lease: testLease})
}

// startWorker starts a worker of an installation of its own until stop is called, or the
// test ends.
func startWorker(t *testing.T, home string, o embedded.WorkerOptions) (stop func()) {
	t.Helper()
	i := open(t, home, nil)
	ready := make(chan bool)
	o.OnReady = func() { close(ready) }
	return background(t, "worker", ready, func(ctx context.Context) error { return i.Worker(ctx, o) })
}

// startScheduler starts a scheduler of an installation of its own until stop is called,
// or the test ends.
func startScheduler(t *testing.T, home string) (stop func()) {
	t.Helper()
	i := open(t, home, nil)
	ready := make(chan bool)
	o := embedded.StandaloneOptions{OnReady: func(string, embedded.Synced) { close(ready) }}
	return background(t, "scheduler", ready, func(ctx context.Context) error { return i.Scheduler(ctx, o) })
}

func background(t *testing.T, what string, ready <-chan bool, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- f(ctx)
		close(ended)
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("%s: %v", what, err)
	}
	t.Cleanup(stop)
	return stop
}

// finished waits for the end of a run.
func finished(t *testing.T, i *embedded.Installation, id run.ID) run.Run {
	t.Helper()
	var r run.Run
	eventually(t, "the end of "+id.String(), func() bool {
		data, err := i.Store.Run(t.Context(), id, "none")
		if err != nil {
			t.Fatal(err)
		}
		r = data.Run
		return r.State.Finished()
	})
	return r
}

// effects are the lines that tasks have written.
func effects(t *testing.T, path string) []string {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	lines := strings.Fields(string(body))
	slices.Sort(lines)
	return lines
}

// workersDAG has a chain whose second task fails once, a fan, a mapped task, and a task
// for another queue that updates an asset.
const workersDAG = `work:
  schedule: null
  default_args: {owner: test}
  tasks:
    one: &task
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: &note echo $AIRFLOW_CTX_TASK_ID >> OUT
    two:
      <<: *task
      bash_command: echo two#$AIRFLOW_CTX_TRY_NUMBER >> OUT; [ $AIRFLOW_CTX_TRY_NUMBER = 2 ]
      retries: 1
      retry_delay: 0
      dependencies: [one]
    fan1: {<<: *task, dependencies: [two]}
    fan2: {<<: *task, dependencies: [two]}
    fan3: {<<: *task, dependencies: [two]}
    each:
      operator: airflow.providers.standard.operators.bash.BashOperator
      partial: {do_xcom_push: false}
      expand:
        bash_command: ["echo each0 >> OUT", "echo each1 >> OUT"]
      dependencies: [fan1, fan2, fan3]
    big:
      <<: *task
      queue: big
      outlets: ["test://done"]
      dependencies: [each]
after:
  schedule: ["test://done"]
  tasks:
    only:
      operator: airflow.providers.standard.operators.bash.BashOperator
      bash_command: echo after >> OUT
`

func TestSchedulerAndWorkers(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	home := newHome(t, map[string]string{"work.yaml": strings.ReplaceAll(workersDAG, "OUT", out)})
	startScheduler(t, home)
	for _, queues := range [][]string{nil, {"default", "big"}, {"default"}} {
		startWorker(t, home, embedded.WorkerOptions{Parallelism: 2, Queues: queues})
	}
	i := open(t, home, nil)
	if err := i.Scheduler(t.Context(), embedded.StandaloneOptions{}); !errors.Is(err, embedded.ErrBusy) {
		t.Errorf("a second scheduler: %v, want ErrBusy", err)
	}
	r, err := i.Trigger(t.Context(), task.Trigger{DAG: "work", Run: "r1"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	if r = finished(t, i, r.ID); r.State != run.RunSuccess {
		t.Fatalf("run ended %s: %s", r.State, r.Reason)
	}
	want := []string{"after", "big", "each0", "each1", "fan1", "fan2", "fan3", "one", "two#1", "two#2"}
	eventually(t, "the run that the asset triggers", func() bool { return len(effects(t, out)) >= len(want) })
	if diff := cmp.Diff(want, effects(t, out)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	data, err := i.Store.Run(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	executed := map[string]int{}
	for _, in := range data.Instances {
		executed[in.Executor]++
	}
	if diff := cmp.Diff(map[string]int{"queue": 8}, executed); diff != "" {
		t.Errorf("executors of instances (-want +got):\n%s", diff)
	}
}

func TestWorkerIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, pids := filepath.Join(dir, "out"), filepath.Join(dir, "pids")
	home := newHome(t, map[string]string{"slow.yaml": bashDAG("slow", "null",
		"echo $$ >> "+pids+"; [ $AIRFLOW_CTX_TRY_NUMBER = 2 ] || sleep 600; echo done >> "+out)})
	startScheduler(t, home)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.CommandContext(t.Context(), self, workerCommand, home)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	i := open(t, home, nil)
	r, err := i.Trigger(t.Context(), task.Trigger{DAG: "slow", Run: "r1"}, "test")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the start of the task", func() bool { return len(effects(t, pids)) == 1 })
	orphan, err := strconv.Atoi(effects(t, pids)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := victim.Wait(); err == nil {
		t.Error("the worker was not killed")
	}
	startWorker(t, home, embedded.WorkerOptions{Parallelism: 2})
	if r = finished(t, i, r.ID); r.State != run.RunSuccess {
		t.Fatalf("run ended %s: %s", r.State, r.Reason)
	}
	if got := effects(t, out); !slices.Equal(got, []string{"done"}) {
		t.Errorf("the task had the effects %v, want one", got)
	}
	if err := syscall.Kill(orphan, 0); err == nil {
		t.Errorf("the killed worker's process %d still runs", orphan)
	}
	history, err := i.Store.History(t.Context(), run.Key{ID: r.ID, Task: "only", Map: run.Unmapped})
	if err != nil || len(history) != 1 || history[0].Cause != run.CauseInfra {
		t.Errorf("history is %v, %v; want one lost attempt", history, err)
	}
}

func TestWorkerFaults(t *testing.T) {
	t.Parallel()
	i := open(t, newHome(t, nil), nil)
	faults := map[string]embedded.WorkerOptions{
		"queue is empty":                  {Queues: []string{""}},
		"parallelism of a worker is -1":   {Parallelism: -1},
		"lease of a worker is -1s: use s": {Lease: -time.Second},
	}
	for _, want := range slices.Sorted(maps.Keys(faults)) {
		if err := i.Worker(t.Context(), faults[want]); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}
