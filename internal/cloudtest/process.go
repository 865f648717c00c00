package cloudtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/objects"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// Process is a process of the account: an environment of a function, or a program
// elsewhere. All that it does beyond its memory goes through it.
type Process struct {
	// Name is another one for each process; Role is its function's, or what Client was given.
	Name, Role string

	a       *Account
	dice    *dice
	fn      *embedded.Function
	handler cloud.Handler
	// busy is how many calls it does; at none it is frozen.
	busy atomic.Int32
	// owed is the time of calls, in nanoseconds, that did not take any.
	owed   atomic.Int64
	killed chan struct{}
	kill   sync.Once

	mu     sync.Mutex
	onKill []func()
}

func (a *Account) process(role string) *Process {
	n := a.number()
	return &Process{Name: fmt.Sprintf("%s-%d", role, n), Role: role, a: a, dice: a.dice("process", role, n), killed: make(chan struct{})}
}

// Client opens the installation for a program that is no function, such as the command
// line. It is closed with its Close.
func (a *Account) Client(name string) (*embedded.Function, error) {
	p := a.process(name)
	p.busy.Add(1)
	if err := p.open(); err != nil {
		return nil, err
	}
	return p.fn, nil
}

// processKey is where the context of a call has its process.
type processKey struct{}

// ProcessOf returns the process in which something is done; nil outside of functions.
func ProcessOf(ctx context.Context) *Process {
	p, _ := ctx.Value(processKey{}).(*Process)
	return p
}

// Function says whether the process is an environment of a function.
func (p *Process) Function() bool { return p.a.functions[p.Role] != nil }

// Kill ends the process: from now on nothing that it does has an effect. What still runs
// of it gets errors from everything that it calls.
func (p *Process) Kill() {
	p.kill.Do(func() {
		close(p.killed)
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, f := range p.onKill {
			f()
		}
	})
}

// OnKill has f called when the process is killed.
func (p *Process) OnKill(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onKill = append(p.onKill, f)
}

// Dead says that the process was killed.
func (p *Process) Dead() bool {
	select {
	case <-p.killed:
		return true
	default:
		return false
	}
}

// bury closes what is left of a process.
func (p *Process) bury() {
	if p.fn == nil {
		return
	}
	p.busy.Add(1) // its last words are no deed of a frozen one
	if err := p.fn.Close(context.Background()); err != nil && !p.Dead() {
		p.a.problem("%s: close: %v", p.Name, err)
	}
}

const (
	region  = "us-east-1"
	account = "123456789012"
	prefix  = "updraft"
)

func arnOf(service, name string) string {
	return strings.Join([]string{"arn:aws", service, region, account, name}, ":")
}

// AWS is the configuration by which the process calls services.
func (p *Process) AWS() aws.Config {
	return awsconf.WithMeter(aws.Config{
		Region: region, HTTPClient: p, RetryMaxAttempts: 5, RetryMode: aws.RetryModeStandard,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}, &p.a.meter)
}

// open opens the installation as cloud.OpenFunction does, with the drivers of AWS but for
// the store's, the logs' and the key's.
func (p *Process) open() error {
	c := &cloud.Account{Release: "test", Load: func(context.Context, string, string, string) (aws.Config, error) { return p.AWS(), nil }}
	drivers := cloud.Drivers(c)
	drivers.Operators = p.a.cfg.Operators
	drivers.Stores["dynamodb"] = func(ctx context.Context, _ string, _ *embedded.Options) (store.Store, error) {
		return p.a.cfg.Store(ctx, p)
	}
	drivers.Logs["s3"] = func(_ context.Context, _ string, o *embedded.Options) (embedded.Objects, error) {
		b := bucket{&p.a.Objects, p}
		l, err := objects.Open(b, objects.Config{Prefix: "logs", Logs: logs.Config{
			MaxSize: int64(o.Config.Int("log_max_bytes")), PackTime: objects.DefaultPackTime,
		}})
		return embedded.Objects{Logs: l, XComs: cloud.BucketXComs(b, "logs")}, err
	}
	drivers.Keys = map[string]func(context.Context, string, *embedded.Options) (*settings.Keys, error){
		"file": func(_ context.Context, url string, _ *embedded.Options) (*settings.Keys, error) {
			return settings.OpenKeys(strings.TrimPrefix(url, "file://"))
		},
	}
	none := func(string) (string, bool) { return "", false }
	flags := map[string]string{
		"home": p.a.home(p), "store": "dynamodb://" + prefix, "logs": "s3://" + prefix + "/logs", "queue": "sqs://" + prefix,
		"executor": "lambda", "lambda": fmt.Sprintf("%s:%d", workerName, p.a.functions[workerName].memory),
		"key": "file://" + filepath.Join(p.a.cfg.Home, "key"), "parallelism": strconv.Itoa(p.a.cfg.Parallelism),
	}
	if p.a.cfg.Fargate {
		flags["executor"], flags["fargate"] = executors.Auto, "ecs://"+prefix+"/"+prefix
	}
	cfg, err := config.Load(config.Input{Lookup: none, Flags: flags})
	if err != nil {
		return err
	}
	i, err := embedded.Open(context.Background(), embedded.Options{
		Config: cfg, Lookup: none, Now: p.a.cfg.Now, Log: p.a.cfg.Log.With("process", p.Name), Drivers: drivers, Self: "updraft", Release: "test",
	})
	if err != nil {
		return err
	}
	if p.fn, err = i.Function(context.Background()); err != nil {
		return errors.Join(err, i.Close())
	}
	return nil
}

