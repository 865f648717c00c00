package doctest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
	"github.com/updraft-dev/updraft/task/template"
)

const authoringDoc = "docs/authoring.md"

// keys are the keys of DAGs, groups and tasks, by the loader's own definitions.
func keys(t *testing.T) map[string][]string {
	t.Helper()
	// Without operators, the keys of a task are those that all operators have.
	raw, err := dagfile.Schema(dag.NewCatalog())
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]json.RawMessage `json:"properties"`
		} `json:"definitions"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, what := range []string{"dag", "group", "task"} {
		for name := range schema.Definitions[what].Properties {
			out[what] = append(out[what], name)
		}
		if len(out[what]) < 5 {
			t.Fatalf("the schema has only %d keys of a %s", len(out[what]), what)
		}
	}
	return out
}

var firstCell = regexp.MustCompile("(?m)^\\| ([^|]*`[^|]*) \\|")

// TestKeys: the tables of the document have all keys that DAG files may have, and no
// others.
func TestKeys(t *testing.T) {
	t.Parallel()
	for what, all := range keys(t) {
		title := map[string]string{"dag": "DAG", "group": "Groups", "task": "Tasks"}[what]
		var told []string
		for _, cell := range firstCell.FindAllStringSubmatch(section(t, authoringDoc, title), -1) {
			for _, name := range codeSpan.FindAllString(cell[1], -1) {
				told = append(told, strings.Trim(name, "`"))
			}
		}
		for _, name := range all {
			base := strings.TrimSuffix(strings.TrimSuffix(name, "_name"), "_file")
			callback := what == "task" && strings.HasSuffix(base, "_callback") && slices.Contains(told, base)
			if !slices.Contains(told, name) && !callback {
				t.Errorf("%s: section %q has no row for `%s`", authoringDoc, title, name)
			}
		}
		for _, name := range told {
			if !slices.Contains(all, name) {
				t.Errorf("%s: section %q has a row for `%s`, which is no key", authoringDoc, title, name)
			}
		}
	}
}

// TestTemplates renders the table of templates.
func TestTemplates(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 8, 6, 0, 0, 0, time.UTC)
	d := &dag.DAG{ID: "hello", Params: []dag.Param{{Name: "name", Default: "world"}, {Name: "times", Default: int64(2)}}}
	a := &task.Attempt{
		DAG: d, Task: dag.NewTask("load", "airflow.providers.standard.operators.bash.BashOperator"),
		Run: &run.Run{
			ID: run.ID{DAG: "hello", Run: "scheduled__2026-03-08T06:00:00+00:00"}, Type: run.TypeScheduled,
			LogicalDate: &at, IntervalStart: &at, IntervalEnd: &at, RunAfter: at, Conf: json.RawMessage(`{"name": "Ada"}`),
		},
		Instance: &run.Instance{Task: "load", Map: run.Unmapped, Try: 2},
	}
	a.Now = func() time.Time { return at }
	n := 0
	row := regexp.MustCompile("(?m)^\\| `(.+)` \\| `(.*)` \\|$")
	for _, m := range row.FindAllStringSubmatch(section(t, authoringDoc, "Templates"), -1) {
		n++
		text := strings.ReplaceAll(m[1], `\|`, "|")
		got, err := template.NewRenderer(template.Config{Specs: builtin.Catalog().Lookup}, a).Render(t.Context(), text)
		if err != nil || strings.TrimSpace(fmt.Sprint(got)) != m[2] {
			t.Errorf("%s gives %v, %v; the document says %s", text, got, err, m[2])
		}
	}
	if n < 20 {
		t.Fatalf("only %d templates in the table", n)
	}
}
