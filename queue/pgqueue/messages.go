package pgqueue

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/updraft-dev/updraft/queue"
)

// driver implements queue.Driver.
type driver struct {
	s        *Server
	key      key
	receives int
	closing  chan struct{}
	once     sync.Once
}

var _ queue.Driver = (*driver)(nil)

// name is how notifications call the queue.
func (d *driver) name() string { return hex.EncodeToString(d.key[:]) }

// Close implements queue.Driver.
func (d *driver) Close() error {
	d.once.Do(func() { close(d.closing) })
	return nil
}

func (d *driver) isClosed() bool {
	select {
	case <-d.closing:
		return true
	default:
		return false
	}
}

// do makes a call and says what its error means.
func (d *driver) do(ctx context.Context, doing string, call func(context.Context) error) error {
	if d.isClosed() {
		return queue.ErrClosed
	}
	if err := d.s.do(ctx, call); err != nil {
		return d.s.explain(doing, err)
	}
	return nil
}

// loosely makes a statement whose loss in a crash of the server costs no more than another
// delivery: its commit does not wait for the disk.
func (d *driver) loosely(ctx context.Context, sql string, args []any, f func(pgx.Rows) error) error {
	var b pgx.Batch
	b.Queue("SELECT set_config('synchronous_commit', 'off', true)")
	b.Queue(sql, args...)
	// Both are one transaction, because they are sent together.
	r := d.s.db.Pool.SendBatch(ctx, &b)
	_, err := r.Exec()
	if err == nil {
		err = each(r, f)
	}
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	return err
}

