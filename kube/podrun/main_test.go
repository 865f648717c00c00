package podrun_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/kube/podrun"
	"github.com/updraft-dev/updraft/operators/kubernetes"
)

// TestMain is the program itself where the test binary is called by its name, and else looks
// for goroutines that are left.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == kubernetes.Program {
		os.Exit(podrun.Main(os.Stdin, os.Stdout))
	}
	// The connection of the test's own client stays open.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("golang.org/x/net/http2.(*clientConnReadLoop).run"))
}
