package tick_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/queue"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// mixed has a chain, a fan with its join, a task that is retried and mapped tasks.
func mixed(width int) *dag.DAG {
	d := &dag.DAG{ID: "mixed", MaxActiveRuns: 16, MaxActiveTasks: 16}
	add := func(id string, up ...string) *dag.Task {
		t := dag.NewTask(id, "updraft.noop")
		t.Upstream = up
		d.Tasks = append(d.Tasks, t)
		return t
	}
	add("first")
	add("second", "first")
	flaky := add("flaky", "second")
	flaky.Retries, flaky.RetryDelay = 1, 0
	var fan []string
	for i := range width {
		id := fmt.Sprintf("fan%02d", i)
		add(id, "flaky")
		fan = append(fan, id)
	}
	add("join", fan...)
	add("list", "join")
	each := add("each", "list")
	each.Expand = &dag.Mapping{Args: []dag.MappedArg{{Name: "x", XCom: &dag.XComRef{Task: "list", Key: dag.ReturnValue}}}}
	add("last", "each")
	return d
}

func TestWorkersExecuteEverythingOnce(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	p.acts["flaky"], p.acts["list"] = failsOnce, yields(5)
	for i := range 3 {
		p.worker(fmt.Sprintf("worker%d", i), nil)
	}
	d := mixed(20)
	p.put(d)
	p.succeeded(d, "r1")
	want := map[string]int{"first#1": 1, "second#1": 1, "flaky#1": 1, "flaky#2": 1, "join#1": 1, "list#1": 1, "last#1": 1}
	for i := range 20 {
		want[fmt.Sprintf("fan%02d#1", i)] = 1
	}
	for i := range 5 {
		want[fmt.Sprintf("each[%d]#1", i)] = 1
	}
	if diff := cmp.Diff(want, p.counts()); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
}

// counted counts the writes of a worker.
type counted struct {
	store.Store
	writes atomic.Int64
	// wrote, if set, is told of each.
	wrote chan bool
	// dead fails everything, as if the process had been killed.
	dead atomic.Bool
}

var errDead = errors.New("the process is dead")

func (c *counted) Apply(ctx context.Context, b ...store.Batch) (store.Result, error) {
	if c.dead.Load() {
		return store.Result{}, errDead
	}
	c.writes.Add(1)
	res, err := c.Store.Apply(ctx, b...)
	if c.wrote != nil {
		c.wrote <- res.OK()
	}
	return res, err
}

func (c *counted) Run(ctx context.Context, id run.ID, tasks ...string) (store.RunData, error) {
	if c.dead.Load() {
		return store.RunData{}, errDead
	}
	return c.Store.Run(ctx, id, tasks...)
}

func TestWorkerGoesOnWithAChain(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	st := &counted{Store: p.openStore()}
	p.worker("worker", func(c *tick.WorkerConfig) { c.Store, c.Lease = st, time.Minute })
	d := chain(50)
	d.MaxActiveTasks = 16
	p.put(d)
	p.succeeded(d, "r1")
	if got := p.sent.Load(); got != 1 {
		t.Errorf("a chain took %d messages, want 1", got)
	}
	// One write claims the first; each of the others ends one and claims the next.
	if got := st.writes.Load(); got != 51 {
		t.Errorf("a chain of 50 took %d writes of the worker, want 51", got)
	}
}

func TestWorkerSendsOnWhatItDoesNotServe(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	var where [2]atomic.Int64
	for i, name := range []string{dag.DefaultQueue, "big"} {
		p.worker(name, func(c *tick.WorkerConfig) {
			c.Queues = map[string]*queue.Queue{name: p.queue(name)}
			c.Execute = func(ctx context.Context, w executors.Work) run.Report {
				where[i].Add(1)
				return p.execute(ctx, w)
			}
		})
	}
	d := chain(4)
	for _, i := range []int{1, 2} {
		d.Tasks[i].Queue = "big"
	}
	d.Tasks[2].Isolated = true
	p.put(d)
	p.succeeded(d, "r1")
	if a, b := where[0].Load(), where[1].Load(); a != 2 || b != 2 {
		t.Errorf("the workers executed %d and %d, want 2 and 2", a, b)
	}
	// From the engine, to the other queue, for the isolated one, and back.
	if got := p.sent.Load(); got != 4 {
		t.Errorf("%d messages, want 4", got)
	}
}

