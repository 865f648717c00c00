package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/config"
	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/kubeexec/kubeevent"
	"github.com/updraft-dev/updraft/operators/builtin"
)

func (a *app) dagsValidateCommand() *cobra.Command {
	var strict, pods bool
	c := &cobra.Command{
		Use: "validate [FILE|FOLDER...]", Short: "Check DAG files: everything wrong, with place and remedy", Args: cobra.ArbitraryArgs,
		Long: `Checks files, or all files of folders (default: the DAG folder), and says all that is wrong
with them. Nothing is stored. The exit code is 1 when something is wrong.

With --pods, the pods of tasks for Kubernetes are built, too, as they would be from the
settings here: what executor_config says of them is checked. It needs the program
updraft-kube, and no cluster.`,
		Example: examples(
			"updraft dags validate", "the DAG folder",
			"updraft dags validate etl.yaml --strict", "one file, warnings are errors",
			"updraft dags validate dags -o json", "for editors and checks",
			"updraft dags validate --pods", "and the pods that tasks would have",
		),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			if len(args) == 0 {
				args = []string{i.Config.Text("dags")}
			}
			strict = strict || i.Config.Bool("strict")
			files, err := i.CheckFiles(ctx, args, strict)
			if err != nil && len(files) == 0 {
				return err
			}
			if pods {
				if err := a.checkPods(ctx, i.Config, files); err != nil {
					return err
				}
			}
			return errors.Join(a.validated(files, strict), err)
		}),
	}
	c.Flags().BoolVar(&strict, "strict", false, "make warnings errors")
	c.Flags().BoolVar(&pods, "pods", false, "build the pods of tasks for Kubernetes, too")
	a.outputFlag(c)
	return c
}

// checkPods makes what keeps tasks from having pods errors of their files.
func (a *app) checkPods(ctx context.Context, c *config.Config, files []embedded.CheckedFile) error {
	var q kubeevent.CheckRequest
	from := map[string]*embedded.CheckedFile{}
	for n := range files {
		if files[n].Err != nil {
			continue
		}
		for _, d := range files[n].DAGs {
			body, _, err := dag.Encode(d)
			if err != nil {
				return err
			}
			q.DAGs, from[d.ID] = append(q.DAGs, body), &files[n]
		}
	}
	var answer bytes.Buffer
	if err := a.askKube(ctx, c, kubeevent.Check, &q, &answer); err != nil {
		return err
	}
	var faults []kubeevent.PodFault
	if err := json.Unmarshal(answer.Bytes(), &faults); err != nil {
		return fmt.Errorf("read what updraft-kube says of pods: %w: is it of this version?", err)
	}
	found := map[*embedded.CheckedFile]dagfile.Problems{}
	for _, p := range faults {
		f := from[p.DAG]
		if f == nil {
			return fmt.Errorf("updraft-kube speaks of DAG %q, which it was not asked for: is it of this version?", p.DAG)
		}
		found[f] = append(found[f], dagfile.Problem{File: f.Path, DAG: p.DAG, Task: p.Task, Message: p.Error})
		f.Err = found[f]
	}
	return nil
}

// filed is one problem of a file, an error or a warning.
type filed struct {
	severity string
	dagfile.Problem
}

// filedProblems are all that is to say about a file, errors first; with strict there are no
// warnings.
func filedProblems(f *embedded.CheckedFile, strict bool) (out []filed) {
	add := func(severity string, err error) {
		var all dagfile.Problems
		var one dagfile.Problem
		switch {
		case err == nil:
		case errors.As(err, &all):
			for _, p := range all {
				out = append(out, filed{severity, p})
			}
		case errors.As(err, &one):
			out = append(out, filed{severity, one})
		default:
			out = append(out, filed{severity, dagfile.Problem{File: f.Path, Message: strings.TrimPrefix(err.Error(), f.Path+": ")}})
		}
	}
	add("error", f.Err)
	severity := "warning"
	if strict {
		severity = "error"
	}
	for _, w := range f.Warnings {
		add(severity, w)
	}
	return out
}

