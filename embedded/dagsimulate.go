package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/scheduler/simulate"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/task"
)

// ReadDAG returns the graph of a DAG that a file or an id names. A file is read and not
// stored; of one with several DAGs, id says which.
func (i *Installation) ReadDAG(ctx context.Context, target, id string) (*dag.Graph, error) {
	if !isFile(target) {
		if _, err := i.Refresh(ctx); err != nil {
			return nil, err
		}
		return i.CurrentGraph(ctx, target)
	}
	if info, err := os.Stat(target); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: give a file or the id of a DAG", target)
	}
	files, err := i.checkPath(ctx, target, i.Config.Bool("strict"))
	if err != nil {
		return nil, err
	}
	if files[0].Err != nil {
		return nil, files[0].Err
	}
	var ids []string
	for _, d := range files[0].DAGs {
		ids = append(ids, d.ID)
		if d.ID == id || id == "" && len(files[0].DAGs) == 1 {
			return dag.NewGraph(d)
		}
	}
	if id != "" {
		return nil, fmt.Errorf("%s has no DAG %s: it has %s", target, id, strings.Join(ids, ", "))
	}
	return nil, fmt.Errorf("%s has several DAGs: choose by --dag-id one of %s", target, strings.Join(ids, ", "))
}

// Simulate plays a run of a DAG in virtual time: the run that t would make at c.At, with
// the pools of this installation. c says what tasks do; the rest of it is filled in.
func (i *Installation) Simulate(ctx context.Context, g *dag.Graph, t task.Trigger, c simulate.Config) (simulate.Result, error) {
	if c.At.IsZero() {
		c.At = i.Now().Truncate(time.Second)
	}
	if t.LogicalDate == nil {
		t.LogicalDate = &c.At
	}
	var err error
	if c.Run, err = tick.Preview(g, t, c.At); err != nil {
		return simulate.Result{}, err
	}
	if c.Pools, err = tick.Pools(ctx, i.Store); err != nil {
		return simulate.Result{}, err
	}
	c.Graph, c.Parallelism = g, i.Config.Int("parallelism")
	c.Role = func(t *dag.Task) simulate.Role {
		kind := dag.OperatorPlain
		if spec := i.Catalog.Lookup(t.Operator); spec != nil {
			kind = spec.Kind
		}
		return simulate.RoleOf(t, kind)
	}
	out, err := simulate.Run(c)
	return out, hinted(err, g)
}

// hinted adds to errors about unknown tasks which ones may be meant.
func hinted(err error, g *dag.Graph) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return err
	}
	var names []string
	for _, t := range g.Tasks {
		names = append(names, t.ID)
	}
	var out []error
	for _, e := range joined.Unwrap() {
		var unknown *simulate.UnknownTaskError
		if errors.As(e, &unknown) {
			hint := dagfile.Hint(unknown.Task, names)
			if hint == "" {
				hint = "it has " + strings.Join(names, ", ")
			}
			e = fmt.Errorf("%w: %s", e, hint)
		}
		out = append(out, e)
	}
	return errors.Join(out...)
}
