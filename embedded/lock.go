//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrBusy says that another process works on the installation.
var ErrBusy = errors.New("another process works on this installation")

// lock takes the right to work on the installation whose store is a file. A lock on this
// machine says nothing of a store that others have, too: see turn, or functions schedule.
func (i *Installation) lock() (unlock func(), err error) {
	if i.Config.File("store") == "" {
		return nil, fmt.Errorf("%w: functions schedule what is in %s: use `updraft dags trigger`, or another UPDRAFT_STORE", ErrBusy, i.Config.Path("store"))
	}
	return i.lockHome()
}

// lockHome takes the right to work in UPDRAFT_HOME.
func (i *Installation) lockHome() (unlock func(), err error) {
	release, err := Lock(i.Config.Home)
	if err != nil {
		return nil, err
	}
	return func() {
		if err := release(); err != nil {
			i.Log.Warn("unlock the installation", "error", err)
		}
	}, nil
}

// Lock takes the right to work on the installation in a folder, which one process has at
// a time: the error is ErrBusy if another has it. The system releases it when the process
// ends, however it ends.
func Lock(home string) (unlock func() error, err error) {
	f, taken, err := lockFile(filepath.Join(home, "scheduler.lock"))
	if err != nil {
		return nil, fmt.Errorf("lock the installation: %w", err)
	}
	if !taken {
		holder, err := io.ReadAll(io.LimitReader(f, 64))
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read who works on the installation: %w", err)
		}
		return nil, fmt.Errorf("%w: process %s works on %s; use it (`updraft dags trigger`), stop it, or set another UPDRAFT_HOME",
			ErrBusy, strings.TrimSpace(string(holder)), home)
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, fmt.Sprintln(os.Getpid()))); err != nil {
		return nil, fmt.Errorf("lock the installation: %w", errors.Join(err, unlockFile(f)))
	}
	return func() error { return unlockFile(f) }, nil
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

// lockFile opens a file, makes it if it is not there, and locks it; taken is false if
// somebody else has locked it.
func lockFile(path string) (f *os.File, taken bool, err error) {
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil || errors.Is(err, syscall.EWOULDBLOCK) {
		return f, err == nil, nil
	}
	f.Close()
	return nil, false, err
}

// unlockFile gives a lock up and closes its file. Closing is not enough: a child that was
// forked just now, and does not execute its program yet, has the file open, too.
func unlockFile(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