func TestWorkerThatDiesIsReplaced(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	begun := make(chan run.Attempt, 1)
	p.acts["t00000"] = func(ctx context.Context, w executors.Work) run.Report {
		if w.Instance.Try == 1 {
			return hangs(begun)(ctx, w)
		}
		return succeed(ctx, w)
	}
	st, q := &counted{Store: p.openStore()}, p.queue(dag.DefaultQueue)
	p.worker("dies", func(c *tick.WorkerConfig) {
		c.Store, c.Queues, c.Lease = st, map[string]*queue.Queue{dag.DefaultQueue: q}, 300*time.Millisecond
	})
	d := chain(2)
	p.put(d)
	id := p.trigger(d, "r1")
	<-begun
	st.dead.Store(true)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	p.worker("lives", nil)
	if r := p.wait(); r.State != run.RunSuccess {
		t.Fatalf("run ended %s: %s", r.State, r.Reason)
	}
	history, err := p.store.History(t.Context(), run.Key{ID: id, Task: "t00000", Map: run.Unmapped})
	if err != nil || len(history) != 1 {
		t.Fatalf("history is %v, %v", history, err)
	}
	if h := history[0]; h.Cause != run.CauseInfra || !strings.Contains(h.Reason, "no sign of life") {
		t.Errorf("the first try ended %s: %s", h.Cause, h.Reason)
	}
	if in := p.instance(id, "t00000"); in.Try != 2 || in.InfraFailures != 1 {
		t.Errorf("it succeeded at try %d after %d failures of the infrastructure", in.Try, in.InfraFailures)
	}
}

func TestWorkerRenewsItsLease(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	begun, release := make(chan run.Attempt, 2), make(chan bool)
	p.acts["t00000"] = func(ctx context.Context, w executors.Work) run.Report {
		begun <- w.Attempt()
		<-release
		return succeed(ctx, w)
	}
	st := &counted{Store: p.openStore(), wrote: make(chan bool, 100)}
	p.worker("worker", func(c *tick.WorkerConfig) { c.Store, c.Lease = st, 900*time.Millisecond })
	d := chain(1)
	p.put(d)
	id := p.trigger(d, "r1")
	<-begun
	first := p.instance(id, "t00000").Lease
	for range 5 { // the claim, and a renewal each third of the lease
		<-st.wrote
	}
	if in := p.instance(id, "t00000"); in.Try != 1 || in.State != run.Running || !in.Lease.After(first) {
		t.Errorf("it is %s at try %d with lease %s, at first %s", in.State, in.Try, in.Lease, first)
	}
	close(release)
	if r := p.wait(); r.State != run.RunSuccess || len(begun) != 0 {
		t.Errorf("run ended %s: %s, after %d more attempts", r.State, r.Reason, len(begun))
	}
}

