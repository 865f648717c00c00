//go:build kubernetes

package kubestack_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/internal/kubestack"
)

// TestMain lets the test program be the shepherd of the scheduler's own processes.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == embedded.ShepherdCommand {
		if err := process.Shepherd(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	kubestack.Clean()
	os.Exit(code)
}
