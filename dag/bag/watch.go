package bag

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch scans whenever something in the folder changes and hands on what changed, until
// ctx ends; the error is then nil. The system says when to look; where it does not, or
// cannot watch so many folders, the folder is looked at every Config.Poll. Changes are
// handed on one at a time, by this goroutine. A scan that fails is tried again.
func (b *Bag) Watch(ctx context.Context, changed func(Changes)) error {
	w := &watch{b: b, changed: changed}
	defer w.close()
	w.open()
	resync := time.NewTicker(b.c.Resync)
	defer resync.Stop()
	var due <-chan struct{}
	for {
		w.scan(ctx)
		if due == nil {
			due = w.next(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-resync.C:
		case <-due:
			due = nil
		}
	}
}

// watch is one Watch.
type watch struct {
	b       *Bag
	changed func(Changes)
	// events is nil when the folder is polled.
	events *fsnotify.Watcher
}

func (w *watch) open() {
	if remote(w.b.c.Dir) {
		w.poll(errors.New("the system does not report what others change on a network file system"))
		return
	}
	var err error
	if w.events, err = w.b.newWatcher(); err != nil {
		w.events = nil
		w.poll(err)
	}
}

// scan looks and hands on what changed. What changes in a folder that was not watched
// yet is reported by nobody, so it looks again after a folder has been added.
func (w *watch) scan(ctx context.Context) {
	for again := true; again; {
		c, err := w.b.Scan(ctx)
		if err != nil {
			if ctx.Err() == nil && w.b.c.OnWatchError != nil {
				w.b.c.OnWatchError(err)
			}
			return
		}
		if !c.Empty() {
			w.changed(c)
		}
		again = false
		if w.events != nil {
			if again, err = w.follow(w.b.folders()); err != nil {
				w.poll(err)
			}
		}
	}
}

// folders are the folders in which a change matters, as of the last scan.
func (b *Bag) folders() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := make(map[string]bool, len(b.dirs))
	for _, dir := range b.dirs {
		seen[dir] = true
	}
	// What DAG files depend on may be elsewhere.
	for p := range b.deps {
		dir := filepath.Dir(b.abs(p))
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			seen[real] = true
		}
	}
	out := make([]string, 0, len(seen))
	for dir := range seen {
		out = append(out, dir)
	}
	slices.Sort(out)
	return out
}

// follow watches these folders and no others; it says whether one is new. A folder that
// was deleted and made again has lost its watch, so all are added every time.
func (w *watch) follow(dirs []string) (bool, error) {
	watched := make(map[string]bool)
	for _, dir := range w.events.WatchList() {
		watched[dir] = true
	}
	added := false
	for _, dir := range dirs {
		err := w.events.Add(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // gone in the meantime
		case err != nil:
			return false, fmt.Errorf("watch %s: %w", dir, err)
		}
		added = added || !watched[dir]
		delete(watched, dir)
	}
	for dir := range watched {
		if err := w.events.Remove(dir); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) {
			return false, fmt.Errorf("stop watching %s: %w", dir, err)
		}
	}
	return added, nil
}

// poll stops using events.
func (w *watch) poll(why error) {
	w.close()
	w.events = nil
	if w.b.c.OnWatchError != nil {
		w.b.c.OnWatchError(fmt.Errorf("looking every %v: %w", w.b.c.Poll, why))
	}
}

func (w *watch) close() {
	if w.events != nil {
		w.events.Close() //nolint:errcheck // nothing can be done about it
	}
}

// next returns a channel that is closed when it is time to look: after the poll
// interval, or when events have come and then none for the debounce time.
func (w *watch) next(ctx context.Context) <-chan struct{} {
	due := make(chan struct{})
	if w.events == nil {
		time.AfterFunc(w.b.c.Poll, func() { close(due) })
		return due
	}
	events := w.events
	go func() {
		defer close(due)
		select {
		case <-ctx.Done():
		case _, ok := <-events.Events:
			if ok {
				w.settle(ctx, events)
			}
		case <-events.Errors: //nolint:errcheck // more events than there was room for, or closed
		}
	}()
	return due
}

// settle waits until no event came for the debounce time, but not for ever.
func (w *watch) settle(ctx context.Context, events *fsnotify.Watcher) {
	quiet := time.NewTimer(w.b.c.Debounce)
	defer quiet.Stop()
	end := time.NewTimer(4 * w.b.c.Debounce)
	defer end.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-quiet.C:
			return
		case _, ok := <-events.Events:
			if !ok {
				return
			}
			quiet.Reset(w.b.c.Debounce)
		case <-events.Errors: //nolint:errcheck // as above
			return
		}
	}
}
