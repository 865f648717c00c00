// Command updraft is Airflow without servers in one program: see `updraft --help`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // time zones where the system has none

	"golang.org/x/term"

	"github.com/updraft-dev/updraft/cli"
	"github.com/updraft-dev/updraft/cloud"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/local"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: find this program:", err)
		return 1
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "."
	}
	out := int(os.Stdout.Fd())
	return cli.Run(ctx, cli.World{
		Program: os.Args[0], Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: term.IsTerminal(out), Size: func() (columns, rows int) {
			columns, rows, err := term.GetSize(out)
			if err != nil {
				return 0, 0
			}
			return columns, rows
		},
		Lookup: os.LookupEnv, Environ: os.Environ(), UserHome: home, Now: time.Now, Self: self, Release: version, Drivers: embedded.Join(local.Drivers(), cloud.Drivers(&cloud.Account{Release: version}), cloud.MinIO()),
		Stack: cloud.Stacks{Release: version}.Settings,
	})
}
