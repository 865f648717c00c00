package cli

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/store"
)

// candidates are what may be written at a place, given the arguments before it.
type candidates func(ctx context.Context, i *embedded.Installation, before []string) ([]string, error)

// completeFirst completes every argument from the same candidates.
func (a *app) completeFirst(rest cobra.ShellCompDirective, of candidates) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.candidates(cmd, args, of), rest
	}
}

// completeArgs completes the arguments one after another.
func (a *app) completeArgs(of ...candidates) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(of) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.candidates(cmd, args, of[len(args)]), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlag completes a flag, given the arguments before it.
func (a *app) completeFlag(c *cobra.Command, flag string, of candidates) {
	err := c.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.candidates(cmd, args, of), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag was not defined: a fault of the caller that every test shows
	}
}

// candidates asks for candidates; completion never complains, it has nothing to say then.
func (a *app) candidates(cmd *cobra.Command, args []string, of candidates) []string {
	c, err := a.config()
	if err != nil || !existing(c) {
		return nil
	}
	i, err := a.open(cmd.Context(), slog.LevelError)
	if err != nil {
		return nil
	}
	defer i.Close() //nolint:errcheck // it was only read
	out, err := of(cmd.Context(), i, args)
	if err != nil {
		return nil
	}
	return out
}

// dagIDs are all DAGs.
func (a *app) dagIDs(ctx context.Context, i *embedded.Installation, _ []string) ([]string, error) {
	var out []string
	for page := (store.Page{Limit: 1000}); ; {
		list, err := i.Store.ListDAGs(ctx, store.DAGFilter{Bare: true}, page)
		if err != nil {
			return nil, err
		}
		for _, d := range list.Items {
			out = append(out, d.ID)
		}
		if page.Token = list.Next; page.Token == "" {
			return out, nil
		}
	}
}

// runIDs are the newest runs of the DAG that stands before.
func (a *app) runIDs(ctx context.Context, i *embedded.Installation, before []string) ([]string, error) {
	if len(before) == 0 {
		return nil, nil
	}
	list, err := i.Store.ListRuns(ctx, store.RunFilter{DAG: before[0]}, store.Page{Limit: 50})
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list.Items))
	for n, r := range list.Items {
		out[n] = r.ID.Run
	}
	return out, nil
}

// taskIDs are the tasks of the DAG that stands first.
func (a *app) taskIDs(ctx context.Context, i *embedded.Installation, before []string) ([]string, error) {
	def, err := i.Store.DAG(ctx, before[0])
	if err != nil {
		return nil, err
	}
	g, err := i.Loader.Graph(ctx, def.ID, def.Version)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(g.Tasks))
	for n, t := range g.Tasks {
		out[n] = t.ID
	}
	return out, nil
}
