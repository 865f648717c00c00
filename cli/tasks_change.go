package cli

import (
	"context"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
)

func (a *app) tasksClearCommand() *cobra.Command {
	var o embedded.Clear
	var m mapIndex
	var pattern string
	var yes bool
	c := &cobra.Command{
		Use: "clear DAG", Short: "Run tasks again",
		Long: `Resets task instances, so that they run again, and with them their finished runs. What is
running is stopped first. Without --dag-run-id or dates all runs of the DAG are meant.
What would be cleared is shown, and asked for unless --yes is given.`,
		Example: examples(
			"updraft tasks clear etl --dag-run-id latest --only-failed", "what failed in the latest run",
			"updraft tasks clear etl -t '^load$' -d --dag-run-id latest", "one task and what follows it",
			"updraft tasks clear etl -s 2026-01-01 -e 2026-01-31 --dry-run", "what a month would be",
		),
		Args: exactly("DAG"),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) (err error) {
			o.DAG = args[0]
			if err := a.clearTarget(ctx, i, &o, m, pattern); err != nil {
				return err
			}
			return a.clear(ctx, i, o, yes)
		}),
	}
	f := c.Flags()
	f.StringVarP(&pattern, "task-regex", "t", "", "a regular expression that is searched for in task ids")
	f.StringVar(&o.Run, "dag-run-id", "", "the run: its id, its logical date, or latest")
	f.VarP(timeValue{&o.From}, "start-date", "s", "runs from this logical date on")
	f.VarP(timeValue{&o.To}, "end-date", "e", "runs up to this logical date")
	f.Var(&m, "map-index", "only this instance of mapped tasks")
	f.BoolVarP(&o.Upstream, "upstream", "u", false, "also what comes before the tasks")
	f.BoolVarP(&o.Downstream, "downstream", "d", false, "also what follows the tasks")
	f.BoolVarP(&o.OnlyFailed, "only-failed", "f", false, "only what is failed or upstream_failed")
	f.BoolVarP(&o.OnlyRunning, "only-running", "r", false, "only what is running")
	f.BoolVar(&o.Past, "past", false, "also in the runs before")
	f.BoolVar(&o.Future, "future", false, "also in the runs after")
	f.BoolVar(&o.Latest, "run-on-latest", false, "let finished runs go on with the latest version of the DAG")
	f.BoolVar(&o.DryRun, "dry-run", false, "only show what would be cleared")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	a.outputFlag(c)
	a.completeFlag(c, "dag-run-id", a.runIDs)
	c.MarkFlagsMutuallyExclusive("dag-run-id", "start-date")
	c.MarkFlagsMutuallyExclusive("dag-run-id", "end-date")
	c.MarkFlagsMutuallyExclusive("only-failed", "only-running")
	c.ValidArgsFunction = a.completeArgs(a.dagIDs)
	return c
}

// clearTarget reads what is to be cleared.
func (a *app) clearTarget(ctx context.Context, i *embedded.Installation, o *embedded.Clear, m mapIndex, pattern string) (err error) {
	if pattern != "" {
		if o.Tasks, err = regexp.Compile(pattern); err != nil {
			return usagef("--task-regex: %w", err)
		}
	}
	if m.index != nil {
		o.Maps = []int{*m.index}
	}
	if o.Run != "" {
		r, err := a.findRun(ctx, i, o.DAG, o.Run)
		if err != nil {
			return err
		}
		o.Run = r.ID.Run
	}
	return nil
}

// clear shows what is to be cleared, asks, and clears it.
func (a *app) clear(ctx context.Context, i *embedded.Installation, o embedded.Clear, yes bool) error {
	dry := o
	dry.DryRun = true
	list, err := i.Clear(ctx, dry)
	if err != nil {
		return err
	}
	if o.DryRun || !yes || len(list) == 0 || a.output != "table" {
		if err := a.list(touchedRecords(list, "clear"), "nothing to clear"); err != nil {
			return err
		}
	}
	if o.DryRun || len(list) == 0 {
		return nil
	}
	if ok, err := a.confirm(yes, fmt.Sprintf("Clear %s of %s?", count(len(list), "task instance"), count(runsOf(list), "run"))); err != nil || !ok {
		return err
	}
	if list, err = i.Clear(ctx, o); err != nil {
		return err
	}
	a.note("cleared %s of %s", count(len(list), "task instance"), count(runsOf(list), "run"))
	a.noteIdle(ctx, i, "they run")
	return nil
}

