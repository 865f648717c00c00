package tick

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

// changeWatcher is the ability of some stores to say cheaply that another process has
// written.
type changeWatcher interface {
	// Changed returns a number that is another one after every write by somebody else.
	Changed(ctx context.Context) (int64, error)
}

// load builds the snapshot anew from the store. Attempts that are under way in this
// process stay so, unless somebody else has ended them; attempts of an earlier process
// are taken over or declared lost. What is damaged is left out. An error says that the
// store could not be read; nothing has changed then.
func (e *Engine) load(ctx context.Context) error {
	version := e.version
	if w, ok := e.cfg.Store.(changeWatcher); ok {
		var err error
		if version, err = w.Changed(ctx); err != nil {
			return fmt.Errorf("read the store: %w", err)
		}
	}
	e.loader.forgetPlacements()
	s := scheduler.NewSnapshot()
	s.RunsOnly = !e.cfg.Schedule
	if e.remote.on {
		s.QueueTimeout = e.cfg.QueueTimeout
	}
	if err := loadPools(ctx, e.cfg.Store, s); err != nil {
		return err
	}
	if err := loadBackfills(ctx, e.cfg.Store, s); err != nil {
		return err
	}
	if err := e.loader.Active(ctx, s); err != nil {
		if !isUnusable(err) {
			return err
		}
		e.cfg.Log.Error("some runs cannot be worked on", "error", err)
	}
	if err := e.loader.Owing(ctx, s); err != nil {
		if !isUnusable(err) {
			return err
		}
		e.cfg.Log.Error("deadlines of some runs cannot be watched", "error", err)
	}
	if err := e.loadDAGs(ctx, s); err != nil {
		if !isUnusable(err) {
			return err
		}
		e.cfg.Log.Error("some DAGs cannot be scheduled", "error", err)
	}
	e.snap, e.version, e.redo.stale = s, version, false
	e.takeOver(ctx)
	e.cancelForeign(ctx)
	return nil
}

func (e *Engine) loadDAGs(ctx context.Context, s *scheduler.Snapshot) error {
	if !e.cfg.Schedule {
		return nil
	}
	return e.loader.DAGs(ctx, s)
}

func loadPools(ctx context.Context, st store.Store, s *scheduler.Snapshot) error {
	all, err := pools(ctx, st)
	if err != nil {
		return err
	}
	s.SetPools(all)
	return nil
}

// pools reads the pools, default_pool included.
func pools(ctx context.Context, st store.Store) (map[string]scheduler.Pool, error) {
	rows, err := st.Settings(ctx, store.KindPool)
	if err != nil {
		return nil, fmt.Errorf("read pools: %w", err)
	}
	all := map[string]scheduler.Pool{dag.DefaultPool: {Slots: dag.DefaultPoolSlots}}
	for _, r := range rows {
		var p settings.Pool
		if err := json.Unmarshal(r.Value, &p); err != nil {
			return nil, fmt.Errorf("pool %s is damaged: %w", r.ID, err)
		}
		all[r.ID] = scheduler.Pool{Slots: p.Slots, IncludeDeferred: p.IncludeDeferred}
	}
	return all, nil
}

// takeOver looks at the claims of this executor that nobody in this process holds.
// They are those of a process that died: each is offered to the executor again, which
// attaches to what is left of it, or fails it as lost. Claims of this process that are
// durable although their commit has failed are given to it for the first time.
func (e *Engine) takeOver(ctx context.Context) {
	if e.exec == nil {
		return
	}
	if e.remote.on {
		e.takeStock()
		return
	}
	now := e.cfg.Now()
	var work, fresh []executors.Work
	for _, v := range e.snap.Unfinished() {
		for _, in := range v.Instances() {
			if in.State == run.Queued {
				e.snap.Unsent(in.Attempt(v.Run.ID)) // committed, but never dispatched
				continue
			}
			if in.State != run.Running && in.State != run.Restarting || in.Executor != e.exec.Name() {
				continue
			}
			if _, ours := e.inflight[in.Token]; ours {
				continue
			}
			e.inflight[in.Token] = in.Attempt(v.Run.ID)
			w := executors.Work{Graph: v.Graph, Run: v.Run, Instance: in, Resume: !e.redo.claims[in.Token]}
			if w.Resume {
				work = append(work, w)
			} else {
				fresh = append(fresh, w)
			}
		}
	}
	clear(e.redo.claims)
	e.dispatch(ctx, fresh)
	if len(work) == 0 {
		return
	}
	e.cfg.Log.Info("taking over attempts of an earlier process", "count", len(work))
	for i, err := range e.exec.Start(ctx, work...) {
		if err != nil {
			w := work[i]
			delete(e.inflight, w.Instance.Token)
			e.snap.Lost(w.Attempt(), w.Instance.Token, "its worker process ended before it did", now)
		}
	}
}

// reloadIfChanged has the next turn load everything again when another process has
// written. It reports whether that is so.
func (e *Engine) reloadIfChanged(ctx context.Context) bool {
	w, ok := e.cfg.Store.(changeWatcher)
	if !ok {
		return false
	}
	version, err := w.Changed(ctx)
	if err != nil || version == e.version {
		return false
	}
	e.redo.stale = true
	return true
}

// cancelForeign stops attempts that another process has cleared or marked.
func (e *Engine) cancelForeign(ctx context.Context) {
	for token, a := range e.inflight {
		var in *run.Instance
		if v := e.snap.Run(a.ID); v != nil {
			in = v.Instance(a.Task, a.Map)
		}
		if in != nil && in.Token == token && in.State != run.Restarting {
			continue
		}
		reason := "the task instance was changed by a user"
		if in != nil && in.Reason != "" {
			reason = in.Reason
		}
		if err := e.exec.Cancel(ctx, a, token, reason); err != nil {
			e.cfg.Log.Warn("cancel attempt", "attempt", a.String(), "error", err)
		}
	}
}

// DAGsChanged tells the engine that DAGs were stored or changed their state.
func (e *Engine) DAGsChanged(ctx context.Context, ids ...string) error {
	return e.Do(ctx, func(ctx context.Context, ed *Edit) error {
		for _, id := range ids {
			def, err := e.cfg.Store.DAG(ctx, id)
			if err != nil {
				return err
			}
			if err := e.loader.AddDAG(ctx, ed.Snapshot, def); err != nil {
				return err
			}
		}
		return nil
	})
}
