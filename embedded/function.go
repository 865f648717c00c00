package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/callable"
)

// Function is an installation that works by calls: between them nothing of it runs. Any
// number of processes may have one of the same installation.
type Function struct {
	*Installation
	exec   executors.Dispatcher
	source Source
	place  *workplace
	py     *callable.Runner
	rt     *task.Runtime
	// folder is what the store says of the DAG files that this process has: see processed.
	folder string
	// unpacked are the files that it has from a pack.
	unpacked map[string]bool
}

// schedulers and processors are guarded by these names.
const (
	schedulers = "scheduler"
	processors = "processor"
)

// Function returns what works by calls. The executor named by the settings has to be one
// that sends attempts elsewhere.
func (i *Installation) Function(ctx context.Context) (_ *Function, err error) {
	f := &Function{Installation: i}
	if f.exec, err = i.dispatcher(ctx); err != nil {
		return nil, err
	}
	if i.Config.Text("dag_source") != "" {
		if f.source, err = opened(ctx, i.Drivers.Sources, "dag_source", &i.Options); err != nil {
			return nil, err
		}
	}
	if f.place, err = i.workplace(); err != nil {
		return nil, err
	}
	f.py = i.python()
	f.rt = i.runtime(f.place.host, f.py, func(ctx context.Context, t task.Trigger) (run.Run, error) {
		return i.Trigger(ctx, t, "operator")
	})
	return f, nil
}

// dispatcher opens the executor named by the settings.
func (i *Installation) dispatcher(ctx context.Context) (executors.Dispatcher, error) {
	name := i.Config.Text("executor")
	open, ok := i.Drivers.Executors[name]
	if !ok {
		return nil, errNoFunction(name)
	}
	return open(ctx, &i.Options)
}

// Close releases the installation, too.
func (f *Function) Close(ctx context.Context) error {
	return errors.Join(f.py.Close(), f.place.close(), f.exec.Close(ctx), f.Installation.Close())
}

// Invocation is one call of a function.
type Invocation struct {
	// Name names it: no other one ever has the same. Place is the executor that it works
	// for, as its claims name it.
	Name, Place string
	// Begun is when it began.
	Begun time.Time
	// Deadline is when the process is stopped, whatever it does; zero is never.
	Deadline time.Time
	// Withheld, if set, says that somebody sees this process end and knows why it was told
	// to. What is stopped with it is stopped at once, and left to them to report (Died): it
	// is called for each such attempt.
	Withheld func(run.Attempt)
}

// guardName is the name that it has to guards. Lambda may make one call twice, at the same
// time and with the same name.
func (inv *Invocation) guardName() string { return inv.Name + ":" + rand.Text() }

const (
	// inTime is how long before the deadline nothing is begun any more.
	inTime = 10 * time.Second
	// lastWords is how long before the deadline what still runs is stopped.
	lastWords = 5 * time.Second
	// shortWait is how long a scheduler waits for what is due soon, rather than being
	// called again for it.
	shortWait = time.Second
	// resendAfter is after how long an attempt that nobody has claimed is sent again. Word
	// of it takes milliseconds; a worker that is throttled takes longer.
	resendAfter = 2 * time.Minute
)

