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

// lock takes the right to work on the installation. The system releases it when the
// process ends, however it ends.
func (i *Installation) lock() (unlock func(), err error) {
	path := filepath.Join(i.Config.Home, "scheduler.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the installation: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, rerr := io.ReadAll(io.LimitReader(f, 64))
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) && rerr == nil {
			return nil, fmt.Errorf("%w: process %s works on %s; use it (`updraft dags trigger`), stop it, or set another UPDRAFT_HOME",
				ErrBusy, strings.TrimSpace(string(holder)), i.Config.Home)
		}
		return nil, fmt.Errorf("lock the installation: %w", errors.Join(err, rerr))
	}
	err = errors.Join(f.Truncate(0), writeAt(f, fmt.Sprintln(os.Getpid())))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock the installation: %w", err)
	}
	return func() { f.Close() }, nil
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}
