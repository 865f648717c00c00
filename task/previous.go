package task

import (
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// RunLister lists runs, as a store does.
type RunLister interface {
	ListRuns(ctx context.Context, f store.RunFilter, p store.Page) (store.RunList, error)
}

// PreviousSuccess is the last successful run of a DAG with a logical date before a run's;
// nil if there is none, or if the run has no logical date.
func PreviousSuccess(ctx context.Context, l RunLister, r *run.Run) (*run.Run, error) {
	if r.LogicalDate == nil {
		return nil, nil
	}
	list, err := l.ListRuns(ctx, store.RunFilter{
		DAG: r.DAG, States: []run.RunState{run.RunSuccess}, LogicalBefore: *r.LogicalDate,
	}, store.Page{})
	if err != nil {
		return nil, fmt.Errorf("looking for the last successful run of %s: %w", r.DAG, err)
	}
	// The list goes by run_after; a manual run of today may have an older logical date.
	var last *run.Run
	for i := range list.Items {
		if p := &list.Items[i]; p.LogicalDate != nil && (last == nil || p.LogicalDate.After(*last.LogicalDate)) {
			last = p
		}
	}
	return last, nil
}
