package tick

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/dag/params"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
	"github.com/updraft-dev/updraft/store"
)

// Backfills returns the backfills of a store, those that are completed included.
func Backfills(ctx context.Context, st store.Settings) ([]scheduler.Backfill, error) {
	rows, err := st.Settings(ctx, store.KindBackfill)
	if err != nil {
		return nil, fmt.Errorf("read backfills: %w", err)
	}
	out := make([]scheduler.Backfill, 0, len(rows))
	for _, r := range rows {
		var b scheduler.Backfill
		if err := json.Unmarshal(r.Value, &b); err != nil {
			return nil, fmt.Errorf("backfill %s is damaged: %w", r.ID, err)
		}
		out = append(out, b)
	}
	return out, nil
}

func loadBackfills(ctx context.Context, st store.Settings, s *scheduler.Snapshot) error {
	all, err := Backfills(ctx, st)
	for _, b := range all {
		s.SetBackfill(b)
	}
	return err
}

// PlanBackfill says what a backfill would do, as its dry run shows. The errors are
// those of scheduler.PlanBackfill, and what is wrong with b.Conf.
func (e *Edit) PlanBackfill(ctx context.Context, b scheduler.Backfill) ([]scheduler.BackfillRun, error) {
	info, err := e.DAG(ctx, b.DAG)
	if err != nil {
		return nil, err
	}
	if info.Stale {
		return nil, fmt.Errorf("DAG %s has no file any more: it cannot be backfilled", b.DAG)
	}
	conf, err := confOf(b.Conf)
	if err == nil {
		_, err = params.Resolve(info.Graph.DAG.Params, nil, conf)
	}
	if err != nil {
		return nil, fmt.Errorf("backfill of DAG %s: %w", b.DAG, err)
	}
	others, err := Backfills(ctx, e.store)
	if err != nil {
		return nil, err
	}
	var existing []run.Run
	// A run is never due before its logical date, which bounds the search.
	f := store.RunFilter{DAG: b.DAG, After: b.From, LogicalBefore: b.To.Add(time.Microsecond)}
	for page := (store.Page{Limit: 1000}); ; {
		list, err := e.store.ListRuns(ctx, f, page)
		if err != nil {
			return nil, fmt.Errorf("list the runs of DAG %s: %w", b.DAG, err)
		}
		existing = append(existing, list.Items...)
		if page.Token = list.Next; page.Token == "" {
			break
		}
	}
	return scheduler.PlanBackfill(info.Graph, b, others, existing, e.Now)
}

// StartBackfill plans a backfill, stores its record and starts its runs. It fills in
// b's ID, CreatedAt and Runs. The edit may be made again with the same b when its
// commit was refused: the record is written once. Of several backfills of one DAG that
// are started at once, one wins; the others get scheduler.ErrBackfillActive.
func (e *Edit) StartBackfill(ctx context.Context, b *scheduler.Backfill) error {
	runs, err := e.PlanBackfill(ctx, *b)
	if err != nil {
		return err
	}
	if b.ID == "" {
		if err := e.recordBackfill(ctx, b, runs); err != nil {
			return err
		}
	}
	for _, r := range runs {
		if r.Action != scheduler.BackfillClear {
			continue
		}
		if _, err := e.Run(ctx, run.ID{DAG: b.DAG, Run: r.Run}); err != nil {
			return err
		}
	}
	start := *b
	start.Runs = runs
	if err := e.Snapshot.StartBackfill(start, e.Now); err != nil {
		return err
	}
	e.Snapshot.SetBackfill(*b)
	return nil
}

