//go:build unix

package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler/tick"
)

// wakeSocket is where the process that works on an installation hears of writes by
// others. It saves the wait for the next poll and says at most which run to look at: a
// lost message costs poll_interval.
func (i *Installation) wakeSocket() string { return filepath.Join(i.Config.Home, "local", "wake.sock") }

// Wake tells the process that works on the installation, if there is one, that
// something was written.
func (i *Installation) Wake() {
	if i.messaging.Wake != nil {
		i.messaging.Wake(run.ID{}, 0)
		return
	}
	i.wake([]byte{1})
}

// WakeAfter is Wake for later, about one run or, if id is zero, about everything. Where the
// process that works on the installation lives on, it knows by itself when something is due.
func (i *Installation) WakeAfter(id run.ID, after time.Duration) {
	if i.messaging.Wake != nil {
		i.messaging.Wake(id, after)
	}
}

// wakeRun is Wake for what concerns one run only.
func (i *Installation) wakeRun(id run.ID) {
	if i.messaging.Wake != nil {
		i.messaging.Wake(id, 0)
		return
	}
	b, err := json.Marshal(id)
	if err != nil || len(b) > maxWake {
		b = []byte{1}
	}
	i.wake(b)
}

const (
	// maxWake is the size of the largest message: names are bounded, and longer ones do not
	// come from here.
	maxWake = 16 << 10
	// wakeTimeout bounds the wait for a scheduler that does not listen.
	wakeTimeout = 100 * time.Millisecond
)

func (i *Installation) wake(message []byte) {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: i.wakeSocket(), Net: "unixgram"})
	if err != nil {
		return // nobody is there
	}
	defer func() { _ = c.Close() }()                    // nothing is kept back in it
	_ = c.SetWriteDeadline(time.Now().Add(wakeTimeout)) // without it, it only waits longer
	if _, err := c.Write(message); err != nil {
		i.Log.Debug("wake the scheduler", "error", err)
	}
}

// Busy says whether a process works on the installation. Where functions do, one always
// does.
func (i *Installation) Busy(ctx context.Context) bool {
	if i.shared() {
		g := &tick.Guard{Store: i.Store, Now: i.Now, Of: schedulers}
		holder, err := g.Holder(ctx)
		return err != nil || holder != ""
	}
	if i.messaging.Wake != nil && i.messaging.Hear == nil {
		return true
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: i.wakeSocket(), Net: "unixgram"})
	if err != nil {
		return false
	}
	_ = c.Close() // it was for looking
	return true
}

// hear passes wake-ups on to an engine until stop is called. The lock of the installation is
// held: a socket that is there already is a dead process's.
func (i *Installation) hear(ctx context.Context, e *tick.Engine) (stop func(), err error) {
	if i.messaging.Hear != nil {
		return i.messaging.Hear(ctx, func(id run.ID) { notice(e, id) })
	}
	path := i.wakeSocket()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove an old socket: %w", err)
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listen for other processes: %w", err)
	}
	go func() {
		b := make([]byte, maxWake)
		for {
			n, err := c.Read(b)
			if err != nil {
				return // closed
			}
			var id run.ID
			_ = json.Unmarshal(b[:n], &id) // what names no run is about all
			notice(e, id)
		}
	}()
	return func() { _ = c.Close() }, nil // it was for reading
}

// notice has an engine look at a run, or at everything if id is zero.
func notice(e *tick.Engine, id run.ID) {
	if id.DAG == "" {
		e.Notice()
		return
	}
	e.NoticeRun(id)
}
