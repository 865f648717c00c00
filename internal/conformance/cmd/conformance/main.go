// Command conformance replays recorded answers of Apache Airflow and says where Updraft
// differs: of the project's own copy, or of a folder with the same layout.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	_ "time/tzdata" // recorded time zones need no host

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/internal/conformance"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == embedded.ShepherdCommand {
		// The runs that are replayed start their processes through this program.
		if err := process.Shepherd(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	only := flags.String("only", "", "replay just the case with this `id`")
	family := flags.String("family", "", "replay just the family with this `name`")
	show := flags.Int("show", 0, "show at most so many differing cases a family (default 5)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if flags.NArg() > 1 {
		return fmt.Errorf("%d folders: give one folder of recordings, or none for the project's own", flags.NArg())
	}
	module, err := moduleFolder()
	if err != nil {
		return err
	}
	// The recordings ask for time zone data of 2025b or later, whatever the host has.
	if err := os.Setenv("ZONEINFO", filepath.Join(module, "scheduler", "timetable", "testdata", "zoneinfo.zip")); err != nil {
		return err
	}
	r := conformance.Runner{Module: module, Dir: flags.Arg(0), Family: *family, Only: *only, Show: *show, Out: os.Stdout}
	return r.Run(ctx)
}

// moduleFolder is the folder of the project that the command is run in.
func moduleFolder() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is in no Go module: run this in the project's folder", wd)
		}
	}
}