// recordBackfill writes the record under the DAG's next number: the write fails for
// all but one of those who try it at once.
func (e *Edit) recordBackfill(ctx context.Context, b *scheduler.Backfill, runs []scheduler.BackfillRun) error {
	all, err := Backfills(ctx, e.store)
	if err != nil {
		return err
	}
	n := 1
	for _, o := range all {
		if number, err := strconv.Atoi(strings.TrimPrefix(o.ID, b.DAG+"#")); err == nil {
			n = max(n, number+1)
		}
	}
	record := *b
	record.ID, record.CreatedAt, record.Runs = fmt.Sprintf("%s#%d", b.DAG, n), e.Now, runs
	body, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("backfill of DAG %s: %w", b.DAG, err)
	}
	err = e.store.PutSetting(ctx, store.KindBackfill, store.Setting{ID: record.ID, Value: body, Revision: -1, At: e.Now})
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w: %s", scheduler.ErrBackfillActive, record.ID)
	}
	if err != nil {
		return fmt.Errorf("store backfill %s: %w", record.ID, err)
	}
	*b = record
	return nil
}

// SetBackfillPaused pauses or goes on with a backfill: its queued runs wait.
func (e *Edit) SetBackfillPaused(ctx context.Context, id string, paused bool) error {
	b, err := changeBackfill(ctx, e.store, id, e.Now, func(b *scheduler.Backfill) error {
		if !b.CompletedAt.IsZero() {
			return fmt.Errorf("backfill %s has been completed at %s", id, b.CompletedAt.Format(time.RFC3339))
		}
		b.Paused = paused
		return nil
	})
	if err == nil {
		e.Snapshot.SetBackfill(b)
	}
	return err
}

// CancelBackfill ends a backfill: its queued runs fail, what runs goes on. It returns
// the runs that it ended.
func (e *Edit) CancelBackfill(ctx context.Context, id string) ([]run.ID, error) {
	// Nothing of it may start while its queued runs are looked up.
	b, err := changeBackfill(ctx, e.store, id, e.Now, func(b *scheduler.Backfill) error {
		b.CompletedAt = e.Now
		return nil
	})
	if err != nil {
		return nil, err
	}
	f := store.RunFilter{DAG: b.DAG, Backfill: id, States: []run.RunState{run.RunQueued}}
	for page := (store.Page{Limit: 1000}); ; {
		list, err := e.store.ListRuns(ctx, f, page)
		if err != nil {
			return nil, fmt.Errorf("list the runs of backfill %s: %w", id, err)
		}
		for _, r := range list.Items {
			if _, err := e.Run(ctx, r.ID); err != nil {
				return nil, err
			}
		}
		if page.Token = list.Next; page.Token == "" {
			break
		}
	}
	e.Snapshot.SetBackfill(b)
	return e.Snapshot.CancelBackfill(id, e.Now), nil
}

// changeBackfill changes a stored backfill, again if somebody else did in between.
func changeBackfill(ctx context.Context, st store.Settings, id string, now time.Time, change func(*scheduler.Backfill) error) (b scheduler.Backfill, err error) {
	for {
		row, err := st.Setting(ctx, store.KindBackfill, id)
		if err != nil {
			return b, fmt.Errorf("backfill %s: %w", id, err)
		}
		b = scheduler.Backfill{}
		if err := json.Unmarshal(row.Value, &b); err != nil {
			return b, fmt.Errorf("backfill %s is damaged: %w", id, err)
		}
		if err := change(&b); err != nil {
			return b, err
		}
		if row.Value, err = json.Marshal(b); err != nil {
			return b, fmt.Errorf("backfill %s: %w", id, err)
		}
		row.At = now
		if err = st.PutSetting(ctx, store.KindBackfill, row); !errors.Is(err, store.ErrConflict) {
			return b, err
		}
	}
}

// saveBackfills writes that backfills have ended. Losing it costs nothing: the next
// load finds them without a run to do.
func (e *Engine) saveBackfills(ctx context.Context, ids []string, now time.Time) {
	for _, id := range ids {
		_, err := changeBackfill(ctx, e.cfg.Store, id, now, func(b *scheduler.Backfill) error {
			if b.CompletedAt.IsZero() {
				b.CompletedAt = now
			}
			return nil
		})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			e.cfg.Log.Error("complete backfill", "backfill", id, "error", err)
		}
	}
}
