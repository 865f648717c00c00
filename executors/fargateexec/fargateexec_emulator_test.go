//go:build emulator

package fargateexec_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/fargateexec"
	"github.com/updraft-dev/updraft/executors/fargateexec/ecsevent"
	"github.com/updraft-dev/updraft/run"
)

// patience is how long the tests wait for what must come.
const patience = 60 * time.Second

// place is a cluster of LocalStack with a task definition, whose image is a program.
type place struct {
	config aws.Config
	ecs    *ecs.Client
	sqs    *sqs.Client
	name   string // of all that it has made
	events string // URL of the queue of its state changes
}

// local makes a place in LocalStack.
func local(t *testing.T) *place {
	t.Helper()
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		t.Fatal("AWS_ENDPOINT_URL is not set: start LocalStack with localstack/up, and read .local/env")
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	cfg, err := config.LoadDefaultConfig(t.Context())
	ok(t, err)
	cfg.HTTPClient = client
	p := &place{config: cfg, ecs: ecs.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg), name: fmt.Sprintf("fargateexec-%d", time.Now().UnixNano())}
	program := filepath.Join(t.TempDir(), "worker")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/worker").CombinedOutput(); err != nil {
		t.Fatalf("build the worker: %v\n%s", err, out)
	}
	addImages(t, map[string]string{p.name: program, p.name + "-own": program})
	_, err = p.ecs.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String(p.name)})
	ok(t, err)
	for _, image := range []string{p.name, p.name + "-missing"} {
		_, err = p.ecs.RegisterTaskDefinition(t.Context(), &ecs.RegisterTaskDefinitionInput{
			Family: aws.String(image), Cpu: aws.String("256"), Memory: aws.String("512"), NetworkMode: types.NetworkModeAwsvpc,
			RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
			ContainerDefinitions:    []types.ContainerDefinition{{Name: aws.String("worker"), Image: aws.String(image)}},
		})
		ok(t, err)
	}
	p.listen(t)
	return p
}

// listen has the state changes of the cluster's tasks sent to a queue.
func (p *place) listen(t *testing.T) {
	t.Helper()
	q, err := p.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(p.name)})
	ok(t, err)
	p.events = aws.ToString(q.QueueUrl)
	at, err := p.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: q.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}})
	ok(t, err)
	events := eventbridge.NewFromConfig(p.config)
	pattern := `{"source":["aws.ecs"],"detail-type":["ECS Task State Change"],"detail":{"lastStatus":["STOPPED"],"clusterArn":[{"suffix":"/` + p.name + `"}]}}`
	_, err = events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String(p.name), EventPattern: aws.String(pattern)})
	ok(t, err)
	_, err = events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String(p.name), Targets: []eventtypes.Target{{Id: aws.String("1"), Arn: aws.String(at.Attributes["QueueArn"])}}})
	ok(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err1 := events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: aws.String(p.name), Ids: []string{"1"}})
		_, err2 := events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String(p.name)})
		_, err3 := p.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: q.QueueUrl})
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
}

