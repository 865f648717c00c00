//go:build unix

package localexec_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/executortest"
	"github.com/updraft-dev/updraft/executors/localexec"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/internal/shepherdtest"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

const shepherdFlag = "-be-a-shepherd"

// TestMain lets the test binary be the shepherd of its processes.
func TestMain(m *testing.M) { shepherdtest.Main(m, shepherdFlag) }

// grace and memory are those of the suite's tasks.
const (
	grace  = 200 * time.Millisecond
	memory = 64 << 20
)

func TestConformance(t *testing.T) {
	t.Parallel()
	executortest.Run(t, func(t testing.TB) executortest.Harness { return newPlace(t).harness() })
}

// place is a machine: what outlives the worker, and the workers that ran on it.
type place struct {
	dir     string
	tokens  atomic.Int64
	workers map[executors.Executor]*worker
}

// worker is the process that opened an executor.
type worker struct {
	host *process.Host
	dead atomic.Bool
}

func newPlace(t testing.TB) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "u") // short enough for a Unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &place{dir: dir, workers: map[executors.Executor]*worker{}}
}

func (p *place) harness() executortest.Harness {
	return executortest.Harness{
		Open: p.open, Work: p.work, Grace: grace,
		Started: func(_ testing.TB, name string) int {
			b, err := os.ReadFile(p.path(name, "started"))
			if err != nil {
				return 0
			}
			return strings.Count(string(b), "\n")
		},
		Release: func(t testing.TB, name string) {
			if err := os.WriteFile(p.path(name, "gate"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		Die: func(_ testing.TB, e executors.Executor) {
			w := p.workers[e]
			w.dead.Store(true)
			w.host.Close()
		},
	}
}

func (p *place) path(name, what string) string { return filepath.Join(p.dir, name+"."+what) }

func (p *place) open(t testing.TB, capacity int, report executors.Report) executors.Executor {
	t.Helper()
	local := filepath.Join(p.dir, "local")
	host, err := process.Open(process.Config{Dir: local, Shepherd: []string{os.Args[0], shepherdFlag, process.Socket(local)}})
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{host: host}
	runtime := task.New(task.Config{Operators: p.operator, Processes: host, Now: time.Now})
	e, err := localexec.Open(t.Context(), localexec.Config{
		Parallelism: capacity,
		Report: func(r run.Report) {
			if !w.dead.Load() {
				report(r)
			}
		},
		Execute: func(ctx context.Context, w executors.Work) run.Report {
			return runtime.Execute(ctx, task.Work{Graph: w.Graph, Run: w.Run, Instance: w.Instance, Resume: w.Resume})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	p.workers[e] = w
	return e
}

// work makes an attempt whose task's operator is named like the act.
func (p *place) work(t testing.TB, name string, act executortest.Act) executors.Work {
	t.Helper()
	d := &dag.DAG{ID: "dag", Timezone: "UTC", Tasks: []*dag.Task{dag.NewTask(name, string(act))}}
	g, err := dag.NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	return executors.Work{
		Graph: g, Run: run.Run{ID: run.ID{DAG: "dag", Run: "run"}, Type: run.TypeManual, State: run.RunRunning},
		Instance: run.Instance{Task: name, Map: run.Unmapped, State: run.Running, Try: 1, Token: fmt.Sprint("token ", p.tokens.Add(1))},
	}
}

// operator is the operator of an act: a script, but for what only a worker can do.
func (p *place) operator(act string) *task.Operator {
	o := &task.Operator{Spec: dag.OperatorSpec{Class: act}, Resumable: true}
	wait := fmt.Sprintf("until [ -e %s/$0.gate ]; do sleep 0.01; done; ", p.dir)
	fail := fmt.Sprintf("echo %s; exit %d", executortest.Complaint, executortest.FailCode)
	script := map[executortest.Act]string{
		executortest.Succeed: "exit 0", executortest.Fail: fail, executortest.Wait: wait, executortest.WaitAndFail: wait + fail,
		executortest.Stubborn: wait, executortest.Killed: "kill -9 $$",
		executortest.Hungry: `exec python3 -c 'x = bytearray(300 << 20)
while True: pass'`,
	}[executortest.Act(act)]
	begin := fmt.Sprintf("echo >> %s/$0.started; ", p.dir)
	if executortest.Act(act) == executortest.Stubborn {
		begin = "trap '' TERM; " + begin
	}
	o.Run = func(ctx context.Context, a *task.Attempt) (task.Result, error) {
		x, err := a.Processes.Exec(ctx, task.Command{
			Attempt: a.Key, Argv: []string{"sh", "-c", begin + script, a.Task.ID}, Env: []string{"PATH=" + os.Getenv("PATH")},
			Output: a.Output, Memory: memory, Grace: grace,
		})
		switch executortest.Act(act) {
		case executortest.Panic:
			panic("as it was told to")
		case executortest.Echo:
			return task.Result{Value: a.Run.Conf}, err
		}
		if err != nil {
			return task.Result{}, err
		}
		return task.Result{}, x.Err(memory)
	}
	return o
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	execute := func(context.Context, executors.Work) run.Report { return run.Report{} }
	report := func(run.Report) {}
	for _, tt := range []struct {
		cfg  localexec.Config
		want string
	}{
		{localexec.Config{Report: report}, "localexec needs Execute and Report"},
		{localexec.Config{Execute: execute}, "localexec needs Execute and Report"},
		{localexec.Config{Execute: execute, Report: report, Parallelism: -1}, "parallelism is -1: use a positive number, or 0 for 32"},
	} {
		if _, err := localexec.Open(t.Context(), tt.cfg); err == nil || err.Error() != tt.want {
			t.Errorf("got error %v, want %q", err, tt.want)
		}
	}
	e, err := localexec.Open(t.Context(), localexec.Config{Execute: execute, Report: report})
	if err != nil || e.Capacity() != localexec.DefaultParallelism || e.Name() != localexec.Name {
		t.Errorf("got %s with capacity %d, %v", e.Name(), e.Capacity(), err)
	}
}
