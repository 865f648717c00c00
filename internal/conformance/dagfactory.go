package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/dagfile"
	"github.com/updraft-dev/updraft/dag/dagfile/dagfiletest"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// factoryCase is a DAG file, or several, and what the real dag-factory made of it.
type factoryCase struct {
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
	shared map[string]string
}

// replayDagfactory replays the loads of DAG files.
func replayDagfactory(ctx context.Context, p, only string) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		cases, err := readFactory(p)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		catalog := factoryCatalog()
		for _, name := range sortedKeys(cases) {
			if only != "" && name != only {
				continue
			}
			o, err := cases[name].outcome(name, catalog)
			if err == nil {
				err = ctx.Err()
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// factoryCatalog are the operators that Updraft has, and the one that the recordings
// bring along.
func factoryCatalog() *dag.Catalog {
	specs := []dag.OperatorSpec{{
		Class: "helpers.ShoutOperator", Args: []dag.ArgSpec{{Name: "words", Type: dag.ArgString, Templated: true, Required: true}},
	}}
	for _, s := range builtin.Catalog().Specs() {
		specs = append(specs, *s)
	}
	return dag.NewCatalog(specs...)
}

// readFactory reads the cases of a folder, or of one packed file.
func readFactory(p string) (map[string]factoryCase, error) {
	var all struct {
		Shared map[string]string      `json:"shared"`
		Cases  map[string]factoryCase `json:"cases"`
	}
	info, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readFactoryFolder(p)
	}
	f, err := open(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&all); err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	for name, c := range all.Cases {
		c.shared = all.Shared
		all.Cases[name] = c
	}
	return all.Cases, nil
}

func readFactoryFolder(dir string) (map[string]factoryCase, error) {
	shared, err := texts(filepath.Join(dir, "shared"))
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, "cases"))
	if err != nil {
		return nil, err
	}
	out := map[string]factoryCase{}
	for _, e := range entries {
		c := factoryCase{shared: shared}
		if c.Files, err = texts(filepath.Join(dir, "cases", e.Name())); err != nil {
			return nil, err
		}
		if options, there := c.Files["options.json"]; there {
			delete(c.Files, "options.json")
			if err := json.Unmarshal([]byte(options), &c.Options); err != nil {
				return nil, fmt.Errorf("options of %s: %w", e.Name(), err)
			}
		}
		expected, err := os.ReadFile(filepath.Join(dir, "expected", e.Name()+".json"))
		if err == nil {
			err = json.Unmarshal(expected, &c.Expected)
		}
		if err != nil {
			return nil, fmt.Errorf("answer to %s: %w", e.Name(), err)
		}
		out[e.Name()] = c
	}
	return out, nil
}

// texts reads all files below a folder, by their path in it.
func texts(dir string) (map[string]string, error) {
	out := map[string]string{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, p)
		out[p] = string(text)
		return err
	})
	return out, err
}

func (c factoryCase) load(file string, catalog *dag.Catalog) (dagfile.Result, error) {
	env := map[string]string{"CASE_DIR": "/case", "SHARED": "/shared"}
	maps.Copy(env, c.Options.Env)
	o := dagfile.Options{
		File: "/case/" + file, Catalog: catalog, DefaultsDir: "/case", PythonPath: []string{"/shared"},
		Env:       func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Variables: func(name string) (string, bool, error) { v, ok := c.Options.Variables[name]; return v, ok, nil },
		ReadFile: func(name string) ([]byte, error) {
			text, ok := c.Files[strings.TrimPrefix(name, "/case/")]
			if !ok {
				text, ok = c.shared[strings.TrimPrefix(name, "/shared/")]
			}
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
		Exists:        func(name string) bool { return name == "/case" },
		CheckSchedule: func(s dag.Schedule) error { _, err := timetable.New(s); return err },
		Defaults:      c.Options.Defaults,
	}
	if c.Options.AsDict {
		o.Env = nil
	}
	return dagfile.Load([]byte(c.Files[file]), o)
}

// toLoad are the files that the case loads, in order. Of a folder, dag-factory takes
// what its ignore file lets through, the last name first.
func (c factoryCase) toLoad() []string {
	switch {
	case c.Options.Config != "":
		return []string{c.Options.Config}
	case !c.Options.Folder:
		return []string{"dag.yml"}
	}
	var ignored []string
	for _, line := range strings.Split(c.Files[".airflowignore"], "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			ignored = append(ignored, line)
		}
	}
	var out []string
	for _, f := range sortedKeys(c.Files) {
		skip := strings.HasPrefix(path.Base(f), "defaults.") || slices.ContainsFunc(ignored, func(pattern string) bool {
			match, err := path.Match(pattern, path.Base(f))
			return match && err == nil || strings.HasPrefix(f, strings.TrimSuffix(pattern, "/")+"/")
		})
		if (strings.HasSuffix(f, ".yml") || strings.HasSuffix(f, ".yaml")) && !skip {
			out = append([]string{f}, out...)
		}
	}
	return out
}

