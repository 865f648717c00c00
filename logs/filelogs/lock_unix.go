//go:build unix

package filelogs

import (
	"errors"
	"os"
	"syscall"
)

// lockWriter marks a file as being written to, until it is unlocked or the process
// ends. Several writers may hold the mark.
func lockWriter(f *os.File) error { return flock(f, syscall.LOCK_SH) }

func unlock(f *os.File) error { return flock(f, syscall.LOCK_UN) }

// unlocked says whether nobody holds the mark.
func unlocked(f *os.File) (bool, error) {
	// A second one who asks at the same moment hears no, and will ask again.
	err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, unlock(f)
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
