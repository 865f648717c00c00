package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
)

// looked is how many of the latest runs commands about placements look at.
const looked = 100

func (a *app) migrateCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "migrate", Short: "Move DAGs to another executor, and back",
		Long: `A placement sends new attempts of a DAG to an executor: of all tasks or of some, in all runs or
in a share of them. It goes before what tasks and settings say. What runs already ends where it
is. See docs/migration.md.`,
		Example: examples(
			"updraft migrate set etl --executor kubernetes --share 10%", "a tenth of the runs",
			"updraft migrate status etl", "how they go there, and how elsewhere",
			"updraft migrate unset etl", "back",
		),
	}
	c.AddCommand(a.migrateSet(), a.migrateUnset(), a.migrateList(), a.migrateStatus())
	return c
}

// placementOptions are the flags of commands that change placements.
type placementOptions struct {
	executor, share string
	tasks           []string
	by, reason      string
	dry             bool
}

func (o *placementOptions) common(a *app, f *pflag.FlagSet) {
	f.StringSliceVar(&o.tasks, "tasks", nil, "only these tasks: ids, or regular expressions for whole ids, separated by commas")
	f.StringVar(&o.reason, "reason", "", "why, for those who come later")
	f.StringVar(&o.by, "by", "", "who says so (default: the user)")
}

// author is who types: no proof of it, but a hint for whom to ask.
func (o *placementOptions) author(a *app) string {
	if o.by != "" {
		return o.by
	}
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if v, ok := a.Lookup(name); ok && v != "" {
			return v
		}
	}
	return "unknown"
}

func (a *app) migrateSet() *cobra.Command {
	var o placementOptions
	c := &cobra.Command{
		Use: "set DAG --executor NAME", Short: "Send new attempts of a DAG to an executor", Args: exactly("DAG"),
		Long: `Sends new attempts of a DAG to an executor, in place of what the same tasks were placed at
before. A share is of the runs: which they are follows from their ids, so that a run stays on its
side, and a share that grows only gains runs. Where placements are for several tasks, one that
names tasks goes before one for all, and then the latest. A task that the executor has no room for
is refused. --share 0% takes it back, like unset.`,
		Example: examples(
			"updraft migrate set etl --executor kubernetes --share 10% --dry-run", "what it would concern",
			"updraft migrate set etl --executor kubernetes --share 10% --reason 'cheaper?'", "a tenth of the runs",
			"updraft migrate set etl --executor fargate --tasks 'train,load_.*'", "some tasks of all runs",
		),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	f := c.Flags()
	f.StringVar(&o.executor, "executor", "", "where to send them")
	f.StringVar(&o.share, "share", run.Whole.String(), "the share of the runs")
	o.common(a, f)
	f.BoolVar(&o.dry, "dry-run", false, "only show which tasks and runs it would concern")
	a.outputFlag(c)
	a.completeFlag(c, "executor", placeNames)
	if err := c.MarkFlagRequired("executor"); err != nil {
		panic(err) // as in complete
	}
	c.RunE = a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
		return a.place(ctx, i, args[0], &o)
	})
	return c
}

func placeNames(_ context.Context, i *embedded.Installation, _ []string) ([]string, error) {
	rule, err := i.Rule()
	return rule.Names(), err
}

func (a *app) place(ctx context.Context, i *embedded.Installation, id string, o *placementOptions) error {
	share, err := run.ParseShare(o.share)
	if err != nil {
		return usagef("--%w", err)
	}
	p := run.Placement{Executor: o.executor, Share: share, Tasks: o.tasks, By: o.author(a), Reason: o.reason}
	if o.dry {
		f, err := i.Foresee(ctx, id, p, looked)
		if err != nil {
			return err
		}
		return a.foresight(id, f)
	}
	done, err := i.Place(ctx, id, p)
	if err != nil {
		return err
	}
	a.placed(id, done)
	if i.Config.Text("executor") == "local" {
		a.note("note: `updraft standalone` and `updraft run` execute everything themselves; placements are for `updraft scheduler` and its workers")
	}
	return nil
}

// placed says what became of placements.
func (a *app) placed(id string, done embedded.Placed) {
	for n := range done.Ended {
		p := &done.Ended[n]
		a.printf("%s: %s is over (it held %s)\n", id, placementText(p), shortDuration(p.Ended.Sub(p.At)))
	}
	if p := done.New; p != nil {
		a.printf("%s: %s, from now on; what runs ends where it is\n", id, placementText(p))
	}
}

// placementText says in a clause what a placement is.
func placementText(p *run.Placement) string {
	tasks := "all tasks"
	if len(p.Tasks) > 0 {
		tasks = strings.Join(p.Tasks, ", ")
	}
	runs := p.Share.String() + " of the runs"
	if p.Share == run.Whole {
		runs = "all runs"
	}
	return fmt.Sprintf("%s at %s in %s", tasks, p.Executor, runs)
}

// foresight shows what a placement would do.
func (a *app) foresight(id string, f *embedded.Foresight) error {
	records := make([]record, len(f.Tasks))
	lacking := 0
	for n, t := range f.Tasks {
		if len(t.Lacks) > 0 {
			lacking++
		}
		why := t.ThenReason
		if t.Now == "" { // it runs nowhere as it is
			why = t.NowReason
		}
		records[n] = record{{"task_id", t.Task}, {"now", t.Now}, {"then", t.Then}, {"room", len(t.Lacks) == 0}, {"reason", why}}
	}
	if err := a.list(records, "no task is concerned"); err != nil {
		return err
	}
	p := &f.Placement
	a.note("%s: %s: %s of the DAG, and %d of the last %s; nothing was changed",
		id, placementText(p), count(len(f.Tasks), "task"), f.Concerned, count(f.Runs, "run"))
	if lacking > 0 {
		a.note("%s has no room for %s: `set` would refuse it; see reason", p.Executor, count(lacking, "task"))
	}
	return nil
}

func (a *app) migrateUnset() *cobra.Command {
	var o placementOptions
	c := &cobra.Command{
		Use: "unset DAG", Short: "Take placements of a DAG back", Args: exactly("DAG"),
		Long: `Takes back all placements of a DAG, or that for the same tasks if --tasks are given. New attempts go
where they went before; what runs ends where it is.`,
		Example:           examples("updraft migrate unset etl --reason 'too slow'", "everything back", "updraft migrate unset etl --tasks 'train,load_.*'", "what was set for these tasks"),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	o.common(a, c.Flags())
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		done, err := i.Unplace(ctx, args[0], o.tasks, o.author(a), o.reason)
		if err != nil {
			return err
		}
		a.placed(args[0], done)
		return nil
	})
	return c
}

func (a *app) migrateList() *cobra.Command {
	var history bool
	c := &cobra.Command{
		Use: "list [DAG]", Short: "List placements: those that hold, or with --history all", Args: between(0, "DAG"),
		Example:           examples("updraft migrate list", "what is placed now", "updraft migrate list etl --history", "what was ever placed, by whom and why"),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	c.Flags().BoolVar(&history, "history", false, "also those that do not hold any more (the last 50 of each DAG)")
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		if len(args) > 0 {
			if _, err := i.FindDAG(ctx, args[0]); err != nil {
				return err
			}
		}
		all, err := i.AllPlacements(ctx)
		if err != nil {
			return err
		}
		var records []record
		for _, d := range all {
			for n := range d.Placements {
				if p := &d.Placements[n]; (len(args) == 0 || args[0] == d.DAG) && (history || p.Holds()) {
					records = append(records, placementRecord(d.DAG, p, history))
				}
			}
		}
		return a.list(records, "nothing is placed: every task goes where it and the settings say")
	})
	return c
}

func placementRecord(id string, p *run.Placement, history bool) record {
	r := record{
		{"dag_id", id}, {"executor", p.Executor}, {"share", p.Share.String()}, {"tasks", p.Tasks},
		{"by", p.By}, {"at", p.At}, {"reason", p.Reason},
	}
	if history {
		r = append(r, record{{"ended_at", p.Ended}, {"ended_by", p.EndedBy}, {"ended_reason", p.EndedReason}}...)
	}
	return r
}

func (a *app) migrateStatus() *cobra.Command {
	var runs int
	c := &cobra.Command{
		Use: "status DAG", Short: "Compare how tasks go where they are placed and elsewhere", Args: exactly("DAG"),
		Long: `Compares the attempts of the latest runs: how many, how many failed and of what, how long those that
succeeded took (the median, and what 95 % did not exceed), and what a thousand attempts cost by the
list prices of AWS. Cost is known of lambda and fargate; what a cluster costs, its bill tells.`,
		Example:           examples("updraft migrate status etl", "by the last 100 runs", "updraft migrate status etl --runs 1000 -o json", "for programs"),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	c.Flags().IntVar(&runs, "runs", looked, "how many of the latest runs to look at")
	a.outputFlag(c)
	c.RunE = a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
		if runs < 1 {
			return usagef("--runs %d: give 1 or more", runs)
		}
		m, err := i.Compare(ctx, args[0], runs)
		if err != nil {
			return err
		}
		return a.compare(m)
	})
	return c
}
