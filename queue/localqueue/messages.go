package localqueue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/queue"
)

// Send implements queue.Driver: all of a batch, or nothing.
func (d *driver) Send(ctx context.Context, batch []queue.Outgoing) []error {
	err := d.update(ctx, func(ctx context.Context) error {
		now := d.now()
		for _, m := range batch {
			if m.Dedup != "" {
				first, err := d.first(ctx, m.Dedup, now)
				if err != nil {
					return err
				}
				if !first {
					continue
				}
			}
			_, err := d.w.ExecContext(ctx, "INSERT INTO message (queue, body, sent, visible) VALUES (?, ?, ?, ?)",
				d.name, m.Body, micros(now), micros(now.Add(m.Delay)))
			if err != nil {
				return err
			}
		}
		return nil
	})
	d.changes.notify()
	errs := make([]error, len(batch))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// first says whether a text of deduplication is new, and notes it.
func (d *driver) first(ctx context.Context, text string, now time.Time) (bool, error) {
	if _, err := d.w.ExecContext(ctx, "DELETE FROM dedup WHERE until <= ?", micros(now)); err != nil {
		return false, err
	}
	res, err := d.w.ExecContext(ctx, "INSERT INTO dedup (queue, text, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
		d.name, text, micros(now.Add(queue.DedupWindow)))
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Receive implements queue.Driver.
func (d *driver) Receive(ctx context.Context, n int, visibility, wait time.Duration) ([]queue.Incoming, error) {
	end := time.NewTimer(wait)
	defer end.Stop()
	again := time.NewTimer(wait)
	defer again.Stop()
	for backoff := minPoll; ; {
		changed := d.changes.wait() // from before looking
		visible, found, err := d.nextVisible(ctx)
		if err != nil {
			return nil, err
		}
		pause := backoff
		if found {
			if pause = min(backoff, visible.Sub(d.now())); pause <= 0 {
				got, err := d.take(ctx, n, visibility)
				if err != nil || len(got) > 0 {
					return got, err
				}
				continue // somebody was faster, or all of them became dead letters
			}
		}
		again.Reset(pause)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-d.closing:
			return nil, queue.ErrClosed
		case <-end.C:
			return nil, nil
		case <-changed:
			// The log is written before the commit can be seen: look again soon.
			backoff = minPoll
		case <-again.C:
			backoff = min(2*backoff, d.changes.poll())
		}
	}
}

// nextVisible is when the next message is visible, if there is any.
func (d *driver) nextVisible(ctx context.Context) (at time.Time, found bool, err error) {
	if err := d.usable(ctx); err != nil {
		return time.Time{}, false, err
	}
	var n int64
	err = d.db.QueryRowContext(ctx, "SELECT visible FROM message WHERE queue = ? ORDER BY visible LIMIT 1", d.name).Scan(&n)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, false, nil
	case d.isClosed():
		return time.Time{}, false, queue.ErrClosed
	case err != nil:
		return time.Time{}, false, err
	}
	return fromMicros(n), true, nil
}

// take receives messages that are visible. Those that were received too often become
// dead letters.
func (d *driver) take(ctx context.Context, n int, visibility time.Duration) (got []queue.Incoming, err error) {
	err = d.update(ctx, func(ctx context.Context) error {
		now := d.now()
		rows, err := d.w.QueryContext(ctx, `UPDATE message SET receives = receives + 1, visible = ?
			WHERE id IN (SELECT id FROM message WHERE queue = ? AND visible <= ? ORDER BY visible LIMIT ?)
			RETURNING id, body, sent, receives`, micros(now.Add(visibility)), d.name, micros(now), n)
		if err != nil {
			return err
		}
		defer rows.Close()
		var spent []int64
		for rows.Next() {
			var m queue.Incoming
			var id, sent int64
			if err := rows.Scan(&id, &m.Body, &sent, &m.Receives); err != nil {
				return err
			}
			if m.Receives > d.receives {
				spent = append(spent, id)
				continue
			}
			m.ID, m.Receipt, m.Sent = strconv.FormatInt(id, 10), receipt(id, m.Receives), fromMicros(sent)
			got = append(got, m)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for _, id := range spent {
			if err := d.bury(ctx, id, fmt.Sprintf("it was received %d times, and never deleted", d.receives)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}

// receipt names one receive of a message.
func receipt(id int64, receives int) string { return fmt.Sprintf("%d.%d", id, receives) }

func parseReceipt(s string) (id, receives int64, err error) {
	a, b, _ := strings.Cut(s, ".")
	id, err1 := strconv.ParseInt(a, 10, 64)
	receives, err2 := strconv.ParseInt(b, 10, 64)
	if err1 != nil || err2 != nil {
		return 0, 0, fmt.Errorf("receipt %q is not from this queue", s)
	}
	return id, receives, nil
}

// Extend implements queue.Driver.
func (d *driver) Extend(ctx context.Context, s string, visibility time.Duration) error {
	id, receives, err := parseReceipt(s)
	if err != nil {
		return err
	}
	defer d.changes.notify()
	return d.update(ctx, func(ctx context.Context) error {
		res, err := d.w.ExecContext(ctx, "UPDATE message SET visible = ? WHERE id = ? AND receives = ?", micros(d.now().Add(visibility)), id, receives)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, queue.ErrLost)
		}
		return nil
	})
}

// Delete implements queue.Driver.
func (d *driver) Delete(ctx context.Context, receipts []string) []error {
	errs := make([]error, len(receipts))
	err := d.update(ctx, func(ctx context.Context) error {
		for i, s := range receipts {
			id, receives, err := parseReceipt(s)
			if err != nil {
				errs[i] = err
				continue
			}
			res, err := d.w.ExecContext(ctx, "DELETE FROM message WHERE id = ? AND receives = ?", id, receives)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if n > 0 {
				continue
			}
			// Gone is fine; received by somebody else is not.
			var left int
			if err := d.w.QueryRowContext(ctx, "SELECT count(*) FROM message WHERE id = ?", id).Scan(&left); err != nil {
				return err
			}
			if left > 0 {
				errs[i] = queue.ErrLost
			}
		}
		return nil
	})
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return errs
}

// Stats implements queue.Driver.
func (d *driver) Stats(ctx context.Context) (s queue.Stats, err error) {
	if err := d.usable(ctx); err != nil {
		return s, err
	}
	var oldest sql.NullInt64
	err = d.db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE visible <= ?1), count(*) FILTER (WHERE visible > ?1 AND receives = 0),
		count(*) FILTER (WHERE visible > ?1 AND receives > 0), min(sent), (SELECT count(*) FROM dead WHERE queue = ?2)
		FROM message WHERE queue = ?2`, micros(d.now()), d.name).Scan(&s.Ready, &s.Delayed, &s.InFlight, &oldest, &s.Dead)
	if oldest.Valid {
		s.Oldest = fromMicros(oldest.Int64)
	}
	return s, err
}