// addImages tells LocalStack which programs stand for images. The file is other tests', too.
func addImages(t *testing.T, images map[string]string) {
	t.Helper()
	state := os.Getenv("STATE") // as in localstack/settings.bash
	if state == "" {
		state = "../../.local"
	}
	name := filepath.Join(state, "data", "localstack", "images.json")
	lock, err := os.OpenFile(name+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	ok(t, err)
	defer lock.Close()
	ok(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	b, err := os.ReadFile(name)
	ok(t, err)
	all := map[string]string{}
	ok(t, json.Unmarshal(b, &all))
	maps.Copy(all, images)
	b, err = json.Marshal(all)
	ok(t, err)
	ok(t, os.WriteFile(name+".new", b, 0o600))
	ok(t, os.Rename(name+".new", name))
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *place) open(t *testing.T, change func(*fargateexec.Config)) *fargateexec.Executor {
	t.Helper()
	cfg := fargateexec.Config{AWS: p.config, Cluster: p.name, TaskDefinition: p.name, Subnets: []string{"subnet-1"}}
	if change != nil {
		change(&cfg)
	}
	x, err := fargateexec.Open(cfg)
	ok(t, err)
	return x
}

// attempt makes one of a task that is called what it does.
func (p *place) attempt(t *testing.T, does string, change func(*dag.Task)) executors.Work {
	t.Helper()
	task := dag.NewTask(does, "updraft.noop")
	if change != nil {
		change(task)
	}
	g, err := dag.NewGraph(&dag.DAG{ID: "it's \"$(d)\"", Tasks: []*dag.Task{task}})
	ok(t, err)
	return executors.Work{
		Graph: g, Run: run.Run{ID: run.ID{DAG: g.DAG.ID, Run: p.name}},
		Instance: run.Instance{Task: does, Map: run.Unmapped, Try: 1, State: run.Queued, QueuedAt: time.Now()},
	}
}

// swept waits until a sweep finds the end of an attempt.
func swept(t *testing.T, x *fargateexec.Executor, a run.Attempt) ecsevent.End {
	t.Helper()
	over := time.After(patience)
	for {
		ends, err := x.Sweep(t.Context())
		ok(t, err)
		for _, e := range ends {
			if e.Attempt == a {
				return e
			}
		}
		select {
		case <-over:
			t.Fatalf("%s did not end", a)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// told waits for the event of the end of an attempt.
func (p *place) told(t *testing.T, a run.Attempt) ecsevent.End {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		out, err := p.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &p.events, WaitTimeSeconds: 2, MaxNumberOfMessages: 10, VisibilityTimeout: 1})
		ok(t, err)
		for _, m := range out.Messages {
			task, err := ecsevent.Decode([]byte(aws.ToString(m.Body)))
			ok(t, err)
			e, err := task.End()
			ok(t, err)
			if e.Attempt == a {
				return e
			}
		}
	}
	t.Fatalf("no event of %s came", a)
	return ecsevent.End{}
}

func TestLocalStack(t *testing.T) {
	t.Parallel()
	p := local(t)
	for _, tt := range []struct {
		name, does string
		config     func(*fargateexec.Config)
		task       func(*dag.Task)
		cancel     bool
		cause      run.Cause
		exit       int
		reason     string
	}{
		{name: "exit code 0", does: "succeed"},
		{name: "exit code 3", does: "fail", cause: run.CauseTask, exit: 3, reason: "exit code 3"},
		{
			name: "size and Spot", does: "succeed", config: func(c *fargateexec.Config) { c.Spot = true },
			task: func(task *dag.Task) {
				task.Resources = dag.Resources{CPUMilli: 1000, Memory: 3 << 30, EphemeralStorage: 30 << 30}
			},
		},
		{
			name: "missing image", does: "succeed", config: func(c *fargateexec.Config) { c.TaskDefinition = p.name + "-missing" },
			cause: run.CauseImage, reason: "cannot be pulled",
		},
		{
			name: "image of its own", does: "fail", task: func(task *dag.Task) { task.ExecutorConfig = dag.Values{"image": p.name + "-own"} },
			cause: run.CauseTask, exit: 3, reason: "exit code 3",
		},
		{name: "cancelled", does: "wait", cancel: true, cause: run.CauseUser, exit: 143, reason: "cleared by ada"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := p.open(t, tt.config)
			w := p.attempt(t, tt.does, tt.task)
			w.Run.Run += " " + tt.name
			ok(t, errors.Join(x.Start(t.Context(), w)...))
			if tt.cancel {
				p.running(t, w.Attempt())
				ok(t, x.Cancel(t.Context(), w.Attempt(), "", "cleared by ada"))
			}
			for from, e := range map[string]ecsevent.End{"sweep": swept(t, x, w.Attempt()), "event": p.told(t, w.Attempt())} {
				if e.Cause != tt.cause || e.ExitCode != tt.exit || !strings.Contains(e.Reason, tt.reason) || e.At.IsZero() || !strings.HasPrefix(e.Worker, "fargate/"+p.name+"/") {
					t.Errorf("%s: %+v, want cause %q, exit code %d and %q", from, e, tt.cause, tt.exit, tt.reason)
				}
			}
		})
	}
}

// running waits until the task of an attempt runs.
func (p *place) running(t *testing.T, a run.Attempt) {
	t.Helper()
	over := time.After(patience)
	for {
		list, err := p.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String(p.name)})
		ok(t, err)
		if len(list.TaskArns) > 0 {
			out, err := p.ecs.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String(p.name), Tasks: list.TaskArns})
			ok(t, err)
			for _, task := range out.Tasks {
				words, err := json.Marshal(task.Overrides.ContainerOverrides[0].Command)
				ok(t, err)
				if strings.Contains(string(words), a.Run) && aws.ToString(task.LastStatus) == "RUNNING" {
					return
				}
			}
		}
		select {
		case <-over:
			t.Fatalf("%s did not start", a)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func TestLocalStackStartsOnce(t *testing.T) {
	t.Parallel()
	p := local(t)
	w := p.attempt(t, "wait", nil)
	x := p.open(t, nil)
	ok(t, errors.Join(append(x.Start(t.Context(), w, w), p.open(t, nil).Start(t.Context(), w)...)...))
	list, err := p.ecs.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String(p.name)})
	ok(t, err)
	if len(list.TaskArns) != 1 {
		t.Errorf("%d tasks run for one attempt", len(list.TaskArns))
	}
	p.running(t, w.Attempt())
	ok(t, x.Cancel(t.Context(), w.Attempt(), "", "over"))
	swept(t, x, w.Attempt())
	ok(t, errors.Join(x.Start(t.Context(), w)...)) // it is queued still, as far as this test is concerned
	p.running(t, w.Attempt())
	ok(t, x.Cancel(t.Context(), w.Attempt(), "", "over"))
	missing := p.open(t, func(c *fargateexec.Config) { c.Cluster = "missing" })
	if err := missing.Start(t.Context(), w)[0]; err == nil || !strings.Contains(err.Error(), "is the cluster in the setting fargate right") {
		t.Errorf("a cluster that is not there: %v", err)
	}
	wrong := p.open(t, func(c *fargateexec.Config) { c.Container = "other" })
	if err := wrong.Start(t.Context(), p.attempt(t, "fail", nil))[0]; err == nil || !strings.Contains(err.Error(), "container in the setting fargate") {
		t.Errorf("a container that is not there: %v", err)
	}
}
