package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// latestRun stands for the latest run of a DAG wherever a run is named.
const latestRun = "latest"

// findRun returns the run of a DAG that a text names: by its id, by its logical date,
// or as the latest.
func (a *app) findRun(ctx context.Context, i *embedded.Installation, dagID, text string) (run.Run, error) {
	data, err := i.FindRun(ctx, run.ID{DAG: dagID, Run: text})
	if !errors.Is(err, store.ErrNotFound) {
		return data.Run, err
	}
	if text == latestRun {
		return i.LatestRun(ctx, dagID)
	}
	if t, terr := parseTime(text); terr == nil {
		r, terr := i.RunAt(ctx, dagID, t)
		if !errors.Is(terr, store.ErrNotFound) {
			return r, terr
		}
	}
	return run.Run{}, err
}

// findTask returns the run and the task that the arguments DAG RUN TASK name. Airflow's
// commands take the task before the run: that works as well.
func (a *app) findTask(ctx context.Context, i *embedded.Installation, args []string) (run.ID, string, error) {
	r, err := a.findRun(ctx, i, args[0], args[1])
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return r.ID, args[2], err
	}
	if r, swapped := a.findRun(ctx, i, args[0], args[2]); swapped == nil {
		return r.ID, args[1], nil
	}
	return run.ID{}, "", err
}

// mapIndex is the value of --map-index: none unless the flag was given.
type mapIndex struct{ index *int }

func (m *mapIndex) Type() string   { return "index" }
func (m *mapIndex) String() string { return "" }

func (m *mapIndex) Set(s string) error {
	var n int
	if _, err := fmt.Sscanf(s+"\n", "%d\n", &n); err != nil || n < run.Unmapped {
		return errors.New("write a whole number from 0 (or -1 for an instance that is not mapped)")
	}
	m.index = &n
	return nil
}

// one returns the instance that a task and an index name; a mapped task needs an index.
func (a *app) one(ctx context.Context, i *embedded.Installation, id run.ID, task string, m mapIndex) (run.Instance, error) {
	list, err := i.Instances(ctx, id, task, m.index)
	if err != nil {
		return run.Instance{}, err
	}
	if len(list) > 1 {
		return run.Instance{}, usagef("task %s of run %s is mapped: choose one of its %d instances by --map-index", task, id, len(list))
	}
	return list[0], nil
}

// dagRunTask completes DAG RUN TASK.
func (a *app) dagRunTask() []candidates { return []candidates{a.dagIDs, a.runIDs, a.taskIDs} }

// mapped says whether an instance among these is one of a mapped task.
func mapped(list []run.Instance) bool {
	return slices.ContainsFunc(list, func(in run.Instance) bool { return in.Map != run.Unmapped })
}
