package pgconf

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// minReconnect is how long a listener waits before it connects anew; it doubles up to
	// maxReconnect.
	minReconnect = 100 * time.Millisecond
	maxReconnect = 10 * time.Second
)

// Listener hears what processes notify each other of, on a connection of its own.
type Listener struct {
	stop   context.CancelFunc
	done   chan struct{}
	hears  atomic.Bool
	db     *DB
	log    *slog.Logger
	listen string
	heard  func(payload string)
}

// Listen calls heard, from one goroutine, for each notification on a channel of the
// schema, and with "" when some may have been missed: at first, and after each loss of the
// connection. It connects again by itself until it is closed.
func (db *DB) Listen(channel string, log *slog.Logger, heard func(payload string)) *Listener {
	ctx, stop := context.WithCancel(context.Background())
	l := &Listener{stop: stop, done: make(chan struct{}), db: db, log: log, heard: heard,
		listen: "LISTEN " + pgx.Identifier{db.channel(channel)}.Sanitize()}
	go func() {
		defer close(l.done)
		l.run(ctx)
	}()
	return l
}

// channel is the name that a channel has in the database, which all schemas share.
func (db *DB) channel(name string) string { return name + "." + db.c.Schema }

// Notify tells those who listen to a channel. It is only a hint: who does not listen just
// now hears nothing of it. It is a transaction of its own, after what it tells of: the
// commits of transactions that notify go one after the other, in all of the server.
func (db *DB) Notify(ctx context.Context, channel, payload string) error {
	_, err := db.Pool.Exec(ctx, "SELECT pg_notify($1, $2)", db.channel(channel), payload)
	return err
}

// Hears says that the connection stands.
func (l *Listener) Hears() bool { return l.hears.Load() }

// Close ends it; heard is not called after.
func (l *Listener) Close() {
	l.stop()
	<-l.done
}

func (l *Listener) run(ctx context.Context) {
	for pause := minReconnect; ctx.Err() == nil; pause = min(2*pause, maxReconnect) {
		began := time.Now()
		err := l.once(ctx)
		l.hears.Store(false)
		if ctx.Err() != nil {
			return
		}
		l.log.DebugContext(ctx, "listening to the database; it goes on by polling", "error", err)
		if time.Since(began) > maxReconnect {
			pause = minReconnect
		}
		wait(ctx, pause)
	}
}

// once listens until the connection fails.
func (l *Listener) once(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, l.db.c.pool.ConnConfig.Copy())
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(bounded) // the connection is gone in any case
	}()
	if _, err := conn.Exec(ctx, l.listen); err != nil {
		return err
	}
	l.hears.Store(true)
	l.heard("")
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		l.heard(n.Payload)
	}
}
