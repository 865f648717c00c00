package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/executors/queueexec"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Comparison is how attempts of a DAG went where its placements have brought them, and how
// elsewhere.
type Comparison struct {
	Graph *dag.Graph
	// Placements are those that concern tasks of the DAG: the one that holds for a task, or
	// that held last.
	Placements []run.Placement
	// Runs is how many of the latest runs were looked at, Concerned how many of them have an
	// attempt where a placement has brought it.
	Runs, Concerned int
	// Places are in the order of the graph, those elsewhere first.
	Places []AttemptsAt
}

// AttemptsAt is how the attempts of a task went at an executor.
type AttemptsAt struct {
	Task, Executor string
	// Placed says that the placement sends them there.
	Placed bool
	// Count is how many have ended, Failed how many of them in failure, by cause.
	Count, Failed int
	Causes        map[run.Cause]int
	// Took are the times of those that succeeded, the shortest first, and Total the time of
	// all.
	Took  []time.Duration
	Total time.Duration
}

// Quantile is the time that so much (0 to 1) of the successful attempts did not exceed; false
// if there are none.
func (p *AttemptsAt) Quantile(q float64) (time.Duration, bool) {
	n := len(p.Took)
	if n == 0 {
		return 0, false
	}
	at := int(q * float64(n)) // nearest rank, counted from 0
	if float64(at) == q*float64(n) && at > 0 {
		at--
	}
	return p.Took[min(at, n-1)], true
}

// Compare reads so many of the latest runs of a DAG and compares what its placements have
// moved with what ran elsewhere. It is an error if nothing of it was ever placed.
func (i *Installation) Compare(ctx context.Context, id string, runs int) (*Comparison, error) {
	def, err := i.FindDAG(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(def.State.Placements) == 0 {
		return nil, fmt.Errorf("DAG %s was never placed: place it with `updraft migrate set %s --executor NAME`", id, id)
	}
	g, err := i.Loader.Graph(ctx, id, def.Version)
	if err != nil {
		return nil, err
	}
	c := &comparing{Comparison: Comparison{Graph: g}, of: map[string]*run.Placement{}, at: map[[2]string]*AttemptsAt{}}
	c.choose(def.State.Placements)
	latest, err := i.latestRuns(ctx, id, runs)
	if err != nil {
		return nil, err
	}
	for n := range latest {
		if err := c.read(ctx, i.Store, latest[n].ID); err != nil {
			return nil, err
		}
	}
	c.finish()
	return &c.Comparison, nil
}

// comparing is a comparison being made.
type comparing struct {
	Comparison
	of map[string]*run.Placement // by task
	at map[[2]string]*AttemptsAt // by task and executor
}

// choose finds the placement that counts for each task: one that holds before others, one for
// named tasks before one for all, and then the latest.
func (c *comparing) choose(list []run.Placement) {
	rank := func(p *run.Placement) int {
		n := 0
		if p.Holds() {
			n += 2
		}
		if len(p.Tasks) > 0 {
			n++
		}
		return n
	}
	used := map[int]bool{}
	for _, t := range c.Graph.Tasks {
		best := -1
		for n := range list {
			if list[n].Selects(t.ID) && (best < 0 || rank(&list[n]) >= rank(&list[best])) {
				best = n
			}
		}
		if best >= 0 {
			c.of[t.ID] = &list[best]
			used[best] = true
		}
	}
	for n := range list {
		if used[n] {
			c.Placements = append(c.Placements, list[n])
		}
	}
}

// read counts the attempts of a run, those of earlier tries included.
func (c *comparing) read(ctx context.Context, s store.Store, id run.ID) error {
	data, err := s.Run(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return fmt.Errorf("read run %s: %w", id, err)
	}
	c.Runs++
	moved := false
	for n := range data.Instances {
		in := &data.Instances[n]
		if c.of[in.Task] == nil {
			continue
		}
		tries := []run.Instance{*in}
		if in.Try > 1 {
			earlier, err := s.History(ctx, in.Key(id))
			if err != nil {
				return fmt.Errorf("read the tries of %s: %w", in.Key(id), err)
			}
			tries = append(tries, earlier...)
		}
		for k := range tries {
			moved = c.add(&tries[k]) || moved
		}
	}
	if moved {
		c.Concerned++
	}
	return nil
}

// add counts an attempt, if it has ended. It reports whether it is where the placement sends
// it.
func (c *comparing) add(in *run.Instance) bool {
	p := c.of[in.Task]
	placed := in.Executor == p.Executor || p.Executor == workers && in.Executor == queueexec.Name
	failed := in.State == run.Failed || in.State == run.UpForRetry
	if in.Executor == "" || in.Start.IsZero() || !failed && in.State != run.Success {
		return placed && in.State == run.Running
	}
	k := [2]string{in.Task, in.Executor}
	at := c.at[k]
	if at == nil {
		at = &AttemptsAt{Task: in.Task, Executor: in.Executor, Placed: placed, Causes: map[run.Cause]int{}}
		c.at[k] = at
	}
	took := max(0, in.End.Sub(in.Start))
	at.Count++
	at.Total += took
	if failed {
		at.Failed++
		at.Causes[cmp.Or(in.Cause, run.CauseTask)]++
	} else {
		at.Took = append(at.Took, took)
	}
	return placed
}

func (c *comparing) finish() {
	for _, at := range c.at {
		slices.Sort(at.Took)
		c.Places = append(c.Places, *at)
	}
	order := map[string]int{}
	for n, t := range c.Graph.Order {
		order[c.Graph.Tasks[t].ID] = n
	}
	slices.SortFunc(c.Places, func(a, b AttemptsAt) int {
		last := func(p AttemptsAt) int {
			if p.Placed {
				return 1
			}
			return 0
		}
		return cmp.Or(order[a.Task]-order[b.Task], last(a)-last(b), cmp.Compare(a.Executor, b.Executor))
	})
}
