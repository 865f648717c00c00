package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/store"
	"github.com/updraft-dev/updraft/task"
)

func (a *app) dagsTriggerCommand() *cobra.Command {
	var t task.Trigger
	var conf string
	var wait bool
	c := &cobra.Command{
		Use: "trigger DAG", Short: "Run a DAG now", Args: exactly("DAG"),
		Long: `Makes a run of a DAG, which the process that works on the installation executes. The
parameters are checked against the DAG's params before anything is written. With --wait
the exit code is 1 if the run fails.`,
		Example: examples(
			"updraft dags trigger etl", "now",
			"updraft dags trigger etl --conf '{\"day\": \"2026-01-31\"}' --wait", "with parameters, and wait for the end",
			"updraft dags trigger etl --logical-date 2026-01-31 --note again", "for a date, with a note",
		),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) (err error) {
			t.DAG = args[0]
			if t.Conf, err = a.parseConf(conf); err != nil {
				return err
			}
			return a.trigger(ctx, i, t, wait)
		}),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	f := c.Flags()
	f.StringVarP(&t.Run, "run-id", "r", "", "the id of the run (default: made of its date)")
	f.VarP(timeValue{&t.LogicalDate}, "logical-date", "l", "the logical date of the run (default: none)")
	f.VarP(timeValue{&t.LogicalDate}, "exec-date", "e", "what Airflow 2 calls the logical date")
	hide(f, "exec-date")
	f.StringVarP(&conf, "conf", "c", "", "parameters, as a JSON object, @FILE, or - for standard input")
	f.StringVar(&t.Note, "note", "", "a note about the run")
	f.BoolVarP(&wait, "wait", "w", false, "show what happens until the run has ended")
	a.outputFlag(c)
	return c
}

func (a *app) trigger(ctx context.Context, i *embedded.Installation, t task.Trigger, wait bool) error {
	def, err := i.FindDAG(ctx, t.DAG)
	if err != nil {
		return err
	}
	r, err := i.Trigger(ctx, t, "cli")
	if errors.Is(err, task.ErrRunExists) {
		return fmt.Errorf("%w: give another --run-id or --logical-date, or clear the run with `updraft tasks clear %s`", err, t.DAG)
	}
	if err != nil {
		return err
	}
	machine := a.output != "table" && wait
	if !machine {
		if err := a.show(runFields(&r)); err != nil {
			return err
		}
	}
	switch {
	case !i.Busy(ctx):
		fmt.Fprintln(a.Stderr, "note: nothing works on this installation now: the run starts with `updraft standalone`")
	case def.State.Paused:
		fmt.Fprintf(a.Stderr, "note: DAG %s is paused: the run starts after `updraft dags unpause %s`\n", t.DAG, t.DAG)
	}
	if !wait {
		return nil
	}
	if !machine {
		_, err := a.await(ctx, i, []run.Run{r})
		return err
	}
	ended, err := i.Follow(ctx, []run.ID{r.ID}, nil)
	if err != nil {
		return err
	}
	if err := a.show(runFields(&ended[0])); err != nil {
		return err
	}
	return allSucceeded(ended)
}

// await shows what happens to runs until they have ended, and fails if one does.
func (a *app) await(ctx context.Context, i *embedded.Installation, runs []run.Run) ([]run.Run, error) {
	p := newProgress(a, i.Loader.Graph)
	p.start(runs)
	p.begin()
	ids := make([]run.ID, len(runs))
	for n, r := range runs {
		ids[n] = r.ID
	}
	ended, err := i.Follow(ctx, ids, p.see)
	p.end()
	if err != nil {
		return ended, err
	}
	return ended, allSucceeded(ended)
}

func allSucceeded(ended []run.Run) error {
	if slices.ContainsFunc(ended, func(r run.Run) bool { return r.State != run.RunSuccess }) {
		return errShown
	}
	return nil
}

// runFields is a run in Airflow's names.
func runFields(r *run.Run) record {
	return record{
		{"dag_id", r.DAG}, {"run_id", r.ID.Run}, {"state", r.State}, {"run_type", string(r.Type)}, {"run_after", r.RunAfter},
		{"logical_date", r.LogicalDate}, {"start_date", r.Start}, {"end_date", r.End},
	}
}

