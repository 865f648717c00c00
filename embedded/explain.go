package embedded

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

// Explanation says why a task instance is where it is.
type Explanation struct {
	Key      run.Key
	Instance run.Instance
	// Text is one sentence.
	Text string
	// OfRun says that it waits for nothing of its own: its run is queued.
	OfRun bool
}

// ExplainRun says in one sentence why a run is where it is, and then of each of its
// instances, in the order of the graph, both by the rules of the planner.
func (i *Installation) ExplainRun(ctx context.Context, id run.ID) (string, []Explanation, error) {
	s, err := i.around(ctx, id)
	if err != nil {
		return "", nil, err
	}
	text, err := s.ExplainRun(id, i.Now())
	if err != nil {
		return "", nil, err
	}
	list, err := i.explain(ctx, s, id, "", nil)
	return text, list, err
}

// Explain says of the instances of a task, or of that with an index, why they are where
// they are.
func (i *Installation) Explain(ctx context.Context, id run.ID, task string, index *int) ([]Explanation, error) {
	s, err := i.around(ctx, id)
	if err != nil {
		return nil, err
	}
	return i.explain(ctx, s, id, task, index)
}

// around loads what decides about a run.
func (i *Installation) around(ctx context.Context, id run.ID) (*scheduler.Snapshot, error) {
	if _, err := i.FindRun(ctx, id); err != nil {
		return nil, err
	}
	s, err := i.Loader.Around(ctx, id)
	if err != nil {
		return nil, err
	}
	s.Parallelism = i.Config.Int("parallelism")
	return s, nil
}

func (i *Installation) explain(ctx context.Context, s *scheduler.Snapshot, id run.ID, task string, index *int) ([]Explanation, error) {
	instances, err := choose(s.Run(id), task, index)
	if err != nil {
		return nil, err
	}
	now := i.Now()
	out := make([]Explanation, len(instances))
	for n, in := range instances {
		text, err := s.Explain(in.Key(id), now)
		if err != nil {
			return nil, err
		}
		ofRun := s.Run(id).Run.State == run.RunQueued && !in.State.Finished()
		out[n] = Explanation{Key: in.Key(id), Instance: in, Text: text, OfRun: ofRun}
	}
	return out, i.explainPlaces(ctx, s.Run(id), out)
}

// explainPlaces adds what keeps executors from starting what is queued, and where placements
// send what waits.
func (i *Installation) explainPlaces(ctx context.Context, v *scheduler.View, list []Explanation) error {
	var waits tick.Waits
	if slices.ContainsFunc(list, func(e Explanation) bool { return e.Instance.State == run.Queued }) {
		var err error
		if waits, err = tick.ReadWaits(ctx, i.Store, i.Now()); err != nil {
			return err
		}
	}
	for n := range list {
		e := &list[n]
		switch e.Instance.State {
		case run.Queued:
			if why := waits.Of(e.Instance.Attempt(v.Run.ID)); why != "" {
				e.Text += "; " + why
			}
		case run.Scheduled, run.UpForRetry:
		default:
			continue
		}
		why, err := i.explainPlacement(ctx, executors.Work{Graph: v.Graph, Run: v.Run, Instance: e.Instance})
		if err != nil {
			return err
		}
		if why != "" {
			e.Text += "; " + why
		}
	}
	return nil
}

// Instances returns the instances of a run, also those that were never written, in the
// order of the graph; with a task, only those of the task, and with an index only that
// one.
func (i *Installation) Instances(ctx context.Context, id run.ID, task string, index *int) ([]run.Instance, error) {
	if _, err := i.FindRun(ctx, id); err != nil {
		return nil, err
	}
	v, err := i.Loader.View(ctx, id)
	if err != nil {
		return nil, err
	}
	return choose(v, task, index)
}

// Instance returns one instance of a run, cheaply: only its task is read. One that was
// never written, also because there is no such task or index, is in state None.
func (i *Installation) Instance(ctx context.Context, k run.Key) (run.Instance, error) {
	data, err := i.Store.Run(ctx, k.ID, k.Task)
	if err != nil {
		return run.Instance{}, fmt.Errorf("read %s: %w", k, err)
	}
	for _, in := range data.Instances {
		if in.Map == k.Map {
			return in, nil
		}
	}
	return run.Instance{Task: k.Task, Map: k.Map}, nil
}

// choose returns instances of a run in the order of its graph: all, those of a task, or
// one of them. That there are none is an error that names what there is.
func choose(v *scheduler.View, task string, index *int) ([]run.Instance, error) {
	byTask := make(map[string][]run.Instance, len(v.Graph.Tasks))
	for _, in := range v.Instances() {
		if index == nil || *index == in.Map {
			byTask[in.Task] = append(byTask[in.Task], in)
		}
	}
	if task == "" {
		var out []run.Instance
		for _, t := range v.Graph.Order {
			out = append(out, byTask[v.Graph.Tasks[t].ID]...)
		}
		return out, nil
	}
	if _, ok := v.Graph.Index(task); !ok {
		return nil, unknownTask(v, task)
	}
	if len(byTask[task]) == 0 {
		return nil, fmt.Errorf("task %s of run %s has no map index %d: see `updraft tasks states-for-dag-run %s %s`",
			task, v.Run.ID, *index, v.Run.DAG, v.Run.Run)
	}
	return byTask[task], nil
}

// unknownTask names the tasks there are, as far as a line holds them.
func unknownTask(v *scheduler.View, task string) error {
	const most = 10
	var ids []string
	for n, t := range v.Graph.Order {
		if n == most {
			ids = append(ids, fmt.Sprintf("and %d more", len(v.Graph.Order)-most))
			break
		}
		ids = append(ids, v.Graph.Tasks[t].ID)
	}
	return fmt.Errorf("run %s has no task %q: it has %s", v.Run.ID, task, strings.Join(ids, ", "))
}
