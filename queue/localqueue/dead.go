package localqueue

import (
	"context"
	"fmt"
	"strconv"

	"github.com/updraft-dev/updraft/queue"
)

// bury makes a message a dead letter, in a transaction.
func (d *driver) bury(ctx context.Context, id int64, reason string) error {
	_, err := d.w.ExecContext(ctx, `INSERT INTO dead (id, queue, body, sent, died, reason)
		SELECT id, queue, body, sent, ?, ? FROM message WHERE id = ?`, micros(d.now()), reason, id)
	if err != nil {
		return err
	}
	_, err = d.w.ExecContext(ctx, "DELETE FROM message WHERE id = ?", id)
	return err
}

// Bury implements queue.DeadLetters.
func (d *driver) Bury(ctx context.Context, m queue.Incoming, reason string) error {
	id, receives, err := parseReceipt(m.Receipt)
	if err != nil {
		return err
	}
	return d.update(ctx, func(ctx context.Context) error {
		var held bool
		if err := d.w.QueryRowContext(ctx, "SELECT count(*) > 0 FROM message WHERE id = ? AND receives = ?", id, receives).Scan(&held); err != nil || !held {
			return err
		}
		return d.bury(ctx, id, reason)
	})
}

// Dead implements queue.DeadLetters: the latest first.
func (d *driver) Dead(ctx context.Context, n int) ([]queue.DeadLetter, error) {
	if err := d.usable(ctx); err != nil {
		return nil, err
	}
	rows, err := d.db.QueryContext(ctx, "SELECT id, body, sent, died, reason FROM dead WHERE queue = ? ORDER BY died DESC, id DESC LIMIT ?", d.name, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []queue.DeadLetter
	for rows.Next() {
		var l queue.DeadLetter
		var id, sent, died int64
		if err := rows.Scan(&id, &l.Body, &sent, &died, &l.Reason); err != nil {
			return nil, err
		}
		l.ID, l.Sent, l.Died = strconv.FormatInt(id, 10), fromMicros(sent), fromMicros(died)
		out = append(out, l)
	}
	return out, rows.Err()
}

// Revive implements queue.DeadLetters.
func (d *driver) Revive(ctx context.Context, ids []string) (n int, err error) {
	err = d.update(ctx, func(ctx context.Context) error {
		if len(ids) == 0 {
			n, err = d.revive(ctx, "")
			return err
		}
		for _, s := range ids {
			id, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return fmt.Errorf("dead letter %q is not from this queue", s)
			}
			m, err := d.revive(ctx, " AND id = ?", id)
			if err != nil {
				return err
			}
			n += m
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	d.changes.notify()
	return n, nil
}

// revive makes those dead letters messages again that fulfil a condition.
func (d *driver) revive(ctx context.Context, and string, args ...any) (int, error) {
	now := micros(d.now())
	res, err := d.w.ExecContext(ctx, "INSERT INTO message (queue, body, sent, visible) SELECT queue, body, ?, ? FROM dead WHERE queue = ?"+and,
		append([]any{now, now, d.name}, args...)...)
	if err != nil {
		return 0, err
	}
	if _, err := d.w.ExecContext(ctx, "DELETE FROM dead WHERE queue = ?"+and, append([]any{d.name}, args...)...); err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// Purge implements queue.Driver.
func (d *driver) Purge(ctx context.Context, p queue.Part) (n int, err error) {
	statement := "DELETE FROM message WHERE queue = ?"
	if p == queue.DeadLetterPart {
		statement = "DELETE FROM dead WHERE queue = ?"
	}
	err = d.update(ctx, func(ctx context.Context) error {
		res, err := d.w.ExecContext(ctx, statement, d.name)
		if err != nil {
			return err
		}
		deleted, err := res.RowsAffected()
		n = int(deleted)
		return err
	})
	return n, err
}
