package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
)

func (a *app) tasksCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "tasks", Short: "Look at tasks, run them again, mark them",
		Long: `Look at the tasks of DAGs and runs, run them again, mark them. A RUN is given by its id,
by its logical date, or as "latest"; RUN and TASK may come in either order, as in Airflow.`,
	}
	c.AddCommand(
		a.tasksListCommand(), a.tasksStateCommand(), a.tasksStatesCommand(), a.tasksLogsCommand(), a.tasksExplainCommand(),
		a.tasksClearCommand(), a.tasksMarkCommand(), a.tasksRenderCommand(), a.tasksTestCommand(), a.tasksPodCommand(), a.tasksResourcesCommand(),
	)
	return c
}

func (a *app) tasksListCommand() *cobra.Command {
	var tree bool
	c := &cobra.Command{
		Use: "list DAG", Short: "List the tasks of a DAG",
		Example: examples(
			"updraft tasks list etl", "a table, in the order of running",
			"updraft tasks list etl --tree", "what follows what",
		),
		Args: exactly("DAG"),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
			g, err := i.CurrentGraph(ctx, args[0])
			if err != nil {
				return err
			}
			if tree {
				a.printf("%s", taskTree(g))
				return nil
			}
			return a.list(taskRecords(g), fmt.Sprintf("DAG %s has no tasks", args[0]))
		}),
	}
	c.Flags().BoolVarP(&tree, "tree", "t", false, "draw what follows what")
	a.outputFlag(c)
	c.ValidArgsFunction = a.completeArgs(a.dagIDs)
	return c
}

// taskRecords are the tasks of a graph, in the order of running.
func taskRecords(g *dag.Graph) []record {
	out := make([]record, len(g.Order))
	for n, at := range g.Order {
		t := g.Tasks[at]
		out[n] = record{
			{"task_id", t.ID}, {"operator_name", shortName(t.Operator)}, {"is_mapped", g.Mapping(at) != nil},
			{"trigger_rule", string(t.TriggerRule)}, {"upstream_task_ids", t.Upstream},
		}
	}
	return out
}

func (a *app) tasksStateCommand() *cobra.Command {
	var m mapIndex
	c := &cobra.Command{
		Use: "state DAG RUN TASK", Short: "Show the state of a task instance",
		Example: examples("updraft tasks state etl latest load", "in one word", "updraft tasks state etl latest each --map-index 2", "of a mapped task"),
		Args:    exactly("DAG", "RUN", "TASK"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			id, task, err := a.findTask(ctx, i, args)
			if err != nil {
				return err
			}
			in, err := a.one(ctx, i, id, task, m)
			if err == nil {
				a.printf("%s\n", in.State)
			}
			return err
		}),
	}
	c.Flags().Var(&m, "map-index", "the instance of a mapped task")
	c.ValidArgsFunction = a.completeArgs(a.dagRunTask()...)
	return c
}

func (a *app) tasksStatesCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "states-for-dag-run DAG RUN", Short: "List the task instances of a run with their states",
		Example: examples("updraft tasks states-for-dag-run etl latest", "of the latest run", "updraft tasks states-for-dag-run etl 2026-01-31 -o json", "of a date, for programs"),
		Args:    exactly("DAG", "RUN"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			r, err := a.findRun(ctx, i, args[0], args[1])
			if err != nil {
				return err
			}
			list, err := i.Instances(ctx, r.ID, "", nil)
			if err != nil {
				return err
			}
			return a.list(stateRecords(&r, list), fmt.Sprintf("run %s has no tasks", r.ID))
		}),
	}
	a.outputFlag(c)
	c.ValidArgsFunction = a.completeArgs(a.dagIDs, a.runIDs)
	return c
}

// stateRecords are task instances as Airflow lists them, and their tries.
func stateRecords(r *run.Run, list []run.Instance) []record {
	withIndex := mapped(list)
	out := make([]record, len(list))
	for n := range list {
		in := &list[n]
		rec := record{{"dag_id", r.DAG}, {"logical_date", r.LogicalDate}, {"task_id", in.Task}}
		if withIndex {
			rec = append(rec, field{"map_index", in.Map})
		}
		out[n] = append(rec, field{"state", in.State}, field{"start_date", in.Start}, field{"end_date", in.End}, field{"try_number", in.Try})
	}
	return out
}
