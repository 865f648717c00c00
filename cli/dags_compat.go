package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/updraft-dev/updraft/embedded"
)

func (a *app) dagsCompatCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "compat [FOLDER]", Short: "Say which Airflow DAG files load, what they use and what is missing", Args: between(0, "FOLDER"),
		Long: `Reads all DAG files in Python of a folder (default: the DAG folder), as the DAG folder is
read, and says which load, which operators and features they use, and what is missing.
Nothing is stored. The exit code is 1 when a file does not load; -o json has all of it.`,
		Example: examples(
			"updraft dags compat ~/airflow/dags", "before moving",
			"updraft dags compat ~/airflow/dags -o json", "everything, for a program",
		),
		RunE: a.with(func(ctx context.Context, i *embedded.Installation, args []string) error {
			dir := i.Config.Text("dags")
			if len(args) > 0 {
				dir = args[0]
			}
			files, err := i.Compat(ctx, dir)
			if err != nil {
				return err
			}
			return a.compared(files, dir)
		}),
	}
	a.outputFlag(c)
	return c
}

func (a *app) compared(files []embedded.CompatFile, dir string) error {
	records := make([]record, len(files))
	bad := 0
	for n := range files {
		f := &files[n]
		if !f.Loads {
			bad++
		}
		records[n] = compatRecord(f, a.output == "table" || a.output == "plain")
	}
	if err := a.list(records, "no DAG files in Python in "+dir); err != nil {
		return err
	}
	if a.output == "table" && len(files) > 0 {
		a.compatSummary(files, bad)
	}
	if bad > 0 {
		return errShown
	}
	return nil
}

// compatRecord is a file in a row, or with short everything that is known of it.
func compatRecord(f *embedded.CompatFile, short bool) record {
	if !short {
		return record{
			{"file", f.File}, {"loads", f.Loads}, {"airflow", f.Airflow}, {"dags", f.DAGs}, {"tasks", f.Tasks}, {"operators", f.Operators},
			{"features", f.Features}, {"missing", f.Missing}, {"error", f.Error}, {"warnings", f.Warnings},
		}
	}
	var operators []string
	for _, o := range f.Operators {
		name := o.Class[strings.LastIndexByte(o.Class, '.')+1:]
		if o.Own {
			name += " (own)"
		}
		operators = append(operators, name)
	}
	return record{
		{"file", f.File}, {"loads", f.Loads}, {"airflow", optional(f.Airflow)}, {"dags", len(f.DAGs)}, {"tasks", f.Tasks},
		{"operators", strings.Join(operators, ", ")}, {"features", strings.Join(f.Features, ", ")}, {"problem", compatProblem(f)},
	}
}

// maxProblem bounds a problem in the table, in characters.
const maxProblem = 80

// compatProblem is what is wrong with a file, in a few words: -o json and validate say all.
func compatProblem(f *embedded.CompatFile) string {
	text, _, _ := strings.Cut(f.Error, "\n")
	if i := strings.Index(text, f.File+":"); i >= 0 {
		text = text[i+len(f.File)+1:]
	}
	if len(f.Missing) > 0 {
		names := make([]string, len(f.Missing))
		for i, m := range f.Missing {
			names[i] = m.Name[strings.LastIndexByte(m.Name, '.')+1:]
		}
		text = "missing: " + strings.Join(names, ", ")
	}
	if r := []rune(text); len(r) > maxProblem {
		text = string(r[:maxProblem]) + "…"
	}
	return text
}

// compatSummary counts, and says which missing names are in how many files.
func (a *app) compatSummary(files []embedded.CompatFile, bad int) {
	dags, missing := 0, map[string]int{}
	for n := range files {
		dags += len(files[n].DAGs)
		seen := map[string]bool{}
		for _, m := range files[n].Missing {
			name := m.Name
			if m.Package != "" {
				name += " (" + m.Package + ")"
			}
			if !seen[name] {
				seen[name] = true
				missing[name]++
			}
		}
	}
	a.printf("\n%d of %s load, with %s\n", len(files)-bad, count(len(files), "file"), count(dags, "DAG"))
	names := make([]string, 0, len(missing))
	for name := range missing {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		if missing[x] != missing[y] {
			return missing[y] - missing[x]
		}
		return strings.Compare(x, y)
	})
	if len(names) > 0 {
		a.printf("missing:\n")
	}
	for _, name := range names {
		a.printf("  %s\n", fmt.Sprintf("%s, in %s", name, count(missing[name], "file")))
	}
}
