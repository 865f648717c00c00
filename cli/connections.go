package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/logs"
	"github.com/updraft-dev/updraft/settings"
	"github.com/updraft-dev/updraft/store"
)

func (a *app) connectionsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "connections", Short: "Read and write connections",
		Long: `Connections are how operators reach other systems. They are looked for in the secrets file, in
the environment (AIRFLOW_CONN_ID, UPDRAFT_CONN_ID) and in the database, in this order;
what is set here goes into the database, sealed. One that has --dags is for the tasks of
these DAGs alone.`,
		Example: examples(
			"updraft connections set db --conn-uri postgres://me:secret@localhost/sales", "by URI",
			"updraft connections set api --conn-type http --conn-host https://example.org", "by its parts",
			"updraft connections get db", "show one, secrets masked",
			"updraft connections import connections.json", "from Airflow's export",
		),
	}
	c.AddCommand(a.connectionsGet(), a.connectionsSet(), a.connectionsEdit(), a.connectionsList(), a.connectionsDelete(), a.connectionsImport(), a.connectionsExport())
	return c
}

func (a *app) connectionsGet() *cobra.Command {
	var secrets bool
	c := &cobra.Command{
		Use: "get CONN_ID", Short: "Show a connection", Args: exactly("CONN_ID"), ValidArgsFunction: a.completeArgs(connectionIDs),
		Example: examples("updraft connections get db", "secrets masked", "updraft connections get db -o json --show-secrets", "all of it"),
		Long:    "Shows a connection, wherever it comes from.",
	}
	c.Flags().BoolVar(&secrets, "show-secrets", false, "do not mask passwords")
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		v, err := i.Settings.Connection(ctx, args[0])
		if err != nil {
			return err
		}
		return a.show(append(connectionRecord(&v, secrets), field{"get_uri", masked(&v, v.URI(), secrets)}))
	})
	return c
}

// masked is a text of a connection with its secrets masked.
func masked(c *settings.Connection, text string, show bool) string {
	if show {
		return text
	}
	if text == c.Password && text != "" {
		return logs.Mask // however short
	}
	var m logs.Masker
	m.Add(c.Secrets()...)
	return m.String(text)
}

func connectionRecord(c *settings.Connection, secrets bool) record {
	r := record{
		{"conn_id", c.ID}, {"conn_type", c.Type}, {"description", c.Description}, {"host", c.Host}, {"schema", c.Schema},
		{"login", c.Login}, {"password", masked(c, c.Password, secrets)}, {"port", nil}, {"extra", masked(c, c.ExtraText(), secrets)},
		{"dags", []string(c.DAGs)},
	}
	if c.Port != 0 {
		r[7].value = c.Port
	}
	return r
}

// connectionFlags are the parts of a connection on the command line, as Airflow's.
type connectionFlags struct {
	uri, json, extra, dags string
	c                      settings.Connection
}

func (f *connectionFlags) add(s *pflag.FlagSet) {
	s.StringVar(&f.uri, "conn-uri", "", "the connection as a URI; @FILE or - keep it out of the shell's history")
	s.StringVar(&f.json, "conn-json", "", "the connection as a JSON object, @FILE or -")
	f.addParts(s)
}

// addParts adds the flags of parts, those that can be changed one by one.
func (f *connectionFlags) addParts(s *pflag.FlagSet) {
	dagsFlag(s, &f.dags)
	s.StringVar(&f.c.Type, "conn-type", "", "its type: http, sqlite, postgres, mysql, smtp, ...")
	s.StringVar(&f.c.Description, "conn-description", "", "what it is for")
	s.StringVar(&f.c.Host, "conn-host", "", "its host")
	s.StringVar(&f.c.Login, "conn-login", "", "the user's name")
	s.StringVar(&f.c.Password, "conn-password", "", "the password, @FILE or -")
	s.StringVar(&f.c.Schema, "conn-schema", "", "the schema or database")
	s.IntVar(&f.c.Port, "conn-port", 0, "the port")
	s.StringVar(&f.extra, "conn-extra", "", "further parts, as a JSON object")
}

// dagsFlag adds the flag that limits a connection or variable.
func dagsFlag(s *pflag.FlagSet, dags *string) {
	s.StringVar(dags, "dags", "", "the DAGs whose tasks may use it, such as 'etl,report_*'; - for all (default: as it is, or all)")
}

// limitOf reads the flag; nil if it was not given.
func limitOf(s *pflag.FlagSet, text string) (settings.DAGs, error) {
	if !s.Changed("dags") {
		return nil, nil
	}
	d, err := settings.ParseDAGs(text)
	if err != nil {
		return nil, usagef("--dags: %v", err)
	}
	return d, nil
}

// connection makes the connection that the flags describe.
func (f *connectionFlags) connection(a *app, id string) (settings.Connection, error) {
	whole := f.uri
	if whole == "" {
		whole = f.json
	}
	parts := cmp.Or(f.c.Type, f.c.Host, f.c.Login, f.c.Password, f.c.Schema, f.extra) != "" || f.c.Port != 0
	if f.uri != "" && f.json != "" || whole != "" && parts {
		return f.c, usagef("--conn-uri, --conn-json and the parts exclude each other: use one of them")
	}
	if whole != "" {
		text, err := a.textOrFile(whole)
		if err != nil {
			return f.c, err
		}
		return settings.ParseConnection(id, trimLine(text))
	}
	if f.c.Type == "" {
		return f.c, usagef("say what connection it is: --conn-uri, --conn-json, or --conn-type with its parts")
	}
	c := f.c
	c.ID = id
	password, err := a.textOrFile(c.Password)
	if err != nil {
		return c, err
	}
	c.Password = trimLine(password)
	if f.extra != "" {
		c.SetExtraText(f.extra)
	}
	return c, nil
}

