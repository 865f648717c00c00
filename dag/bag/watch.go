package bag

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch scans whenever something in the folder changes and hands on what changed, until
// ctx ends; the error is then nil. The system says when to look; where it does not, or
// cannot watch so many folders, the folder is looked at every Config.Poll. Changes are
// handed on one at a time. A scan that fails is tried again.
func (b *Bag) Watch(ctx context.Context, changed func(Changes)) error {
	w := &watch{b: b, changed: changed}
	defer w.close()
	w.follow()
	resync := time.NewTicker(b.c.Resync)
	defer resync.Stop()
	var due <-chan struct{}
	for {
		w.scan(ctx)
		if due == nil {
			due = w.next(ctx)
		}
		// Files that were too young to be trusted are looked at again by the resync; a
		// change of their content comes with an event.
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
	events  *fsnotify.Watcher
	watched map[string]bool
}

// scan looks once and hands on what changed.
func (w *watch) scan(ctx context.Context) {
	c, err := w.b.Scan(ctx)
	if err != nil {
		if ctx.Err() == nil && w.b.c.OnWatchError != nil {
			w.b.c.OnWatchError(err)
		}
		return
	}
	w.follow()
	if !c.Empty() {
		w.changed(c)
	}
}

// follow watches the folders that the last scan found. It gives up on events when one
// cannot be watched.
func (w *watch) follow() {
	if w.watched == nil {
		w.watched = map[string]bool{}
		var err error
		if w.events, err = fsnotify.NewWatcher(); err != nil {
			w.poll(err)
			return
		}
	}
	if w.events == nil {
		return
	}
	w.b.mu.Lock()
	dirs := slices.Clone(w.b.dirs)
	// What DAG files depend on may be elsewhere.
	for _, r := range w.b.recs {
		for _, d := range r.Deps {
			if d.There {
				dirs = append(dirs, filepath.Dir(w.b.abs(d.Path)))
			}
		}
	}
	w.b.mu.Unlock()
	now := map[string]bool{}
	for _, dir := range dirs {
		now[dir] = true
	}
	for dir := range now {
		if w.watched[dir] {
			continue
		}
		if err := w.events.Add(dir); err != nil {
			w.poll(fmt.Errorf("watch %s: %w", dir, err))
			return
		}
	}
	for dir := range maps.Keys(w.watched) {
		if !now[dir] {
			w.events.Remove(dir) //nolint:errcheck // it may be gone, and its watch with it
		}
	}
	w.watched = now
}

// poll stops using events.
func (w *watch) poll(why error) {
	w.close()
	w.events = nil
	if w.b.c.OnWatchError != nil {
		w.b.c.OnWatchError(why)
	}
}

func (w *watch) close() {
	if w.events != nil {
		w.events.Close()
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
			return
		case _, ok := <-events.Events:
			if !ok {
				return
			}
		case <-events.Errors:
		}
		w.settle(ctx, events)
	}()
	return due
}

// settle waits until no event came for the debounce time, but not for ever.
func (w *watch) settle(ctx context.Context, events *fsnotify.Watcher) {
	quiet := time.NewTimer(w.b.c.Debounce)
	defer quiet.Stop()
	end := time.After(10 * w.b.c.Debounce)
	for {
		select {
		case <-ctx.Done():
			return
		case <-end:
			return
		case <-quiet.C:
			return
		case _, ok := <-events.Events:
			if !ok {
				return
			}
			quiet.Reset(w.b.c.Debounce)
		case err := <-events.Errors:
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				return
			}
		}
	}
}
