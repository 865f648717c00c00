package task

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/updraft-dev/updraft/run"
)

// Scratch makes a temporary folder for an attempt, with mode 0700, and returns its path. The
// name begins with a prefix and follows from the attempt, so that a worker that takes over
// finds it; the DAG folder tells installations on one machine apart. Who calls removes it. The
// error is a fault of this machine (run.CauseInfra).
func Scratch(a *Attempt, prefix string) (string, error) {
	sum := sha256.Sum256([]byte(a.Dir + "\x00" + a.Key.String()))
	dir := filepath.Join(os.TempDir(), prefix+hex.EncodeToString(sum[:12]))
	return dir, OwnFolder(dir)
}

// OwnFolder makes a folder with mode 0700 where others may make some, too; one that is there
// already must be this user's, with that mode. The error is a fault of this machine
// (run.CauseInfra).
func OwnFolder(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		err = nil
		// It may have been put there by somebody else, to be read, run or replaced.
		st, e := os.Lstat(dir)
		if e != nil {
			err = e
		} else if owner, ok := st.Sys().(*syscall.Stat_t); !ok || !st.IsDir() || int(owner.Uid) != os.Getuid() || st.Mode().Perm() != 0o700 {
			err = fmt.Errorf("%s exists and is not this worker's: remove it", dir)
		}
	}
	if err != nil {
		return &CauseError{Cause: run.CauseInfra, Err: fmt.Errorf("making a temporary folder: %w", err)}
	}
	return nil
}
