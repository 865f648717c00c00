package dagfile

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/operators/builtin"
)

func compileSchema(t *testing.T, c *dag.Catalog) *jsonschema.Schema {
	t.Helper()
	raw, err := Schema(c)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("dag.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("dag.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func check(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.UnmarshalWithOptions([]byte(text), &v); err != nil {
		return err
	}
	return s.Validate(plain(v))
}

// plain gives numbers the types that the validator knows.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case uint64:
		return int64(v)
	default:
		return v
	}
}

// sampleCatalog has what the samples use, whatever this build of Updraft has.
func sampleCatalog() *dag.Catalog {
	var specs []dag.OperatorSpec
	for _, c := range []*dag.Catalog{builtin.Catalog(), testCatalog()} {
		for _, s := range c.Specs() {
			specs = append(specs, *s)
		}
	}
	return dag.NewCatalog(specs...)
}

// TestSchemaAcceptsSamples validates the sample files as an editor does.
func TestSchemaAcceptsSamples(t *testing.T) {
	t.Parallel()
	s := compileSchema(t, sampleCatalog())
	files, err := filepath.Glob("../../dags/*.y*ml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(t, s, string(raw)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if !strings.HasPrefix(string(raw), "# yaml-language-server: $schema=../docs/dag.schema.json\n") {
			t.Errorf("%s does not begin with the line that tells editors its schema", f)
		}
	}
}

// TestSchemaAcceptsRecorded validates the recorded files that load without a warning.
func TestSchemaAcceptsRecorded(t *testing.T) {
	t.Parallel()
	s := compileSchema(t, testCatalog())
	cases, shared := readRecorded(t)
	n := 0
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		text := c.Files["dag.yml"]
		res, err := c.load(shared, "dag.yml")
		if err != nil || len(res.Warnings) > 0 || text == "" {
			continue
		}
		n++
		if err := check(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n < 50 {
		t.Errorf("only %d files", n)
	}
}

func TestSchemaRejects(t *testing.T) {
	t.Parallel()
	s := compileSchema(t, testCatalog())
	const good = `
default:
  default_args: {owner: me, retries: 1}
d:
  schedule: "@daily"
  start_date: 2026-01-01
  task_groups:
    g: {tooltip: x}
  tasks:
    a: {operator: airflow.operators.bash.BashOperator, bash_command: date, retries: 2}
    b:
      operator: airflow.providers.standard.sensors.filesystem.FileSensor
      filepath: /x
      mode: reschedule
      trigger_rule: all_done
      resources: {cpu: 500m}
      on_failure_callback: {webhook: "https://example.com"}
    c: {decorator: airflow.sdk.task, python_callable: m.f, anything: 1, dependencies: [a]}
    d:
      operator: airflow.operators.python.PythonOperator
      python_callable_name: f
      python_callable_file: /x.py
`
	if err := check(t, s, good); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new string }{
		{"schedule:", "shedule:"},
		{"schedule:", "schedule_interval:"},
		{`"@daily"`, "5"},
		{"start_date: 2026-01-01", "start_date: 2026"},
		{"retries: 1", "retires: 1"},
		{"retries: 1", "retries: often"},
		{"tooltip", "tooltop"},
		{"bash.BashOperator", "bash.BashOperater"},
		{"bash_command", "bash_comand"},
		{"bash_command: date", "bash_command: 5"},
		{"bash_command: date", "filepath: date"},
		{"retries: 2", "retries: 2.5"},
		{"mode: reschedule", "mode: reshedule"},
		{"all_done", "all_doen"},
		{"cpu:", "cpus_:"},
		{"webhook:", "webhok:"},
		{"dependencies: [a]", "dependencies: {a: b}"},
		{"python_callable_name", "python_callable_nam"},
		{"{decorator: airflow.sdk.task, ", "{"},
		{"tasks:\n", "tasks:\n    z: {}\n"},
	} {
		text := strings.Replace(good, tt.old, tt.new, 1)
		if text == good {
			t.Fatalf("%q is not there", tt.old)
		}
		if err := check(t, s, text); err == nil {
			t.Errorf("%q for %q is accepted", tt.new, tt.old)
		}
	}
}

// TestSchemaHasEveryArgument looks for all that a catalog says.
func TestSchemaHasEveryArgument(t *testing.T) {
	t.Parallel()
	raw, err := Schema(builtin.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range builtin.Catalog().Specs() {
		for _, name := range append(argNames(s), s.Class) {
			if !bytes.Contains(raw, []byte(`"`+name+`"`)) {
				t.Errorf("%s: %q is missing", s.Class, name)
			}
		}
	}
	again, err := Schema(builtin.Catalog())
	if err != nil || !bytes.Equal(raw, again) {
		t.Errorf("two schemas differ: %v", err)
	}
	if empty, err := Schema(nil); err != nil || !bytes.Contains(empty, []byte("max_active_runs")) {
		t.Errorf("Schema(nil) = %v", err)
	}
	t.Logf("%d bytes", len(raw))
}
