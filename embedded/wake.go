//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/updraft-dev/updraft/scheduler/tick"
)

// wakeSocket is where the process that works on an installation hears of writes by
// others. It saves the wait for the next poll and carries no data: a lost message
// costs poll_interval.
func (i *Installation) wakeSocket() string { return filepath.Join(i.Config.Home, "local", "wake.sock") }

// Wake tells the process that works on the installation, if there is one, that
// something was written.
func (i *Installation) Wake() {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: i.wakeSocket(), Net: "unixgram"})
	if err != nil {
		return // nobody is there
	}
	defer c.Close()
	if _, err := c.Write([]byte{1}); err != nil {
		i.Log.Debug("wake the scheduler", "error", err)
	}
}

// Busy says whether a process works on the installation.
func (i *Installation) Busy() bool {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: i.wakeSocket(), Net: "unixgram"})
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// hear passes wake-ups on to an engine until stop is called. The lock of the installation is
// held: a socket that is there already is a dead process's.
func (i *Installation) hear(e *tick.Engine) (stop func(), err error) {
	path := i.wakeSocket()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove an old socket: %w", err)
	}
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listen for other processes: %w", err)
	}
	go func() {
		var b [1]byte
		for {
			if _, err := c.Read(b[:]); err != nil {
				return // closed
			}
			e.Notice()
		}
	}()
	return func() { c.Close() }, nil
}
