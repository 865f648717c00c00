package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

func (a *app) dagsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "dags", Short: "DAGs: list, show, check, trigger, pause, simulate",
		Example: examples(
			"updraft dags list", "what there is, and when it runs next",
			"updraft dags validate", "check all files",
			"updraft dags show etl", "draw the graph",
			"updraft dags trigger etl", "run it now",
		),
	}
	c.AddCommand(
		a.dagsListCommand(), a.dagsImportErrorsCommand(), a.dagsShowCommand(), a.dagsDetailsCommand(),
		a.dagsTriggerCommand(), a.dagsPauseCommand(true), a.dagsPauseCommand(false),
		a.dagsListRunsCommand(), a.dagsStateCommand(), a.dagsNextExecutionCommand(), a.dagsTestCommand(),
		a.dagsValidateCommand(), a.dagsPushCommand(), a.dagsSchemaCommand(), a.dagsConvertCommand(), a.dagsCompatCommand(), a.dagsReportCommand(), a.dagsDeleteCommand(),
	)
	return c
}

// dagsFilter selects DAGs of a list.
type dagsFilter struct {
	paused, unpaused, stale bool
	tags                    []string
	owner, pattern          string
}

func (a *app) dagsListCommand() *cobra.Command {
	var f dagsFilter
	c := &cobra.Command{
		Use: "list", Short: "List the DAGs, and when each runs next", Args: exactly(),
		Long: `Lists the DAGs with their files, owners and next runs. What a broken file had before goes
on; the files that are broken are counted below the list.`,
		Example: examples(
			"updraft dags list", "all",
			"updraft dags list --paused --tag example", "those that are paused and have a tag",
			"updraft dags list -o json", "for programs",
		),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, _ []string) error {
			return a.dagsList(ctx, i, &f)
		}),
	}
	fl := c.Flags()
	fl.BoolVar(&f.paused, "paused", false, "only those that are paused")
	fl.BoolVar(&f.unpaused, "unpaused", false, "only those that are not paused")
	fl.StringSliceVarP(&f.tags, "tag", "t", nil, "only those with this tag (or one of several)")
	fl.StringVar(&f.owner, "owner", "", "only those with a task of this owner")
	fl.StringVarP(&f.pattern, "dag-id-pattern", "p", "", "only those whose id matches, such as 'etl_*'")
	fl.BoolVar(&f.stale, "stale", false, "also those whose file is gone")
	c.MarkFlagsMutuallyExclusive("paused", "unpaused")
	a.outputFlag(c)
	return c
}

func (a *app) dagsList(ctx context.Context, i *embedded.Installation, f *dagsFilter) error {
	if _, err := filepath.Match(f.pattern, ""); err != nil {
		return usagef("--dag-id-pattern %q: a [ is not closed", f.pattern)
	}
	all, err := i.DAGs(ctx, f.stale)
	if err != nil {
		return err
	}
	var records []record
	for n := range all {
		if f.admits(&all[n]) {
			records = append(records, listRecord(&all[n]))
		}
	}
	none := "no DAGs in " + i.Config.Text("dags")
	if len(all) > 0 {
		none = fmt.Sprintf("none of the %s is like that", count(len(all), "DAG"))
	}
	if err := a.list(records, none); err != nil {
		return err
	}
	broken, err := i.ImportErrors(ctx)
	if err == nil && len(broken) > 0 {
		fmt.Fprintf(a.Stderr, "%s broken: see `updraft dags list-import-errors`\n", isAre(len(broken), "file"))
	}
	return err
}

// isAre is count with its verb: 1 file is, 2 files are.
func isAre(n int, thing string) string {
	if n == 1 {
		return count(n, thing) + " is"
	}
	return count(n, thing) + " are"
}

func (f *dagsFilter) admits(d *embedded.DAGStatus) bool {
	if f.paused && !d.State.Paused || f.unpaused && d.State.Paused {
		return false
	}
	if f.pattern != "" {
		if ok, err := filepath.Match(f.pattern, d.ID); err != nil || !ok {
			return false
		}
	}
	if d.Info.Graph == nil {
		return len(f.tags) == 0 && f.owner == ""
	}
	def := d.Info.Graph.DAG
	if f.owner != "" && !slices.Contains(owners(def), f.owner) {
		return false
	}
	return len(f.tags) == 0 || slices.ContainsFunc(f.tags, func(t string) bool { return slices.Contains(def.Tags, t) })
}

