package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

// rehearsalFlags are those of the commands that look at a task outside of any run.
type rehearsalFlags struct {
	m    mapIndex
	conf string
}

func (r *rehearsalFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.Var(&r.m, "map-index", "the instance of a mapped task")
	f.StringVarP(&r.conf, "task-params", "t", "", "parameters, as a JSON object, @FILE, or - for standard input")
}

// rehearsal reads DAG TASK [RUN|DATE], the last two in either order. A date that has a
// run means that run.
func (a *app) rehearsal(ctx context.Context, i *embedded.Installation, args []string, flags *rehearsalFlags) (embedded.Rehearsal, error) {
	out := embedded.Rehearsal{DAG: args[0], Task: args[1], Map: flags.m.index}
	var err error
	if out.Conf, err = a.parseConf(flags.conf); err != nil || len(args) < 3 {
		return out, err
	}
	if err = a.rehearseAt(ctx, i, &out, args[2]); err == nil || !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	swapped := out
	swapped.Task = args[2]
	if a.rehearseAt(ctx, i, &swapped, args[1]) == nil {
		return swapped, nil
	}
	return out, err
}

// rehearseAt reads RUN|DATE.
func (a *app) rehearseAt(ctx context.Context, i *embedded.Installation, out *embedded.Rehearsal, text string) error {
	r, err := a.findRun(ctx, i, out.DAG, text)
	if err == nil {
		out.Run = r.ID.Run
		return nil
	}
	if t, terr := parseTime(text); terr == nil && errors.Is(err, store.ErrNotFound) {
		out.LogicalDate = &t
		return nil
	}
	return err
}

func (a *app) tasksRenderCommand() *cobra.Command {
	var flags rehearsalFlags
	c := &cobra.Command{
		Use: "render DAG TASK [RUN|DATE]", Short: "Show a task's templated arguments, rendered",
		Long: `Renders the templated arguments of a task for a run, or for a date (default: now) that need
not have a run, and executes nothing. Secrets of connections and variables are masked.`,
		Example: examples(
			"updraft tasks render etl load", "as if it ran now",
			"updraft tasks render etl load 2026-01-31", "for a date",
			"updraft tasks render etl load latest -o json", "for the latest run, with its XComs",
		),
		Args: between(2, "DAG", "TASK", "RUN|DATE"),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
			r, err := a.rehearsal(ctx, i, args, &flags)
			if err != nil {
				return err
			}
			list, err := i.RenderTask(ctx, r)
			if err != nil {
				return err
			}
			return a.rendered(list, r.Task)
		}),
	}
	flags.add(c)
	a.outputFlag(c)
	c.ValidArgsFunction = a.completeArgs(a.dagIDs, a.taskIDs, a.runIDs)
	return c
}

// rendered shows rendered arguments, as Airflow does: a text as it is, below its name.
func (a *app) rendered(list []task.Rendered, taskID string) error {
	if a.output != "table" {
		var r record
		for _, f := range list {
			v, err := renderedValue(f.Value)
			if err != nil {
				return fmt.Errorf("argument %s: %w", f.Name, err)
			}
			r = append(r, field{f.Name, v})
		}
		return a.show(r)
	}
	if len(list) == 0 {
		a.printf("task %s has no templated arguments\n", taskID)
	}
	rule := "# " + strings.Repeat("-", 58) + "\n"
	for _, f := range list {
		text, ok := f.Value.(string)
		if !ok {
			v, err := renderedValue(f.Value)
			if err != nil {
				return fmt.Errorf("argument %s: %w", f.Name, err)
			}
			b, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				return fmt.Errorf("argument %s: %w", f.Name, err)
			}
			text = string(b)
		}
		a.printf("%s# property: %s\n%s%s\n\n", rule, f.Name, rule, text)
	}
	return nil
}

// renderedValue is a value as JSON has it.
func renderedValue(v any) (any, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	raw, err := task.EncodeXCom(v)
	return raw, err
}

func (a *app) tasksTestCommand() *cobra.Command {
	var flags rehearsalFlags
	c := &cobra.Command{
		Use: "test DAG TASK [RUN|DATE]", Short: "Execute one task now, without its dependencies, and store nothing",
		Long: `Executes one task now, in a run or for a date (default: now) that need not have a run,
whatever it depends on. Its log is shown, and the XComs that it pushes; no state is stored.
What the task itself does is done in earnest.`,
		Example: examples(
			"updraft tasks test etl load", "as if it ran now",
			"updraft tasks test etl load latest", "with the XComs of the latest run",
		),
		Args: between(2, "DAG", "TASK", "RUN|DATE"),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
			r, err := a.rehearsal(ctx, i, args, &flags)
			if err != nil {
				return err
			}
			rep, err := i.TestTask(ctx, r, a.Stdout)
			if err != nil {
				return err
			}
			return a.tested(&rep)
		}),
	}
	flags.add(c)
	c.ValidArgsFunction = a.completeArgs(a.dagIDs, a.taskIDs, a.runIDs)
	return c
}

// tested shows what a tested task has pushed and how it ended.
func (a *app) tested(rep *run.Report) error {
	for _, x := range rep.XComs {
		a.printf("xcom %s = %s\n", x.Name, x.Value)
	}
	switch rep.Outcome {
	case run.OutcomeFailed, run.OutcomeFatal:
		a.note("%s: %s", a.paint("failed"), rep.Reason)
		return errShown
	case run.OutcomeDeferred:
		a.note("%s: its trigger is not waited for", a.paint("deferred"))
	default:
		a.note("%s", a.paint(string(rep.Outcome)))
	}
	return nil
}