// Schedule plans until nothing more is to be done now. All says that DAGs may be due and
// assets updated, and not only that runs go on. A scheduler that is at work already looks
// again in this one's place. It returns when somebody has to call again, zero if nobody
// has to because of the time.
func (f *Function) Schedule(ctx context.Context, inv Invocation, all bool) (wake time.Time, err error) {
	g := &tick.Guard{Store: f.Store, Now: f.Now, Of: schedulers, Name: inv.guardName(), Lease: max(time.Until(inv.Deadline), time.Second)}
	inside, err := g.Enter(ctx)
	if err != nil || !inside {
		return time.Time{}, err
	}
	calls := f.newCalls()
	defer calls.stop()
	for {
		wake, waits, err := f.pass(ctx, inv, all, calls)
		g.Waits = waits
		again := false
		if err == nil {
			again, err = calls.wait(ctx, g, wake, inv.Deadline.Add(-inTime))
		}
		if err != nil {
			// Another call tries again; the right runs out with the deadline at the latest.
			return time.Time{}, errors.Join(err, g.Quit(context.WithoutCancel(ctx)))
		}
		if again {
			all = true // see below
			continue
		}
		if until := wake.Sub(f.Now()); !wake.IsZero() && until <= shortWait && time.Until(inv.Deadline) > inTime {
			if err := sleep(ctx, until); err != nil {
				return time.Time{}, err
			}
			continue
		}
		left, hint, err := g.Leave(ctx, wake)
		switch {
		case err != nil:
			return time.Time{}, err
		case !left && time.Until(inv.Deadline) <= inTime:
			return f.Now(), g.Quit(ctx)
		case !left:
			all = true // whoever was turned away may have wanted everything
		case hint:
			return wake, nil
		default:
			return time.Time{}, nil
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass plans once, and has calls begun that runs owe. It returns when to plan again, and
// whether something waits for slots.
func (f *Function) pass(ctx context.Context, inv Invocation, all bool, calls *functionCalls) (wake time.Time, waits bool, err error) {
	owed := all
	engine, err := tick.New(tick.Config{
		Store: f.Store, Now: f.Now, Token: rand.Text, Worker: inv.Name, Log: f.Log, Schedule: all, QueueTimeout: resendAfter,
		Open: func(executors.Report) (executors.Executor, error) { return f.exec, nil },
		OnChange: func(batches []run.Batch) {
			calls.See(batches)
			for _, b := range batches {
				owed = owed || b.Update != nil && len(b.Update.Want.Owed) > 0
			}
		},
	})
	if err != nil {
		return time.Time{}, false, err
	}
	if wake, err = engine.Pass(ctx); err == nil && owed {
		calls.begin(ctx)
	}
	return wake, engine.Waits(), err
}

// workLease is for how long a function counts as alive without a sign of life. What ends
// sooner costs no write for it.
const workLease = time.Minute

// remember is for how long a function goes on with a DAG that may be paused by then: people
// do not see the difference, and a chain of short tasks would read that more often than
// anything else.
const remember = 5 * time.Second

// Work executes attempts that were sent, and what follows from them as far as accepts says
// that it may be done here. There is an error for each whose message has to come again.
// Before the deadline it begins nothing any more, and stops what still runs.
func (f *Function) Work(ctx context.Context, inv Invocation, accepts func(*dag.DAG, *dag.Task) bool, attempts ...run.Attempt) []error {
	if err := f.follow(ctx); err != nil {
		return repeated(err, len(attempts))
	}
	w, err := tick.NewWorker(tick.WorkerConfig{
		Store: f.Store, Loader: f.Loader, Executor: placed{f.exec, inv.Place}, Accepts: accepts, Name: inv.Name,
		Execute: func(ctx context.Context, w executors.Work) run.Report {
			begun := time.Now()
			rep := f.rt.Execute(ctx, task.Work{Graph: w.Graph, Run: w.Run, Instance: w.Instance, Resume: w.Resume, Memory: w.Memory})
			if errors.Is(context.Cause(ctx), executors.ErrClosed) {
				inv.judge(&rep, begun)
			}
			if inv.Withheld != nil {
				// Who is watched may be killed as soon as it has reported, and whoever watches
				// writes no log for an attempt that was reported.
				f.flush(ctx)
			}
			return rep
		},
		OnSettled: func(a ...run.Attempt) {
			if err := f.place.host.Forget(a...); err != nil {
				f.Log.Warn("tidying up after attempts", "error", err)
			}
		},
		Notify: func(id run.ID, all bool) {
			if all {
				f.Wake()
			} else {
				f.wakeRun(id)
			}
		},
		Free: f.free, Remember: remember,
		Now: f.Now, Token: rand.Text, Parallelism: max(1, len(attempts)), Lease: workLease,
		Grace: inv.grace(), Withhold: inv.withhold, Log: f.Log,
	})
	if err != nil {
		return repeated(err, len(attempts))
	}
	if !inv.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, inv.Deadline.Add(-inTime))
		defer cancel()
	}
	errs := w.Handle(ctx, attempts...)
	f.flush(ctx)
	return errs
}

// flush writes the logs that wait for others: the process may be frozen after the call.
func (f *Function) flush(ctx context.Context) {
	if err := f.Logs.Flush(context.WithoutCancel(ctx)); err != nil {
		f.Log.ErrorContext(ctx, "writing the last logs", "error", err)
	}
}

// free leaves word of free slots, and reports whether a scheduler has to be called for them.
func (f *Function) free(ctx context.Context) bool {
	g := &tick.Guard{Store: f.Store, Now: f.Now, Of: schedulers}
	call, err := g.Free(ctx)
	if err != nil {
		f.Log.WarnContext(ctx, "leaving word of free slots; a scheduler is called", "error", err)
	}
	return call || err != nil
}

// placed is a dispatcher for a worker that is itself at one of the places it sends to.
type placed struct {
	executors.Dispatcher
	place string
}

// Name implements executors.Executor.
func (p placed) Name() string { return p.place }

// grace is how long attempts may go on when the invocation is over.
func (inv *Invocation) grace() time.Duration {
	if inv.Withheld != nil {
		return 0
	}
	return inTime - lastWords
}

// withhold says whether the report of an attempt that was stopped with the process is left
// to whoever watches it.
func (inv *Invocation) withhold(rep run.Report, stopped bool) bool {
	if inv.Withheld == nil || !stopped || rep.Outcome != run.OutcomeFailed {
		return false
	}
	inv.Withheld(rep.Attempt)
	return true
}

// judge names the cause of an attempt that was stopped because the invocation was over: had
// it the whole time, another try would end the same way.
func (inv *Invocation) judge(rep *run.Report, begun time.Time) {
	if rep.Outcome != run.OutcomeFailed || begun.Sub(inv.Begun) > inTime {
		return
	}
	rep.Cause = run.CauseTimeout
	rep.Reason = fmt.Sprintf("it was stopped after %s, when the time of the function was over: give the task an execution_timeout above that, and it goes to a place that has it",
		time.Since(begun).Round(time.Second))
}

func repeated(err error, n int) []error {
	out := make([]error, n)
	for i := range out {
		out[i] = err
	}
	return out
}

// Died fails what a worker held that somebody has seen die, and has its runs planned.
func (f *Function) Died(ctx context.Context, d tick.Death) error {
	changed, err := tick.ReportDeath(ctx, f.Loader, f.Now, rand.Text, d)
	for _, id := range changed {
		f.wakeRun(id)
	}
	return err
}

// StartElsewhere gives attempts that still wait for a worker to an executor that starts one
// for each. There is an error for each whose message has to come again.
func (f *Function) StartElsewhere(ctx context.Context, inv Invocation, x executors.Dispatcher, attempts ...run.Attempt) []error {
	errs := make([]error, len(attempts))
	var work []executors.Work
	var index []int
	for i, a := range attempts {
		w, err := tick.Waiting(ctx, f.Loader, a)
		if errs[i] = err; w != nil {
			work, index = append(work, *w), append(index, i)
		}
	}
	for n, err := range x.Start(ctx, work...) {
		var refused *executors.RefusedError
		if errors.As(err, &refused) {
			err = f.Died(ctx, tick.Death{
				Worker: inv.Name, Attempts: []run.Attempt{work[n].Attempt()}, Unclaimed: true, Cause: refused.Cause, Reason: refused.Reason, Executor: x.Name(),
			})
		}
		errs[index[n]] = err
	}
	return errs
}
