package executors_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
)

func work(t *testing.T, task *dag.Task, in run.Instance) executors.Work {
	t.Helper()
	g, err := dag.NewGraph(&dag.DAG{ID: "d", Tasks: []*dag.Task{task}})
	if err != nil {
		t.Fatal(err)
	}
	in.Task = task.ID
	return executors.Work{Graph: g, Instance: in}
}

func TestNeed(t *testing.T) {
	t.Parallel()
	task := dag.NewTask("t", "updraft.noop")
	task.Executor, task.Queue, task.Pool, task.ExecutionTimeout = "airflow.providers.amazon.aws.executors.ecs.AwsEcsExecutor", "q", "p", time.Hour
	task.Resources = dag.Resources{CPUMilli: 2000, Memory: 1 << 30, EphemeralStorage: 30 << 30}
	task.ExecutorConfig = dag.Values{"image": "repo/x:1", "function": "f", "spot": false, "pod_override": map[string]any{"a": int64(1)}}
	w := work(t, task, run.Instance{OOMFailures: 1, InfraFailures: 2})
	got, err := w.Need()
	if err != nil {
		t.Fatal(err)
	}
	no := false
	want := executors.Need{
		Task: "t", Executor: "fargate", Queue: "q", Pool: "p", Time: time.Hour, CPUMilli: 2000, Memory: 1 << 30, Storage: 30 << 30,
		Image: "repo/x:1", Function: "f", Spot: &no, OOMs: 1, Interrupted: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("need (-want +got):\n%s", diff)
	}
	if m := got.MemoryOr(512 << 20); m != 2<<30 {
		t.Errorf("after it ran out of memory it is given %d, want twice as much", m)
	}
	if m := (executors.Need{OOMs: 2}).MemoryOr(512 << 20); m != 2<<30 {
		t.Errorf("after it ran out of memory twice it is given %d of 512 MiB, want four times as much", m)
	}
}

