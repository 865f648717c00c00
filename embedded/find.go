package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// FindDAG returns the current version of a DAG. The error for one that is not there
// says what is.
func (i *Installation) FindDAG(ctx context.Context, id string) (store.Definition, error) {
	def, err := i.Store.DAG(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return def, fmt.Errorf("DAG %s is %w: %s", id, store.ErrNotFound, i.nearDAG(ctx, id))
	}
	if err != nil {
		return def, fmt.Errorf("read DAG %s: %w", id, err)
	}
	return def, nil
}

// nearDAG says what a DAG that is not there may have been meant to be.
func (i *Installation) nearDAG(ctx context.Context, id string) string {
	const see = "see `updraft dags list`"
	list, err := i.Store.ListDAGs(ctx, store.DAGFilter{Bare: true}, store.Page{Limit: 1000})
	if err != nil {
		return see
	}
	ids := make([]string, len(list.Items))
	for n, d := range list.Items {
		ids[n] = d.ID
	}
	if hint := dagfile.Hint(id, ids); hint != "" {
		return hint
	}
	if broken, err := i.ImportErrors(ctx); err == nil && len(broken) > 0 {
		return see + ", and `updraft dags list-import-errors`: not every file can be read"
	}
	return see
}

// CurrentGraph returns the compiled current version of a DAG.
func (i *Installation) CurrentGraph(ctx context.Context, id string) (*dag.Graph, error) {
	def, err := i.FindDAG(ctx, id)
	if err != nil {
		return nil, err
	}
	return i.Loader.Graph(ctx, id, def.Version)
}

// FindRun returns a run with its instances, as stored. The error for one that is not
// there names the latest that are.
func (i *Installation) FindRun(ctx context.Context, id run.ID) (store.RunData, error) {
	data, err := i.Store.Run(ctx, id)
	if err == nil {
		return data, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return data, fmt.Errorf("read run %s: %w", id, err)
	}
	list, lerr := i.Store.ListRuns(ctx, store.RunFilter{DAG: id.DAG}, store.Page{Limit: 3})
	if lerr != nil {
		return data, fmt.Errorf("list the runs of DAG %s: %w", id.DAG, lerr)
	}
	if len(list.Items) == 0 {
		if _, err := i.FindDAG(ctx, id.DAG); err != nil {
			return data, err
		}
		return data, fmt.Errorf("run %s is %w: DAG %s has no runs yet", id.Run, store.ErrNotFound, id.DAG)
	}
	var latest []string
	for _, r := range list.Items {
		latest = append(latest, r.Run)
	}
	return data, fmt.Errorf("run %s of DAG %s is %w: its latest are %s", id.Run, id.DAG, store.ErrNotFound, strings.Join(latest, ", "))
}

// RunAt returns the run of a DAG with a logical date, or store.ErrNotFound.
func (i *Installation) RunAt(ctx context.Context, dagID string, logical time.Time) (run.Run, error) {
	// A run is never due before its logical date, which bounds the search.
	f := store.RunFilter{DAG: dagID, After: logical, LogicalBefore: logical.Add(time.Microsecond)}
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListRuns(ctx, f, page)
		if err != nil {
			return run.Run{}, fmt.Errorf("list the runs of DAG %s: %w", dagID, err)
		}
		for _, r := range list.Items {
			if r.LogicalDate != nil && r.LogicalDate.Equal(logical) {
				return r, nil
			}
		}
		if page.Token = list.Next; page.Token == "" {
			return run.Run{}, fmt.Errorf("run of DAG %s at %s is %w", dagID, logical.UTC().Format(time.RFC3339), store.ErrNotFound)
		}
	}
}

// LatestRun returns the latest run of a DAG, or store.ErrNotFound.
func (i *Installation) LatestRun(ctx context.Context, dagID string) (run.Run, error) {
	if _, err := i.FindDAG(ctx, dagID); err != nil {
		return run.Run{}, err
	}
	list, err := i.Store.ListRuns(ctx, store.RunFilter{DAG: dagID}, store.Page{Limit: 1})
	if err != nil {
		return run.Run{}, fmt.Errorf("list the runs of DAG %s: %w", dagID, err)
	}
	if len(list.Items) == 0 {
		return run.Run{}, fmt.Errorf("DAG %s has no runs yet: %w", dagID, store.ErrNotFound)
	}
	return list.Items[0], nil
}
