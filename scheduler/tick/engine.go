package tick

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// Config says what an Engine works with.
type Config struct {
	Store store.Store
	// Open makes the executor, given where to send its reports.
	Open func(executors.Report) (executors.Executor, error)
	Now  func() time.Time
	// Token makes a fencing token; it must never repeat.
	Token func() string
	// Worker names this process in the claims it makes.
	Worker string
	Log    *slog.Logger
	// Schedule lets the engine create runs by schedule and asset; without it only the
	// runs that exist are worked off (`updraft run`).
	Schedule bool
	// Poll is how often to look for changes that other processes made; 0 is never.
	Poll time.Duration
	// QueueTimeout is after how long an attempt that no worker has claimed is sent again,
	// where the executor is an executors.Dispatcher; 0 is never.
	QueueTimeout time.Duration
	// OnChange, if set, is told of every committed batch, in order, from the loop.
	OnChange func([]run.Batch)
	// OnSettled, if set, is told from the loop of attempts whose reports are durable, or
	// refused for good: what was kept of them in case this process dies can go.
	OnSettled func([]run.Attempt)
	// OnStore, if set, is told from the loop how each turn went with the store.
	OnStore func(error)
}

// Engine plans, commits and dispatches for one process: one goroutine owns the
// snapshot; reports, requests and alarms reach it as messages and are handled in
// groups, one commit for each group. While a commit is under way the next group
// gathers, so that many completions at once cost few commits.
type Engine struct {
	cfg    Config
	loader *Loader
	exec   executors.Executor
	remote remote
	inbox  chan message
	notice chan struct{}
	ready  chan struct{}

	snap     *scheduler.Snapshot
	inflight map[string]run.Attempt
	redo     redo
	fault    fault
	// version is the store's count of foreign writes at the last load.
	version int64
	pace    pace
	// draining says that Close was called: reports are taken, nothing is started.
	draining bool
}

// message is one thing for the loop to handle; done, if set, gets the outcome after
// the commit.
type message struct {
	report *run.Report
	edit   func(context.Context, *Edit) error
	done   chan<- error
	// tries counts how often the edit was made, touched are the runs it has changed.
	tries   int
	touched []run.ID
}

// New returns an engine; Run starts it.
func New(cfg Config) (*Engine, error) {
	e := &Engine{
		cfg: cfg, loader: NewLoader(cfg.Store), inbox: make(chan message, 1024), ready: make(chan struct{}), notice: make(chan struct{}, 1),
		inflight: map[string]run.Attempt{}, redo: redo{claims: map[string]bool{}},
	}
	if cfg.Open != nil {
		var err error
		if e.exec, err = cfg.Open(e.Report); err != nil {
			return nil, fmt.Errorf("open executor: %w", err)
		}
		e.remote.init(e.exec)
	}
	return e, nil
}

// Loader returns the engine's loader.
func (e *Engine) Loader() *Loader { return e.loader }

// Ready is closed once the engine has loaded its snapshot.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// Report hands in what became of an attempt.
func (e *Engine) Report(r run.Report) { e.inbox <- message{report: &r} }

// Notice has the engine look now, rather than at the next poll, for what other
// processes have written.
func (e *Engine) Notice() {
	e.remote.noticeAll()
	e.wake()
}

func (e *Engine) wake() {
	select {
	case e.notice <- struct{}{}:
	default:
	}
}

