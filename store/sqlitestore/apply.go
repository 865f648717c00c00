package sqlitestore

import (
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/store/rowcodec"
)

// Apply implements store.Runs. Batches of concurrent calls share transactions.
func (s *Store) Apply(ctx context.Context, batches ...store.Batch) (store.Result, error) {
	rows := make([]batchRows, len(batches))
	enc := rowcodec.Encoder{MaxItem: s.maxItem}
	for i := range batches {
		// In the caller's goroutine: the committer then does nothing but SQL.
		b, err := enc.Batch(&batches[i])
		if err != nil {
			return store.Result{}, err
		}
		rows[i] = batchRows(b)
	}
	var res store.Result
	err := s.c.write(ctx, func(ctx context.Context, w *session) error {
		res = store.Result{}
		for i := range rows {
			if err := rows[i].apply(ctx, w, i, &res); err != nil {
				return fmt.Errorf("run %s: %w", rows[i].Run, err)
			}
		}
		return nil
	})
	if err != nil {
		return store.Result{}, s.explain("applying changes", err)
	}
	return res, nil
}

const (
	insertRun = "INSERT INTO run (dag, run, state, clears, type, logical, run_after, backfill, owes, body) " +
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"
	findRun   = "SELECT id FROM run WHERE dag = ? AND run = ?"
	updateRun = "UPDATE run SET state = ?, clears = ?, type = ?, run_after = ?, backfill = ?, owes = ?, body = ? " +
		"WHERE id = ? AND state = ? AND clears = ?"
)

// batchRows knows how its rows are written.
type batchRows rowcodec.Batch

func (b *batchRows) apply(ctx context.Context, w *session, n int, res *store.Result) error {
	if b.EventsOnly {
		return b.writeEvents(ctx, w)
	}
	id, refused, err := b.row(ctx, w)
	if err != nil {
		return err
	}
	if refused != nil {
		if res.Refused == nil {
			res.Refused = map[int]error{}
		}
		res.Refused[n] = fmt.Errorf("run %s: %w", b.Run, refused)
		return nil
	}
	lost := len(res.Lost)
	if u := b.Update; u != nil {
		k, err := w.exec(ctx, updateRun, string(u.State), u.Clears, string(u.Type), u.RunAfter, u.Backfill, u.Owes, u.Body,
			id, string(b.WasState), b.WasClears)
		if err != nil {
			return err
		}
		if k == 0 {
			res.Lost = append(res.Lost, store.Lost{Batch: n, Change: -1})
		}
	}
	for i := range b.Changes {
		c := (*changeRows)(&b.Changes[i])
		held, err := c.apply(ctx, w, id)
		if err != nil {
			return fmt.Errorf("task %s: %w", run.InstanceName(c.Task, c.Map), err)
		}
		if !held {
			stored, err := readInstance(ctx, w, id, run.Key{ID: b.Run, Task: c.Task, Map: c.Map})
			if err != nil {
				return err
			}
			res.Lost = append(res.Lost, store.Lost{Batch: n, Change: i, Stored: stored})
		}
	}
	if len(res.Lost) > lost {
		return nil
	}
	return b.writeEvents(ctx, w)
}

// row finds or makes the run's row.
func (b *batchRows) row(ctx context.Context, w *session) (id int64, refused, err error) {
	var found bool
	if c := b.Create; c != nil {
		found, err = w.row(ctx, insertRun, []any{b.Run.DAG, b.Run.Run, string(c.State), c.Clears, string(c.Type),
			c.Logical, c.RunAfter, c.Backfill, c.Owes, c.Body}, &id)
		if found {
			w.changed++
		}
		refused = store.ErrExists
	} else {
		found, err = w.row(ctx, findRun, []any{b.Run.DAG, b.Run.Run}, &id)
		refused = store.ErrNotFound
	}
	if found || err != nil {
		refused = nil
	}
	return id, refused, err
}

func (b *batchRows) writeEvents(ctx context.Context, w *session) error {
	for _, e := range b.Events {
		_, err := w.exec(ctx, "INSERT INTO asset_event (id, asset, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			e.ID, e.Asset, e.At, e.Body)
		if err != nil {
			return err
		}
	}
	return nil
}

// The condition is part of each statement: one step per change is what makes large
// batches cheap. The equivalent of run.Condition.Met.
const (
	insertTI = "INSERT INTO ti (run, task, map, state, try, token, due, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) " +
		"ON CONFLICT DO NOTHING"
	isTI     = " WHERE run = ? AND task = ? AND map = ? AND state = ? AND try = ? AND token = ?"
	updateTI = "UPDATE ti SET state = ?, try = ?, token = ?, due = ?, body = ?" + isTI
	deleteTI = "DELETE FROM ti" + isTI
	countTI  = "SELECT count(*) FROM ti WHERE run = ? AND task = ? AND map = ?"
	// The next number of an instance is found by the primary key.
	archiveTI = "INSERT INTO history (run, task, map, seq, state, try, token, body) " +
		"SELECT run, task, map, (SELECT coalesce(max(seq), 0) + 1 FROM history h " +
		"WHERE h.run = ti.run AND h.task = ti.task AND h.map = ti.map), state, try, token, body FROM ti" + isTI
	clearXComs = "DELETE FROM xcom WHERE run = ? AND task = ? AND map = ?"
	putXCom    = "INSERT INTO xcom (run, task, map, name, at, value) VALUES (?, ?, ?, ?, ?, ?) " +
		"ON CONFLICT DO UPDATE SET at = excluded.at, value = excluded.value"
)

// changeRows knows how its rows are written.
type changeRows rowcodec.Change

// apply writes a change of the run with that row id, and says whether its condition
// held.
func (c *changeRows) apply(ctx context.Context, w *session, id int64) (held bool, err error) {
	if c.Archive && !c.If.Absent {
		k, err := w.exec(ctx, archiveTI, id, c.Task, c.Map, uint8(c.If.State), c.If.Try, c.If.Token)
		if err != nil || k == 0 {
			return false, err
		}
	}
	if held, err = c.write(ctx, w, id); err != nil || !held {
		return false, err
	}
	if c.Clear {
		if _, err := w.exec(ctx, clearXComs, id, c.Task, c.Map); err != nil {
			return false, err
		}
	}
	for _, x := range c.XComs {
		if _, err := w.exec(ctx, putXCom, id, c.Task, c.Map, x.Name, x.At, x.Value); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *changeRows) write(ctx context.Context, w *session, id int64) (held bool, err error) {
	var k int64
	switch {
	case c.If.Absent && c.Gone:
		_, err = w.row(ctx, countTI, []any{id, c.Task, c.Map}, &k)
		return k == 0, err
	case c.If.Absent:
		k, err = w.exec(ctx, insertTI, id, c.Task, c.Map, uint8(c.State), c.Try, c.Token, c.Due, c.Body)
	case c.Gone:
		k, err = w.exec(ctx, deleteTI, id, c.Task, c.Map, uint8(c.If.State), c.If.Try, c.If.Token)
	default:
		k, err = w.exec(ctx, updateTI, uint8(c.State), c.Try, c.Token, c.Due, c.Body,
			id, c.Task, c.Map, uint8(c.If.State), c.If.Try, c.If.Token)
	}
	return k == 1, err
}
