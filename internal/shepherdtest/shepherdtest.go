// Package shepherdtest lets the program of a test be the shepherd of its own local
// processes, as updraft itself is.
package shepherdtest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/updraft-dev/updraft/executors/localexec/process"
)

// waiting is what goes on after a test: a shepherd outlives its host on purpose.
const waiting = "os/exec.(*Cmd).Wait"

// Main is what a TestMain calls. A program that was started as PROGRAM command SOCKET is
// the shepherd; any other runs the tests, and fails if they leave goroutines, but for those
// that are named. It does not return.
func Main(m *testing.M, command string, left ...goleak.Option) {
	if len(os.Args) == 3 && os.Args[1] == command {
		if err := process.Shepherd(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, append(left, goleak.IgnoreAnyFunction(waiting))...)
}
