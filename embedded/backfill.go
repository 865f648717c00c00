package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/scheduler/tick"
	"github.com/updraft-dev/updraft/store"
)

// PlanBackfill says what a backfill would do about each of its dates, in the order of
// running, and changes nothing. The errors are those of StartBackfill.
func (i *Installation) PlanBackfill(ctx context.Context, b scheduler.Backfill) (runs []scheduler.BackfillRun, err error) {
	if _, err := i.FindDAG(ctx, b.DAG); err != nil {
		return nil, err
	}
	err = i.change(ctx, true, func(ctx context.Context, e *tick.Edit) error {
		runs, err = e.PlanBackfill(ctx, b)
		return err
	})
	return runs, err
}

// StartBackfill starts a backfill and returns it with its id and what is done about each
// date. The error is scheduler.ErrBackfillActive if the DAG has another one under way,
// and else says what is wrong with the wish.
func (i *Installation) StartBackfill(ctx context.Context, b scheduler.Backfill) (scheduler.Backfill, error) {
	if _, err := i.FindDAG(ctx, b.DAG); err != nil {
		return b, err
	}
	err := i.change(ctx, false, func(ctx context.Context, e *tick.Edit) error { return e.StartBackfill(ctx, &b) })
	return b, err
}

// PauseBackfill pauses a backfill or goes on with it: its queued runs wait.
func (i *Installation) PauseBackfill(ctx context.Context, id string, paused bool) error {
	return unknownBackfill(id, i.change(ctx, false, func(ctx context.Context, e *tick.Edit) error {
		return e.SetBackfillPaused(ctx, id, paused)
	}))
}

// CancelBackfill ends a backfill: its queued runs fail, what runs goes on. It returns the
// runs that it ended.
func (i *Installation) CancelBackfill(ctx context.Context, id string) (ended []run.ID, err error) {
	err = unknownBackfill(id, i.change(ctx, false, func(ctx context.Context, e *tick.Edit) error {
		b, err := i.backfill(ctx, id)
		if err == nil && !b.CompletedAt.IsZero() {
			err = fmt.Errorf("backfill %s has been completed at %s: there is nothing to cancel", id, b.CompletedAt.UTC().Format("2006-01-02T15:04:05Z"))
		}
		if err == nil {
			ended, err = e.CancelBackfill(ctx, id)
		}
		return err
	}))
	return ended, err
}

// unknownBackfill says what to do about a backfill that is not there.
func unknownBackfill(id string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("backfill %s is %w: see `updraft backfill list`", id, store.ErrNotFound)
	}
	return err
}

func (i *Installation) backfill(ctx context.Context, id string) (scheduler.Backfill, error) {
	all, err := tick.Backfills(ctx, i.Store)
	if err != nil {
		return scheduler.Backfill{}, err
	}
	if n := slices.IndexFunc(all, func(b scheduler.Backfill) bool { return b.ID == id }); n >= 0 {
		return all[n], nil
	}
	return scheduler.Backfill{}, unknownBackfill(id, store.ErrNotFound)
}

// BackfillProgress is a backfill and how far it is.
type BackfillProgress struct {
	scheduler.Backfill
	// States counts its runs by state; what it skipped is not among them.
	States map[run.RunState]int
}

// Backfills returns the backfills of a DAG, or of all, oldest first.
func (i *Installation) Backfills(ctx context.Context, dagID string) ([]BackfillProgress, error) {
	all, err := tick.Backfills(ctx, i.Store)
	if err != nil {
		return nil, err
	}
	var out []BackfillProgress
	for _, b := range all {
		if dagID != "" && b.DAG != dagID {
			continue
		}
		p := BackfillProgress{Backfill: b, States: map[run.RunState]int{}}
		runs, err := i.BackfillRuns(ctx, &b)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			p.States[r.State]++
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b BackfillProgress) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return out, nil
}

// BackfillRuns returns the runs of a backfill, oldest first. A run that another backfill
// has taken over since is not among them.
func (i *Installation) BackfillRuns(ctx context.Context, b *scheduler.Backfill) ([]run.Run, error) {
	f := store.RunFilter{DAG: b.DAG, Backfill: b.ID, Order: store.OldestFirst}
	var out []run.Run
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListRuns(ctx, f, page)
		if err != nil {
			return nil, fmt.Errorf("list the runs of backfill %s: %w", b.ID, err)
		}
		out = append(out, list.Items...)
		if page.Token = list.Next; page.Token == "" {
			return out, nil
		}
	}
}