// Do runs an edit in the loop and returns when what it changed is durable. The edit is
// made again when somebody else changed the same things in between.
func (e *Engine) Do(ctx context.Context, edit func(context.Context, *Edit) error) error {
	done := make(chan error, 1)
	select {
	case e.inbox <- message{edit: edit, done: done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close starts nothing any more, lets what runs end until ctx does, stops the rest,
// and returns when their reports are durable. Run goes on until its own context ends.
func (e *Engine) Close(ctx context.Context) error {
	if e.exec == nil {
		return nil
	}
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := e.Do(settle, func(context.Context, *Edit) error { e.draining = true; return nil }); err != nil {
		return fmt.Errorf("stop the scheduler: %w", err)
	}
	err := e.exec.Close(ctx)
	// The reports came before this edit, which is therefore committed after them.
	return errors.Join(err, e.Do(settle, func(context.Context, *Edit) error { return nil }))
}

// settleTime bounds the commits of Close.
const settleTime = 30 * time.Second

// Run works until ctx ends; the error is then nil. It returns early only when the
// store cannot be read at the start.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.load(ctx); err != nil {
		return err
	}
	close(e.ready)
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	var poll <-chan time.Time
	if e.cfg.Poll > 0 {
		t := time.NewTicker(e.cfg.Poll)
		defer t.Stop()
		poll = t.C
	}
	for {
		var group []message
		select {
		case <-ctx.Done():
			return nil
		case m := <-e.inbox:
			group = e.gather(ctx, m)
		case <-alarm.C:
		case <-poll:
			if !e.reloadIfChanged(ctx) {
				continue
			}
		case <-e.notice:
			if !e.look(ctx) {
				continue
			}
		}
		// Messages that came while an alarm rang share its commit.
		wake := e.turn(ctx, e.drain(group))
		alarm.Stop()
		if !wake.IsZero() {
			alarm.Reset(max(0, wake.Sub(e.cfg.Now())))
		}
	}
}

// turn handles a group of messages: apply, plan, commit, dispatch.
func (e *Engine) turn(ctx context.Context, group []message) (wake time.Time) {
	now := e.cfg.Now()
	group = append(e.redo.take(), group...)
	if err := e.loadIfStale(ctx); err != nil {
		e.giveUp(group, err, now)
		return now.Add(retryCommit)
	}
	e.refresh(ctx, now)
	results := make([]error, len(group))
	fresh := e.remote.fresh()
	for i, m := range group {
		switch {
		case m.report != nil:
			e.report(*m.report, now)
		case m.edit != nil:
			results[i] = e.edit(ctx, &group[i], fresh, now)
		}
	}
	var d scheduler.Decision
	var work []executors.Work
	if !e.draining {
		d = e.plan(now)
		work = e.claim(d.Start, now)
		work = append(work, e.unsent()...)
	}
	batches := e.snap.Flush()
	again, err := e.commit(ctx, batches)
	if err != nil {
		e.redo.doubt(e.inflight, work)
		e.giveUp(group, err, now)
		return now.Add(retryCommit)
	}
	e.tellStore(nil, now)
	if len(again) > 0 {
		e.redeliver(group, again)
	}
	e.answer(group, results, again)
	e.settle(group, again, goesOn)
	if e.cfg.OnChange != nil && len(batches) > 0 {
		e.cfg.OnChange(batches)
	}
	e.cancelStale(ctx, batches)
	e.saveDAGs(ctx, d.DAGs)
	e.saveBackfills(ctx, d.Backfills, now)
	e.dispatch(ctx, work)
	e.settle(group, again, isOver)
	if len(e.redo.messages) > 0 || len(again) > 0 {
		return now
	}
	e.snap.Forget()
	return e.remote.earlier(d.Wake, now)
}

func (e *Engine) plan(now time.Time) scheduler.Decision {
	e.snap.Parallelism = 0
	if e.exec != nil {
		e.snap.Parallelism = e.exec.Capacity()
	}
	return scheduler.Plan(e.snap, now)
}

func (e *Engine) report(r run.Report, now time.Time) {
	delete(e.inflight, r.Token)
	e.pace.note(now)
	if e.snap.Report(r, now) {
		return
	}
	e.cfg.Log.Warn("late report refused", "dag", r.DAG, "run", r.Run, "task", r.Name(), "try", r.Try, "outcome", r.Outcome)
}

// claim takes queued attempts for this process's executor: queued and running are one
// write.
func (e *Engine) claim(start []run.Attempt, now time.Time) []executors.Work {
	if e.exec == nil {
		return nil
	}
	if e.remote.on {
		return e.queued(start)
	}
	work := make([]executors.Work, 0, len(start))
	for _, a := range start {
		c := scheduler.Claim{Token: e.cfg.Token(), Worker: e.cfg.Worker, Executor: e.exec.Name()}
		if !e.snap.Claim(a, c, now) {
			continue
		}
		e.inflight[c.Token] = a
		v := e.snap.Run(a.ID)
		work = append(work, executors.Work{Graph: v.Graph, Run: v.Run, Instance: *v.Instance(a.Task, a.Map), Memory: e.loader.learned(a.DAG, a.Task)})
	}
	return work
}

// commit makes batches durable. A run of which something was refused has been changed
// by somebody else: it is loaded again, and returned. An error means that what is durable
// is not known: the next turn loads everything again.
func (e *Engine) commit(ctx context.Context, batches []run.Batch) (again map[run.ID]bool, err error) {
	if len(batches) == 0 {
		return nil, nil
	}
	res, err := e.cfg.Store.Apply(ctx, batches...)
	if err != nil {
		e.remote.resend = true // it may be durable nevertheless, and was not sent
		e.redo.stale = true
		return nil, err
	}
	if res.OK() {
		return nil, nil
	}
	again = map[run.ID]bool{}
	for i, cause := range res.Refused {
		e.cfg.Log.Info("run refused by the store", "run", batches[i].Run.String(), "error", cause)
		again[batches[i].Run] = true
	}
	for _, l := range res.Lost {
		again[batches[l.Batch].Run] = true
	}
	for id := range again {
		e.snap.Drop(id)
		if _, err := e.loader.AddRun(ctx, e.snap, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			e.cfg.Log.Error("load run again", "run", id.String(), "error", err)
			e.redo.stale = true
		}
		e.snap.SkipRest(id, e.cfg.Now())
	}
	return again, nil
}

// settle tells of the reports of a committed group, but for those that redeliver has
// put back. What goes on with the same try is told before the try is dispatched again;
// for the others what follows comes first.
func (e *Engine) settle(group []message, again map[run.ID]bool, which func(run.Outcome) bool) {
	if e.cfg.OnSettled == nil {
		return
	}
	var settled []run.Attempt
	for _, m := range group {
		if m.report != nil && !again[m.report.ID] && which(m.report.Outcome) {
			settled = append(settled, m.report.Attempt)
		}
	}
	if len(settled) > 0 {
		e.cfg.OnSettled(settled)
	}
}

func goesOn(o run.Outcome) bool { return o == run.OutcomeReschedule || o == run.OutcomeDeferred }

func isOver(o run.Outcome) bool { return !goesOn(o) }

// dispatch gives claimed, durable work to the executor. What it does not take is planned
// again by the next turn.
func (e *Engine) dispatch(ctx context.Context, work []executors.Work) {
	live := work[:0]
	for _, w := range work {
		// A refused commit may have taken the run, and the claim with it.
		if v := e.snap.Run(w.Run.ID); v != nil {
			if in := v.Instance(w.Instance.Task, w.Instance.Map); in != nil && in.Token == w.Instance.Token {
				live = append(live, w)
				continue
			}
		}
		delete(e.inflight, w.Instance.Token)
	}
	if len(live) == 0 {
		return
	}
	if e.remote.on {
		e.send(ctx, live)
		return
	}
	for i, err := range e.exec.Start(ctx, live...) {
		if err != nil {
			e.redeliver([]message{{report: e.untaken(&live[i], err)}}, nil)
		}
	}
}

// cancelStale stops attempts whose instance was cleared, marked or skipped.
func (e *Engine) cancelStale(ctx context.Context, batches []run.Batch) {
	for _, b := range batches {
		for _, c := range b.Changes {
			a, running := e.inflight[c.If.Token]
			if !running || c.If.Token == "" || c.Want.Token == c.If.Token && c.Want.State != run.Restarting {
				continue
			}
			reason := c.Want.Reason
			if reason == "" {
				reason = "the task instance became " + c.Want.State.String()
			}
			if err := e.exec.Cancel(ctx, a, c.If.Token, reason); err != nil {
				e.cfg.Log.Warn("cancel attempt", "attempt", a.String(), "error", err)
			}
		}
	}
}

// saveDAGs writes what a plan changed about DAGs. Losing it costs nothing but the
// pause of max_consecutive_failed_dag_runs: the rest is derived from runs and events.
func (e *Engine) saveDAGs(ctx context.Context, ids []string) {
	for _, id := range ids {
		info, ok := e.snap.DAG(id)
		if !ok || !info.Paused {
			continue
		}
		if err := SetPaused(ctx, e.cfg.Store, id, true); err != nil {
			e.cfg.Log.Error("pause DAG", "dag", id, "error", err)
		}
	}
}