var errKilledProcess = errors.New("the process was killed")

// check says whether the process can call something, and whether it may.
func (p *Process) check(call string) error {
	if p.Dead() {
		return errKilledProcess
	}
	if p.busy.Load() == 0 {
		p.a.problem("%s calls %s while it is frozen: on AWS that happens minutes later, or never", p.Name, call)
	}
	return nil
}

// calling is what every call of a service begins with: its name, and how long it takes.
func (p *Process) calling(ctx context.Context, call string) error {
	if err := p.check(call); err != nil {
		return err
	}
	if !pass(ctx, p.dice.latency(call)) {
		return context.Cause(ctx)
	}
	if p.Dead() {
		return errKilledProcess
	}
	return nil
}

// Do sends a request to a service, perhaps in vain, or dies of it.
func (p *Process) Do(r *http.Request) (*http.Response, error) {
	call, serve := p.a.service(r)
	if err := p.calling(r.Context(), call); err != nil {
		return nil, err
	}
	f := &p.a.cfg.Faults
	mortal := p.Function() && p.handler != nil // one that does not start would start no better the next time
	dies := mortal && p.dice.oneIn(f.KilledCalling)
	switch {
	case dies && p.dice.oneIn(2):
		p.a.count("killed before a call")
		p.Kill()
		return nil, errKilledProcess
	case serve != nil && p.dice.oneIn(f.Throttled):
		p.a.count("call throttled")
		return respond(http.StatusBadRequest, "ThrottlingException", map[string]any{"__type": "ThrottlingException", "message": "Rate exceeded"}), nil
	}
	var resp *http.Response
	var err error
	switch {
	case serve != nil:
		resp, err = serve(r)
	case p.a.cfg.Network != nil:
		resp, err = p.a.cfg.Network.Do(r)
	default:
		return nil, fmt.Errorf("nobody answers %s in this account", call)
	}
	switch {
	case dies:
		p.a.count("killed between a call and its answer")
		p.Kill()
	case p.dice.oneIn(f.Cut):
		p.a.count("answer lost")
	default:
		return resp, err
	}
	if err == nil {
		resp.Body.Close()
	}
	return nil, io.ErrUnexpectedEOF
}

// service names the call of a request, and finds the stand-in for it.
func (a *Account) service(r *http.Request) (call string, serve func(*http.Request) (*http.Response, error)) {
	target := r.Header.Get("X-Amz-Target")
	service, operation, _ := strings.Cut(target, ".")
	switch {
	case service == "AmazonSQS":
		return "SQS." + operation, func(r *http.Request) (*http.Response, error) { return a.serveSQS(operation, r) }
	case strings.HasPrefix(service, "DynamoDB_"):
		return "DynamoDB." + operation, nil
	case strings.HasSuffix(r.URL.Path, "/invocations"):
		return "Lambda.Invoke", a.serveInvoke
	}
	return r.URL.Host + r.URL.Path, nil
}

// serveSQS answers the calls by which messages are sent.
func (a *Account) serveSQS(operation string, r *http.Request) (*http.Response, error) {
	var in struct {
		QueueName, QueueURL string
		Entries             []struct {
			ID           string `json:"Id"`
			MessageBody  string
			DelaySeconds int
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	q := a.queues[in.QueueName+in.QueueURL[strings.LastIndexByte(in.QueueURL, '/')+1:]]
	if q == nil {
		return respond(http.StatusBadRequest, "QueueDoesNotExist", map[string]any{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."}), nil
	}
	switch operation {
	case "GetQueueUrl":
		return respond(http.StatusOK, "", map[string]any{"QueueUrl": "https://sqs." + region + ".amazonaws.com/" + account + "/" + q.name}), nil
	case "SendMessageBatch":
		var sent []map[string]any
		for _, e := range in.Entries {
			id := q.send(e.MessageBody, time.Duration(e.DelaySeconds)*time.Second)
			sent = append(sent, map[string]any{"Id": e.ID, "MessageId": id})
		}
		return respond(http.StatusOK, "", map[string]any{"Successful": sent}), nil
	}
	return nil, fmt.Errorf("functions have no need to call SQS for %s", operation)
}

// serveInvoke takes an asynchronous invocation.
func (a *Account) serveInvoke(r *http.Request) (*http.Response, error) {
	parts := strings.Split(r.URL.Path, "/") // /2015-03-31/functions/NAME/invocations
	f := a.functions[parts[len(parts)-2]]
	if f == nil {
		return respond(http.StatusNotFound, "ResourceNotFoundException", map[string]any{"Message": "Function not found: " + r.URL.Path}), nil
	}
	payload, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	f.async(context.WithoutCancel(r.Context()), payload)
	return respond(http.StatusAccepted, "", nil), nil
}

func respond(status int, fault string, body map[string]any) *http.Response {
	b, err := json.Marshal(body)
	if err != nil || body == nil {
		b = nil
	}
	h := http.Header{"Content-Type": {"application/x-amz-json-1.0"}}
	if fault != "" {
		h.Set("X-Amzn-Errortype", fault)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader(b)), ContentLength: int64(len(b))}
}
