package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
)

func (a *app) dagsConvertCommand() *cobra.Command {
	var save string
	c := &cobra.Command{
		Use: "convert FILE", Short: "Write the DAGs of a Python file in YAML", Args: exactly("FILE"),
		Long: `Writes the DAGs of a DAG file in Python as a DAG file in YAML, and says on standard error
what has no form there: functions of the file itself, classes of its author. The YAML is
read back and compared; the exit code is 1 when something is lost.`,
		Example: examples(
			"updraft dags convert dags/etl.py", "show it",
			"updraft dags convert dags/etl.py --save dags/etl.yaml", "write a file",
		),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			text, lost, err := i.Convert(ctx, args[0])
			if err != nil {
				return err
			}
			if save == "" {
				a.printf("%s", text)
			} else if err := os.WriteFile(save, text, 0o600); err != nil {
				return fmt.Errorf("write %s: %w", save, err)
			}
			for _, l := range lost {
				fmt.Fprintln(a.Stderr, "lost:", l)
			}
			if len(lost) > 0 {
				return errShown
			}
			return nil
		}),
	}
	c.Flags().StringVarP(&save, "save", "s", "", "write the file there")
	return c
}
