package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/updraft-dev/updraft/store"
)

const codeCorrupt = sqlite3.SQLITE_CORRUPT

// code returns SQLite's primary result code of an error, or 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// blocked says that the whole database refuses writes: to try again at once, one by
// one, would only multiply the wait.
func blocked(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

func noTransaction(err error) bool { return strings.Contains(err.Error(), "no transaction is active") }

// explain adds what the operation was, and for errors that somebody can do something
// about, what to do.
func (s *Store) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, store.ErrClosed) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, remedy(s.path, err))
}

// remedy rewrites SQLite's error about the file at path.
func remedy(path string, err error) error {
	switch code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("database %s is locked by another process: wait for it or end it "+
			"(fuser %s shows who has it open): %w", path, path, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk of database %s is full: make room there; "+
			"nothing of this write was kept: %w", path, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%s is not a SQLite database: move it away or name another file: %w", path, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("database %s is damaged: stop all that use it and restore a backup, "+
			"or move it away and begin anew: %w (%w)", path, store.ErrCorrupt, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return fmt.Errorf("database %s cannot be opened for writing: check that its folder exists and that "+
			"folder and file belong to this user: %w", path, err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("the disk of database %s failed or is full: make room, and see the system's log: %w", path, err)
	case sqlite3.SQLITE_TOOBIG:
		return fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	}
	return err
}
