package tick_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/queue/localqueue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/sqlitestore"
)

// plant is an engine that executes nothing, and workers, each with a store and queues of
// its own, as if they were processes.
type plant struct {
	t      *testing.T
	dir    string
	store  *sqlitestore.Store
	engine *tick.Engine
	ended  chan run.Run
	// sent counts the messages that the engine and the workers have sent.
	sent atomic.Int64
	// drop has that many of the next messages lost.
	drop atomic.Int64

	mu sync.Mutex
	// acts say what tasks do; those without one succeed at once.
	acts map[string]act
	// begun and done count the executions of attempts, by name and try.
	begun, done map[string]int
}

type act func(ctx context.Context, w executors.Work) run.Report

// lossy sends like a queueexec.Executor, and loses messages when it is told to.
type lossy struct {
	*queueexec.Executor
	p *plant
}

func (l lossy) Start(ctx context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	for i, w := range work {
		if l.p.drop.Add(-1) >= 0 {
			continue
		}
		l.p.sent.Add(1)
		errs[i] = errors.Join(l.Executor.Start(ctx, w)...)
	}
	return errs
}

func newPlant(t *testing.T, set func(*plant, *tick.Config)) *plant {
	t.Helper()
	p := &plant{
		t: t, dir: t.TempDir(), ended: make(chan run.Run, 100),
		acts: map[string]act{}, begun: map[string]int{}, done: map[string]int{},
	}
	p.store = p.openStore()
	cfg := tick.Config{
		Store: p.store, Now: time.Now, Worker: "engine", Token: rand.Text, Log: slog.New(slog.DiscardHandler), Schedule: true,
		Poll: time.Second, QueueTimeout: time.Hour,
		Open: func(executors.Report) (executors.Executor, error) { return p.sender(), nil },
		OnChange: func(batches []run.Batch) {
			for _, b := range batches {
				if b.Update != nil && b.Update.Want.State.Finished() {
					p.ended <- b.Update.Want
				}
			}
		},
	}
	if set != nil {
		set(p, &cfg)
	}
	var err error
	if p.engine, err = tick.New(cfg); err != nil {
		t.Fatal(err)
	}
	p.start("engine", p.engine.Run)
	return p
}

// start runs something until the test ends.
func (p *plant) start(what string, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, queue.ErrClosed) {
			p.t.Errorf("%s: %v", what, err)
		}
	})
	p.t.Cleanup(stop)
	return stop
}

func (p *plant) openStore() *sqlitestore.Store {
	p.t.Helper()
	st, err := sqlitestore.Open(context.Background(), sqlitestore.Config{Path: filepath.Join(p.dir, "updraft.db"), Durability: sqlitestore.Normal})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := st.Close(); err != nil {
			p.t.Error(err)
		}
	})
	return st
}

func (p *plant) queue(name string) *queue.Queue {
	p.t.Helper()
	q, err := localqueue.Open(context.Background(), localqueue.Config{Path: filepath.Join(p.dir, "queue.db"), Name: name, Now: time.Now})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := q.Close(); err != nil {
			p.t.Error(err)
		}
	})
	return q
}

func (p *plant) sender() executors.Dispatcher {
	p.t.Helper()
	x, err := queueexec.Open(queueexec.Config{Queue: func(_ context.Context, name string) (*queue.Queue, error) { return p.queue(name), nil }})
	if err != nil {
		p.t.Fatal(err)
	}
	return lossy{x, p}
}

