//go:build emulator

package lambdaexec_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
)

// patience is how long the tests wait for what must come.
const patience = 60 * time.Second

// place is a worker function in LocalStack, with queues for what it has executed and for
// the records of its failures.
type place struct {
	config   aws.Config
	lambda   *lambda.Client
	sqs      *sqs.Client
	function string
	results  string // URLs
	failures string
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func local(t *testing.T) *place {
	t.Helper()
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		t.Fatal("AWS_ENDPOINT_URL is not set: start LocalStack with localstack/up, and read .local/env")
	}
	cfg, err := config.LoadDefaultConfig(t.Context())
	ok(t, err)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	cfg.HTTPClient = client
	p := &place{config: cfg, lambda: lambda.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg), function: fmt.Sprintf("lambdaexec-%d", time.Now().UnixNano())}
	p.results, _ = p.queue(t, p.function+"-results")
	var arn string
	p.failures, arn = p.queue(t, p.function+"-failures")
	p.deploy(t, arn)
	return p
}

func (p *place) queue(t *testing.T, name string) (url, arn string) {
	t.Helper()
	q, err := p.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(name)})
	ok(t, err)
	t.Cleanup(func() {
		if _, err := p.sqs.DeleteQueue(context.WithoutCancel(t.Context()), &sqs.DeleteQueueInput{QueueUrl: q.QueueUrl}); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	at, err := p.sqs.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: q.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}})
	ok(t, err)
	return aws.ToString(q.QueueUrl), at.Attributes["QueueArn"]
}

// deploy makes the function. A failure is not tried again, so that it is known at once.
func (p *place) deploy(t *testing.T, failures string) {
	t.Helper()
	arch := types.ArchitectureX8664
	if runtime.GOARCH == "arm64" {
		arch = types.ArchitectureArm64
	}
	_, err := p.lambda.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String(p.function), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Role: aws.String("arn:aws:iam::000000000000:role/worker"),
		Architectures: []types.Architecture{arch}, Timeout: aws.Int32(3), MemorySize: aws.Int32(128), Code: &types.FunctionCode{ZipFile: built(t)},
		Environment: &types.Environment{Variables: map[string]string{"RESULTS": p.results}},
	})
	ok(t, err)
	t.Cleanup(func() {
		if _, err := p.lambda.DeleteFunction(context.WithoutCancel(t.Context()), &lambda.DeleteFunctionInput{FunctionName: aws.String(p.function)}); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	ok(t, lambda.NewFunctionActiveV2Waiter(p.lambda).Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(p.function)}, patience))
	_, err = p.lambda.PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: aws.String(p.function), MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: aws.String(failures)}},
	})
	ok(t, err)
	<-time.After(3 * time.Second) // until then LocalStack's old poller may take an invocation, and it comes a minute late
}

var (
	buildOnce sync.Once
	archive   []byte
)

// built is the worker function as a zip file.
func built(t *testing.T) []byte {
	t.Helper()
	buildOnce.Do(func() { archive = build(t) })
	if archive == nil {
		t.Fatal("the worker was not built, as another test says")
	}
	return archive
}

func build(t *testing.T) []byte {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bootstrap")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-o", program, "./testdata/worker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the worker: %v\n%s", err, out)
	}
	b, err := os.ReadFile(program)
	ok(t, err)
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Store}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	ok(t, err)
	_, err = w.Write(b)
	ok(t, err)
	ok(t, z.Close())
	return file.Bytes()
}

func (p *place) open(t *testing.T, change func(*lambdaexec.Config)) *lambdaexec.Executor {
	t.Helper()
	cfg := lambdaexec.Config{AWS: p.config, Functions: []lambdaexec.Function{{Name: p.function, Memory: 128 << 20}}}
	if change != nil {
		change(&cfg)
	}
	return open(t, cfg)
}

// received takes the messages of a queue until it was enough.
func (p *place) received(t *testing.T, url string, enough func(body string) bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		out, err := p.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 2, MaxNumberOfMessages: 10, VisibilityTimeout: 60})
		ok(t, err)
		done := false
		for _, m := range out.Messages {
			done = enough(aws.ToString(m.Body)) || done
		}
		if done {
			return
		}
	}
	t.Fatal("what was waited for did not come")
}

func TestLocalStackFan(t *testing.T) {
	t.Parallel()
	p := local(t)
	const n = 24
	x := p.open(t, func(c *lambdaexec.Config) { c.Direct, c.Fan = 2, 3 })
	work := works(t, dag.NewTask("succeed", "updraft.noop"), n)
	for i := range work {
		work[i].Run.Run = "it's \"$(reboot)\" 任务"
	}
	ok(t, errors.Join(x.Start(t.Context(), work...)...))
	missing := map[run.Attempt]bool{}
	for i := range work {
		missing[work[i].Attempt()] = true
	}
	p.received(t, p.results, func(body string) bool {
		e, err := queue.Decode([]byte(body))
		ok(t, err)
		if !missing[e.Attempt] {
			t.Errorf("%s was executed twice, or is unknown", e.Attempt)
		}
		delete(missing, e.Attempt)
		return len(missing) == 0
	})
}

func TestLocalStackFailures(t *testing.T) {
	t.Parallel()
	p := local(t)
	x := p.open(t, nil)
	type end struct {
		cause  run.Cause
		exit   int
		reason string
	}
	want := map[string]end{
		"exit": {run.CauseInfra, 2, "died"}, "fail": {run.CauseInfra, 0, "the store is out of reach"}, "hang": {run.CauseTimeout, 0, "time-out"},
	}
	for name := range want {
		ok(t, errors.Join(x.Start(t.Context(), works(t, dag.NewTask(name, "updraft.noop"), 1)...)...))
	}
	p.received(t, p.failures, func(body string) bool {
		f, err := lambdaevent.DecodeFailure([]byte(body))
		ok(t, err)
		task := f.Attempts[0].Task
		w := want[task]
		if f.Cause != w.cause || f.ExitCode != w.exit || !strings.Contains(f.Reason, w.reason) || !f.Started || f.At.IsZero() ||
			!strings.HasPrefix(f.Worker, lambdaevent.WorkerName(p.function, "")) {
			t.Errorf("%s: %+v\nof %s\nwant %+v", task, f, body, w)
		}
		delete(want, task)
		return len(want) == 0
	})
}

func TestLocalStackSwitchedOff(t *testing.T) {
	t.Parallel()
	p := local(t)
	_, err := p.lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String(p.function), ReservedConcurrentExecutions: aws.Int32(0)})
	ok(t, err)
	work := works(t, dag.NewTask("succeed", "updraft.noop"), 1)
	// The invocation is accepted, and given up at once.
	ok(t, errors.Join(p.open(t, nil).Start(t.Context(), work...)...))
	p.received(t, p.failures, func(body string) bool {
		f, err := lambdaevent.DecodeFailure([]byte(body))
		if err != nil || f.Started || f.Attempts[0] != work[0].Attempt() || !strings.Contains(f.Reason, "switched off") {
			t.Errorf("%+v, %v\nof %s", f, err, body)
		}
		return true
	})
}