func (a *app) dagsPauseCommand(paused bool) *cobra.Command {
	var all, dryRun bool
	verb, what := "unpause", "Let DAGs be scheduled and run"
	if paused {
		verb, what = "pause", "Pause DAGs: no new runs, nothing new starts in those there are"
	}
	c := &cobra.Command{
		Use: verb + " DAG...", Short: what,
		Example: examples(
			"updraft dags "+verb+" etl", "one",
			"updraft dags "+verb+" 'etl_*' report", "all that match, and another",
			"updraft dags "+verb+" --all --dry-run", "which ones it would be",
		),
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("give ids or patterns of DAGs, or else --all")
			}
			return nil
		},
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
			if all {
				args = []string{"*"}
			}
			return a.pause(ctx, i, args, paused, dryRun)
		}),
		ValidArgsFunction: a.completeFirst(cobra.ShellCompDirectiveNoFileComp, a.dagIDs),
	}
	c.Flags().BoolVar(&all, "all", false, "all DAGs")
	c.Flags().BoolP("yes", "y", false, "what Airflow takes: nothing is asked here")
	hide(c.Flags(), "yes")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing, say what would be")
	a.outputFlag(c)
	return c
}

func (a *app) pause(ctx context.Context, i *embedded.Installation, patterns []string, paused, dryRun bool) error {
	ids, err := a.matchDAGs(ctx, i, patterns)
	if err != nil {
		return err
	}
	var records []record
	var would []string
	for _, id := range ids {
		def, err := i.FindDAG(ctx, id)
		if err != nil {
			return err
		}
		if def.State.Paused != paused {
			would = append(would, id)
		}
	}
	if !dryRun {
		if would, err = i.Pause(ctx, would, paused); err != nil {
			return err
		}
	}
	for _, id := range ids {
		records = append(records, record{{"dag_id", id}, {"is_paused", paused}, {"changed", slices.Contains(would, id)}})
	}
	if err := a.list(records, "no DAGs"); err != nil || !dryRun {
		return err
	}
	fmt.Fprintln(a.Stderr, "dry run: nothing was changed")
	return nil
}

