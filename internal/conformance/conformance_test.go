package conformance_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	_ "time/tzdata" // the recordings need no host

	"github.com/google/go-cmp/cmp"

	"github.com/updraft-dev/updraft/embedded"
	"github.com/updraft-dev/updraft/executors/localexec/process"
	"github.com/updraft-dev/updraft/internal/conformance"
)

const module = "../.."

// TestMain makes the time zones those that the recordings ask for.
// It is also the shepherd of the processes of runs.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == embedded.ShepherdCommand {
		if err := process.Shepherd(context.Background(), os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := os.Setenv("ZONEINFO", filepath.Join(module, "scheduler", "timetable", "testdata", "zoneinfo.zip")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestRecordings replays every family; none may fall below its floor.
func TestRecordings(t *testing.T) {
	t.Parallel()
	rules, err := conformance.ReadRules(filepath.Join(module, "docs", "differences.md"))
	if err != nil {
		t.Fatal(err)
	}
	floors, err := conformance.ReadFloors("floors.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range conformance.Families() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			r := conformance.Runner{Module: module, Out: &out}
			tally, ok, err := r.Replay(t.Context(), f, rules)
			if err != nil || !ok {
				t.Fatalf("no recordings at %s: %v", f.Own, err)
			}
			if err := floors.Check(tally); err != nil {
				t.Errorf("%v\n%s", err, &out)
			}
			t.Log(tally, tally.ByRule)
		})
	}
}

// TestForeignFolder replays a folder in the recorder's layout, with a case that differs.
func TestForeignFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("retries/vectors/retries.jsonl", `{"id": "good", "task": {}, "try_number": 1, "expect": {"delay_seconds": 300}}
{"id": "bad", "task": {"retry_delay": 5}, "try_number": 1, "expect": {"delay_seconds": 6}}
`)
	write("scheduling/runs.jsonl", `{"id": "runs/1", "family": "runs", "note": "a note", "dag": {"tasks": [{"id": "a"}, {"id": "b", "upstream": ["a"], "retries": 2}]},
"runs": [{"id": "r1", "type": "manual"}], "answer": {"initial": {"runs": {"r1": "queued"}, "states": {"r1": {"a": null, "b": null}}},
"steps": [{"queued": {"r1": ["b"]}, "runs": {"r1": "running"}}]}}`)
	// The recorder writes one line a scenario.
	text, err := os.ReadFile(filepath.Join(dir, "scheduling/runs.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	write("scheduling/runs.jsonl", strings.ReplaceAll(string(text), "\n", " ")+"\n")
	write("dagfactory/cases/v1/dag.yml", "d: {start_date: 2024-01-01, tasks: {a: {operator: no.such.Operator}}}\n")
	write("dagfactory/cases/v1/options.json", "{}")
	write("dagfactory/expected/v1.json", `{"error": {"stage": "load", "type": "x", "message": "y"}}`)
	write("dagfactory/shared/helpers.py", "")
	write("pydags/dags/good.py", "from airflow.sdk import DAG\nraise ValueError('no')\n")
	write("pydags/expected/good.json", `{"dags": {}, "import_error": {"type": "ValueError", "message": "no"}}`)
	write("pydags/dags/none.py", "from airflow.sdk import DAG\n")
	write("pydags/expected/none.json", `{"dags": {"d": {}}}`)
	write("outcomes/expected/none.json", `{"run": {"dag_id": "d", "run_id": "r", "logical_date": "2024-05-01T00:00:00Z"}}`)

	var out bytes.Buffer
	r := conformance.Runner{Module: module, Dir: dir, Out: &out}
	err = r.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "retries: 1 of 2 agree (50.00 %), the floor is 100 %") {
		t.Errorf("Run: %v", err)
	}
	for _, want := range []string{
		"retries: bad differs\n    map[retry_delay:5], try 1\n  delay\n  ours    5s\n  theirs  6s\n",
		"  again   go run ./internal/conformance/cmd/conformance -only 'bad' " + dir,
		"runs: runs/1 differs\n    a note\n    dag\n      a\n      b <- a retries=2\n    run r1 manual \n  step 1, queued\n  ours    r1/a=null\n  theirs  r1/b=null\n",
		"pydags: none differs\n    from airflow.sdk import DAG\n  DAGs\n  ours    \n  theirs  d\n",
		"outcomes: none differs\n    from airflow.sdk import DAG\n  load\n  ours    ",
		"\nruns 0/1\nretries 1/2\ndagfactory 1/1\npydags 1/2\noutcomes 0/1\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
	out.Reset()
	r.Only = "good"
	if err := r.Run(t.Context()); err != nil || out.String() != "retries 1/1\npydags 1/1\n" {
		t.Errorf("only one case: %v\n%s", err, &out)
	}
	r.Dir = t.TempDir()
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no recordings in") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestReadFloors(t *testing.T) {
	t.Parallel()
	read := func(text string) (conformance.Floors, error) {
		file := filepath.Join(t.TempDir(), "floors.txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return conformance.ReadFloors(file)
	}
	got, err := read("# floors\n\nretries 100\nlimits 99.5 # why\n")
	if diff := cmp.Diff(conformance.Floors{"retries": 100, "limits": 99.5}, got); err != nil || diff != "" {
		t.Errorf("ReadFloors: %v (-want +got):\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"retries":              `floors.txt:1: "retries": write a family and its percentage`,
		"\nretries many":       `floors.txt:2: "many" is no percentage`,
		"retries 101":          `"101" is no percentage`,
		"retries 1\nretries 2": "family retries is there twice",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := (conformance.Floors{}).Check(conformance.Tally{Family: "x", Agree: 1, Total: 2}); err == nil || !strings.Contains(err.Error(), `add "x 50.0"`) {
		t.Errorf("a family without a floor: %v", err)
	}
}

func TestReadRules(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "differences.md")
	text := "# Title\n\n- `a-b`: words\n  `no-rule`: more\n- `c` (a fault of Airflow's): words\n- words `d`: words\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := conformance.ReadRules(file)
	want := conformance.Rules{"a-b": true, "c": true}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ReadRules: %v (-want +got):\n%s", err, diff)
	}
	if got, err := conformance.ReadRules(filepath.Join(t.TempDir(), "none.md")); err != nil || len(got) > 0 {
		t.Errorf("without a file: %v, %v", got, err)
	}
}
