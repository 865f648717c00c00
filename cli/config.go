package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Show the settings of the installation"}
	list := &cobra.Command{
		Use: "list", Short: "List all settings, with where each comes from", Args: exactly(),
		Example: examples("updraft config list", "where each value comes from", "updraft config list -o json", "for programs"),
		Long: `Lists all settings. Each can be set in updraft.yaml in UPDRAFT_HOME, by the context in use
(updraft context), by an environment variable (UPDRAFT_PARALLELISM for parallelism), or
(some) by a flag, the later over the earlier.`,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			var records []record
			for _, s := range c.Settings() {
				r := record{{"setting", s.Name}, {"value", s.Value}, {"source", s.Source}}
				if a.output != "table" { // there its name says it
					r = append(r, field{"variable", s.Env})
				}
				records = append(records, append(r, field{"description", s.Doc}))
			}
			return a.list(records, "")
		},
	}
	a.outputFlag(list)
	value := &cobra.Command{
		Use: "get-value SETTING", Short: "Show the value of one setting",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return errors.New("settings have no sections: `updraft config list` shows them all")
			}
			return exactly("SETTING")(c, args)
		},
		Example: examples("updraft config get-value store", "where the database is"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			for _, s := range c.Settings() {
				if s.Name == args[0] {
					a.printf("%s\n", s.Value)
					return nil
				}
			}
			return usagef("there is no setting %q: `updraft config list` shows those there are", args[0])
		},
	}
	c.AddCommand(list, value)
	return c
}
