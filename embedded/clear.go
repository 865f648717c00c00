package embedded

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// Clear asks for task instances to be run again.
type Clear struct {
	DAG string
	// Run is the run concerned; without it all runs with a logical date from From to To,
	// both inclusive and nil for no bound. Runs without a logical date are among them
	// only if there is no bound.
	Run      string
	From, To *time.Time
	// Tasks is searched for in the ids of tasks; nil finds all.
	Tasks *regexp.Regexp
	// Maps limits it to these map indexes; none means all.
	Maps                    []int
	OnlyFailed, OnlyRunning bool
	// Upstream and Downstream take the relatives of the tasks along; Past and Future the
	// runs of the DAG before and after.
	Upstream, Downstream, Past, Future bool
	// Latest lets finished runs go on with the current version of the DAG.
	Latest bool
	// DryRun changes nothing.
	DryRun bool
}

// Touched is a task instance that a change by hand concerns.
type Touched struct {
	run.Key
	// State is what it was before the change.
	State run.State
}

// Clear resets task instances so that they run again, and their finished runs to queued;
// what is running is stopped first. It returns what it has cleared, or as a dry run
// would. That no task has such an id is an error; that no instance is like that is not.
func (i *Installation) Clear(ctx context.Context, c Clear) ([]Touched, error) {
	var out []Touched
	err := i.change(ctx, c.DryRun, func(ctx context.Context, e *tick.Edit) error {
		out = nil
		ids, err := i.clearedRuns(ctx, c)
		if err != nil {
			return err
		}
		found := len(ids) == 0
		seen := map[run.Key]bool{}
		for _, id := range ids {
			touched, some, err := i.clearRun(ctx, e, id, c)
			if err != nil {
				return err
			}
			found = found || some
			for _, t := range touched {
				if !seen[t.Key] {
					seen[t.Key] = true
					out = append(out, t)
				}
			}
		}
		if !found {
			return fmt.Errorf("DAG %s has no task whose id contains %q: see `updraft tasks list %s`", c.DAG, c.Tasks, c.DAG)
		}
		return nil
	})
	return out, err
}

// clearRun clears one run and, if asked, those around it. It says what was cleared, and
// whether the run has any of the tasks that are asked for.
func (i *Installation) clearRun(ctx context.Context, e *tick.Edit, id run.ID, c Clear) (touched []Touched, found bool, err error) {
	v, err := i.load(ctx, e, id, c.Past || c.Future)
	if err != nil {
		return nil, false, err
	}
	g := v.Graph
	if info, ok := e.Snapshot.DAG(c.DAG); ok && c.Latest {
		g = info.Graph
	}
	var tasks []string
	for _, t := range g.Tasks {
		if c.Tasks != nil && c.Tasks.MatchString(t.ID) {
			tasks = append(tasks, t.ID)
		}
	}
	if c.Tasks != nil && len(tasks) == 0 {
		return nil, false, nil
	}
	states := statesOf(e.Snapshot, c.DAG)
	keys := e.Snapshot.Clear(scheduler.Clear{
		Run: id, Tasks: tasks, Maps: c.Maps, OnlyFailed: c.OnlyFailed, OnlyRunning: c.OnlyRunning,
		Upstream: c.Upstream, Downstream: c.Downstream, Past: c.Past, Future: c.Future, Latest: c.Latest,
	}, e.Now)
	for _, k := range keys {
		touched = append(touched, Touched{Key: k, State: states[k]})
	}
	return touched, true, nil
}

// load loads a run, and on demand those around it.
func (i *Installation) load(ctx context.Context, e *tick.Edit, id run.ID, around bool) (*scheduler.View, error) {
	if _, err := i.FindRun(ctx, id); err != nil {
		return nil, err
	}
	v, err := e.Run(ctx, id)
	if err != nil || !around {
		return v, err
	}
	if v.Run.LogicalDate == nil {
		return nil, fmt.Errorf("run %s has no logical date: nothing is before or after it", id)
	}
	return v, e.Neighbours(ctx, id)
}

// statesOf are the states of all instances of the loaded runs of a DAG.
func statesOf(s *scheduler.Snapshot, dagID string) map[run.Key]run.State {
	out := map[run.Key]run.State{}
	for _, v := range s.Runs(dagID) {
		for _, in := range v.Instances() {
			out[in.Key(v.Run.ID)] = in.State
		}
	}
	return out
}

