package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

func (a *app) variablesCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "variables", Short: "Read and write variables",
		Long: `Variables are texts that DAGs read by key. They are looked for in the secrets file, in the
environment (AIRFLOW_VAR_KEY, UPDRAFT_VAR_KEY) and in the database, in this order; what
is set here goes into the database, sealed. One that has --dags is for the tasks of these
DAGs alone.`,
		Example: examples(
			"updraft variables set region eu-west-1", "set one",
			"updraft variables get region", "show its value",
			"updraft variables import vars.json", "from Airflow's export",
		),
	}
	c.AddCommand(a.variablesGet(), a.variablesSet(), a.variablesEdit(), a.variablesList(), a.variablesDelete(), a.variablesImport(), a.variablesExport())
	return c
}

func (a *app) variablesGet() *cobra.Command {
	var asJSON bool
	var def string
	c := &cobra.Command{
		Use: "get KEY", Short: "Show a variable's value", Args: exactly("KEY"), ValidArgsFunction: a.completeArgs(variableKeys),
		Example: examples("updraft variables get region", "its value", "updraft variables get limits --default none", "or this, if there is none"),
	}
	f := c.Flags()
	f.BoolVarP(&asJSON, "json", "j", false, "demand a JSON value, and indent it")
	f.StringVarP(&def, "default", "d", "", "what to show if there is none")
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		v, err := i.Settings.Variable(ctx, args[0])
		if errors.Is(err, store.ErrNotFound) && f.Changed("default") {
			v, err = settings.Variable{Value: def}, nil
		}
		if err != nil {
			return err
		}
		if !asJSON {
			a.printf("%s\n", v.Value)
			return nil
		}
		if !json.Valid([]byte(v.Value)) {
			return fmt.Errorf("variable %s is no JSON: leave out --json", args[0])
		}
		return a.json(json.RawMessage(v.Value))
	})
	return c
}

func (a *app) variablesSet() *cobra.Command {
	var asJSON bool
	var description, dags string
	c := &cobra.Command{
		Use: "set KEY VALUE", Short: "Set a variable", Args: exactly("KEY", "VALUE"),
		Long: `Sets a variable, over any that is there. VALUE may be @FILE, or - for standard input. The limit of
one that is there stays, unless --dags says otherwise.`,
		Example: examples("updraft variables set limits '{\"rows\": 100}' --json", "a JSON value", "updraft variables set cert @cert.pem", "from a file"),
	}
	c.Flags().BoolVarP(&asJSON, "json", "j", false, "refuse a value that is no JSON")
	c.Flags().StringVar(&description, "description", "", "what it is for")
	dagsFlag(c.Flags(), &dags)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		value, err := a.textOrFile(args[1])
		if err != nil {
			return err
		}
		if asJSON && !json.Valid(value) {
			return usagef("the value of %s is no JSON: write it as JSON (a text in double quotes), or leave out --json", args[0])
		}
		limit, err := limitOf(c.Flags(), dags)
		if err != nil {
			return err
		}
		err = i.Settings.PutVariable(ctx, settings.Variable{Key: args[0], Value: string(value), Description: description, DAGs: limit})
		return a.done(err, "variable %s is set", args[0])
	})
	return c
}

func (a *app) variablesEdit() *cobra.Command {
	var description, dags string
	c := &cobra.Command{
		Use: "edit KEY", Short: "Change who may use a variable", Args: exactly("KEY"), ValidArgsFunction: a.completeArgs(variableKeys),
		Example: examples("updraft variables edit region --dags 'etl,report_*'", "for these DAGs alone", "updraft variables edit region --dags -", "for all again"),
		Long:    "Changes the limit or the description of a variable in the database, and leaves its value as it is.",
	}
	f := c.Flags()
	f.StringVar(&description, "description", "", "what it is for")
	dagsFlag(f, &dags)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		limit, err := limitOf(f, dags)
		if err != nil {
			return err
		}
		if limit == nil && !f.Changed("description") {
			return usagef("say what to change: --dags or --description; `updraft variables set` changes the value")
		}
		return a.done(i.Settings.EditVariable(ctx, args[0], func(v *settings.Variable) error {
			if limit != nil {
				v.DAGs = limit
			}
			if f.Changed("description") {
				v.Description = description
			}
			return nil
		}), "variable %s is changed", args[0])
	})
	return c
}

func (a *app) variablesList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the variables in the database", Args: exactly(),
		Example: examples("updraft variables list", "the keys; values are not shown"),
	}
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, _ []string) error {
		list, err := i.Settings.Variables(ctx)
		if err != nil {
			return err
		}
		records := make([]record, len(list))
		for n, v := range list {
			records[n] = record{{"key", v.Key}, {"description", v.Description}, {"dags", []string(v.DAGs)}}
		}
		return a.list(records, "No variables: set one with `updraft variables set KEY VALUE`.")
	})
	return c
}

func (a *app) variablesDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete KEY", Short: "Delete a variable", Args: exactly("KEY"), ValidArgsFunction: a.completeArgs(variableKeys),
		Example: examples("updraft variables delete region", "one"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			return a.done(i.Settings.DeleteVariable(ctx, args[0]), "variable %s is deleted", args[0])
		}),
	}
}

func (a *app) variablesImport() *cobra.Command {
	return a.importCommand("variables", func(ctx context.Context, i *embedded.Installation, name string, body []byte) (importer, error) {
		found, err := settings.DecodeVariables(name, body)
		if err != nil {
			return importer{}, err
		}
		return importer{
			ids: sortedKeys(found),
			check: func(id string) error {
				v := found[id]
				return v.Validate()
			},
			exists: func(ctx context.Context, id string) (bool, error) {
				_, err := i.Store.Setting(ctx, store.KindVariable, id)
				return exists(err)
			},
			put: func(ctx context.Context, id string) error { return i.Settings.PutVariable(ctx, found[id]) },
		}, nil
	})
}

func (a *app) variablesExport() *cobra.Command {
	return a.exportCommand("variables", func(ctx context.Context, i *embedded.Installation, f settings.Format) ([]byte, int, error) {
		list, err := i.Settings.Variables(ctx)
		if err != nil {
			return nil, 0, err
		}
		body, err := settings.EncodeVariables(list, f)
		return body, len(list), err
	})
}

// variableKeys are the keys of the variables in the database.
func variableKeys(ctx context.Context, i *embedded.Installation, _ []string) ([]string, error) {
	return settingIDs(ctx, i, store.KindVariable)
}

// settingIDs are the ids of one kind of settings in the database.
func settingIDs(ctx context.Context, i *embedded.Installation, k store.Kind) ([]string, error) {
	rows, err := i.Store.Settings(ctx, k)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(rows))
	for n, r := range rows {
		out[n] = r.ID
	}
	return out, nil
}
