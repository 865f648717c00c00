//go:build stack

package stacktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/updraft-dev/updraft/internal/stacktest"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// patience is how long one run may take.
const patience = 4 * time.Minute

const bash = "airflow.providers.standard.operators.bash.BashOperator"

// dagFile is a DAG file with one DAG.
func dagFile(id, schedule string, tasks ...string) []byte {
	return fmt.Appendf(nil, "%s:\n  schedule: %s\n  start_date: \"2026-01-01\"\n  catchup: false\n  max_active_tasks: 1000\n  tasks:\n%s\n",
		id, schedule, strings.Join(tasks, "\n"))
}

// bashTask is a task of such a file; more are further fields.
func bashTask(id, command string, upstream []string, more string) string {
	up, err := json.Marshal(append([]string{}, upstream...))
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("    %s: {operator: %s, bash_command: %q, dependencies: %s%s}", id, bash, command, up, more)
}

// runs puts a DAG file, triggers a run of it and returns how it ended.
func runs(t *testing.T, s *stacktest.Stack, id string, tasks ...string) store.RunData {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	id += fmt.Sprintf("_%d", time.Now().UnixNano()) // a DAG of this test run: others may still be read
	s.Put(t, id+".yaml", dagFile(id, "null", tasks...))
	s.Read(ctx, t, id)
	data, err := s.End(ctx, s.Begin(t, task.Trigger{DAG: id, Run: "stack"}))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func wantSuccess(t *testing.T, d store.RunData, instances int) {
	t.Helper()
	if d.Run.State != run.RunSuccess || len(d.Instances) != instances {
		for i := range d.Instances {
			if in := &d.Instances[i]; in.State != run.Success {
				t.Logf("%s is %s: %s\n%s", in.Name(), in.State, in.Reason, in.Tail)
			}
		}
		t.Fatalf("run %s is %s with %d instances, want success with %d", d.Run.ID, d.Run.State, len(d.Instances), instances)
	}
}

func instance(t *testing.T, d store.RunData, name string) run.Instance {
	t.Helper()
	for _, in := range d.Instances {
		if in.Name() == name {
			return in
		}
	}
	t.Fatalf("run %s has no instance %s", d.Run.ID, name)
	return run.Instance{}
}

// TestChain: a chain goes on in the invocation that began it.
func TestChain(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	var tasks, before []string
	for i := range 50 {
		id := fmt.Sprintf("t%02d", i)
		tasks = append(tasks, bashTask(id, "true", before, ""))
		before = []string{id}
	}
	d := runs(t, s, "stack_chain", tasks...)
	wantSuccess(t, d, 50)
	workers := map[string]bool{}
	for i := range d.Instances {
		workers[d.Instances[i].Worker] = true
	}
	if len(workers) != 1 {
		t.Errorf("the chain took %d invocations, want 1", len(workers))
	}
}

// TestFan: a wide fan is joined once, and each task has run once.
func TestFan(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	log := filepath.Join(t.TempDir(), "effects")
	tasks := []string{bashTask("first", "true", nil, "")}
	var middle []string
	for i := range 200 {
		id := fmt.Sprintf("m%03d", i)
		tasks = append(tasks, bashTask(id, "echo "+id+" >> "+log, []string{"first"}, ""))
		middle = append(middle, id)
	}
	tasks = append(tasks, bashTask("join", "echo join >> "+log, middle, ""))
	wantSuccess(t, runs(t, s, "stack_fan", tasks...), 202)
	body, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(body))
	seen := map[string]int{}
	for _, l := range lines {
		seen[l]++
	}
	if len(seen) != 201 || len(lines) != 201 || lines[len(lines)-1] != "join" {
		t.Errorf("%d effects of %d tasks, the last of %s; want one of each of 201, join last", len(lines), len(seen), lines[len(lines)-1])
	}
}

// TestRetryWaits: a retry comes when its delay is over, and needs no tick for it. It has the
// stack for itself: others may need ticks.
func TestRetryWaits(t *testing.T) { //nolint:paralleltest // see there
	s := stacktest.Open(t)
	withoutTicks(t, s)
	d := runs(t, s, "stack_retry", bashTask("flaky", "test {{ ti.try_number }} = 2", nil, ", retries: 1, retry_delay: 5"))
	wantSuccess(t, d, 1)
	in := instance(t, d, "flaky")
	if in.Try != 2 {
		t.Errorf("it took %d tries, want 2", in.Try)
	}
	history, err := s.Store.History(t.Context(), in.Key(d.Run.ID))
	if err != nil || len(history) != 1 {
		t.Fatalf("history %v, %v", history, err)
	}
	if waited := in.Start.Sub(history[0].End); waited < 5*time.Second {
		t.Errorf("the retry came after %s, want five seconds at least", waited)
	}
}

