package cloudtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/executors/lambdaexec/lambdaevent"
)

// function is a Lambda function with its environments: processes that are frozen between
// calls, and each of which does one call at a time.
type function struct {
	a    *Account
	name string
	// memory is in MiB.
	memory  int
	timeout time.Duration
	// failures is where the record of an asynchronous invocation goes that failed, if
	// anywhere; none is made again (MaximumRetryAttempts: 0).
	failures *sqsQueue
	// handler makes what a new process calls.
	handler func(ctx context.Context, p *Process) (cloud.Handler, error)
	slots   chan struct{}
	dice    *dice

	mu    sync.Mutex
	idle  []*Process
	usage FunctionUsage
}

// FunctionUsage is what the invocations of a function took.
type FunctionUsage struct {
	// Invocations counts them, Cold those that made a new environment.
	Invocations, Cold int
	// Billed is their time, each to the next millisecond, with that of starting.
	Billed time.Duration
	// Memory is in MiB.
	Memory int
}

// GBSeconds is what Lambda charges for the time.
func (u FunctionUsage) GBSeconds() float64 { return u.Billed.Seconds() * float64(u.Memory) / 1024 }

func (a *Account) function(name string, memory int, timeout time.Duration, most int) *function {
	f := &function{a: a, name: name, memory: memory, timeout: timeout, slots: make(chan struct{}, most), dice: a.dice("function", name)}
	a.functions[name] = f
	return f
}

// Errors of an invocation as Lambda names them.
type failure struct{ kind, message string }

func (f *failure) Error() string { return f.kind + ": " + f.message }

// async invokes the function later, and tells its queue of failures how that ended.
// Invocations are at least once.
func (f *function) async(ctx context.Context, payload []byte) {
	times := 1
	if f.dice.oneIn(f.a.cfg.Faults.InvokeDoubled) {
		f.a.count("invocation doubled")
		times = 2
	}
	for range times {
		wait := f.dice.latency("Lambda.deliver")
		f.a.work.Go(func() {
			if !pass(ctx, wait) {
				return
			}
			id := f.request()
			_, err := f.invoke(ctx, id, payload)
			var failed *failure
			if errors.As(err, &failed) && f.failures != nil {
				f.record(id, payload, failed)
			}
		})
	}
}

// record tells of an invocation that failed (Lambda's developer guide, "Capturing records
// of asynchronous invocations").
func (f *function) record(id string, payload []byte, why *failure) {
	if f.dice.oneIn(f.a.cfg.Faults.RecordLost) {
		f.a.count("record of a failure lost")
		return
	}
	body, err := json.Marshal(map[string]any{
		"version": "1.0", "timestamp": time.Now().UTC(),
		"requestContext": map[string]any{
			"requestId": id, "functionArn": arnOf("lambda", "function:"+f.name) + ":$LATEST", "condition": "RetriesExhausted", "approximateInvokeCount": 1,
		},
		"requestPayload":  json.RawMessage(payload),
		"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
		"responsePayload": map[string]any{"errorType": why.kind, "errorMessage": fmt.Sprintf("RequestId: %s Error: %s", id, why.message)},
	})
	if err != nil {
		f.a.problem("record of a failure of %s: %v", f.name, err)
		return
	}
	f.failures.send(string(body), 0)
}

// call invokes the function and waits for its answer.
func (f *function) call(ctx context.Context, payload []byte) ([]byte, error) {
	return f.invoke(ctx, f.request(), payload)
}

func (f *function) request() string { return fmt.Sprintf("request-%d", f.a.number()) }

// invoke waits for an environment and calls it. The error is a *failure, or that ctx has
// ended before it began.
func (f *function) invoke(ctx context.Context, id string, payload []byte) ([]byte, error) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	begun := time.Now()
	p, err := f.environment()
	if err != nil {
		f.a.problem("%v", err)
		return nil, &failure{"Runtime.ExitError", "Runtime exited with error: exit status 1"}
	}
	out, err := f.inside(p, id, payload)
	if err != nil {
		f.a.cfg.Log.Info("invocation failed", "function", f.name, "request", id, "error", err)
	}
	f.mu.Lock()
	f.usage.Invocations++
	f.usage.Billed += (time.Since(begun) + time.Millisecond - 1).Truncate(time.Millisecond)
	f.mu.Unlock()
	return out, err
}

// environment returns one that is idle, or a new one.
func (f *function) environment() (*Process, error) {
	f.mu.Lock()
	if n := len(f.idle); n > 0 {
		p := f.idle[n-1]
		f.idle = f.idle[:n-1]
		f.mu.Unlock()
		return p, nil
	}
	f.usage.Cold++
	f.mu.Unlock()
	pass(context.Background(), f.dice.latency("Lambda.init"))
	return f.start()
}

// start starts a process.
func (f *function) start() (*Process, error) {
	p := f.a.process(f.name)
	p.busy.Add(1)
	defer p.busy.Add(-1)
	err := p.open()
	if err == nil {
		p.handler, err = f.handler(context.Background(), p)
	}
	if err != nil {
		p.bury()
		return nil, fmt.Errorf("%s: start: %w", p.Name, err)
	}
	return p, nil
}

// inside calls a process, until it has answered, is killed, or its time is over.
func (f *function) inside(p *Process, id string, payload []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), f.timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	inv := embedded.Invocation{Name: lambdaevent.WorkerName(f.name, id), Place: lambdaexec.Name, Begun: time.Now(), Deadline: deadline}
	type answer struct {
		out any
		err error
	}
	done := make(chan answer, 1)
	p.busy.Add(1)
	f.a.work.Go(func() {
		out, err := p.handler(context.WithValue(ctx, processKey{}, p), inv, payload)
		p.busy.Add(-1)
		done <- answer{out, err}
		if p.Dead() { // it went on, and reached nothing
			p.bury()
		}
	})
	var killed <-chan time.Time
	if f.dice.oneIn(f.a.cfg.Faults.Killed) {
		killed = time.After(f.dice.between(time.Millisecond, time.Minute))
	}
	select {
	case got := <-done:
		pass(context.Background(), time.Duration(p.owed.Swap(0)))
		return f.answered(p, got.out, got.err)
	case <-killed:
		f.a.count("invocation killed")
		p.Kill()
	case <-p.killed:
	case <-ctx.Done():
		f.a.count("invocation timed out")
		p.Kill()
		return nil, &failure{"Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", f.timeout.Seconds())}
	}
	return nil, errKilled()
}

// errKilled is what Lambda says of a process that died: it does not tell by whose hand.
func errKilled() error {
	return &failure{"Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"}
}

// answered ends a call: the process is frozen.
func (f *function) answered(p *Process, out any, err error) ([]byte, error) {
	if p.Dead() {
		return nil, errKilled()
	}
	f.mu.Lock()
	f.idle = append(f.idle, p)
	f.mu.Unlock()
	if errors.Is(err, cloud.ErrEvent) { // as cloud.Handle does
		f.a.count("event refused")
		return []byte("null"), nil
	}
	if err != nil {
		return nil, &failure{"errorString", err.Error()}
	}
	b, err := json.Marshal(out)
	if err != nil {
		f.a.problem("%s answers what is no JSON: %v", f.name, err)
	}
	return b, nil
}

// close closes what is idle.
func (f *function) close() {
	for _, p := range f.idle {
		p.bury()
	}
	f.idle = nil
}
