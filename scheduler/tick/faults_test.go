package tick_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// dice decide about faults.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

// one says yes once in n times.
func (d *dice) one(n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n) == 0
}

var errFault = errors.New("fault")

// unreliable is a store that fails now and then, before a write or after it.
type unreliable struct {
	store.Store
	*dice
}

func (u unreliable) Apply(ctx context.Context, b ...store.Batch) (store.Result, error) {
	if u.one(20) {
		return store.Result{}, errFault
	}
	res, err := u.Store.Apply(ctx, b...)
	if err == nil && u.one(20) {
		return store.Result{}, errFault
	}
	return res, err
}

func (u unreliable) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	if u.one(40) {
		return store.RunData{}, errFault
	}
	return u.Store.Run(ctx, id, tasks...)
}

// careless is a dispatcher that loses messages, and sends them twice.
type careless struct {
	executors.Dispatcher
	*dice
}

func (c careless) Start(ctx context.Context, work ...executors.Work) []error {
	errs := make([]error, len(work))
	for i, w := range work {
		switch {
		case c.one(10):
		case c.one(10):
			errs[i] = errFault
		case c.one(10):
			errs[i] = errors.Join(c.Dispatcher.Start(ctx, w, w)...)
		default:
			errs[i] = errors.Join(c.Dispatcher.Start(ctx, w)...)
		}
	}
	return errs
}

// However messages and writes fail, every task of every run succeeds, in order, and no
// attempt is executed twice.
func TestWorkersSurviveFaults(t *testing.T) {
	t.Parallel()
	const runs = 4
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := &dice{r: rand.New(rand.NewPCG(seed, 0))}
	p := newPlant(t, func(p *plant, c *tick.Config) {
		c.QueueTimeout, c.Poll = 150*time.Millisecond, 50*time.Millisecond
		c.Open = func(executors.Report) (executors.Executor, error) { return careless{p.sender(), d}, nil }
	})
	g := mixed(6)
	for _, task := range g.Tasks {
		task.Retries, task.RetryDelay = 50, 0
	}
	p.acts["list"] = yields(3)
	var mu sync.Mutex
	executed := map[string]int{}
	for i := range 3 {
		p.worker(fmt.Sprintf("worker%d", i), func(c *tick.WorkerConfig) {
			c.Store, c.Executor, c.Lease = unreliable{p.openStore(), d}, careless{p.sender(), d}, 200*time.Millisecond
			c.Execute = func(ctx context.Context, w executors.Work) run.Report {
				mu.Lock()
				executed[w.Instance.Token]++
				mu.Unlock()
				return p.execute(ctx, w)
			}
		})
	}
	p.put(g)
	for i := range runs {
		p.trigger(g, fmt.Sprintf("r%d", i))
	}
	for range runs {
		if r := p.wait(); r.State != run.RunSuccess {
			t.Errorf("run %s ended %s: %s", r.Run, r.State, r.Reason)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for token, n := range executed {
		if n != 1 {
			t.Errorf("the claim %s was executed %d times", token, n)
		}
	}
	for i := range runs {
		inOrder(t, p, run.ID{DAG: g.ID, Run: fmt.Sprintf("r%d", i)})
	}
}

// inOrder wants every instance of a run to have succeeded, none before its upstream.
func inOrder(t *testing.T, p *plant, id run.ID) {
	t.Helper()
	v, err := tick.NewLoader(p.store).View(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	ended := map[string]time.Time{}
	for _, in := range v.Instances() {
		if in.State != run.Success {
			t.Errorf("%s: %s is %s", id, in.Name(), in.State)
		}
		if in.End.After(ended[in.Task]) {
			ended[in.Task] = in.End
		}
	}
	for _, in := range v.Instances() {
		task, _ := v.Graph.Index(in.Task)
		for _, up := range v.Graph.Tasks[task].Upstream {
			if in.Start.Before(ended[up]) {
				t.Errorf("%s: %s started at %s, before %s ended at %s", id, in.Name(), in.Start, up, ended[up])
			}
		}
	}
}