// worker starts a worker on a store of its own, or on the one that set gives it.
func (p *plant) worker(name string, set func(*tick.WorkerConfig)) (stop func()) {
	p.t.Helper()
	cfg := tick.WorkerConfig{
		Queues: map[string]*queue.Queue{dag.DefaultQueue: p.queue(dag.DefaultQueue)}, Executor: p.sender(), Execute: p.execute,
		Now: time.Now, Token: rand.Text, Name: name, Parallelism: 4, Lease: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
		Notify: func(id run.ID, all bool) {
			if all {
				p.engine.Notice()
			}
			p.engine.NoticeRun(id)
		},
	}
	if set != nil {
		set(&cfg)
	}
	if cfg.Store == nil {
		cfg.Store = p.openStore()
	}
	cfg.Loader = tick.NewLoader(cfg.Store)
	w, err := tick.NewWorker(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.start(name, w.Run)
}

func (p *plant) execute(ctx context.Context, w executors.Work) run.Report {
	key := fmt.Sprintf("%s#%d", w.Instance.Name(), w.Instance.Try)
	p.mu.Lock()
	p.begun[key]++
	do := p.acts[w.Instance.Task]
	p.mu.Unlock()
	rep := succeed(ctx, w)
	if do != nil {
		rep = do(ctx, w)
	}
	p.mu.Lock()
	p.done[key]++
	p.mu.Unlock()
	return rep
}

func succeed(_ context.Context, w executors.Work) run.Report {
	return run.Report{Attempt: w.Attempt(), Token: w.Instance.Token, Outcome: run.OutcomeSuccess, At: time.Now()}
}

// yields returns a list of n elements.
func yields(n int) act {
	return func(ctx context.Context, w executors.Work) run.Report {
		rep := succeed(ctx, w)
		list := make([]int, n)
		raw, err := json.Marshal(list)
		if err != nil {
			panic(err)
		}
		rep.Length, rep.XComs = &n, []run.XCom{{Name: dag.ReturnValue, Value: raw, At: rep.At}}
		return rep
	}
}

// failsOnce fails at its first try.
func failsOnce(ctx context.Context, w executors.Work) run.Report {
	rep := succeed(ctx, w)
	if w.Instance.Try == 1 {
		rep.Outcome, rep.Cause, rep.Reason = run.OutcomeFailed, run.CauseTask, "once"
	}
	return rep
}

// hangs tells that it has begun, and ends when it is stopped, with the cause as reason.
func hangs(begun chan<- run.Attempt) act {
	return func(ctx context.Context, w executors.Work) run.Report {
		begun <- w.Attempt()
		<-ctx.Done()
		rep := succeed(ctx, w)
		rep.Outcome, rep.Cause, rep.Reason = run.OutcomeFailed, run.CauseInfra, context.Cause(ctx).Error()
		return rep
	}
}

func (p *plant) put(d *dag.DAG) {
	p.t.Helper()
	body, version, err := dag.Encode(d)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.store.PutDAG(context.Background(), store.Definition{ID: d.ID, Version: version, Body: body, At: time.Now()}); err != nil {
		p.t.Fatal(err)
	}
	if err := p.engine.DAGsChanged(context.Background(), d.ID); err != nil {
		p.t.Fatal(err)
	}
}

// trigger makes a run.
func (p *plant) trigger(d *dag.DAG, id string) run.ID {
	p.t.Helper()
	key := run.ID{DAG: d.ID, Run: id}
	p.edit(func(_ context.Context, e *tick.Edit) error {
		e.Snapshot.Create(run.Run{ID: key, Type: run.TypeManual, RunAfter: e.Now}, e.Now)
		return nil
	})
	return key
}

func (p *plant) edit(f func(context.Context, *tick.Edit) error) {
	p.t.Helper()
	if err := p.engine.Do(context.Background(), f); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the run that ends next.
func (p *plant) wait() run.Run {
	p.t.Helper()
	select {
	case r := <-p.ended:
		return r
	case <-time.After(20 * time.Second):
		p.t.Fatal("no run has ended")
		return run.Run{}
	}
}

// succeeded runs a DAG and wants it to succeed.
func (p *plant) succeeded(d *dag.DAG, id string) {
	p.t.Helper()
	p.trigger(d, id)
	if r := p.wait(); r.State != run.RunSuccess {
		p.t.Fatalf("run %s ended %s: %s", r.Run, r.State, r.Reason)
	}
}

func (p *plant) instance(id run.ID, task string) run.Instance {
	p.t.Helper()
	data, err := p.store.Run(context.Background(), id, task)
	if err != nil || len(data.Instances) != 1 {
		p.t.Fatalf("instance %s of run %s: %v, %v", task, id, data.Instances, err)
	}
	return data.Instances[0]
}

// counts returns how often attempts were begun.
func (p *plant) counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]int{}
	for k, n := range p.begun {
		out[k] = n
	}
	return out
}

func (p *plant) token() string { return rand.Text() }

func (p *plant) log() *slog.Logger { return slog.New(slog.DiscardHandler) }
