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
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/updraft-dev/updraft/dag"
	"github.com/updraft-dev/updraft/dag/bag"
	"github.com/updraft-dev/updraft/dag/dagfile/dagfiletest"
	"github.com/updraft-dev/updraft/dag/pyfile"
	"github.com/updraft-dev/updraft/operators/builtin"
	"github.com/updraft-dev/updraft/python"
	"github.com/updraft-dev/updraft/scheduler/timetable"
)

// pyCase is what Airflow makes of a DAG file in Python.
type pyCase struct {
	DAGs  map[string]map[string]any `json:"dags"`
	Error *struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"import_error"`
	// Warnings are texts such as <dags>/d.py:5: Category: message.
	Warnings []string `json:"warnings"`
}

// pyRecordings are DAG files, and answers to some of them by name.
type pyRecordings struct {
	// Files are by their path in the folder of DAG files.
	Files   map[string]string          `json:"files"`
	Answers map[string]json.RawMessage `json:"answers"`
}

// readPython reads recordings about DAG files in Python: one packed file, or a folder with
// expected/ and dags/. Outcomes have their files beside them, with those of pydags.
func readPython(p string) (out pyRecordings, err error) {
	info, err := os.Stat(p)
	if err != nil {
		return out, err
	}
	if !info.IsDir() {
		f, err := open(p)
		if err != nil {
			return out, err
		}
		defer f.Close()
		if err := json.NewDecoder(f).Decode(&out); err != nil {
			return out, fmt.Errorf("%s: %w", p, err)
		}
		return out, nil
	}
	dags := filepath.Join(p, "dags")
	if _, err := os.Stat(dags); errors.Is(err, fs.ErrNotExist) {
		dags = filepath.Join(filepath.Dir(p), "pydags", "dags")
	}
	if out.Files, err = texts(dags); err != nil {
		return out, err
	}
	answers, err := texts(filepath.Join(p, "expected"))
	if err != nil {
		return out, err
	}
	out.Answers = make(map[string]json.RawMessage, len(answers))
	for name, text := range answers {
		if stem, ok := strings.CutSuffix(name, ".json"); ok {
			out.Answers[stem] = json.RawMessage(text)
		}
	}
	return out, nil
}

// unpack writes the DAG files to a new folder.
func (r *pyRecordings) unpack() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "upd"); err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	for name, text := range r.Files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return dir, err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return dir, err
		}
	}
	return dir, nil
}

// pySaid is what came of a file.
type pySaid struct {
	loaded bag.Loaded
	err    error
	parsed python.Parsed
}

// pyLoader loads DAG files as an installation does, with the strictness of Airflow 3.
type pyLoader struct {
	parser *python.Parser
	dir    string
}

func (l *pyLoader) load(ctx context.Context, name, src string) (out pySaid) {
	loader := pyfile.Loader(ctx, pyfile.Config{
		Parser: l.parser, Folder: l.dir, Catalog: builtin.Catalog(), Compat: 3,
		CheckSchedule: func(s dag.Schedule) error { _, err := timetable.New(s); return err },
		OnParsed:      func(_ string, p *python.Parsed) { out.parsed = *p },
	})
	out.loaded, out.err = loader.Load(name, []byte(src))
	return out
}

// loadAll loads files on two workers.
func (l *pyLoader) loadAll(ctx context.Context, r *pyRecordings, names []string) map[string]pySaid {
	out := make(map[string]pySaid, len(names))
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan string)
	for range 2 {
		wg.Go(func() {
			for name := range next {
				said := l.load(ctx, name+".py", r.Files[name+".py"])
				mu.Lock()
				out[name] = said
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		next <- name
	}
	close(next)
	wg.Wait()
	return out
}

// replayPydags replays the loads of DAG files in Python.
func replayPydags(ctx context.Context, p, only string) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		r, err := readPython(p)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		dir, err := r.unpack()
		defer os.RemoveAll(dir)
		if err != nil {
			yield(Outcome{}, err)
			return
		}
		parser := python.NewParser(python.ParserConfig{Environ: os.Environ()})
		defer parser.Close()
		l := &pyLoader{parser, dir}
		names := slices.DeleteFunc(sortedKeys(r.Answers), func(n string) bool { return only != "" && n != only })
		said := l.loadAll(ctx, &r, names)
		for _, name := range names {
			var c pyCase
			err := json.Unmarshal(r.Answers[name], &c)
			o := Outcome{ID: name}
			if err == nil {
				got := said[name]
				if o.Diff = c.compare(&got, dir); o.Diff == nil {
					o.Diff = c.compareWarnings(got.parsed.Warnings, name)
				}
				err = ctx.Err()
			}
			if o.Diff != nil {
				o.Diff.Picture = r.Files[name+".py"]
				o.Rule = c.rule(o.Diff)
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// compare says where a load differs from its recording.
func (c *pyCase) compare(got *pySaid, dir string) *Mismatch {
	if e := got.parsed.Error; e != nil {
		ours := pyError(e.Type, e.Message, dir)
		switch {
		case c.Error == nil:
			return &Mismatch{Part: "load", Ours: ours, Theirs: "loads"}
		case ours != pyError(c.Error.Type, c.Error.Message, dir):
			return &Mismatch{Part: "import error", Ours: ours, Theirs: pyError(c.Error.Type, c.Error.Message, dir)}
		}
		return nil
	}
	switch {
	case got.err != nil && c.Error != nil:
		return &Mismatch{Part: "import error", Ours: got.err.Error(), Theirs: c.Error.Type + ": " + c.Error.Message}
	case got.err != nil:
		return &Mismatch{Part: "load", Ours: got.err.Error(), Theirs: "loads"}
	case c.Error != nil:
		return &Mismatch{Part: "load", Ours: "loads", Theirs: c.Error.Type + ": " + c.Error.Message}
	}
	return c.compareDAGs(got.loaded.DAGs)
}

func (c *pyCase) compareDAGs(dags []*dag.DAG) *Mismatch {
	own := make(map[string]*dag.DAG, len(dags))
	for _, d := range dags {
		own[d.ID] = d
	}
	if ours, theirs := strings.Join(sortedKeys(own), " "), strings.Join(sortedKeys(c.DAGs), " "); ours != theirs {
		return &Mismatch{Part: "DAGs", Ours: ours, Theirs: theirs}
	}
	var diffs []string
	for _, id := range slices.Sorted(maps.Keys(own)) {
		if fault, ok := c.DAGs[id]["serialize_error"].(map[string]any); ok {
			diffs = append(diffs, fmt.Sprintf("%s: loads, recorded %v", id, fault["message"]))
			continue
		}
		for _, diff := range dagfiletest.ComparePython(c.DAGs[id], own[id]) {
			diffs = append(diffs, id+": "+diff)
		}
	}
	if len(diffs) == 0 {
		return nil
	}
	slices.Sort(diffs)
	return &Mismatch{Part: "fields", Ours: strings.Join(diffs, "\n          "), Theirs: "see ours"}
}

// compareWarnings says which warnings of a file, none of which is about something else than
// the file, are not those that Airflow gave.
func (c *pyCase) compareWarnings(said []python.ParseWarning, name string) *Mismatch {
	ours := make([]string, len(said))
	for i, w := range said {
		ours[i] = fmt.Sprintf("<dags>/%s.py:%d: %s: %s", name, w.Line, w.Category, w.Message)
	}
	theirs := slices.Clone(c.Warnings)
	slices.Sort(ours)
	slices.Sort(theirs)
	if slices.Equal(ours, theirs) {
		return nil
	}
	only := func(a, b []string) string {
		rest := slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
		return fmt.Sprintf("%d warnings; of its own: %s", len(a), strings.Join(rest, "\n          "))
	}
	return &Mismatch{Part: "warnings", Ours: only(ours, theirs), Theirs: only(theirs, ours)}
}

// madeByMachine are parts of messages that depend on where files are.
var madeByMachine = regexp.MustCompile(` \([^()]*\.py\)| \(unknown location\)|0x[0-9a-f]+|0xADDR`)

// pyError is an exception without what a machine decides. Classes of Airflow's are told by
// their names: their modules are an implementation's matter.
func pyError(class, message, dir string) string {
	if strings.HasPrefix(class, "airflow.") {
		class = class[strings.LastIndexByte(class, '.')+1:]
	}
	message = strings.ReplaceAll(message, dir, "<dags>")
	return class + ": " + madeByMachine.ReplaceAllString(message, " (...)")
}

// rule names the meant difference that a mismatch shows, if all of it is one.
func (c *pyCase) rule(m *Mismatch) string {
	all := func(part string) bool {
		return m.Part == "fields" && !slices.ContainsFunc(strings.Split(m.Ours, "\n"), func(l string) bool { return !strings.Contains(l, part) })
	}
	switch {
	case all(": loads, recorded Failed to serialize DAG"):
		return ruleSerialization
	case m.Part == "load" && strings.Contains(m.Ours, "No module named 'airflow.providers.standard.operators.hitl'"):
		return ruleApproval
	case all("params: recorded [{\"Name\":\"found\""):
		return ruleClassHomes
	}
	return ""
}
