package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// TaskResources is what a task asks for, and what it was seen to need.
type TaskResources struct {
	Task string
	// Need is what the first try of the next run asks for, with what was learned.
	Need executors.Need
	// Peak is the most memory that one of its processes has had, in bytes; 0 if none is
	// known. OOMs is how often it ran out of memory.
	Peak int64
	OOMs int
}

// Resources returns what the tasks of a DAG ask for, in the author's order, and what they
// were seen to need in so many of its latest runs, of which it also returns how many there
// were.
func (i *Installation) Resources(ctx context.Context, dagID string, runs int) ([]TaskResources, int, error) {
	def, err := i.FindDAG(ctx, dagID)
	if err != nil {
		return nil, 0, err
	}
	g, err := i.Loader.Graph(ctx, dagID, def.Version)
	if err != nil {
		return nil, 0, err
	}
	out := make([]TaskResources, len(g.Tasks))
	for n, t := range g.Tasks {
		need, err := executors.NeedOf(g.DAG, t)
		if err != nil {
			return nil, 0, err
		}
		need.Learned = def.State.Memory[t.ID]
		out[n] = TaskResources{Task: t.ID, Need: need}
	}
	list, err := i.Store.ListRuns(ctx, store.RunFilter{DAG: dagID}, store.Page{Limit: runs})
	if err != nil {
		return nil, 0, fmt.Errorf("list the runs of DAG %s: %w", dagID, err)
	}
	for _, r := range list.Items {
		data, err := i.Store.Run(ctx, r.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue // it was deleted meanwhile
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read run %s: %w", r.ID, err)
		}
		for _, in := range data.Instances {
			if at, there := g.Index(in.Task); there {
				out[at].Peak, out[at].OOMs = max(out[at].Peak, in.PeakMemory), out[at].OOMs+in.OOMFailures
			}
		}
	}
	return out, len(list.Items), nil
}

// ForgetMemory forgets what was learned of the memory that a task needs, or all tasks of the
// DAG if none is named. It returns what was known.
func (i *Installation) ForgetMemory(ctx context.Context, dagID, task string) (map[string]run.Memory, error) {
	def, err := i.FindDAG(ctx, dagID)
	if err != nil {
		return nil, err
	}
	g, err := i.Loader.Graph(ctx, dagID, def.Version)
	if err != nil {
		return nil, err
	}
	_, known := def.State.Memory[task] // of one that was renamed, too
	if _, there := g.Index(task); task != "" && !there && !known {
		ids := make([]string, len(g.Tasks))
		for n, t := range g.Tasks {
			ids[n] = t.ID
		}
		return nil, fmt.Errorf("DAG %s has no task %q: it has %s", dagID, task, strings.Join(ids, ", "))
	}
	var gone map[string]run.Memory
	err = tick.ChangeMemory(ctx, i.Store, dagID, func(all map[string]run.Memory) bool {
		gone = map[string]run.Memory{}
		for id, m := range all {
			if task == "" || id == task {
				gone[id] = m
				delete(all, id)
			}
		}
		return len(gone) > 0
	})
	return gone, err
}
