package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
)

func (a *app) dagsNextExecutionCommand() *cobra.Command {
	var n int
	c := &cobra.Command{
		Use: "next-execution DAG", Short: "Show when a DAG runs next by its schedule", Args: exactly("DAG"),
		Long: `Shows the runs that the schedule of a DAG brings next, from its last scheduled run on: with
its catch-up, start and end dates, and those that are due already. The planner itself
answers.`,
		Example: examples(
			"updraft dags next-execution etl", "the next",
			"updraft dags next-execution etl --count 20", "the next 20",
		),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
			if n < 1 {
				return usagef("--num-executions %d: give 1 or more", n)
			}
			return a.nextExecution(ctx, i, args[0], n)
		}),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	c.Flags().IntVarP(&n, "num-executions", "n", 1, "how many")
	c.Flags().IntVar(&n, "count", 1, "the same as --num-executions")
	c.MarkFlagsMutuallyExclusive("num-executions", "count")
	a.outputFlag(c)
	return c
}

func (a *app) nextExecution(ctx context.Context, i *embedded.Installation, id string, n int) error {
	d, err := i.DAG(ctx, id)
	if err != nil {
		return err
	}
	if d.Info.Graph == nil {
		return d.Problem
	}
	dues, err := i.Upcoming(ctx, id, n)
	if err != nil {
		return fmt.Errorf("schedule of DAG %s: %w", id, err)
	}
	var records []record
	for _, due := range dues {
		r := record{{"run_after", due.RunAfter}, {"logical_date", nil}, {"data_interval_start", nil}, {"data_interval_end", nil}, {"due", !due.RunAfter.After(i.Now())}}
		if due.Interval != nil {
			r[1].value, r[2].value, r[3].value = due.LogicalDate(), due.Interval.Start, due.Interval.End
		}
		records = append(records, r)
	}
	if err := a.list(records, withoutNext(&d)); err != nil {
		return err
	}
	switch {
	case d.State.Stale:
		fmt.Fprintf(a.Stderr, "note: the file of DAG %s is gone: it gets no runs\n", id)
	case d.State.Paused && len(dues) > 0:
		fmt.Fprintf(a.Stderr, "note: DAG %s is paused: nothing starts before `updraft dags unpause %s`%s\n", id, id, missed(d.Info.Graph.DAG))
	}
	return nil
}

// missed says what becomes of runs that come due while a DAG is paused.
func missed(d *dag.DAG) string {
	if d.Catchup {
		return "; what comes due until then is made up for"
	}
	return "; of what comes due until then only the latest runs"
}

// withoutNext says why a DAG has no next run.
func withoutNext(d *embedded.DAGStatus) string {
	def := d.Info.Graph.DAG
	switch {
	case def.Schedule.Kind == dag.ScheduleAssets:
		return fmt.Sprintf("DAG %s runs when assets are updated: %s", d.ID, def.Schedule.Assets)
	case def.Schedule.Kind == dag.ScheduleNone || def.Schedule.Kind == "":
		return fmt.Sprintf("DAG %s has no schedule: it runs when it is triggered", d.ID)
	case def.EndDate != nil:
		return fmt.Sprintf("DAG %s has no more runs: its end date is %s", d.ID, isoTime(*def.EndDate))
	}
	return fmt.Sprintf("the schedule of DAG %s (%s) brings no more runs", d.ID, summary(def))
}

func (a *app) dagsDeleteCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "delete DAG", Short: "Remove a DAG with its runs, history and XComs", Args: exactly("DAG"),
		Example: examples("updraft dags delete etl", "asks before it does"),
		Long: `Removes all that is stored about a DAG: runs, history, XComs; logs stay until they are old.
A DAG whose file is still there starts anew, without history.`,
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			id := args[0]
			if _, err := i.FindDAG(ctx, id); err != nil {
				return err
			}
			if ok, err := a.confirm(yes, fmt.Sprintf("Remove DAG %s with all its runs?", id)); err != nil || !ok {
				return err
			}
			done, err := i.DeleteDAG(ctx, id)
			if err != nil {
				return err
			}
			a.printf("removed DAG %s with %s\n", id, count(done.Runs, "run"))
			if done.Kept != "" {
				fmt.Fprintf(a.Stderr, "note: its file is still there, so it starts anew: %s\n", done.Kept)
			}
			return nil
		}),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}
