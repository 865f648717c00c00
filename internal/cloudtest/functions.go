package cloudtest

import (
	"context"
	"maps"
	"time"

	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/executors/lambdaexec"
	"github.com/updraft-dev/updraft/internal/awsconf"
	"github.com/updraft-dev/updraft/queue/sqsqueue"
)

// The functions and the queue that a test may name.
const (
	schedulerName = prefix + "-scheduler"
	workerName    = prefix + "-worker"
	eventsName    = prefix + "-events"
	// PlanQueue is the queue by which the scheduler is called, EventQueue that of failures.
	PlanQueue  = prefix + "-plan"
	EventQueue = prefix + "-events"
)

// workerMemory is that of the worker function, in MiB.
const workerMemory = 512

// deploy makes what template.yaml makes, with its numbers.
func (a *Account) deploy() {
	a.queue(PlanQueue, 6*time.Minute, 5)
	a.queue(EventQueue, 6*time.Minute, 5)
	a.function(schedulerName, 512, time.Minute, 1000).handler = func(_ context.Context, p *Process) (cloud.Handler, error) {
		return cloud.Scheduler(p.fn, sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: p.AWS(), Log: p.fn.Log})), nil
	}
	worker := a.function(workerName, workerMemory, 15*time.Minute, a.cfg.Workers)
	worker.failures = a.queues[EventQueue]
	worker.handler = func(_ context.Context, p *Process) (cloud.Handler, error) {
		own := lambdaexec.Function{Name: workerName, Memory: workerMemory << 20}
		share, err := lambdaexec.Open(lambdaexec.Config{AWS: p.AWS(), Functions: []lambdaexec.Function{own}})
		if err != nil {
			return nil, err
		}
		receiver := sqsqueue.NewReceiver(sqsqueue.ReceiverConfig{AWS: p.AWS(), Log: p.fn.Log})
		return cloud.Worker(p.fn, receiver, share, own.Name, cloud.FitsFunction(own)), nil
	}
	a.function(eventsName, 256, time.Minute, 1000).handler = func(_ context.Context, p *Process) (cloud.Handler, error) {
		return cloud.Events(p.fn), nil
	}
	if a.cfg.Fargate {
		a.withFargate()
	}
}

// mappings are those of queues to functions.
func (a *Account) mappings() []*mapping {
	list := []*mapping{
		{q: a.queues[PlanQueue], f: a.functions[schedulerName], batch: 10, parallel: 2},
		{q: a.queues[EventQueue], f: a.functions[eventsName], batch: 10, parallel: 1000},
	}
	if a.cfg.Fargate {
		list = append(list, &mapping{q: a.queues[fargateName], f: a.functions[fargateName], batch: 10, parallel: 2})
	}
	return list
}

// Usage is what was used of the account's services.
type Usage struct {
	// Functions are by name.
	Functions map[string]FunctionUsage
	// Calls are those that processes made of DynamoDB, SQS and Lambda.
	Calls awsconf.Snapshot
	// Received and Deleted are the requests by which messages went from queues to functions.
	// Receives that get nothing, of which there are some each minute, are not counted.
	Received, Deleted int
	// Objects are calls of the bucket of logs, by method.
	Objects map[string]int
}

// Usage returns what was used since the last call of it.
func (a *Account) Usage() Usage {
	u := Usage{Functions: map[string]FunctionUsage{}, Calls: a.meter.Reset(), Objects: maps.Clone(a.Objects.Counts())}
	for name, f := range a.functions {
		f.mu.Lock()
		f.usage.Memory = f.memory
		u.Functions[name], f.usage = f.usage, FunctionUsage{}
		f.mu.Unlock()
	}
	for _, q := range a.queues {
		q.mu.Lock()
		u.Received, u.Deleted = u.Received+q.received, u.Deleted+q.deleted
		q.received, q.deleted = 0, 0
		q.mu.Unlock()
	}
	return u
}
