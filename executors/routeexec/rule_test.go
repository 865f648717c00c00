package routeexec_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/routeexec"
)

// rule is the one of AWS, with the numbers that Lambda and Fargate have.
func rule() routeexec.Rule {
	lambda := executors.Limits{Time: 14*time.Minute + 30*time.Second, CPUMilli: 6000, Memory: 10 << 30, Storage: 10 << 30}
	return routeexec.Rule{
		{Name: "lambda", Limits: lambda},
		{Name: "lambda-sqs", Limits: lambda, Queues: []string{"slow"}, ByName: true},
		{Name: "fargate", Limits: executors.Limits{CPUMilli: 16_000, Memory: 120 << 30, Storage: 200 << 30, Images: true}},
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		task   func(*dag.Task)
		want   string // place
		reason string
		fault  string // instead
	}{
		{name: "nothing", task: func(*dag.Task) {}, want: "lambda", reason: "lambda is preferred, and has room for what the task asks for"},
		{name: "auto", task: func(t *dag.Task) { t.Executor = "auto" }, want: "lambda", reason: "lambda is preferred, and has room for what the task asks for"},
		{name: "lambda", task: func(t *dag.Task) { t.Executor = "lambda" }, want: "lambda", reason: "the task names executor lambda"},
		{name: "a class of Airflow", task: func(t *dag.Task) { t.Executor = "AwsEcsExecutor" }, want: "fargate", reason: "the task names executor fargate"},
		{name: "queue", task: func(t *dag.Task) { t.Queue = "slow" }, want: "lambda-sqs", reason: "queue slow leads to lambda-sqs"},
		{name: "unknown queue", task: func(t *dag.Task) { t.Queue = "other" }, want: "lambda", reason: "lambda is preferred, and has room for what the task asks for"},
		{name: "executor before queue", task: func(t *dag.Task) { t.Queue, t.Executor = "slow", "fargate" }, want: "fargate", reason: "the task names executor fargate"},
		{
			name: "as long as lambda", task: func(t *dag.Task) { t.ExecutionTimeout = 14*time.Minute + 30*time.Second },
			want: "lambda", reason: "lambda is preferred, and has room for what the task asks for",
		},
		{
			name: "long", task: func(t *dag.Task) { t.ExecutionTimeout = 14*time.Minute + 31*time.Second },
			want: "fargate", reason: "lambda has no room for an execution_timeout of 14m31s, more than 14m30s; fargate has",
		},
		{
			name: "memory", task: func(t *dag.Task) { t.Resources.Memory = 10<<30 + 1 },
			want: "fargate", reason: "lambda has no room for memory of 10.0 GiB, more than 10 GiB; fargate has",
		},
		{
			name: "storage", task: func(t *dag.Task) { t.Resources.EphemeralStorage = 20 << 30 },
			want: "fargate", reason: "lambda has no room for ephemeral_storage of 20 GiB, more than 10 GiB; fargate has",
		},
		{
			name: "cpu", task: func(t *dag.Task) { t.Resources.CPUMilli = 8000 },
			want: "fargate", reason: "lambda has no room for cpu of 8, more than 6; fargate has",
		},
		{
			name: "image", task: func(t *dag.Task) { t.ExecutorConfig = dag.Values{"image": "acme/x:1"} },
			want: "fargate", reason: "lambda has no room for an image of its own (acme/x:1), which does not exist; fargate has",
		},
		{
			name: "lambda for too long", task: func(t *dag.Task) { t.Executor, t.ExecutionTimeout = "lambda", 40*time.Minute },
			fault: "executor: lambda with an execution_timeout of 40m, more than 14m30s: leave executor away, or write executor: fargate",
		},
		{
			name: "queue for too long", task: func(t *dag.Task) { t.Queue, t.ExecutionTimeout = "slow", 40*time.Minute },
			fault: "queue slow leads to lambda-sqs, and the task asks for an execution_timeout of 40m, more than 14m30s: leave the queue away, or write executor: fargate",
		},
		{
			name: "too much for all", task: func(t *dag.Task) { t.Resources.Memory = 200 << 30 },
			fault: "lambda has no room for memory of 200 GiB, more than 10 GiB; fargate has no room for memory of 200 GiB, more than 120 GiB: ask for less",
		},
		{
			name: "too much for the last", task: func(t *dag.Task) { t.Executor, t.Resources.CPUMilli = "fargate", 32_000 },
			fault: "executor: fargate with cpu of 32, more than 16: ask for less",
		},
		{
			name: "no such executor", task: func(t *dag.Task) { t.Executor = "kubernetes" },
			fault: "executor: kubernetes: there is no such executor here: write lambda or lambda-sqs or fargate, or leave it away",
		},
		{
			name: "bad executor_config", task: func(t *dag.Task) { t.ExecutorConfig = dag.Values{"image": int64(7)} },
			fault: "executor_config of task t: image is 7: write a name",
		},
	} {
		task := dag.NewTask("t", "updraft.noop")
		tt.task(task)
		place, reason, err := rule().Explain(&dag.DAG{ID: "d"}, task)
		switch {
		case tt.fault != "":
			var refused *executors.RefusedError
			if !errors.As(err, &refused) || err.Error() != tt.fault {
				t.Errorf("%s: error %q, want %q", tt.name, err, tt.fault)
			}
		case err != nil || place != tt.want || reason != tt.reason:
			t.Errorf("%s: %s because %q, error %v; want %s because %q", tt.name, place, reason, err, tt.want, tt.reason)
		}
	}
}