func TestWorkersBearDoubledMessages(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	d := fan(10)
	d.MaxActiveTasks = 16
	p.put(d)
	id := p.trigger(d, "r1")
	q := p.queue(dag.DefaultQueue)
	for _, task := range d.Tasks {
		for range 3 {
			m := queue.Message{Envelope: queue.Envelope{Kind: queue.KindAttempt, Attempt: run.Attempt{Key: run.Key{ID: id, Task: task.ID, Map: run.Unmapped}, Try: 1}}}
			if err := errors.Join(q.Send(t.Context(), m)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 3 {
		p.worker(fmt.Sprintf("worker%d", i), nil)
	}
	if r := p.wait(); r.State != run.RunSuccess {
		t.Fatalf("run ended %s: %s", r.State, r.Reason)
	}
	for name, n := range p.counts() {
		if n != 1 {
			t.Errorf("%s was executed %d times", name, n)
		}
	}
}

func TestLostMessagesAreSentAgain(t *testing.T) {
	t.Parallel()
	p := newPlant(t, func(_ *plant, c *tick.Config) { c.QueueTimeout = 100 * time.Millisecond })
	p.drop.Store(2)
	p.worker("worker", nil)
	d := chain(3)
	p.put(d)
	p.succeeded(d, "r1")
	if left := p.drop.Load(); left >= 0 {
		t.Errorf("%d messages were still to be lost", left+1)
	}
}

func TestEngineSendsWhatAnEarlierOneDidNot(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	p.drop.Store(1)
	d := chain(2)
	p.put(d)
	p.trigger(d, "r1")
	p.edit(func(context.Context, *tick.Edit) error { return nil }) // by now it was sent
	second := make(chan run.Run, 1)
	e, err := tick.New(tick.Config{
		Store: p.openStore(), Now: time.Now, Worker: "second", Token: p.token, Log: p.log(), QueueTimeout: time.Hour,
		Open: func(executors.Report) (executors.Executor, error) { return p.sender(), nil },
		OnChange: func(batches []run.Batch) {
			for _, b := range batches {
				if b.Update != nil && b.Update.Want.State.Finished() {
					second <- b.Update.Want
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.engine.Close(t.Context())
	p.start("second engine", e.Run)
	p.worker("worker", func(c *tick.WorkerConfig) { c.Notify = func(id run.ID, _ bool) { e.NoticeRun(id) } })
	if r := <-second; r.State != run.RunSuccess {
		t.Errorf("run ended %s: %s", r.State, r.Reason)
	}
}

func TestWorkerStopsWhatWasClearedOrMarked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		edit func(e *tick.Edit, id run.ID) error
		// tries is how often it is executed, reason why the first is stopped.
		tries  int
		reason string
		state  run.RunState
	}{
		{"clear", func(e *tick.Edit, id run.ID) error {
			e.Snapshot.Clear(scheduler.Clear{Run: id, Tasks: []string{"t00000"}}, e.Now)
			return nil
		}, 2, "cancelled: the task was cleared", run.RunSuccess},
		{"mark", func(e *tick.Edit, id run.ID) error {
			_, _, err := e.Snapshot.Mark(scheduler.Mark{Run: id, Tasks: []string{"t00000"}, State: run.Success}, e.Now)
			return err
		}, 1, "cancelled: marked success by a user", run.RunSuccess},
		{"mark run", func(e *tick.Edit, id run.ID) error {
			return e.Snapshot.MarkRun(id, run.RunFailed, e.Now)
		}, 1, "cancelled: marked failed by a user", run.RunFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlant(t, nil)
			begun, stopped := make(chan run.Attempt, 2), make(chan string, 2)
			p.acts["t00000"] = func(ctx context.Context, w executors.Work) run.Report {
				if w.Instance.Try > 1 {
					return succeed(ctx, w)
				}
				rep := hangs(begun)(ctx, w)
				stopped <- rep.Reason
				return rep
			}
			settled := make(chan run.Attempt, 10)
			p.worker("worker", func(c *tick.WorkerConfig) {
				c.Lease, c.OnSettled = time.Second, func(a ...run.Attempt) { settled <- a[0] }
			})
			d := chain(2)
			p.put(d)
			id := p.trigger(d, "r1")
			<-begun
			p.edit(func(ctx context.Context, e *tick.Edit) error {
				if _, err := e.Run(ctx, id); err != nil {
					return err
				}
				return tt.edit(e, id)
			})
			if got := <-stopped; got != tt.reason {
				t.Errorf("it was stopped because %q, want %q", got, tt.reason)
			}
			if r := p.wait(); r.State != tt.state {
				t.Errorf("run ended %s: %s, want %s", r.State, r.Reason, tt.state)
			}
			<-settled // the first report was dealt with
			if got := p.counts()["t00000#1"] + p.counts()["t00000#2"]; got != tt.tries {
				t.Errorf("executed %d times, want %d", got, tt.tries)
			}
		})
	}
}

func TestWorkerEndsAfterItsGrace(t *testing.T) {
	t.Parallel()
	p := newPlant(t, nil)
	begun := make(chan run.Attempt, 1)
	p.acts["t00000"] = func(ctx context.Context, w executors.Work) run.Report {
		if w.Instance.Try == 1 {
			return hangs(begun)(ctx, w)
		}
		return succeed(ctx, w)
	}
	stop := p.worker("ends", nil)
	d := chain(1)
	p.put(d)
	id := p.trigger(d, "r1")
	<-begun
	stop()
	// It has reported before it ended: nobody waits for a lease.
	if in := p.instance(id, "t00000"); in.State == run.Running && in.Try == 1 {
		t.Errorf("it is still %s with lease %s", in.State, in.Lease)
	}
	p.worker("goes on", nil)
	if r := p.wait(); r.State != run.RunSuccess {
		t.Errorf("run ended %s: %s", r.State, r.Reason)
	}
}