// clearedRuns are the runs that a clear begins with, oldest first.
func (i *Installation) clearedRuns(ctx context.Context, c Clear) ([]run.ID, error) {
	if c.Run != "" {
		return []run.ID{{DAG: c.DAG, Run: c.Run}}, nil
	}
	if _, err := i.FindDAG(ctx, c.DAG); err != nil {
		return nil, err
	}
	f := store.RunFilter{DAG: c.DAG, Order: store.OldestFirst}
	if c.From != nil {
		f.After = *c.From // a run is never due before its logical date
	}
	var out []run.ID
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListRuns(ctx, f, page)
		if err != nil {
			return nil, fmt.Errorf("list the runs of DAG %s: %w", c.DAG, err)
		}
		for _, r := range list.Items {
			if within(r.LogicalDate, c.From, c.To) {
				out = append(out, r.ID)
			}
		}
		if page.Token = list.Next; page.Token == "" {
			return out, nil
		}
	}
}

func within(t, from, to *time.Time) bool {
	if t == nil {
		return from == nil && to == nil
	}
	return (from == nil || !t.Before(*from)) && (to == nil || !t.After(*to))
}

// change makes an edit and tells the process that works on the installation. A dry run
// is the same edit, of which nothing is committed.
func (i *Installation) change(ctx context.Context, dry bool, do func(context.Context, *tick.Edit) error) error {
	if dry {
		return do(ctx, &tick.Edit{Loader: i.Loader, Snapshot: scheduler.NewSnapshot(), Now: i.Now()})
	}
	if err := tick.ApplyEdit(ctx, i.Loader, i.Now, do); err != nil {
		return err
	}
	i.Wake()
	return nil
}

// Mark asks for task instances to be given a final state by hand.
type Mark struct {
	Run   run.ID
	Tasks []string
	// Maps limits it to these map indexes; none means all.
	Maps []int
	// State is success, failed or skipped.
	State                              run.State
	Upstream, Downstream, Past, Future bool
	// DryRun changes nothing.
	DryRun bool
}

// Mark gives task instances a final state; what is running is stopped. What failed
// downstream of them is cleared, so that the run goes on from there. It returns what it
// has marked and cleared, or as a dry run would; instances that have the state already
// are not among them.
func (i *Installation) Mark(ctx context.Context, m Mark) (marked, cleared []Touched, err error) {
	err = i.change(ctx, m.DryRun, func(ctx context.Context, e *tick.Edit) error {
		v, err := i.load(ctx, e, m.Run, m.Past || m.Future)
		if err != nil {
			return err
		}
		for _, t := range m.Tasks {
			if err := checkIndexes(v, t, m.Maps); err != nil {
				return err
			}
		}
		states := statesOf(e.Snapshot, m.Run.DAG)
		set, again, err := e.Snapshot.Mark(scheduler.Mark{
			Run: m.Run, Tasks: m.Tasks, Maps: m.Maps, State: m.State,
			Upstream: m.Upstream, Downstream: m.Downstream, Past: m.Past, Future: m.Future,
		}, e.Now)
		marked, cleared = touched(set, states), touched(again, states)
		return err
	})
	return marked, cleared, err
}

// checkIndexes says what is wrong with the name of a task or one of its indexes.
func checkIndexes(v *scheduler.View, task string, maps []int) error {
	if len(maps) == 0 {
		_, err := choose(v, task, nil)
		return err
	}
	for _, m := range maps {
		if _, err := choose(v, task, &m); err != nil {
			return err
		}
	}
	return nil
}

func touched(keys []run.Key, states map[run.Key]run.State) []Touched {
	out := make([]Touched, len(keys))
	for n, k := range keys {
		out[n] = Touched{Key: k, State: states[k]}
	}
	return out
}

// RunMark asks for a run to be ended by hand.
type RunMark struct {
	Run run.ID
	// State is success or failed; queued clears the run.
	State run.RunState
	// DryRun changes nothing.
	DryRun bool
}

// MarkRun ends a run by hand. What runs is stopped; teardowns that were not done go on,
// and the run ends with them. It returns the instances whose state it changed, or as a
// dry run would.
func (i *Installation) MarkRun(ctx context.Context, m RunMark) ([]Touched, error) {
	if m.State == run.RunQueued {
		return i.Clear(ctx, Clear{DAG: m.Run.DAG, Run: m.Run.Run, DryRun: m.DryRun})
	}
	var out []Touched
	err := i.change(ctx, m.DryRun, func(ctx context.Context, e *tick.Edit) error {
		out = nil
		v, err := i.load(ctx, e, m.Run, false)
		if err != nil {
			return err
		}
		before := v.Instances()
		if err := e.Snapshot.MarkRun(m.Run, m.State, e.Now); err != nil {
			return err
		}
		for n, in := range v.Instances() {
			if before[n].State != in.State {
				out = append(out, Touched{Key: in.Key(m.Run), State: before[n].State})
			}
		}
		return nil
	})
	return out, err
}