func TestRouteLarger(t *testing.T) {
	t.Parallel()
	place, reason, err := rule().Route(executors.Need{Memory: 6 << 30, OOMs: 1})
	if err != nil || place != "fargate" || !strings.Contains(reason, "ran out") {
		t.Errorf("the second try runs on %s because %q, error %v; want fargate, for the memory", place, reason, err)
	}
	more := append(rule(), routeexec.Place{Name: "workers", ByName: true, Queues: []string{routeexec.AnyQueue}})
	for queue, want := range map[string]string{"": "lambda", "slow": "lambda-sqs", "gpu": "workers"} {
		if place, _, err := more.Route(executors.Need{Queue: queue}); err != nil || place != want {
			t.Errorf("queue %q leads to %s, %v; want %s", queue, place, err, want)
		}
	}
	byName := routeexec.Rule{{Name: "only", ByName: true}}
	if _, _, err := byName.Route(executors.Need{}); err == nil || err.Error() != "nothing leads to an executor: write executor: only" {
		t.Errorf("a task without a name: %v", err)
	}
}

func TestRoutePlaced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		need         executors.Need
		want, reason string
	}{
		{name: "without a wish", need: executors.Need{Placed: "fargate"}, want: "fargate", reason: "a placement sends it to fargate"},
		{name: "before the task's own", need: executors.Need{Placed: "fargate", Executor: "lambda"}, want: "fargate", reason: "a placement sends it to fargate"},
		{name: "before its queue", need: executors.Need{Placed: "lambda", Queue: "slow"}, want: "lambda", reason: "a placement sends it to lambda"},
		{name: "by name only", need: executors.Need{Placed: "lambda-sqs"}, want: "lambda-sqs", reason: "a placement sends it to lambda-sqs"},
		{
			name: "no room", need: executors.Need{Placed: "lambda", Memory: 20 << 30},
			want: "fargate", reason: "a placement says lambda, which has no room for memory of 20 GiB, more than 10 GiB; " +
				"lambda has no room for memory of 20 GiB, more than 10 GiB; fargate has",
		},
		{
			name: "no such place", need: executors.Need{Placed: "moon", Executor: "fargate"},
			want: "fargate", reason: "a placement says moon, which is no executor here (there are lambda, lambda-sqs, fargate); the task names executor fargate",
		},
	} {
		if place, reason, err := rule().Route(tt.need); err != nil || place != tt.want || reason != tt.reason {
			t.Errorf("%s: %s because %q, error %v; want %s because %q", tt.name, place, reason, err, tt.want, tt.reason)
		}
	}
	if _, _, err := rule().Route(executors.Need{Placed: "moon", Executor: "mars"}); err == nil || !strings.Contains(err.Error(), "executor: mars") {
		t.Errorf("neither place exists: %v", err)
	}
	if p := rule().Named("moon"); p != nil {
		t.Errorf("place moon is %v", p)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	if err := rule().Check(); err != nil {
		t.Error(err)
	}
	for want, r := range map[string]routeexec.Rule{
		"no place":  {},
		"twice":     {{Name: "a"}, {Name: "a"}},
		"queue q":   {{Name: "a", Queues: []string{"q"}}, {Name: "b", Queues: []string{"q"}}},
		`"auto"`:    {{Name: "auto"}},
		`""`:        {{}},
		`"x.MyExe`:  {{Name: "x.MyExecutor"}},
		`"lambda "`: {{Name: "lambda "}},
	} {
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %s", err, want)
		}
	}
}
