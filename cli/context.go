package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/config"
)

func (a *app) contextCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "context", Short: "Choose the installation that commands are about",
		Long: `A context is a named set of settings: those of an installation on AWS, say, so that commands on
a laptop are about it. The one in use counts before updraft.yaml and after environment
variables; --context and UPDRAFT_CONTEXT choose another one for once. "local" stands for
none. They are kept in contexts.yaml in UPDRAFT_HOME.`,
		Example: examples(
			"updraft context add --stack updraft --use", "from the outputs of a stack, and use it",
			"updraft context list", "all, with which is in use",
			"updraft context use local", "go back to this machine",
		),
	}
	c.AddCommand(a.contextAdd(), a.contextList(), a.contextUse(), a.contextRemove())
	return c
}

// contextFlags are those of `updraft context add`.
type contextFlags struct {
	stack, region, profile string
	set                    []string
	use                    bool
}

func (a *app) contextAdd() *cobra.Command {
	var f contextFlags
	c := &cobra.Command{
		Use: "add [NAME]", Short: "Make or change a context", Args: between(0, "NAME"), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Makes a context, or replaces it. With --stack its settings are read from the outputs of a stack
of CloudFormation, whose name is that of the context if none is given. Read them again
after the stack was deployed with other parameters.`,
		Example: examples(
			"updraft context add --stack updraft", "the stack updraft, in the region of AWS_REGION",
			"updraft context add prod --stack updraft-prod --region eu-central-1 --profile work", "named prod, in another account",
			"updraft context add test --set store=dynamodb://test", "without a stack",
		),
		RunE: func(cmd *cobra.Command, args []string) error { return a.addContext(cmd.Context(), &f, args) },
	}
	fl := c.Flags()
	fl.StringVar(&f.stack, "stack", "", "read the settings from the outputs of this stack")
	fl.StringVar(&f.region, "region", "", "region of AWS of the stack (default: AWS_REGION, or that of the profile)")
	fl.StringVar(&f.profile, "profile", "", "profile of ~/.aws with credentials for it")
	fl.StringArrayVar(&f.set, "set", nil, "a setting of the context, as SETTING=VALUE; again for more")
	fl.BoolVar(&f.use, "use", false, "use it from now on")
	return c
}

func (a *app) addContext(ctx context.Context, f *contextFlags, args []string) error {
	name := f.stack
	if len(args) > 0 {
		name = args[0]
	}
	if name == "" {
		return usagef("NAME is missing, or --stack")
	}
	if err := config.CheckContextName(name); err != nil {
		return &usageError{err}
	}
	made, err := a.newContext(ctx, f)
	if err != nil {
		return err
	}
	if len(made.Settings) == 0 {
		return usagef("context %s would have no settings: give --stack or --set", name)
	}
	return a.changeContexts(func(all *config.Contexts) error {
		if all.Contexts == nil {
			all.Contexts = map[string]config.Context{}
		}
		all.Contexts[name] = made
		if f.use {
			all.Current = name
		}
		hint := ": `updraft context use " + name + "` uses it"
		if all.Current == name {
			hint = ", and is in use"
		}
		a.printf("context %s has %s%s\n", name, count(len(made.Settings), "setting"), hint)
		return nil
	})
}

// newContext makes a context of what its stack and the flags say.
func (a *app) newContext(ctx context.Context, f *contextFlags) (config.Context, error) {
	c := config.Context{Stack: f.stack, Settings: map[string]string{}}
	if f.stack == "" {
		for setting, v := range map[string]string{"aws_region": f.region, "aws_profile": f.profile} {
			if v != "" {
				c.Settings[setting] = v
			}
		}
	} else {
		if a.Stack == nil {
			return c, errors.New("this program cannot read stacks: give the settings by --set")
		}
		found, err := a.Stack(ctx, f.stack, f.region, f.profile)
		if err != nil {
			return c, err
		}
		maps.Copy(c.Settings, found)
	}
	for _, s := range f.set {
		setting, value, ok := strings.Cut(s, "=")
		if !ok {
			return c, usagef("--set %q: write SETTING=VALUE, such as store=dynamodb://updraft", s)
		}
		c.Settings[setting] = value
	}
	if err := c.CheckSettings(); err != nil {
		return c, &usageError{err}
	}
	return c, nil
}

// changeContexts reads the contexts, changes and writes them.
func (a *app) changeContexts(change func(*config.Contexts) error) error {
	home, err := a.home()
	if err != nil {
		return err
	}
	all, err := config.ReadContexts(home)
	if err != nil {
		return err
	}
	if err := change(&all); err != nil {
		return err
	}
	return all.Write(home)
}

// home is UPDRAFT_HOME, also if what is in it cannot be used.
func (a *app) home() (string, error) {
	return config.Home(config.Input{Lookup: a.Lookup, Flags: a.flags, UserHome: a.UserHome})
}

func (a *app) contextList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the contexts", Args: exactly(), ValidArgsFunction: cobra.NoFileCompletions,
		Example: examples("updraft context list", "all, with which is in use", "updraft context list -o json", "for programs"),
		RunE: func(*cobra.Command, []string) error {
			home, err := a.home()
			if err != nil {
				return err
			}
			all, err := config.ReadContexts(home)
			if err != nil {
				return err
			}
			current := config.NoContext
			if c, err := a.config(); err != nil {
				fmt.Fprintln(a.Stderr, "warning:", err)
				current = ""
			} else if c.Context != "" {
				current = c.Context
			}
			records := []record{contextRecord(config.NoContext, config.Context{}, current)}
			for _, name := range sortedKeys(all.Contexts) {
				records = append(records, contextRecord(name, all.Contexts[name], current))
			}
			return a.list(records, "")
		},
	}
	a.outputFlag(c)
	return c
}

func contextRecord(name string, c config.Context, current string) record {
	return record{
		{"context", name}, {"in_use", name == current}, {"stack", c.Stack}, {"store", c.Settings["store"]}, {"region", c.Settings["aws_region"]},
	}
}

func (a *app) contextUse() *cobra.Command {
	return &cobra.Command{
		Use: "use NAME", Short: "Use a context from now on", Args: exactly("NAME"), ValidArgsFunction: a.completeContexts(config.NoContext),
		Example: examples("updraft context use updraft", "commands are about that installation", "updraft context use local", "about this machine"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeContexts(func(all *config.Contexts) error {
				name := args[0]
				if _, ok := all.Contexts[name]; !ok && name != config.NoContext {
					return noContext(name, all)
				}
				all.Current = name
				if name == config.NoContext {
					all.Current = ""
				}
				a.printf("context %s is in use\n", name)
				if v, ok := a.Lookup("UPDRAFT_CONTEXT"); ok && v != "" && v != name {
					fmt.Fprintf(a.Stderr, "warning: UPDRAFT_CONTEXT is %s, which counts before it\n", v)
				}
				return nil
			})
		},
	}
}

func noContext(name string, all *config.Contexts) error {
	return fmt.Errorf("there is no context %q: there are %s", name, strings.Join(append([]string{config.NoContext}, sortedKeys(all.Contexts)...), ", "))
}

func (a *app) contextRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME...", Short: "Remove contexts", Args: atLeast(1, "NAME"), ValidArgsFunction: a.completeContexts(),
		Long:    "Removes contexts. Nothing of the installation itself is changed.",
		Example: examples("updraft context remove test", "one"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.changeContexts(func(all *config.Contexts) error {
				for _, name := range args {
					if _, ok := all.Contexts[name]; !ok {
						return noContext(name, all)
					}
				}
				for _, name := range args {
					delete(all.Contexts, name)
					if all.Current == name {
						all.Current = ""
					}
				}
				a.printf("%s removed\n", count(len(args), "context"))
				return nil
			})
		},
	}
}

// completeContexts completes names of contexts, and these.
func (a *app) completeContexts(more ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		home, err := a.home()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		all, err := config.ReadContexts(home)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		names := append(sortedKeys(all.Contexts), more...)
		return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(args, n) }), cobra.ShellCompDirectiveNoFileComp
	}
}
