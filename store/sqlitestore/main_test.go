package sqlitestore_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain is also the child that TestKill kills, and looks for goroutines that
// outlive their store.
func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(child(path))
	}
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the goroutines of stores and connections that do not end.
func leaked() string {
	var left []byte
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); runtime.Gosched() {
		buf := make([]byte, 1<<20)
		left = nil
		for _, g := range bytes.Split(buf[:runtime.Stack(buf, true)], []byte("\n\n"))[1:] {
			if bytes.Contains(g, []byte("store/sqlitestore.")) || bytes.Contains(g, []byte("database/sql")) ||
				bytes.Contains(g, []byte("modernc.org/sqlite")) {
				left = append(append(left, g...), '\n', '\n')
			}
		}
		if left == nil {
			return ""
		}
	}
	return string(left)
}