// owners are the owners of a DAG's tasks, sorted.
func owners(d *dag.DAG) []string {
	var out []string
	for _, t := range d.Tasks {
		out = append(out, cmp.Or(t.Owner, dag.DefaultOwner))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func listRecord(d *embedded.DAGStatus) record {
	r := record{{"dag_id", d.ID}, {"fileloc", d.File}, {"owners", []string(nil)}, {"is_paused", d.State.Paused}, {"schedule", ""}, {"next_run", nil}}
	if d.Info.Graph != nil {
		r[2].value = owners(d.Info.Graph.DAG)
		r[4].value = summary(d.Info.Graph.DAG)
	}
	if d.Next != nil {
		r[5].value = d.Next.RunAfter
	}
	if d.State.Stale {
		r[1].value = d.File + " (gone)"
	}
	return r
}

// summary is a DAG's schedule in a few words.
func summary(d *dag.DAG) string {
	t, err := timetable.New(d.Schedule)
	if err != nil {
		return string(d.Schedule.Kind)
	}
	return t.Summary()
}

func (a *app) dagsImportErrorsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "list-import-errors", Short: "List the DAG files that cannot be read, and why", Args: exactly(),
		Example: examples("updraft dags list-import-errors", "place and remedy of each"),
		Long: `Lists the files that cannot be read. The DAGs that such a file had before it broke go on as
they were. The exit code is 1 if there is such a file.`,
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, _ []string) error {
			broken, err := i.ImportErrors(ctx)
			if err != nil {
				return err
			}
			if err := a.importErrors(broken); err != nil {
				return err
			}
			if len(broken) > 0 {
				return errShown
			}
			return nil
		}),
	}
	a.outputFlag(c)
	return c
}

// importErrors shows broken files: as paragraphs to people, since an error has lines.
func (a *app) importErrors(broken []embedded.ImportError) error {
	if a.output != "table" || len(broken) == 0 {
		var records []record
		for _, e := range broken {
			records = append(records, record{{"filepath", e.File}, {"error", e.Error}, {"timestamp", e.Since}, {"dags", e.DAGs}})
		}
		return a.list(records, "no import errors")
	}
	for n, e := range broken {
		if n > 0 {
			a.printf("\n")
		}
		a.printf("%s, broken since %s\n", e.File, isoTime(e.Since))
		for _, line := range splitLines(e.Error) {
			a.printf("  %s\n", line)
		}
		if len(e.DAGs) > 0 {
			a.printf("  its last good version goes on: %s\n", strings.Join(e.DAGs, ", "))
		}
	}
	return nil
}

func (a *app) dagsDetailsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "details DAG", Short: "Show everything that a DAG says about itself", Args: exactly("DAG"),
		Example: examples("updraft dags details etl", "all there is", "updraft dags details etl -o json", "for programs"),
		RunE: a.fresh(func(ctx context.Context, i *embedded.Installation, args []string) error {
			d, err := i.DAG(ctx, args[0])
			if err != nil {
				return err
			}
			if d.Info.Graph == nil {
				return d.Problem
			}
			r := detailsRecord(&d)
			if a.output == "table" {
				r = r[:len(r)-1] // doc_md is for reading elsewhere
			}
			return errors.Join(a.show(r), d.Problem)
		}),
		ValidArgsFunction: a.completeArgs(a.dagIDs),
	}
	a.outputFlag(c)
	return c
}

func detailsRecord(d *embedded.DAGStatus) record {
	def := d.Info.Graph.DAG
	r := record{
		{"dag_id", d.ID}, {"dag_display_name", cmp.Or(def.DisplayName, d.ID)}, {"description", def.Description},
		{"fileloc", d.File}, {"is_paused", d.State.Paused}, {"is_stale", d.State.Stale},
		{"owners", owners(def)}, {"tags", def.Tags},
		{"timetable_summary", summary(def)}, {"timetable_description", ""}, {"timezone", cmp.Or(def.Timezone, "UTC")},
		{"start_date", def.StartDate}, {"end_date", def.EndDate}, {"catchup", def.Catchup}, {"airflow_compat", optional(def.Compat)},
		{"max_active_runs", def.MaxActiveRuns}, {"max_active_tasks", def.MaxActiveTasks},
		{"max_consecutive_failed_dag_runs", def.MaxConsecutiveFailedRuns},
		{"dagrun_timeout", optional(def.DagrunTimeout)}, {"fail_fast", def.FailFast},
		{"render_template_as_native_obj", def.NativeTemplates}, {"template_search_path", def.TemplateSearchPath},
		{"params", paramTexts(def.Params)}, {"tasks", len(def.Tasks)}, {"task_groups", len(def.Groups)},
		{"last_data_interval_start", nil}, {"next_dagrun_logical_date", nil}, {"next_dagrun_run_after", nil},
		{"latest_dag_version", d.Version}, {"last_parsed_time", d.At}, {"doc_md", def.DocMD},
	}
	set := func(name string, v any) {
		r[slices.IndexFunc(r, func(f field) bool { return f.name == name })].value = v
	}
	if t, err := timetable.New(def.Schedule); err == nil {
		set("timetable_description", t.Description())
	}
	if d.Info.Last != nil {
		set("last_data_interval_start", d.Info.Last.Start)
	}
	if d.Next != nil {
		set("next_dagrun_logical_date", d.Next.LogicalDate())
		set("next_dagrun_run_after", d.Next.RunAfter)
	}
	return r
}

// optional is nil for what its author did not set.
func optional[T comparable](v T) any {
	if v == *new(T) {
		return nil
	}
	return v
}

func paramTexts(params []dag.Param) []string {
	var out []string
	for _, p := range params {
		value, err := json.Marshal(p.Default)
		if err != nil {
			value = []byte("?") // an author's value was JSON before
		}
		out = append(out, p.Name+"="+string(value))
	}
	return out
}
