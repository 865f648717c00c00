package localqueue

import (
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// minPoll is how soon a receiver looks again after a change that brought it nothing;
	// the time doubles up to one of the others.
	minPoll = time.Millisecond
	// blindPoll bounds it where the system does not tell of changes by other processes,
	// watchedPoll where it does.
	blindPoll   = 20 * time.Millisecond
	watchedPoll = 500 * time.Millisecond
)

// changes tells receivers that the file has changed: at once for what this process did,
// and by the system for what others did, who append to SQLite's log.
type changes struct {
	mu   sync.Mutex
	next chan struct{}
	// blind says that the system tells nothing.
	blind bool

	watcher *fsnotify.Watcher // nil if there is none
	done    chan struct{}
}

func newChanges() *changes { return &changes{next: make(chan struct{}), blind: true} }

// wait returns a channel that is closed at the next change.
func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

func (c *changes) notify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.next)
	c.next = make(chan struct{})
}

// poll is how long a receiver may go without looking.
func (c *changes) poll() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blind {
		return blindPoll
	}
	return watchedPoll
}

// watch watches SQLite's log, which stays as long as this process has the file open.
func (c *changes) watch(log string) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return // polling does
	}
	if w.Add(log) != nil {
		_ = w.Close()
		return
	}
	c.watcher, c.done, c.blind = w, make(chan struct{}), false
	go func() {
		defer close(c.done)
		for {
			select {
			case e, ok := <-w.Events:
				if !ok {
					return
				}
				if e.Op.Has(fsnotify.Remove) {
					c.mu.Lock()
					c.blind = true // whoever removed it, poll from now on
					c.mu.Unlock()
				}
				c.notify()
			case _, ok := <-w.Errors:
				if !ok {
					return
				}
				c.notify()
			}
		}
	}()
}

func (c *changes) close() {
	if c.watcher != nil {
		_ = c.watcher.Close() // it was for reading
		<-c.done
	}
}
