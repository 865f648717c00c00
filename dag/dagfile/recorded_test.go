package dagfile

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile/dagfiletest"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// recordedCase is a file, or several, and what dag-factory 1.1.0 made of it in Airflow
// 3.3.2.
type recordedCase struct {
	Files   map[string]string `json:"files"`
	Options struct {
		Env       map[string]string `json:"env"`
		Variables map[string]string `json:"variables"`
		Config    string            `json:"config"`
		Defaults  json.RawMessage   `json:"defaults_dict"`
		AsDict    bool              `json:"as_dict"`
		Folder    bool              `json:"folder"`
	} `json:"options"`
	Expected struct {
		DAGs  map[string]map[string]any `json:"dags"`
		Error *struct{ Stage, Type, Message string }
	} `json:"expected"`
}

func readRecorded(t *testing.T) (cases map[string]recordedCase, shared map[string]string) {
	t.Helper()
	f, err := os.Open("testdata/recorded.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Shared map[string]string       `json:"shared"`
		Cases  map[string]recordedCase `json:"cases"`
	}
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all.Cases, all.Shared
}

// differences are the recorded cases where Updraft means to differ, with the rule.
var differences = map[string]string{
	"v26_types_timetable":  "doc_md shows objects the way their author wrote them, not the fields of Python classes",
	"v30_schedule_assets":  "doc_md shows objects the way their author wrote them, not the fields of Python classes",
	"v31_schedule_logic":   "doc_md shows objects the way their author wrote them, not the fields of Python classes",
	"v32_asset_or_time":    "doc_md shows objects the way their author wrote them, not the fields of Python classes",
	"v34_inlets_outlets":   "doc_md shows objects the way their author wrote them, not the fields of Python classes",
	"v37_params":           "doc_md shows objects the way their author wrote them, not the fields of Python classes",
	"v38_docs":             "documentation made by a Python function is not shown: files are loaded without Python",
	"v46_dag_options":      "fail_fast works; dag-factory drops it",
	"v51_http":             "a JSON body is a text that is templated, not a function",
	"v71_folder":           "defaults.yml is not a DAG file",
	"x38_callback_list":    "several callbacks are possible",
	"x65_operator_2x_only": "import paths of Airflow 2 are accepted",
}

func (c recordedCase) load(shared map[string]string, file string) (Result, error) {
	env := map[string]string{"CASE_DIR": "/case", "SHARED": "/shared"}
	maps.Copy(env, c.Options.Env)
	o := Options{
		File: "/case/" + file, Catalog: testCatalog(), DefaultsDir: "/case", PythonPath: []string{"/shared"},
		Env:       func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Variables: func(name string) (string, bool, error) { v, ok := c.Options.Variables[name]; return v, ok, nil },
		ReadFile: func(name string) ([]byte, error) {
			text, ok := c.Files[strings.TrimPrefix(name, "/case/")]
			if !ok {
				text, ok = shared[strings.TrimPrefix(name, "/shared/")]
			}
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
		Exists: func(name string) bool { return name == "/case" },
		CheckSchedule: func(s dag.Schedule) error {
			_, err := timetable.New(s)
			return err
		},
		Defaults: c.Options.Defaults,
	}
	if c.Options.AsDict {
		o.Env = nil
	}
	return Load([]byte(c.Files[file]), o)
}

// compare returns how a case differs from its recording.
func (c recordedCase) compare(t *testing.T, shared map[string]string) []string {
	files := []string{"dag.yml"}
	switch {
	case c.Options.Config != "":
		files = []string{c.Options.Config}
	case c.Options.Folder:
		files = nil
		for _, f := range slices.Sorted(maps.Keys(c.Files)) {
			ignored := path.Base(f) == "old.yml" || strings.HasPrefix(f, "skipped/") || strings.HasPrefix(path.Base(f), "defaults.")
			if (strings.HasSuffix(f, ".yml") || strings.HasSuffix(f, ".yaml")) && !ignored {
				files = append([]string{f}, files...)
			}
		}
	}
	got := map[string]*dag.DAG{}
	for _, f := range files {
		res, err := c.load(shared, f)
		var problems Problems
		switch {
		case errors.As(err, &problems):
			for _, p := range problems {
				checkPosition(t, p, c.Files)
			}
			if c.Expected.Error == nil && !c.Options.Folder {
				return []string{"does not load: " + err.Error()}
			}
			if c.Expected.Error != nil {
				return nil
			}
		case err != nil:
			return []string{"an error that is no Problems: " + err.Error()}
		}
		for _, d := range res.DAGs {
			got[d.ID] = d
		}
	}
	if c.Expected.Error != nil {
		return []string{"loads, recorded is " + c.Expected.Error.Type + ": " + c.Expected.Error.Message}
	}
	var out []string
	for id, want := range c.Expected.DAGs {
		d := got[id]
		if d == nil {
			out = append(out, "DAG "+id+" is missing")
			continue
		}
		body, _, err := dag.Encode(d)
		if err != nil {
			out = append(out, err.Error())
			continue
		}
		back, err := dag.Decode(body)
		if err != nil {
			out = append(out, err.Error())
			continue
		}
		for _, which := range []*dag.DAG{d, back} {
			for _, diff := range dagfiletest.Compare(withPaths(t, want), which) {
				out = append(out, id+": "+diff)
			}
		}
	}
	for id := range got {
		if c.Expected.DAGs[id] == nil {
			out = append(out, "DAG "+id+" is not recorded")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// withPaths puts the paths of the test in place of the recorder's marks.
func withPaths(t *testing.T, v map[string]any) map[string]any {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(`\u003ccase\u003e`, "/case", `\u003cshared\u003e`, "/shared").Replace(string(raw))
	out := map[string]any{}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// checkPosition requires that a problem is a place of its file, shown in its excerpt.
func checkPosition(t *testing.T, p Problem, files map[string]string) {
	t.Helper()
	text, ok := files[strings.TrimPrefix(p.File, "/case/")]
	lines := strings.Split(text, "\n")
	if !ok || p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len([]rune(lines[p.Line-1]))+1 {
		t.Errorf("%v: not a place of the file", p)
	}
	if p.Message == "" || p.Excerpt == "" && text != "" {
		t.Errorf("%+v lacks a message or an excerpt", p)
	}
}

// TestRecorded replays dag-factory's loads.
func TestRecorded(t *testing.T) {
	t.Parallel()
	cases, shared := readRecorded(t)
	if len(cases) != 136 {
		t.Fatalf("%d cases", len(cases))
	}
	agree := 0
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		diffs := cases[name].compare(t, shared)
		rule, known := differences[name]
		switch {
		case len(diffs) == 0 && known:
			t.Errorf("%s agrees, but is listed as different (%s)", name, rule)
		case len(diffs) == 0:
			agree++
		case !known:
			t.Errorf("%s differs:\n  %s", name, strings.Join(diffs, "\n  "))
		default:
			t.Logf("%s: %s\n  %s", name, rule, strings.Join(diffs, "\n  "))
		}
	}
	t.Logf("AGREE %d/%d", agree, len(cases))
	if floor := 124; agree < floor {
		t.Errorf("%d of %d cases agree, %d did", agree, len(cases), floor)
	}
}
