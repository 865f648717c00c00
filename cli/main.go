package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/updraft-dev/updraft/embedded"
)

// gcPercent is how much garbage may gather, in percent of what is in use. Go's 100 lets the
// heap double. This program waits most of its time: a run of 1,000 tasks has 57 MiB at its
// peak instead of 64, and what that costs is less than what two runs differ by. The variable
// GOGC counts instead.
const gcPercent = 40

// Main runs the command that the process was started with and returns its exit code; see
// Run. Release is the program's version, drivers are what it links, and stack finds the
// settings of a stack (World.Stack).
func Main(release string, drivers embedded.Drivers, stack func(ctx context.Context, name, region, profile string) (map[string]string, error)) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if _, chosen := os.LookupEnv("GOGC"); !chosen {
		debug.SetGCPercent(gcPercent)
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: find this program:", err)
		return exitFailed
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	out := int(os.Stdout.Fd())
	return Run(ctx, World{
		Program: os.Args[0], Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: term.IsTerminal(out), Size: func() (columns, rows int) {
			columns, rows, err := term.GetSize(out)
			if err != nil {
				return 0, 0
			}
			return columns, rows
		},
		Lookup: os.LookupEnv, Environ: os.Environ(), UserHome: home, Now: time.Now, Self: self, Release: release, Drivers: drivers, Stack: stack,
	})
}
