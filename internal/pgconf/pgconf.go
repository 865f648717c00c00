package pgconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/updraft-dev/updraft/config"
)

const (
	// DefaultSchema is the schema that holds the tables if the URL names none.
	DefaultSchema = "updraft"
	// defaultConns is how many connections a process opens at most if the URL says nothing.
	// A server takes 100 unless it is told otherwise, and each costs it some megabytes.
	defaultConns = 8
	// connectTimeout bounds connecting, the answer of the server included.
	connectTimeout = 10 * time.Second
	// CallTimeout is how long a call of a driver may take. Longer means that the server is
	// gone without a word, or that somebody holds a lock by hand.
	CallTimeout = 30 * time.Second
	// idleTime is how long a connection that nobody needs is kept.
	idleTime = 5 * time.Minute
	// cancelPatience is how long a statement may go on that the server was told to cancel.
	cancelPatience = 2 * time.Second
	// minVersion is the oldest server that knows all that we ask of it.
	minVersion = 13
)

// schemaName is short enough for names of channels, which end with it.
var schemaName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,49}$`)

// Config says where a database is.
type Config struct {
	pool *pgxpool.Config
	// Schema holds the tables.
	Schema string
	// shown is the URL without secrets.
	shown string
}

// ParseURL reads postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS, where everything
// may be left out that libpq's environment (PGHOST, PGPASSWORD, PGSSLMODE, ~/.pgpass, ...)
// says. Parameters are libpq's, and schema (default updraft) and pool_max_conns (default 8).
// Errors do not contain the password.
func ParseURL(raw string) (Config, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return Config{}, errors.New("it is no URL of PostgreSQL: write postgres://USER@HOST:PORT/DATABASE")
	}
	if u.Opaque != "" || !strings.HasPrefix(raw, u.Scheme+"://") {
		return Config{}, fmt.Errorf("%s lacks the slashes: write postgres://USER@HOST:PORT/DATABASE", u.Scheme+":")
	}
	c := Config{Schema: DefaultSchema, shown: config.Mask(raw)}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Config{}, fmt.Errorf("%s: its parameters cannot be read: write NAME=VALUE with & between", c.shown)
	}
	if s := q.Get("schema"); s != "" {
		c.Schema = s
	}
	if !schemaName.MatchString(c.Schema) || strings.HasPrefix(c.Schema, "pg_") {
		return Config{}, fmt.Errorf("%s: schema %.80q: use a name of letters, digits and _, at most 50 of them, that does not begin with a digit or pg_", c.shown, c.Schema)
	}
	q.Del("schema")
	ours := !q.Has("pool_max_conns")
	u.RawQuery = q.Encode()
	if c.pool, err = pgxpool.ParseConfig(u.String()); err != nil {
		return Config{}, fmt.Errorf("%s: %w", c.shown, err)
	}
	if ours {
		c.pool.MaxConns = defaultConns
	}
	if !q.Has("pool_max_conn_idle_time") {
		c.pool.MaxConnIdleTime = idleTime
	}
	c.connections()
	return c, nil
}

// connections says how connections are made.
func (c *Config) connections() {
	conn := c.pool.ConnConfig
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "updraft"
	}
	// A server whose machine is gone answers nothing, not even that. The calls of drivers are
	// bounded; this is for connections that only listen.
	d := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	conn.DialFunc = d.DialContext
	conn.BuildContextWatcherHandler = func(p *pgconn.PgConn) ctxwatch.Handler {
		// The server stops what nobody waits for any more: it would hold its locks.
		return &pgconn.CancelRequestContextWatcherHandler{Conn: p, DeadlineDelay: cancelPatience}
	}
	c.pool.PingTimeout = connectTimeout
	c.pool.AfterConnect = c.prepare
}

// prepare makes a new connection ours. The schema is set here and not in the start packet:
// poolers refuse what they do not know there.
func (c *Config) prepare(ctx context.Context, conn *pgx.Conn) error {
	p := conn.PgConn()
	if enc := p.ParameterStatus("server_encoding"); enc != "UTF8" {
		return fmt.Errorf("database %s is encoded in %s, which does not hold all names: use one made with ENCODING 'UTF8'", conn.Config().Database, enc)
	}
	v, _, _ := strings.Cut(p.ParameterStatus("server_version"), ".")
	if n, err := strconv.Atoi(v); err == nil && n < minVersion {
		return fmt.Errorf("the server is PostgreSQL %d: use %d or newer", n, minVersion)
	}
	_, err := conn.Exec(ctx, "SELECT set_config('search_path', $1, false)", pgx.Identifier{c.Schema}.Sanitize())
	return err
}

// MaxConns is how many connections a process opens at most.
func (c *Config) MaxConns() int { return int(c.pool.MaxConns) }

// String is the URL without secrets.
func (c *Config) String() string { return c.shown }

// DB is a database. It is safe for concurrent use.
type DB struct {
	Pool *pgxpool.Pool
	c    Config
}

// Open makes the pool of connections; the first one is opened when it is needed.
func Open(ctx context.Context, c Config) (*DB, error) {
	// The pool lives longer than the call that opens it.
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), c.pool.Copy())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.shown, err)
	}
	return &DB{Pool: pool, c: c}, nil
}

// Close closes all connections, and waits for calls under way.
func (db *DB) Close() { db.Pool.Close() }

// String is the URL without secrets.
func (db *DB) String() string { return db.c.shown }

const (
	// tries is how often a call is made that the server undid because of another one.
	tries = 8
	// firstPause is before the second trial, and doubles.
	firstPause = 2 * time.Millisecond
)

// Do makes a call, bounded in time, and makes it again if the server undid it because of
// another one (a deadlock, for one) or if it never reached the server. What was answered
// otherwise, or not at all, is the caller's to try again.
func (db *DB) Do(ctx context.Context, call func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	pause := firstPause
	for n := 1; ; n++ {
		err := call(bounded)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case bounded.Err() != nil:
			return fmt.Errorf("the server has not answered within %s: look for locks and load (pg_stat_activity), and at the network: %w", CallTimeout, err)
		case n == tries || !undone(err) && (n > 1 || !pgconn.SafeToRetry(err)):
			return err
		}
		wait(bounded, pause)
		pause *= 2
	}
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
