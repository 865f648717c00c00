package pgqueue

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/queue"
)

// Bury implements queue.DeadLetters.
func (d *driver) Bury(ctx context.Context, m queue.Incoming, reason string) error {
	id, receives, err := parseReceipt(m.Receipt)
	if err != nil {
		return err
	}
	return d.do(ctx, "burying a message", func(ctx context.Context) error {
		_, err := d.s.db.Pool.Exec(ctx, `WITH m AS (DELETE FROM message WHERE id = $1 AND receives = $2 RETURNING *)
			INSERT INTO dead_letter (id, queue, body, sent, reason) SELECT id, queue, body, sent, $3 FROM m`, id, receives, reason)
		return err
	})
}

// Dead implements queue.DeadLetters: the latest first.
func (d *driver) Dead(ctx context.Context, n int) ([]queue.DeadLetter, error) {
	var out []queue.DeadLetter
	err := d.do(ctx, "reading dead letters", func(ctx context.Context) error {
		rows, err := d.s.db.Pool.Query(ctx, "SELECT id, body, sent, died, reason FROM dead_letter WHERE queue = $1 ORDER BY died DESC, id DESC LIMIT $2", d.key, n)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (queue.DeadLetter, error) {
			var (
				l  queue.DeadLetter
				id int64
			)
			err := row.Scan(&id, &l.Body, &l.Sent, &l.Died, &l.Reason)
			l.ID, l.Sent, l.Died = strconv.FormatInt(id, 10), l.Sent.UTC(), l.Died.UTC()
			return l, err
		})
		return err
	})
	return out, err
}

// Revive implements queue.DeadLetters.
func (d *driver) Revive(ctx context.Context, ids []string) (n int, err error) {
	which := make([]int64, len(ids))
	for i, s := range ids {
		if which[i], err = strconv.ParseInt(s, 10, 64); err != nil {
			return 0, fmt.Errorf("dead letter %q is not from this queue", s)
		}
	}
	err = d.do(ctx, "reviving dead letters", func(ctx context.Context) error {
		tag, err := d.s.db.Pool.Exec(ctx, `WITH l AS (DELETE FROM dead_letter WHERE queue = $1 AND ($2 OR id = ANY($3)) RETURNING *)
			INSERT INTO message (queue, body, visible) SELECT queue, body, now() FROM l ORDER BY died, id`, d.key, len(ids) == 0, which)
		n = int(tag.RowsAffected())
		return err
	})
	if n > 0 {
		d.tell(ctx)
	}
	return n, err
}

// Purge implements queue.Driver.
func (d *driver) Purge(ctx context.Context, p queue.Part) (n int, err error) {
	statement := "DELETE FROM message WHERE queue = $1"
	if p == queue.DeadLetterPart {
		statement = "DELETE FROM dead_letter WHERE queue = $1"
	}
	err = d.do(ctx, "emptying the queue", func(ctx context.Context) error {
		tag, err := d.s.db.Pool.Exec(ctx, statement, d.key)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}
