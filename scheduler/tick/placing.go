package tick

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Placements are read with what is read of a DAG anyway: its file by Loader.Graph, its state
// by Loader.AddDAG, whether it is paused by a worker. Where there are none they cost nothing.

// ChangePlacements changes the placements of a DAG, again if somebody else has changed its
// state in between. An error of the change
// ends it.
func ChangePlacements(ctx context.Context, s store.Store, id string, change func([]run.Placement) ([]run.Placement, error)) error {
	for {
		def, err := s.DAG(ctx, id)
		if err != nil {
			return fmt.Errorf("DAG %s: %w", id, err)
		}
		list, err := change(slices.Clone(def.State.Placements))
		if err != nil {
			return err
		}
		def.State.Placements = list
		if _, err = s.SetDAG(ctx, id, def.State); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// keepPlacements notes the placements of a DAG that was read.
func (l *Loader) keepPlacements(def *store.Definition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.placements[def.ID], l.memory[def.ID] = def.State.Placements, def.State.Memory
}

// forgetPlacements has them read again: they may have changed.
func (l *Loader) forgetPlacements() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.placements)
}

// Placements returns the placements of a DAG, as they were read last. They must not be changed.
func (l *Loader) Placements(ctx context.Context, dagID string) ([]run.Placement, error) {
	l.mu.Lock()
	list, known := l.placements[dagID]
	l.mu.Unlock()
	if known {
		return list, nil
	}
	def, err := l.store.DAG(ctx, dagID)
	switch {
	case errors.Is(err, store.ErrNotFound): // its runs go on without it
		def.ID = dagID
	case err != nil:
		return nil, fmt.Errorf("read the placements of DAG %s: %w", dagID, err)
	}
	l.keepPlacements(&def)
	return def.State.Placements, nil
}

// place fills in where operators have placed work.
func (l *Loader) place(ctx context.Context, work []executors.Work) error {
	for i := range work {
		w := &work[i]
		list, err := l.Placements(ctx, w.Run.DAG)
		if err != nil {
			return err
		}
		w.Placed, w.Memory = placedAt(list, w.Run.ID, w.Instance.Task), l.learned(w.Run.DAG, w.Instance.Task)
	}
	return nil
}

// placedAt is the executor that a placement names, empty if there is none.
func placedAt(list []run.Placement, id run.ID, task string) string {
	if p := executors.Placed(list, id, task); p != nil {
		return p.Executor
	}
	return ""
}

// placed is the executor that a placement names for a task of the run.
func (c *scene) placed(task string) string { return placedAt(c.placements, c.data.Run.ID, task) }

// place is what tells the places of tasks apart: what a placement names, or the task itself.
func (c *scene) place(t *dag.Task) string {
	if at := c.placed(t.ID); at != "" {
		return at
	}
	return t.Executor
}

// accepts says whether this worker may go on with a task of the run as far as its place is
// concerned: a placement elsewhere wins, and one that names this place stands for the task's
// own wish.
func (w *Worker) accepts(c *scene, t *dag.Task) bool {
	if c.memory[t.ID].Doubled > 0 {
		return false // it gets what was found to be enough where it is sent
	}
	at := c.placed(t.ID)
	if at == "" {
		return w.cfg.Accepts(c.graph.DAG, t)
	}
	if at != w.cfg.Place {
		return false
	}
	here := *t
	here.Executor = at
	return w.cfg.Accepts(c.graph.DAG, &here)
}
