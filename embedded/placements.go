package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/executors"
	"github.com/updraft-dev/updraft/executors/routeexec"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

const (
	// keptPlacements is how many placements of a DAG are kept that do not hold any more:
	// they are read with those that do.
	keptPlacements = 50
	// maxReason and maxSelection bound what is written of one.
	maxReason    = 500
	maxSelection = 100
	// maxPlacements bounds the placements of a DAG in bytes.
	maxPlacements = 64 << 10
)

// Rule is where attempts can run in this installation, in order of preference.
func (i *Installation) Rule() (routeexec.Rule, error) {
	name := i.Config.Text("executor")
	if rule := i.Drivers.Rules[name]; rule != nil {
		return rule(&i.Options)
	}
	return routeexec.Rule{{Name: name, Limits: executors.Limits{Images: true}}}, nil
}

// Placed is what Place and Unplace have changed.
type Placed struct {
	// New is the placement that was made; nil if none was.
	New *run.Placement
	// Ended are those that do not hold any more.
	Ended []run.Placement
}

// Place sends new attempts of a DAG to an executor, as the placement says; By and Reason are
// noted. It replaces the one for the same tasks; with a share of nothing it only ends that.
// What was begun or sent already stays where it is. Refused are tasks that are not there, and
// executors that are not there or have no room for a task.
func (i *Installation) Place(ctx context.Context, id string, p run.Placement) (Placed, error) {
	f, err := i.foresee(ctx, id, &p)
	if err != nil {
		return Placed{}, err
	}
	if err := f.refusal(); err != nil && p.Share > 0 {
		return Placed{}, err
	}
	p.At = i.Now().UTC()
	var out Placed
	err = i.changePlacements(ctx, id, func(list []run.Placement) ([]run.Placement, error) {
		same := func(o *run.Placement) bool { return slices.Equal(o.Tasks, p.Tasks) }
		if n := slices.IndexFunc(list, func(o run.Placement) bool {
			return o.Holds() && same(&o) && o.Executor == p.Executor && o.Share == p.Share
		}); n >= 0 {
			return nil, fmt.Errorf("DAG %s is placed like that already, since %s", id, when(list[n].At))
		}
		reason := p.Reason
		if p.Share > 0 {
			reason = fmt.Sprintf("replaced by %s of the runs at %s", p.Share, p.Executor)
		}
		list, out.Ended = endPlacements(list, &p, reason, same)
		if out.New = nil; p.Share > 0 {
			out.New = &p
			list = append(list, p)
		} else if len(out.Ended) == 0 {
			return nil, noPlacement(id, list)
		}
		return list, nil
	})
	return out, err
}

// Unplace takes back placements of a DAG: all, or the one for the same tasks if some are
// given. New attempts go again where they went without.
func (i *Installation) Unplace(ctx context.Context, id string, tasks []string, by, reason string) (Placed, error) {
	if _, err := i.FindDAG(ctx, id); err != nil {
		return Placed{}, err
	}
	tasks = selection(tasks)
	var out Placed
	err := i.changePlacements(ctx, id, func(list []run.Placement) ([]run.Placement, error) {
		ended := run.Placement{At: i.Now().UTC(), By: by}
		list, out.Ended = endPlacements(list, &ended, reason, func(o *run.Placement) bool {
			return len(tasks) == 0 || slices.Equal(o.Tasks, tasks)
		})
		if len(out.Ended) == 0 {
			return nil, noPlacement(id, list)
		}
		return list, nil
	})
	return out, err
}

func (i *Installation) changePlacements(ctx context.Context, id string, change func([]run.Placement) ([]run.Placement, error)) error {
	err := tick.ChangePlacements(ctx, i.Store, id, func(list []run.Placement) ([]run.Placement, error) {
		list, err := change(list)
		if err != nil {
			return nil, err
		}
		return bounded(id, forgetPlacements(list))
	})
	if err == nil {
		i.Wake()
	}
	return err
}

