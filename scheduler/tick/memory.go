package tick

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// What was found to be enough memory is read with the placements of a DAG, and like them it
// costs nothing where there is none.

// ChangeMemory changes what is known of the memory that the tasks of a DAG need, again if
// somebody else has changed the DAG's state in between. The change is given a map of its own,
// and says whether it has changed it.
func ChangeMemory(ctx context.Context, s store.Store, id string, change func(map[string]run.Memory) bool) error {
	for {
		def, err := s.DAG(ctx, id)
		if err != nil {
			return fmt.Errorf("DAG %s: %w", id, err)
		}
		memory := maps.Clone(def.State.Memory)
		if memory == nil {
			memory = map[string]run.Memory{}
		}
		if !change(memory) {
			return nil
		}
		def.State.Memory = memory
		if _, err = s.SetDAG(ctx, id, def.State); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// learned is what was found to be enough for a task, as it was read last.
func (l *Loader) learned(dagID, task string) run.Memory {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.memory[dagID][task]
}

// outgrew says that an attempt is to be given more memory than its worker may have.
func outgrew(in *run.Instance) bool { return in.OOMFailures > 0 }

// learn notes what was enough for an attempt that has succeeded after it had run out of
// memory. What is not noted is found again.
func (w *Worker) learn(ctx context.Context, h *holding, rep run.Report) {
	in := &h.work.Instance
	t := h.work.Task()
	if rep.Outcome != run.OutcomeSuccess || in.OOMFailures == 0 || t == nil {
		return
	}
	began := h.work.Run.Start
	err := ChangeMemory(ctx, w.cfg.Store, rep.DAG, func(known map[string]run.Memory) bool {
		found := known[t.ID].Enough(t.Resources.Memory, min(in.OOMFailures, run.OOMRetries), began, w.cfg.Now())
		if found == known[t.ID] {
			return false
		}
		known[t.ID] = found
		return true
	})
	if err != nil {
		w.log(rep.Attempt).WarnContext(ctx, "what was enough memory could not be noted", "error", err)
	}
}
