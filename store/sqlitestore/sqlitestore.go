package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/updraft-dev/updraft/store"
)

// Durability says what a finished write survives.
type Durability string

// The levels of durability.
const (
	// Full survives a power failure: every commit is synced. It is the default.
	Full Durability = "full"
	// Normal survives the end of the process, also by kill -9, but a power failure
	// may take the last commits back. The file stays whole.
	Normal Durability = "normal"
)

// Config says where the database is and how to use it. The zero value of every field
// but Path is a good choice.
type Config struct {
	// Path is the database file; it is made with mode 0600, its folder is not made.
	Path       string
	Durability Durability
	// BusyTimeout is how long a call waits for another process' write: 5 s if zero.
	BusyTimeout time.Duration
	// MaxItem is the size in bytes of the largest XCom, body or text of an instance:
	// 16 MiB if zero.
	MaxItem int
	// CachePages is the number of 4 KiB pages that the writing connection may keep:
	// 1000 if zero. Reading connections keep a fifth of it each.
	CachePages int
}

const (
	readers        = 4
	checkpointSize = 2000 // pages of the log, 8 MB, before they go into the database file
)

// ParseURL reads a configuration from a URL such as sqlite:///var/lib/updraft.db, with
// durability=full|normal as the only parameter, or from a plain file path.
func ParseURL(raw string) (Config, error) {
	rest, ok := strings.CutPrefix(raw, "sqlite://")
	if !ok {
		if strings.Contains(raw, "://") {
			return Config{}, fmt.Errorf("store %q: want sqlite:///PATH or a file path", raw)
		}
		return Config{Path: raw}, nil
	}
	path, query, _ := strings.Cut(rest, "?")
	path, err := url.PathUnescape(path)
	if err != nil || path == "" {
		return Config{}, fmt.Errorf("store %q has no valid path: want sqlite:///PATH", raw)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Config{}, fmt.Errorf("store %q: %w", raw, err)
	}
	c := Config{Path: path}
	for k, v := range values {
		if k != "durability" {
			return Config{}, fmt.Errorf("store %q has an unknown parameter %q: use durability=full|normal", raw, k)
		}
		c.Durability = Durability(v[len(v)-1])
	}
	return c, c.validate()
}

func (c Config) withDefaults() Config {
	if c.Durability == "" {
		c.Durability = Full
	}
	if c.BusyTimeout == 0 {
		c.BusyTimeout = 5 * time.Second
	}
	if c.MaxItem == 0 {
		c.MaxItem = 16 << 20
	}
	if c.CachePages == 0 {
		c.CachePages = 1000
	}
	return c
}

func (c Config) validate() error {
	if c.Path == "" || strings.Contains(c.Path, ":memory:") {
		return fmt.Errorf("database path %q: name a file", c.Path)
	}
	if c.Durability != "" && c.Durability != Full && c.Durability != Normal {
		return fmt.Errorf("durability %q of database %s: use %s or %s", c.Durability, c.Path, Full, Normal)
	}
	return nil
}

// Store is a store.Store in a SQLite file.
type Store struct {
	path    string
	maxItem int
	db      *sql.DB
	c       *committer
	pool    chan *session // reading sessions; nil ones are not open yet
	closing chan struct{}
}

var _ store.Store = (*Store)(nil)

// Open opens the database file, makes it if it is not there, and brings its schema up
// to date. Errors say what to do. The caller closes the store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", remedy(cfg.Path, err))
	}
	if _, err = migrate(ctx, s.c.w, latest); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store: %w", remedy(cfg.Path, err)), s.Close())
	}
	return s, nil
}

// open does all of Open but the schema.
func open(ctx context.Context, cfg Config) (*Store, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, err
	}
	// SQLite would make it readable for all; its log files take the mode of this one.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: check that the folder exists and belongs to this user", err)
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	// Half the price of fsync where it exists, same durability (fdatasync(2)); the
	// error says only that it does not exist.
	_, _ = sqlite.Fdatasync(true)
	db, err := sql.Open("sqlite", dsn(path, cfg))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers + 1)
	db.SetMaxIdleConns(readers + 1)
	w, err := newSession(ctx, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{path: cfg.Path, maxItem: cfg.MaxItem, db: db, c: newCommitter(w),
		pool: make(chan *session, readers), closing: make(chan struct{})}
	for range readers {
		s.pool <- nil
	}
	if _, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA cache_size(%d)", cfg.CachePages)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func dsn(path string, cfg Config) string {
	q := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", cfg.BusyTimeout.Milliseconds()),
		"journal_mode(wal)",
		"synchronous(" + string(cfg.Durability) + ")",
		fmt.Sprintf("wal_autocheckpoint(%d)", checkpointSize),
		fmt.Sprintf("journal_size_limit(%d)", 4*checkpointSize*4096),
		fmt.Sprintf("cache_size(%d)", cfg.CachePages/5),
		"temp_store(memory)",
	}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// read runs f on a reading session in a transaction: all it sees is of one moment.
func (s *Store) read(ctx context.Context, f func(*session) error) (err error) {
	r, err := s.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { s.pool <- r }()
	if _, err := r.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	defer func() {
		// Also when ctx has ended: the session is used again.
		_, e := r.exec(context.WithoutCancel(ctx), "COMMIT")
		if err == nil && e != nil {
			err = e
		}
	}()
	return f(r)
}

func (s *Store) reader(ctx context.Context) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-s.closing:
		return nil, store.ErrClosed
	default:
	}
	select {
	case r := <-s.pool:
		if r != nil {
			return r, nil
		}
		r, err := newSession(context.WithoutCancel(ctx), s.db)
		if err != nil {
			s.pool <- nil
			return nil, err
		}
		return r, nil
	case <-s.closing:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close waits for calls under way and closes the file. Closing twice is no error.
func (s *Store) Close() error {
	if !s.c.close() {
		return nil
	}
	close(s.closing)
	var errs []error
	for range readers {
		if r := <-s.pool; r != nil {
			errs = append(errs, r.close())
		}
	}
	s.c.lock.Lock()
	defer s.c.lock.Unlock()
	errs = append(errs, s.c.w.close(), s.db.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing database %s: %w", s.path, err)
	}
	return nil
}

// Stats counts what the store has done since Open.
type Stats struct {
	// Commits is the number of transactions that wrote. With durability full each
	// costs one fsync; four more come with every 8 MB, when the log goes into the file.
	Commits int64
	// Writes is the number of calls that shared them.
	Writes int64
}

// Stats returns the counts so far.
func (s *Store) Stats() Stats {
	s.c.lock.Lock()
	defer s.c.lock.Unlock()
	return s.c.stats
}

// Changed returns a number that differs from the last one if another process has
// written in between. It costs microseconds and reads nothing from the disk.
func (s *Store) Changed(ctx context.Context) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.c.lock.Lock()
	defer s.c.lock.Unlock()
	select {
	case <-s.closing:
		return 0, store.ErrClosed
	default:
	}
	// Only the writing connection writes here, so to it all other writers are foreign.
	var v int64
	_, err := s.c.w.row(context.WithoutCancel(ctx), "PRAGMA data_version", nil, &v)
	return v, s.explain("looking for changes", err)
}
