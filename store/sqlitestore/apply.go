package sqlitestore

import (
	"context"
	"fmt"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
)

// Apply implements store.Runs. Batches of concurrent calls share transactions.
func (s *Store) Apply(ctx context.Context, batches ...store.Batch) (store.Result, error) {
	rows := make([]batchRows, len(batches))
	for i := range batches {
		var err error
		if rows[i], err = s.encodeBatch(&batches[i]); err != nil {
			return store.Result{}, err
		}
	}
	var res store.Result
	err := s.c.write(ctx, func(ctx context.Context, w *session) error {
		res = store.Result{}
		for i := range rows {
			if err := rows[i].apply(ctx, w, i, &res); err != nil {
				return fmt.Errorf("run %s: %w", rows[i].run, err)
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

func (b *batchRows) apply(ctx context.Context, w *session, n int, res *store.Result) error {
	if b.eventsOnly {
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
		res.Refused[n] = fmt.Errorf("run %s: %w", b.run, refused)
		return nil
	}
	lost := len(res.Lost)
	if u := b.update; u != nil {
		k, err := w.exec(ctx, updateRun, string(u.state), u.clears, string(u.typ), u.runAfter, u.backfill, u.owes, u.body,
			id, string(b.wasState), b.wasClears)
		if err != nil {
			return err
		}
		if k == 0 {
			res.Lost = append(res.Lost, store.Lost{Batch: n, Change: -1})
		}
	}
	for i := range b.changes {
		c := &b.changes[i]
		held, err := c.apply(ctx, w, id)
		if err != nil {
			return fmt.Errorf("task %s: %w", run.InstanceName(c.task, c.index), err)
		}
		if !held {
			stored, err := readInstance(ctx, w, id, run.Key{ID: b.run, Task: c.task, Map: c.index})
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
	if c := b.create; c != nil {
		found, err = w.row(ctx, insertRun, []any{b.run.DAG, b.run.Run, string(c.state), c.clears, string(c.typ),
			c.logical, c.runAfter, c.backfill, c.owes, c.body}, &id)
		if found {
			w.changed++
		}
		refused = store.ErrExists
	} else {
		found, err = w.row(ctx, findRun, []any{b.run.DAG, b.run.Run}, &id)
		refused = store.ErrNotFound
	}
	if found || err != nil {
		refused = nil
	}
	return id, refused, err
}

func (b *batchRows) writeEvents(ctx context.Context, w *session) error {
	for _, e := range b.events {
		_, err := w.exec(ctx, "INSERT INTO asset_event (id, asset, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
			e.id, e.asset, e.at, e.body)
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

// apply writes a change of the run with that row id, and says whether its condition
// held.
func (c *changeRows) apply(ctx context.Context, w *session, id int64) (held bool, err error) {
	if c.archive && !c.cond.Absent {
		k, err := w.exec(ctx, archiveTI, id, c.task, c.index, uint8(c.cond.State), c.cond.Try, c.cond.Token)
		if err != nil || k == 0 {
			return false, err
		}
	}
	if held, err = c.write(ctx, w, id); err != nil || !held {
		return false, err
	}
	if c.clear {
		if _, err := w.exec(ctx, clearXComs, id, c.task, c.index); err != nil {
			return false, err
		}
	}
	for _, x := range c.xcoms {
		if _, err := w.exec(ctx, putXCom, id, c.task, c.index, x.name, x.at, x.value); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (c *changeRows) write(ctx context.Context, w *session, id int64) (held bool, err error) {
	var k int64
	switch {
	case c.cond.Absent && c.gone:
		_, err = w.row(ctx, countTI, []any{id, c.task, c.index}, &k)
		return k == 0, err
	case c.cond.Absent:
		k, err = w.exec(ctx, insertTI, id, c.task, c.index, uint8(c.state), c.try, c.token, c.due, c.body)
	case c.gone:
		k, err = w.exec(ctx, deleteTI, id, c.task, c.index, uint8(c.cond.State), c.cond.Try, c.cond.Token)
	default:
		k, err = w.exec(ctx, updateTI, uint8(c.state), c.try, c.token, c.due, c.body,
			id, c.task, c.index, uint8(c.cond.State), c.cond.Try, c.cond.Token)
	}
	return k == 1, err
}