// note says on standard error what was done, so that -o json stays JSON.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.Stderr, format+"\n", args...) }

// noteIdle says when what was asked for waits because nothing works.
func (a *app) noteIdle(ctx context.Context, i *embedded.Installation, what string) {
	if !i.Busy(ctx) {
		a.note("note: nothing works on this installation now: %s with `updraft standalone`", what)
	}
}

func runsOf(list []embedded.Touched) int {
	runs := map[run.ID]bool{}
	for _, t := range list {
		runs[t.ID] = true
	}
	return len(runs)
}

// touchedRecords are instances, what they are, and what is done about them.
func touchedRecords(list []embedded.Touched, action string) []record {
	out := make([]record, len(list))
	for n, t := range list {
		out[n] = record{
			{"dag_id", t.DAG}, {"run_id", t.ID.Run}, {"task_id", t.Task}, {"map_index", t.Map}, {"state", t.State}, {"action", action},
		}
	}
	return out
}

func (a *app) tasksMarkCommand() *cobra.Command {
	var o embedded.Mark
	var m mapIndex
	var state string
	c := &cobra.Command{
		Use: "mark DAG RUN TASK --state STATE", Short: "Give tasks a final state by hand",
		Long: `Gives a task instance of a run (of a mapped task: all of them, or that of --map-index) a
final state. What is running is stopped. What failed downstream is cleared, so that the
run goes on from there.`,
		Example: examples(
			"updraft tasks mark etl latest load --state success", "go on as if it had succeeded",
			"updraft tasks mark etl latest load --state failed", "stop it",
		),
		Args: exactly("DAG", "RUN", "TASK"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) (err error) {
			switch state {
			case "success", "failed", "skipped":
			default:
				return usagef("--state %q: use success, failed or skipped", state)
			}
			if o.State, err = run.ParseState(state); err != nil {
				return err
			}
			id, task, err := a.findTask(ctx, i, args)
			if err != nil {
				return err
			}
			o.Run, o.Tasks = id, []string{task}
			if m.index != nil {
				o.Maps = []int{*m.index}
			}
			return a.mark(ctx, i, o)
		}),
	}
	f := c.Flags()
	f.StringVar(&state, "state", "", "success, failed or skipped")
	f.Var(&m, "map-index", "the instance of a mapped task")
	f.BoolVarP(&o.Upstream, "upstream", "u", false, "also what comes before it")
	f.BoolVarP(&o.Downstream, "downstream", "d", false, "also what follows it")
	f.BoolVar(&o.Past, "past", false, "also in the runs before")
	f.BoolVar(&o.Future, "future", false, "also in the runs after")
	f.BoolVar(&o.DryRun, "dry-run", false, "only show what would be marked and cleared")
	a.outputFlag(c)
	complete(c, "state", "success", "failed", "skipped")
	c.ValidArgsFunction = a.completeArgs(a.dagRunTask()...)
	return c
}

// mark marks, and shows what it has marked and cleared.
func (a *app) mark(ctx context.Context, i *embedded.Installation, o embedded.Mark) error {
	marked, cleared, err := i.Mark(ctx, o)
	if err != nil {
		return err
	}
	records := append(touchedRecords(marked, "mark "+o.State.String()), touchedRecords(cleared, "clear")...)
	if err := a.list(records, "nothing to do: it is "+o.State.String()+" already"); err != nil {
		return err
	}
	switch {
	case o.DryRun:
		a.note("nothing was changed")
	case len(cleared) > 0:
		a.noteIdle(ctx, i, "what was cleared runs")
	}
	return nil
}
