package operatortest

import (
	"os"
	"syscall"
	"testing"
)

// Script writes a program that a test is about to start. No process is forked meanwhile: a
// child that holds the file open for writing would have the start refused ("text file busy").
func Script(t testing.TB, path, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil { //nolint:gosec // it is executed
		t.Fatal(err)
	}
}