func TestNeedFaults(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]dag.Values{
		"image":    {"image": int64(1)},
		"no image": {"image": ""},
		"function": {"function": dag.XComRef{Task: "x"}},
		"spot":     {"spot": "yes"},
	} {
		task := dag.NewTask("t", "updraft.noop")
		task.ExecutorConfig = config
		var refused *executors.RefusedError
		if _, err := executors.NeedOf(&dag.DAG{ID: "d"}, task); !errors.As(err, &refused) || refused.Cause != run.CauseConfig || !strings.Contains(err.Error(), "write ") {
			t.Errorf("%s: error %v, want one of configuration with a remedy", name, err)
		}
	}
	if n, err := executors.NeedOf(&dag.DAG{ID: "d"}, dag.NewTask("t", "updraft.noop")); err != nil || n != (executors.Need{Task: "t", Pool: dag.DefaultPool}) {
		t.Errorf("a task that asks for nothing asks for %+v, %v", n, err)
	}
	w := work(t, dag.NewTask("t", "updraft.noop"), run.Instance{})
	w.Instance.Task = "gone"
	if _, err := w.Need(); err == nil {
		t.Error("a task that is not in the graph: no error")
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "", "auto": "", " lambda ": "lambda", "lambda-sqs": "lambda-sqs", "my.place": "my.place",
		"KubernetesExecutor": "kubernetes", "airflow.executors.local_executor.LocalExecutor": "local", "CeleryExecutor": "queue",
		"airflow.providers.amazon.aws.executors.aws_lambda.AwsLambdaExecutor": "lambda", "team:AwsEcsExecutor": "fargate",
		"acme.OtherExecutor": "OtherExecutor",
	} {
		if got := executors.Canonical(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := executors.Limits{Time: 14*time.Minute + 30*time.Second, CPUMilli: 6000, Memory: 10_240 << 20, Storage: 10 << 30}
	for _, tt := range []struct {
		name string
		need executors.Need
		want []string
	}{
		{"nothing", executors.Need{}, nil},
		{"all there is", executors.Need{Time: limits.Time, CPUMilli: 6000, Memory: limits.Memory, Storage: limits.Storage}, nil},
		{"time", executors.Need{Time: 40 * time.Minute}, []string{"an execution_timeout of 40m, more than 14m30s"}},
		{"cpu", executors.Need{CPUMilli: 6500}, []string{"cpu of 6.5, more than 6"}},
		{"memory", executors.Need{Memory: 12<<30 + 512<<20}, []string{"memory of 12.5 GiB, more than 10 GiB"}},
		{"memory after failures", executors.Need{Memory: 6 << 30, OOMs: 1}, []string{"memory (doubled for each time that it ran out) of 12 GiB, more than 10 GiB"}},
		{"storage", executors.Need{Storage: 11 << 30}, []string{"ephemeral_storage of 11 GiB, more than 10 GiB"}},
		{"image", executors.Need{Image: "x:1"}, []string{"an image of its own (x:1), which does not exist"}},
		{"two", executors.Need{Time: 2 * time.Hour, CPUMilli: 8000}, []string{"an execution_timeout of 2h, more than 14m30s", "cpu of 8, more than 6"}},
	} {
		var got []string
		for _, e := range limits.Lacks(tt.need) {
			got = append(got, e.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if lacks := (executors.Limits{Images: true}).Lacks(executors.Need{Time: 1 << 50, Memory: 1 << 50, Image: "x"}); len(lacks) > 0 {
		t.Errorf("no bounds, and it lacks %v", lacks)
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{512: "512 bytes", 512 << 20: "512 MiB", 1 << 30: "1 GiB", 1536 << 20: "1536 MiB", 121 << 29: "60.5 GiB"} {
		if got := executors.Bytes(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{time.Second: "1s", 90 * time.Second: "1m30s", 40 * time.Minute: "40m", 2 * time.Hour: "2h", 90 * time.Minute: "1h30m"} {
		if got := executors.Duration(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}

// TestLearned: what was enough in other runs is the least that a task is given.
func TestLearned(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		need executors.Need
		want int64 // where a place gives 512 MiB
	}{
		"nothing":                 {executors.Need{}, 512 * mib},
		"of the default":          {executors.Need{Learned: run.Memory{Doubled: 1}}, 1024 * mib},
		"of what it asks for":     {executors.Need{Memory: 600 * mib, Learned: run.Memory{Asked: 600 * mib, Doubled: 1}}, 1200 * mib},
		"of less than it asks":    {executors.Need{Memory: 4000 * mib, Learned: run.Memory{Asked: 600 * mib, Doubled: 1}}, 4000 * mib},
		"asked for nothing later": {executors.Need{Learned: run.Memory{Asked: 600 * mib, Doubled: 1}}, 1200 * mib},
		"not enough any more":     {executors.Need{OOMs: 1, Learned: run.Memory{Doubled: 1}}, 2048 * mib},
	} {
		if got := tt.need.MemoryOr(512 * mib); got != tt.want {
			t.Errorf("%s: %d MiB, want %d", name, got/mib, tt.want/mib)
		}
		if got := tt.need.Grown(); got != (name != "nothing") {
			t.Errorf("%s: grown is %t", name, got)
		}
	}
	lacks := executors.Limits{Memory: 1024 * mib}.Lacks(executors.Need{Memory: 600 * mib, Learned: run.Memory{Asked: 600 * mib, Doubled: 1}})
	if len(lacks) != 1 || lacks[0].String() != "memory (as other runs were found to need) of 1200 MiB, more than 1 GiB" {
		t.Errorf("beyond the limits: %v", lacks)
	}
}

// TestConfigOfDAG: what a DAG says is for all its tasks, and what a task says goes before it.
func TestConfigOfDAG(t *testing.T) {
	t.Parallel()
	d := &dag.DAG{ID: "d", ExecutorConfig: dag.Values{"image": "repo/all:1", "function": "all", "spot": true}}
	task := dag.NewTask("t", "updraft.noop")
	task.ExecutorConfig = dag.Values{"image": "repo/own:1", "function": nil, "spot": false}
	n, err := executors.NeedOf(d, task)
	if err != nil || n.Image != "repo/own:1" || n.Function != "all" || n.Spot == nil || *n.Spot {
		t.Errorf("the task asks for %+v, %v", n, err)
	}
}