// endPlacements ends those that hold and match, as the next one says.
func endPlacements(list []run.Placement, next *run.Placement, reason string, match func(*run.Placement) bool) (all, ended []run.Placement) {
	for n := range list {
		if p := &list[n]; p.Holds() && match(p) {
			p.Ended, p.EndedBy, p.EndedReason = next.At, next.By, reason
			ended = append(ended, *p)
		}
	}
	return list, ended
}

// forgetPlacements drops the oldest of those that do not hold any more, if they are too many.
func forgetPlacements(list []run.Placement) []run.Placement {
	over := 0
	for n := range list {
		if !list[n].Holds() {
			over++
		}
	}
	return slices.DeleteFunc(list, func(p run.Placement) bool {
		if over <= keptPlacements || p.Holds() {
			return false
		}
		over--
		return true
	})
}

// bounded drops the oldest of those that do not hold any more while all are too long together.
func bounded(id string, list []run.Placement) ([]run.Placement, error) {
	for {
		b, err := json.Marshal(list)
		if err != nil || len(b) <= maxPlacements {
			return list, err
		}
		n := slices.IndexFunc(list, func(p run.Placement) bool { return !p.Holds() })
		if n < 0 {
			return nil, fmt.Errorf("the placements of DAG %s have %d bytes, of %d: name tasks by regular expressions, or take some back", id, len(b), maxPlacements)
		}
		list = slices.Delete(list, n, n+1)
	}
}

// noPlacement says that there is nothing to take back, and what there would be.
func noPlacement(id string, list []run.Placement) error {
	var held []string
	for n := range list {
		if p := &list[n]; p.Holds() && len(p.Tasks) > 0 {
			held = append(held, "--tasks '"+strings.Join(p.Tasks, ",")+"'")
		} else if p.Holds() {
			held = append(held, "all tasks")
		}
	}
	if len(held) == 0 {
		return fmt.Errorf("DAG %s has no placement that holds: see `updraft migrate list --history`", id)
	}
	return fmt.Errorf("DAG %s has no placement for these tasks: there are those for %s", id, strings.Join(held, "; "))
}

// DAGPlacements are the placements of a DAG, the oldest first.
type DAGPlacements struct {
	DAG        string
	Placements []run.Placement
}

// AllPlacements returns the placements of all DAGs that have or had some, by DAG.
func (i *Installation) AllPlacements(ctx context.Context) ([]DAGPlacements, error) {
	var out []DAGPlacements
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListDAGs(ctx, store.DAGFilter{Bare: true, IncludeStale: true}, page)
		if err != nil {
			return nil, fmt.Errorf("list DAGs: %w", err)
		}
		for _, d := range list.Items {
			if len(d.State.Placements) > 0 {
				out = append(out, DAGPlacements{d.ID, d.State.Placements})
			}
		}
		if page.Token = list.Next; page.Token == "" {
			return out, nil
		}
	}
}

// explainPlacement says in a clause where a placement sends the next attempt of an instance;
// empty if none does.
func (i *Installation) explainPlacement(ctx context.Context, w executors.Work) (string, error) {
	list, err := i.Loader.Placements(ctx, w.Run.DAG)
	if err != nil {
		return "", err
	}
	p := executors.Placed(list, w.Run.ID, w.Instance.Task)
	if p == nil {
		return "", nil
	}
	rule, err := i.Rule()
	if err != nil {
		return "", err
	}
	w.Placed = p.Executor
	reason := ""
	need, err := w.Need()
	if err == nil {
		_, reason, err = rule.Route(need)
	}
	if err != nil {
		reason = err.Error()
	}
	by := "since " + when(p.At)
	if p.By != "" {
		by = "by " + p.By + " " + by
	}
	if p.Reason != "" {
		by += ": " + p.Reason
	}
	return fmt.Sprintf("%s (placed %s)", reason, by), nil
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }
