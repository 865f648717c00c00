package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/scheduler"
)

func (a *app) backfillCommand() *cobra.Command {
	c := &cobra.Command{Use: "backfill", Short: "Run DAGs for dates in the past"}
	c.AddCommand(
		a.backfillCreateCommand(), a.backfillListCommand(), a.backfillPauseCommand(true), a.backfillPauseCommand(false), a.backfillCancelCommand(),
	)
	return c
}

func (a *app) backfillCreateCommand() *cobra.Command {
	var o backfillOptions
	c := &cobra.Command{
		Use: "create --dag-id DAG --from-date DATE --to-date DATE", Short: "Run a DAG for a range of dates in the past",
		Long: `Runs a DAG for each interval of its schedule between two dates (both inclusive) that has
ended. What happens to dates that have a run already is --reprocess-behavior: none leaves
them, failed runs those again that failed, completed runs all again that have ended. A DAG
has one backfill at a time.`,
		Example: examples(
			"updraft backfill create --dag-id etl --from-date 2026-01-01 --to-date 2026-01-31", "January",
			"updraft backfill create --dag-id etl --from-date 2026-01-01 --to-date 2026-01-31 --dry-run", "its dates, and what would happen to each",
		),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("name the DAG by --dag-id %s", args[0])
			}
			return nil
		},
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, _ []string) error {
			return a.backfillCreate(ctx, i, &o)
		}),
	}
	f := c.Flags()
	f.StringVar(&o.dag, "dag-id", "", "the DAG")
	timeFlag(f, &o.from, "from-date", "the first logical date")
	timeFlag(f, &o.to, "to-date", "the last logical date")
	f.StringVar(&o.conf, "dag-run-conf", "", "parameters of the runs: a JSON object, @FILE, or - for standard input")
	f.BoolVar(&o.backwards, "run-backwards", false, "the latest date first")
	f.IntVar(&o.maxActive, "max-active-runs", scheduler.DefaultBackfillRuns, "how many of its runs run at once")
	f.StringVar(&o.reprocess, "reprocess-behavior", string(scheduler.ReprocessNone), "what to do about runs that exist: none, failed or completed")
	f.BoolVar(&o.dry, "dry-run", false, "only show what would happen to each date")
	f.BoolVar(&o.wait, "wait", false, "wait until all its runs have ended, and show what happens")
	a.outputFlag(c)
	a.completeFlag(c, "dag-id", a.dagIDs)
	complete(c, "reprocess-behavior", "none", "failed", "completed")
	for _, name := range []string{"dag-id", "from-date", "to-date"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag was not defined: a fault that every test shows
		}
	}
	c.MarkFlagsMutuallyExclusive("dry-run", "wait")
	return c
}

func (a *app) backfillCreate(ctx context.Context, i *embedded.Installation, o *backfillOptions) error {
	b, err := o.backfill(a)
	if err != nil {
		return err
	}
	if o.dry {
		runs, err := i.PlanBackfill(ctx, b)
		if err != nil {
			return err
		}
		if err := a.list(backfillRunRecords(runs), ""); err != nil {
			return err
		}
		a.note("%s; nothing was changed", actionCounts(runs))
		return nil
	}
	if b, err = i.StartBackfill(ctx, b); err != nil {
		return err
	}
	if err := a.list(backfillRunRecords(b.Runs), ""); err != nil {
		return err
	}
	a.note("backfill %s: %s", b.ID, actionCounts(b.Runs))
	if !i.Busy(ctx) {
		a.noteIdle(ctx, i, "its runs start")
	} else if def, err := i.FindDAG(ctx, b.DAG); err == nil && def.State.Paused {
		a.note("note: DAG %s is paused: its runs start after `updraft dags unpause %s`", b.DAG, b.DAG)
	}
	if !o.wait {
		return nil
	}
	runs, err := i.BackfillRuns(ctx, &b)
	if err != nil {
		return err
	}
	_, err = a.await(ctx, i, runs)
	return err
}

// backfillRunRecords are the dates of a backfill and what happens to each.
func backfillRunRecords(runs []scheduler.BackfillRun) []record {
	out := make([]record, len(runs))
	for n := range runs {
		r := &runs[n]
		out[n] = record{
			{"logical_date", r.LogicalDate}, {"data_interval_start", r.IntervalStart}, {"data_interval_end", r.IntervalEnd},
			{"run_id", r.Run}, {"action", string(r.Action)}, {"reason", r.Reason},
		}
	}
	return out
}

// actionCounts is how many dates are created, cleared and skipped.
func actionCounts(runs []scheduler.BackfillRun) string {
	n := map[scheduler.BackfillAction]int{}
	for _, r := range runs {
		n[r.Action]++
	}
	return fmt.Sprintf("%s: %d to create, %d to clear, %d to skip", count(len(runs), "date"),
		n[scheduler.BackfillCreate], n[scheduler.BackfillClear], n[scheduler.BackfillSkip])
}

func (a *app) backfillListCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list [DAG]", Short: "List backfills and how far they are",
		Example: examples("updraft backfill list etl", "those of a DAG, with their ids", "updraft backfill list -o json", "all, for programs"),
		Args:    between(0, "DAG"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			dagID := strings.Join(args, "")
			if dagID != "" {
				if _, err := i.FindDAG(ctx, dagID); err != nil {
					return err
				}
			}
			all, err := i.Backfills(ctx, dagID)
			if err != nil {
				return err
			}
			records := make([]record, len(all))
			for n := range all {
				records[n] = backfillRecord(&all[n])
			}
			return a.list(records, "no backfills: see `updraft backfill create --help`")
		}),
	}
	a.outputFlag(c)
	c.ValidArgsFunction = a.completeArgs(a.dagIDs)
	return c
}

func backfillRecord(b *embedded.BackfillProgress) record {
	r := record{
		{"id", b.ID}, {"dag_id", b.DAG}, {"from_date", b.From}, {"to_date", b.To}, {"is_paused", b.Paused},
		{"reprocess_behavior", string(b.Reprocess)}, {"max_active_runs", b.Limit()}, {"created_at", b.CreatedAt}, {"completed_at", b.CompletedAt},
	}
	for _, s := range []run.RunState{run.RunQueued, run.RunRunning, run.RunSuccess, run.RunFailed} {
		r = append(r, field{string(s), b.States[s]})
	}
	return r
}

func (a *app) backfillPauseCommand(pause bool) *cobra.Command {
	use, short := "pause ID", "Start no more runs of a backfill"
	if !pause {
		use, short = "unpause ID", "Go on with a backfill"
	}
	return &cobra.Command{
		Use: use, Short: short, Args: exactly("ID"),
		Example: examples("updraft backfill "+use, "the id is in `updraft backfill list`"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			if err := i.PauseBackfill(ctx, args[0], pause); err != nil {
				return err
			}
			if pause {
				a.printf("backfill %s is paused: what runs goes on, the rest waits\n", args[0])
				return nil
			}
			a.printf("backfill %s goes on\n", args[0])
			a.noteIdle(ctx, i, "its runs start")
			return nil
		}),
		ValidArgsFunction: a.completeArgs(a.openBackfills),
	}
}

func (a *app) backfillCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel ID", Short: "End a backfill: queued runs fail, what runs goes on", Args: exactly("ID"),
		Example: examples("updraft backfill cancel ID", "the id is in `updraft backfill list`"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			ended, err := i.CancelBackfill(ctx, args[0])
			if err == nil {
				a.printf("backfill %s is cancelled: %s failed\n", args[0], count(len(ended), "queued run"))
			}
			return err
		}),
		ValidArgsFunction: a.completeArgs(a.openBackfills),
	}
}

// openBackfills are the ids of backfills that have not ended.
func (a *app) openBackfills(ctx context.Context, i *embedded.Installation, _ []string) ([]string, error) {
	all, err := i.Backfills(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, b := range all {
		if b.CompletedAt.IsZero() {
			out = append(out, b.ID)
		}
	}
	return out, nil
}