// matchDAGs returns the ids that ids and patterns stand for, each once and sorted. An id
// or pattern that stands for none is an error.
func (a *app) matchDAGs(ctx context.Context, i *embedded.Installation, patterns []string) ([]string, error) {
	all, err := a.dagIDs(ctx, i, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	var faults []error
	for _, p := range patterns {
		found := false
		for _, id := range all {
			ok, err := filepath.Match(p, id)
			if err != nil {
				return nil, usagef("%q: a [ is not closed", p)
			}
			if ok || id == p {
				out, found = append(out, id), true
			}
		}
		switch {
		case found || p == "*":
		case strings.ContainsAny(p, "*?["):
			faults = append(faults, fmt.Errorf("no DAG matches %s: see `updraft dags list`", p))
		default:
			_, err := i.FindDAG(ctx, p)
			faults = append(faults, err)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), errors.Join(faults...)
}

// runsQuery is what list-runs asks for.
type runsQuery struct {
	dag           string
	states, types []string
	from, to      *time.Time
	limit         int
	noBackfill    bool
}

func (a *app) dagsListRunsCommand() *cobra.Command {
	var q runsQuery
	c := &cobra.Command{
		Use: "list-runs [DAG]", Short: "List the runs, newest first", Args: between(0, "DAG"),
		Long: `Lists the runs of a DAG, or of all, newest first. --start-date and --end-date bound
run_after: the first is inclusive, the second is not.`,
		Example: examples(
			"updraft dags list-runs etl", "of one DAG",
			"updraft dags list-runs --state failed --limit 20", "the last that failed, of all DAGs",
			"updraft dags list-runs etl --start-date 2026-01-01 --end-date 2026-02-01", "of a month",
		),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			f, err := q.filter()
			if err != nil {
				return err
			}
			if f.DAG = q.dag; len(args) > 0 {
				f.DAG = args[0]
			}
			if f.DAG != "" {
				if _, err := i.FindDAG(ctx, f.DAG); err != nil {
					return err
				}
			}
			return a.listRuns(ctx, i, f, &q)
		}),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	f := c.Flags()
	f.StringSliceVar(&q.states, "state", nil, "only runs in this state: queued, running, success or failed")
	f.StringSliceVar(&q.types, "run-type", nil, "only runs of this type, such as scheduled, manual or backfill")
	f.VarP(timeValue{&q.from}, "start-date", "s", "only runs due at or after this date")
	f.VarP(timeValue{&q.to}, "end-date", "e", "only runs due before this date")
	f.StringVarP(&q.dag, "dag-id", "d", "", "the DAG, as Airflow 2 takes it")
	hide(f, "dag-id")
	f.IntVarP(&q.limit, "limit", "n", 100, "at most so many; 0 is all")
	f.BoolVar(&q.noBackfill, "no-backfill", false, "leave out the runs of backfills")
	complete(c, "state", runStates()...)
	a.outputFlag(c)
	return c
}

func runStates() []string {
	return []string{string(run.RunQueued), string(run.RunRunning), string(run.RunSuccess), string(run.RunFailed)}
}

func (q *runsQuery) filter() (store.RunFilter, error) {
	var f store.RunFilter
	for _, s := range q.states {
		if !slices.Contains(runStates(), s) {
			return f, usagef("--state %q: use %s", s, strings.Join(runStates(), ", "))
		}
		f.States = append(f.States, run.RunState(s))
	}
	types := []run.Type{run.TypeScheduled, run.TypeManual, run.TypeBackfill, run.TypeAssetTriggered, run.TypeAssetMaterialized}
	for _, s := range q.types {
		if !slices.Contains(types, run.Type(s)) {
			return f, usagef("--run-type %q: use one of %v", s, types)
		}
		f.Types = append(f.Types, run.Type(s))
	}
	if q.noBackfill && len(f.Types) == 0 {
		f.Types = slices.DeleteFunc(types, func(t run.Type) bool { return t == run.TypeBackfill })
	}
	if q.from != nil {
		f.After = *q.from
	}
	if q.to != nil {
		f.Before = *q.to
	}
	if q.limit < 0 {
		return f, usagef("--limit %d: give 0 (all) or more", q.limit)
	}
	return f, nil
}

func (a *app) listRuns(ctx context.Context, i *embedded.Installation, f store.RunFilter, q *runsQuery) error {
	var records []record
	page := store.Page{Limit: 1000}
	for {
		list, err := i.Store.ListRuns(ctx, f, page)
		if err != nil {
			return fmt.Errorf("list runs: %w", err)
		}
		for n := range list.Items {
			if r := &list.Items[n]; !q.noBackfill || r.Type != run.TypeBackfill {
				records = append(records, runFields(r))
			}
		}
		if page.Token = list.Next; page.Token == "" || q.limit > 0 && len(records) >= q.limit {
			break
		}
	}
	if q.limit > 0 && len(records) > q.limit {
		records = records[:q.limit]
	}
	return a.list(records, "no runs")
}

func (a *app) dagsStateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "state DAG [RUN|DATE]", Short: "Show the state of a run, in one word", Args: between(1, "DAG", "RUN|DATE"),
		Long: `Shows the state of a run, given by its id or logical date, or else of the latest run of the
DAG. The conf of the run follows, if it has one.`,
		Example: examples(
			"updraft dags state etl", "of the latest run",
			"updraft dags state etl 2026-01-31", "of that with a logical date",
		),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			name := latestRun
			if len(args) > 1 {
				name = args[1]
			}
			r, err := a.findRun(ctx, i, args[0], name)
			if err != nil {
				return err
			}
			a.printf("%s", a.paint(string(r.State)))
			if len(r.Conf) > 0 {
				a.printf(", %s", r.Conf)
			}
			a.printf("\n")
			return nil
		}),
		ValidArgsFunction: a.completeArgs(a.dagIDs, a.runIDs),
	}
}