// withoutTicks stops the rules that call the scheduler until the test is over.
func withoutTicks(t *testing.T, s *stacktest.Stack) {
	t.Helper()
	client := eventbridge.NewFromConfig(s.AWS)
	scheduler, err := lambda.NewFromConfig(s.AWS).GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(s.Name + "-scheduler")})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := client.ListRuleNamesByTarget(t.Context(), &eventbridge.ListRuleNamesByTargetInput{TargetArn: scheduler.FunctionArn})
	if err != nil || len(rules.RuleNames) == 0 {
		t.Fatalf("rules that call %s: %v", aws.ToString(scheduler.FunctionArn), err)
	}
	for _, name := range rules.RuleNames {
		if _, err := client.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: aws.String(name)}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := client.EnableRule(context.WithoutCancel(t.Context()), &eventbridge.EnableRuleInput{Name: aws.String(name)}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWorkerKilled: a worker that dies is known by the record of its invocation, and its
// attempt has another try, which costs none of the task's own.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	mark := filepath.Join(t.TempDir(), "killed")
	// The parent of the shell is the shepherd, and its parent the function.
	kill := "test -e " + mark + " && exit 0; touch " + mark + "; kill -9 $(ps -o ppid= -p $PPID); sleep 60"
	d := runs(t, s, "stack_killed", bashTask("dies", kill, nil, ""))
	wantSuccess(t, d, 1)
	in := instance(t, d, "dies")
	// Lambda kills what is out of memory, and nothing else: that is what it is taken for.
	if in.InfraFailures+in.OOMFailures != 1 || in.Try != 2 {
		t.Errorf("after the death: try %d, %d infra failures, %d of memory", in.Try, in.InfraFailures, in.OOMFailures)
	}
	history, err := s.Store.History(t.Context(), in.Key(d.Run.ID))
	if err != nil || len(history) != 1 || history[0].Reason == "" {
		t.Errorf("history %+v, %v", history, err)
	}
}

// TestFargate: a task that asks for it runs as an ECS task, and its downstream on Lambda.
func TestFargate(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	d := runs(t, s, "stack_fargate",
		bashTask("named", "echo here", nil, ", executor: fargate"),
		bashTask("long", "echo too long for Lambda", nil, ", execution_timeout: {__type__: datetime.timedelta, hours: 1}"),
		bashTask("fails", "exit 3", nil, ", executor: fargate"),
		bashTask("after", "true", []string{"named", "long"}, ""),
		bashTask("anyway", "true", []string{"fails"}, ", trigger_rule: all_done"))
	for name, want := range map[string]string{"named": "fargate", "long": "fargate", "after": "lambda"} {
		if in := instance(t, d, name); in.State != run.Success || in.Executor != want {
			t.Errorf("%s is %s on %s, want success on %s: %s", name, in.State, in.Executor, want, in.Reason)
		}
	}
	if in := instance(t, d, "fails"); in.State != run.Failed || in.ExitCode != 3 {
		t.Errorf("fails is %s with exit code %d: %s", in.State, in.ExitCode, in.Reason)
	}
}

// TestImpossible: a task that no place has room for says so.
func TestImpossible(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	d := runs(t, s, "stack_impossible", bashTask("long", "true", nil, ", executor: lambda, execution_timeout: {__type__: datetime.timedelta, hours: 1}"))
	if in := instance(t, d, "long"); in.State != run.Failed || in.Cause != run.CauseConfig || !strings.Contains(in.Reason, "execution_timeout") {
		t.Errorf("it is %s of %s: %s", in.State, in.Cause, in.Reason)
	}
}

// TestSchedule: the tick comes by itself, and makes runs by schedule.
func TestSchedule(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	begun := time.Now()
	id := fmt.Sprintf("stack_minutely_%d", begun.UnixNano())
	s.Put(t, id+".yaml", dagFile(id, `"* * * * *"`, bashTask("only", "true", nil, "")))
	s.Read(ctx, t, id)
	for {
		list, err := s.Store.ListRuns(ctx, store.RunFilter{DAG: id, Types: []run.Type{run.TypeScheduled}, States: []run.RunState{run.RunSuccess}}, store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i := range list.Items {
			if list.Items[i].Start.After(begun) {
				n++
			}
		}
		if n > 0 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("no scheduled run has succeeded")
		case <-time.After(time.Second):
		}
	}
	s.Put(t, id+".yaml", dagFile(id, "null", bashTask("only", "true", nil, "")))
}

// TestPoison: a message that nobody can read is kept for inspection and stops nothing, and
// an event that a function does not know is refused.
func TestPoison(t *testing.T) {
	t.Parallel()
	s := stacktest.Open(t)
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	client := sqs.NewFromConfig(s.AWS)
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(s.Name + "-plan")})
	if err != nil {
		t.Fatal(err)
	}
	junk := fmt.Sprintf("junk %d", time.Now().UnixNano())
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: aws.String(junk)}); err != nil {
		t.Fatal(err)
	}
	q, err := s.Queue(ctx, "plan")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		dead, err := q.Dead(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		if containsBody(dead, junk) {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the message is no dead letter: %+v", dead)
		case <-time.After(time.Second):
		}
	}
	for _, name := range []string{"scheduler", "worker", "dagprocessor", "events"} {
		out, err := lambda.NewFromConfig(s.AWS).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(s.Name + "-" + name), Payload: []byte(`{"forged": true}`)})
		if err != nil || out.FunctionError != nil || string(out.Payload) != "null" {
			t.Errorf("%s answered a forged event with %s, %v, %v", name, out.Payload, aws.ToString(out.FunctionError), err)
		}
	}
	wantSuccess(t, runs(t, s, "stack_after_poison", bashTask("only", "true", nil, "")), 1)
}

func containsBody(dead []queue.DeadLetter, body string) bool {
	for _, d := range dead {
		if string(d.Body) == body {
			return true
		}
	}
	return false
}