// trimLine drops the line break that files and echo end with.
func trimLine(b []byte) string {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return string(b)
}

func (a *app) connectionsSet() *cobra.Command {
	var flags connectionFlags
	c := &cobra.Command{
		Use: "set CONN_ID", Aliases: []string{"add"}, Short: "Set a connection", Args: exactly("CONN_ID"),
		Example: examples("updraft connections set db --conn-uri @uri.txt", "by URI, from a file", "updraft connections set api --conn-type http --conn-host https://example.org", "by its parts"),
		Long:    "Sets a connection, over any that is there. The limit of one that is there stays, unless --dags says otherwise.",
	}
	flags.add(c.Flags())
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		v, err := flags.connection(a, args[0])
		if err != nil {
			return err
		}
		limit, err := limitOf(c.Flags(), flags.dags)
		if err != nil {
			return err
		}
		if limit != nil {
			v.DAGs = limit
		}
		return a.done(i.Settings.PutConnection(ctx, v), "connection %s is set", v.ID)
	})
	return c
}

func (a *app) connectionsEdit() *cobra.Command {
	var flags connectionFlags
	c := &cobra.Command{
		Use: "edit CONN_ID", Short: "Change parts of a connection", Args: exactly("CONN_ID"), ValidArgsFunction: a.completeArgs(connectionIDs),
		Example: examples("updraft connections edit db --dags 'etl,report_*'", "for these DAGs alone", "updraft connections edit db --conn-password -", "another password, from standard input"),
		Long:    "Changes the parts of a connection in the database that are given, and leaves the others as they are.",
	}
	flags.addParts(c.Flags())
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		change, err := flags.change(a, c.Flags())
		if err != nil {
			return err
		}
		return a.done(i.Settings.EditConnection(ctx, args[0], change), "connection %s is changed", args[0])
	})
	return c
}

// change is what the flags that were given make of a connection.
func (f *connectionFlags) change(a *app, s *pflag.FlagSet) (func(*settings.Connection) error, error) {
	limit, err := limitOf(s, f.dags)
	if err != nil {
		return nil, err
	}
	password, err := a.textOrFile(f.c.Password)
	if err != nil {
		return nil, err
	}
	given := limit != nil
	s.Visit(func(flag *pflag.Flag) { given = given || strings.HasPrefix(flag.Name, "conn-") })
	if !given {
		return nil, usagef("say what to change: --dags, or --conn-host and the other parts")
	}
	return func(c *settings.Connection) error {
		for name, part := range map[string][2]*string{
			"conn-type": {&c.Type, &f.c.Type}, "conn-description": {&c.Description, &f.c.Description}, "conn-host": {&c.Host, &f.c.Host},
			"conn-login": {&c.Login, &f.c.Login}, "conn-schema": {&c.Schema, &f.c.Schema},
		} {
			if s.Changed(name) {
				*part[0] = *part[1]
			}
		}
		if s.Changed("conn-password") {
			c.Password = trimLine(password)
		}
		if s.Changed("conn-port") {
			c.Port = f.c.Port
		}
		if s.Changed("conn-extra") {
			c.SetExtraText(f.extra)
		}
		if limit != nil {
			c.DAGs = limit
		}
		return nil
	}, nil
}

func (a *app) connectionsList() *cobra.Command {
	var secrets bool
	c := &cobra.Command{
		Use: "list", Short: "List the connections in the database", Args: exactly(),
		Example: examples("updraft connections list", "secrets masked"),
	}
	c.Flags().BoolVar(&secrets, "show-secrets", false, "do not mask passwords")
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, _ []string) error {
		list, err := i.Settings.Connections(ctx)
		if err != nil {
			return err
		}
		records := make([]record, len(list))
		for n := range list {
			records[n] = connectionRecord(&list[n], secrets)
		}
		return a.list(records, "No connections: set one with `updraft connections set CONN_ID --conn-uri URI`.")
	})
	return c
}

func (a *app) connectionsDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete CONN_ID", Short: "Delete a connection", Args: exactly("CONN_ID"), ValidArgsFunction: a.completeArgs(connectionIDs),
		Example: examples("updraft connections delete db", "one"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			return a.done(i.Settings.DeleteConnection(ctx, args[0]), "connection %s is deleted", args[0])
		}),
	}
}

func (a *app) connectionsImport() *cobra.Command {
	return a.importCommand("connections", func(_ context.Context, i *embedded.Installation, name string, body []byte) (importer, error) {
		found, err := settings.DecodeConnections(name, body)
		if err != nil {
			return importer{}, err
		}
		return importer{
			ids: sortedKeys(found),
			check: func(id string) error {
				c := found[id]
				if err := c.Validate(); err != nil {
					return fmt.Errorf("connection %s: %w", id, err)
				}
				return nil
			},
			exists: func(ctx context.Context, id string) (bool, error) {
				_, err := i.Store.Setting(ctx, store.KindConnection, id)
				return exists(err)
			},
			put: func(ctx context.Context, id string) error { return i.Settings.PutConnection(ctx, found[id]) },
		}, nil
	})
}

func (a *app) connectionsExport() *cobra.Command {
	return a.exportCommand("connections", func(ctx context.Context, i *embedded.Installation, f settings.Format) ([]byte, int, error) {
		list, err := i.Settings.Connections(ctx)
		if err != nil {
			return nil, 0, err
		}
		body, err := settings.EncodeConnections(list, f)
		return body, len(list), err
	})
}

// connectionIDs are the ids of the connections in the database.
func connectionIDs(ctx context.Context, i *embedded.Installation, _ []string) ([]string, error) {
	return settingIDs(ctx, i, store.KindConnection)
}
