package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/scheduler/timetable"
	"github.com/updraft-dev/updraft/store"
)

// Pause pauses or unpauses DAGs and tells the process that works on the installation.
// It returns the ids of those whose state it changed; ids that are not known are errors,
// and the others are changed nevertheless.
func (i *Installation) Pause(ctx context.Context, ids []string, paused bool) (changed []string, err error) {
	for _, id := range ids {
		def, derr := i.FindDAG(ctx, id)
		if derr == nil && def.State.Paused == paused {
			continue
		}
		if derr == nil {
			derr = tick.SetPaused(ctx, i.Store, id, paused)
		}
		if derr != nil {
			err = errors.Join(err, derr)
			continue
		}
		changed = append(changed, id)
	}
	if len(changed) > 0 {
		i.Wake()
	}
	return changed, err
}

// DAGStatus is what is known of a DAG, beside its definition.
type DAGStatus struct {
	store.Definition
	Info scheduler.DAGInfo
	// Next is the next run that its schedule brings; nil if there is none.
	Next *timetable.Due
	// Problem is why its schedule cannot be used; nil if it can.
	Problem error
}

// DAGs returns all DAGs by id, those without a file (stale) only if asked for.
func (i *Installation) DAGs(ctx context.Context, stale bool) ([]DAGStatus, error) {
	var out []DAGStatus
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListDAGs(ctx, store.DAGFilter{IncludeStale: stale}, page)
		if err != nil {
			return nil, fmt.Errorf("list DAGs: %w", err)
		}
		for _, def := range list.Items {
			s, err := i.dagStatus(ctx, def)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
		if page.Token = list.Next; page.Token == "" {
			return out, nil
		}
	}
}

// DAG returns what is known of one DAG; store.ErrNotFound if it is not there.
func (i *Installation) DAG(ctx context.Context, id string) (DAGStatus, error) {
	def, err := i.FindDAG(ctx, id)
	if err != nil {
		return DAGStatus{}, err
	}
	return i.dagStatus(ctx, def)
}

func (i *Installation) dagStatus(ctx context.Context, def store.Definition) (DAGStatus, error) {
	snap := scheduler.NewSnapshot()
	out := DAGStatus{Definition: def}
	if err := i.Loader.AddDAG(ctx, snap, def); err != nil {
		if ctx.Err() != nil {
			return out, err
		}
		out.Problem = err
		return out, nil
	}
	out.Info, _ = snap.DAG(def.ID)
	due, err := snap.Upcoming(def.ID, i.Now(), 1)
	if err != nil {
		out.Problem = err
	} else if len(due) > 0 && !def.State.Stale {
		out.Next = &due[0]
	}
	return out, nil
}

// Upcoming returns the next n runs that a DAG's schedule brings, from where it stands.
func (i *Installation) Upcoming(ctx context.Context, id string, n int) ([]timetable.Due, error) {
	def, err := i.FindDAG(ctx, id)
	if err != nil {
		return nil, err
	}
	snap := scheduler.NewSnapshot()
	if err := i.Loader.AddDAG(ctx, snap, def); err != nil {
		return nil, err
	}
	return snap.Upcoming(id, i.Now(), n)
}

// Deleted says what DeleteDAG did.
type Deleted struct {
	// Runs is the number of runs that are gone.
	Runs int
	// Kept is the DAG's file when it is still there: the DAG starts anew then.
	Kept string
}

// DeleteDAG removes a DAG with its runs, their history and XComs. A DAG whose file is
// still there starts anew, without them. A DAG with running tasks is refused.
func (i *Installation) DeleteDAG(ctx context.Context, id string) (Deleted, error) {
	var out Deleted
	def, err := i.FindDAG(ctx, id)
	if err != nil {
		return out, err
	}
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListRuns(ctx, store.RunFilter{DAG: id}, page)
		if err != nil {
			return out, err
		}
		out.Runs += len(list.Items)
		for _, r := range list.Items {
			if err := i.refuseRunning(ctx, &r); err != nil {
				return out, err
			}
		}
		if page.Token = list.Next; page.Token == "" {
			break
		}
	}
	if err := i.Store.DeleteDAG(ctx, id); err != nil {
		return out, fmt.Errorf("delete DAG %s: %w", id, err)
	}
	file := def.File
	if !filepath.IsAbs(file) {
		file = filepath.Join(i.Config.Text("dags"), filepath.FromSlash(file))
	}
	if _, err := os.Stat(file); err == nil && !def.State.Stale {
		out.Kept = file
		def.State, def.At = store.DAGState{Paused: def.State.Paused}, i.Now()
		if err := i.Store.PutDAG(ctx, def); err != nil {
			return out, fmt.Errorf("store DAG %s anew: %w", id, err)
		}
	}
	i.Wake()
	return out, nil
}

func (i *Installation) refuseRunning(ctx context.Context, r *run.Run) error {
	if r.State.Finished() {
		return nil
	}
	data, err := i.Store.Run(ctx, r.ID)
	if err != nil {
		return err
	}
	for n := range data.Instances {
		if in := &data.Instances[n]; in.State == run.Running {
			return fmt.Errorf("%s is running: stop it first with `updraft dags pause %s` and by marking the run, or wait for its end", in.Key(r.ID), r.DAG)
		}
	}
	return nil
}