// validated shows what was found, and fails if something is wrong.
func (a *app) validated(files []embedded.CheckedFile, strict bool) error {
	var all []filed
	good, dags, bad, faults := 0, 0, 0, 0
	for n := range files {
		wrong := 0
		for _, p := range filedProblems(&files[n], strict) {
			if p.severity == "error" {
				wrong++
			}
			p.File = shortPath(p.File)
			all = append(all, p)
		}
		if faults += wrong; wrong > 0 {
			bad++
			continue
		}
		good++
		dags += len(files[n].DAGs)
	}
	if a.output == "table" {
		for n := range all {
			a.problem(&all[n])
		}
		if good > 0 || bad == 0 {
			a.printf("%s with %s fine\n", count(good, "file"), isAre(dags, "DAG"))
		}
		if warned := len(all) - faults; warned > 0 {
			a.printf("%s\n", count(warned, "warning"))
		}
		if bad > 0 {
			a.printf("%s in %s\n", count(faults, "error"), count(bad, "file"))
		}
	} else if err := a.list(findingRecords(all), ""); err != nil {
		return err
	}
	if bad > 0 {
		return errShown
	}
	return nil
}

func findingRecords(all []filed) []record {
	var out []record
	for _, p := range all {
		out = append(out, record{
			{"file", p.File}, {"line", p.Line}, {"column", p.Column}, {"severity", p.severity},
			{"dag_id", p.DAG}, {"task_id", p.Task}, {"message", p.Message}, {"hint", p.Hint},
		})
	}
	return out
}

// problem shows a problem as compilers do, so that editors find the place.
func (a *app) problem(p *filed) {
	text := p.Error()
	if p.Line == 0 { // it is about the whole file
		text = p.File + ": " + p.Message
	}
	severity := p.severity
	if a.colourful() {
		colour := colourOf("up_for_retry")
		if severity == "error" {
			colour = colourOf("failed")
		}
		severity = colour.Sprint(severity)
	}
	place, rest, _ := strings.Cut(text, ": ")
	a.printf("%s: %s: %s\n", place, severity, rest)
	if p.Excerpt != "" {
		a.printf("%s\n", p.Excerpt)
	}
}

// shortPath is a path relative to the working folder if it lies below.
func shortPath(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

func (a *app) dagsSchemaCommand() *cobra.Command {
	var save string
	c := &cobra.Command{
		Use: "schema", Short: "Write the JSON Schema of DAG files, for editors", Args: exactly(),
		Long: `Writes the JSON Schema of DAG files, with all operators and their arguments. Editors with a
YAML language server complete and check by it; a file names it in its first line:
# yaml-language-server: $schema=dag.schema.json`,
		Example: examples("updraft dags schema --save dag.schema.json", "into a file"),
		RunE: func(*cobra.Command, []string) error {
			schema, err := dagfile.Schema(builtin.Catalog())
			if err != nil {
				return err
			}
			return a.save(save, append(schema, '\n'))
		},
	}
	c.Flags().StringVarP(&save, "save", "s", "", "the file to write (default: standard output)")
	return c
}

// save writes to a file, or to standard output if path is empty or -.
func (a *app) save(path string, b []byte) error {
	if path == "" || path == "-" {
		_, err := a.Stdout.Write(b)
		return err
	}
	return os.WriteFile(path, b, 0o644) // made to be read by others
}

func (a *app) dagsReportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "report", Short: "Show how long each DAG file takes to read, and what is in it", Args: exactly(),
		Example: examples("updraft dags report", "the slowest file first"),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, _ []string) error {
			dir := i.Config.Text("dags")
			files, err := i.CheckFiles(ctx, []string{dir}, i.Config.Bool("strict"))
			if err != nil {
				return err
			}
			return a.report(dir, files)
		}),
	}
	a.outputFlag(c)
	return c
}

// report lists files, those that took longest first.
func (a *app) report(dir string, files []embedded.CheckedFile) error {
	slices.SortFunc(files, func(x, y embedded.CheckedFile) int {
		return cmp.Or(cmp.Compare(y.Took, x.Took), cmp.Compare(x.Path, y.Path))
	})
	var records []record
	var took time.Duration
	dags, tasks := 0, 0
	for _, f := range files {
		name, err := filepath.Rel(dir, f.Path)
		if err != nil {
			name = f.Path
		}
		ids, n := []string{}, 0
		for _, d := range f.DAGs {
			ids, n = append(ids, d.ID), n+len(d.Tasks)
		}
		if f.Err != nil {
			ids = []string{"(import error)"}
		}
		took, dags, tasks = took+f.Took, dags+len(f.DAGs), tasks+n
		records = append(records, record{{"file", name}, {"duration", seconds(f.Took)}, {"dag_num", len(f.DAGs)}, {"task_num", n}, {"dags", ids}})
	}
	if err := a.list(records, "no DAG files in "+dir); err != nil || a.output != "table" || len(files) == 0 {
		return err
	}
	a.printf("\n%s, %s, %s, %ss of reading\n", count(len(files), "file"), count(dags, "DAG"), count(tasks, "task"), seconds(took))
	return nil
}

// seconds writes a duration as Airflow's report does, with six digits.
func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
