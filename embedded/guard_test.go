package embedded_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/embedded"
)

// TestDatabaseRemoved: a process whose database was removed ends, and does not go on with
// a file that nobody will find.
func TestDatabaseRemoved(t *testing.T) {
	t.Parallel()
	i := open(t, newHome(t, nil), nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := i.Standalone(ctx, embedded.StandaloneOptions{OnReady: func(string, embedded.Synced) {
		if err := os.Remove(i.Config.Path("store")); err != nil {
			t.Error(err)
			cancel()
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "was removed or replaced while it was in use: restore it, and start again") {
		t.Errorf("the end of a process without its database: %v", err)
	}
}
