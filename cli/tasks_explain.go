package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/dag/drawing"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
)

func (a *app) tasksExplainCommand() *cobra.Command {
	var m mapIndex
	c := &cobra.Command{
		Use: "explain DAG RUN [TASK]", Aliases: []string{"failed-deps"},
		Short: "Say why tasks are where they are: what they wait for, how they ended",
		Long: `Says in one sentence for each task of a run (or for one task) why it is where it is: what it
waits for, who holds the slots it needs, until when, or how it ended. The answers are
those of the rules that the scheduler decides by. What failed is shown with the end of its log.`,
		Example: examples(
			"updraft tasks explain etl latest", "every task of the latest run",
			"updraft tasks explain etl latest load", "one task",
		),
		Args: between(2, "DAG", "RUN", "TASK"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			id, task, err := a.findRunOrTask(ctx, i, args)
			if err != nil {
				return err
			}
			var about string
			var list []embedded.Explanation
			if task == "" {
				about, list, err = i.ExplainRun(ctx, id)
			} else {
				list, err = i.Explain(ctx, id, task, m.index)
			}
			if err != nil {
				return err
			}
			if a.output != "table" {
				return a.list(explanationRecords(list), "")
			}
			a.explain(about, list)
			if slices.ContainsFunc(list, func(e embedded.Explanation) bool { return !e.Instance.State.Finished() }) {
				a.noteIdle(ctx, i, "the run goes on")
			}
			return nil
		}),
	}
	c.Flags().Var(&m, "map-index", "the instance of a mapped task")
	a.outputFlag(c)
	c.ValidArgsFunction = a.completeArgs(a.dagRunTask()...)
	return c
}

// findRunOrTask is findTask when the task may be left out.
func (a *app) findRunOrTask(ctx context.Context, i *embedded.Installation, args []string) (run.ID, string, error) {
	if len(args) == 3 {
		return a.findTask(ctx, i, args)
	}
	r, err := a.findRun(ctx, i, args[0], args[1])
	return r.ID, "", err
}

// explain shows a sentence for each instance, below one about the run if there is one.
// What that says already is left out then: the instances of a run that has not started,
// and those of a mapped task that succeeded share a line.
func (a *app) explain(about string, list []embedded.Explanation) {
	succeeded := map[string]int{}
	if about != "" {
		a.printf("%s\n", about)
		for _, e := range list {
			if e.Key.Map != run.Unmapped && e.Instance.State == run.Success {
				succeeded[e.Key.Task]++
			}
		}
	}
	for _, e := range list {
		text := e.Text
		switch n := succeeded[e.Key.Task]; {
		case about != "" && e.OfRun:
			continue
		case e.Instance.State != run.Success || n == 0 || n == 1:
		case n < 0:
			continue
		default:
			text = fmt.Sprintf("%s: %d instances are success", e.Key.Task, n)
			succeeded[e.Key.Task] = -1
		}
		mark := drawing.Symbol(e.Instance.State)
		if a.colourful() {
			mark = colourOf(e.Instance.State.String()).Sprint(mark)
		}
		a.printf("%s %s\n", mark, printable(text))
		if e.Instance.State == run.Failed || e.Instance.State == run.UpForRetry {
			a.quote(e.Instance.Tail)
		}
	}
}

func explanationRecords(list []embedded.Explanation) []record {
	out := make([]record, len(list))
	for n := range list {
		e := &list[n]
		in := &e.Instance
		out[n] = record{
			{"task_id", in.Task}, {"map_index", in.Map}, {"state", in.State}, {"try_number", in.Try}, {"reason", e.Text},
			{"cause", string(in.Cause)}, {"exit_code", in.ExitCode}, {"log_tail", splitLines(in.Tail)},
		}
	}
	return out
}
