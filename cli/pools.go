package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

func (a *app) poolsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "pools", Short: "Read and write pools",
		Long:    "Pools bound how many slots tasks may take at once. default_pool is always there.",
		Example: examples("updraft pools set database 4 'what the database bears'", "make or change one", "updraft pools list", "all pools"),
	}
	c.AddCommand(a.poolsGet(), a.poolsSet(), a.poolsList(), a.poolsDelete(), a.poolsImport(), a.poolsExport())
	return c
}

func poolRecord(p settings.Pool) record {
	return record{{"pool", p.Name}, {"slots", p.Slots}, {"description", p.Description}, {"include_deferred", p.IncludeDeferred}}
}

func (a *app) poolsGet() *cobra.Command {
	c := &cobra.Command{
		Use: "get NAME", Short: "Show a pool", Args: exactly("NAME"), ValidArgsFunction: a.completeArgs(poolNames),
		Example: examples("updraft pools get database", "its slots"),
	}
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		p, err := i.Settings.Pool(ctx, args[0])
		if err != nil {
			return err
		}
		return a.show(poolRecord(p))
	})
	return c
}

func (a *app) poolsSet() *cobra.Command {
	var deferred bool
	c := &cobra.Command{
		Use: "set NAME SLOTS [DESCRIPTION]", Short: "Make or change a pool", Args: between(2, "NAME", "SLOTS", "DESCRIPTION"),
		Example:           examples("updraft pools set database 4 'what it bears'", "four tasks at once", "updraft pools set database -- -1", "without bound"),
		ValidArgsFunction: a.completeArgs(poolNames),
		Long:              "Makes or changes a pool. SLOTS -1 is without bound.",
	}
	c.Flags().BoolVar(&deferred, "include-deferred", false, "deferred tasks take slots, too")
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		slots, err := strconv.Atoi(args[1])
		if err != nil {
			return usagef("SLOTS is %q: write a whole number, -1 for no bound", args[1])
		}
		p := settings.Pool{Name: args[0], Slots: slots, IncludeDeferred: deferred}
		if len(args) > 2 {
			p.Description = args[2]
		}
		err = i.Settings.PutPool(ctx, p)
		i.Wake()
		return a.done(err, "pool %s has %s", p.Name, count(p.Slots, "slot"))
	})
	return c
}

func (a *app) poolsList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the pools", Args: exactly(),
		Example: examples("updraft pools list", "all, with their slots"),
	}
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, _ []string) error {
		list, err := i.Settings.Pools(ctx)
		if err != nil {
			return err
		}
		records := make([]record, len(list))
		for n, p := range list {
			records[n] = poolRecord(p)
		}
		return a.list(records, "")
	})
	return c
}

func (a *app) poolsDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Delete a pool", Args: exactly("NAME"), ValidArgsFunction: a.completeArgs(poolNames),
		Example: examples("updraft pools delete database", "one"),
		Long:    "Deletes a pool. Tasks that name it wait until it is there again.",
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			err := i.Settings.DeletePool(ctx, args[0])
			i.Wake()
			return a.done(err, "pool %s is deleted", args[0])
		}),
	}
}

func (a *app) poolsImport() *cobra.Command {
	return a.importCommand("pools", func(_ context.Context, i *embedded.Installation, name string, body []byte) (importer, error) {
		found, err := settings.DecodePools(name, body)
		if err != nil {
			return importer{}, err
		}
		return importer{
			ids: sortedKeys(found),
			check: func(id string) error {
				p := found[id]
				return p.Validate()
			},
			exists: func(ctx context.Context, id string) (bool, error) {
				_, err := i.Store.Setting(ctx, store.KindPool, id)
				return exists(err)
			},
			put: func(ctx context.Context, id string) error { return i.Settings.PutPool(ctx, found[id]) },
		}, nil
	})
}

func (a *app) poolsExport() *cobra.Command {
	return a.exportCommand("pools", func(ctx context.Context, i *embedded.Installation, f settings.Format) ([]byte, int, error) {
		list, err := i.Settings.Pools(ctx)
		if err != nil {
			return nil, 0, err
		}
		body, err := settings.EncodePools(list, f)
		return body, len(list), err
	})
}

// poolNames are the names of all pools.
func poolNames(ctx context.Context, i *embedded.Installation, _ []string) ([]string, error) {
	list, err := i.Settings.Pools(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for n, p := range list {
		out[n] = p.Name
	}
	return out, nil
}
