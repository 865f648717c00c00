// Package pgqueue keeps queues in a schema of PostgreSQL, for schedulers and workers on any
// machines. What Send has acknowledged survives everything that the server survives; of what
// was received or deleted in its last half second a crash of the server may take the word
// back, and it is delivered again.
//
// Receivers take messages without waiting for each other (SKIP LOCKED), hear of new ones by a
// notification, and poll in case they miss it.
package pgqueue

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/updraft-dev/updraft/internal/pgconf"
	"github.com/updraft-dev/updraft/queue"
)

// Config says which queue of a Server to open and how to use it.
type Config struct {
	// Name is the queue; empty means "default", as in Airflow.
	Name string
	// Receives is after how many receives a message becomes a dead letter; 0 means
	// queue.DefaultReceives.
	Receives int
	// Log takes messages that cannot be read; nil takes none.
	Log *slog.Logger
}

// Limits of a queue: those of SQS, but for batches, which are one statement.
const (
	batchLimit = 100
	sizeLimit  = 1 << 20
)

// retention is how long messages and dead letters are kept at most, as SQS can.
const retention = 14 * 24 * time.Hour

// latest is the version of the schema that this program needs.
const latest = 1

//go:embed migrations/*.sql
var migrations embed.FS

func part() pgconf.Part { return pgconf.Part{Name: "queue", Latest: latest, Files: migrations} }

// Server is where queues are. All queues that are opened by it share its connections. It is
// safe for concurrent use.
type Server struct {
	db  *pgconf.DB
	log *slog.Logger

	closing chan struct{}
	once    sync.Once

	mu   sync.Mutex
	news *news // nil until somebody waits
}

// Connect makes what is not there at postgres://..., see pgconf.ParseURL, and brings it up
// to date. Errors say what to do, and contain no password. The caller closes the server after
// its queues.
func Connect(ctx context.Context, url string, log *slog.Logger) (*Server, error) {
	c, err := pgconf.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("opening queues: %w", err)
	}
	db, err := pgconf.Open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("opening queues: %w", err)
	}
	if err := db.Up(ctx, part()); err != nil {
		db.Close()
		return nil, db.Explain("opening queues", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{db: db, log: log, closing: make(chan struct{})}, nil
}

// Migrate brings the tables of queues to a version, up or down, and returns the one that they
// had. Version 0 has no tables. Negative means the latest.
func Migrate(ctx context.Context, url string, version int) (from, to int, err error) {
	c, err := pgconf.ParseURL(url)
	if err != nil {
		return 0, 0, fmt.Errorf("migrating: %w", err)
	}
	db, err := pgconf.Open(ctx, c)
	if err != nil {
		return 0, 0, fmt.Errorf("migrating: %w", err)
	}
	defer db.Close()
	if version < 0 {
		version = latest
	}
	if from, err = db.Migrate(ctx, part(), version); err != nil {
		return from, from, db.Explain("migrating", err)
	}
	return from, version, nil
}

// Open opens a queue, making it if it is not there, and removes what is too old.
func (s *Server) Open(ctx context.Context, c Config) (*queue.Queue, error) {
	if c.Name == "" {
		c.Name = "default"
	}
	if c.Receives <= 0 {
		c.Receives = queue.DefaultReceives
	}
	d := &driver{s: s, key: keyOf(c.Name), receives: c.Receives, closing: make(chan struct{})}
	err := s.do(ctx, func(ctx context.Context) error {
		_, err := s.db.Pool.Exec(ctx, `WITH m AS (DELETE FROM message WHERE queue = $1 AND sent < now() - $3::interval),
			d AS (DELETE FROM dead_letter WHERE queue = $1 AND died < now() - $3::interval)
			INSERT INTO queue (key, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`, d.key, c.Name, retention)
		return err
	})
	if err != nil {
		return nil, s.explain("opening queue "+c.Name, err)
	}
	return queue.New(d, queue.Config{Batch: batchLimit, Size: sizeLimit, BatchSize: 4 * sizeLimit, Log: c.Log}), nil
}

// Notify tells those who Listen to a channel. It is only a hint.
func (s *Server) Notify(ctx context.Context, channel, text string) error {
	err := s.do(ctx, func(ctx context.Context) error { return s.db.Notify(ctx, channel, text) })
	if err != nil {
		return s.explain("notifying", err)
	}
	return nil
}

// Listen calls heard for what any process notifies of, from one goroutine, and with "" when
// some may have been missed. The caller closes it before the server.
func (s *Server) Listen(channel string, heard func(text string)) *pgconf.Listener {
	return s.db.Listen(channel, s.log, heard)
}

// Close ends the calls of Receive of all queues and closes the connections. Closing twice is
// no error.
func (s *Server) Close() error {
	s.once.Do(func() {
		close(s.closing)
		s.mu.Lock()
		n := s.news
		s.mu.Unlock()
		if n != nil {
			n.close()
		}
		s.db.Close()
	})
	return nil
}

// do makes a call, see pgconf.DB.Do.
func (s *Server) do(ctx context.Context, call func(context.Context) error) error {
	if s.isClosed() {
		return queue.ErrClosed
	}
	err := s.db.Do(ctx, call)
	if err != nil && s.isClosed() {
		return queue.ErrClosed
	}
	return err
}

func (s *Server) isClosed() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

// explain is for errors whose package says nothing of what was being done.
func (s *Server) explain(doing string, err error) error {
	if errors.Is(err, queue.ErrClosed) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return s.db.Explain(doing, err)
}

// key is what a name is found by; it is stored as an UUID, which is what 16 bytes are called
// there.
type key = [16]byte

func keyOf(name string) key {
	h := sha256.Sum256([]byte(name))
	return key(h[:16])
}