// outcome compares what a case loads with its recording.
func (c factoryCase) outcome(name string, catalog *dag.Catalog) (Outcome, error) {
	o := Outcome{ID: name}
	files := c.toLoad()
	differ := func(part, ours, theirs string) (Outcome, error) {
		o.Diff = &Mismatch{Picture: c.Files[files[0]], Part: part, Ours: ours, Theirs: theirs}
		o.Rule = c.rule(o.Diff)
		return o, nil
	}
	got := map[string]*dag.DAG{}
	for _, f := range files {
		res, err := c.load(f, catalog)
		var problems dagfile.Problems
		switch {
		case errors.As(err, &problems) && c.Expected.Error != nil:
			return o, nil
		case errors.As(err, &problems) && !c.Options.Folder:
			return differ("load", err.Error(), "loads")
		case err != nil && problems == nil:
			return o, err
		}
		for _, d := range res.DAGs {
			got[d.ID] = d
		}
	}
	if c.Expected.Error != nil {
		return differ("load", "loads", c.Expected.Error.Type+": "+c.Expected.Error.Message)
	}
	if ours, theirs := strings.Join(sortedKeys(got), " "), strings.Join(sortedKeys(c.Expected.DAGs), " "); ours != theirs {
		return differ("DAGs", ours, theirs)
	}
	var diffs []string
	for id, d := range got {
		want, err := withPaths(c.Expected.DAGs[id])
		if err != nil {
			return o, err
		}
		for _, diff := range dagfiletest.Compare(want, d) {
			diffs = append(diffs, id+": "+diff)
		}
	}
	if len(diffs) == 0 {
		return o, nil
	}
	slices.Sort(diffs)
	return differ("fields", strings.Join(diffs, "\n          "), "see ours")
}

// withPaths puts the paths of the replay in place of the recorder's marks.
func withPaths(v map[string]any) (map[string]any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer(`\u003ccase\u003e`, "/case", `\u003cshared\u003e`, "/shared").Replace(string(raw))
	out := map[string]any{}
	return out, json.Unmarshal([]byte(text), &out)
}

// rule names the meant difference that a mismatch shows, if all of it is one.
func (c factoryCase) rule(m *Mismatch) string {
	lines := strings.Split(m.Ours, "\n")
	all := func(part string) bool {
		return m.Part == "fields" && !slices.ContainsFunc(lines, func(l string) bool { return !strings.Contains(l, part) })
	}
	var uses struct{ objects, callable bool }
	for _, text := range c.Files {
		uses.objects = uses.objects || strings.Contains(text, "__type__")
		uses.callable = uses.callable || strings.Contains(text, "doc_md_python_callable")
	}
	switch {
	case all(": doc_md: ") && uses.callable:
		return ruleDocCallable
	case all(": doc_md: ") && uses.objects:
		return ruleDocObjects
	case all(": fail_fast: recorded false, loaded true"):
		return ruleFailFast
	case all("get_json_serialized_callable"):
		return ruleJSONBody
	case m.Part == "DAGs" && c.Options.Folder && strings.TrimPrefix(m.Theirs, "default_args ") == m.Ours:
		return ruleDefaultsFile
	case strings.Contains(m.Theirs, "Invalid type passed to on_"):
		return ruleCallbackList
	case strings.Contains(m.Theirs, "ModuleNotFoundError: No module named 'airflow."):
		return ruleOldPaths
	}
	return ""
}