func each(r pgx.BatchResults, f func(pgx.Rows) error) error {
	rows, err := r.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Of messages that are the same, the first is sent, if none was within the window. Old texts
// are removed by whoever comes along, but for those that another one removes just now.
const sendSQL = `WITH input AS (
	SELECT * FROM unnest($2::bytea[], $3::interval[], $4::uuid[]) WITH ORDINALITY AS i(body, delay, dedup, n)
), old AS (
	DELETE FROM dedup WHERE (queue, key) IN (
		SELECT queue, key FROM dedup WHERE until <= now() AND NOT (queue = $1 AND key = ANY($4::uuid[])) LIMIT 1000 FOR UPDATE SKIP LOCKED)
), fresh AS (
	INSERT INTO dedup (queue, key, until) SELECT $1, dedup, now() + $5::interval FROM input WHERE dedup IS NOT NULL GROUP BY dedup ORDER BY dedup
	ON CONFLICT (queue, key) DO UPDATE SET until = excluded.until WHERE dedup.until <= now() RETURNING key
)
INSERT INTO message (queue, body, visible) SELECT $1, body, now() + delay FROM input
WHERE dedup IS NULL OR n IN (SELECT min(n) FROM input JOIN fresh ON fresh.key = dedup GROUP BY dedup) ORDER BY n`

// Send implements queue.Driver: all of a batch, or nothing.
func (d *driver) Send(ctx context.Context, batch []queue.Outgoing) []error {
	bodies, delays, dedups := make([][]byte, len(batch)), make([]time.Duration, len(batch)), make([]*key, len(batch))
	for i, m := range batch {
		bodies[i], delays[i] = m.Body, m.Delay
		if m.Dedup != "" {
			dedups[i] = new(keyOf(m.Dedup))
		}
	}
	err := d.do(ctx, "sending to the queue", func(ctx context.Context) error {
		_, err := d.s.db.Pool.Exec(ctx, sendSQL, d.key, bodies, delays, dedups, queue.DedupWindow)
		return err
	})
	if err == nil {
		d.tell(ctx)
	}
	errs := make([]error, len(batch))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// tell wakes receivers, wherever they are. Without it they poll.
func (d *driver) tell(ctx context.Context) {
	err := d.s.do(ctx, func(ctx context.Context) error { return d.s.db.Notify(ctx, channel, d.name()) })
	if err != nil {
		d.s.log.DebugContext(ctx, "telling receivers of a message; they poll", "error", err)
	}
}

// Receive implements queue.Driver.
func (d *driver) Receive(ctx context.Context, n int, visibility, wait time.Duration) ([]queue.Incoming, error) {
	end := time.NewTimer(wait)
	defer end.Stop()
	news, changed := d.s.listen(), (<-chan struct{})(nil)
	for {
		if news != nil {
			changed = news.next(d.name()) // from before looking
		}
		got, next, err := d.take(ctx, n, visibility)
		if err != nil || len(got) > 0 || wait == 0 {
			return got, err
		}
		again := time.NewTimer(min(next, news.poll()))
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-d.closing:
			err = queue.ErrClosed
		case <-d.s.closing:
			err = queue.ErrClosed
		case <-end.C:
			wait = 0 // and look once more
		case <-changed:
		case <-again.C:
		}
		again.Stop()
		if err != nil {
			return nil, err
		}
	}
}

// What was received too often becomes a dead letter. The last row says after which time the
// next message is visible, if one is known.
const takeSQL = `WITH t AS MATERIALIZED (
	SELECT id FROM message WHERE queue = $1 AND visible <= now() ORDER BY visible LIMIT $2 FOR UPDATE SKIP LOCKED
), spent AS (
	DELETE FROM message m USING t WHERE m.id = t.id AND m.receives >= $4 RETURNING m.*
), buried AS (
	INSERT INTO dead_letter (id, queue, body, sent, reason) SELECT id, queue, body, sent, $5 FROM spent
), got AS (
	UPDATE message m SET receives = receives + 1, visible = now() + $3::interval FROM t WHERE m.id = t.id AND m.receives < $4
	RETURNING m.id, m.body, m.sent, m.receives
)
(SELECT id, body, sent, receives, NULL::interval AS next FROM got ORDER BY sent, id)
UNION ALL (SELECT NULL, NULL, NULL, NULL, min(visible) - now() FROM message WHERE queue = $1 AND visible > now())`

// take receives what is visible, and says after which time to look again.
func (d *driver) take(ctx context.Context, n int, visibility time.Duration) (got []queue.Incoming, next time.Duration, err error) {
	reason := fmt.Sprintf("it was received %d times, and never deleted", d.receives)
	err = d.do(ctx, "receiving from the queue", func(ctx context.Context) error {
		got, next = nil, queue.MaxWait
		return d.loosely(ctx, takeSQL, []any{d.key, n, visibility, d.receives, reason}, func(rows pgx.Rows) error {
			var (
				id       *int64
				body     []byte
				sent     *time.Time
				receives *int
				after    *time.Duration
			)
			if err := rows.Scan(&id, &body, &sent, &receives, &after); err != nil {
				return err
			}
			if id != nil {
				got = append(got, queue.Incoming{Body: body, ID: strconv.FormatInt(*id, 10), Receipt: receipt(*id, *receives),
					Receives: *receives, Sent: sent.UTC()})
			} else if after != nil {
				next = max(*after, time.Millisecond)
			}
			return nil
		})
	})
	return got, next, err
}

// receipt names one receive of a message.
func receipt(id int64, receives int) string { return fmt.Sprintf("%d.%d", id, receives) }

func parseReceipt(s string) (id, receives int64, err error) {
	a, b, _ := strings.Cut(s, ".")
	id, err1 := strconv.ParseInt(a, 10, 64)
	receives, err2 := strconv.ParseInt(b, 10, 32)
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
	held := false
	err = d.do(ctx, "extending a delivery", func(ctx context.Context) error {
		held = false
		return d.loosely(ctx, "UPDATE message SET visible = now() + $3::interval WHERE id = $1 AND receives = $2 RETURNING 1", []any{id, receives, visibility},
			func(pgx.Rows) error { held = true; return nil })
	})
	switch {
	case err != nil:
		return err
	case !held:
		return queue.ErrLost
	case visibility == 0:
		d.tell(ctx)
	}
	return nil
}

// Gone is fine; received by somebody else is not. The look is at what was before.
const deleteSQL = `WITH r AS (SELECT * FROM unnest($1::bigint[], $2::int[]) WITH ORDINALITY AS r(id, receives, n)),
	gone AS (DELETE FROM message m USING r WHERE m.id = r.id AND m.receives = r.receives)
SELECT r.n FROM r JOIN message m ON m.id = r.id AND m.receives <> r.receives`

// Delete implements queue.Driver.
func (d *driver) Delete(ctx context.Context, receipts []string) []error {
	errs := make([]error, len(receipts))
	ids, receives := make([]int64, len(receipts)), make([]int64, len(receipts))
	for i, s := range receipts {
		ids[i], receives[i], errs[i] = parseReceipt(s)
	}
	var lost []int
	err := d.do(ctx, "deleting from the queue", func(ctx context.Context) error {
		lost = nil
		return d.loosely(ctx, deleteSQL, []any{ids, receives}, func(rows pgx.Rows) error {
			var n int
			err := rows.Scan(&n)
			lost = append(lost, n-1)
			return err
		})
	})
	for _, i := range lost {
		errs[i] = queue.ErrLost
	}
	for i := range errs {
		if err != nil {
			errs[i] = err
		}
	}
	return errs
}

// Stats implements queue.Driver.
func (d *driver) Stats(ctx context.Context) (s queue.Stats, err error) {
	var oldest *time.Time
	err = d.do(ctx, "counting the queue", func(ctx context.Context) error {
		return d.s.db.Pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE visible <= now()), count(*) FILTER (WHERE visible > now() AND receives = 0),
			count(*) FILTER (WHERE visible > now() AND receives > 0), min(sent), (SELECT count(*) FROM dead_letter WHERE queue = $1)
			FROM message WHERE queue = $1`, d.key).Scan(&s.Ready, &s.Delayed, &s.InFlight, &oldest, &s.Dead)
	})
	if oldest != nil {
		s.Oldest = oldest.UTC()
	}
	return s, err
}
