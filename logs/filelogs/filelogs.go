// Package filelogs keeps the logs of attempts in files, one folder level per part of an
// attempt's name as Airflow has them:
//
//	ROOT/dag_id=D/run_id=R/task_id=T/attempt=1.log
//	ROOT/dag_id=D/run_id=R/task_id=T/map_index=0/attempt=1.log
//
// A log that grew past its bound goes on in attempt=1.log.OFFSET.
package filelogs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/logs/layout"
	"github.com/updraft-dev/updraft/run"
)

// Config says where the files are and how large they may grow.
type Config struct {
	// Root is the folder; it is made with mode 0700 when the first log is written.
	Root string
	// MaxSize bounds one attempt's log in bytes; 0 means logs.DefaultMaxSize, a negative
	// number no bound.
	MaxSize int64
	// Poll is how often a log that is followed is looked at where the system does not
	// tell of changes; 0 means half a second.
	Poll time.Duration
}

// ParseURL reads a configuration from a URL such as file:///var/log/updraft, with
// max_size=BYTES as the only parameter, or from a plain path.
func ParseURL(raw string) (Config, error) {
	rest, ok := strings.CutPrefix(raw, "file://")
	if !ok {
		if raw == "" || strings.Contains(raw, "://") {
			return Config{}, fmt.Errorf("logs %q: want file:///PATH or a path", raw)
		}
		return Config{Root: raw}, nil
	}
	path, query, _ := strings.Cut(rest, "?")
	path, err := url.PathUnescape(path)
	if err != nil || path == "" || strings.ContainsRune(path, 0) {
		return Config{}, fmt.Errorf("logs %q has no valid path: want file:///PATH", raw)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Config{}, fmt.Errorf("logs %q: %w", raw, err)
	}
	c := Config{Root: path}
	for k, v := range values {
		if k != "max_size" {
			return Config{}, fmt.Errorf("logs %q has an unknown parameter %q: use max_size=BYTES", raw, k)
		}
		if c.MaxSize, err = strconv.ParseInt(v[len(v)-1], 10, 64); err != nil {
			return Config{}, fmt.Errorf("logs %q: max_size is %q: use a number of bytes", raw, v[len(v)-1])
		}
	}
	return c, nil
}

// Open returns the logs in a folder. Several processes may use it at once.
func Open(c Config) (*logs.Logs, error) {
	if c.Root == "" {
		return nil, errors.New("logs need a folder: set it in the URL, file:///PATH")
	}
	root, err := filepath.Abs(c.Root)
	if err != nil {
		return nil, fmt.Errorf("find the folder of logs: %w", err)
	}
	return logs.New(&driver{root: root}, logs.Config{MaxSize: c.MaxSize, Poll: c.Poll}), nil
}

// driver implements logs.Driver and logs.Watcher.
type driver struct{ root string }

var (
	_ logs.Driver  = (*driver)(nil)
	_ logs.Watcher = (*driver)(nil)
)

// Open implements logs.Driver.
func (d *driver) Open(_ context.Context, a run.Attempt) (logs.Appender, error) {
	dir := d.dir(a.Key)
	for range 10 { // a concurrent Remove may take the folder away again
		made, err := d.makeDir(a.Key)
		if err != nil {
			return nil, err
		}
		var before logs.Info
		if !made {
			if before, err = find(dir, a.Try); err != nil {
				return nil, err
			}
		}
		f, err := openFile(dir, a.Try, before.Segments)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return f, err
	}
	return nil, fmt.Errorf("open a log in %s: the folder is removed again and again", dir)
}

// file implements logs.Appender. The first segment's file is locked as long as the log
// is open: that says that it is being written to, and ends with the process.
type file struct {
	try   int
	first *os.File
	segs  []logs.Segment
	// last is the file of the last segment, which begins at this offset; it may be first.
	last   *os.File
	offset int64
}

func openFile(dir string, try int, segs []logs.Segment) (logs.Appender, error) {
	first, err := openSegment(filepath.Join(dir, layout.Log(try)))
	if err != nil {
		return nil, err
	}
	if err := lockWriter(first); err != nil {
		first.Close()
		return nil, fmt.Errorf("lock a log: %w", err)
	}
	return &file{try: try, first: first, segs: segs, last: first}, nil
}

func openSegment(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// Segments implements logs.Appender.
func (f *file) Segments() []logs.Segment { return f.segs }

// Append implements logs.Appender.
func (f *file) Append(_ context.Context, segment int64, p []byte) (int, error) {
	if segment != f.offset {
		next, err := openSegment(filepath.Join(filepath.Dir(f.first.Name()), layout.Segment(f.try, segment, digits)))
		if err != nil {
			return 0, err
		}
		f.closeLast()
		f.last, f.offset = next, segment
	}
	return f.last.Write(p)
}

func (f *file) closeLast() {
	if f.last != f.first {
		f.last.Close()
	}
}

// Close implements logs.Appender.
func (f *file) Close(ctx context.Context, segment int64, p []byte) error {
	var err error
	if len(p) > 0 {
		_, err = f.Append(ctx, segment, p)
	}
	f.closeLast()
	if uerr := unlock(f.first); uerr != nil {
		return errors.Join(err, uerr, f.first.Close())
	}
	// A change of mode is told to those who watch; that it was unlocked is not.
	return errors.Join(err, f.first.Chmod(0o600), f.first.Close())
}

// Stat implements logs.Driver.
func (d *driver) Stat(_ context.Context, a run.Attempt) (logs.Info, error) {
	dir := d.dir(a.Key)
	closed, err := isClosed(filepath.Join(dir, layout.Log(a.Try)))
	if err != nil {
		return logs.Info{}, err
	}
	info, err := find(dir, a.Try)
	if err == nil && info.Size() == 0 {
		err = logs.ErrNotFound // its writer is about to write, or died before it could
	}
	info.Attempt, info.Closed = a, closed
	return info, err
}

// isClosed says whether nobody holds the lock of a log.
func isClosed(base string) (bool, error) {
	f, err := os.Open(base)
	if errors.Is(err, fs.ErrNotExist) {
		return false, logs.ErrNotFound
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	return unlocked(f)
}

// ReadAt implements logs.Driver.
func (d *driver) ReadAt(_ context.Context, a run.Attempt, segment int64, p []byte, from int64) (int, error) {
	f, err := os.Open(filepath.Join(d.dir(a.Key), layout.Segment(a.Try, segment, digits)))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, logs.ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := f.ReadAt(p, from)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Remove implements logs.Driver.
func (d *driver) Remove(_ context.Context, a run.Attempt, offsets ...int64) error {
	dir := d.dir(a.Key)
	whole := len(offsets) == 0
	if whole {
		info, err := find(dir, a.Try)
		if err != nil {
			return err
		}
		for _, s := range info.Segments {
			offsets = append(offsets, s.Offset)
		}
		slices.Reverse(offsets) // a log that is half removed still begins at its beginning
	}
	for _, o := range offsets {
		err := os.Remove(filepath.Join(dir, layout.Segment(a.Try, o, digits)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if whole {
		d.prune(dir)
	}
	return nil
}
