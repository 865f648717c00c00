//go:build unix

package embedded

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestUnlockWhileForking: a process that is being started has the files of its parent until
// it executes its program, and must not keep a lock that the parent gives up.
func TestUnlockWhileForking(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	f, taken, err := lockFile(path)
	if err != nil || !taken {
		t.Fatalf("locked %t, %v", taken, err)
	}
	other, taken, err := lockFile(path)
	if err != nil || taken {
		t.Fatalf("a file that is locked is locked again: %t, %v", taken, err)
	}
	other.Close()
	child, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(child)
	if err := unlockFile(f); err != nil {
		t.Fatal(err)
	}
	f, taken, err = lockFile(path)
	if err != nil || !taken {
		t.Fatalf("after it was unlocked it is locked %t, %v", taken, err)
	}
	if err := unlockFile(f); err != nil {
		t.Error(err)
	}
}
