package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
)

func (a *app) dbCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "db", Short: "Look after the database",
		Example: examples(
			"updraft db check", "look for damage",
			"updraft db clean --clean-before-timestamp 2026-01-01", "remove old runs",
			"updraft db export > all.jsonl", "everything as JSON, one object a line",
		),
	}
	c.AddCommand(a.dbMigrate(), a.dbCheck(), a.dbClean(), a.dbExport())
	return c
}

func (a *app) dbMigrate() *cobra.Command {
	version := -1
	var yes bool
	c := &cobra.Command{
		Use: "migrate", Aliases: []string{"init", "upgrade"}, Short: "Bring the schema of the database up to date", Args: exactly(),
		Example: examples("updraft db migrate", "to the latest version", "updraft db migrate --to-version 1", "back, for an older updraft"),
		Long: `Brings the schema up to date. Opening a database does so by itself; this command says what it
does, and can go back to an older version for an older updraft. Nobody may have the
database open meanwhile.`,
	}
	c.Flags().IntVar(&version, "to-version", -1, "the schema's version to go to, up or down (default: the latest)")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before going down")
	c.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		conf, err := a.config()
		if err != nil {
			return err
		}
		store := conf.Path("store")
		scheme, _, _ := strings.Cut(conf.Text("store"), ":")
		migrate, ok := a.Drivers.Schemas[scheme]
		if !ok {
			return fmt.Errorf("%s: %w: there is no schema to migrate", store, embedded.ErrNoKeeper)
		}
		if !existing(conf) {
			return fmt.Errorf("there is no database %s yet: any command that needs it makes it", store)
		}
		if version >= 0 {
			ok, err := a.confirm(yes, fmt.Sprintf("Take %s to version %d? Going down loses what older versions cannot hold, and 0 loses everything.", store, version))
			if err != nil || !ok {
				return err
			}
			unlock, err := embedded.Lock(conf.Home)
			if err != nil {
				return err
			}
			defer unlock() //nolint:errcheck // the end of the process does it
		}
		from, to, err := migrate(cmd.Context(), conf.Text("store"), version)
		if err != nil {
			return err
		}
		if from == to {
			a.printf("the schema of %s is at version %d\n", store, to)
			return nil
		}
		a.printf("the schema of %s went from version %d to %d\n", store, from, to)
		return nil
	}
	return c
}

func (a *app) dbCheck() *cobra.Command {
	c := &cobra.Command{
		Use: "check", Short: "Look for damage in the database", Args: exactly(),
		Example: examples("updraft db check", "damage, a line each"),
		Long:    "Reads the whole database and says what is damaged, one line each. The exit code is 1 if anything is.",
	}
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, _ []string) error {
		k, err := i.Keeper()
		if err != nil {
			return err
		}
		problems, err := k.Check(ctx)
		if err != nil {
			return err
		}
		for _, p := range problems {
			a.printf("%s\n", p)
		}
		if len(problems) > 0 {
			return errShown
		}
		a.printf("%s is whole\n", i.Config.Path("store"))
		return nil
	})
	return c
}

func (a *app) dbClean() *cobra.Command {
	var before *time.Time
	var yes, dryRun bool
	c := &cobra.Command{
		Use: "clean", Short: "Remove old runs with all that belongs to them", Args: exactly(),
		Long: `Removes the runs that ended before a date, with their task instances, XComs and history, and
old versions of DAGs that nobody needs. The last run of each DAG stays. Logs are removed
by log_retention. standalone cleans by itself when run_retention is set.`,
		Example: examples("updraft db clean --clean-before-timestamp 2026-01-01 --dry-run", "how much would go"),
	}
	f := c.Flags()
	timeFlag(f, &before, "clean-before-timestamp", "remove what ended before this date")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	f.BoolVar(&dryRun, "dry-run", false, "only say how many runs would go")
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, _ []string) error {
		if before == nil {
			return usagef("--clean-before-timestamp is missing")
		}
		k, err := i.Keeper()
		if err != nil {
			return err
		}
		n, err := k.Cleanable(ctx, *before)
		if err != nil {
			return err
		}
		if dryRun {
			a.printf("%s would be removed\n", count(n, "run"))
			return nil
		}
		ok, err := a.confirm(yes, fmt.Sprintf("Remove %s that ended before %s?", count(n, "run"), isoTime(*before)))
		if err != nil || !ok {
			return err
		}
		gone, err := k.Clean(ctx, *before)
		if err != nil {
			return err
		}
		i.Wake()
		a.printf("removed %s, %s, %s\n", count(int(gone.Runs), "run"), count(int(gone.Events), "asset event"), count(int(gone.Versions), "DAG version"))
		return nil
	})
	return c
}

func (a *app) dbExport() *cobra.Command {
	return &cobra.Command{
		Use: "export [FILE]", Short: "Write everything as JSON, one object a line", Args: between(0, "FILE"),
		Example: examples("updraft db export all.jsonl", "to a file", "updraft db export | gzip > all.jsonl.gz", "to another program"),
		Long:    "Writes all there is, as it was at one moment, to a file or standard output. Secrets stay sealed.",
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			k, err := i.Keeper()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				w := bufio.NewWriter(a.Stdout)
				return errors.Join(k.Export(ctx, w), w.Flush())
			}
			f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			w := bufio.NewWriter(f)
			return errors.Join(k.Export(ctx, w), w.Flush(), f.Close())
		}),
	}
}

// confirm asks on a terminal whether to go on; elsewhere --yes has to say so.
func (a *app) confirm(yes bool, question string) (bool, error) {
	if yes {
		return true, nil
	}
	if !a.Terminal {
		return false, usagef("this removes or changes things for good: add --yes")
	}
	a.printf("%s [y/N] ", question)
	line, err := bufio.NewReader(a.Stdin).ReadBytes('\n')
	if err != nil && len(line) == 0 {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(string(bytes.TrimSpace(line))) {
	case "y", "yes":
		return true, nil
	}
	a.printf("nothing was done\n")
	return false, nil
}
