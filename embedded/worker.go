package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

const (
	// workerLease is for how long a worker counts as alive without a sign of life. It is
	// also what the end of a process costs, beside the work done.
	workerLease = 30 * time.Second
	// queueTimeout is Airflow's [scheduler] task_queued_timeout.
	queueTimeout = 10 * time.Minute
	// remotePoll is how often a scheduler looks for changes of which nobody has told it.
	// Workers tell it, and a look loads everything.
	remotePoll = time.Second
)

// Scheduler does what Standalone does, but executes no tasks: it sends attempts to queues
// below UPDRAFT_HOME, or where the settings say, which Worker serves. The callbacks of DAGs it
// calls itself. One process at a time schedules an installation: the error is ErrBusy
// otherwise, or, where others have the store, too, it waits for its turn. What workers have
// begun goes on when it ends.
func (i *Installation) Scheduler(ctx context.Context, o StandaloneOptions) error {
	return i.serve(ctx, o, i.dispatch)
}

// dispatch is Work that leaves executing to workers.
func (i *Installation) dispatch(ctx context.Context, o WorkOptions, body func(context.Context, *tick.Engine) error) (err error) {
	ctx, leave, err := i.begin(ctx, o)
	if err != nil {
		return err
	}
	defer leave()
	qs := i.queues()
	defer func() { err = errors.Join(err, qs.close()) }()
	host, err := i.openHost(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	py := i.python()
	defer func() { err = errors.Join(err, py.Close()) }()
	var engine *tick.Engine
	caller := i.caller(&engine, i.callWith(i.runtime(host, py, nil), host))
	engine, err = i.engine(o, caller, tick.Config{
		Poll: max(remotePoll, i.Config.Duration("poll_interval")), QueueTimeout: queueTimeout,
		Open: func(executors.Report) (executors.Executor, error) {
			x, _, err := i.sending(ctx, qs, i.Config.Int("parallelism"))
			return x, err
		},
	})
	if err != nil {
		return err
	}
	return i.drive(ctx, o, engine, caller, body)
}

// WorkerOptions say what Worker does.
type WorkerOptions struct {
	// Parallelism is how many tasks it runs at once; 0 is the setting parallelism.
	Parallelism int
	// Queues are the names of the queues that it serves, as tasks give them; none means
	// default.
	Queues []string
	// Lease is for how long it counts as alive without a sign of life; 0 is 30 seconds.
	Lease time.Duration
	// Grace is how long running tasks may go on when ctx ends.
	Grace time.Duration
	// OnReady is told when it is about to take work.
	OnReady func()
	// Name is its name in claims; that of the host with the process id if empty.
	Name string
	// Place, if set, is the executor that it works for. What follows from its tasks goes
	// where the settings say, but for those that Accepts has it go on with itself.
	Place   string
	Accepts func(*dag.DAG, *dag.Task) bool
	// Idle has it end after so long without a task; 0 is never.
	Idle time.Duration

	// before is called before each task.
	before func(context.Context)
}

// Worker executes what Scheduler sends, until ctx ends. Any number of workers may work on
// an installation, and without a scheduler they go on with what was sent. What a worker
// that is killed has not finished is executed anew by another one.
func (i *Installation) Worker(ctx context.Context, o WorkerOptions) (err error) {
	if o.Lease == 0 {
		o.Lease = workerLease
	}
	place, err := i.workplace()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, place.close()) }()
	py := i.python()
	defer func() { err = errors.Join(err, py.Close()) }()
	qs := i.queues()
	defer func() { err = errors.Join(err, qs.close()) }()
	rt := i.runtime(place.host, py, func(ctx context.Context, t task.Trigger) (run.Run, error) {
		return i.Trigger(ctx, t, "operator")
	})
	ctx, idle := endIdle(ctx, o.Idle)
	defer idle.end()
	w, err := i.worker(ctx, o, qs, tick.WorkerConfig{
		Execute: func(ctx context.Context, w executors.Work) run.Report {
			defer idle.busy()()
			if o.before != nil {
				o.before(ctx)
			}
			return rt.Execute(ctx, task.Work{Graph: w.Graph, Run: w.Run, Instance: w.Instance, Resume: w.Resume, Memory: w.Memory})
		},
		OnSettled: func(a ...run.Attempt) {
			if err := place.host.Forget(a...); err != nil {
				i.Log.Warn("tidying up after attempts", "error", err)
			}
		},
	})
	if err != nil {
		return err
	}
	stop := i.sweepEvery(ctx, o.Lease/3)
	defer stop()
	if o.OnReady != nil {
		o.OnReady()
	}
	return w.Run(ctx)
}

// worker makes the worker; c says how it executes.
func (i *Installation) worker(ctx context.Context, o WorkerOptions, qs *queues, c tick.WorkerConfig) (*tick.Worker, error) {
	c.Store, c.Loader, c.Now, c.Token, c.Name, c.Log = i.Store, i.Loader, i.Now, rand.Text, worker(), i.Log
	c.Lease, c.Grace, c.Parallelism = o.Lease, o.Grace, o.Parallelism
	if c.Parallelism == 0 {
		c.Parallelism = i.Config.Int("parallelism")
	}
	c.Notify = func(id run.ID, all bool) {
		if all {
			i.Wake()
		} else {
			i.wakeRun(id)
		}
	}
	names := o.Queues
	if len(names) == 0 {
		names = []string{dag.DefaultQueue}
	}
	c.Queues = map[string]*queue.Queue{}
	var err error
	for _, name := range names {
		if c.Queues[name], err = qs.open(ctx, name); err != nil {
			return nil, fmt.Errorf("open queue %q: %w", name, err)
		}
	}
	if o.Name != "" {
		c.Name = o.Name
	}
	if o.Place != "" {
		x, err := i.dispatcher(ctx)
		if err != nil {
			return nil, err
		}
		c.Executor, c.Accepts = placed{x, o.Place}, o.Accepts
		return tick.NewWorker(c)
	}
	var mine func(*dag.DAG, *dag.Task) bool
	if c.Executor, mine, err = i.sending(ctx, qs, 0); err != nil {
		return nil, err
	}
	c.Place = workers
	if mine != nil {
		c.Accepts = func(d *dag.DAG, t *dag.Task) bool {
			return mine(d, t) && c.Queues[cmp.Or(t.Queue, dag.DefaultQueue)] != nil
		}
	}
	return tick.NewWorker(c)
}

// queues are the queues of an installation, opened when they are first needed.
type queues struct {
	i *Installation

	mu     sync.Mutex
	byName map[string]*queue.Queue
}

func (i *Installation) queues() *queues { return &queues{i: i, byName: map[string]*queue.Queue{}} }

// open returns the queue with a name.
func (q *queues) open(ctx context.Context, name string) (*queue.Queue, error) {
	if err := store.CheckName("queue", name); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if have := q.byName[name]; have != nil {
		return have, nil
	}
	opened, err := q.i.messaging.Open(context.WithoutCancel(ctx), name)
	if err == nil {
		q.byName[name] = opened
	}
	return opened, err
}

func (q *queues) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var errs []error
	for _, have := range q.byName {
		errs = append(errs, have.Close())
	}
	return errors.Join(errs...)
}
