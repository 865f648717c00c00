package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
)

func (a *app) dagsPushCommand() *cobra.Command {
	var o embedded.PushOptions
	var yes bool
	c := &cobra.Command{
		Use: "push [FILE|FOLDER...]", Short: "Put DAG files where the functions of an installation read them", Args: cobra.ArbitraryArgs,
		Long: `Writes the files of the DAG folder that have changed to the setting dag_source, a bucket; with
FILE or FOLDER only these, which have to be in the DAG folder. Files that begin with a dot
and what Python has compiled are left out. The installation reads what has changed by
itself. What is broken is pushed, too: check before by updraft dags validate.`,
		Example: examples(
			"updraft dags push", "the DAG folder",
			"updraft dags push --delete --dry-run", "what would change, if what is missing were removed, too",
			"updraft dags push dags/etl.yaml --dags dags", "one file",
		),
	}
	f := c.Flags()
	f.BoolVar(&o.Delete, "delete", false, "remove what the folder does not have")
	f.BoolVar(&o.DryRun, "dry-run", false, "say what would change")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask before removing")
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		for _, arg := range args {
			rel, err := within(i.Config.Text("dags"), arg)
			if err != nil {
				return err
			}
			o.Only = append(o.Only, rel)
		}
		if o.Delete && !o.DryRun {
			ok, err := a.confirm(yes, fmt.Sprintf("Remove from %s what is not in %s?", i.Config.Text("dag_source"), i.Config.Text("dags")))
			if err != nil || !ok {
				return err
			}
		}
		pushed, err := i.Push(ctx, o)
		if err != nil {
			return err
		}
		records := make([]record, len(pushed))
		for n, p := range pushed {
			records[n] = record{{"file", p.Path}, {"change", p.Change}, {"bytes", p.Size}}
		}
		return a.list(records, "Nothing has changed.")
	})
	return c
}

// within is the path of a file in a folder.
func within(dir, file string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the DAG folder: %w", err)
	}
	if file, err = filepath.Abs(file); err != nil {
		return "", fmt.Errorf("find %s: %w", file, err)
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil || !filepath.IsLocal(rel) {
		return "", usagef("%s is not in the DAG folder %s: give the folder by --dags", file, dir)
	}
	return rel, nil
}
