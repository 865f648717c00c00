// Package localqueue keeps queues in a SQLite file that several processes of one machine
// share: schedulers and workers that are started there one by one. What was sent
// survives the end of processes; a power failure may take the last messages, which
// planners send again.
package localqueue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/updraft-dev/updraft/queue"
)

// Config says where a queue is and how to use it. Path and Now are needed.
type Config struct {
	// Path is the file; it is made with mode 0600, its folder is not made.
	Path string
	// Name is the queue in the file; empty means "default", as in Airflow.
	Name string
	// Receives is after how many receives a message becomes a dead letter; 0 means
	// queue.DefaultReceives.
	Receives int
	// Now is the clock.
	Now func() time.Time
	// Log takes messages that cannot be read; nil takes none.
	Log *slog.Logger
}

// Limits of a local queue: those of SQS.
const (
	batchLimit = 10
	sizeLimit  = 1 << 20
)

// retention is how long messages and dead letters are kept at most, as SQS can.
const retention = 14 * 24 * time.Hour

// Open opens a queue in a file, making what is not there.
func Open(ctx context.Context, c Config) (*queue.Queue, error) {
	if c.Path == "" || c.Now == nil {
		return nil, errors.New("a local queue needs a file and a clock")
	}
	if c.Name == "" {
		c.Name = "default"
	}
	if c.Receives <= 0 {
		c.Receives = queue.DefaultReceives
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("find queue %s: %w", c.Path, err)
	}
	d := &driver{path: path, name: c.Name, receives: c.Receives, now: c.Now, closing: make(chan struct{}), changes: newChanges()}
	if err := d.open(ctx); err != nil {
		return nil, fmt.Errorf("open queue %s: %w", c.Path, errors.Join(err, d.Close()))
	}
	return queue.New(d, queue.Config{Batch: batchLimit, Size: sizeLimit, Log: c.Log}), nil
}

// driver implements queue.Driver.
type driver struct {
	path, name string
	receives   int
	now        func() time.Time

	db      *sql.DB // for reading
	changes *changes
	closing chan struct{}
	once    sync.Once

	// write is held while w is used; w is the one connection that writes.
	write sync.Mutex
	w     *sql.Conn
}

var _ queue.Driver = (*driver)(nil)

// version is that of the schema, in user_version.
const version = 1

const schema = `
CREATE TABLE message (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	queue    TEXT NOT NULL,
	body     BLOB NOT NULL,
	sent     INTEGER NOT NULL, -- microseconds since 1970, as all times
	visible  INTEGER NOT NULL,
	receives INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX message_visible ON message (queue, visible);
CREATE TABLE dead (
	id     INTEGER PRIMARY KEY,
	queue  TEXT NOT NULL,
	body   BLOB NOT NULL,
	sent   INTEGER NOT NULL,
	died   INTEGER NOT NULL,
	reason TEXT NOT NULL
) STRICT;
CREATE TABLE dedup (
	queue TEXT NOT NULL,
	text  TEXT NOT NULL,
	until INTEGER NOT NULL,
	PRIMARY KEY (queue, text)
) STRICT, WITHOUT ROWID;
CREATE INDEX dedup_until ON dedup (until);
PRAGMA user_version = 1;
PRAGMA application_id = 0x55706451; -- "UpdQ"
`

func (d *driver) open(ctx context.Context) error {
	// SQLite would make it readable for all. An existing file is not touched: closing it
	// would release the locks that this process may have on it.
	f, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	q := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(wal)", "synchronous(normal)", "temp_store(memory)", "cache_size(250)", "journal_size_limit(8388608)"}}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: d.path}).EscapedPath(), RawQuery: q.Encode()}
	if d.db, err = sql.Open("sqlite", dsn.String()); err != nil {
		return err
	}
	d.db.SetMaxOpenConns(3)
	d.db.SetMaxIdleConns(3)
	// While another process makes the same file, SQLite may refuse without waiting.
	for pause := minPoll; ; pause *= 2 {
		if err = d.connect(ctx); err == nil || !busy(err) || pause > maxOpenPause {
			break
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	d.changes.watch(d.path + "-wal")
	return nil
}

// maxOpenPause bounds the pauses between trials to open a file that is being made.
const maxOpenPause = time.Second

// busy says that another process holds a lock of the file.
func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// connect opens the connection that writes, and brings the schema up to date.
func (d *driver) connect(ctx context.Context) (err error) {
	if d.w == nil {
		if d.w, err = d.db.Conn(ctx); err != nil {
			return err
		}
	}
	return d.migrate(ctx)
}

// migrate makes the tables, and removes what is too old.
func (d *driver) migrate(ctx context.Context) error {
	return d.update(ctx, func(ctx context.Context) error {
		var v int
		if err := d.w.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
			return err
		}
		if v > version {
			return fmt.Errorf("it has schema %d, this program knows %d: update it", v, version)
		}
		if v < version {
			if _, err := d.w.ExecContext(ctx, schema); err != nil {
				return err
			}
		}
		old := micros(d.now().Add(-retention))
		if _, err := d.w.ExecContext(ctx, "DELETE FROM message WHERE sent < ?", old); err != nil {
			return err
		}
		_, err := d.w.ExecContext(ctx, "DELETE FROM dead WHERE died < ?", old)
		return err
	})
}

// update runs f in a transaction that writes. It does not end halfway because ctx does.
func (d *driver) update(ctx context.Context, f func(ctx context.Context) error) error {
	d.write.Lock()
	defer d.write.Unlock()
	if err := d.usable(ctx); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := d.w.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f(ctx)
	if err == nil {
		_, err = d.w.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		if _, e := d.w.ExecContext(ctx, "ROLLBACK"); e != nil && !strings.Contains(e.Error(), "no transaction is active") {
			err = errors.Join(err, e)
		}
	}
	return err
}

// usable says whether a call may begin.
func (d *driver) usable(ctx context.Context) error {
	if d.isClosed() {
		return queue.ErrClosed
	}
	return ctx.Err()
}

func (d *driver) isClosed() bool {
	select {
	case <-d.closing:
		return true
	default:
		return false
	}
}

// Close implements queue.Driver.
func (d *driver) Close() error {
	var err error
	d.once.Do(func() {
		close(d.closing)
		d.changes.close()
		d.write.Lock()
		defer d.write.Unlock()
		if d.w != nil {
			err = d.w.Close()
		}
		if d.db != nil {
			err = errors.Join(err, d.db.Close())
		}
	})
	return err
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
